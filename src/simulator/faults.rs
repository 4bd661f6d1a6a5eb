//! Misbehaviour on request: which calls it strikes, decided by the seed and a counter.
//!
//! A rule counts the calls that it looked at, so the third call after a rule was set meets the same
//! fate in every run with the same seed. What a struck answer looks like is in `distort`.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::Deserialize;

use super::calls::Call;
use super::digest::digest_number;
use super::lock::{read, write};
use super::platform::Platform;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Reddit: 429 with an HTML page and `retry-after`. Graph: 400 or 403 with a throttle code and
    /// the usage headers. YouTube: 403 `quotaExceeded`. TikTok: 429 `rate_limit_exceeded`. X: 429
    /// with a problem and the `x-rate-limit-…` headers.
    RateLimited,
    /// 500, 502, 503 or 504, in turn, with an empty or an HTML body.
    ServerError,
    /// 200 with an HTML page where JSON was due.
    Garbage,
    /// The right JSON, cut in the middle, under the right content type.
    Truncated,
    /// The right answer, late. As part of a batch: `null`, as Graph writes a part that timed out.
    Latency,
    /// The right shape with every number written as a string, and YouTube's counts, which are
    /// strings, as numbers.
    WrongType,
    /// The right shape with every list empty.
    Empty,
    /// Reddit and X: 401. Graph: error 190. YouTube: 400 `keyInvalid`. TikTok: 401
    /// `access_token_invalid`.
    TokenRefused,
}

/// A rule about calls to come.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Whose answers go wrong.
    pub platform: Platform,
    /// What goes wrong with them.
    pub kind: FaultKind,
    /// The share of the calls that is struck, 0.0 to 1.0; all of them unless told otherwise.
    #[serde(default = "every_call")]
    pub share: f64,
    /// Milliseconds that a struck answer waits, whatever the kind.
    #[serde(default)]
    pub latency_ms: u64,
    /// Seconds that a rate limit asks to wait; 4 unless told otherwise. Graph says it in minutes,
    /// rounded up, X as the unix time of the reset; YouTube and TikTok do not say it.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// The rule ends after it looked at this many calls; without, it stays until it is cleared.
    #[serde(default)]
    pub count: Option<u64>,
    /// The only endpoint that is struck, by its name in `/_control/calls`, also as part of a batch.
    /// Without it: every HTTP request for data, but not tokens, short links and parts of batches.
    #[serde(default)]
    pub endpoint: Option<String>,
}

const fn every_call() -> f64 {
    1.0
}

impl Fault {
    /// Strikes every call of `platform` until it is cleared.
    #[must_use]
    pub fn new(platform: Platform, kind: FaultKind) -> Self {
        Self {
            platform,
            kind,
            share: every_call(),
            latency_ms: 0,
            retry_after: None,
            count: None,
            endpoint: None,
        }
    }

    /// The same for the next `count` calls only.
    #[must_use]
    pub fn for_calls(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// The same for a share of the calls, 0.0 to 1.0.
    #[must_use]
    pub fn for_share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// The same at one endpoint, by its name in `/_control/calls`.
    #[must_use]
    pub fn at(mut self, endpoint: &str) -> Self {
        self.endpoint = Some(endpoint.to_owned());
        self
    }
}

struct Rule {
    fault: Fault,
    considered: AtomicU64,
}

impl Rule {
    fn concerns(&self, platform: Platform, call: Call, part: bool) -> bool {
        self.fault.platform == platform
            && match self.fault.endpoint.as_deref() {
                Some(endpoint) => endpoint == call.name(),
                None => !part && call.is_data(),
            }
    }

    /// The number of this call among those considered, where it is struck.
    fn hit(&self, seed: u64) -> Option<u64> {
        let nth = self.considered.fetch_add(1, Ordering::Relaxed);
        if self.fault.count.is_some_and(|count| nth >= count) {
            return None;
        }
        let lot = digest_number(seed, self.fault.platform.as_str(), nth) >> 32;
        let lot = f64::from(u32::try_from(lot).unwrap_or(u32::MAX)) / 4_294_967_296.0;
        (lot < self.fault.share).then_some(nth)
    }
}

/// What befalls one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Strike {
    /// Milliseconds to wait before the answer.
    pub(super) delay_ms: u64,
    /// What is wrong with the answer.
    pub(super) blow: Option<Blow>,
    /// Whether a latency rule struck, which a part of a batch turns into `null`.
    pub(super) late: bool,
}

/// What is wrong with one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blow {
    pub(super) kind: FaultKind,
    pub(super) retry_after_s: u64,
    /// Counts from 0 for each rule; chooses among the forms that a fault takes.
    pub(super) nth: u64,
}

/// The rules in force.
pub(super) struct Faults {
    seed: u64,
    any: AtomicBool,
    struck: AtomicU64,
    rules: RwLock<Vec<Rule>>,
}

