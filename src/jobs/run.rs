//! The job that goes on with a run that was too large to be written at once.

use sqlxmq::CurrentJob;

use super::writer::{bury, give_back};
use crate::app::App;
use crate::domain::run;
use crate::domain::task::{self, ExtendRun};

/// Writes the next claims, and finishes the job in the same transaction.
pub(super) async fn extend(app: App, worker_id: i64, job: CurrentJob) {
    if job.name() != task::EXTEND_RUN {
        let why = format!("this program has no job {:?}", job.name());
        return bury(&app, job.id(), &why).await;
    }
    let result = match job.json::<ExtendRun>() {
        Ok(Some(payload)) => run::extend(&app, payload.run_id, job.id()).await,
        Ok(None) => return bury(&app, job.id(), "the job has no payload").await,
        Err(error) => return bury(&app, job.id(), &error.to_string()).await,
    };
    if let Err(error) = result {
        give_back(&app, worker_id, job.id(), &error).await;
    }
}
