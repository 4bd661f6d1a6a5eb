//! How a post grew: what its platform had reported by the end of each interval.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::dashboard::{Interval, Range};
use super::reconciliation::default_definition;
use crate::app::App;
use crate::db::reading::{self, Definitions, Grown, Growth};
use crate::error::Error;
use crate::model::{Metric, Metrics, PlatformKind};

/// Most points of a post's growth.
pub const MAX_POINTS: usize = 1000;

/// One interval in which the post was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// When the interval begins.
    pub at: DateTime<Utc>,
    /// Of each metric the highest number reported up to the end of the interval; none where there was none.
    pub highest: Metrics<Option<u64>>,
}

impl From<Grown> for Point {
    fn from(row: Grown) -> Self {
        let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        Self {
            at: row.at,
            highest: Metrics {
                views: number(row.views),
                clicks: number(row.clicks),
                conversions: number(row.conversions),
            },
        }
    }
}

/// How each of these posts grew, in order of time: a point for each interval with an observation in the range, no more than
/// one above [`MAX_POINTS`]. Views are counted under the campaign's definition, clicks and conversions under the platform's
/// own; a figure under another one is left out. What was reported before the range counts in it, as it still stood.
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

/// Sees that a growth has no more than [`MAX_POINTS`] points.
///
/// # Errors
/// It has.
pub fn check_length(points: &[Point]) -> Result<(), Error> {
    if points.len() <= MAX_POINTS {
        return Ok(());
    }
    Err(Error::BadInput(format!(
        "interval: the growth would have more than {MAX_POINTS} points: ask for a shorter range or a longer interval"
    )))
}
