//! Passes hints on to other processes, outside of any transaction and gathered: NOTIFY inside a transaction makes commits
//! wait for each other.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::db::queue;
use crate::events::ALERT_EVENTS;

/// How long hints are gathered.
const GATHER: Duration = Duration::from_millis(15);

/// Turns this process's hints into notifications until it is stopped. A hint that cannot be passed on is dropped: whoever
/// waits for it looks by itself each second.
pub async fn relay(app: App, stop: CancellationToken) {
    loop {
        let mut hints: BTreeSet<&'static str> = tokio::select! {
            () = stop.cancelled() => return,
            hints = app.events.take() => hints.into_iter().collect(),
        };
        tokio::time::sleep(GATHER).await;
        hints.extend(app.events.take_now());
        let alerts = hints.remove(ALERT_EVENTS);
        let channels: Vec<&str> = hints.into_iter().collect();
        let sent = async {
            let mut connection = app.db.get().await?;
            queue::notify(&mut connection, &channels, alerts).await?;
            Ok::<_, crate::error::Error>(())
        };
        if let Err(error) = sent.await {
            tracing::debug!(%error, "a hint was not passed on");
        }
    }
}
