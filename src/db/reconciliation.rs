//! Verdicts, immutable and chained by hash (table `reconciliation_logs`).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, load_pages};
use super::schema::{campaigns, posts, reconciliation_logs, run_claims};
use super::{Connection, Keyset};
use crate::model::{DiscrepancyLevel, Finality, PlatformKind, ReconciliationStatus, Scope};

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

/// Whose verdicts a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Of {
    /// Those on a post's claims.
    Post(i64),
    /// Those on one claim.
    Report(i64),
    /// Those that a run reached, or found.
    Run(i64),
}

/// A page of each of these lists of verdicts.
pub async fn list(
    connection: &mut Connection,
    lists: &[(Of, Keyset)],
) -> QueryResult<Vec<Slice<Reconciliation>>> {
    load_pages!(
        connection,
        reconciliation_logs,
        Reconciliation,
        lists,
        |query, of| only(query, *of)
    )
}

type Boxed<'a, ST> = reconciliation_logs::BoxedQuery<'a, diesel::pg::Pg, ST>;

fn only<ST: 'static>(query: Boxed<'_, ST>, of: Of) -> Boxed<'_, ST> {
    match of {
        Of::Post(id) => query.filter(reconciliation_logs::post_id.eq(id)),
        Of::Report(id) => query.filter(reconciliation_logs::affiliate_report_id.eq(id)),
        Of::Run(id) => query.filter(
            reconciliation_logs::id.nullable().eq_any(
                run_claims::table
                    .filter(run_claims::run_id.eq(id))
                    .filter(run_claims::reconciliation_id.is_not_null())
                    .select(run_claims::reconciliation_id),
            ),
        ),
    }
}

/// What the verdicts of a list have in common. Empty lists do not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct DiscrepancyFilter {
    /// On posts in this campaign.
    pub campaign_id: Option<i64>,
    /// On claims of this affiliate.
    pub affiliate_id: Option<i64>,
    /// On posts on this platform.
    pub platform: Option<PlatformKind>,
    /// Of one of these levels.
    pub levels: Vec<DiscrepancyLevel>,
    /// With one of these statuses; DISCREPANCY where the list is empty.
    pub statuses: Vec<ReconciliationStatus>,
    /// Provisional or final.
    pub finality: Option<Finality>,
    /// Reached at or after.
    pub from: Option<DateTime<Utc>>,
    /// Reached before.
    pub to: Option<DateTime<Utc>>,
}

/// A page of each of these lists of verdicts that stand: the FINAL one of a claim or, where there is none, its latest.
pub async fn list_standing(
    connection: &mut Connection,
    scope: Scope,
    lists: &[(DiscrepancyFilter, Keyset)],
) -> QueryResult<Vec<Slice<Reconciliation>>> {
    load_pages!(
        connection,
        reconciliation_logs,
        Reconciliation,
        lists,
        |query, filter| standing(query, scope, filter)
    )
}

#[allow(missing_docs)]
mod alias {
    use super::reconciliation_logs;
    diesel::alias!(reconciliation_logs as later: Later);
}
use alias::later;

fn standing<'a, ST: 'static>(
    query: Boxed<'a, ST>,
    scope: Scope,
    filter: &'a DiscrepancyFilter,
) -> Boxed<'a, ST> {
    // A FINAL verdict is the last one of its claim.
    let mut query = query.filter(diesel::dsl::not(diesel::dsl::exists(
        later
            .filter(
                later
                    .field(reconciliation_logs::affiliate_report_id)
                    .eq(reconciliation_logs::affiliate_report_id),
            )
            .filter(
                later
                    .field(reconciliation_logs::id)
                    .gt(reconciliation_logs::id),
            ),
    )));
    if filter.statuses.is_empty() {
        query = query.filter(reconciliation_logs::status.eq(ReconciliationStatus::Discrepancy));
    } else {
        query = query.filter(reconciliation_logs::status.eq_any(&filter.statuses));
    }
    if !filter.levels.is_empty() {
        query = query.filter(reconciliation_logs::discrepancy_level.eq_any(&filter.levels));
    }
    if let Some(finality) = filter.finality {
        query = query.filter(reconciliation_logs::finality.eq(finality));
    }
    if let Some(from) = filter.from {
        query = query.filter(reconciliation_logs::processed_at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(reconciliation_logs::processed_at.lt(to));
    }
    if let Some(id) = filter.affiliate_id {
        query = query.filter(reconciliation_logs::affiliate_id.eq(id));
    }
    if let Scope::Affiliate(id) = scope {
        query = query.filter(reconciliation_logs::affiliate_id.eq(id));
    }
    let narrowed = match (scope, filter.campaign_id, filter.platform) {
        (Scope::Advertiser(_), _, _) | (_, Some(_), _) | (_, _, Some(_)) => true,
        (Scope::All | Scope::Affiliate(_), None, None) => false,
    };
    if !narrowed {
        return query;
    }
    let mut of_post = posts::table.select(posts::id).into_boxed();
    if let Some(id) = filter.campaign_id {
        of_post = of_post.filter(posts::campaign_id.eq(id));
    }
    if let Some(platform) = filter.platform {
        of_post = of_post.filter(posts::platform.eq(platform));
    }
    if let Scope::Advertiser(id) = scope {
        of_post = of_post.filter(
            posts::campaign_id.eq_any(
                campaigns::table
                    .filter(campaigns::advertiser_id.eq(id))
                    .select(campaigns::id),
            ),
        );
    }
    query.filter(reconciliation_logs::post_id.eq_any(of_post))
}

