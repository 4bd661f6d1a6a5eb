//! Verdicts as they are reached, to any number of subscribers.
//!
//! Verdicts are numbered by transactions that run at the same time, so a lower number may be committed after a higher one.
//! One reader in each process finds out how far the numbers are complete: it notes the highest number drawn and which
//! transactions are writing verdicts, and when the last of those has ended, everything up to that number is there. What
//! subscribers get is read from the table below that line, in order: nothing is missed and nothing comes twice.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::access::Viewer;
use crate::app::App;
use crate::db::reconciliation::{self, Reconciliation};
use crate::error::Error;

/// How often the reader looks.
const EVERY: Duration = Duration::from_millis(250);
/// How often it looks while it waits for transactions to end.
const SOON: Duration = Duration::from_millis(20);
/// Most verdicts in one read.
const PAGE: i64 = 200;

/// Passes verdicts on to the subscribers of this process. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct VerdictFeed {
    /// Up to which number everything is there.
    complete: watch::Sender<i64>,
}

impl Default for VerdictFeed {
    fn default() -> Self {
        Self {
            complete: watch::Sender::new(0),
        }
    }
}

impl VerdictFeed {
    /// Finds out how far the numbers are complete, and from there on keeps finding out until it is stopped. When the database
    /// is away it goes on where it was.
    ///
    /// # Errors
    /// The database cannot be read now.
    pub async fn start(
        &self,
        app: &App,
        stop: CancellationToken,
    ) -> Result<tokio::task::JoinHandle<()>, Error> {
        self.look(app).await?;
        Ok(tokio::spawn(self.clone().run(app.clone(), stop)))
    }

    async fn run(self, app: App, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            let looked = tokio::select! {
                () = stop.cancelled() => return,
                looked = self.look(&app) => looked,
            };
            if let Err(error) = looked {
                tracing::debug!(%error, "looking for verdicts failed");
            }
        }
    }

    /// Moves the line to the highest number drawn, when everything up to it is there.
    async fn look(&self, app: &App) -> Result<(), Error> {
        let last = {
            let mut connection = app.db.get().await?;
            reconciliation::last_number(&mut connection).await?
        };
        if last <= *self.complete.borrow() {
            return Ok(());
        }
        // Whoever drew one of these numbers and has not ended is among the writers of now.
        let mut before: Option<HashSet<String>> = None;
        loop {
            let writers: HashSet<String> = {
                let mut connection = app.db.get().await?;
                let writers = reconciliation::list_writers(&mut connection).await?;
                writers.into_iter().collect()
            };
            let left = match &before {
                None => writers,
                Some(before) => before.intersection(&writers).cloned().collect(),
            };
            if left.is_empty() {
                break;
            }
            before = Some(left);
            tokio::time::sleep(SOON).await;
        }
        self.complete.send_replace(last);
        Ok(())
    }

    /// Subscribes from after a number, or from now on, to the verdicts on a post or on all that the viewer may see.
    #[must_use]
    pub fn subscribe(
        &self,
        app: &App,
        viewer: Viewer,
        post_id: Option<i64>,
        after: Option<i64>,
    ) -> VerdictSubscription {
        let complete = self.complete.subscribe();
        let last = after.unwrap_or_else(|| *complete.borrow());
        VerdictSubscription {
            app: app.clone(),
            viewer,
            post_id,
            complete,
            last,
            read: Vec::new(),
        }
    }
}

/// One subscriber's place among the verdicts.
#[derive(Debug)]
pub struct VerdictSubscription {
    app: App,
    viewer: Viewer,
    post_id: Option<i64>,
    complete: watch::Receiver<i64>,
    /// The last number that was looked at.
    last: i64,
    /// What was read and not yet given out, the next one last.
    read: Vec<Reconciliation>,
}

impl VerdictSubscription {
    /// The next verdict that the viewer may see; none when the server stops.
    ///
    /// # Errors
    /// The database failed; the subscriber can resume from its last verdict.
    pub async fn next(&mut self) -> Result<Option<Reconciliation>, Error> {
        loop {
            if let Some(verdict) = self.read.pop() {
                return Ok(Some(verdict));
            }
            let through = *self.complete.borrow_and_update();
            if self.last >= through {
                if self.complete.changed().await.is_err() {
                    return Ok(None);
                }
                continue;
            }
            let rows = {
                let mut connection = self.app.db.get().await?;
                reconciliation::list_between(
                    &mut connection,
                    self.viewer.scope(),
                    self.post_id,
                    self.last,
                    through,
                    PAGE,
                )
                .await?
            };
            let full = rows.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
            self.last = match rows.last() {
                Some(newest) if full => newest.id,
                _ => through,
            };
            self.read = rows;
            self.read.reverse();
        }
    }
}
