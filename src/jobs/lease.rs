//! Leases of jobs that are worked on for longer than a lease lasts.
//!
//! A job is leased for a minute when it is taken, and a gathering of a thousand may have to ask for longer than that. So what
//! this worker holds is leased anew before its lease ends, all of it by one statement, for as long as the job is in anybody's
//! hands here. One that was finished, put back or taken by another worker is not its to lease: the statement sees that. When
//! this process dies nobody leases its jobs anew.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sqlxmq::CurrentJob;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::app::App;
use crate::db::queue;
use crate::error::Error;

/// How often. A lease that is missed once is leased anew in time.
const EVERY: Duration = Duration::from_secs(20);

/// The jobs that this worker holds.
#[derive(Debug, Clone)]
pub(super) struct Leases {
    held: Arc<Held>,
}

impl Leases {
    /// Nothing is held yet. The task ends when this and all that was held is gone.
    pub(super) fn start(app: &App, worker_id: i64) -> (Self, JoinHandle<()>) {
        let held = Arc::<Held>::default();
        let keeper = keep(app.clone(), worker_id, Arc::downgrade(&held));
        (Self { held }, tokio::spawn(keeper))
    }

    /// Holds a job's lease until what is returned is dropped.
    pub(super) fn hold(&self, job: CurrentJob) -> Leased {
        let lease = Lease::new(&self.held, job.id());
        Leased { job, _lease: lease }
    }
}

/// A job whose lease is held.
pub(super) struct Leased {
    job: CurrentJob,
    _lease: Lease,
}

impl Deref for Leased {
    type Target = CurrentJob;

    fn deref(&self) -> &CurrentJob {
        &self.job
    }
}

/// What is held. A job that was put back may be taken again by the same worker before the one who put it back has let go of
/// it, so each is counted.
#[derive(Debug, Default)]
struct Held(Mutex<HashMap<Uuid, usize>>);

impl Held {
    fn ids(&self) -> Vec<Uuid> {
        self.lock().keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, usize>> {
        // Nothing that could panic is done while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One hold on a job.
#[derive(Debug)]
struct Lease {
    id: Uuid,
    held: Arc<Held>,
}

impl Lease {
    fn new(held: &Arc<Held>, id: Uuid) -> Self {
        *held.lock().entry(id).or_default() += 1;
        Self {
            id,
            held: Arc::clone(held),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        if let Some(holds) = held.get_mut(&self.id) {
            *holds -= 1;
            if *holds == 0 {
                held.remove(&self.id);
            }
        }
    }
}

/// Leases anew what is held, again and again, until nobody can hold anything any more.
async fn keep(app: App, worker_id: i64, held: Weak<Held>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(ids) = held.upgrade().map(|held| held.ids()) else {
            return;
        };
        if ids.is_empty() {
            continue;
        }
        let extended = async {
            let mut connection = app.db.get().await?;
            Ok::<_, Error>(queue::extend_leases(&mut connection, worker_id, &ids).await?)
        };
        match extended.await {
            Ok(0) => {}
            Ok(extended) => tracing::debug!(extended, "jobs were leased anew"),
            Err(error) => {
                tracing::warn!(error = %error.with_causes(), jobs = ids.len(), "jobs were not leased anew");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_held_until_the_last_hold_on_it_is_gone() {
        let held = Arc::<Held>::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = Lease::new(&held, one);
        let again = Lease::new(&held, one);
        let beside = Lease::new(&held, other);
        let ids = || {
            let mut ids = held.ids();
            ids.sort_unstable();
            ids
        };
        assert_eq!(ids(), [one, other]);
        drop(first);
        assert_eq!(ids(), [one, other]);
        drop(beside);
        assert_eq!(ids(), [one]);
        drop(again);
        assert!(ids().is_empty());
    }
}
