//! Links on their way to their posts: who opens them, and what was found.
//!
//! Opening a short link takes nothing of what a platform's API allows, and says nothing of whether the API answers, so no leave
//! is asked for it and no circuit holds it back. Only where a link comes to the API after all, since it can be found by listing
//! posts alone, is leave asked for, by the first request that needs it
//! ([`health::Leave`](crate::domain::health::Leave)). Where a link leads is remembered, so that a post that has to wait for a
//! call is not looked for again each time; what is forgotten is looked for anew. A web site that
//! asks to wait is left alone by those who open links at it, and by nobody else.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::platform::link::PostLink;
use crate::platform::{Limit, PlatformError};

/// Links that are opened at a time. They are fewer than the calls, so that posts which are known need not stand behind them.
const AT_A_TIME: usize = 4;
/// Most posts whose links are remembered.
const MOST: usize = 5_000;
/// How long a web site is left alone that asks to wait and does not say how long.
const REST: Duration = Duration::from_secs(30);
/// After so many links in a row for which the web site gave no answer it is left alone as well.
const MOST_UNANSWERED: u32 = 10;

/// The links to one platform that a worker opens.
pub(super) struct Links {
    turns: Semaphore,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// What the links of these posts named.
    posts: HashMap<i64, PostLink>,
    /// The posts, those first whose links were opened first.
    order: VecDeque<i64>,
    /// Until when the web site is left alone.
    rests_until: Option<DateTime<Utc>>,
    /// Links in a row for which it gave no answer.
    unanswered: u32,
}

impl Links {
    /// None was opened yet.
    pub(super) fn new() -> Self {
        Self {
            turns: Semaphore::new(AT_A_TIME),
            known: Mutex::default(),
        }
    }

    /// Waits until one more may be opened.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// What the link of a post was found to name.
    pub(super) fn found(&self, post_id: i64) -> Option<PostLink> {
        self.known().posts.get(&post_id).cloned()
    }

    /// Remembers what the link of a post names, and forgets the oldest where there are too many.
    pub(super) fn remember(&self, post_id: i64, named: &PostLink) {
        let mut known = self.known();
        if known.posts.insert(post_id, named.clone()).is_none() {
            known.order.push_back(post_id);
        }
        while known.order.len() > MOST {
            if let Some(oldest) = known.order.pop_front() {
                known.posts.remove(&oldest);
            }
        }
    }

    /// How long the web site is to be left alone, if it is.
    pub(super) fn rest(&self, now: DateTime<Utc>) -> Option<Duration> {
        let until = self.known().rests_until?;
        (until - now).to_std().ok().filter(|wait| !wait.is_zero())
    }

    /// Takes in what came of opening a link without coming to the API: an error, or an answer.
    pub(super) fn heed(&self, error: Option<&PlatformError>, now: DateTime<Utc>) {
        let mut known = self.known();
        let asks = match error {
            Some(error) if error.limit() == Some(Limit::Program) => None,
            Some(error) if error.limit().is_some() => Some(error.retry_after().unwrap_or(REST)),
            Some(PlatformError::Unreachable { retry_after, .. }) => {
                known.unanswered = known.unanswered.saturating_add(1);
                retry_after.or((known.unanswered >= MOST_UNANSWERED).then_some(REST))
            }
            _ => {
                known.unanswered = 0;
                None
            }
        };
        if let Some(wait) = asks {
            known.rests_until = known.rests_until.max(Some(now + wait));
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A panic while it was held leaves a memory that is at worst incomplete.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(number: i64) -> PostLink {
        PostLink::parse(&format!("https://x.com/some/status/{number}")).unwrap()
    }

    #[test]
    fn links_that_were_opened_are_remembered_and_the_oldest_forgotten() {
        let links = Links::new();
        for number in 1..=5_001 {
            links.remember(number, &link(number));
            links.remember(number, &link(number));
        }
        assert_eq!(links.found(1), None);
        for number in [2, 5_001] {
            assert_eq!(links.found(number), Some(link(number)), "{number}");
        }
    }

    #[test]
    fn a_web_site_that_asks_to_wait_is_left_alone_for_so_long() {
        let limited = |seconds: Option<u64>, limit| PlatformError::RateLimited {
            retry_after: seconds.map(Duration::from_secs),
            limit,
            detail: String::new(),
        };
        let fails = |seconds: Option<u64>| PlatformError::Unreachable {
            retry_after: seconds.map(Duration::from_secs),
            detail: String::new(),
        };
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        for (error, seconds) in [
            (limited(Some(90), Limit::Credential), Some(90)),
            (limited(None, Limit::Credential), Some(30)),
            // No word of the web site's.
            (limited(Some(90), Limit::Program), None),
            (fails(Some(120)), Some(120)),
            (fails(None), None),
        ] {
            let links = Links::new();
            links.heed(Some(&error), now);
            let rest = seconds.map(Duration::from_secs);
            assert_eq!(links.rest(now), rest, "{error} {seconds:?}");
        }
        let links = Links::new();
        links.heed(Some(&limited(Some(90), Limit::Credential)), now);
        links.heed(Some(&limited(Some(5), Limit::Credential)), now);
        assert_eq!(links.rest(now), Some(Duration::from_secs(90)));
        assert_eq!(links.rest(now + Duration::from_secs(90)), None);
    }

    #[test]
    fn a_web_site_that_does_not_answer_ten_times_in_a_row_is_left_alone() {
        let fails = PlatformError::Unreachable {
            retry_after: None,
            detail: String::new(),
        };
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let links = Links::new();
        for _ in 0..9 {
            links.heed(Some(&fails), now);
        }
        links.heed(None, now);
        for _ in 0..9 {
            links.heed(Some(&fails), now);
            assert_eq!(links.rest(now), None);
        }
        links.heed(Some(&fails), now);
        assert_eq!(links.rest(now), Some(REST));
    }
}
