//! Checks of claims on one platform: gathered, so that one call asks for as many posts as the platform allows.

use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sqlxmq::CurrentJob;
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;

use super::writer::{Done, Writers, bury, describe, give_back};
use crate::app::App;
use crate::db::queue;
use crate::domain::platform;
use crate::domain::task::{self, Reconcile};
use crate::domain::verification::{self, Checked, Loaded, Outcome, Task};
use crate::error::Error;
use crate::model::{Metrics, Observed, PlatformKind, PostStatus};
use crate::platform::link::PostLink;
use crate::platform::{Adapter, Advice, Fetched, PlatformError, PostRef, Resolved, Sighting};

/// Most jobs that are gathered at once.
const GATHER: usize = 1000;
/// How long a gathering that is not full waits for more.
const LINGER: Duration = Duration::from_millis(5);
/// Calls to one platform at a time.
const CALLS: usize = 8;
/// How long a job waits where the platform asks to wait and does not say how long.
const SNOOZE_SECONDS: f64 = 30.0;
/// After a failed attempt, how long until the next one; times three with each.
const FIRST_RETRY_SECONDS: f64 = 5.0;

/// Checks claims on one platform until the sender is gone.
pub(super) async fn run(
    app: App,
    platform: PlatformKind,
    mut jobs: mpsc::UnboundedReceiver<CurrentJob>,
    done: Writers,
) {
    let calls = Arc::new(Semaphore::new(CALLS));
    // The next gathering is read while the one before is being asked for, no further ahead.
    let gatherings = Arc::new(Semaphore::new(2));
    let mut gathered = Vec::new();
    while jobs.recv_many(&mut gathered, GATHER).await > 0 {
        let deadline = tokio::time::Instant::now() + LINGER;
        while gathered.len() < GATHER {
            let room = GATHER - gathered.len();
            match tokio::time::timeout_at(deadline, jobs.recv_many(&mut gathered, room)).await {
                Ok(received) if received > 0 => {}
                _ => break,
            }
        }
        let Ok(turn) = Arc::clone(&gatherings).acquire_owned().await else {
            return;
        };
        let gathering = Gathering {
            app: app.clone(),
            platform,
            calls: Arc::clone(&calls),
            done: done.clone(),
        };
        let batch = std::mem::take(&mut gathered);
        tokio::spawn(async move {
            gathering.check(batch).await;
            drop(turn);
        });
    }
}

/// Jobs that were gathered.
struct Gathering {
    app: App,
    platform: PlatformKind,
    calls: Arc<Semaphore>,
    done: Writers,
}

/// A task with its job.
struct Running {
    task: Task,
    job: CurrentJob,
}

/// The tasks on one post; one answer serves them all.
type OnPost = Vec<Running>;

