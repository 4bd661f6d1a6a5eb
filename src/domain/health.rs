//! Whether a platform can be asked now, and what its calls show of it.
//!
//! Two things hold a call back, and both are rows that all processes share. The **budget** of a credential is what the
//! platform itself tells: how many calls are left, until when it wants to be left alone. What it tells the own credential of
//! the whole registration, and for how long a server that fails asks to wait, holds back every credential. Each request to the
//! platform's API takes one from the budget: the first of a call by its [`permit`], the further ones by its [`gate()`].
//!
//! The **circuit** of a platform is what its calls show: where more than half of at least ten calls within a window of a minute
//! failed it opens, and nothing is asked. After 30 s one call is tried; if that fails, too, after a minute the next one, and so
//! on, twice as long each time and ten minutes at most; if it is answered the circuit closes. It opens at once where a call was
//! told that this program's own credential does not hold; but then the platform answers, so what is asked with affiliates'
//! credentials goes on, and only an answer to the own one closes it. Whoever is held back waits and loses nothing by it: nobody
//! is judged on a platform that fails.
//!
//! An open circuit is one alert to operators. It is resolved when the circuit closes, by the same transaction.

mod budget;
mod degraded;
mod gate;
mod leave;
mod rule;
mod standing;
#[cfg(test)]
mod tests;

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection as _;

pub use self::budget::{Alone, alone, is_used_up, note};
use self::degraded::{raise, withdraw};
pub use self::gate::gate;
pub use self::leave::Leave;
use self::rule::{counted, tried};
pub use self::standing::{Health, LinkedCredentials, list};
use crate::app::App;
use crate::db::platform_budget;
use crate::db::platform_health::{self, PlatformHealth};
use crate::error::Error;
use crate::events::ALERT_EVENTS;
use crate::model::{CircuitState, PlatformKind};
use crate::platform::{Limit, PlatformError};

/// The name of this program's own credential. Those of affiliates have other names.
pub const OWN: &str = "own";
/// The name under which is kept what holds for this program's whole registration, as in the migrations.
pub const REGISTRATION: &str = "app";

/// Whoever tries a call and is not heard of for so long is taken for dead.
const PROBE_LEASE: Duration = Duration::from_mins(1);
/// Who comes just behind the one that tries a call waits so long before asking again.
const PROBE_TURN: Duration = Duration::from_secs(5);
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
    let taken = platform_budget::take(&mut connection, platform, credential, false).await?;
    if let Some(wait) = taken.wait {
        return Ok(Permit::Wait(seconds(wait)));
    }
    if !taken.is_open {
        return Ok(Permit::Granted);
    }
    let lease = PROBE_LEASE.as_secs_f64();
    let is_own = credential == OWN;
    if may_probe && platform_health::claim_probe(&mut connection, platform, is_own, lease).await? {
        return Ok(Permit::Probe);
    }
    Ok(Permit::Wait(PROBE_TURN))
}

/// A wait that the database or the platform told, within reason.
fn seconds(wait: f64) -> Duration {
    let (least, most) = WAIT_SECONDS;
    Duration::from_secs_f64(wait.clamp(least, most))
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
    /// Nothing, because it was not asked.
    Nothing,
    /// It fails; with the last of its errors, fit to store.
    Fails(String),
    /// It does not take this program's own credential, which each further call would be told as well.
    Rejects(String),
}

impl Seen {
    /// What a call with this credential showed, by what came of each post that it asked for: an error, or none. It fails
    /// where most of them failed. What this program held back itself is left aside: where nothing else is left, whatever was
    /// asked before it was answered. Whether anything was is for [`Seen::by`] to say.
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
                Some(PlatformError::RateLimited {
                    limit: Limit::Program,
                    ..
                }) => {}
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
            _ if answered == 0 && limited > 0 => Self::Limits,
            _ => Self::Answers,
        }
    }

    /// What the call showed, given how many requests to the API it was: what was said without asking says nothing of the
    /// platform, unless it is that it cannot be asked.
    #[must_use]
    pub fn by(self, requests: u32) -> Self {
        match self {
            Self::Answers | Self::Limits if requests == 0 => Self::Nothing,
            seen => seen,
        }
    }

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
    /// Counts one more. One that was limited shows nothing. One whose credential was refused was answered as little as it
    /// failed: it is noted by itself.
    pub fn add(&mut self, seen: Seen) {
        match seen {
            Seen::Answers => self.successes += 1,
            Seen::Limits | Seen::Nothing => {}
            Seen::Fails(error) => {
                self.failures += 1;
                self.last_error = Some(error);
            }
            Seen::Rejects(error) => {
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

/// A circuit that is not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// How long until a call is tried.
    pub wait: Duration,
    /// Whether only calls with this program's own credential are held back.
    pub only_own: bool,
}

impl Open {
    /// Whether it holds back what is asked with this credential.
    #[must_use]
    pub fn holds(self, credential: &str) -> bool {
        !self.only_own || credential == OWN
    }
}

/// Writes what calls showed, and opens the circuit where too many failed. Gives the circuit where it is open.
///
/// # Errors
/// The database failed; nothing was written.
pub async fn record(
    app: &App,
    platform: PlatformKind,
    tally: &Tally,
) -> Result<Option<Open>, Error> {
    change(app, platform, |health, now| counted(health, tally, now)).await
}

/// Writes what one call with a credential showed, made by this permit: as [`record`], and where it was the one that was tried,
/// it decides whether the circuit closes.
///
/// # Errors
/// The database failed; nothing was written.
pub async fn saw(
    app: &App,
    platform: PlatformKind,
    credential: &str,
    permit: Permit,
    seen: Seen,
) -> Result<Option<Open>, Error> {
    let is_own = credential == OWN;
    match permit {
        Permit::Probe => {
            change(app, platform, |health, now| {
                tried(health, seen, is_own, now)
            })
            .await
        }
        Permit::Granted | Permit::Wait(_) => {
            let mut tally = Tally::default();
            tally.add(seen);
            if tally.is_empty() {
                return Ok(None);
            }
            record(app, platform, &tally).await
        }
    }
}

async fn change(
    app: &App,
    platform: PlatformKind,
    apply: impl FnOnce(PlatformHealth, DateTime<Utc>) -> PlatformHealth + Send,
) -> Result<Option<Open>, Error> {
    let mut connection = app.db.get().await?;
    let (health, has_news) = connection
        .transaction::<_, Error, _>(async |connection| {
            let before = platform_health::lock(connection, platform).await?;
            let now = app.clock.now();
            let (circuit, opened_at) = (before.circuit, before.opened_at);
            let only_own = before.only_own;
            let after = apply(before, now);
            platform_health::update(connection, &after).await?;
            let has_news = match (circuit, after.circuit) {
                (CircuitState::Closed, CircuitState::Open) => {
                    raise(connection, &after, now).await?
                }
                (CircuitState::HalfOpen, CircuitState::Closed) => {
                    withdraw(connection, platform, opened_at, now).await?
                }
                // What is wrong is another thing now; the alert that there is says so.
                (CircuitState::Open | CircuitState::HalfOpen, CircuitState::Open)
                    if only_own != after.only_own =>
                {
                    raise(connection, &after, now).await?
                }
                _ => false,
            };
            Ok((after, has_news))
        })
        .await?;
    if has_news {
        app.events.hint(ALERT_EVENTS);
    }
    Ok(health.probe_at.map(|at| Open {
        wait: (at - app.clock.now()).to_std().unwrap_or(PROBE_TURN),
        only_own: health.only_own,
    }))
}