impl Faults {
    /// None.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            any: AtomicBool::new(false),
            struck: AtomicU64::new(0),
            rules: RwLock::new(Vec::new()),
        }
    }

    /// Adds a rule. It replaces one of the same platform, kind and endpoint.
    pub(super) fn add(&self, fault: Fault) {
        let mut rules = write(&self.rules);
        rules.retain(|rule| {
            rule.fault.platform != fault.platform
                || rule.fault.kind != fault.kind
                || rule.fault.endpoint != fault.endpoint
        });
        rules.push(Rule {
            fault,
            considered: AtomicU64::new(0),
        });
        self.any.store(true, Ordering::Release);
    }

    /// Ends every rule, or those of one platform.
    pub(super) fn clear(&self, platform: Option<Platform>) {
        let mut rules = write(&self.rules);
        rules.retain(|rule| platform.is_some_and(|platform| rule.fault.platform != platform));
        self.any.store(!rules.is_empty(), Ordering::Release);
    }

    /// What befalls this call; `part` where it is part of a batch.
    pub(super) fn strike(&self, platform: Platform, call: Call, part: bool) -> Strike {
        let mut strike = Strike::default();
        if !self.any.load(Ordering::Acquire) {
            return strike;
        }
        let rules = read(&self.rules);
        for rule in rules
            .iter()
            .filter(|rule| rule.concerns(platform, call, part))
        {
            let Some(nth) = rule.hit(self.seed) else {
                continue;
            };
            strike.delay_ms = strike.delay_ms.saturating_add(rule.fault.latency_ms);
            if rule.fault.kind == FaultKind::Latency {
                strike.late = true;
            } else if strike.blow.is_none() {
                strike.blow = Some(Blow {
                    kind: rule.fault.kind,
                    retry_after_s: rule.fault.retry_after.unwrap_or(4),
                    nth,
                });
            }
        }
        if strike.blow.is_some() || strike.late {
            self.struck.fetch_add(1, Ordering::Relaxed);
        }
        strike
    }

    /// How many calls were struck since the start, parts of batches among them.
    pub(super) fn struck(&self) -> u64 {
        self.struck.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(faults: &Faults, calls: usize) -> Vec<bool> {
        (0..calls)
            .map(|_| {
                faults
                    .strike(Platform::Reddit, Call::RedditInfo, false)
                    .blow
                    .is_some()
            })
            .collect()
    }

    #[test]
    fn a_fault_strikes_the_next_calls_and_then_ends() {
        let faults = Faults::new(7);
        faults.add(Fault::new(Platform::Reddit, FaultKind::ServerError).for_calls(2));
        assert_eq!(struck(&faults, 4), [true, true, false, false]);
    }

    #[test]
    fn a_share_strikes_about_that_many_and_the_same_ones_in_every_run() {
        let run = || {
            let faults = Faults::new(7);
            faults.add(Fault::new(Platform::Reddit, FaultKind::Garbage).for_share(0.25));
            struck(&faults, 1_000)
        };
        let first = run();
        assert_eq!(first, run());
        let hits = first.iter().filter(|hit| **hit).count();
        assert!((200..=300).contains(&hits), "{hits} of 1000");
        let none = Faults::new(7);
        none.add(Fault::new(Platform::Reddit, FaultKind::Garbage).for_share(0.0));
        assert!(struck(&none, 100).iter().all(|hit| !hit));
    }

    #[test]
    fn rules_that_are_set_together_divide_the_calls_by_the_order_of_their_shares() {
        let faults = Faults::new(7);
        for (kind, share) in [
            (FaultKind::RateLimited, 0.1),
            (FaultKind::ServerError, 0.2),
            (FaultKind::Garbage, 0.3),
        ] {
            faults.add(Fault::new(Platform::Reddit, kind).for_share(share));
        }
        let mut counts = [0_u32; 3];
        for _ in 0..10_000 {
            let strike = faults.strike(Platform::Reddit, Call::RedditInfo, false);
            match strike.blow.map(|blow| blow.kind) {
                Some(FaultKind::RateLimited) => counts[0] += 1,
                Some(FaultKind::ServerError) => counts[1] += 1,
                Some(FaultKind::Garbage) => counts[2] += 1,
                _ => {}
            }
        }
        for count in counts {
            assert!((900..=1_100).contains(&count), "{counts:?}");
        }
        let all: u32 = counts.iter().sum();
        assert_eq!(faults.struck(), u64::from(all));
    }

    #[test]
    fn tokens_and_parts_are_struck_only_where_the_endpoint_is_named() {
        let faults = Faults::new(7);
        faults.add(Fault::new(Platform::Reddit, FaultKind::ServerError));
        assert!(
            faults
                .strike(Platform::Reddit, Call::RedditToken, false)
                .blow
                .is_none()
        );
        assert!(
            faults
                .strike(Platform::Meta, Call::MetaInsights, false)
                .blow
                .is_none()
        );
        faults.add(Fault::new(Platform::Meta, FaultKind::Empty).at("meta.insights"));
        assert!(
            faults
                .strike(Platform::Meta, Call::MetaInsights, true)
                .blow
                .is_some()
        );
        assert!(
            faults
                .strike(Platform::Meta, Call::MetaPost, true)
                .blow
                .is_none()
        );
    }

    #[test]
    fn clearing_one_platform_leaves_the_others() {
        let faults = Faults::new(7);
        faults.add(Fault::new(Platform::Reddit, FaultKind::ServerError));
        faults.add(Fault::new(Platform::Meta, FaultKind::ServerError));
        faults.clear(Some(Platform::Meta));
        assert_eq!(struck(&faults, 1), [true]);
        faults.clear(None);
        assert_eq!(struck(&faults, 1), [false]);
    }

    #[test]
    fn latency_delays_and_leaves_the_answer_alone() {
        let faults = Faults::new(7);
        let mut late = Fault::new(Platform::Reddit, FaultKind::Latency);
        late.latency_ms = 250;
        faults.add(late);
        let strike = faults.strike(Platform::Reddit, Call::RedditInfo, false);
        assert_eq!(
            strike,
            Strike {
                delay_ms: 250,
                blow: None,
                late: true
            }
        );
    }
}
