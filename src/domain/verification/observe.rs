//! A post is observed now, because somebody asks for it: nothing is judged.

use std::sync::Arc;

use super::access::{OwnersAnswer, better, note_token, owners_answer};
use super::links::{LinkAnswers, leads_to_none, link_askers, note_link};
use super::load::{REUSE, Task, was_public};
use super::{Checked, Outcome};
use crate::app::App;
use crate::db::platform_report::{self, PlatformReport};
use crate::db::post::Post;
use crate::db::{affiliate_report, campaign};
use crate::domain::access::Viewer;
use crate::domain::credential::{self, Linked};
use crate::domain::health::{self, Leave, OWN, Permit, Seen};
use crate::domain::visible;
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::PostStatus;
use crate::platform::link::PostLink;
use crate::platform::{
    Adapter, Fetched, Limit, PlatformError, PostRef, Resolved, gated, gated_from_the_first,
};

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
    let Some(serving) = app.platforms.serving(post.platform) else {
        return Err(not_available(&post));
    };
    let task = task_of(app, &post).await?;
    let asked_at = app.clock.now();
    let linked = credential::usable(app, post.platform, &[post.affiliate_id])
        .await?
        .remove(&post.affiliate_id);
    let asking = Asking {
        app,
        adapter: serving.adapter.as_ref(),
        post: &post,
        task: &task,
        has_own_access: serving.has_own_access,
    };
    let told = asking.ask(linked.as_deref()).await?;
    let checked = Checked {
        task,
        outcome: Outcome::Answered {
            fetched: told.fetched,
            fetched_at: asked_at,
            resolved: told.resolved,
            credential_id: told.credential_id,
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

/// Neither this server nor the post's affiliate has access.
fn not_available(post: &Post) -> Error {
    let message = format!(
        "posts on {} cannot be checked at present",
        post.platform.brand()
    );
    refusal(RefusalCode::PlatformNotAvailable, message)
}

/// This program asks nothing now.
fn held_back() -> Error {
    let message = "this platform cannot be asked just now, because its limit of calls is reached or it fails too often: try \
        again in a moment";
    refusal(RefusalCode::TryAgainLater, message)
}

fn unanswered(post: &Post, error: &PlatformError) -> Error {
    tracing::warn!(platform = %post.platform, %error, "a post was not fetched");
    match error {
        PlatformError::RateLimited {
            limit: Limit::Program,
            ..
        } => held_back(),
        PlatformError::RateLimited { .. } => refusal(
            RefusalCode::TryAgainLater,
            format!("{} asks to wait: try again later", post.platform.brand()),
        ),
        _ => refusal(
            RefusalCode::PlatformUnreachable,
            format!(
                "{} gave no usable answer: try again later",
                post.platform.brand()
            ),
        ),
    }
}

/// A post that is asked for.
struct Asking<'a> {
    app: &'a App,
    adapter: &'a dyn Adapter,
    post: &'a Post,
    task: &'a Task,
    has_own_access: bool,
}

/// What was said of it.
struct Told {
    fetched: Fetched,
    /// What its link turned out to name.
    resolved: Option<PostLink>,
    /// The affiliate's credential that was told.
    credential_id: Option<i64>,
}

impl Asking<'_> {
    /// Asks with the affiliate's own access, where there is one, and with this server's where that says no number.
    async fn ask(&self, linked: Option<&Linked>) -> Result<Told, Error> {
        let mut handle = self.post.account_handle.clone();
        let mut resolved = None;
        let native_id = match &self.post.platform_post_id {
            Some(id) => id.clone(),
            None => match self.resolve(linked).await? {
                Ok(named) => {
                    let id = named.native_id().unwrap_or_default().to_owned();
                    handle = handle.or_else(|| named.account.clone());
                    resolved = Some(named);
                    id
                }
                Err(fetched) => {
                    return Ok(Told {
                        fetched,
                        resolved: None,
                        credential_id: None,
                    });
                }
            },
        };
        let wanted = |credential| self.task.post_ref(&native_id, handle.as_ref(), credential);
        let mut kept = None;
        if let Some(linked) = linked {
            let post = wanted(Some(linked.id()));
            let answer = self.fetch(post, Some(linked)).await?;
            match owners_answer(answer, self.has_own_access) {
                OwnersAnswer::Told(answer) => {
                    return Ok(Told {
                        fetched: answer.map_err(|error| unanswered(self.post, &error))?,
                        resolved,
                        credential_id: Some(linked.id()),
                    });
                }
                OwnersAnswer::Fallback(before) => kept = before,
                OwnersAnswer::Wait => return Err(not_available(self.post)),
            }
        }
        if !self.has_own_access {
            return Err(not_available(self.post));
        }
        let own = self.fetch(wanted(None), None).await?;
        let (answer, is_owners) = better(kept, own);
        Ok(Told {
            fetched: answer.map_err(|error| unanswered(self.post, &error))?,
            resolved,
            credential_id: linked.map(Linked::id).filter(|_| is_owners),
        })
    }

    /// Makes one call, if the budget and the circuit let it, and takes in what it shows.
    async fn fetch(
        &self,
        post: PostRef,
        linked: Option<&Linked>,
    ) -> Result<Result<Fetched, PlatformError>, Error> {
        let platform = self.post.platform;
        let credential = linked.map_or_else(|| OWN.to_owned(), Linked::budget);
        let permit = self.permit(&credential).await?;
        let owner = linked.map(|linked| &linked.owner);
        let gate = health::gate(self.app, platform, &credential, permit);
        let posts = [post];
        let call = gated(gate, self.adapter.fetch(&posts, owner)).await;
        let mut answers = call.output;
        let errors: Vec<&PlatformError> = answers
            .iter()
            .filter_map(|answer| answer.as_ref().err())
            .collect();
        let alone = health::alone(errors.iter().copied());
        health::note(self.app, platform, &credential, call.usage, alone).await?;
        let seen = Seen::of([errors.first().copied()], &credential).by(call.requests);
        health::saw(self.app, platform, &credential, permit, seen).await?;
        if let Some(linked) = linked {
            note_token(self.app, linked, call.requests, &answers).await;
        }
        Ok(answers.pop().unwrap_or_else(|| {
            Err(PlatformError::Refused {
                detail: "it gave no answer for this post".into(),
            })
        }))
    }

    async fn permit(&self, credential: &str) -> Result<Permit, Error> {
        match health::permit(self.app, self.post.platform, credential, true).await? {
            Permit::Wait(_) => Err(held_back()),
            permit => Ok(permit),
        }
    }

    /// The post that its link leads to, or that there is none. Opening a link that may lead nowhere shows little of the platform.
    async fn resolve(&self, linked: Option<&Linked>) -> Result<Result<PostLink, Fetched>, Error> {
        let link = PostLink::parse(&self.post.canonical_url).map_err(|_| {
            let error = PlatformError::Refused {
                detail: "the link cannot be read any more".into(),
            };
            unanswered(self.post, &error)
        })?;
        let mut answers = LinkAnswers::new(self.has_own_access);
        for asker in link_askers(&link, linked, self.has_own_access) {
            let credential = asker.map_or_else(|| OWN.to_owned(), Linked::budget);
            let platform = self.post.platform;
            let leave = Leave::new(self.app, platform, &credential, false);
            let gate = Arc::clone(&leave);
            let owner = asker.map(|linked| &linked.owner);
            let call = gated_from_the_first(gate, self.adapter.resolve(&link, owner)).await;
            if let Some(failure) = leave.take_failure() {
                return Err(failure);
            }
            let answer = call.output;
            let error = answer.as_ref().err();
            if let Some(permit) = leave.permit() {
                let alone = health::alone(error.filter(|error| error.limit().is_some()));
                health::note(self.app, platform, &credential, call.usage, alone).await?;
                let seen = Seen::of([error], &credential).by(call.requests);
                health::saw(self.app, platform, &credential, permit, seen).await?;
            }
            if let Some(linked) = asker {
                note_link(self.app, linked, error).await;
            }
            if answers.take(asker.is_some(), answer) {
                break;
            }
        }
        let Some(found) = answers.in_the_end() else {
            return Err(not_available(self.post));
        };
        Ok(
            match found.map_err(|error| unanswered(self.post, &error))? {
                Resolved::Post(named) => Ok(named),
                Resolved::Gone { reason } => Err(leads_to_none(&link, true, reason)),
                Resolved::NotAPost { reason } => Err(leads_to_none(&link, false, reason)),
            },
        )
    }
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
    let seen = platform_report::list_seen(&mut connection, &[post.id])
        .await?
        .pop();
    Ok(Task {
        job_id: uuid::Uuid::nil(),
        attempts_left: 0,
        due_at: app.clock.now(),
        report,
        post: post.clone(),
        policy,
        reusable: false,
        seen_as_own: seen
            .as_ref()
            .map(platform_report::Seen::as_own)
            .unwrap_or_default(),
        seen_publicly: was_public(post, seen.as_ref()),
        run_id: None,
        between: true,
    })
}
