//! What dashboards show: totals of a campaign, of its platforms and affiliates, and over time.
//!
//! Nothing is counted when it is asked for: totals are kept in the transactions that change them ([`crate::db::rollup`]), so
//! that a campaign of a million posts costs what one of a thousand does.

use std::collections::{BTreeMap, HashMap};

use bigdecimal::num_bigint::Sign;
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive as _};
use chrono::{DateTime, Utc};

use super::access::Viewer;
use crate::app::App;
use crate::db::rollup::{self, By, Measures};
use crate::db::{affiliate, order, platform_report};
use crate::error::Error;
use crate::model::{DiscrepancyLevel, Metrics, PlatformKind, ReconciliationStatus, Scope};

pub use crate::db::rollup::{Difference, Range};

/// Most points of a series.
pub const MAX_POINTS: usize = 2000;

/// Sums of measures, with the words of the product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals(Measures);

fn number(sum: &BigDecimal) -> i64 {
    sum.to_i64().unwrap_or(i64::MAX)
}

/// A sum beyond 2^64 − 1 is shown as that; no campaign has so many views.
fn sum(sum: &BigDecimal, of: &BigDecimal) -> Option<u64> {
    (of.sign() == Sign::Plus).then(|| sum.to_u64().unwrap_or(u64::MAX))
}

impl Totals {
    /// Posts.
    #[must_use]
    pub fn posts(&self) -> i64 {
        number(&self.0.posts)
    }

    /// Posts with an observation that has at least one number.
    #[must_use]
    pub fn posts_observed(&self) -> i64 {
        number(&self.0.posts_observed)
    }

    /// Claims.
    #[must_use]
    pub fn reports(&self) -> i64 {
        number(&self.0.reports)
    }

    /// The latest claim of each post, added up; none where no post claims the metric.
    #[must_use]
    pub fn claimed(&self) -> Metrics<Option<u64>> {
        Metrics {
            views: sum(&self.0.claimed_views, &self.0.claimed_views_posts),
            clicks: sum(&self.0.claimed_clicks, &self.0.claimed_clicks_posts),
            conversions: sum(
                &self.0.claimed_conversions,
                &self.0.claimed_conversions_posts,
            ),
        }
    }

    /// The latest observation of each post, added up; none where no post has a number for the metric.
    #[must_use]
    pub fn observed(&self) -> Metrics<Option<u64>> {
        Metrics {
            views: sum(&self.0.observed_views, &self.0.observed_views_posts),
            clicks: sum(&self.0.observed_clicks, &self.0.observed_clicks_posts),
            conversions: sum(
                &self.0.observed_conversions,
                &self.0.observed_conversions_posts,
            ),
        }
    }

    /// The share of accurate verdicts among the final ones that count, 0.0000 to 1.0000; none where none counts.
    #[must_use]
    pub fn match_rate(&self) -> Option<BigDecimal> {
        (self.0.counting.sign() == Sign::Plus).then(|| {
            (&self.0.accurate / &self.0.counting).with_scale_round(4, RoundingMode::HalfUp)
        })
    }

    /// Alerts on posts that are not resolved.
    #[must_use]
    pub fn open_alerts(&self) -> i64 {
        number(&self.0.open_alerts)
    }

    /// Distinct orders, the reversed ones included.
    #[must_use]
    pub fn orders(&self) -> i64 {
        number(&self.0.orders)
    }

    /// Claims by the status of the verdict that stands on them.
    #[must_use]
    pub fn by_status(&self) -> Vec<(ReconciliationStatus, i64)> {
        ReconciliationStatus::ALL
            .iter()
            .map(|status| (*status, self.status(*status)))
            .collect()
    }

    /// Claims whose standing verdict has this status.
    #[must_use]
    pub fn status(&self, status: ReconciliationStatus) -> i64 {
        number(match status {
            ReconciliationStatus::Matched => &self.0.matched,
            ReconciliationStatus::PartiallyMatched => &self.0.partially_matched,
            ReconciliationStatus::Discrepancy => &self.0.discrepancy,
            ReconciliationStatus::Unverifiable => &self.0.unverifiable,
            ReconciliationStatus::NotComparable => &self.0.not_comparable,
            ReconciliationStatus::Failed => &self.0.failed,
        })
    }

