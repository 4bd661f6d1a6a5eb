//! How a post grew.

use async_graphql::SimpleObject;

use super::campaign::count;
use super::scalars::{Count, DateTime};
use crate::domain::growth::Point;

/// What a post had come to in one interval in which it was observed. A number is null where none was reported so far, which
/// is not 0.
#[derive(SimpleObject)]
pub struct GrowthPoint {
    /// When the interval begins.
    at: DateTime,
    /// The highest number of views reported up to its end, in the campaign's definition.
    views: Option<Count>,
    /// The highest number of clicks reported up to its end.
    clicks: Option<Count>,
    /// The highest number of conversions reported up to its end.
    conversions: Option<Count>,
}

impl From<Point> for GrowthPoint {
    fn from(point: Point) -> Self {
        Self {
            at: DateTime(point.at),
            views: count(point.highest.views),
            clicks: count(point.highest.clicks),
            conversions: count(point.highest.conversions),
        }
    }
}
