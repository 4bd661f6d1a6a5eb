//! Folds the differences of totals into what is kept. It is no queued job: there is nothing to be tried again, and of several
//! workers one does it. While none does, dashboards add the differences up themselves, and are right as well.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::dashboard;

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// Folds again and again until it is stopped.
pub(super) async fn run(app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = dashboard::fold(&app).await {
            tracing::debug!(%error, "totals were not folded");
        }
    }
}
