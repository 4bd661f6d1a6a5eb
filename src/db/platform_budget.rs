//! How much may still be asked of each platform with each credential, as all processes know it.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Double, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::Connection;
use super::schema::platform_budgets;
use crate::model::PlatformKind;

/// What asking for a call came to.
#[derive(Debug, Clone, Copy, PartialEq, QueryableByName)]
pub struct Taken {
    /// Whether the platform's circuit holds this credential back. Then a call that need not wait is one to be tried, by
    /// whoever claims it.
    #[diesel(sql_type = Bool)]
    pub is_open: bool,
    /// In how many seconds to ask again; none where the call was taken.
    #[diesel(sql_type = Nullable<Double>)]
    pub wait: Option<f64>,
}

/// Takes one of the calls that all processes together may make with a credential. Whoever tries a call while the circuit is
/// open passes it with the further requests of that call (`past_circuit`).
pub async fn take(
    connection: &mut Connection,
    platform: PlatformKind,
    credential: &str,
    past_circuit: bool,
) -> QueryResult<Taken> {
    diesel::sql_query("SELECT is_open, wait FROM take_platform_call($1, $2, $3)")
        .bind::<Text, _>(platform)
        .bind::<Text, _>(credential)
        .bind::<Bool, _>(past_circuit)
        .get_result(connection)
        .await
}

/// What a platform told of a credential.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Told {
    /// Calls that are left, and in how many seconds there are more.
    pub remaining: Option<(i64, f64)>,
    /// For how many seconds it asked to be left alone.
    pub snooze: Option<f64>,
}

/// Keeps what a platform told. Calls are made side by side and their answers come in any order, so within one window the
/// least that was told counts; a window that ends later takes the place of the one before, and an answer from an earlier
/// one is left aside. Windows that end within 5 s of each other are the same one: platforms tell it in whole seconds.
pub async fn note(
    connection: &mut Connection,
    platform: PlatformKind,
    credential: &str,
    told: Told,
) -> QueryResult<usize> {
    let (remaining, resets_in) = told.remaining.unzip();
    diesel::sql_query(
        "INSERT INTO platform_budgets AS b (platform, credential, remaining, resets_at, snoozed_until, updated_at) \
         SELECT $1, $2, $3, n.at + make_interval(secs => $4), n.at + make_interval(secs => $5), n.at \
         FROM (SELECT countersign_now() AS at) n \
         ON CONFLICT ON CONSTRAINT platform_budgets_pkey DO UPDATE SET \
         (remaining, resets_at) = (SELECT \
             CASE w.told WHEN 'later' THEN excluded.remaining \
                 WHEN 'same' THEN least(b.remaining, excluded.remaining) ELSE b.remaining END, \
             CASE w.told WHEN 'later' THEN excluded.resets_at ELSE b.resets_at END \
             FROM (SELECT CASE \
                 WHEN excluded.resets_at IS NULL THEN 'nothing' \
                 WHEN b.resets_at IS NULL OR b.resets_at <= excluded.updated_at THEN 'later' \
                 WHEN excluded.resets_at > b.resets_at + interval '5 seconds' THEN 'later' \
                 WHEN excluded.resets_at < b.resets_at - interval '5 seconds' THEN 'earlier' \
                 ELSE 'same' END AS told) w), \
         snoozed_until = greatest(b.snoozed_until, excluded.snoozed_until), updated_at = excluded.updated_at",
    )
    .bind::<Text, _>(platform)
    .bind::<Text, _>(credential)
    .bind::<Nullable<BigInt>, _>(remaining)
    .bind::<Nullable<Double>, _>(resets_in)
    .bind::<Nullable<Double>, _>(told.snooze)
    .execute(connection)
    .await
}

/// Whether the platform has told that a credential may ask nothing now: it has used up its calls, or is to be left alone.
pub async fn is_used_up(
    connection: &mut Connection,
    platform: PlatformKind,
    credential: &str,
) -> QueryResult<bool> {
    let now = sql::<Nullable<Timestamptz>>("countersign_now()");
    let is_over = platform_budgets::remaining
        .eq(0)
        .and(platform_budgets::resets_at.gt(now.clone()))
        .or(platform_budgets::snoozed_until.gt(now));
    let row = platform_budgets::table.find((platform, credential));
    diesel::select(exists(row.filter(is_over)))
        .get_result(connection)
        .await
}