/// The verdict that stands on each of these claims, as far as totals look at it.
#[derive(Debug, Clone, Copy, Queryable)]
pub struct Standing {
    /// On which claim.
    pub affiliate_report_id: i64,
    /// The verdict.
    pub id: i64,
    /// On the claim as a whole.
    pub status: ReconciliationStatus,
    /// Its level.
    pub level: Option<DiscrepancyLevel>,
    /// Whether it is the claim's last.
    pub finality: Finality,
}

/// The verdict that stands on each of these claims; those that have none are left out.
pub async fn list_standing_by_report(
    connection: &mut Connection,
    affiliate_report_ids: &[i64],
) -> QueryResult<Vec<Standing>> {
    reconciliation_logs::table
        .filter(reconciliation_logs::affiliate_report_id.eq_any(affiliate_report_ids))
        .distinct_on(reconciliation_logs::affiliate_report_id)
        .order((
            reconciliation_logs::affiliate_report_id.asc(),
            reconciliation_logs::id.desc(),
        ))
        .select((
            reconciliation_logs::affiliate_report_id,
            reconciliation_logs::id,
            reconciliation_logs::status,
            reconciliation_logs::discrepancy_level,
            reconciliation_logs::finality,
        ))
        .load(connection)
        .await
}

/// An affiliate's verdicts after a place in its audit trail, in their order.
pub async fn list_trail(
    connection: &mut Connection,
    affiliate_id: i64,
    after: i64,
    limit: i64,
) -> QueryResult<Vec<Reconciliation>> {
    reconciliation_logs::table
        .filter(reconciliation_logs::affiliate_id.eq(affiliate_id))
        .filter(reconciliation_logs::chain_position.gt(after))
        .order(reconciliation_logs::chain_position.asc())
        .limit(limit)
        .select(Reconciliation::as_select())
        .load(connection)
        .await
}

/// The highest number that was drawn for a verdict, whether it is committed or not.
pub async fn last_number(connection: &mut Connection) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        last: i64,
    }
    let row: Row = diesel::sql_query(
        "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM reconciliation_logs_id_seq",
    )
    .get_result(connection)
    .await?;
    Ok(row.last)
}

/// The advisory lock that each transaction which writes verdicts shares until its end. The trigger `hold_verdict_numbers` of
/// the migration `create_runs` takes it.
const VERDICT_NUMBERS_LOCK: i64 = 8_531_350_844_713_694_323;

/// The transactions that are writing verdicts now.
pub async fn list_writers(connection: &mut Connection) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        writer: String,
    }
    let rows: Vec<Row> = diesel::sql_query(format!(
        "SELECT virtualtransaction AS writer FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' \
         AND granted AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND (classid::bigint << 32) + objid::bigint = {VERDICT_NUMBERS_LOCK}"
    ))
    .get_results(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.writer).collect())
}

/// The verdicts with numbers after one and up to another, oldest first: those in scope, and only those on a post where it is named.
pub async fn list_between(
    connection: &mut Connection,
    scope: Scope,
    post_id: Option<i64>,
    after: i64,
    through: i64,
    limit: i64,
) -> QueryResult<Vec<Reconciliation>> {
    let mut query = reconciliation_logs::table
        .inner_join(posts::table)
        .inner_join(campaigns::table.on(campaigns::id.eq(posts::campaign_id)))
        .filter(reconciliation_logs::id.gt(after))
        .filter(reconciliation_logs::id.le(through))
        .into_boxed();
    query = match scope {
        Scope::All => query,
        Scope::Affiliate(id) => query.filter(posts::affiliate_id.eq(id)),
        Scope::Advertiser(id) => query.filter(campaigns::advertiser_id.eq(id)),
    };
    if let Some(id) = post_id {
        query = query.filter(reconciliation_logs::post_id.eq(id));
    }
    query
        .order(reconciliation_logs::id.asc())
        .limit(limit)
        .select(Reconciliation::as_select())
        .load(connection)
        .await
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
