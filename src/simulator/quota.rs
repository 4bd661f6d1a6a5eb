//! How many calls a client has left in the current window, counted down for real.
//!
//! Windows are cut from the simulator's clock: setting the clock forward opens a new one. One
//! quota serves all clients of a platform.

use std::sync::atomic::{AtomicU64, Ordering};

/// A limit that no run reaches: what a quota has until a test or an operator sets a real one.
pub(super) const LIFTED: u64 = 0xffff_ffff;

/// The calls of one platform in its current window.
pub(super) struct Quota {
    limit: AtomicU64,
    window_s: AtomicU64,
    /// The window's number in the upper half, the calls used in it in the lower one.
    state: AtomicU64,
}

/// A quota after a call was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// Calls used in this window, this one included.
    pub(super) used: u64,
    /// Calls allowed in a window.
    pub(super) limit: u64,
    /// Seconds until the window ends, at least 1.
    pub(super) reset_s: u64,
}

impl Reading {
    /// Whether this call was one too many.
    pub(super) const fn exceeded(self) -> bool {
        self.used > self.limit
    }

    /// Calls left.
    pub(super) const fn remaining(self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// The part used, in whole percent, at most 100.
    pub(super) fn percent(self) -> u64 {
        (self.used.saturating_mul(100) / self.limit.max(1)).min(100)
    }
}

impl Quota {
    /// An empty window.
    pub(super) fn new(limit: u64, window_s: u64) -> Self {
        Self {
            limit: AtomicU64::new(limit),
            window_s: AtomicU64::new(window_s.max(1)),
            state: AtomicU64::new(0),
        }
    }

    /// Another limit, with nothing used of it.
    pub(super) fn set(&self, limit: u64, window_s: Option<u64>) {
        self.limit.store(limit, Ordering::Release);
        if let Some(window_s) = window_s {
            self.window_s.store(window_s.max(1), Ordering::Release);
        }
        self.state.store(0, Ordering::Release);
    }

    /// Counts `cost` calls at `now_ms` (unix milliseconds).
    pub(super) fn take(&self, now_ms: i64, cost: u64) -> Reading {
        let now_s = u64::try_from(now_ms / 1000).unwrap_or(0);
        let window_s = self.window_s.load(Ordering::Acquire);
        let window = (now_s / window_s) & LIFTED;
        let mut state = self.state.load(Ordering::Acquire);
        loop {
            let before = if state >> 32 == window {
                state & LIFTED
            } else {
                0
            };
            let used = before.saturating_add(cost).min(LIFTED);
            let next = (window << 32) | used;
            let swap =
                self.state
                    .compare_exchange_weak(state, next, Ordering::AcqRel, Ordering::Acquire);
            match swap {
                Ok(_) => {
                    return Reading {
                        used,
                        limit: self.limit.load(Ordering::Acquire),
                        reset_s: window_s - now_s % window_s,
                    };
                }
                Err(seen) => state = seen,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_count_down_within_a_window_and_start_again_in_the_next() {
        let quota = Quota::new(3, 600);
        let first = quota.take(1_200_000, 1);
        assert_eq!((first.used, first.remaining(), first.reset_s), (1, 2, 600));
        let second = quota.take(1_500_000, 2);
        assert_eq!(
            (second.used, second.remaining(), second.reset_s),
            (3, 0, 300)
        );
        assert!(!second.exceeded());
        assert!(quota.take(1_799_000, 1).exceeded());
        assert_eq!(quota.take(1_800_000, 1).used, 1);
    }

    #[test]
    fn a_new_limit_starts_with_nothing_used() {
        let quota = Quota::new(1, 600);
        quota.take(0, 5);
        quota.set(10, None);
        assert_eq!(
            quota.take(0, 1),
            Reading {
                used: 1,
                limit: 10,
                reset_s: 600
            }
        );
        assert_eq!(quota.take(0, 4).percent(), 50);
    }
}
