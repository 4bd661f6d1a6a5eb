//! Watches what a worker's calls to one platform show, and holds them back where `domain::health` says so.
//!
//! Calls that are answered are many and say little, so they are added up here and written once a second at most. A call that
//! fails is written at once: whether the circuit is open now decides whether its jobs lose an attempt. Where others write at
//! the same time it is written with theirs, and it is told of the circuit when that is done. What cannot be written is lost;
//! it is a measurement, and the next one follows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::app::App;
use crate::domain::health::{self, Alone, Open, Permit, Seen, Tally};
use crate::error::Error;
use crate::model::PlatformKind;
use crate::platform::{Fetched, Gate, Measured, PlatformError, Usage};

/// Answered calls are written this often at most.
const EVERY: Duration = Duration::from_secs(1);
/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The calls of a worker to one platform.
pub(super) struct Watch {
    app: App,
    platform: PlatformKind,
    /// Calls ask for leave one after the other, so that what the budget allows goes to those that come first.
    turn: tokio::sync::Mutex<()>,
    book: Book,
}

/// What calls showed, written by one after the other.
#[derive(Default)]
struct Book {
    /// Held while something is written, until what came of it is known.
    writing: tokio::sync::Mutex<()>,
    pending: Mutex<Pending>,
}

/// What is not written yet.
#[derive(Default)]
struct Pending {
    tally: Tally,
    /// When a tally was written last.
    written_at: Option<Instant>,
    /// Whether somebody is waiting to write this one.
    is_scheduled: bool,
    /// Until when the circuit was last seen to be open, and whether for this program's own credential only.
    open_until: Option<(Instant, bool)>,
}

impl Watch {
    /// Watches from now on.
    pub(super) fn new(app: &App, platform: PlatformKind) -> Arc<Self> {
        Arc::new(Self {
            app: app.clone(),
            platform,
            turn: tokio::sync::Mutex::default(),
            book: Book::default(),
        })
    }

    /// Asks to make a call; see [`health::permit`].
    pub(super) async fn permit(&self, credential: &str, may_probe: bool) -> Result<Permit, Error> {
        let _turn = self.turn.lock().await;
        health::permit(&self.app, self.platform, credential, may_probe).await
    }

    /// Lets the further requests of a call through that was permitted so; see [`health::gate()`].
    pub(super) fn gate(&self, permit: Permit, credential: &str) -> Arc<dyn Gate> {
        health::gate(&self.app, self.platform, credential, permit)
    }

    /// Takes in what came of a call. Gives how long the circuit stays open for its credential where it is known to be, so that
    /// jobs whose posts failed wait for so long and lose no attempt.
    pub(super) async fn saw_answers(
        self: &Arc<Self>,
        permit: Permit,
        credential: &str,
        call: &Measured<Vec<Result<Fetched, PlatformError>>>,
    ) -> Option<Duration> {
        let outcomes = || call.output.iter().map(|answer| answer.as_ref().err());
        let seen = Seen::of(outcomes(), credential).by(call.requests);
        let alone = health::alone(outcomes().flatten());
        self.note(credential, call.usage, alone).await;
        let open = self.saw(permit, credential, seen).await;
        open.filter(|open| open.holds(credential))
            .map(|open| open.wait)
    }

    /// Takes in what came of finding the post behind a link by the API, as [`Watch::saw_answers`]: a platform that nobody asks
    /// for anything but permalinks is found to fail, too. For how long a web site that fails is to be left alone concerns those who open
    /// links at it.
    pub(super) async fn saw_link<T>(
        self: &Arc<Self>,
        permit: Permit,
        credential: &str,
        call: &Measured<Result<T, PlatformError>>,
    ) -> Option<Duration> {
        let error = call.output.as_ref().err();
        let seen = Seen::of([error], credential).by(call.requests);
        let limited = error.filter(|error| error.limit().is_some());
        self.note(credential, call.usage, health::alone(limited))
            .await;
        let open = self.saw(permit, credential, seen).await;
        open.filter(|open| open.holds(credential))
            .map(|open| open.wait)
    }

    /// How long the circuit stays open for a credential, as far as this process knows.
    pub(super) fn open_for(&self, credential: &str) -> Option<Duration> {
        let open = self.book.open().filter(|open| open.holds(credential))?;
        Some(open.wait)
    }

    async fn note(&self, credential: &str, usage: Option<Usage>, alone: Alone) {
        let noted = health::note(&self.app, self.platform, credential, usage, alone).await;
        if let Err(error) = noted {
            tracing::warn!(platform = %self.platform, error = %error.with_causes(), "a budget was not written");
        }
    }