    /// Claims by the level of the verdict that stands on them.
    #[must_use]
    pub fn by_level(&self) -> Vec<(DiscrepancyLevel, i64)> {
        DiscrepancyLevel::ALL
            .iter()
            .map(|level| {
                let count = match level {
                    DiscrepancyLevel::None => &self.0.level_none,
                    DiscrepancyLevel::Low => &self.0.level_low,
                    DiscrepancyLevel::Medium => &self.0.level_medium,
                    DiscrepancyLevel::High => &self.0.level_high,
                };
                (*level, number(count))
            })
            .collect()
    }
}

/// Money in one currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Money {
    /// ISO 4217 code.
    pub currency: String,
    /// Spent at the platforms, as they tell.
    pub spend: BigDecimal,
    /// Amounts of orders that are not reversed.
    pub order_amount: BigDecimal,
    /// Commissions of orders that are not reversed.
    pub commission: BigDecimal,
}

/// A campaign's totals.
#[derive(Debug, Clone, Default)]
pub struct Dashboard {
    /// Over all platforms.
    pub totals: Totals,
    /// Its money, by currency.
    pub money: Vec<Money>,
    /// Platform by platform, with the money spent there; orders name no platform.
    pub by_platform: Vec<(PlatformKind, Totals, Vec<Money>)>,
}

/// The dashboards of these campaigns, over the posts submitted and the orders received in a time: one for each.
///
/// # Errors
/// The database failed.
pub async fn of_campaigns(
    app: &App,
    campaign_ids: &[i64],
    range: Range,
) -> Result<HashMap<i64, Dashboard>, Error> {
    let rows = {
        let mut connection = app.db.get().await?;
        rollup::of_campaigns(&mut connection, campaign_ids, range, By::Platform).await?
    };
    let mut by_campaign = parted(campaign_ids, rows);
    Ok(campaign_ids
        .iter()
        .map(|id| (*id, dashboard(by_campaign.remove(id).unwrap_or_default())))
        .collect())
}

/// Rows by the campaign that they are of.
fn parted(campaign_ids: &[i64], rows: Vec<rollup::Totals>) -> HashMap<i64, Vec<rollup::Totals>> {
    let mut by_campaign: HashMap<i64, Vec<rollup::Totals>> =
        campaign_ids.iter().map(|id| (*id, Vec::new())).collect();
    for row in rows {
        by_campaign.entry(row.campaign_id).or_default().push(row);
    }
    by_campaign
}

fn dashboard(rows: Vec<rollup::Totals>) -> Dashboard {
    let mut totals = Measures::default();
    let mut money: BTreeMap<String, Money> = BTreeMap::new();
    let mut platforms: BTreeMap<&str, (PlatformKind, Measures, Vec<Money>)> = BTreeMap::new();
    for row in rows {
        totals.add(&row.measures);
        if let Some(currency) = &row.currency {
            let entry = money.entry(currency.clone()).or_insert_with(|| Money {
                currency: currency.clone(),
                ..Money::default()
            });
            entry.spend += &row.measures.spend;
            entry.order_amount += &row.measures.order_amount;
            entry.commission += &row.measures.commission;
        }
        if let Some(platform) = row.platform {
            let entry = platforms
                .entry(platform.as_str())
                .or_insert_with(|| (platform, Measures::default(), Vec::new()));
            entry.1.add(&row.measures);
            if let Some(currency) = row.currency {
                entry.2.push(Money {
                    currency,
                    spend: row.measures.spend,
                    ..Money::default()
                });
            }
        }
    }
    Dashboard {
        totals: Totals(totals),
        money: money.into_values().collect(),
        by_platform: platforms
            .into_values()
            .filter(|(_, measures, _)| *measures != Measures::default())
            .map(|(platform, measures, money)| (platform, Totals(measures), money))
            .collect(),
    }
}

