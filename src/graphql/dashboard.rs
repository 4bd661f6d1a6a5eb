//! A campaign's totals.

use async_graphql::{Object, SimpleObject};

use super::campaign::count;
use super::enums::PlatformKind;
use super::scalars::{Count, Decimal};
use crate::domain::dashboard::{Dashboard, Totals};
use crate::model::Metrics;

/// A campaign at a glance.
pub struct CampaignDashboard(pub Dashboard);

/// A campaign at a glance.
#[Object]
impl CampaignDashboard {
    /// Over all platforms.
    async fn totals(&self) -> DashboardTotals {
        DashboardTotals(self.0.totals.clone())
    }
    /// Platform by platform.
    async fn by_platform(&self) -> Vec<PlatformTotals> {
        self.0
            .by_platform
            .iter()
            .map(|(platform, totals)| PlatformTotals {
                platform: (*platform).into(),
                totals: DashboardTotals(totals.clone()),
            })
            .collect()
    }
}

/// The totals of one platform.
#[derive(SimpleObject)]
pub struct PlatformTotals {
    /// The platform.
    platform: PlatformKind,
    /// Its totals.
    totals: DashboardTotals,
}

/// Totals over the latest claim and the latest observation of each post.
pub struct DashboardTotals(Totals);

/// Totals over the latest claim and the latest observation of each post.
#[Object]
impl DashboardTotals {
    /// Posts.
    async fn posts(&self) -> i64 {
        self.0.posts
    }
    /// Those of them that the platform has given at least one number for.
    async fn posts_observed(&self) -> i64 {
        self.0.posts_observed
    }
    /// Claims, newer ones on the same post included.
    async fn reports(&self) -> i64 {
        self.0.reports
    }
    /// The latest claim of each post, added up; null where no post claims the metric.
    async fn claimed(&self) -> ClaimedMetrics {
        self.0.claimed.into()
    }
    /// The latest observation of each post, added up; null where no post has a number for the metric.
    async fn observed(&self) -> ClaimedMetrics {
        self.0.observed.into()
    }
    /// Accurate verdicts over FINAL verdicts that count for trust, 0.0000 to 1.0000; null where none counts.
    async fn match_rate(&self) -> Option<Decimal> {
        self.0.match_rate().map(Decimal)
    }
    /// Alerts on these posts that are not resolved.
    async fn open_alerts(&self) -> i64 {
        self.0.open_alerts
    }
}

/// One number for each metric. Null is "not claimed" or "not known", which is not 0.
#[derive(SimpleObject)]
pub struct ClaimedMetrics {
    /// Views, in the campaign's definition.
    views: Option<Count>,
    /// Clicks.
    clicks: Option<Count>,
    /// Conversions.
    conversions: Option<Count>,
}

impl From<Metrics<Option<u64>>> for ClaimedMetrics {
    fn from(metrics: Metrics<Option<u64>>) -> Self {
        Self {
            views: count(metrics.views),
            clicks: count(metrics.clicks),
            conversions: count(metrics.conversions),
        }
    }
}
