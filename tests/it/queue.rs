//! Our SQL behind sqlxmq: whatever the pinned version of the crate calls through its public API does what the crate
//! promises. When a later version calls something else, these tests fail.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod ends;
mod jobs;
mod leases;
mod polls;

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use sqlxmq::{CurrentJob, JobBuilder, JobRunnerHandle, JobRunnerOptions};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::{Database, PATIENCE, until};

/// How long a job of these tests is leased. The clock is moved past it, never waited for.
const LEASE: Duration = Duration::from_mins(10);

/// A database with our queue in it, and nobody else at work there.
struct Queue {
    database: Database,
    /// The crate's way in.
    pool: PgPool,
    /// The test's own.
    sql: tokio_postgres::Client,
}

impl Queue {
    async fn start() -> Self {
        let database = Database::create().await;
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .connect(&database.url)
            .await
            .unwrap();
        let sql = database.connect().await;
        Self {
            database,
            pool,
            sql,
        }
    }

    async fn end(self) {
        self.database.drop_it().await;
    }

    async fn number(&self, sql: &str) -> i64 {
        let sql = format!("SELECT ({sql})::bigint");
        self.sql.query_one(&sql, &[]).await.unwrap().get(0)
    }

    async fn text(&self, sql: &str) -> String {
        let sql = format!("SELECT ({sql})::text");
        self.sql.query_one(&sql, &[]).await.unwrap().get(0)
    }

    async fn execute(&self, sql: &str) {
        self.sql.batch_execute(sql).await.unwrap();
    }

    /// How many attempts the one job in the queue has left.
    async fn attempts(&self) -> i64 {
        self.number("SELECT attempts FROM mq_msgs").await
    }

    /// Sets the clock of rules and queue so much ahead of the server's.
    async fn move_clock(&self, ahead: &str) {
        self.execute(&format!(
            "CREATE OR REPLACE FUNCTION countersign_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE \
             AS $$ SELECT now() + interval '{ahead}' $$"
        ))
        .await;
    }

    /// Tells whoever listens on a channel to look for jobs.
    async fn wake(&self, channel: &str) {
        self.execute(&format!("SELECT pg_notify('mq_{channel}', '')"))
            .await;
    }

    /// Queues a job with [`LEASE`] by the crate.
    async fn spawn(&self, channel: &str) -> Uuid {
        JobBuilder::new("job")
            .set_channel_name(channel)
            .set_retry_backoff(LEASE)
            .spawn(&self.pool)
            .await
            .unwrap()
    }

    /// Takes jobs of a channel by the crate's runner.
    async fn runner(&self, channel: &str) -> Runner {
        let (sender, jobs) = mpsc::unbounded_channel();
        let handle = self.runner_into(channel, (16, 32), sender).await;
        Runner { jobs, handle }
    }

    async fn runner_into(
        &self,
        channel: &str,
        (least, most): (usize, usize),
        sender: UnboundedSender<CurrentJob>,
    ) -> JobRunnerHandle {
        // A test that has ended takes no more jobs.
        JobRunnerOptions::new(&self.pool, move |job| drop(sender.send(job)))
            .set_channel_names(&[channel])
            .set_concurrency(least, most)
            .set_keep_alive(false)
            .run()
            .await
            .unwrap()
    }

    /// Waits until a runner has looked for jobs and rests.
    async fn polled(&self) {
        until("a runner has looked for jobs", async || {
            self.number(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                 AND state = 'idle' AND query = 'SELECT * FROM mq_poll($1, $2)'",
            )
            .await
                > 0
        })
        .await;
    }

    /// The ids that a poll of these channels takes, as the crate would.
    async fn poll(&self, channels: &[&str], batch: i32) -> Vec<String> {
        poll(&self.sql, Some(channels), batch).await.0
    }
}

/// What a poll gives, of every channel where none is named: the ids that it took, and the seconds until the next look.
async fn poll(
    client: &tokio_postgres::Client,
    channels: Option<&[&str]>,
    batch: i32,
) -> (Vec<String>, f64) {
    let rows = client
        .query(
            "SELECT id::text, extract(epoch FROM wait_time)::float8 FROM mq_poll($1, $2)",
            &[&channels, &batch],
        )
        .await
        .unwrap();
    let (last, taken) = rows.split_last().unwrap();
    assert_eq!(last.get::<_, Option<String>>(0), None);
    (taken.iter().map(|row| row.get(0)).collect(), last.get(1))
}

/// A runner that hands its jobs to the test.
struct Runner {
    jobs: UnboundedReceiver<CurrentJob>,
    /// Dropping it ends the runner.
    handle: JobRunnerHandle,
}

impl Runner {
    async fn next(&mut self) -> CurrentJob {
        timeout(PATIENCE, self.jobs.recv())
            .await
            .expect("waited in vain for a job")
            .unwrap()
    }
}
