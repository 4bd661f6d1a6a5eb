//! A campaign at a glance, and what affiliates did in it.

use async_graphql::{Context, Object, SimpleObject};

use super::affiliate::Affiliate;
use super::campaign::count;
use super::connection::times;
use super::enums::{DiscrepancyLevel, PlatformKind, ReconciliationStatus, SeriesInterval};
use super::errors::{ToTop as _, top_level};
use super::loader::{DashboardOf, SeriesOf, TopAffiliatesOf, require};
use super::platform_report::{MetricValue, UnifiedMetrics};
use super::scalars::{Count, DateTime, Decimal};
use crate::domain::dashboard::{self, Dashboard, Money, Performance, Point, Range, Totals};
use crate::error::Error;
use crate::model::{self, EvidenceGrade, Metrics, Observed};

/// Most affiliates at the top.
const MAX_TOP: i64 = 100;

/// A campaign at a glance.
pub struct CampaignDashboard {
    campaign_id: i64,
    range: Range,
}

impl CampaignDashboard {
    /// That of a campaign, over a time.
    pub const fn new(campaign_id: i64, range: Range) -> Self {
        Self { campaign_id, range }
    }

    /// Read once, for whichever fields are asked for.
    async fn read(&self, ctx: &Context<'_>) -> async_graphql::Result<Dashboard> {
        require::<DashboardOf, _>(ctx, (self.campaign_id, self.range, ())).await
    }
}

/// A campaign at a glance.
#[Object]
impl CampaignDashboard {
    /// Over all platforms.
    async fn totals(&self, ctx: &Context<'_>) -> async_graphql::Result<DashboardTotals> {
        let dashboard = self.read(ctx).await?;
        Ok(DashboardTotals {
            orders: Some(dashboard.totals.orders()),
            totals: dashboard.totals,
            money: Some(dashboard.money),
        })
    }
    /// Platform by platform.
    async fn by_platform(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<PlatformTotals>> {
        Ok(self
            .read(ctx)
            .await?
            .by_platform
            .into_iter()
            .map(|(platform, totals, _)| PlatformTotals {
                platform: platform.into(),
                totals: DashboardTotals {
                    totals,
                    orders: None,
                    money: None,
                },
            })
            .collect())
    }
    /// Claims by the level of the verdict that stands on them; those of which nothing was compared have none.
    async fn by_level(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<LevelCount>> {
        Ok(levels(&self.read(ctx).await?.totals))
    }
    /// Claims by the status of the verdict that stands on them; those that have none yet are not among them.
    async fn by_status(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<StatusCount>> {
        Ok(self
            .read(ctx)
            .await?
            .totals
            .by_status()
            .into_iter()
            .map(|(status, count)| StatusCount {
                status: status.into(),
                count,
            })
            .collect())
    }
    /// The affiliates with the most observed views; of those with as many, with the most posts.
    #[graphql(
        complexity = "times(10, usize::try_from(first.unwrap_or(10)).unwrap_or(0), child_complexity)"
    )]
    async fn top_affiliates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100.", default_with = "Some(10)")] first: Option<i64>,
    ) -> async_graphql::Result<Vec<AffiliatePerformance>> {
        let first = first.unwrap_or(10);
        if !(1..=MAX_TOP).contains(&first) {
            let message = format!("first: must be from 1 to {MAX_TOP}");
            return Err(top_level(Error::BadInput(message)));
        }
        let first = usize::try_from(first).unwrap_or(0);
        let top = require::<TopAffiliatesOf, _>(ctx, (self.campaign_id, self.range, first)).await?;
        Ok(top.into_iter().map(AffiliatePerformance).collect())
    }
    /// Claimed against observed, by the time of submission; intervals without a post are left out. At most 2000 points.
    #[graphql(complexity = "times(50, 10, child_complexity)")]
    async fn series(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How long a point is.")] interval: SeriesInterval,
    ) -> async_graphql::Result<Vec<SeriesPoint>> {
        let interval: dashboard::Interval = interval.into();
        let key = (self.campaign_id, self.range, interval);
        let points = require::<SeriesOf, _>(ctx, key).await?;
        dashboard::check_length(&points, dashboard::MAX_POINTS).top()?;
        Ok(points.into_iter().map(SeriesPoint).collect())
    }
}

fn levels(totals: &Totals) -> Vec<LevelCount> {
    totals
        .by_level()
        .into_iter()
        .map(|(level, count)| LevelCount::new(level, count))
        .collect()
}

/// The totals of one platform.
#[derive(SimpleObject)]
pub struct PlatformTotals {
    /// The platform.
    platform: PlatformKind,
    /// Its totals.
    totals: DashboardTotals,
}

/// How many have a level.
#[derive(SimpleObject)]
pub struct LevelCount {
    /// The level.
    level: DiscrepancyLevel,
    /// How many.
    count: i64,
}

impl LevelCount {
    /// So many of a level.
    pub fn new(level: model::DiscrepancyLevel, count: i64) -> Self {
        Self {
            level: level.into(),
            count,
        }
    }
}

/// How many have a status.
#[derive(SimpleObject)]
pub struct StatusCount {
    /// The status.
    status: ReconciliationStatus,
    /// How many.
    count: i64,
}

/// Totals over the latest claim and the latest observation of each post.
pub struct DashboardTotals {
    totals: Totals,
    orders: Option<i64>,
    money: Option<Vec<Money>>,
}

