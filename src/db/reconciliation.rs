//! Verdicts, immutable and chained by hash (table `reconciliation_logs`).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, load_page};
use super::schema::reconciliation_logs;
use super::{Connection, Keyset};
use crate::model::{DiscrepancyLevel, Finality, ReconciliationStatus};

/// A verdict.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = reconciliation_logs, check_for_backend(diesel::pg::Pg))]
pub struct Reconciliation {
    /// Numeric id.
    pub id: i64,
    /// On which claim.
    pub affiliate_report_id: i64,
    /// The latest observation it cites.
    pub platform_report_id: Option<i64>,
    /// Whose claim.
    pub affiliate_id: i64,
    /// Of which post.
    pub post_id: i64,
    /// By which policy.
    pub policy_id: i64,
    /// The verdict on the whole.
    pub status: ReconciliationStatus,
    /// The highest level; none where nothing was compared.
    pub discrepancy_level: Option<DiscrepancyLevel>,
    /// Whether it may still change.
    pub finality: Finality,
    /// One element for each metric.
    pub comparisons: serde_json::Value,
    /// The sentences of all metrics.
    pub explanation: String,
    /// Place in the affiliate's audit trail, from 1.
    pub chain_position: i64,
    /// Hash of the affiliate's verdict before it, 64 hex digits.
    pub previous_hash: String,
    /// SHA-256 over the previous hash and this verdict's canonical form, 64 hex digits.
    pub hash: String,
    /// When it was reached.
    pub processed_at: DateTime<Utc>,
}

/// A verdict to be kept.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = reconciliation_logs)]
#[allow(missing_docs)]
pub struct NewReconciliation {
    pub affiliate_report_id: i64,
    pub platform_report_id: Option<i64>,
    pub affiliate_id: i64,
    pub post_id: i64,
    pub policy_id: i64,
    pub status: ReconciliationStatus,
    pub discrepancy_level: Option<DiscrepancyLevel>,
    pub finality: Finality,
    pub comparisons: serde_json::Value,
    pub explanation: String,
    pub chain_position: i64,
    pub previous_hash: String,
    pub hash: String,
    pub processed_at: DateTime<Utc>,
}

/// Keeps verdicts; their ids come back in the order given.
pub async fn insert(
    connection: &mut Connection,
    new: &[NewReconciliation],
) -> QueryResult<Vec<i64>> {
    diesel::insert_into(reconciliation_logs::table)
        .values(new)
        .returning(reconciliation_logs::id)
        .get_results(connection)
        .await
}

/// The verdicts with these ids, in no order.
pub async fn list_by_id(
    connection: &mut Connection,
    ids: &[i64],
) -> QueryResult<Vec<Reconciliation>> {
    reconciliation_logs::table
        .filter(reconciliation_logs::id.eq_any(ids))
        .select(Reconciliation::as_select())
        .load(connection)
        .await
}

/// Which verdicts a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Those on a post's claims.
    Post(i64),
    /// Those on one claim.
    Report(i64),
}

/// A page of verdicts.
pub async fn list(
    connection: &mut Connection,
    of: Of,
    page: Keyset,
) -> QueryResult<Slice<Reconciliation>> {
    load_page!(
        connection,
        reconciliation_logs,
        Reconciliation,
        page,
        only(of)
    )
}

type Boxed<'a, ST> = reconciliation_logs::BoxedQuery<'a, diesel::pg::Pg, ST>;

fn only<ST: 'static>(query: Boxed<'_, ST>, of: Of) -> Boxed<'_, ST> {
    match of {
        Of::Post(id) => query.filter(reconciliation_logs::post_id.eq(id)),
        Of::Report(id) => query.filter(reconciliation_logs::affiliate_report_id.eq(id)),
    }
}

/// The latest verdict on each of these claims.
pub async fn list_latest_by_report(
    connection: &mut Connection,
    affiliate_report_ids: &[i64],
) -> QueryResult<Vec<Reconciliation>> {
    reconciliation_logs::table
        .filter(reconciliation_logs::affiliate_report_id.eq_any(affiliate_report_ids))
        .distinct_on(reconciliation_logs::affiliate_report_id)
        .order((
            reconciliation_logs::affiliate_report_id.asc(),
            reconciliation_logs::id.desc(),
        ))
        .select(Reconciliation::as_select())
        .load(connection)
        .await
}

/// The latest verdict on any claim of each of these posts.
pub async fn list_latest_by_post(
    connection: &mut Connection,
    post_ids: &[i64],
) -> QueryResult<Vec<Reconciliation>> {
    reconciliation_logs::table
        .filter(reconciliation_logs::post_id.eq_any(post_ids))
        .distinct_on(reconciliation_logs::post_id)
        .order((
            reconciliation_logs::post_id.asc(),
            reconciliation_logs::id.desc(),
        ))
        .select(Reconciliation::as_select())
        .load(connection)
        .await
}

/// Which of these claims have their FINAL verdict.
pub async fn list_final(
    connection: &mut Connection,
    affiliate_report_ids: &[i64],
) -> QueryResult<Vec<i64>> {
    reconciliation_logs::table
        .filter(reconciliation_logs::affiliate_report_id.eq_any(affiliate_report_ids))
        .filter(reconciliation_logs::finality.eq(Finality::Final))
        .select(reconciliation_logs::affiliate_report_id)
        .load(connection)
        .await
}
