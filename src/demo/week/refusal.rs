//! The hours in which one platform refuses this server's own credential.
//!
//! Its circuit opens with the first call that is told so, and every check that is due there has to wait until it closes: it
//! loses no attempt, and nobody is judged. Operators hear of it once, and once more when it is over. All of that is looked up
//! here, in the queue before and after those hours, and by the API at the end.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::clock::WeekClock;
use super::weather::REFUSING;
use crate::db::queue::Waiting;
use crate::demo::client::{Caller, text};
use crate::error::Error;
use crate::model::PlatformKind;
use crate::simulator::World;

/// The clocks are set by one another. After the look before those hours, and after the one at their end, nothing happens for
/// longer than that: the next hour is that of the next step.
const SLACK_MS: i64 = 60_000;

const ALERTS: &str = "{ alerts(first: 100, filter: { kind: [PLATFORM_DEGRADED] }) { nodes { \
    message status occurrences createdAt resolvedAt resolvedBy } } }";

/// What there was before those hours.
#[derive(Debug)]
pub(super) struct Begun {
    at_ms: i64,
    waiting: Vec<Waiting>,
}

impl Begun {
    /// Looks what there is now.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn look(clock: &WeekClock<'_>, world: &World) -> Result<Self, Error> {
        Ok(Self {
            at_ms: world.now_ms(),
            waiting: clock.checks_on(REFUSING).await?,
        })
    }

    /// Looks what has become of it.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn end(self, clock: &WeekClock<'_>, world: &World) -> Result<Refusal, Error> {
        let until_ms = world.now_ms();
        let left = clock.checks_on(REFUSING).await?;
        let (waited, differences) = compare(&self.waiting, &left, until_ms);
        Ok(Refusal {
            from_ms: self.at_ms,
            until_ms,
            waited,
            differences,
        })
    }
}

/// How many of the checks that were there before and due by a time wait still, and what is not as it should be with the others.
fn compare(before: &[Waiting], after: &[Waiting], until_ms: i64) -> (usize, Vec<String>) {
    let left: HashMap<Uuid, i32> = after.iter().map(|job| (job.id, job.attempts)).collect();
    let mut waited = 0;
    let mut differences = Vec::new();
    let due = before
        .iter()
        .filter(|job| job.attempt_at.timestamp_millis() <= until_ms);
    for job in due {
        match left.get(&job.id) {
            Some(attempts) if *attempts >= job.attempts => waited += 1,
            Some(attempts) => differences.push(format!(
                "the check {} has {attempts} attempts left of {}, although its platform refused every call",
                job.id, job.attempts
            )),
            None => differences.push(format!(
                "the check {} did not wait, although its platform refused every call",
                job.id
            )),
        }
    }
    (waited, differences)
}

/// What those hours were.
#[derive(Debug)]
pub(super) struct Refusal {
    from_ms: i64,
    until_ms: i64,
    /// How many checks were due and waited.
    pub(super) waited: usize,
    differences: Vec<String>,
}

impl Refusal {
    /// Whether something happened to a platform's posts that could not be asked for then.
    pub(super) fn covers(&self, platform: PlatformKind, at_ms: i64) -> bool {
        platform == REFUSING && (self.from_ms + SLACK_MS..self.until_ms + SLACK_MS).contains(&at_ms)
    }

    /// What is not as it should be.
    ///
    /// # Errors
    /// The API does not answer.
    pub(super) async fn differences(&self, operator: &Caller) -> anyhow::Result<Vec<String>> {
        let data = operator.query(ALERTS, json!({})).await?;
        let alerts = data.pointer("/alerts/nodes").and_then(Value::as_array);
        let mut differences = self.differences.clone();
        differences.extend(self.told(alerts.map_or(&[][..], Vec::as_slice)));
        Ok(differences)
    }

    /// What is wrong with the alerts about platforms.
    fn told(&self, alerts: &[Value]) -> Option<String> {
        let name = format!("{} ", REFUSING.brand());
        let raised: Vec<&Value> = alerts
            .iter()
            .filter(|alert| {
                let is_of_it = text(alert, "/message").is_some_and(|said| said.starts_with(&name));
                let at_ms = milliseconds(alert, "/createdAt");
                is_of_it && at_ms.is_some_and(|at_ms| self.covers(REFUSING, at_ms))
            })
            .collect();
        // Where no check was due nobody was refused.
        let expected = usize::from(self.waited > 0);
        if raised.len() != expected {
            return Some(format!(
                "operators were told {} times that {} refuses this server's credential, and not {expected} times",
                raised.len(),
                REFUSING.brand()
            ));
        }
        let alert = raised.first()?;
        let is_once = alert.get("occurrences").and_then(Value::as_i64) == Some(1);
        let is_taken_back = text(alert, "/status") == Some("RESOLVED")
            && text(alert, "/resolvedBy") == Some("countersign")
            && milliseconds(alert, "/resolvedAt").is_some_and(|at_ms| at_ms >= self.until_ms);
        let is_as_expected = is_once && is_taken_back;
        (!is_as_expected).then(|| {
            format!(
                "that {REFUSING} refuses this server's credential was not told once and taken back when it was over"
            )
        })
    }
}

