//! When the accounts of YouTube, TikTok and X published: each 300 posts in the 30 days before the
//! world's epoch.

use super::digest::digest_number;

/// Posts of every account.
pub(super) const POSTS_PER_MEMBER: u64 = 300;
/// The time between two posts, on average, in milliseconds.
const SLOT_MS: u64 = 30 * 86_400_000 / POSTS_PER_MEMBER;

/// When an account published its `nth` newest post, in unix milliseconds, for `nth` below
/// [`POSTS_PER_MEMBER`]. At least a second before `epoch_ms`, and no two in the same second.
pub(super) fn published_ms(seed: u64, account: u64, epoch_ms: i64, nth: u64) -> i64 {
    // A second short of the slot, so that cutting to seconds cannot change the order.
    let jitter = digest_number(seed ^ account, "published", nth) % (SLOT_MS - 1_000);
    let back_ms = i64::try_from(nth * SLOT_MS + 1_000 + jitter).unwrap_or(0);
    epoch_ms.saturating_sub(back_ms)
}

/// A time in UTC as a platform writes it; `unix_s` in seconds, `format` as of `strftime`.
pub(super) fn written(unix_s: i64, format: &str) -> String {
    chrono::DateTime::from_timestamp(unix_s, 0)
        .map(|time| time.format(format).to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_published_in_the_thirty_days_before_the_epoch_newest_first() {
        for epoch_ms in [1_793_491_200_000, 1_793_491_200_999] {
            let seconds: Vec<i64> = (0..POSTS_PER_MEMBER)
                .map(|nth| published_ms(7, 42, epoch_ms, nth) / 1_000)
                .collect();
            assert!(seconds[0] < epoch_ms / 1_000);
            assert!(seconds.windows(2).all(|pair| pair[0] > pair[1]));
            let oldest_s = epoch_ms / 1_000 - seconds.last().unwrap();
            assert!(oldest_s <= 30 * 86_400, "{oldest_s} s");
        }
    }

    #[test]
    fn a_time_is_written_as_its_platform_does() {
        assert_eq!(
            written(1_589_558_622, "%Y-%m-%dT%H:%M:%S.000Z"),
            "2020-05-15T16:03:42.000Z"
        );
    }
}