/// What an affiliate did, in one campaign or in all that the viewer may see.
#[derive(Debug, Clone)]
pub struct Performance {
    /// Who.
    pub affiliate: affiliate::Affiliate,
    /// Its posts and claims.
    pub totals: Totals,
    /// Distinct orders credited to it, the reversed ones included.
    pub orders: i64,
    /// Its money, by currency.
    pub money: Vec<Money>,
}

/// The performance of affiliates, in no order. Orders that name no campaign count where no campaign is asked for.
///
/// # Errors
/// The database failed.
pub async fn performance(
    app: &App,
    viewer: &Viewer,
    affiliate_ids: &[i64],
    campaign_id: Option<i64>,
) -> Result<Vec<Performance>, Error> {
    let advertiser_id = match viewer.scope() {
        Scope::Advertiser(id) => Some(id),
        Scope::All | Scope::Affiliate(_) => None,
    };
    let mut connection = app.db.get().await?;
    let mut totals: HashMap<i64, Measures> =
        rollup::of_affiliates(&mut connection, affiliate_ids, campaign_id, advertiser_id)
            .await?
            .into_iter()
            .map(|row| (row.affiliate_id, row.measures))
            .collect();
    let mut money = money_of(
        &mut connection,
        affiliate_ids,
        campaign_id.as_slice(),
        advertiser_id,
        Range::default(),
    )
    .await?;
    let campaign = campaign_id.unwrap_or(0);
    Ok(affiliate::list_by_id(&mut connection, affiliate_ids)
        .await?
        .into_iter()
        .map(|row| {
            let (orders, money) = money.remove(&(campaign, row.id)).unwrap_or_default();
            Performance {
                totals: Totals(totals.remove(&row.id).unwrap_or_default()),
                orders,
                money,
                affiliate: row,
            }
        })
        .collect())
}

/// How many orders there are, their money and what advertising posts has cost by currency, by campaign and affiliate; of no campaigns, of all together, under 0.
async fn money_of(
    connection: &mut crate::db::Connection,
    affiliate_ids: &[i64],
    campaign_ids: &[i64],
    advertiser_id: Option<i64>,
    range: Range,
) -> Result<HashMap<(i64, i64), (i64, Vec<Money>)>, Error> {
    let mut money: HashMap<(i64, i64), (i64, Vec<Money>)> = HashMap::new();
    let campaigns = (!campaign_ids.is_empty()).then_some(campaign_ids);
    let rows = order::sum_by_affiliate(connection, affiliate_ids, campaigns, advertiser_id, range);
    for row in rows.await? {
        let entry = money
            .entry((row.campaign_id, row.affiliate_id))
            .or_default();
        entry.0 += row.orders;
        entry.1.push(Money {
            currency: row.currency,
            spend: BigDecimal::default(),
            order_amount: row.amount,
            commission: row.commission,
        });
    }
    let rows = platform_report::sum_spend_by_affiliate(
        connection,
        affiliate_ids,
        campaigns,
        advertiser_id,
        range,
    );
    for row in rows.await? {
        let key = (row.campaign_id, row.affiliate_id);
        let money = &mut money.entry(key).or_default().1;
        match money
            .iter_mut()
            .find(|money| money.currency == row.currency)
        {
            Some(money) => money.spend = row.spend,
            None => money.push(Money {
                currency: row.currency,
                spend: row.spend,
                ..Money::default()
            }),
        }
    }
    for (_, money) in money.values_mut() {
        money.sort_unstable_by(|a, b| a.currency.cmp(&b.currency));
    }
    Ok(money)
}

