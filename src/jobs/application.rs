//! The job that decides an application by its advertiser's rule.

use sqlxmq::CurrentJob;

use super::writer::{bury, give_back};
use crate::app::App;
use crate::domain::application;
use crate::domain::task::{self, DecideApplication};

/// Decides, and finishes the job in the same transaction.
pub(super) async fn decide(app: App, worker_id: i64, job: CurrentJob) {
    if job.name() != task::DECIDE_APPLICATION {
        let why = format!("this program has no job {:?}", job.name());
        return bury(&app, job.id(), &why).await;
    }
    let result = match job.json::<DecideApplication>() {
        Ok(Some(payload)) => {
            application::decide_by_rule(&app, payload.application_id, job.id()).await
        }
        Ok(None) => Err(crate::error::Error::internal("the job has no payload")),
        Err(error) => Err(crate::error::Error::internal(error)),
    };
    if let Err(error) = result {
        give_back(&app, worker_id, job.id(), &error).await;
    }
}
