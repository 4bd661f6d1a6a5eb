//! Checks that somebody asked for: a run, and the claims that it checks (tables `reconciliation_runs`, `run_claims`).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Text};
use diesel_async::RunQueryDsl;

use super::Connection;
use super::schema::reconciliation_runs;
use crate::model::Scope;

/// A check that somebody asked for.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = reconciliation_runs, check_for_backend(diesel::pg::Pg))]
pub struct Run {
    /// Numeric id.
    pub id: i64,
    /// In which campaign.
    pub campaign_id: i64,
    /// Of which post; none: of the campaign's.
    pub post_id: Option<i64>,
    /// How many claims it checks.
    pub total: i64,
    /// The last post that it was written for.
    pub reached: i64,
    /// The last post of the run.
    pub through: i64,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
}

/// Adds a run over the posts that there are now, with their number. Posts that turned out to be others are left out.
pub async fn insert(
    connection: &mut Connection,
    requested_by: Option<i64>,
    campaign_id: i64,
    post_id: Option<i64>,
) -> QueryResult<Run> {
    use diesel::sql_types::Nullable;
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let row: Row = diesel::sql_query(
        "INSERT INTO reconciliation_runs (requested_by, campaign_id, post_id, total, through) \
         SELECT $1, $2, $3, count(*), coalesce(max(p.id), 0) FROM posts p \
         WHERE p.campaign_id = $2 AND ($3 IS NULL OR p.id = $3) AND p.status <> 'DUPLICATE' RETURNING id",
    )
    .bind::<Nullable<BigInt>, _>(requested_by)
    .bind::<BigInt, _>(campaign_id)
    .bind::<Nullable<BigInt>, _>(post_id)
    .get_result(connection)
    .await?;
    reconciliation_runs::table
        .find(row.id)
        .select(Run::as_select())
        .first(connection)
        .await
}

/// Locks a run.
pub async fn lock(connection: &mut Connection, id: i64) -> QueryResult<Option<Run>> {
    reconciliation_runs::table
        .find(id)
        .select(Run::as_select())
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// A claim that a run is to check.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct RunClaim {
    /// On which post.
    #[diesel(sql_type = BigInt)]
    pub post_id: i64,
    /// The claim.
    #[diesel(sql_type = BigInt)]
    pub affiliate_report_id: i64,
    /// On which platform.
    #[diesel(sql_type = Text)]
    pub platform: crate::model::PlatformKind,
}

/// Writes the claims of the run's next posts, at most so many, and gives them.
pub async fn extend(
    connection: &mut Connection,
    run: &Run,
    at_most: i32,
) -> QueryResult<Vec<RunClaim>> {
    use diesel::sql_types::Nullable;
    let claims: Vec<RunClaim> = diesel::sql_query(
        "WITH next AS (SELECT p.id, p.platform, r.id AS report_id FROM posts p \
             CROSS JOIN LATERAL (SELECT r.id FROM affiliate_reports r WHERE r.post_id = p.id ORDER BY r.id DESC LIMIT 1) r \
             WHERE p.campaign_id = $2 AND ($3 IS NULL OR p.id = $3) AND p.id > $4 AND p.id <= $5 AND p.status <> 'DUPLICATE' \
             ORDER BY p.id LIMIT $6), \
         written AS (INSERT INTO run_claims (run_id, affiliate_report_id) SELECT $1, report_id FROM next) \
         SELECT id AS post_id, report_id AS affiliate_report_id, platform FROM next ORDER BY id",
    )
    .bind::<BigInt, _>(run.id)
    .bind::<BigInt, _>(run.campaign_id)
    .bind::<Nullable<BigInt>, _>(run.post_id)
    .bind::<BigInt, _>(run.reached)
    .bind::<BigInt, _>(run.through)
    .bind::<Integer, _>(at_most)
    .get_results(connection)
    .await?;
    let complete = claims.len() < usize::try_from(at_most).unwrap_or(usize::MAX);
    // A post that turned out to be another meanwhile is not checked, and not waited for.
    let reached = match claims.last() {
        Some(last) if !complete => last.post_id,
        _ => run.through,
    };
    diesel::sql_query(
        "UPDATE reconciliation_runs r SET reached = $2, total = CASE WHEN $3 \
         THEN (SELECT count(*) FROM run_claims c WHERE c.run_id = r.id) ELSE r.total END WHERE r.id = $1",
    )
    .bind::<BigInt, _>(run.id)
    .bind::<BigInt, _>(reached)
    .bind::<diesel::sql_types::Bool, _>(complete)
    .execute(connection)
    .await?;
    Ok(claims)
}

