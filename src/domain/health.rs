//! Whether a platform can be asked now, and what its calls show of it.
//!
//! Two things hold a call back, and both are rows that all processes share. The **budget** of a credential is what the
//! platform itself tells: how many calls are left, until when it wants to be left alone. The **circuit** of a platform is
//! what its calls show: where more than half of at least ten calls within a window of a minute failed, or one was told that
//! this program's own credential does not hold, it opens and nothing is asked. After 30 s one call is tried; if that fails, too, after a minute the next one, and so on, twice as
//! long each time and ten minutes at most; if it is answered the circuit closes. Whoever is held back waits and loses
//! nothing by it: nobody is judged on a platform that fails.
//!
//! An open circuit is one alert to operators. It is resolved when the circuit closes, by the same transaction.

mod degraded;
mod rule;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bigdecimal::{BigDecimal, RoundingMode};
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection as _;

use self::degraded::{raise, withdraw};
use self::rule::{counted, is_current, tried};
use crate::app::App;
use crate::db::platform_budget::{self, Budget, Told};
use crate::db::platform_health::{self, PlatformHealth};
use crate::error::Error;
use crate::events::ALERT_EVENTS;
use crate::model::{CircuitState, PlatformKind};
use crate::platform::{PlatformError, Usage};

/// The name of this program's own credential. Those of affiliates have other names.
pub const OWN: &str = "own";

/// Whoever tries a call and is not heard of for so long is taken for dead.
const PROBE_LEASE: Duration = Duration::from_mins(1);
/// Who comes just behind the one that tries a call waits so long before asking again.
const PROBE_TURN: Duration = Duration::from_secs(5);
/// How long a credential is left alone where the platform asks to wait and does not say how long.
const SNOOZE: Duration = Duration::from_secs(30);
/// How long a credential is left alone that has used up all it may where the platform does not say how long. The Graph API
/// counts over a sliding hour, so there is a little more each minute.
const USED_UP: Duration = Duration::from_mins(1);
/// A platform that asks to wait is left alone for so long at least, also where it says that the time is over.
pub const LEAST_WAIT: Duration = Duration::from_secs(5);
/// Seconds that are waited at least and at most before asking again.
const WAIT_SECONDS: (f64, f64) = (0.05, 86_400.0);

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// It may.
    Granted,
    /// The circuit is open and this is the one call that is tried: what it shows must be told to [`saw`].
    Probe,
    /// Not now: ask again after so long.
    Wait(Duration),
}

/// Asks to make a call with a credential. `may_probe` says whether the call is fit to be the one that is tried while the
/// circuit is open.
///
/// # Errors
/// The database failed.
pub async fn permit(
    app: &App,
    platform: PlatformKind,
    credential: &str,
    may_probe: bool,
) -> Result<Permit, Error> {
    let mut connection = app.db.get().await?;
    let taken = platform_budget::take(&mut connection, platform, credential).await?;
    if let Some(seconds) = taken.wait {
        let (least, most) = WAIT_SECONDS;
        let wait = Duration::from_secs_f64(seconds.clamp(least, most));
        return Ok(Permit::Wait(wait));
    }
    if !taken.is_open {
        return Ok(Permit::Granted);
    }
    let lease = PROBE_LEASE.as_secs_f64();
    if may_probe && platform_health::claim_probe(&mut connection, platform, lease).await? {
        return Ok(Permit::Probe);
    }
    Ok(Permit::Wait(PROBE_TURN))
}

/// Keeps what a platform told of a credential: its usage, and for how long it wants to be left alone.
///
/// # Errors
/// The database failed.
pub async fn note(
    app: &App,
    platform: PlatformKind,
    credential: &str,
    usage: Option<Usage>,
    alone: Option<Duration>,
) -> Result<(), Error> {
    let told = Told {
        remaining: usage.and_then(remaining),
        snooze: alone.map(|alone| alone.as_secs_f64()),
    };
    if told == Told::default() {
        return Ok(());
    }
    let mut connection = app.db.get().await?;
    platform_budget::note(&mut connection, platform, credential, told).await?;
    Ok(())
}

/// How many calls are left and for how many seconds. Of a percentage nothing follows but that there is nothing left.
fn remaining(usage: Usage) -> Option<(i64, f64)> {
    match (usage.remaining, usage.resets_in) {
        (Some(left), Some(resets_in)) => {
            let left = i64::try_from(left).unwrap_or(i64::MAX);
            Some((left, resets_in.as_secs_f64()))
        }
        _ if usage.used_percent.is_some_and(|used| used >= 100) => {
            Some((0, usage.resets_in.unwrap_or(USED_UP).as_secs_f64()))
        }
        _ => None,
    }
}

/// For how long a platform wants to be left alone by these errors.
pub fn alone<'a>(errors: impl IntoIterator<Item = &'a PlatformError>) -> Option<Duration> {
    errors
        .into_iter()
        .filter_map(|error| match error {
            PlatformError::RateLimited { retry_after, .. } => {
                Some(retry_after.unwrap_or(SNOOZE).max(LEAST_WAIT))
            }
            _ => None,
        })
        .max()
}

/// Whether an error is the platform's failure, and not about what was asked. That it does not take this program's own
/// credential is one, too, since it concerns every post.
#[must_use]
pub fn is_failure(error: &PlatformError, credential: &str) -> bool {
    match error {
        PlatformError::Unreachable { .. } => true,
        PlatformError::Unauthorised { .. } => credential == OWN,
        PlatformError::RateLimited { .. } | PlatformError::Refused { .. } => false,
    }
}