/// Totals over the latest claim and the latest observation of each post.
#[Object]
impl DashboardTotals {
    /// Posts.
    async fn posts(&self) -> i64 {
        self.totals.posts()
    }
    /// Those of them that the platform has given at least one number for.
    async fn posts_observed(&self) -> i64 {
        self.totals.posts_observed()
    }
    /// Claims, newer ones on the same post included.
    async fn reports(&self) -> i64 {
        self.totals.reports()
    }
    /// The latest claim of each post, added up; null where no post claims the metric.
    async fn claimed(&self) -> ClaimedMetrics {
        self.totals.claimed().into()
    }
    /// The latest observation of each post, added up; null where no post has a number for the metric.
    async fn observed(&self) -> ClaimedMetrics {
        self.totals.observed().into()
    }
    /// Accurate verdicts over FINAL verdicts that count for trust, 0.0000 to 1.0000; null where none counts.
    async fn match_rate(&self) -> Option<Decimal> {
        self.totals.match_rate().map(Decimal)
    }
    /// Alerts on these posts that are not resolved.
    async fn open_alerts(&self) -> i64 {
        self.totals.open_alerts()
    }
    /// Distinct orders for the campaign, the reversed ones included. Null for a platform: orders name none.
    async fn orders(&self) -> Option<i64> {
        self.orders
    }
    /// Money by currency. Null for a platform: orders name none.
    async fn money(&self) -> Option<Vec<MoneyTotals>> {
        Some(self.money.clone()?.into_iter().map(MoneyTotals).collect())
    }
}

/// Money in one currency.
pub struct MoneyTotals(Money);

/// Money in one currency.
#[Object]
impl MoneyTotals {
    /// ISO 4217 code, such as USD.
    async fn currency(&self) -> &str {
        &self.0.currency
    }
    /// Spent at the platforms, as they tell.
    async fn spend(&self) -> Decimal {
        Decimal::money(&self.0.spend)
    }
    /// Amounts of orders that are not reversed.
    async fn order_amount(&self) -> Decimal {
        Decimal::money(&self.0.order_amount)
    }
    /// Commissions of orders that are not reversed.
    async fn commission(&self) -> Decimal {
        Decimal::money(&self.0.commission)
    }
}

/// What an affiliate did.
pub struct AffiliatePerformance(pub Performance);

impl AffiliatePerformance {
    /// A sum has no definition of its own: each campaign has its own.
    fn unified(metrics: Metrics<Option<u64>>, what: &str) -> UnifiedMetrics {
        let value = |number: Option<u64>| {
            MetricValue(match number {
                Some(value) => Observed::Reported {
                    value,
                    definition: String::new(),
                    grade: EvidenceGrade::Public,
                },
                None => Observed::Unavailable {
                    reason: format!("No post has {what} number."),
                },
            })
        };
        UnifiedMetrics {
            views: value(metrics.views),
            clicks: value(metrics.clicks),
            conversions: value(metrics.conversions),
        }
    }
}

/// What an affiliate did.
#[Object]
impl AffiliatePerformance {
    /// Who.
    async fn affiliate(&self) -> Affiliate {
        Affiliate(self.0.affiliate.clone())
    }
    /// Posts.
    async fn posts(&self) -> i64 {
        self.0.totals.posts()
    }
    /// Claims, newer ones on the same post included.
    async fn reports(&self) -> i64 {
        self.0.totals.reports()
    }
    /// Claims whose standing verdict is MATCHED or PARTIALLY_MATCHED.
    async fn matched(&self) -> i64 {
        let totals = &self.0.totals;
        totals.status(model::ReconciliationStatus::Matched)
            + totals.status(model::ReconciliationStatus::PartiallyMatched)
    }
    /// Claims whose standing verdict is a DISCREPANCY, by its level: LOW, MEDIUM and HIGH.
    async fn discrepancies(&self) -> Vec<LevelCount> {
        let mut levels = levels(&self.0.totals);
        levels.retain(|count| count.level != DiscrepancyLevel::None);
        levels
    }
    /// Claims whose standing verdict is UNVERIFIABLE, NOT_COMPARABLE or FAILED.
    async fn unverifiable(&self) -> i64 {
        let totals = &self.0.totals;
        totals.status(model::ReconciliationStatus::Unverifiable)
            + totals.status(model::ReconciliationStatus::NotComparable)
            + totals.status(model::ReconciliationStatus::Failed)
    }
    /// The latest claim of each post, added up.
    async fn claimed(&self) -> UnifiedMetrics {
        Self::unified(self.0.totals.claimed(), "a claimed")
    }
    /// The latest observation of each post, added up.
    async fn observed(&self) -> UnifiedMetrics {
        Self::unified(self.0.totals.observed(), "an observed")
    }
    /// Accurate verdicts over FINAL verdicts that count for trust, 0.0000 to 1.0000; null where none counts.
    async fn match_rate(&self) -> Option<Decimal> {
        self.0.totals.match_rate().map(Decimal)
    }
    /// Distinct orders credited to it, the reversed ones included.
    async fn orders(&self) -> i64 {
        self.0.orders
    }
    /// Money by currency.
    async fn money(&self) -> Vec<MoneyTotals> {
        self.0.money.iter().cloned().map(MoneyTotals).collect()
    }
}

/// Claimed against observed in one interval.
pub struct SeriesPoint(Point);

/// Claimed against observed in one interval.
#[Object]
impl SeriesPoint {
    /// When the interval begins.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }
    /// The latest claim of each post submitted in the interval, added up.
    async fn claimed(&self) -> ClaimedMetrics {
        self.0.totals.claimed().into()
    }
    /// The latest observation of each of these posts, added up.
    async fn observed(&self) -> ClaimedMetrics {
        self.0.totals.observed().into()
    }
    /// Claims on these posts whose standing verdict is a DISCREPANCY.
    async fn discrepancies(&self) -> i64 {
        self.0
            .totals
            .status(model::ReconciliationStatus::Discrepancy)
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
