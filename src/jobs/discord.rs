//! The jobs that do what members of Discord ask for, and tell them what came of it.

use sqlxmq::CurrentJob;

use super::writer::{bury, give_back};
use crate::app::App;
use crate::domain::discord;
use crate::domain::task::{self, Interaction};
use crate::error::Error;

/// Does one of the jobs, and finishes it in the transaction of its effects.
pub(super) async fn talk(app: App, job: CurrentJob) {
    let payload = match job.json::<Interaction>() {
        Ok(Some(payload)) => payload,
        Ok(None) => {
            let error = Error::internal("the job has no payload");
            return give_back(&app, job.id(), &error).await;
        }
        Err(error) => return give_back(&app, job.id(), &Error::internal(error)).await,
    };
    let name = job.name().to_owned();
    let result = match name.as_str() {
        task::ANSWER_INTERACTION => discord::answer(&app, &payload.interaction_id, job.id()).await,
        task::TELL_VERDICT => discord::tell(&app, &payload.interaction_id, job.id()).await,
        other => {
            let why = format!("this program has no job {other:?}");
            return bury(&app, job.id(), &why).await;
        }
    };
    if let Err(error) = result {
        give_back(&app, job.id(), &error).await;
    }
}
