//! A call of an adapter, which may be many requests: how many they were, what was told within it, and leave for each.
//!
//! Usage and leave belong to the credential that the call is made with, so they are not kept where the calls of several
//! credentials meet: whoever makes a call wraps it in [`gated`], and is given what was told within it and nothing of what
//! other calls are told meanwhile. The first request of a call to the platform's API is the one that the caller had leave for;
//! before each further one the caller's [`Gate`] is asked, also where several are under way side by side. Where it is not known
//! whether a call comes to the API at all, it has no leave to begin with and the gate is asked for its first request as well
//! ([`gated_from_the_first`]). What opens links at a platform's web site, and what asks for a token, takes nothing of the API's
//! budget, is not asked for, and is not counted: it says nothing of whether the API answers.
//!
//! A call that is stopped by its gate fails as one that the platform limits. It keeps nothing but what its adapter remembers,
//! so one that needs more requests than the platform allows in a window gets no further in the next: it waits for the whole
//! of each, asks as often as is allowed, and never comes to its end.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::HeaderMap;

use super::error::PlatformError;
use super::usage::{self, Usage};
use crate::model::PlatformKind;

/// Gives leave for the requests of a call that its caller has none for yet.
#[async_trait]
pub trait Gate: Send + Sync {
    /// How long to wait before one more request is made, given what the platform told last within the call; none where it
    /// may be made now.
    async fn pass(&self, told: Option<Usage>) -> Option<Duration>;
}

/// What came of a call.
#[derive(Debug, Clone)]
pub struct Measured<T> {
    /// The answer.
    pub output: T,
    /// What the platform told of the usage, if it told any. Of several answers the last that told counts.
    pub usage: Option<Usage>,
    /// How many requests were made to the platform's API. Those for links and tokens are none of them.
    pub requests: u32,
}

tokio::task_local! {
    /// The call that this task makes.
    static CALL: Call;
}

struct Call {
    /// What was told last within it.
    told: Cell<Option<Usage>>,
    counted: Arc<Counted>,
}

/// What a call shares with those that are measured within it.
#[derive(Default)]
struct Counted {
    gate: Option<Arc<dyn Gate>>,
    /// Requests to the API that were made.
    requests: AtomicU32,
    /// Whether the leave that the caller had was used, or there was none.
    is_used: AtomicBool,
}

/// Makes a call that the caller has leave for: each request after the first by leave of the gate.
pub async fn gated<F: Future>(gate: Arc<dyn Gate>, call: F) -> Measured<F::Output> {
    counting(gate, false, call).await
}

/// Makes a call that the caller has no leave for: each request to the API by leave of the gate.
pub async fn gated_from_the_first<F: Future>(gate: Arc<dyn Gate>, call: F) -> Measured<F::Output> {
    counting(gate, true, call).await
}

async fn counting<F: Future>(gate: Arc<dyn Gate>, is_used: bool, call: F) -> Measured<F::Output> {
    let counted = Arc::new(Counted {
        gate: Some(gate),
        is_used: AtomicBool::new(is_used),
        ..Counted::default()
    });
    let (output, usage) = within(Arc::clone(&counted), call).await;
    Measured {
        output,
        usage,
        requests: counted.requests.load(Ordering::Relaxed),
    }
}

/// Makes a call and gives what the platform told of the usage within it, if it told any. Within another call its requests
/// need the leave of that one's gate.
pub async fn measured<F: Future>(call: F) -> (F::Output, Option<Usage>) {
    let around = CALL.try_with(|around| Arc::clone(&around.counted)).ok();
    within(around.unwrap_or_default(), call).await
}

async fn within<F: Future>(counted: Arc<Counted>, call: F) -> (F::Output, Option<Usage>) {
    let within = async {
        let output = call.await;
        (output, told())
    };
    let call = Call {
        told: Cell::new(None),
        counted,
    };
    CALL.scope(call, within).await
}

/// Asks for leave to make one more request of the present call to the API. [`PlatformError::RateLimited`] where there is none.
pub(super) async fn pass() -> Result<(), PlatformError> {
    let present = CALL.try_with(|call| (Arc::clone(&call.counted), call.told.get()));
    let Ok((counted, told)) = present else {
        // Outside of a call nobody holds anything back.
        return Ok(());
    };
    // Of requests that set out side by side, exactly one is the first.
    if !counted.is_used.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let Some(gate) = &counted.gate else {
        return Ok(());
    };
    match gate.pass(told).await {
        None => Ok(()),
        Some(wait) => Err(PlatformError::held_back(wait)),
    }
}

/// What was told last within the present call; none outside of one.
fn told() -> Option<Usage> {
    CALL.try_with(|call| call.told.get()).ok().flatten()
}

/// Counts a request of the present call to the API.
pub(super) fn count() {
    // Outside of a call nobody asks.
    let _nobody = CALL.try_with(|call| call.counted.requests.fetch_add(1, Ordering::Relaxed));
}

