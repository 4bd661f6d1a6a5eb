//! Whether each platform answers: its circuit, and the calls of the current window. Every platform has its row.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Text};
use diesel_async::RunQueryDsl;

use super::Connection;
use super::schema::platform_health;
use crate::model::{CircuitState, PlatformKind};

/// How a platform's calls went.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable, PartialEq, Eq)]
#[diesel(table_name = platform_health, primary_key(platform), check_for_backend(diesel::pg::Pg))]
pub struct PlatformHealth {
    /// Which platform.
    pub platform: PlatformKind,
    /// Whether it is asked.
    pub circuit: CircuitState,
    /// Since when the circuit is not closed.
    pub opened_at: Option<DateTime<Utc>>,
    /// When a call may be tried next; while one is tried, when whoever tries it is taken for dead.
    pub probe_at: Option<DateTime<Utc>>,
    /// How many calls were tried in vain since the circuit opened.
    pub failed_probes: i64,
    /// When the current window began; none before the first call.
    pub window_started_at: Option<DateTime<Utc>>,
    /// Calls in the window that were answered.
    pub successes: i64,
    /// Calls in the window that failed.
    pub failures: i64,
    /// When a call was answered last.
    pub last_success_at: Option<DateTime<Utc>>,
    /// What the latest call that failed was told.
    pub last_error: Option<String>,
    /// Whether a circuit that is not closed holds back only what is asked with this program's own credential.
    pub only_own: bool,
}

/// Every platform's.
pub async fn list(connection: &mut Connection) -> QueryResult<Vec<PlatformHealth>> {
    platform_health::table
        .order(platform_health::platform.asc())
        .select(PlatformHealth::as_select())
        .load(connection)
        .await
}

/// Locks a platform's. No other lock but those of alerts is taken after it.
pub async fn lock(
    connection: &mut Connection,
    platform: PlatformKind,
) -> QueryResult<PlatformHealth> {
    platform_health::table
        .find(platform)
        .select(PlatformHealth::as_select())
        .for_no_key_update()
        .first(connection)
        .await
}

/// Writes a platform's.
pub async fn update(connection: &mut Connection, health: &PlatformHealth) -> QueryResult<usize> {
    diesel::update(platform_health::table.find(health.platform))
        .set((
            platform_health::circuit.eq(health.circuit),
            platform_health::opened_at.eq(health.opened_at),
            platform_health::probe_at.eq(health.probe_at),
            platform_health::failed_probes.eq(health.failed_probes),
            platform_health::window_started_at.eq(health.window_started_at),
            platform_health::successes.eq(health.successes),
            platform_health::failures.eq(health.failures),
            platform_health::last_success_at.eq(health.last_success_at),
            platform_health::last_error.eq(&health.last_error),
            platform_health::only_own.eq(health.only_own),
        ))
        .execute(connection)
        .await
}

/// Claims the one call that may be tried now, and says whether it is the caller's, who asks with this program's own credential
/// or not. Whoever is not heard of for `lease_seconds` loses it to the next.
pub async fn claim_probe(
    connection: &mut Connection,
    platform: PlatformKind,
    is_own: bool,
    lease_seconds: f64,
) -> QueryResult<bool> {
    let claimed = diesel::sql_query(
        "UPDATE platform_health SET circuit = 'HALF_OPEN', probe_at = countersign_now() + make_interval(secs => $2) \
         WHERE platform = $1 AND circuit <> 'CLOSED' AND ($3 OR NOT only_own) \
         AND probe_at <= countersign_now() + (clock_timestamp() - now())",
    )
    .bind::<Text, _>(platform)
    .bind::<Double, _>(lease_seconds)
    .bind::<Bool, _>(is_own)
    .execute(connection)
    .await?;
    Ok(claimed > 0)
}

/// Lets a call be tried at once where the circuit is open: what it failed on may have been changed.
pub async fn hasten_probe(
    connection: &mut Connection,
    platform: PlatformKind,
) -> QueryResult<usize> {
    diesel::sql_query(
        "UPDATE platform_health SET probe_at = countersign_now() WHERE platform = $1 AND circuit = 'OPEN'",
    )
    .bind::<Text, _>(platform)
    .execute(connection)
    .await
}
