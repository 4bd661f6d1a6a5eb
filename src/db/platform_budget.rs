//! How much may still be asked of each platform with each credential, as all processes know it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Double, Nullable, Text};
use diesel_async::RunQueryDsl;

use super::Connection;
use super::schema::platform_budgets;
use crate::model::PlatformKind;

/// What asking for a call came to.
#[derive(Debug, Clone, Copy, PartialEq, QueryableByName)]
pub struct Taken {
    /// Whether the platform's circuit is not closed. Then a call that need not wait is one to be tried, by whoever claims it.
    #[diesel(sql_type = Bool)]
    pub is_open: bool,
    /// In how many seconds to ask again; none where the call was taken.
    #[diesel(sql_type = Nullable<Double>)]
    pub wait: Option<f64>,
}

/// Takes one of the calls that all processes together may make with a credential.
pub async fn take(
    connection: &mut Connection,
    platform: PlatformKind,
    credential: &str,
) -> QueryResult<Taken> {
    diesel::sql_query("SELECT is_open, wait FROM take_platform_call($1, $2)")
        .bind::<Text, _>(platform)
        .bind::<Text, _>(credential)
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

/// How much may still be asked with a credential.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = platform_budgets, check_for_backend(diesel::pg::Pg))]
pub struct Budget {
    /// Of which platform.
    pub platform: PlatformKind,
    /// Calls that are left until `resets_at`; none where the platform does not say.
    pub remaining: Option<i64>,
    /// When there are more.
    pub resets_at: Option<DateTime<Utc>>,
    /// Until when the platform asked to be left alone.
    pub snoozed_until: Option<DateTime<Utc>>,
}

/// Every platform's budget of a credential, where anything is known of it.
pub async fn list(connection: &mut Connection, credential: &str) -> QueryResult<Vec<Budget>> {
    platform_budgets::table
        .filter(platform_budgets::credential.eq(credential))
        .select(Budget::as_select())
        .load(connection)
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
