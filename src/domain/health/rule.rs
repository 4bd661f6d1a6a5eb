//! When a circuit opens and closes, as functions of what is known and the time.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Seen, Tally};
use crate::db::platform_health::PlatformHealth;
use crate::model::CircuitState;

/// How long calls are counted together. The next window begins with the first call after it.
pub(super) const WINDOW: TimeDelta = TimeDelta::seconds(60);
/// With fewer calls in a window the circuit stays as it is: a few failures are no outage.
const LEAST_CALLS: i64 = 10;
/// After the circuit opened, how long until a call is tried; twice as long after each one that failed.
const FIRST_PROBE: TimeDelta = TimeDelta::seconds(30);
/// The longest time until a call is tried again.
pub(super) const LAST_PROBE: TimeDelta = TimeDelta::minutes(10);

/// The same with these calls counted. A closed circuit opens where too many failed, and at once, for the own credential only,
/// where that was refused. One that is open for the own credential opens for all where too many fail; whatever else is
/// counted leaves it open.
pub(super) fn counted(
    mut health: PlatformHealth,
    tally: &Tally,
    now: DateTime<Utc>,
) -> PlatformHealth {
    if !is_current(&health, now) {
        health.window_started_at = Some(now);
        health.successes = 0;
        health.failures = 0;
    }
    health.successes += tally.successes;
    health.failures += tally.failures;
    if tally.successes > 0 {
        health.last_success_at = Some(now);
    }
    if let Some(error) = &tally.last_error {
        health.last_error = Some(error.clone());
    }
    let calls = health.successes + health.failures;
    let is_too_much = calls >= LEAST_CALLS && health.failures * 2 > calls;
    let is_closed = health.circuit == CircuitState::Closed;
    if is_too_much && (is_closed || health.only_own) {
        open(&mut health, false, now);
    } else if tally.rejected && is_closed {
        open(&mut health, true, now);
    }
    health
}

/// Opens the circuit, for the own credential only or for all. Where it was open it has been so since then.
fn open(health: &mut PlatformHealth, only_own: bool, now: DateTime<Utc>) {
    health.circuit = CircuitState::Open;
    health.only_own = only_own;
    health.opened_at = health.opened_at.or(Some(now));
    health.failed_probes = 0;
    health.probe_at = Some(now + until_probe(0));
}

/// The same after the call that was tried, with the own credential or another one: if it failed, another one is tried later;
/// otherwise the circuit closes, and a new window begins. Where the own credential was refused the platform answers, so the
/// circuit stays open for that one only, and closes when it was answered, not when it was told to wait. A call that was none
/// leaves its turn to the next. Where somebody else has decided meanwhile it is a call as any other.
pub(super) fn tried(
    health: PlatformHealth,
    seen: Seen,
    is_own: bool,
    now: DateTime<Utc>,
) -> PlatformHealth {
    let (failed, rejected) = (seen.is_failure(), matches!(seen, Seen::Rejects(_)));
    let (limited, is_none) = (seen == Seen::Limits, seen == Seen::Nothing);
    let mut tally = Tally::default();
    tally.add(seen);
    let mut health = counted(health, &tally, now);
    if health.circuit != CircuitState::HalfOpen || (health.only_own && !is_own) {
        return health;
    }
    if is_none {
        health.circuit = CircuitState::Open;
        health.probe_at = Some(now);
    } else if failed {
        health.circuit = CircuitState::Open;
        if rejected && !health.only_own {
            // What failed before it answered again does not count against others.
            health.only_own = true;
            health.window_started_at = Some(now);
            health.successes = 0;
            health.failures = 0;
        }
        health.failed_probes += 1;
        health.probe_at = Some(now + until_probe(health.failed_probes));
    } else if limited && health.only_own {
        health.circuit = CircuitState::Open;
        health.probe_at = Some(now + until_probe(health.failed_probes));
    } else {
        health.circuit = CircuitState::Closed;
        health.only_own = false;
        health.opened_at = None;
        health.failed_probes = 0;
        health.probe_at = None;
        health.window_started_at = Some(now);
        health.successes = tally.successes;
        health.failures = 0;
    }
    health
}

/// Whether the window that was begun is not over. It may have begun by a clock that is a little ahead of this one.
pub(super) fn is_current(health: &PlatformHealth, now: DateTime<Utc>) -> bool {
    health
        .window_started_at
        .is_some_and(|began| (now - began).abs() < WINDOW)
}

/// How long until a call is tried, after so many that failed.
pub(super) fn until_probe(failed: i64) -> TimeDelta {
    // Five times twice as long is past the longest already.
    let doublings = u32::try_from(failed.clamp(0, 5)).unwrap_or(0);
    (FIRST_PROBE * 2_i32.pow(doublings)).min(LAST_PROBE)
}
