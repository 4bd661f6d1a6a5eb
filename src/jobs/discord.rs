//! The jobs that do what members of Discord ask for, and tell them what came of it.

use sqlxmq::CurrentJob;
use uuid::Uuid;

use super::writer::{bury, give_back};
use crate::app::App;
use crate::domain::discord;
use crate::domain::task::{self, Interaction};

/// Does one of the jobs, and finishes it in the transaction of its effects.
pub(super) async fn talk(app: App, worker_id: i64, job: CurrentJob) {
    let name = job.name().to_owned();
    let payload = match job.json::<Interaction>() {
        Ok(Some(payload)) => payload,
        Ok(None) => return give_up(&app, job.id(), &name, "the job has no payload").await,
        Err(error) => return give_up(&app, job.id(), &name, &error.to_string()).await,
    };
    let interaction_id = &payload.interaction_id;
    let result = match name.as_str() {
        _ if payload.has_failed => discord::tell_failure(&app, interaction_id, job.id()).await,
        task::ANSWER_INTERACTION => discord::answer(&app, interaction_id, job.id()).await,
        task::TELL_VERDICT => discord::tell(&app, interaction_id, job.id()).await,
        other => {
            let why = format!("this program has no job {other:?}");
            return bury(&app, job.id(), &why).await;
        }
    };
    if let Err(error) = result {
        give_back(&app, worker_id, job.id(), &error).await;
    }
}

/// Gives a job up whose payload cannot be read. Where that cannot be written, it comes back with its lease.
async fn give_up(app: &App, id: Uuid, name: &str, why: &str) {
    tracing::error!(job = %id, name, error = why, "a job cannot be read");
    if let Err(error) = discord::give_up(app, id, name, why).await {
        tracing::warn!(job = %id, error = %error.with_causes(), "a job was not given up");
    }
}
