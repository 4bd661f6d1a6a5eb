//! The job that sends a delivery to an advertiser's channel.

use sqlxmq::CurrentJob;

use super::writer::{bury, give_back};
use crate::app::App;
use crate::domain::alert_delivery::{self, Lanes};
use crate::domain::task::{self, DeliverAlert};

/// Sends, and finishes the job in the transaction that writes what came of it.
pub(super) async fn deliver(app: App, lanes: Lanes, worker_id: i64, job: CurrentJob) {
    if job.name() != task::DELIVER_ALERT {
        let why = format!("this program has no job {:?}", job.name());
        return bury(&app, job.id(), &why).await;
    }
    let result = match job.json::<DeliverAlert>() {
        Ok(Some(payload)) => alert_delivery::attempt(&app, &lanes, payload, job.id()).await,
        Ok(None) => return bury(&app, job.id(), "the job has no payload").await,
        Err(error) => return bury(&app, job.id(), &error.to_string()).await,
    };
    if let Err(error) = result {
        give_back(&app, worker_id, job.id(), &error).await;
    }
}