/// What came of a claim of a run.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// Which run.
    pub run_id: i64,
    /// Which claim.
    pub affiliate_report_id: i64,
    /// The verdict; none where the claim could not be checked.
    pub reconciliation_id: Option<i64>,
    /// Whether the platform answered.
    pub completed: bool,
}

/// Notes what came of claims.
pub async fn end(connection: &mut Connection, ended: &[Ended]) -> QueryResult<usize> {
    use diesel::sql_types::{Bool, Nullable};
    diesel::sql_query(
        "UPDATE run_claims c SET status = CASE WHEN n.completed THEN 'COMPLETED' ELSE 'FAILED' END, \
         reconciliation_id = n.verdict FROM unnest($1, $2, $3, $4) AS n (run, claim, verdict, completed) \
         WHERE c.run_id = n.run AND c.affiliate_report_id = n.claim AND (c.status = 'PENDING' OR n.completed AND c.status = 'FAILED')",
    )
    .bind::<Array<BigInt>, _>(ended.iter().map(|e| e.run_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(ended.iter().map(|e| e.affiliate_report_id).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(ended.iter().map(|e| e.reconciliation_id).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(ended.iter().map(|e| e.completed).collect::<Vec<_>>())
    .execute(connection)
    .await
}

/// How many claims of a run have come to an end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub struct Progress {
    /// Which run.
    #[diesel(sql_type = BigInt)]
    pub run_id: i64,
    /// With an answer of the platform.
    #[diesel(sql_type = BigInt)]
    pub completed: i64,
    /// Without one.
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
}

/// The progress of these runs; those with no claim at an end are left out.
pub async fn list_progress(
    connection: &mut Connection,
    run_ids: &[i64],
) -> QueryResult<Vec<Progress>> {
    diesel::sql_query(
        "SELECT run_id, count(*) FILTER (WHERE status = 'COMPLETED') AS completed, \
         count(*) FILTER (WHERE status = 'FAILED') AS failed FROM run_claims WHERE run_id = ANY ($1) GROUP BY run_id",
    )
    .bind::<Array<BigInt>, _>(run_ids)
    .get_results(connection)
    .await
}

/// The runs out of these that are in the scope: an advertiser's campaigns, an affiliate's posts.
pub async fn list_visible(
    connection: &mut Connection,
    scope: Scope,
    ids: &[i64],
) -> QueryResult<Vec<Run>> {
    use super::schema::{campaigns, posts};
    let query = reconciliation_runs::table
        .filter(reconciliation_runs::id.eq_any(ids))
        .select(Run::as_select())
        .into_boxed();
    let query = match scope {
        Scope::All => query,
        Scope::Advertiser(id) => query.filter(
            reconciliation_runs::campaign_id.eq_any(
                campaigns::table
                    .filter(campaigns::advertiser_id.eq(id))
                    .select(campaigns::id),
            ),
        ),
        Scope::Affiliate(id) => query.filter(
            reconciliation_runs::post_id.eq_any(
                posts::table
                    .filter(posts::affiliate_id.eq(id))
                    .select(posts::id.nullable()),
            ),
        ),
    };
    query.load(connection).await
}
