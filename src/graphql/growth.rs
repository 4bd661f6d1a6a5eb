//! How a post grew.

use async_graphql::SimpleObject;

use super::campaign::count;
use super::enums::EvidenceGrade;
use super::scalars::{Count, DateTime};
use crate::domain::growth::{Figure, Point};

/// What a platform reported of a post in one interval in which it was observed: of each metric the last number, which may be
/// lower than one before. A number, its definition and its grade are null where none was reported in the interval under that
/// definition, which is not 0.
#[derive(SimpleObject)]
pub struct GrowthPoint {
    /// When the interval begins.
    at: DateTime,
    /// The number of views reported last in it, in the campaign's definition.
    views: Option<Count>,
    /// What is counted as a view, such as `instagram.views`; the same at every point that has a number.
    views_definition: Option<String>,
    /// How strong the evidence of the views is.
    views_grade: Option<EvidenceGrade>,
    /// The number of clicks reported last in it, in the platform's own definition.
    clicks: Option<Count>,
    /// What is counted as a click, such as `meta.post_clicks`; the same at every point that has a number.
    clicks_definition: Option<String>,
    /// How strong the evidence of the clicks is.
    clicks_grade: Option<EvidenceGrade>,
    /// The number of conversions reported last in it, in the platform's own definition.
    conversions: Option<Count>,
    /// What is counted as a conversion; the same at every point that has a number.
    conversions_definition: Option<String>,
    /// How strong the evidence of the conversions is.
    conversions_grade: Option<EvidenceGrade>,
}

type Parts = (Option<Count>, Option<String>, Option<EvidenceGrade>);

fn parts(figure: Option<Figure>) -> Parts {
    match figure {
        Some(figure) => (
            count(Some(figure.value)),
            Some(figure.definition),
            Some(figure.grade.into()),
        ),
        None => (None, None, None),
    }
}

impl From<Point> for GrowthPoint {
    fn from(point: Point) -> Self {
        let (views, views_definition, views_grade) = parts(point.told.views);
        let (clicks, clicks_definition, clicks_grade) = parts(point.told.clicks);
        let (conversions, conversions_definition, conversions_grade) =
            parts(point.told.conversions);
        Self {
            at: DateTime(point.at),
            views,
            views_definition,
            views_grade,
            clicks,
            clicks_definition,
            clicks_grade,
            conversions,
            conversions_definition,
            conversions_grade,
        }
    }
}
