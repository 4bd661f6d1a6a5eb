//! Alert events as they happen, to any number of subscribers.
//!
//! One reader for each process reads new events from the table, once for all subscribers: when PostgreSQL notifies it, and
//! each second without. Ids become visible in their own order (see the migration), so what is read after the last id is
//! everything new. A subscriber that falls behind reads the table from its own cursor; nothing is skipped and nothing
//! comes twice.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::access::Viewer;
use super::listener::Listener;
use super::visible;
use crate::app::App;
use crate::db::alert::{self, Alert, AlertEvent};
use crate::error::Error;

/// How often the table is read without a notification.
const EVERY: Duration = Duration::from_secs(1);
/// Most events in one read.
const PAGE: i64 = 500;
/// Events that wait for a subscriber in memory, shared by all of them.
const BUFFER: usize = 1024;

/// An event with its alert as it was when the event was read.
#[derive(Debug, Clone)]
pub struct Event {
    /// What happened.
    pub event: AlertEvent,
    /// To which alert.
    pub alert: Alert,
    /// In whose campaign.
    pub advertiser_id: Option<i64>,
}

/// Passes alert events on to the subscribers of this process. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct AlertFeed {
    sender: broadcast::Sender<Arc<Event>>,
}

impl Default for AlertFeed {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(BUFFER),
        }
    }
}

impl AlertFeed {
    /// Notes where the table ends, and from there on reads new events until it is stopped. When the database is away it
    /// goes on where it was.
    ///
    /// # Errors
    /// The database cannot be read now.
    pub async fn start(
        &self,
        app: &App,
        stop: CancellationToken,
    ) -> Result<tokio::task::JoinHandle<()>, Error> {
        let last = alert::latest_event_id(&mut *app.db.get().await?).await?;
        Ok(tokio::spawn(self.clone().run(app.clone(), last, stop)))
    }

    async fn run(self, app: App, mut last: i64, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let result = tokio::select! {
                () = stop.cancelled() => return,
                result = self.follow(&app, &mut last) => result,
            };
            if let Err(error) = result {
                tracing::warn!(%error, "reading alert events failed; trying again");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        }
    }

    async fn follow(&self, app: &App, last: &mut i64) -> Result<(), Error> {
        let mut listener = Listener::open(app).await?;
        loop {
            let mut connection = app.db.get().await?;
            loop {
                let events = alert::list_events_after(&mut connection, *last, PAGE).await?;
                let Some((newest, ..)) = events.last() else {
                    break;
                };
                *last = newest.id;
                for (event, alert, advertiser_id) in events {
                    // Without subscribers there is nobody to send to, and that is fine.
                    let _unsent = self.sender.send(Arc::new(Event {
                        event,
                        alert,
                        advertiser_id,
                    }));
                }
            }
            drop(connection);
            listener.wait(EVERY).await?;
        }
    }

    /// Subscribes from after a cursor, or from now on. Events come in order, each once.
    ///
    /// # Errors
    /// The database failed.
    pub async fn subscribe(
        &self,
        app: &App,
        viewer: Viewer,
        after: Option<i64>,
    ) -> Result<Subscription, Error> {
        // Listening begins before the table is read, so that nothing falls in between.
        let live = self.sender.subscribe();
        let last = match after {
            Some(id) => id,
            None => alert::latest_event_id(&mut *app.db.get().await?).await?,
        };
        Ok(Subscription {
            app: app.clone(),
            viewer,
            live,
            last,
            backlog: VecDeque::new(),
            behind: after.is_some(),
        })
    }
}

/// One subscriber's place in the stream of events.
#[derive(Debug)]
pub struct Subscription {
    app: App,
    viewer: Viewer,
    live: broadcast::Receiver<Arc<Event>>,
    /// The last event that was looked at.
    last: i64,
    /// Events that were read from the table and not yet given out.
    backlog: VecDeque<Arc<Event>>,
    /// Whether the table may hold events that `live` does not.
    behind: bool,
}

impl Subscription {
    /// The next event that the viewer may see; none when the server stops.
    ///
    /// # Errors
    /// The database failed while the subscriber was catching up; it can resume from its last event.
    pub async fn next(&mut self) -> Result<Option<Arc<Event>>, Error> {
        loop {
            let event = if let Some(event) = self.backlog.pop_front() {
                event
            } else if self.behind {
                self.catch_up().await?;
                continue;
            } else {
                match self.live.recv().await {
                    Ok(event) => event,
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        self.behind = true;
                        continue;
                    }
                    Err(broadcast::error::RecvError::Closed) => return Ok(None),
                }
            };
            if event.event.id <= self.last {
                continue;
            }
            self.last = event.event.id;
            if visible::sees_alert(&self.viewer, &event.alert, event.advertiser_id) {
                return Ok(Some(event));
            }
        }
    }

    async fn catch_up(&mut self) -> Result<(), Error> {
        let mut connection = self.app.db.get().await?;
        let events = alert::list_events_after(&mut connection, self.last, PAGE).await?;
        self.behind = events.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
        self.backlog = events
            .into_iter()
            .map(|(event, alert, advertiser_id)| {
                Arc::new(Event {
                    event,
                    alert,
                    advertiser_id,
                })
            })
            .collect();
        Ok(())
    }
}