/// A time in an answer, in unix milliseconds.
pub(super) fn milliseconds(value: &Value, pointer: &str) -> Option<i64> {
    let at: DateTime<Utc> = text(value, pointer)?.parse().ok()?;
    Some(at.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM_MS: i64 = 1_000_000_000;
    const UNTIL_MS: i64 = FROM_MS + 14_400_000;

    fn waiting(id: u128, attempts: i32, at_ms: i64) -> Waiting {
        Waiting {
            id: Uuid::from_u128(id),
            attempts,
            attempt_at: DateTime::from_timestamp_millis(at_ms).unwrap(),
        }
    }

    fn refusal(waited: usize) -> Refusal {
        Refusal {
            from_ms: FROM_MS,
            until_ms: UNTIL_MS,
            waited,
            differences: Vec::new(),
        }
    }

    #[test]
    fn checks_that_are_due_wait_with_all_their_attempts() {
        let before = [
            waiting(1, 5, FROM_MS + 1),
            waiting(2, 3, UNTIL_MS),
            waiting(3, 5, UNTIL_MS + 1),
        ];
        let later = UNTIL_MS + 5_000;
        let after = [waiting(1, 5, later), waiting(2, 3, later)];
        assert_eq!(compare(&before, &after, UNTIL_MS), (2, Vec::new()));
        let lost = [waiting(1, 4, later), waiting(2, 3, later)];
        let (waited, differences) = compare(&before, &lost, UNTIL_MS);
        assert_eq!((waited, differences.len()), (1, 1));
        let (waited, differences) = compare(&before, &[], UNTIL_MS);
        assert_eq!((waited, differences.len()), (0, 2));
        assert_eq!(compare(&[], &after, UNTIL_MS), (0, Vec::new()));
    }

    #[test]
    fn operators_are_told_once_and_again_when_it_is_over() {
        let time = |at_ms: i64| DateTime::from_timestamp_millis(at_ms).unwrap().to_rfc3339();
        let alert = |raised_ms: i64, resolved_ms: i64| {
            json!({ "message": "Instagram fails too often to be asked.", "status": "RESOLVED", "occurrences": 1,
                "createdAt": time(raised_ms), "resolvedAt": time(resolved_ms), "resolvedBy": "countersign" })
        };
        let good = alert(FROM_MS + 3_600_000, UNTIL_MS + 3_600_000);
        let told = |waited, alerts: &[&Value]| {
            let alerts: Vec<Value> = alerts.iter().map(|alert| (*alert).clone()).collect();
            refusal(waited).told(&alerts).is_none()
        };
        assert!(told(3, &[&good]));
        assert!(told(0, &[]));
        assert!(!told(3, &[]));
        assert!(!told(0, &[&good]));
        assert!(!told(3, &[&good, &good]));
        assert!(!told(3, &[&alert(FROM_MS + 3_600_000, UNTIL_MS - 1)]));
        // Another time, and another platform.
        let outage = alert(FROM_MS - 80_000_000, FROM_MS - 70_000_000);
        let mut other = good.clone();
        other["message"] = json!("Facebook fails too often to be asked.");
        assert!(told(3, &[&outage, &good, &other]));
        for (field, value) in [
            ("status", json!("OPEN")),
            ("occurrences", json!(2)),
            ("resolvedBy", json!("operator 1")),
            ("resolvedAt", Value::Null),
        ] {
            let mut odd = good.clone();
            odd[field] = value;
            assert!(!told(3, &[&odd]), "{field}");
        }
    }

    #[test]
    fn only_what_that_platform_had_to_say_in_those_hours_is_covered() {
        let refusal = refusal(1);
        let first = FROM_MS + 3_600_000;
        assert!(refusal.covers(REFUSING, first));
        assert!(refusal.covers(REFUSING, UNTIL_MS));
        assert!(!refusal.covers(REFUSING, FROM_MS), "of the hour before");
        assert!(!refusal.covers(REFUSING, UNTIL_MS + 3_600_000));
        assert!(!refusal.covers(PlatformKind::Meta, first));
    }
}
