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

/// The same with these calls counted; a closed circuit opens where too many failed, and at once where this program's own
/// credential was refused.
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
    if health.circuit == CircuitState::Closed && (is_too_much || tally.rejected) {
        health.circuit = CircuitState::Open;
        health.opened_at = Some(now);
        health.failed_probes = 0;
        health.probe_at = Some(now + until_probe(0));
    }
    health
}

/// The same after the call that was tried: if it failed, another one is tried later; otherwise the circuit closes, and a new
/// window begins. Where somebody else has decided meanwhile it is a call as any other.
pub(super) fn tried(health: PlatformHealth, seen: Seen, now: DateTime<Utc>) -> PlatformHealth {
    let failed = seen.is_failure();
    let mut tally = Tally::default();
    tally.add(seen);
    let mut health = counted(health, &tally, now);
    if health.circuit != CircuitState::HalfOpen {
        return health;
    }
    if failed {
        health.circuit = CircuitState::Open;
        health.failed_probes += 1;
        health.probe_at = Some(now + until_probe(health.failed_probes));
    } else {
        health.circuit = CircuitState::Closed;
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
