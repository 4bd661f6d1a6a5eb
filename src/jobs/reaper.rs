//! Sees to it that no job is lost: those of a worker that died go back to the queue, those that ran out of attempts are
//! kept among the dead ones with their error, the claims and deliveries behind them are taken up again later, and members of
//! Discord who wait for them are told.
//!
//! Each minute it also removes what is kept no longer. Of several workers each does, and leaves rows that another is at to it.

use std::time::Duration;

use diesel_async::AsyncConnection as _;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::db::queue;
use crate::domain::{alert_delivery, discord, task, verification};
use crate::error::Error;

/// How often.
const EVERY: Duration = Duration::from_secs(2);
/// After how many looks what is kept no longer is removed again: a minute.
const LOOKS: u32 = 30;

/// Looks for lost jobs once.
///
/// # Errors
/// The database failed; nothing was changed then.
pub async fn reap(app: &App) -> Result<(), Error> {
    let mut connection = app.db.get().await?;
    let released = queue::release_dead_workers(&mut connection).await?;
    if released > 0 {
        tracing::warn!(released, "jobs of a worker that died go back to the queue");
    }
    loop {
        let now = app.clock.now();
        let (dead, is_to_be_told) = connection
            .transaction::<_, Error, _>(async |connection| {
                let dead = queue::bury_exhausted(connection).await?;
                verification::requeue_dead(connection, &dead, now).await?;
                alert_delivery::requeue_dead(connection, &dead, now).await?;
                let is_to_be_told = discord::requeue_dead(connection, &dead, now).await?;
                Ok((dead, is_to_be_told))
            })
            .await?;
        if is_to_be_told {
            app.events.hint(task::DISCORD);
        }
        if dead.is_empty() {
            return Ok(());
        }
        for job in &dead {
            tracing::error!(job = %job.id, name = job.name, "a job ran out of attempts");
        }
    }
}

/// Removes a part of what is kept no longer, and says whether there may be more.
///
/// # Errors
/// The database failed; a part may be gone.
pub async fn prune(app: &App) -> Result<bool, Error> {
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    let commands = discord::prune(&mut connection, now).await?;
    let deliveries = alert_delivery::prune(&mut connection, now).await?;
    Ok(commands || deliveries)
}

/// Looks again and again until it is stopped.
pub(super) async fn run(app: App, stop: CancellationToken) {
    let mut looks_left: u32 = 0;
    loop {
        if let Err(error) = reap(&app).await {
            tracing::debug!(%error, "looking for lost jobs failed");
        }
        looks_left = match looks_left.checked_sub(1) {
            Some(left) => left,
            // While there is much to remove, a part at each look.
            None => match prune(&app).await {
                Ok(true) => 0,
                Ok(false) => LOOKS,
                Err(error) => {
                    tracing::debug!(%error, "removing what is kept no longer failed");
                    LOOKS
                }
            },
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
