//! How platforms are, for operators.

use bigdecimal::{BigDecimal, RoundingMode};
use chrono::{DateTime, Utc};

use super::rule::is_current;
use super::{OWN, REGISTRATION};
use crate::app::App;
use crate::db::platform_budget::{self, Standing};
use crate::db::platform_health::{self, PlatformHealth};
use crate::error::Error;
use crate::model::{CircuitState, PlatformKind};

/// How a platform is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Which platform.
    pub platform: PlatformKind,
    /// Whether it is asked.
    pub circuit: CircuitState,
    /// When a call was answered last.
    pub last_success_at: Option<DateTime<Utc>>,
    /// What the latest call that failed was told.
    pub last_error: Option<String>,
    /// The share of the calls in the current window that failed, 0.0000 to 1.0000; none where none was made in it.
    pub error_rate: Option<BigDecimal>,
    /// Calls that are left to this program's own credential in the platform's window; none where the platform did not say.
    pub remaining_budget: Option<i64>,
    /// When that window ends.
    pub resets_at: Option<DateTime<Utc>>,
    /// Until when nothing is asked with the own credential; none where it may be.
    pub waiting_until: Option<DateTime<Utc>>,
    /// The affiliates' credentials.
    pub linked: LinkedCredentials,
}

/// How many credentials of affiliates are linked on a platform, by what is known of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkedCredentials {
    /// Their tokens work as far as is known.
    pub working: i64,
    /// Their tokens are past their time.
    pub expired: i64,
    /// The platform does not accept their tokens.
    pub revoked: i64,
    /// Their tokens lack a permission.
    pub insufficient: i64,
    /// Of all of these, those whose own budget is used up now, or which the platform asked to leave alone.
    pub waiting: i64,
}

/// How every platform is.
///
/// # Errors
/// The database failed.
pub async fn list(app: &App) -> Result<Vec<Health>, Error> {
    let mut connection = app.db.get().await?;
    let now = app.clock.now();
    let rows = platform_health::list(&mut connection).await?;
    let standings =
        platform_budget::list_standings(&mut connection, OWN, REGISTRATION, now).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let platform = row.platform;
            let standing = standings
                .iter()
                .find(|standing| standing.platform == platform);
            health(row, standing, now)
        })
        .collect())
}

fn health(row: PlatformHealth, standing: Option<&Standing>, now: DateTime<Utc>) -> Health {
    Health {
        platform: row.platform,
        circuit: row.circuit,
        error_rate: error_rate(&row, now),
        remaining_budget: standing.and_then(|standing| left(standing, now)),
        resets_at: standing
            .and_then(|standing| standing.resets_at)
            .filter(|at| *at > now),
        waiting_until: waiting_until(&row, standing, now),
        linked: standing.map(linked).unwrap_or_default(),
        last_success_at: row.last_success_at,
        last_error: row.last_error,
    }
}

pub(super) fn error_rate(health: &PlatformHealth, now: DateTime<Utc>) -> Option<BigDecimal> {
    let calls = health.successes + health.failures;
    (calls > 0 && is_current(health, now)).then(|| {
        (BigDecimal::from(health.failures) / BigDecimal::from(calls))
            .with_scale_round(4, RoundingMode::HalfUp)
    })
}

pub(super) fn left(standing: &Standing, now: DateTime<Utc>) -> Option<i64> {
    let waits = [standing.snoozed_until, standing.registration_until];
    if waits.into_iter().flatten().any(|until| until > now) {
        return Some(0);
    }
    standing
        .remaining
        .filter(|_| standing.resets_at.is_some_and(|at| at > now))
}

/// Until when what is asked with the own credential waits: for the platform, for its window, and for the circuit.
pub(super) fn waiting_until(
    health: &PlatformHealth,
    standing: Option<&Standing>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let told = standing.map(|standing| {
        [
            standing.snoozed_until,
            standing.registration_until,
            standing.resets_at.filter(|_| standing.remaining == Some(0)),
        ]
    });
    told.into_iter()
        .flatten()
        .flatten()
        .chain(health.probe_at)
        .filter(|until| *until > now)
        .max()
}

fn linked(standing: &Standing) -> LinkedCredentials {
    LinkedCredentials {
        working: standing.working,
        expired: standing.expired,
        revoked: standing.revoked,
        insufficient: standing.insufficient,
        waiting: standing.waiting,
    }
}
