//! The queue, for operators.

use async_graphql::{Context, ID, InputObject, Json, Object, SimpleObject};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime as Time, SecondsFormat, Utc};
use uuid::Uuid;

use super::connection::{Page, Paging, Place, bad_cursor, cost, opaque_cursor, page, read_cursor};
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::app;
use super::scalars::DateTime;
use crate::domain::job::{self, DeadKey, KindStatus};
use crate::error::Error;

/// What is in the queue.
pub struct QueueStatus(Vec<KindStatus>);

impl QueueStatus {
    fn sum(&self, of: impl Fn(&KindStatus) -> i64) -> i64 {
        self.0.iter().map(of).sum()
    }
}

/// What is in the queue.
#[Object]
impl QueueStatus {
    /// Jobs that are due and not taken.
    async fn ready(&self) -> i64 {
        self.sum(|kind| kind.ready)
    }
    /// Jobs that are due later, such as the next checks of claims.
    async fn delayed(&self) -> i64 {
        self.sum(|kind| kind.delayed)
    }
    /// Jobs that a worker holds.
    async fn running(&self) -> i64 {
        self.sum(|kind| kind.running)
    }
    /// How long the oldest job that is due and not taken has been due, in seconds; null where there is none.
    async fn oldest_ready_seconds(&self) -> Option<i64> {
        let seconds = self.0.iter().filter_map(|kind| kind.oldest_ready_seconds);
        seconds.max_by(f64::total_cmp).map(whole)
    }
    /// Jobs that were given up, newest first.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn dead_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<DeadJob>> {
        let paging = Paging {
            first,
            after: None,
            last,
            before: None,
        };
        let (limit, from_end) = paging.size().top()?;
        let key = |argument: &str, text: Option<&String>| {
            text.map(|text| dead_key(argument, text)).transpose()
        };
        let (after, before) = (
            key("after", after.as_ref()).top()?,
            key("before", before.as_ref()).top()?,
        );
        let place = Place {
            from_end,
            is_after: after.is_some(),
            is_before: before.is_some(),
        };
        let mut slice = job::dead(app(ctx), after, before, limit, from_end)
            .await
            .top()?;
        slice.total = Some(self.sum(|kind| kind.dead));
        Ok(page(
            place,
            slice,
            |row| {
                let at = row.died_at.to_rfc3339_opts(SecondsFormat::Micros, true);
                opaque_cursor(&format!("dead:{at}:{}", row.id))
            },
            DeadJob,
        ))
    }
    /// Jobs by state, for each kind of job.
    async fn by_kind(&self) -> Vec<JobKindStatus> {
        self.0
            .iter()
            .map(|kind| JobKindStatus {
                name: kind.name.clone(),
                ready: kind.ready,
                delayed: kind.delayed,
                running: kind.running,
                dead: kind.dead,
            })
            .collect()
    }
}

#[allow(clippy::cast_possible_truncation, reason = "an age in seconds")]
fn whole(seconds: f64) -> i64 {
    seconds.max(0.0) as i64
}

fn dead_key(argument: &str, cursor: &str) -> Result<DeadKey, Error> {
    let text = read_cursor(argument, cursor)?;
    let (at, id) = text
        .strip_prefix("dead:")
        .and_then(|text| text.rsplit_once(':'))
        .ok_or_else(|| bad_cursor(argument))?;
    let at: Time<Utc> = Time::parse_from_rfc3339(at)
        .map_err(|_| bad_cursor(argument))?
        .to_utc();
    let id = id.parse().map_err(|_| bad_cursor(argument))?;
    Ok((at, id))
}

/// The jobs of one name.
#[derive(SimpleObject)]
pub struct JobKindStatus {
    /// The job's name.
    name: String,
    /// Due, and not taken.
    ready: i64,
    /// Due later.
    delayed: i64,
    /// Held by a worker.
    running: i64,
    /// Given up.
    dead: i64,
}

/// A job that was given up: it ran out of attempts, or nobody can do it.
pub struct DeadJob(job::DeadJob);

/// A job that was given up: it ran out of attempts, or nobody can do it.
#[Object]
impl DeadJob {
    /// For retryJob and discardJob.
    async fn id(&self) -> ID {
        job_id(self.0.id)
    }
    /// The job's name.
    async fn name(&self) -> &str {
        &self.0.name
    }
    /// Which row it was about.
    async fn payload(&self) -> Json<serde_json::Value> {
        let text = self.0.payload_json.as_deref().unwrap_or_default();
        // What nobody can read is shown as it is.
        Json(serde_json::from_str(text).unwrap_or_else(|_| text.into()))
    }
    /// How often it was tried, where that is known.
    async fn attempts(&self) -> i32 {
        self.0.attempts
    }
    /// Why it was given up.
    async fn last_error(&self) -> Option<&str> {
        Some(&self.0.last_error)
    }
    /// When it was given up.
    async fn died_at(&self) -> DateTime {
        DateTime(self.0.died_at)
    }
}

fn job_id(id: Uuid) -> ID {
    ID(URL_SAFE_NO_PAD.encode(format!("Job:{id}")))
}

/// The job that an id names.
///
/// # Errors
/// It is no id of a job.
fn parse_job_id(id: &ID) -> Result<Uuid, Error> {
    URL_SAFE_NO_PAD
        .decode(id.as_bytes())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix("Job:")?.parse().ok())
        .filter(|uuid| job_id(*uuid) == *id)
        .ok_or_else(|| Error::bad_argument("jobId", "this is not the id of a job"))
}

/// Queries on the queue.
#[derive(Default)]
pub struct QueueQuery;

#[Object]
impl QueueQuery {
    /// What is in the queue. Operators only.
    async fn queue(&self, ctx: &Context<'_>) -> async_graphql::Result<QueueStatus> {
        job::status(app(ctx)).await.top().map(QueueStatus)
    }
}

/// A job that was given up.
#[derive(InputObject)]
pub struct JobIdInput {
    /// Its id, as DeadJob.id gives it.
    job_id: ID,
}

/// Whether it was done.
#[derive(SimpleObject)]
pub struct JobPayload {
    /// Whether it was done; false where userErrors says why not.
    done: bool,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

impl JobPayload {
    fn of(result: Result<(), Error>) -> async_graphql::Result<Self> {
        Ok(match outcome(result)? {
            Ok(()) => Self {
                done: true,
                user_errors: Vec::new(),
            },
            Err(user_errors) => Self {
                done: false,
                user_errors,
            },
        })
    }
}

/// Mutations on the queue.
#[derive(Default)]
pub struct QueueMutation;

#[Object]
impl QueueMutation {
    /// Puts a job that was given up back into the queue, with all its attempts. Operators only.
    async fn retry_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job.")] input: JobIdInput,
    ) -> async_graphql::Result<JobPayload> {
        let id = parse_job_id(&input.job_id).top()?;
        JobPayload::of(job::retry(app(ctx), id).await)
    }

    /// Forgets a job that was given up. Operators only.
    async fn discard_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job.")] input: JobIdInput,
    ) -> async_graphql::Result<JobPayload> {
        let id = parse_job_id(&input.job_id).top()?;
        JobPayload::of(job::discard(app(ctx), id).await)
    }
}
