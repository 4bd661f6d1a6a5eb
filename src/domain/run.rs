//! Somebody asks for a check now: of a post, or of a campaign's posts.
//!
//! A run checks the latest claim of each post as a scheduled check would, by queued jobs, and shows how far it has come. It
//! changes nothing of the schedule. A claim that has its FINAL verdict keeps it: the platform is asked, what it says is kept,
//! and the run lists that verdict.

use diesel_async::AsyncConnection as _;
use uuid::Uuid;

use super::access::Viewer;
use super::campaign::own_campaign;
use super::task::{self, ExtendRun, Reconcile};
use super::verification::reconcile_job;
use super::visible;
use crate::app::App;
use crate::db::queue::{self, NewJob};
pub use crate::db::run::Progress;
use crate::db::run::{self, Run};
use crate::db::{Connection, campaign};
use crate::error::{Error, Refusal, RefusalCode};

/// Claims that are written in one transaction.
const STEP: i32 = 1000;

/// What is to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// A post.
    Post(i64),
    /// The posts of a campaign.
    Campaign(i64),
}

/// Begins a run.
///
/// # Errors
/// The post or the campaign is not the caller's.
pub async fn begin(app: &App, viewer: &Viewer, of: Of) -> Result<Run, Error> {
    let (campaign_id, post_id) = match of {
        Of::Campaign(id) => (own_campaign(app, viewer, id).await?.id, None),
        Of::Post(id) => {
            let post = visible::posts(app, viewer, &[id]).await?.pop();
            let post = post.ok_or_else(|| {
                let message = "postId names no post of yours";
                Refusal::field(RefusalCode::NotFound, "postId", message)
            })?;
            (post.campaign_id, Some(post.id))
        }
    };
    start(app, Some(viewer.user_id), campaign_id, post_id).await
}

/// Begins a run of a campaign. For the command line: whoever can reach the database may.
///
/// # Errors
/// There is no such campaign, or the database failed.
pub async fn begin_by_operator(app: &App, campaign_id: i64) -> Result<Run, Error> {
    let found = campaign::list_by_id(&mut *app.db.get().await?, &[campaign_id]).await?;
    if found.is_empty() {
        let message = "there is no such campaign";
        return Err(Refusal::field(RefusalCode::NotFound, "campaignId", message).into());
    }
    start(app, None, campaign_id, None).await
}

async fn start(
    app: &App,
    requested_by: Option<i64>,
    campaign_id: i64,
    post_id: Option<i64>,
) -> Result<Run, Error> {
    let mut connection = app.db.get().await?;
    let (run, channels) = connection
        .transaction::<_, Error, _>(async |connection| {
            let run = run::insert(connection, requested_by, campaign_id, post_id).await?;
            let channels = write_step(app, connection, &run).await?;
            let run = run::lock(connection, run.id)
                .await?
                .ok_or_else(|| Error::internal("a run that is there is not there"))?;
            Ok((run, channels))
        })
        .await?;
    for channel in channels {
        app.events.hint(channel);
    }
    Ok(run)
}

/// Writes the next claims of a run with their jobs and, where more are left, the job that goes on.
async fn write_step(
    app: &App,
    connection: &mut Connection,
    run: &Run,
) -> Result<Vec<&'static str>, Error> {
    let now = app.clock.now();
    let claims = run::extend(connection, run, STEP).await?;
    let mut jobs: Vec<NewJob> = Vec::with_capacity(claims.len() + 1);
    for claim in &claims {
        let payload = Reconcile {
            affiliate_report_id: claim.affiliate_report_id,
            run_id: Some(run.id),
            between: false,
        };
        jobs.push(reconcile_job(payload, claim.platform, now)?);
    }
    if claims.len() >= usize::try_from(STEP).unwrap_or(usize::MAX) {
        let payload = ExtendRun { run_id: run.id };
        jobs.push(NewJob {
            channel_name: task::RUNS,
            name: task::EXTEND_RUN,
            payload_json: serde_json::to_string(&payload).map_err(Error::internal)?,
            attempts: task::ATTEMPTS,
            attempt_at: now,
        });
    }
    if !jobs.is_empty() {
        queue::insert(connection, &jobs).await?;
    }
    let mut channels: Vec<&'static str> = jobs.iter().map(|job| job.channel_name).collect();
    channels.sort_unstable();
    channels.dedup();
    Ok(channels)
}

/// Goes on with a run, as the queued job does, and finishes the job.
///
/// # Errors
/// The database failed; the job is tried again.
pub async fn extend(app: &App, run_id: i64, job: Uuid) -> Result<(), Error> {
    let mut connection = app.db.get().await?;
    let channels = connection
        .transaction::<_, Error, _>(async |connection| {
            if queue::finish(connection, &[job]).await?.is_empty() {
                return Ok(Vec::new());
            }
            match run::lock(connection, run_id).await? {
                Some(run) => write_step(app, connection, &run).await,
                None => Ok(Vec::new()),
            }
        })
        .await?;
    for channel in channels {
        app.events.hint(channel);
    }
    Ok(())
}

/// How far runs have come.
///
/// # Errors
/// The database failed.
pub async fn progress(app: &App, run_ids: &[i64]) -> Result<Vec<Progress>, Error> {
    Ok(run::list_progress(&mut *app.db.get().await?, run_ids).await?)
}
