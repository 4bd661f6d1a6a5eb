//! The queue, for operators: what waits, and what was given up.

use diesel_async::AsyncConnection as _;
use uuid::Uuid;

use super::task::{self, Reconcile};
use crate::app::App;
use crate::db::keyset::Slice;
use crate::db::queue::{self, TakenDead};
pub use crate::db::queue::{DeadJob, DeadKey, KindStatus};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::PlatformKind;

/// What is in the queue, by the name of the job.
///
/// # Errors
/// The database failed.
pub async fn status(app: &App) -> Result<Vec<KindStatus>, Error> {
    Ok(queue::status(&mut *app.db.get().await?).await?)
}

/// A page of the jobs that were given up, newest first.
///
/// # Errors
/// The database failed.
pub async fn dead(
    app: &App,
    after: Option<DeadKey>,
    before: Option<DeadKey>,
    limit: i64,
    from_end: bool,
) -> Result<Slice<DeadJob>, Error> {
    let mut connection = app.db.get().await?;
    Ok(queue::list_dead_page(&mut connection, after, before, limit, from_end).await?)
}

/// Puts a job that was given up back into the queue, with all its attempts. A check of a claim is made now and queues no
/// other after it: when it was given up the claim's next check was queued.
///
/// # Errors
/// There is no such job.
pub async fn retry(app: &App, id: Uuid) -> Result<(), Error> {
    let mut connection = app.db.get().await?;
    let channel = connection
        .transaction::<_, Error, _>(async |connection| {
            let dead = queue::take_dead(connection, id)
                .await?
                .ok_or_else(missing)?;
            let payload_json = between(&dead)?;
            queue::revive(connection, &dead, payload_json.as_deref(), task::ATTEMPTS).await?;
            Ok(dead.channel_name)
        })
        .await?;
    // A channel that no worker of this version serves needs no hint.
    let known = PlatformKind::ALL
        .iter()
        .map(|kind| task::reconcile_channel(*kind))
        .chain([
            task::APPLICATIONS,
            task::RUNS,
            task::DISCORD,
            task::DELIVERIES,
        ])
        .find(|known| *known == channel);
    if let Some(channel) = known {
        app.events.hint(channel);
    }
    Ok(())
}

/// The payload with which a job that was given up is taken up again.
fn between(dead: &TakenDead) -> Result<Option<String>, Error> {
    let payload = dead.payload_json.as_deref();
    let check = payload
        .filter(|_| dead.name == task::RECONCILE)
        .and_then(|payload| serde_json::from_str::<Reconcile>(payload).ok());
    match check {
        Some(check) => {
            let check = Reconcile {
                between: true,
                ..check
            };
            serde_json::to_string(&check)
                .map(Some)
                .map_err(Error::internal)
        }
        // What cannot be read is given up again, for that reason.
        None => Ok(payload.map(ToOwned::to_owned)),
    }
}

/// Forgets a job that was given up.
///
/// # Errors
/// There is no such job.
pub async fn discard(app: &App, id: Uuid) -> Result<(), Error> {
    let mut connection = app.db.get().await?;
    if queue::discard_dead(&mut connection, id).await? {
        Ok(())
    } else {
        Err(missing())
    }
}

fn missing() -> Error {
    let message = "jobId names no job that was given up";
    Refusal::field(RefusalCode::NotFound, "jobId", message).into()
}
