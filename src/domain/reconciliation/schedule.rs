//! When a claim is checked (rule 12).
//!
//! The first check comes at once, when the claim is made, and is not in the list. The others come
//! at the policy's ages of the claim and at the end of the lag, where there is one. Nothing wakes
//! up by the clock to look for work: each check is a delayed job that the one before it queues.

use chrono::{DateTime, Duration, Utc};

use super::definition;
use super::{Claim, Policy};
use crate::model::Metric;

/// The lag of a claim: the longest of its metrics claimed above 0, zero where there is none.
#[must_use]
pub fn lag(claim: &Claim, policy: &Policy) -> Duration {
    Metric::ALL
        .into_iter()
        .filter(|metric| {
            claim
                .claimed
                .get(*metric)
                .is_some_and(|claimed| claimed > 0)
        })
        .map(|metric| definition::lag(claim, policy, metric))
        .fold(Duration::zero(), Duration::max)
}

/// From when on a figure can confirm an excess of the claim.
#[must_use]
pub fn lag_end(claim: &Claim, policy: &Policy) -> DateTime<Utc> {
    claim
        .submitted_at
        .checked_add_signed(lag(claim, policy))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The checks after the first one, in order, each once. Empty where the policy names none and there
/// is no lag: then the first check is the last.
#[must_use]
pub fn checks(claim: &Claim, policy: &Policy) -> Vec<DateTime<Utc>> {
    let lag = lag(claim, policy);
    let mut times: Vec<DateTime<Utc>> = policy
        .rechecks
        .iter()
        .copied()
        .chain((lag > Duration::zero()).then_some(lag))
        .filter_map(|age| claim.submitted_at.checked_add_signed(age))
        .collect();
    times.sort_unstable();
    times.dedup();
    times
}

/// The first check after `now`; none where there is none left.
#[must_use]
pub fn next_check(claim: &Claim, policy: &Policy, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    checks(claim, policy).into_iter().find(|time| *time > now)
}

/// Whether a check at `now` is the last one.
#[must_use]
pub fn is_last(claim: &Claim, policy: &Policy, now: DateTime<Utc>) -> bool {
    next_check(claim, policy, now).is_none()
}
