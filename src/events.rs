//! Hints that there is news in the database: jobs to take, alert events to pass on.
//!
//! A hint carries nothing and may be lost: whoever acts on one reads the database, and reads it from time to time without.
//! So a hint costs the transaction that gives it nothing, unlike a NOTIFY inside it, which makes commits wait for each other.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Hints inside one process. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Events {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    channels: Mutex<BTreeSet<&'static str>>,
    news: Notify,
}

/// The channel on which PostgreSQL is told of alert events.
pub const ALERT_EVENTS: &str = "alert_events";

impl Events {
    /// Says that jobs were committed on a channel of the queue, or alert events on [`ALERT_EVENTS`].
    pub fn hint(&self, channel: &'static str) {
        self.inner
            .channels
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(channel);
        self.inner.news.notify_one();
    }

    /// Waits for a hint and takes all there are.
    pub async fn take(&self) -> Vec<&'static str> {
        loop {
            let taken = self.take_now();
            if !taken.is_empty() {
                return taken;
            }
            self.inner.news.notified().await;
        }
    }

    /// Takes the hints there are.
    #[must_use]
    pub fn take_now(&self) -> Vec<&'static str> {
        let mut channels = self
            .inner
            .channels
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *channels).into_iter().collect()
    }
}