/// Takes note of what an answer tells.
pub(super) fn note(kind: PlatformKind, headers: &HeaderMap) {
    if let Some(usage) = usage::read(kind, headers) {
        let _nobody = CALL.try_with(|call| call.told.set(Some(usage)));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::platform::error::{Advice, Limit};
    use crate::platform::http::{Answer, Http};
    use crate::platform::stub::{Reply, Stub};

    /// Reddit, which tells the number that it is asked for.
    async fn reddit() -> (Stub, Http) {
        let stub = Stub::start(|asked| {
            let left = asked.query("left").unwrap_or_default();
            Reply::new(200, "{}").header("X-Ratelimit-Remaining", left)
        })
        .await;
        let config = stub.config(PlatformKind::Reddit);
        let http = Http::new(PlatformKind::Reddit, &config).unwrap();
        (stub, http)
    }

    async fn ask(stub: &Stub, http: &Http, left: &str) -> Result<Answer, PlatformError> {
        let mut url = stub.url.clone();
        url.set_query(Some(&format!("left={left}")));
        http.send(http.get(url)).await
    }

    fn left(usage: Option<Usage>) -> Option<u64> {
        usage.and_then(|usage| usage.remaining)
    }

    /// Lets so many through.
    struct Lets {
        most: u32,
        asked: AtomicU32,
    }

    #[async_trait]
    impl Gate for Lets {
        async fn pass(&self, _told: Option<Usage>) -> Option<Duration> {
            let before = self.asked.fetch_add(1, Ordering::Relaxed);
            // Whoever asks meanwhile is to come between.
            tokio::task::yield_now().await;
            (before >= self.most).then_some(Duration::from_secs(9))
        }
    }

    fn lets(most: u32) -> Arc<Lets> {
        Arc::new(Lets {
            most,
            asked: AtomicU32::new(0),
        })
    }

    #[tokio::test]
    async fn a_call_is_given_what_was_told_within_it_and_nothing_of_others() {
        let (stub, http) = reddit().await;
        let one = measured(async {
            ask(&stub, &http, "9.0").await.unwrap();
            ask(&stub, &http, "8.0").await.unwrap();
        });
        let other = measured(async {
            ask(&stub, &http, "500.0").await.unwrap();
            ask(&stub, &http, "").await.unwrap();
        });
        let (((), one), ((), other)) = tokio::join!(one, other);
        assert_eq!(left(one), Some(8));
        assert_eq!(left(other), Some(500));
        let ((), silent) = measured(async {}).await;
        assert_eq!(silent, None);
        ask(&stub, &http, "7.0").await.unwrap();
    }

    #[tokio::test]
    async fn each_request_after_the_first_needs_leave_also_side_by_side() {
        let (stub, http) = reddit().await;
        let gate = lets(2);
        let call = join_all((0..6).map(|_| ask(&stub, &http, "5.0")));
        let measured = gated(gate.clone(), call).await;
        let (made, held): (Vec<_>, Vec<_>) = measured.output.into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), held.len()), (3, 3));
        assert_eq!(measured.requests, 3);
        assert_eq!(left(measured.usage), Some(5));
        assert_eq!(gate.asked.load(Ordering::Relaxed), 5);
        for error in held {
            let error = error.unwrap_err();
            assert_eq!(error.limit(), Some(Limit::Program));
            let wait = Some(Duration::from_secs(9));
            assert_eq!(error.advice(), Advice::Snooze(wait));
        }
    }

    #[tokio::test]
    async fn a_call_within_another_asks_the_same_gate_and_keeps_what_it_is_told() {
        let (stub, http) = reddit().await;
        let gate = lets(0);
        let call = gated(gate.clone(), async {
            ask(&stub, &http, "5.0").await.unwrap();
            measured(ask(&stub, &http, "1.0")).await
        });
        let measured = Box::pin(call).await;
        let (inner, told) = measured.output;
        assert!(inner.is_err(), "the first request was made before");
        assert_eq!((left(told), left(measured.usage)), (None, Some(5)));
        assert_eq!(measured.requests, 1);
    }

    #[tokio::test]
    async fn what_is_beside_the_api_needs_no_leave_and_is_not_counted() {
        let (stub, http) = reddit().await;
        let gate = lets(0);
        let measured = gated(gate.clone(), async {
            for _ in 0..3 {
                let request = http.get(stub.url.clone());
                http.send_beside(request).await.unwrap();
            }
            ask(&stub, &http, "5.0").await
        })
        .await;
        assert!(measured.output.is_ok());
        assert_eq!(measured.requests, 1);
        assert_eq!(gate.asked.load(Ordering::Relaxed), 0);
        assert_eq!(gated(gate, async {}).await.requests, 0);
    }

    #[tokio::test]
    async fn a_call_without_leave_asks_for_it_when_it_comes_to_the_api() {
        let (stub, http) = reddit().await;
        let gate = lets(1);
        let measured = gated_from_the_first(gate.clone(), async {
            let request = http.get(stub.url.clone());
            http.send_beside(request).await.unwrap();
            let asked = gate.asked.load(Ordering::Relaxed);
            let first = ask(&stub, &http, "5.0").await;
            (asked, first, ask(&stub, &http, "4.0").await)
        })
        .await;
        let (asked, first, second) = measured.output;
        assert_eq!(asked, 0, "opening a link takes no leave");
        assert!(first.is_ok());
        assert_eq!(second.unwrap_err().limit(), Some(Limit::Program));
        assert_eq!(measured.requests, 1);
        assert_eq!(gate.asked.load(Ordering::Relaxed), 2);
    }
}
