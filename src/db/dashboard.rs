//! The totals of a campaign: the latest claim and the latest observation of each of its posts.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Numeric, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::Connection;
use crate::model::PlatformKind;

/// Totals of a campaign's posts on one platform. A sum is none where no post has a number for it.
#[derive(Debug, Clone, QueryableByName)]
pub struct PlatformTotals {
    /// Which platform.
    #[diesel(sql_type = Text)]
    pub platform: PlatformKind,
    /// Posts.
    #[diesel(sql_type = BigInt)]
    pub posts: i64,
    /// Those of them with an observation that has at least one number.
    #[diesel(sql_type = BigInt)]
    pub posts_observed: i64,
    /// Claims.
    #[diesel(sql_type = BigInt)]
    pub reports: i64,
    /// Claimed views.
    #[diesel(sql_type = Nullable<Numeric>)]
    pub claimed_views: Option<BigDecimal>,
    /// Claimed clicks.
    #[diesel(sql_type = Nullable<Numeric>)]
    pub claimed_clicks: Option<BigDecimal>,
    /// Claimed conversions.
    #[diesel(sql_type = Nullable<Numeric>)]
    pub claimed_conversions: Option<BigDecimal>,
    /// Observed views.
    #[diesel(sql_type = Nullable<Numeric>)]
    pub observed_views: Option<BigDecimal>,
    /// Observed clicks.
    #[diesel(sql_type = Nullable<Numeric>)]
    pub observed_clicks: Option<BigDecimal>,
    /// Observed conversions.
    #[diesel(sql_type = Nullable<Numeric>)]
    pub observed_conversions: Option<BigDecimal>,
    /// FINAL verdicts that count for trust.
    #[diesel(sql_type = BigInt)]
    pub counting: i64,
    /// Those of them that were accurate.
    #[diesel(sql_type = BigInt)]
    pub accurate: i64,
    /// Alerts that are not resolved.
    #[diesel(sql_type = BigInt)]
    pub open_alerts: i64,
}

/// The totals of a campaign by platform, over the posts submitted in the range.
pub async fn totals(
    connection: &mut Connection,
    campaign_id: i64,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> QueryResult<Vec<PlatformTotals>> {
    diesel::sql_query(
        "WITH p AS (SELECT id, platform FROM posts WHERE campaign_id = $1 \
             AND ($2::timestamptz IS NULL OR created_at >= $2) AND ($3::timestamptz IS NULL OR created_at < $3)), \
         claim AS (SELECT DISTINCT ON (r.post_id) r.post_id, r.claimed_views, r.claimed_clicks, r.claimed_conversions \
             FROM affiliate_reports r JOIN p ON p.id = r.post_id ORDER BY r.post_id, r.id DESC), \
         seen AS (SELECT DISTINCT ON (o.post_id) o.post_id, o.views, o.clicks, o.conversions \
             FROM platform_reports o JOIN p ON p.id = o.post_id \
             WHERE num_nonnulls(o.views, o.clicks, o.conversions) > 0 ORDER BY o.post_id, o.fetched_at DESC, o.id DESC), \
         per_post AS (SELECT r.post_id, count(DISTINCT r.id) AS reports, count(t.id) AS counting, \
             count(t.id) FILTER (WHERE t.accurate) AS accurate \
             FROM affiliate_reports r JOIN p ON p.id = r.post_id \
             LEFT JOIN reconciliation_logs l ON l.affiliate_report_id = r.id AND l.finality = 'FINAL' \
             LEFT JOIN trust_events t ON t.reconciliation_id = l.id GROUP BY r.post_id), \
         open AS (SELECT a.post_id, count(*) AS alerts FROM alerts a JOIN p ON p.id = a.post_id \
             WHERE a.status <> 'RESOLVED' GROUP BY a.post_id) \
         SELECT p.platform, count(*) AS posts, count(seen.post_id) AS posts_observed, \
             coalesce(sum(per_post.reports), 0)::bigint AS reports, \
             sum(claim.claimed_views) AS claimed_views, sum(claim.claimed_clicks) AS claimed_clicks, \
             sum(claim.claimed_conversions) AS claimed_conversions, \
             sum(seen.views) AS observed_views, sum(seen.clicks) AS observed_clicks, \
             sum(seen.conversions) AS observed_conversions, \
             coalesce(sum(per_post.counting), 0)::bigint AS counting, \
             coalesce(sum(per_post.accurate), 0)::bigint AS accurate, \
             coalesce(sum(open.alerts), 0)::bigint AS open_alerts \
         FROM p LEFT JOIN claim ON claim.post_id = p.id LEFT JOIN seen ON seen.post_id = p.id \
             LEFT JOIN per_post ON per_post.post_id = p.id LEFT JOIN open ON open.post_id = p.id \
         GROUP BY p.platform ORDER BY p.platform",
    )
    .bind::<BigInt, _>(campaign_id)
    .bind::<Nullable<Timestamptz>, _>(from)
    .bind::<Nullable<Timestamptz>, _>(to)
    .get_results(connection)
    .await
}