/// What one call showed of its platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It answers.
    Answers,
    /// It wants to be left alone, and has answered nothing. That is no failure.
    Limits,
    /// It fails; with the last of its errors, fit to store.
    Fails(String),
    /// It does not take this program's own credential, which each further call would be told as well.
    Rejects(String),
}

impl Seen {
    /// What a call with this credential showed, by what came of each post that it asked for: an error, or none. It fails
    /// where most of them failed.
    pub fn of<'a>(
        outcomes: impl IntoIterator<Item = Option<&'a PlatformError>>,
        credential: &str,
    ) -> Self {
        let (mut answered, mut limited, mut failed) = (0_usize, 0_usize, 0_usize);
        let mut last = None;
        for outcome in outcomes {
            match outcome {
                Some(error) if is_failure(error, credential) => {
                    failed += 1;
                    last = Some(error);
                }
                Some(PlatformError::RateLimited { .. }) => limited += 1,
                _ => answered += 1,
            }
        }
        let rejects = |error: &PlatformError| matches!(error, PlatformError::Unauthorised { .. });
        match last {
            Some(error) if failed > answered + limited && rejects(error) => {
                Self::Rejects(error.to_string())
            }
            Some(error) if failed > answered + limited => Self::Fails(error.to_string()),
            _ if answered > 0 => Self::Answers,
            _ => Self::Limits,
        }
    }
}

impl Seen {
    /// Whether the call failed.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Fails(_) | Self::Rejects(_))
    }
}

/// Calls that were not written down yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    successes: i64,
    failures: i64,
    /// Whether this program's own credential was refused.
    rejected: bool,
    last_error: Option<String>,
}

impl Tally {
    /// Counts one more. One that was limited shows nothing.
    pub fn add(&mut self, seen: Seen) {
        match seen {
            Seen::Answers => self.successes += 1,
            Seen::Limits => {}
            Seen::Fails(error) => {
                self.failures += 1;
                self.last_error = Some(error);
            }
            Seen::Rejects(error) => {
                self.failures += 1;
                self.rejected = true;
                self.last_error = Some(error);
            }
        }
    }

    /// Whether there is nothing to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Writes what calls showed, and opens the circuit where too many failed. Gives how long it stays open; none where it is
/// closed.
///
/// # Errors
/// The database failed; nothing was written.
pub async fn record(
    app: &App,
    platform: PlatformKind,
    tally: &Tally,
) -> Result<Option<Duration>, Error> {
    change(app, platform, |health, now| counted(health, tally, now)).await
}

/// Writes what one call showed, made by this permit: as [`record`], and where it was the one that was tried, it decides
/// whether the circuit closes.
///
/// # Errors
/// The database failed; nothing was written.
pub async fn saw(
    app: &App,
    platform: PlatformKind,
    permit: Permit,
    seen: Seen,
) -> Result<Option<Duration>, Error> {
    match permit {
        Permit::Probe => change(app, platform, |health, now| tried(health, seen, now)).await,
        Permit::Granted | Permit::Wait(_) => {
            let mut tally = Tally::default();
            tally.add(seen);
            record(app, platform, &tally).await
        }
    }
}

async fn change(
    app: &App,
    platform: PlatformKind,
    apply: impl FnOnce(PlatformHealth, DateTime<Utc>) -> PlatformHealth + Send,
) -> Result<Option<Duration>, Error> {
    let mut connection = app.db.get().await?;
    let (health, has_news) = connection
        .transaction::<_, Error, _>(async |connection| {
            let before = platform_health::lock(connection, platform).await?;
            let now = app.clock.now();
            let (circuit, opened_at) = (before.circuit, before.opened_at);
            let after = apply(before, now);
            platform_health::update(connection, &after).await?;
            let has_news = match (circuit, after.circuit) {
                (CircuitState::Closed, CircuitState::Open) => {
                    raise(connection, &after, now).await?
                }
                (CircuitState::HalfOpen, CircuitState::Closed) => {
                    withdraw(connection, platform, opened_at, now).await?
                }
                _ => false,
            };
            Ok((after, has_news))
        })
        .await?;
    if has_news {
        app.events.hint(ALERT_EVENTS);
    }
    Ok(health
        .probe_at
        .map(|at| (at - app.clock.now()).to_std().unwrap_or(PROBE_TURN)))
}

/// How a platform is, for operators.
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
}

/// How every platform is.
///
/// # Errors
/// The database failed.
pub async fn list(app: &App) -> Result<Vec<Health>, Error> {
    let mut connection = app.db.get().await?;
    let rows = platform_health::list(&mut connection).await?;
    let budgets = platform_budget::list(&mut connection, OWN).await?;
    let now = app.clock.now();
    Ok(rows
        .into_iter()
        .map(|row| Health {
            platform: row.platform,
            circuit: row.circuit,
            error_rate: error_rate(&row, now),
            remaining_budget: budgets
                .iter()
                .find(|budget| budget.platform == row.platform)
                .and_then(|budget| left(budget, now)),
            last_success_at: row.last_success_at,
            last_error: row.last_error,
        })
        .collect())
}

fn error_rate(health: &PlatformHealth, now: DateTime<Utc>) -> Option<BigDecimal> {
    let calls = health.successes + health.failures;
    (calls > 0 && is_current(health, now)).then(|| {
        (BigDecimal::from(health.failures) / BigDecimal::from(calls))
            .with_scale_round(4, RoundingMode::HalfUp)
    })
}

fn left(budget: &Budget, now: DateTime<Utc>) -> Option<i64> {
    if budget.snoozed_until.is_some_and(|until| until > now) {
        return Some(0);
    }
    budget
        .remaining
        .filter(|_| budget.resets_at.is_some_and(|at| at > now))
}
