//! When a delivery that failed is tried again: as Standard Webhooks recommend, at once and then 5 s, 5 min, 30 min, 2 h, 5 h,
//! 10 h, 14 h, 20 h and 24 h after the attempt before, each up to a tenth later so that deliveries that failed together do
//! not come back together.

use chrono::TimeDelta;

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

/// How long to wait after so many attempts that failed, 1 or more; none where that was the last.
///
/// # Errors
/// The random source failed.
pub(super) fn delay(failed: i32) -> Result<Option<TimeDelta>, Error> {
    let bytes = random::<2>().map_err(Error::internal)?;
    let stretch = i64::from(u16::from_le_bytes(bytes)) % (MAX_STRETCH + 1);
    Ok(stretched(failed, stretch))
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
}