/// How a platform's budgets stand: that of this program's own credential, that of its registration, and how many of the
/// affiliates' credentials can be used.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Standing {
    /// Of which platform.
    #[diesel(sql_type = Text)]
    pub platform: PlatformKind,
    /// Calls that are left to the own credential until `resets_at`; none where the platform does not say.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub remaining: Option<i64>,
    /// When there are more.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub resets_at: Option<DateTime<Utc>>,
    /// Until when the platform asked to leave it alone with the own credential.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub snoozed_until: Option<DateTime<Utc>>,
    /// Until when the whole registration may ask nothing, where that was ever so.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub registration_until: Option<DateTime<Utc>>,
    /// Linked credentials whose token works as far as is known.
    #[diesel(sql_type = BigInt)]
    pub working: i64,
    /// Those whose token is past its time.
    #[diesel(sql_type = BigInt)]
    pub expired: i64,
    /// Those whose token the platform does not accept.
    #[diesel(sql_type = BigInt)]
    pub revoked: i64,
    /// Those whose token lacks a permission.
    #[diesel(sql_type = BigInt)]
    pub insufficient: i64,
    /// Those, in whatever state, whose own budget is used up or which are to be left alone now.
    #[diesel(sql_type = BigInt)]
    pub waiting: i64,
}

/// How the budgets of every platform stand at a time; `own` and `registration` are the names under which two of them are kept.
pub async fn list_standings(
    connection: &mut Connection,
    own: &str,
    registration: &str,
    now: DateTime<Utc>,
) -> QueryResult<Vec<Standing>> {
    diesel::sql_query(
        "SELECT p.kind AS platform, own.remaining, own.resets_at, own.snoozed_until, \
             greatest(CASE WHEN app.remaining = 0 THEN app.resets_at END, app.snoozed_until) AS registration_until, \
             coalesce(l.working, 0) AS working, coalesce(l.expired, 0) AS expired, coalesce(l.revoked, 0) AS revoked, \
             coalesce(l.insufficient, 0) AS insufficient, coalesce(l.waiting, 0) AS waiting \
         FROM platforms p \
         LEFT JOIN platform_budgets own ON own.platform = p.kind AND own.credential = $1 \
         LEFT JOIN platform_budgets app ON app.platform = p.kind AND app.credential = $2 \
         LEFT JOIN (SELECT c.platform, \
             count(*) FILTER (WHERE c.state = 'WORKING' AND (c.expires_at > $3 OR c.expires_at IS NULL)) AS working, \
             count(*) FILTER (WHERE c.state = 'EXPIRED' OR (c.state = 'WORKING' AND c.expires_at <= $3)) AS expired, \
             count(*) FILTER (WHERE c.state = 'REVOKED') AS revoked, \
             count(*) FILTER (WHERE c.state = 'INSUFFICIENT') AS insufficient, \
             count(*) FILTER (WHERE (b.remaining = 0 AND b.resets_at > $3) OR b.snoozed_until > $3) AS waiting \
             FROM platform_credentials c \
             LEFT JOIN platform_budgets b ON b.platform = c.platform AND b.credential = 'credential:' || c.id \
             WHERE c.unlinked_at IS NULL GROUP BY c.platform) l ON l.platform = p.kind \
         ORDER BY p.kind",
    )
    .bind::<Text, _>(own)
    .bind::<Text, _>(registration)
    .bind::<Timestamptz, _>(now)
    .get_results(connection)
    .await
}

/// Forgets what was told of a credential, which another one has taken the place of.
pub async fn forget(
    connection: &mut Connection,
    platform: PlatformKind,
    credential: &str,
) -> QueryResult<usize> {
    diesel::delete(platform_budgets::table.find((platform, credential)))
        .execute(connection)
        .await
}
