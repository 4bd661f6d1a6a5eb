//! A post is observed now, because somebody asks for it: nothing is judged.

use chrono::TimeDelta;

use super::load::Task;
use super::{Checked, Outcome};
use crate::app::App;
use crate::db::platform_report::{self, PlatformReport};
use crate::db::post::Post;
use crate::db::{affiliate_report, campaign};
use crate::domain::access::Viewer;
use crate::domain::{platform, visible};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::PostStatus;
use crate::platform::link::PostLink;
use crate::platform::{Adapter, Fetched, PlatformError, PostRef, Resolved};

/// An observation younger than this is given instead of asking the platform.
const REUSE: TimeDelta = TimeDelta::seconds(60);

/// Asks the platform for a post now, keeps what it says, and gives it. An observation younger than a minute is given as it is.
///
/// # Errors
/// The post is not the caller's, its platform cannot be asked now, or it did not answer; nothing was written then.
pub async fn fetch_now(app: &App, viewer: &Viewer, post_id: i64) -> Result<PlatformReport, Error> {
    let post = visible::posts(app, viewer, &[post_id])
        .await?
        .pop()
        .ok_or_else(|| refusal(RefusalCode::NotFound, "postId names no post of yours"))?;
    if post.status == PostStatus::Duplicate {
        let message = "this post turned out to be another one, which is observed in its place";
        return Err(refusal(RefusalCode::Conflict, message));
    }
    if let Some(latest) = latest(app, post.id).await?
        && latest.fetched_at > app.clock.now() - REUSE
    {
        return Ok(latest);
    }
    let Some(adapter) = app
        .platforms
        .get(post.platform)
        .filter(|_| app.platforms.serves(post.platform))
    else {
        let message = format!("posts on {} cannot be checked at present", post.platform);
        return Err(refusal(RefusalCode::PlatformNotAvailable, message));
    };
    if platform::take_call(app, post.platform).await?.is_some() {
        let message = "the limit of calls to this platform is reached: try again in a moment";
        return Err(refusal(RefusalCode::TryAgainLater, message));
    }
    let task = task_of(app, &post).await?;
    let asked_at = app.clock.now();
    let (fetched, resolved) = ask(adapter.as_ref(), &post, task.seen_as_own)
        .await
        .map_err(|error| unanswered(&post, &error))?;
    let checked = Checked {
        task,
        outcome: Outcome::Answered {
            fetched,
            fetched_at: asked_at,
            resolved,
        },
    };
    super::settle::keep_observation(app, &checked).await?;
    latest(app, post.id).await?.ok_or_else(|| {
        refusal(
            RefusalCode::Conflict,
            "this post turned out to be another one",
        )
    })
}

async fn latest(app: &App, post_id: i64) -> Result<Option<PlatformReport>, Error> {
    let mut connection = app.db.get().await?;
    Ok(platform_report::list_latest(&mut connection, &[post_id])
        .await?
        .pop())
}

fn refusal(code: RefusalCode, message: impl Into<String>) -> Error {
    Refusal::field(code, "postId", message).into()
}

fn unanswered(post: &Post, error: &PlatformError) -> Error {
    tracing::warn!(platform = %post.platform, %error, "a post was not fetched");
    match error {
        PlatformError::RateLimited { .. } => refusal(
            RefusalCode::TryAgainLater,
            format!("{} asks to wait: try again later", post.platform),
        ),
        _ => refusal(
            RefusalCode::PlatformUnreachable,
            format!("{} gave no usable answer: try again later", post.platform),
        ),
    }
}

async fn ask(
    adapter: &dyn Adapter,
    post: &Post,
    seen_as_own: bool,
) -> Result<(Fetched, Option<PostLink>), PlatformError> {
    let mut handle = post.account_handle.clone();
    let mut found = None;
    let native_id = match &post.platform_post_id {
        Some(id) => id.clone(),
        None => {
            let link =
                PostLink::parse(&post.canonical_url).map_err(|_| PlatformError::Refused {
                    detail: "the link cannot be read any more".into(),
                })?;
            match adapter.resolve(&link).await? {
                Resolved::Post(named) => {
                    let id = named.native_id().unwrap_or_default().to_owned();
                    handle = handle.or_else(|| named.account.clone());
                    found = Some(named);
                    id
                }
                Resolved::Gone { reason } | Resolved::NotAPost { reason } => {
                    let raw = serde_json::json!({ "link": link.canonical_url });
                    return Ok((Fetched::Gone { reason, raw }, None));
                }
            }
        }
    };
    let wanted = PostRef {
        native_id,
        canonical_url: post.canonical_url.clone(),
        account_handle: handle,
        seen_as_own,
    };
    let answer = adapter
        .fetch(std::slice::from_ref(&wanted), None)
        .await
        .pop();
    let fetched = answer.unwrap_or_else(|| {
        Err(PlatformError::Refused {
            detail: "it gave no answer for this post".into(),
        })
    })?;
    Ok((fetched, found))
}

/// The post as a check of its latest claim sees it.
async fn task_of(app: &App, post: &Post) -> Result<Task, Error> {
    let mut connection = app.db.get().await?;
    let missing = || Error::internal("a post without a claim and a policy");
    let report = affiliate_report::list_latest(&mut connection, &[post.id])
        .await?
        .pop()
        .ok_or_else(missing)?;
    let policy = campaign::list_policies_by_id(&mut connection, &[report.policy_id])
        .await?
        .pop()
        .ok_or_else(missing)?;
    let seen_as_own = platform_report::list_seen(&mut connection, &[post.id])
        .await?
        .pop()
        .is_some_and(|seen| seen.as_own);
    Ok(Task {
        job_id: uuid::Uuid::nil(),
        attempts_left: 0,
        report,
        post: post.clone(),
        policy,
        reusable: false,
        seen_as_own,
        run_id: None,
        between: true,
    })
}