impl Gathering {
    async fn check(&self, jobs: Vec<CurrentJob>) {
        let mut by_id: HashMap<Uuid, CurrentJob> = HashMap::new();
        let mut wanted = Vec::new();
        for job in jobs {
            if job.name() != task::RECONCILE {
                let why = format!("this program has no job {:?}", job.name());
                bury(&self.app, job.id(), &why).await;
                continue;
            }
            match job.json::<Reconcile>() {
                Ok(Some(payload)) => {
                    wanted.push((job.id(), payload));
                    by_id.insert(job.id(), job);
                }
                Ok(None) => bury(&self.app, job.id(), "the job has no payload").await,
                Err(error) => bury(&self.app, job.id(), &error.to_string()).await,
            }
        }
        let Loaded { tasks, unknown } = match verification::load(&self.app, &wanted).await {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::warn!(error = %describe(&error), jobs = wanted.len(), "claims were not read");
                if !matches!(error, Error::Unavailable(_)) {
                    for (id, _) in wanted {
                        give_back(&self.app, id, &error).await;
                    }
                }
                return;
            }
        };
        for id in unknown {
            bury(&self.app, id, "the job names a claim that is not there").await;
        }
        let adapter = self.app.platforms.get(self.platform);
        let Some(adapter) = adapter.filter(|_| self.app.platforms.serves(self.platform)) else {
            // A check that cannot be attempted is not a check.
            let ids: Vec<Uuid> = tasks.iter().map(|task| task.job_id).collect();
            self.snooze(&ids, SNOOZE_SECONDS).await;
            return;
        };
        let mut posts: HashMap<i64, OnPost> = HashMap::new();
        for task in tasks {
            let Some(job) = by_id.remove(&task.job_id) else {
                continue;
            };
            if task.reusable || task.post.status == PostStatus::Duplicate {
                self.finish(vec![Running { task, job }], Outcome::Reused)
                    .await;
            } else {
                posts
                    .entry(task.post.id)
                    .or_default()
                    .push(Running { task, job });
            }
        }
        self.ask(adapter.as_ref(), posts.into_values().collect())
            .await;
    }

    /// Asks the platform for posts, after finding those behind links that only it can resolve.
    async fn ask(&self, adapter: &dyn Adapter, posts: Vec<OnPost>) {
        let resolved = join_all(
            posts
                .into_iter()
                .map(|on_post| self.resolve(adapter, on_post)),
        )
        .await;
        let mut known: Vec<(PostRef, Option<PostLink>, OnPost)> =
            resolved.into_iter().flatten().collect();
        let mut chunks = Vec::new();
        while !known.is_empty() {
            let rest = known.split_off(known.len().min(adapter.batch_limit().max(1)));
            chunks.push(std::mem::replace(&mut known, rest));
        }
        join_all(chunks.into_iter().map(|chunk| self.fetch(adapter, chunk))).await;
    }

    /// The post to ask for; none where its link led nowhere, which is then reported.
    async fn resolve(
        &self,
        adapter: &dyn Adapter,
        on_post: OnPost,
    ) -> Option<(PostRef, Option<PostLink>, OnPost)> {
        let first = &on_post.first()?.task;
        let (post, seen_as_own) = (first.post.clone(), first.seen_as_own);
        let refer = |native_id: String, handle: Option<String>| PostRef {
            native_id,
            canonical_url: post.canonical_url.clone(),
            account_handle: handle,
            seen_as_own,
        };
        if let Some(native_id) = post.platform_post_id.clone() {
            return Some((refer(native_id, post.account_handle.clone()), None, on_post));
        }
        let Ok(link) = PostLink::parse(&post.canonical_url) else {
            let error = PlatformError::Refused {
                detail: "the link cannot be read any more".into(),
            };
            self.report(on_post, Err(error), None, self.app.clock.now())
                .await;
            return None;
        };
        let on_post = self.within_budget(vec![on_post]).await.pop()?;
        let answer = {
            let _permit = self.calls.acquire().await.ok()?;
            adapter.resolve(&link).await
        };
        let gone = |reason: String| Fetched::Gone {
            reason,
            raw: serde_json::json!({ "link": link.canonical_url }),
        };
        match answer {
            Ok(Resolved::Post(found)) => {
                let native_id = found.native_id()?.to_owned();
                let handle = post
                    .account_handle
                    .clone()
                    .or_else(|| found.account.clone());
                Some((refer(native_id, handle), Some(found), on_post))
            }
            Ok(Resolved::Gone { reason } | Resolved::NotAPost { reason }) => {
                self.report(on_post, Ok(gone(reason)), None, self.app.clock.now())
                    .await;
                None
            }
            Err(error) => {
                self.report(on_post, Err(error), None, self.app.clock.now())
                    .await;
                None
            }
        }
    }

    /// Takes a call out of the platform's budget for these posts. Where there is none left their jobs wait for one, and cost no
    /// attempt.
    async fn within_budget(&self, posts: Vec<OnPost>) -> Vec<OnPost> {
        match platform::take_call(&self.app, self.platform).await {
            Ok(None) => posts,
            Ok(Some(wait)) => {
                let ids: Vec<Uuid> = posts
                    .iter()
                    .flatten()
                    .map(|running| running.task.job_id)
                    .collect();
                self.snooze(&ids, wait.as_secs_f64()).await;
                Vec::new()
            }
            // The jobs come back with their leases.
            Err(error) => {
                self.log_failure(Err(error));
                Vec::new()
            }
        }
    }

    async fn fetch(&self, adapter: &dyn Adapter, chunk: Vec<(PostRef, Option<PostLink>, OnPost)>) {
        let mut refs = Vec::with_capacity(chunk.len());
        let mut links = Vec::with_capacity(chunk.len());
        let mut posts = Vec::with_capacity(chunk.len());
        for (post, resolved, on_post) in chunk {
            refs.push(post);
            links.push(resolved);
            posts.push(on_post);
        }
        let posts = self.within_budget(posts).await;
        if posts.is_empty() {
            return;
        }
        let (asked_at, answers) = {
            let Ok(_permit) = self.calls.acquire().await else {
                return;
            };
            // A claim that is made while the platform answers is not held to a figure from before it.
            (self.app.clock.now(), adapter.fetch(&refs, None).await)
        };
        for ((resolved, on_post), answer) in links.into_iter().zip(posts).zip(answers) {
            self.report(on_post, answer, resolved, asked_at).await;
        }
    }

    /// Passes an answer on to be written, or puts the jobs back where the answer is to wait or to try again.
    async fn report(
        &self,
        on_post: OnPost,
        answer: Result<Fetched, PlatformError>,
        resolved: Option<PostLink>,
        asked_at: DateTime<Utc>,
    ) {
        let error = match answer {
            Ok(fetched) => {
                return self
                    .finish(
                        on_post,
                        Outcome::Answered {
                            fetched,
                            fetched_at: asked_at,
                            resolved,
                        },
                    )
                    .await;
            }
            Err(error) => error,
        };
        tracing::warn!(platform = %self.platform, %error, "a post was not fetched");
        match error.advice() {
            Advice::Snooze(after) => {
                let ids: Vec<Uuid> = on_post.iter().map(|running| running.task.job_id).collect();
                self.snooze(
                    &ids,
                    after.map_or(SNOOZE_SECONDS, |after| after.as_secs_f64()),
                )
                .await;
            }
            Advice::Retry => {
                let mut last = OnPost::new();
                for running in on_post {
                    if running.task.attempts_left > 0 {
                        self.retry(&running.task, &error).await;
                    } else {
                        last.push(running);
                    }
                }
                let detail = "it gave no usable answer".to_owned();
                self.finish(last, Outcome::Unreachable { detail }).await;
            }
            Advice::GiveUp => {
                let outcome = Self::given_up(&error, resolved, asked_at);
                self.finish(on_post, outcome).await;
            }
        }
    }

    /// A refusal of this post is an answer: there is no permission. Credentials that do not hold are none.
    fn given_up(
        error: &PlatformError,
        resolved: Option<PostLink>,
        asked_at: DateTime<Utc>,
    ) -> Outcome {
        match error {
            PlatformError::Refused { detail } => {
                let reason = format!("The platform refused to tell: {detail}");
                let metrics = Metrics::from_fn(|_| Observed::Unavailable {
                    reason: reason.clone(),
                });
                let raw = serde_json::json!({ "refused": detail });
                let fetched = Fetched::Found(Sighting {
                    metrics,
                    raw,
                    context: None,
                    author: None,
                    published_at: None,
                });
                Outcome::Answered {
                    fetched,
                    fetched_at: asked_at,
                    resolved,
                }
            }
            _ => Outcome::Unreachable {
                detail: "it did not accept this server's credentials".to_owned(),
            },
        }
    }

    async fn finish(&self, on_post: OnPost, outcome: Outcome) {
        for Running { task, job } in on_post {
            let done = Done {
                checked: Checked {
                    task,
                    outcome: outcome.clone(),
                },
                job,
            };
            self.done.send(done).await;
        }
    }

    async fn retry(&self, task: &Task, error: &PlatformError) {
        let before = task::ATTEMPTS - 1 - task.attempts_left;
        let delay = FIRST_RETRY_SECONDS * 3_f64.powi(before.clamp(0, 6)) * jitter();
        let put_back = async {
            let mut connection = self.app.db.get().await?;
            queue::retry(&mut connection, task.job_id, delay, &error.to_string()).await?;
            Ok::<_, Error>(())
        };
        self.log_failure(put_back.await);
    }

    async fn snooze(&self, ids: &[Uuid], seconds: f64) {
        let put_back = async {
            let mut connection = self.app.db.get().await?;
            queue::snooze(&mut connection, ids, seconds * jitter()).await?;
            Ok::<_, Error>(())
        };
        self.log_failure(put_back.await);
    }

    /// A job that could not be put back comes back by itself when its lease ends.
    fn log_failure(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            tracing::warn!(platform = %self.platform, error = %describe(&error), "a job was not put back");
        }
    }
}

/// From 1 to 1.25, so that jobs that failed together do not all come back together.
fn jitter() -> f64 {
    1.0 + rand::random::<f64>() / 4.0
}
