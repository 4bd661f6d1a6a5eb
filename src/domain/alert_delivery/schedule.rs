//! When a delivery that failed is tried again: as Standard Webhooks recommend, at once and then 5 s, 5 min, 30 min, 2 h, 5 h,
//! 10 h, 14 h, 20 h and 24 h after the attempt before, each up to a tenth later so that deliveries that failed together do
//! not come back together.

use chrono::{DateTime, TimeDelta, Utc};

use crate::crypto::random;
use crate::error::Error;

/// Seconds between an attempt that failed and the next one.
const DELAYS: [i64; 9] = [
    5,
    5 * 60,
    30 * 60,
    2 * 3600,
    5 * 3600,
    10 * 3600,
    14 * 3600,
    20 * 3600,
    24 * 3600,
];
/// How far a delay may be stretched, in thousandths.
const MAX_STRETCH: i64 = 100;

/// How far a wait for a channel that rests may be stretched, in thousandths.
const MAX_SPREAD: i64 = 200;
/// How long a channel rests after each attempt on a delivery that nobody answered, in minutes.
const RESTS: [i64; 5] = [1, 2, 4, 8, 15];

/// How long to wait after so many attempts that failed, 1 or more; none where that was the last.
///
/// # Errors
/// The random source failed.
pub(super) fn delay(failed: i32) -> Result<Option<TimeDelta>, Error> {
    Ok(stretched(failed, thousandths(MAX_STRETCH)?))
}

/// When what waits for a channel that rests until a time is sent: up to a fifth later, so that it does not come all at once.
///
/// # Errors
/// The random source failed.
pub(super) fn spread(now: DateTime<Utc>, until: DateTime<Utc>) -> Result<DateTime<Utc>, Error> {
    let wait = (until - now).num_milliseconds().max(0);
    let more = wait.saturating_mul(thousandths(MAX_SPREAD)?) / 1000;
    Ok(until + TimeDelta::milliseconds(more))
}

/// How long a channel rests after the nth attempt on a delivery, 1 or more, that nobody answered.
pub(super) fn rest(attempt: i32) -> TimeDelta {
    let [first, .., last] = RESTS;
    let place = usize::try_from(attempt).unwrap_or_default().checked_sub(1);
    let minutes = place.map_or(first, |place| RESTS.get(place).copied().unwrap_or(last));
    TimeDelta::minutes(minutes)
}

/// A number from 0 to `most`, by chance.
///
/// # Errors
/// The random source failed.
pub(super) fn chance(most: u64) -> Result<u64, Error> {
    let bytes = random::<8>().map_err(Error::internal)?;
    let number = u64::from_le_bytes(bytes);
    Ok(most.checked_add(1).map_or(number, |count| number % count))
}

fn thousandths(most: i64) -> Result<i64, Error> {
    let most = u64::try_from(most).unwrap_or_default();
    Ok(i64::try_from(chance(most)?).unwrap_or_default())
}

fn stretched(failed: i32, thousandths: i64) -> Option<TimeDelta> {
    let place = usize::try_from(failed).ok()?.checked_sub(1)?;
    let seconds = DELAYS.get(place)?;
    Some(TimeDelta::milliseconds(seconds * (1000 + thousandths)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_are_made_in_a_little_over_three_days() {
        let delays: Vec<TimeDelta> = (1..).map_while(|failed| stretched(failed, 0)).collect();
        assert_eq!(delays.len() + 1, 10);
        assert_eq!(delays[0], TimeDelta::seconds(5));
        assert_eq!(delays[1], TimeDelta::minutes(5));
        assert_eq!(delays[8], TimeDelta::hours(24));
        let all: TimeDelta = delays.into_iter().sum();
        let hours = TimeDelta::hours(75) + TimeDelta::minutes(35) + TimeDelta::seconds(5);
        assert_eq!(all, hours);
    }

    #[test]
    fn a_delay_is_stretched_by_a_tenth_at_most_and_never_cut() {
        assert_eq!(
            stretched(1, MAX_STRETCH),
            Some(TimeDelta::milliseconds(5500))
        );
        assert_eq!(
            (stretched(0, 0), stretched(10, 0), stretched(-1, 0)),
            (None, None, None)
        );
        for _ in 0..100 {
            let delay = delay(2).unwrap().unwrap();
            assert!(
                (300_000..=330_000).contains(&delay.num_milliseconds()),
                "{delay}"
            );
        }
    }
    #[test]
    fn who_does_not_answer_is_left_alone_for_longer_each_time() {
        let rests: Vec<i64> = (0..8).map(|attempt| rest(attempt).num_minutes()).collect();
        assert_eq!(rests, [1, 1, 2, 4, 8, 15, 15, 15]);
        assert_eq!(rest(-1), TimeDelta::minutes(1));
    }

    #[test]
    fn what_waits_for_a_rest_comes_after_it_and_not_together() {
        let now = DateTime::UNIX_EPOCH;
        let until = now + TimeDelta::hours(1);
        let times: Vec<DateTime<Utc>> = (0..100).map(|_| spread(now, until).unwrap()).collect();
        let latest = until + TimeDelta::minutes(12);
        assert!(times.iter().all(|at| (until..=latest).contains(at)));
        assert!(times.iter().any(|at| *at != times[0]));
        // What is over is not waited for.
        assert_eq!(spread(until, now).unwrap(), now);
    }
}
