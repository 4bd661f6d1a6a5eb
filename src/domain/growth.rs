//! How a post grew, or shrank: what its platform reported last in each interval.
//!
//! Each metric is one series under one definition, so that two numbers of it can be compared: views under the campaign's,
//! clicks and conversions under the platform's own. What stands in for one of them, such as a public count in the place of the
//! owner's, is another series and is left out here; `PlatformReport` has it. The grade may change from point to point. Where
//! nothing was reported there is no number: neither 0, nor what was reported before.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::dashboard::{Interval, Range};
use super::reconciliation::default_definition;
use crate::app::App;
use crate::db::reading::{self, Definitions, Grown, Growth};
use crate::error::Error;
use crate::model::{EvidenceGrade, Metric, Metrics, PlatformKind};

/// Most points of a post's growth.
pub const MAX_POINTS: usize = 1000;

/// A reported number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The number.
    pub value: u64,
    /// What was counted, such as `instagram.views`; the same at every point.
    pub definition: String,
    /// How strong the evidence is.
    pub grade: EvidenceGrade,
}

impl Figure {
    fn of(
        value: Option<i64>,
        definition: Option<String>,
        grade: Option<EvidenceGrade>,
    ) -> Option<Self> {
        Some(Self {
            value: u64::try_from(value?).ok()?,
            definition: definition?,
            grade: grade?,
        })
    }
}

/// One interval in which the post was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// When the interval begins.
    pub at: DateTime<Utc>,
    /// Of each metric the last number that was reported in the interval; none where there was none.
    pub told: Metrics<Option<Figure>>,
}

impl From<Grown> for Point {
    fn from(row: Grown) -> Self {
        Self {
            at: row.at,
            told: Metrics {
                views: Figure::of(row.views, row.views_definition, row.views_grade),
                clicks: Figure::of(row.clicks, row.clicks_definition, row.clicks_grade),
                conversions: Figure::of(
                    row.conversions,
                    row.conversions_definition,
                    row.conversions_grade,
                ),
            },
        }
    }
}

/// How each of these posts grew, in order of time: a point for each interval with an observation in the range, no more than
/// one above [`MAX_POINTS`].
///
/// # Errors
/// The database failed.
pub async fn of_posts(
    app: &App,
    post_ids: &[i64],
    range: Range,
    interval: Interval,
) -> Result<HashMap<i64, Vec<Point>>, Error> {
    let definitions: Vec<Definitions> = PlatformKind::ALL
        .iter()
        .map(|platform| Definitions {
            platform: *platform,
            clicks: default_definition(*platform, Metric::Clicks),
            conversions: default_definition(*platform, Metric::Conversions),
        })
        .collect();
    let growth = Growth {
        definitions: &definitions,
        unit: interval.unit(),
        from: range.from,
        to: range.to,
        most: i64::try_from(MAX_POINTS)
            .unwrap_or(i64::MAX)
            .saturating_add(1),
    };
    let rows = {
        let mut connection = app.db.get().await?;
        reading::list_grown(&mut connection, post_ids, &growth).await?
    };
    let mut by_post: HashMap<i64, Vec<Point>> =
        post_ids.iter().map(|id| (*id, Vec::new())).collect();
    for row in rows {
        by_post
            .entry(row.post_id)
            .or_default()
            .push(Point::from(row));
    }
    Ok(by_post)
}
