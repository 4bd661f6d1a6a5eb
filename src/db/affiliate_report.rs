//! Affiliate reports: what an affiliate claimed of a post, append-only.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, load_pages};
use super::schema::affiliate_reports;
use super::{Connection, Keyset};
use crate::model::{Metrics, SubmissionMethod};

/// A claim.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = affiliate_reports, check_for_backend(diesel::pg::Pg))]
pub struct AffiliateReport {
    /// Numeric id.
    pub id: i64,
    /// Of which post.
    pub post_id: i64,
    /// The policy in force when it was made.
    pub policy_id: i64,
    /// Views, 0 to 2^53 − 1; none: not claimed.
    pub claimed_views: Option<i64>,
    /// Clicks, 0 to 2^53 − 1; none: not claimed.
    pub claimed_clicks: Option<i64>,
    /// Conversions, 0 to 2^53 − 1; none: not claimed.
    pub claimed_conversions: Option<i64>,
    /// What a view was in the campaign when this was claimed.
    pub views_definition: String,
    /// Links and notes.
    pub evidence: Option<serde_json::Value>,
    /// How it came.
    pub submission_method: SubmissionMethod,
    /// When it came.
    pub submitted_at: DateTime<Utc>,
}

impl AffiliateReport {
    /// The claimed numbers as they are kept.
    #[must_use]
    pub const fn counts(&self) -> Metrics<Option<i64>> {
        Metrics {
            views: self.claimed_views,
            clicks: self.claimed_clicks,
            conversions: self.claimed_conversions,
        }
    }

    /// The claimed numbers.
    #[must_use]
    pub fn claimed(&self) -> Metrics<Option<u64>> {
        // A check in the table keeps them from being negative.
        let count = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        Metrics {
            views: count(self.claimed_views),
            clicks: count(self.claimed_clicks),
            conversions: count(self.claimed_conversions),
        }
    }
}

/// The reports with these ids, in no order.
pub async fn list_by_id(
    connection: &mut Connection,
    ids: &[i64],
) -> QueryResult<Vec<AffiliateReport>> {
    affiliate_reports::table
        .filter(affiliate_reports::id.eq_any(ids))
        .select(AffiliateReport::as_select())
        .load(connection)
        .await
}

/// A page of the reports of each of these posts.
pub async fn list_by_post(
    connection: &mut Connection,
    lists: &[(i64, Keyset)],
) -> QueryResult<Vec<Slice<AffiliateReport>>> {
    load_pages!(
        connection,
        affiliate_reports,
        AffiliateReport,
        lists,
        |query, post_id| query.filter(affiliate_reports::post_id.eq(*post_id))
    )
}

/// The latest report of each of these posts.
pub async fn list_latest(
    connection: &mut Connection,
    post_ids: &[i64],
) -> QueryResult<Vec<AffiliateReport>> {
    affiliate_reports::table
        .filter(affiliate_reports::post_id.eq_any(post_ids))
        .distinct_on(affiliate_reports::post_id)
        .order((
            affiliate_reports::post_id.asc(),
            affiliate_reports::id.desc(),
        ))
        .select(AffiliateReport::as_select())
        .load(connection)
        .await
}

/// Every report of these posts, oldest first.
pub async fn list_by_posts(
    connection: &mut Connection,
    post_ids: &[i64],
) -> QueryResult<Vec<AffiliateReport>> {
    affiliate_reports::table
        .filter(affiliate_reports::post_id.eq_any(post_ids))
        .order(affiliate_reports::id.asc())
        .select(AffiliateReport::as_select())
        .load(connection)
        .await
}
