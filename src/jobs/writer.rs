//! Writes what came of checks, up to 200 in one transaction, three transactions at a time: an affiliate's always one after
//! the other, so that transactions do not wait for each other's rows.
//!
//! Where a batch cannot be written its jobs are written one by one, so that one bad row costs only its own job. A job that
//! cannot be written alone is given back with the error, to be tried again until it runs out of attempts.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::lease::Leased;
use crate::app::App;
use crate::db::queue;
use crate::domain::verification::{self, Checked};
use crate::error::Error;

/// Most jobs in one transaction.
const BATCH: usize = 200;
/// Transactions at a time.
const PARALLEL: u64 = 3;
/// Checks that wait to be written in one lane.
const QUEUE: usize = 1024;
/// How long a batch that is not full waits for more.
const LINGER: Duration = Duration::from_millis(3);
/// Most characters that are kept of a job's error.
const LONGEST_ERROR: usize = 2000;
/// After a failure, how long until the job is tried again.
const RETRY_SECONDS: f64 = 15.0;

/// A check with the job that it came from. The job counts as running, and is leased, until this is dropped.
pub(super) struct Done {
    pub(super) checked: Checked,
    pub(super) job: Leased,
}

/// Where checks go to be written. Those of one affiliate go one way, since its row is locked while they are written.
#[derive(Clone)]
pub(super) struct Writers {
    lanes: Vec<mpsc::Sender<Done>>,
}

impl Writers {
    /// Starts writing for the worker of this number. Each task ends when the last clone of this is gone and everything is written.
    pub(super) fn start(app: &App, worker_id: i64) -> (Self, Vec<JoinHandle<()>>) {
        let mut lanes = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..PARALLEL {
            let (lane, done) = mpsc::channel(QUEUE);
            lanes.push(lane);
            tasks.push(tokio::spawn(run(app.clone(), worker_id, done)));
        }
        (Self { lanes }, tasks)
    }

    /// Hands a check over, waiting for room.
    pub(super) async fn send(&self, done: Done) {
        let affiliate = done.checked.task.post.affiliate_id.unsigned_abs();
        let lane = usize::try_from(affiliate % PARALLEL).unwrap_or(0);
        // Without a writer the job comes back with its lease.
        if self.lanes[lane].send(done).await.is_err() {
            tracing::error!("a check came after its writer had ended");
        }
    }
}

/// Writes batches until every sender is gone.
async fn run(app: App, worker_id: i64, mut done: mpsc::Receiver<Done>) {
    let mut batch = Vec::with_capacity(BATCH);
    while done.recv_many(&mut batch, BATCH).await > 0 {
        let deadline = tokio::time::Instant::now() + LINGER;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            match tokio::time::timeout_at(deadline, done.recv_many(&mut batch, room)).await {
                Ok(received) if received > 0 => {}
                _ => break,
            }
        }
        write(&app, worker_id, std::mem::take(&mut batch)).await;
    }
}

async fn write(app: &App, worker_id: i64, batch: Vec<Done>) {
    let (checked, jobs): (Vec<Checked>, Vec<Leased>) = batch
        .into_iter()
        .map(|done| (done.checked, done.job))
        .unzip();
    match verification::settle(app, &checked).await {
        Ok(()) => {}
        Err(error @ Error::Unavailable(_)) => {
            tracing::warn!(%error, jobs = checked.len(), "a batch was not written; its jobs stay queued");
        }
        Err(error) if checked.len() == 1 => {
            give_back(app, worker_id, checked[0].task.job_id, &error).await;
        }
        Err(error) => {
            tracing::warn!(error = %error.with_causes(), jobs = checked.len(), "a batch failed: one by one");
            for one in checked {
                let id = one.task.job_id;
                if let Err(error) = verification::settle(app, &[one]).await {
                    give_back(app, worker_id, id, &error).await;
                }
            }
        }
    }
    drop(jobs);
}

/// Ends the attempt at a job that the worker of this number holds with an error. Where even that cannot be written, the end of
/// the lease does the same.
pub(super) async fn give_back(app: &App, worker_id: i64, id: Uuid, error: &Error) {
    let text: String = error.with_causes().chars().take(LONGEST_ERROR).collect();
    tracing::error!(job = %id, error = text, "a job failed");
    let given = async {
        let mut connection = app.db.get().await?;
        queue::retry(&mut connection, worker_id, id, RETRY_SECONDS, &text).await?;
        Ok::<_, Error>(())
    };
    if let Err(error) = given.await {
        tracing::warn!(job = %id, error = %error.with_causes(), "the job's error was not written");
    }
}

/// Gives a job up. Where that cannot be written, it comes back with its lease.
pub(super) async fn bury(app: &App, id: Uuid, why: &str) {
    let buried = async {
        let mut connection = app.db.get().await?;
        queue::bury(&mut connection, id, why).await?;
        Ok::<_, Error>(())
    };
    if let Err(error) = buried.await {
        tracing::warn!(job = %id, error = %error.with_causes(), "a job was not given up");
    }
}