/// The affiliates of each of these campaigns with the most observed views; of those with as many, with the most posts.
///
/// # Errors
/// The database failed.
pub async fn top_affiliates(
    app: &App,
    campaign_ids: &[i64],
    range: Range,
    first: usize,
) -> Result<HashMap<i64, Vec<Performance>>, Error> {
    let mut connection = app.db.get().await?;
    let rows = rollup::of_campaigns(&mut connection, campaign_ids, range, By::Affiliate).await?;
    let mut top = parted(campaign_ids, rows);
    for rows in top.values_mut() {
        rows.retain(|row| row.measures.posts.sign() == Sign::Plus);
        rows.sort_by(|a, b| {
            let (a_rank, b_rank) = (&a.measures, &b.measures);
            (&b_rank.observed_views, &b_rank.posts)
                .cmp(&(&a_rank.observed_views, &a_rank.posts))
                .then(a.affiliate_id.cmp(&b.affiliate_id))
        });
        rows.truncate(first);
    }
    let mut ids: Vec<i64> = top.values().flatten().map(|row| row.affiliate_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut money = money_of(&mut connection, &ids, campaign_ids, None, range).await?;
    let affiliates: HashMap<i64, _> = affiliate::list_by_id(&mut connection, &ids)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    Ok(top
        .into_iter()
        .map(|(campaign_id, rows)| {
            let performances = rows.into_iter().filter_map(|row| {
                let key = (campaign_id, row.affiliate_id);
                let (orders, money) = money.remove(&key).unwrap_or_default();
                Some(Performance {
                    affiliate: affiliates.get(&row.affiliate_id)?.clone(),
                    totals: Totals(row.measures),
                    orders,
                    money,
                })
            });
            (campaign_id, performances.collect())
        })
        .collect())
}

/// How long a point of a series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interval {
    /// An hour.
    Hour,
    /// A day, in UTC.
    Day,
    /// A week, from Monday, in UTC.
    Week,
}

impl Interval {
    /// What PostgreSQL calls it.
    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }
}

/// A point of a series.
#[derive(Debug, Clone)]
pub struct Point {
    /// When the interval begins.
    pub at: DateTime<Utc>,
    /// Of the posts submitted in it.
    pub totals: Totals,
}

/// Each of these campaigns over time, by the submission of posts; intervals without any are left out.
///
/// # Errors
/// The database failed.
pub async fn series(
    app: &App,
    campaign_ids: &[i64],
    range: Range,
    interval: Interval,
) -> Result<HashMap<i64, Vec<Point>>, Error> {
    let by = By::Interval(interval.unit());
    let rows = {
        let mut connection = app.db.get().await?;
        rollup::of_campaigns(&mut connection, campaign_ids, range, by).await?
    };
    let points = |rows: Vec<rollup::Totals>| {
        let rows = rows.into_iter();
        rows.filter(|row| row.measures.posts.sign() == Sign::Plus)
            .filter_map(|row| {
                Some(Point {
                    at: row.at?,
                    totals: Totals(row.measures),
                })
            })
            .collect()
    };
    Ok(parted(campaign_ids, rows)
        .into_iter()
        .map(|(id, rows)| (id, points(rows)))
        .collect())
}

/// Sees that a series has no more points than it may.
///
/// # Errors
/// It has.
pub fn check_length<P>(points: &[P], most: usize) -> Result<(), Error> {
    if points.len() <= most {
        return Ok(());
    }
    Err(Error::BadInput(format!(
        "interval: there would be more than {most} points: ask for a shorter range or a longer interval"
    )))
}

/// Folds the differences that are there into the kept totals. One process at a time does; what another folds is left to it.
///
/// # Errors
/// The database failed.
pub async fn fold(app: &App) -> Result<(), Error> {
    const STEP: i32 = 20_000;
    let mut connection = app.db.get().await?;
    while rollup::fold(&mut connection, STEP).await? >= i64::from(STEP) {}
    Ok(())
}

/// Counts everything again and says where the kept totals are not that, up to a hundred times.
///
/// # Errors
/// The database failed.
pub async fn check(app: &App) -> Result<Vec<Difference>, Error> {
    Ok(rollup::check(&mut *app.db.get().await?).await?)
}
