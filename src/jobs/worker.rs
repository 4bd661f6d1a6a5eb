//! Starts what takes and does jobs, watches over it, and starts it anew when the database was away.
//!
//! sqlxmq's runner backs off without a limit when its polls fail: after an outage of minutes it would sleep for hours. So
//! the runners live in a generation that holds one connection of its own. When that connection breaks, or jobs are due and
//! none is taken, the generation ends and the next one begins as soon as the database answers.
//!
//! The connection also holds an advisory lock on the worker's number, which every lease carries: when this process dies,
//! PostgreSQL drops the lock with the connection, and the other workers give its jobs back at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::postgres::PgPoolOptions;
use sqlxmq::{CurrentJob, JobRunnerHandle, JobRunnerOptions};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::lease::{Leased, Leases};
use super::writer::Writers;
use super::{alert_delivery, application, discord, folder, reaper, reconcile, run};
use crate::app::App;
use crate::db::{self, queue};
use crate::domain::alert_delivery::{Lanes, follow};
use crate::domain::task;
use crate::error::Error;
use crate::model::PlatformKind;

/// How often a generation is looked at, and how often its runners are told to look for jobs by themselves.
const BEAT: Duration = Duration::from_secs(1);
/// How long a job may be due, with nothing running, before its runner is taken for dead.
const OVERDUE_SECONDS: f64 = 5.0;
/// How long running jobs may take to end when the worker is stopped.
const DRAIN: Duration = Duration::from_secs(10);

/// How many jobs a runner holds.
#[derive(Debug, Clone, Copy)]
pub struct WorkerOptions {
    /// Below this many running jobs of a channel, more are taken.
    pub min_concurrency: usize,
    /// Up to this many.
    pub max_concurrency: usize,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            min_concurrency: 512,
            max_concurrency: 1024,
        }
    }
}

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Worker {
    /// Starts taking jobs. Where the database is away, as soon as it is back.
    #[must_use]
    pub fn start(app: &App, options: WorkerOptions) -> Self {
        let stop = CancellationToken::new();
        let tasks = vec![
            tokio::spawn(supervise(app.clone(), options, stop.clone())),
            tokio::spawn(reaper::run(app.clone(), stop.clone())),
            tokio::spawn(folder::run(app.clone(), stop.clone())),
            tokio::spawn(follow(app.clone(), stop.clone())),
        ];
        Self { stop, tasks }
    }

    /// Takes no more jobs, lets those that run end, and gives the others back.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a part of the worker died");
            }
        }
    }
}

async fn supervise(app: App, options: WorkerOptions, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match Generation::start(&app, options).await {
            Ok(generation) => generation.live(&app, &stop).await,
            Err(error) => {
                tracing::warn!(error = %error.with_causes(), "the worker waits for the database");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(BEAT) => {}
                }
            }
        }
    }
}

/// The channels of this program, each with a runner of its own, so that jobs of one platform that wait for it do not keep
/// those of another from running. Those of Discord are left to workers that have access to it.
fn channels(app: &App) -> Vec<&'static str> {
    let mut channels: Vec<&str> = PlatformKind::ALL
        .iter()
        .map(|kind| task::reconcile_channel(*kind))
        .collect();
    channels.push(task::APPLICATIONS);
    channels.push(task::RUNS);
    if app.discord.is_some() {
        channels.push(task::DISCORD);
    }
    channels.push(task::DELIVERIES);
    channels
}

/// The platforms that can be asked now, with whosever access.
fn served(app: &App) -> Vec<PlatformKind> {
    let kinds = PlatformKind::ALL.iter().copied();
    kinds.filter(|kind| app.platforms.serves(*kind)).collect()
}

/// Everything that lives and dies with one connection.
struct Generation {
    lock: db::Connection,
    worker_id: i64,
    pool: sqlx::PgPool,
    runners: Vec<JobRunnerHandle>,
    channels: Vec<&'static str>,
    /// The platforms that jobs are taken of.
    served: Vec<PlatformKind>,
    pipelines: Vec<JoinHandle<()>>,
    running: Arc<AtomicUsize>,
}

impl Generation {
    async fn start(app: &App, options: WorkerOptions) -> Result<Self, Error> {
        let mut lock = app.db.dedicated().await?;
        let worker_id = queue::register_worker(&mut lock).await?;
        // Leases carry the worker's number: each connection that polls says it.
        let channels = channels(app);
        let pool = PgPoolOptions::new()
            .max_connections(u32::try_from(channels.len() + 4).unwrap_or(16))
            .acquire_timeout(Duration::from_secs(5))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    sqlx::query("SELECT set_config('countersign.worker_id', $1, false)")
                        .bind(worker_id.to_string())
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .connect(app.db.url())
            .await
            .map_err(|error| Error::Unavailable(error.into()))?;
        let mut generation = Self {
            lock,
            worker_id,
            pool,
            runners: Vec::new(),
            channels,
            served: served(app),
            pipelines: Vec::new(),
            running: Arc::default(),
        };
        generation.start_runners(app, options).await?;
        tracing::info!(worker_id, "the worker takes jobs");
        Ok(generation)
    }

