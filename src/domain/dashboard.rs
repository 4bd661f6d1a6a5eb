//! The totals of a campaign, as a whole and by platform.

use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive as _};
use chrono::{DateTime, Utc};

use crate::app::App;
use crate::db::dashboard::{self, PlatformTotals};
use crate::error::Error;
use crate::model::{Metrics, PlatformKind};

/// Totals over the latest claim and the latest observation of each post. A sum is none where no post has a number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Totals {
    pub posts: i64,
    pub posts_observed: i64,
    pub reports: i64,
    pub claimed: Metrics<Option<u64>>,
    pub observed: Metrics<Option<u64>>,
    pub counting: i64,
    pub accurate: i64,
    pub open_alerts: i64,
}

impl Totals {
    /// The share of accurate verdicts among the final ones that count, 0.0000 to 1.0000; none where none counts.
    #[must_use]
    pub fn match_rate(&self) -> Option<BigDecimal> {
        (self.counting > 0).then(|| {
            (BigDecimal::from(self.accurate) / BigDecimal::from(self.counting))
                .with_scale_round(4, RoundingMode::HalfUp)
        })
    }

    fn add(&mut self, other: &Self) {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (number, None) | (None, number) => number,
        };
        self.posts += other.posts;
        self.posts_observed += other.posts_observed;
        self.reports += other.reports;
        self.claimed = Metrics::from_fn(|m| sum(*self.claimed.get(m), *other.claimed.get(m)));
        self.observed = Metrics::from_fn(|m| sum(*self.observed.get(m), *other.observed.get(m)));
        self.counting += other.counting;
        self.accurate += other.accurate;
        self.open_alerts += other.open_alerts;
    }
}

/// A campaign's totals.
#[derive(Debug, Clone)]
pub struct Dashboard {
    /// Over all platforms.
    pub totals: Totals,
    /// Platform by platform.
    pub by_platform: Vec<(PlatformKind, Totals)>,
}

/// The dashboard of a campaign, over the posts submitted from `from` on and before `to`.
///
/// # Errors
/// The database failed.
pub async fn of_campaign(
    app: &App,
    campaign_id: i64,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> Result<Dashboard, Error> {
    let rows = dashboard::totals(&mut *app.db.get().await?, campaign_id, from, to).await?;
    let by_platform: Vec<(PlatformKind, Totals)> = rows
        .iter()
        .map(|row| (row.platform, totals_of(row)))
        .collect();
    let mut totals = Totals::default();
    for (_, platform) in &by_platform {
        totals.add(platform);
    }
    Ok(Dashboard {
        totals,
        by_platform,
    })
}

fn totals_of(row: &PlatformTotals) -> Totals {
    // A sum beyond 2^64 − 1 is shown as that; no campaign has so many views.
    let count = |sum: &Option<BigDecimal>| sum.as_ref().map(|sum| sum.to_u64().unwrap_or(u64::MAX));
    Totals {
        posts: row.posts,
        posts_observed: row.posts_observed,
        reports: row.reports,
        claimed: Metrics {
            views: count(&row.claimed_views),
            clicks: count(&row.claimed_clicks),
            conversions: count(&row.claimed_conversions),
        },
        observed: Metrics {
            views: count(&row.observed_views),
            clicks: count(&row.observed_clicks),
            conversions: count(&row.observed_conversions),
        },
        counting: row.counting,
        accurate: row.accurate,
        open_alerts: row.open_alerts,
    }
}