    async fn saw(self: &Arc<Self>, permit: Permit, credential: &str, seen: Seen) -> Option<Open> {
        if permit == Permit::Probe {
            let saw = health::saw(&self.app, self.platform, credential, permit, seen);
            return self.book.learn_of(self.logged(saw)).await;
        }
        let has_failed = seen.is_failure();
        self.book.pending().tally.add(seen);
        if has_failed {
            return self.write().await;
        }
        match self.book.next_write() {
            Some(wait) if wait.is_zero() => self.write().await,
            Some(wait) => {
                let watch = Arc::clone(self);
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    watch.write().await;
                });
                self.book.open()
            }
            None => self.book.open(),
        }
    }

    /// Writes what is not written yet, and gives the circuit where it is open.
    async fn write(&self) -> Option<Open> {
        self.book
            .write(|tally| self.logged(self.record(tally)))
            .await
    }

    async fn record(&self, tally: Tally) -> Result<Option<Open>, Error> {
        health::record(&self.app, self.platform, &tally).await
    }

    async fn logged(
        &self,
        write: impl Future<Output = Result<Option<Open>, Error>>,
    ) -> Result<Option<Open>, Error> {
        // A connection that hangs is not to hold up every call after this one.
        let write = tokio::time::timeout(PATIENCE, write);
        let written = write
            .await
            .unwrap_or_else(|_| Err(Error::internal("the database hangs")));
        written.inspect_err(|error| {
            tracing::debug!(platform = %self.platform, error = %error.with_causes(), "calls were not written");
        })
    }
}

impl Book {
    /// How long until the tally may be written; none where somebody waits to do it already. Where there is something to wait
    /// for, that is the caller from now on.
    fn next_write(&self) -> Option<Duration> {
        let mut pending = self.pending();
        if pending.is_scheduled {
            return None;
        }
        let wait = pending
            .written_at
            .map_or(Duration::ZERO, |at| EVERY.saturating_sub(at.elapsed()));
        pending.is_scheduled = !wait.is_zero();
        Some(wait)
    }

    /// Has the tally written, if there is any left, and gives the circuit where it is open. Whoever finds nothing left had it
    /// written by another, and waits until that is done.
    async fn write<F>(&self, record: impl FnOnce(Tally) -> F) -> Option<Open>
    where
        F: Future<Output = Result<Option<Open>, Error>>,
    {
        let _turn = self.writing.lock().await;
        let tally = {
            let mut pending = self.pending();
            pending.is_scheduled = false;
            pending.written_at = Some(Instant::now());
            std::mem::take(&mut pending.tally)
        };
        if tally.is_empty() {
            return self.open();
        }
        self.learn(record(tally).await)
    }

    /// Has something else written than the tally, and gives the circuit where it is open.
    async fn learn_of(
        &self,
        write: impl Future<Output = Result<Option<Open>, Error>>,
    ) -> Option<Open> {
        let _turn = self.writing.lock().await;
        self.learn(write.await)
    }

    /// Remembers how long the circuit stays open, as far as that is known.
    fn learn(&self, written: Result<Option<Open>, Error>) -> Option<Open> {
        let Some(open) = written.ok() else {
            return self.open();
        };
        self.pending().open_until = open.map(|open| (Instant::now() + open.wait, open.only_own));
        open
    }

    /// The circuit where it is open, as far as this process knows.
    fn open(&self) -> Option<Open> {
        let (until, only_own) = self.pending().open_until?;
        let wait = until.saturating_duration_since(Instant::now());
        (!wait.is_zero()).then_some(Open { wait, only_own })
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        // A panic while it was held leaves a tally that is at worst incomplete.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use tokio::sync::oneshot;

    use super::*;

    fn open() -> Open {
        Open {
            wait: Duration::from_secs(30),
            only_own: false,
        }
    }

    fn fails() -> Seen {
        Seen::Fails("unreachable: HTTP 500".to_owned())
    }

    #[tokio::test]
    async fn a_call_whose_failure_another_one_writes_is_told_of_the_circuit_when_that_is_done() {
        let book = Book::default();
        book.pending().tally.add(fails());
        book.pending().tally.add(fails());
        let mut both = Tally::default();
        both.add(fails());
        both.add(fails());
        let (release, released) = oneshot::channel();
        // They are begun in this order, and the first comes to its end last of all.
        let first = book.write(|tally| async move {
            assert_eq!(tally, both);
            released.await.unwrap();
            Ok::<_, Error>(Some(open()))
        });
        let second = book.write(|_| ready(Err(Error::internal("nothing is left"))));
        let (first, second, ()) = tokio::join!(first, second, async {
            release.send(()).unwrap();
        });
        assert_eq!(first, Some(open()));
        let told = second.unwrap();
        assert!(told.wait > Duration::from_secs(20), "{told:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_written_changes_nothing_that_is_known() {
        let book = Book::default();
        book.pending().tally.add(fails());
        let written = book.write(|_| ready(Ok(Some(open())))).await;
        assert_eq!(written, Some(open()));
        book.pending().tally.add(fails());
        let failed = book.write(|_| ready(Err(Error::internal("no database"))));
        let failed = failed.await;
        assert!(failed.is_some(), "it is open as far as is known");
        let closed = book.learn_of(ready(Ok(None))).await;
        assert_eq!((closed, book.open()), (None, None));
    }
}