    async fn start_runners(&mut self, app: &App, options: WorkerOptions) -> Result<(), Error> {
        let worker_id = self.worker_id;
        let (done, writers) = Writers::start(app, worker_id);
        self.pipelines.extend(writers);
        let (leases, keeper) = Leases::start(app, worker_id);
        self.pipelines.push(keeper);
        for platform in self.served.clone() {
            let (jobs, taken) = mpsc::unbounded_channel::<Leased>();
            let pipeline = reconcile::run(app.clone(), platform, worker_id, taken, done.clone());
            self.pipelines.push(tokio::spawn(pipeline));
            let leases = leases.clone();
            let dispatch = move |job: CurrentJob| {
                // The receiver ends only when this sender does; a job that is lost here comes back with its lease.
                if jobs.send(leases.hold(job)).is_err() {
                    tracing::error!("a job came after its pipeline had ended");
                }
            };
            self.start_runner(task::reconcile_channel(platform), options, dispatch)
                .await?;
        }
        let for_applications = app.clone();
        let dispatch = move |job: CurrentJob| {
            let decide = application::decide(for_applications.clone(), worker_id, job);
            tokio::spawn(decide);
        };
        let few = WorkerOptions {
            min_concurrency: 8,
            max_concurrency: 16,
        };
        self.start_runner(task::APPLICATIONS, few, dispatch).await?;
        let for_runs = app.clone();
        let dispatch = move |job: CurrentJob| {
            tokio::spawn(run::extend(for_runs.clone(), worker_id, job));
        };
        self.start_runner(task::RUNS, few, dispatch).await?;
        if app.discord.is_some() {
            let for_discord = app.clone();
            let dispatch = move |job: CurrentJob| {
                tokio::spawn(discord::talk(for_discord.clone(), worker_id, job));
            };
            self.start_runner(task::DISCORD, few, dispatch).await?;
        }
        let for_deliveries = app.clone();
        let lanes = Lanes::default();
        let dispatch = move |job: CurrentJob| {
            let deliver =
                alert_delivery::deliver(for_deliveries.clone(), lanes.clone(), worker_id, job);
            tokio::spawn(deliver);
        };
        // Well above what the deliveries of one advertiser take, so that receivers that hang leave room for others.
        let some = WorkerOptions {
            min_concurrency: 64,
            max_concurrency: 128,
        };
        self.start_runner(task::DELIVERIES, some, dispatch).await
    }

    async fn start_runner(
        &mut self,
        channel: &'static str,
        options: WorkerOptions,
        dispatch: impl Fn(CurrentJob) + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let running = Arc::clone(&self.running);
        let handle = JobRunnerOptions::new(&self.pool, move |job| {
            running.fetch_add(1, Ordering::Relaxed);
            dispatch(job);
        })
        .set_channel_names(&[channel])
        .set_concurrency(options.min_concurrency, options.max_concurrency)
        .set_keep_alive(false)
        .run()
        .await
        .map_err(|error| Error::Unavailable(error.into()))?;
        self.runners.push(handle);
        Ok(())
    }

    /// Lives until it is stopped or found dead.
    async fn live(mut self, app: &App, stop: &CancellationToken) {
        let mut overdue = 0;
        loop {
            tokio::select! {
                () = stop.cancelled() => return self.end(app).await,
                () = tokio::time::sleep(BEAT) => {}
            }
            if served(app) != self.served {
                tracing::info!("other platforms can be asked now: the runners are started anew");
                return self.end(app).await;
            }
            match tokio::time::timeout(Duration::from_secs(5), self.beat()).await {
                Ok(Ok(false)) => overdue = 0,
                Ok(Ok(true)) => overdue += 1,
                Ok(Err(error)) => {
                    tracing::warn!(error = %error.with_causes(), "the worker lost the database");
                    break;
                }
                Err(_) => {
                    tracing::warn!("the database does not answer the worker");
                    break;
                }
            }
            if overdue >= 5 {
                tracing::error!("jobs are due and none is taken: the runners are started anew");
                break;
            }
        }
        // Jobs that are still being worked on find themselves fenced: whoever finishes one first has its effects.
        for runner in &mut self.runners {
            runner.stop().await;
        }
        self.pool.close().await;
    }

    /// Wakes the runners, in case a notification was lost, and says whether jobs are due that nobody takes.
    async fn beat(&mut self) -> Result<bool, Error> {
        queue::notify(&mut self.lock, &self.channels, false).await?;
        let taken = self.running.swap(0, Ordering::Relaxed);
        let held: usize = self
            .runners
            .iter()
            .map(JobRunnerHandle::num_running_jobs)
            .sum();
        if taken > 0 || held > 0 {
            return Ok(false);
        }
        let served: Vec<&str> = self
            .channels
            .iter()
            .copied()
            .filter(|channel| {
                PlatformKind::ALL.iter().all(|kind| {
                    task::reconcile_channel(*kind) != *channel || self.served.contains(kind)
                })
            })
            .collect();
        Ok(queue::is_overdue(&mut self.lock, &served, OVERDUE_SECONDS).await?)
    }

    /// Ends in order: takes no more, waits for what runs, gives the rest back.
    async fn end(mut self, app: &App) {
        for runner in &mut self.runners {
            runner.stop().await;
        }
        let ending = self.runners.iter();
        join_all(ending.map(|runner| runner.wait_jobs_finish(DRAIN))).await;
        // The dispatchers hold the ends of the pipelines; without them these run dry and end.
        self.runners.clear();
        let released = async {
            let mut connection = app.db.get().await?;
            Ok::<_, Error>(queue::end_worker(&mut connection, self.worker_id).await?)
        };
        match released.await {
            Ok(released) => tracing::info!(released, "the worker has ended"),
            Err(error) => {
                tracing::warn!(error = %error.with_causes(), "the worker's jobs wait for their leases");
            }
        }
        self.pool.close().await;
        for pipeline in self.pipelines {
            pipeline.abort();
        }
    }
}
