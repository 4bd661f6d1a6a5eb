//! Checks of claims on one platform: gathered, so that one call asks for as many posts as the platform allows.

use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use uuid::Uuid;

use super::asking::{Asking, OnPost, Running, Told, Waiting, chunks, refer, waiting};
use super::circuit::Watch;
use super::fair::{Waits, in_turns};
use super::lease::Leased;
use super::links::{Leave, Links};
use super::writer::{Done, Writers, bury, describe, give_back};
use crate::app::App;
use crate::db::queue;
use crate::domain::credential::{self, Linked};
use crate::domain::health::{self, OWN, Permit};
use crate::domain::task::{self, Reconcile};
use crate::domain::verification::{
    self, Checked, LinkAnswers, Loaded, Outcome, OwnersAnswer, Task,
};
use crate::error::Error;
use crate::model::{Metrics, Observed, PlatformKind, PostStatus};
use crate::platform::link::{LinkTarget, PostLink};
use crate::platform::{
    Advice, Fetched, PlatformError, PostRef, Resolved, Serving, Sighting, gated,
    gated_from_the_first,
};

/// Most jobs that are gathered at once.
const GATHER: usize = 1000;
/// How long a gathering that is not full waits for more.
const LINGER: Duration = Duration::from_millis(5);
/// Calls to one platform at a time.
const CALLS: usize = 8;
/// How long a job waits where the platform asks to wait and does not say how long.
const SNOOZE: Duration = Duration::from_secs(30);
/// How long a job waits that nobody has access for, until it is looked whether another token was linked.
const NO_ACCESS: Duration = Duration::from_hours(1);
/// How much later jobs come back at most than they were told to wait, however long that was.
const LONGEST_LAG: Duration = Duration::from_mins(1);
/// After a failed attempt, how long until the next one; times three with each.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// Checks claims on one platform, for the worker of this number, until the sender is gone.
pub(super) async fn run(
    app: App,
    platform: PlatformKind,
    worker_id: i64,
    mut jobs: mpsc::UnboundedReceiver<Leased>,
    done: Writers,
) {
    let calls = Arc::new(Semaphore::new(CALLS));
    let watch = Watch::new(&app, platform);
    let links = Arc::new(Links::new());
    let waits = Arc::<Mutex<Waits>>::default();
    // The next gathering is read while the one before is being asked for, no further ahead.
    let gatherings = Arc::new(Semaphore::new(2));
    let mut gathered = Vec::new();
    while jobs.recv_many(&mut gathered, GATHER).await > 0 {
        let deadline = Instant::now() + LINGER;
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
            worker_id,
            calls: Arc::clone(&calls),
            watch: Arc::clone(&watch),
            links: Arc::clone(&links),
            waits: Arc::clone(&waits),
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
    worker_id: i64,
    calls: Arc<Semaphore>,
    watch: Arc<Watch>,
    links: Arc<Links>,
    waits: Arc<Mutex<Waits>>,
    done: Writers,
}

impl Gathering {
    async fn check(&self, jobs: Vec<Leased>) {
        let mut by_id: HashMap<Uuid, Leased> = HashMap::new();
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
                        give_back(&self.app, self.worker_id, id, &error).await;
                    }
                }
                return;
            }
        };
        for id in unknown {
            bury(&self.app, id, "the job names a claim that is not there").await;
        }
        let Some(serving) = self.app.platforms.serving(self.platform) else {
            // A check that cannot be attempted is not a check.
            let jobs: Vec<Waiting> = tasks.iter().map(Waiting::of).collect();
            self.snooze(&jobs, SNOOZE).await;
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
        self.ask(&serving, posts.into_values().collect()).await;
    }

    /// Asks the platform for posts. Those behind links that only it can resolve are found meanwhile, and asked for when all of
    /// them are: however long that takes, it holds up no post that is known.
    async fn ask(&self, serving: &Serving, posts: Vec<OnPost>) {
        // Where not every call may be made, no campaign's posts stand before those of all others.
        let posts = in_turns(posts, |on_post| {
            let first = on_post.first();
            first.map_or(0, |running| running.task.post.campaign_id)
        });
        let affiliates = posts.iter().flatten();
        let affiliates: BTreeSet<i64> = affiliates.map(Running::affiliate_id).collect();
        let affiliates = Vec::from_iter(affiliates);
        let linked = match credential::usable(&self.app, self.platform, &affiliates).await {
            Ok(linked) => linked,
            // The jobs come back with their leases.
            Err(error) => return self.log_failure(Err(error)),
        };
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for on_post in posts {
            match self.known(on_post) {
                Ok(asking) => known.push(asking),
                Err(on_post) => unknown.push(on_post),
            }
        }
        // What is to show that the platform answers again is better a post than a link that may lead nowhere.
        let only_links = known.is_empty();
        join(
            self.ask_for(serving, known, &linked),
            self.ask_for_linked(serving, unknown, &linked, only_links),
        )
        .await;
    }

    /// Asks for the posts behind links.
    async fn ask_for_linked(
        &self,
        serving: &Serving,
        posts: Vec<OnPost>,
        linked: &HashMap<i64, Arc<Linked>>,
        may_probe: bool,
    ) {
        let found = join_all(posts.into_iter().map(|on_post| {
            let affiliate = on_post.first().map(Running::affiliate_id);
            let linked = affiliate.and_then(|id| linked.get(&id)).map(AsRef::as_ref);
            self.resolve(serving, on_post, linked, may_probe)
        }))
        .await;
        let found = found.into_iter().flatten().collect();
        self.ask_for(serving, found, linked).await;
    }

    /// A post to ask for whose id is known; the jobs again where it is not.
    fn known(&self, on_post: OnPost) -> Result<Asking, OnPost> {
        let Some(Running { task, .. }) = on_post.first() else {
            return Err(on_post);
        };
        if let Some(native_id) = &task.post.platform_post_id {
            let post = refer(task, native_id, task.post.account_handle.as_ref());
            return Ok(Asking::new(post, None, on_post));
        }
        match self.links.found(task.post.id) {
            Some(found) => Asking::named(found, on_post),
            None => Err(on_post),
        }
    }

    /// Asks for posts: each with its affiliate's own access first, where there is one, and those that are left with this
    /// server's.
    async fn ask_for(
        &self,
        serving: &Serving,
        posts: Vec<Asking>,
        linked: &HashMap<i64, Arc<Linked>>,
    ) {
        let mut owned: BTreeMap<i64, (Arc<Linked>, Vec<Asking>)> = BTreeMap::new();
        let mut rest = Vec::new();
        for asking in posts {
            match linked.get(&asking.affiliate_id()) {
                Some(linked) => {
                    let group = owned.entry(linked.id());
                    let group = group.or_insert_with(|| (Arc::clone(linked), Vec::new()));
                    group.1.push(asking);
                }
                None => rest.push(asking),
            }
        }
        let limit = serving.adapter.batch_limit();
        let left = join_all(owned.into_values().flat_map(|(linked, group)| {
            chunks(group, limit).into_iter().map(move |chunk| {
                let linked = Arc::clone(&linked);
                async move { self.fetch_owned(serving, &linked, chunk).await }
            })
        }))
        .await;
        rest.extend(left.into_iter().flatten());
        if !serving.has_own_access {
            let posts = rest.into_iter();
            let posts = posts.map(|asking| (asking.on_post, asking.resolved));
            return self.wait_for_access(posts.collect()).await;
        }
        join_all(
            chunks(rest, limit)
                .into_iter()
                .map(|chunk| self.fetch(serving, chunk)),
        )
        .await;
    }

    /// The post to ask for; none where its link led nowhere, which is then reported.
    async fn resolve(
        &self,
        serving: &Serving,
        on_post: OnPost,
        linked: Option<&Linked>,
        may_probe: bool,
    ) -> Option<Asking> {
        let post = &on_post.first()?.task.post;
        let Ok(link) = PostLink::parse(&post.canonical_url) else {
            let error = PlatformError::Refused {
                detail: "the link cannot be read any more".into(),
            };
            self.report(on_post, self.told(Err(error))).await;
            return None;
        };
        let post_id = post.id;
        let jobs = waiting(&on_post);
        let (answers, open_for) = self.open(serving, &link, linked, &jobs, may_probe).await?;
        let Some(answer) = answers.in_the_end() else {
            self.wait_for_access(vec![(on_post, None)]).await;
            return None;
        };
        let none = |is_gone, reason| verification::leads_to_none(&link, is_gone, reason);
        match answer {
            Ok(Resolved::Post(found)) => {
                self.links.remember(post_id, &found);
                Asking::named(found, on_post).ok()
            }
            Ok(Resolved::Gone { reason }) => {
                let told = self.told(Ok(none(true, reason)));
                self.report(on_post, told).await;
                None
            }
            Ok(Resolved::NotAPost { reason }) => {
                let told = self.told(Ok(none(false, reason)));
                self.report(on_post, told).await;
                None
            }
            Err(error) => {
                let open_for = open_for.filter(|_| health::is_failure(&error, OWN));
                let told = Told {
                    open_for,
                    ..self.told(Err(error))
                };
                self.report(on_post, told).await;
                None
            }
        }
    }

    /// Asks those who may know for the post behind a link. Nothing where the jobs wait for a call, which they then do. A link that
    /// does not open says nothing of the platform, so it costs an attempt also while the circuit is open; one that the platform's
    /// API was asked for in vain is told with how long the circuit stays open, where that is why.
    async fn open(
        &self,
        serving: &Serving,
        link: &PostLink,
        linked: Option<&Linked>,
        jobs: &[Waiting],
        may_probe: bool,
    ) -> Option<(LinkAnswers, Option<Duration>)> {
        let _turn = self.links.turn().await?;
        let is_short = link.target == LinkTarget::Redirect;
        if let Some(wait) = self.links.rest(Instant::now()).filter(|_| is_short) {
            self.snooze(jobs, wait).await;
            return None;
        }
        let mut open_for = None;
        let mut answers = LinkAnswers::new(serving.has_own_access);
        for asker in verification::link_askers(link, linked, serving.has_own_access) {
            let credential = asker.map_or_else(|| OWN.to_owned(), Linked::budget);
            let answer = {
                let _slot = self.calls.acquire().await.ok()?;
                let leave = Leave::new(&self.watch, &credential, may_probe);
                let owner = asker.map(|linked| &linked.owner);
                let gate = Arc::clone(&leave);
                let call = gated_from_the_first(gate, serving.adapter.resolve(link, owner)).await;
                match (leave.permit(), call.output.as_ref().err()) {
                    (Some(permit), _) => {
                        let open = self.watch.saw_link(permit, &credential, &call).await;
                        open_for = open_for.or(while_failing(open, &call.output, &credential));
                    }
                    (None, Some(error)) => self.links.heed(error, Instant::now()),
                    (None, None) => {}
                }
                call.output
            };
            if let Some(linked) = asker {
                verification::note_link(&self.app, linked, answer.as_ref().err()).await;
            }
            if answers.take(asker.is_some(), answer) {
                break;
            }
        }
        Some((answers, open_for))
    }

    /// A check that nobody has access for is not a check: its jobs wait, and lose no attempt. Where they have waited for as long
    /// as they may, that nobody has access is what is said of their posts.
    async fn wait_for_access(&self, posts: Vec<(OnPost, Option<PostLink>)>) {
        let now = self.app.clock.now();
        let mut left = OnPost::new();
        for (on_post, resolved) in posts {
            let (over, early): (OnPost, OnPost) = on_post
                .into_iter()
                .partition(|running| running.task.has_waited_for_access(now));
            left.extend(early);
            if !over.is_empty() {
                let outcome = Outcome::Answered {
                    fetched: verification::without_access(self.platform),
                    fetched_at: now,
                    resolved,
                    credential_id: None,
                };
                self.finish(over, outcome).await;
            }
        }
        if !left.is_empty() {
            self.snooze(&waiting(&left), NO_ACCESS).await;
        }
    }

    /// Asks to make a call for these jobs. Where there is none to be had they wait for one, and lose no attempt; where that
    /// cannot be found out they come back with their leases.
    async fn permit(&self, jobs: &[Waiting], credential: &str, may_probe: bool) -> Option<Permit> {
        match self.watch.permit(credential, may_probe).await {
            Ok(Permit::Wait(wait)) => {
                self.snooze(jobs, wait).await;
                None
            }
            Ok(permit) => Some(permit),
            Err(error) => {
                self.log_failure(Err(error));
                None
            }
        }
    }

    /// Asks for posts of one affiliate with its own access. Gives those that this server's own access is to be asked for.
    async fn fetch_owned(
        &self,
        serving: &Serving,
        linked: &Linked,
        chunk: Vec<Asking>,
    ) -> Vec<Asking> {
        let refs: Vec<PostRef> = chunk
            .iter()
            .map(|asking| asking.with_credential(linked.id()))
            .collect();
        let credential = linked.budget();
        let jobs: Vec<Waiting> = chunk.iter().flat_map(Asking::waiting).collect();
        let (asked_at, call, open_for) = {
            let Ok(_slot) = self.calls.acquire().await else {
                return Vec::new();
            };
            let Some(permit) = self.permit(&jobs, &credential, true).await else {
                return Vec::new();
            };
            let asked_at = self.app.clock.now();
            let gate = self.watch.gate(permit, &credential);
            let call = gated(gate, serving.adapter.fetch(&refs, Some(&linked.owner))).await;
            let open_for = self.watch.saw_answers(permit, &credential, &call).await;
            (asked_at, call, open_for)
        };
        let answers = call.output;
        verification::note_token(&self.app, linked, call.requests, &answers).await;
        let mut left = Vec::new();
        for (mut asking, answer) in chunk.into_iter().zip(answers) {
            match verification::owners_answer(answer, serving.has_own_access) {
                OwnersAnswer::Told(answer) => {
                    let told = Told {
                        open_for: while_failing(open_for, &answer, &credential),
                        answer,
                        resolved: asking.resolved,
                        asked_at,
                        credential_id: Some(linked.id()),
                    };
                    self.report(asking.on_post, told).await;
                }
                OwnersAnswer::Fallback(kept) => {
                    asking.kept = kept.map(|kept| (kept, linked.id()));
                    left.push(asking);
                }
                OwnersAnswer::Wait => left.push(asking),
            }
        }
        left
    }

    async fn fetch(&self, serving: &Serving, chunk: Vec<Asking>) {
        let refs: Vec<PostRef> = chunk.iter().map(|asking| asking.post.clone()).collect();
        let jobs: Vec<Waiting> = chunk.iter().flat_map(Asking::waiting).collect();
        let (asked_at, answers, open_for) = {
            let Ok(_slot) = self.calls.acquire().await else {
                return;
            };
            let Some(permit) = self.permit(&jobs, OWN, true).await else {
                return;
            };
            // A claim that is made while the platform answers is not held to a figure from before it.
            let asked_at = self.app.clock.now();
            let gate = self.watch.gate(permit, OWN);
            let call = gated(gate, serving.adapter.fetch(&refs, None)).await;
            // Whoever takes the slot next is to know what this call has shown.
            let open_for = self.watch.saw_answers(permit, OWN, &call).await;
            (asked_at, call.output, open_for)
        };
        for (asking, answer) in chunk.into_iter().zip(answers) {
            let (kept, credential_id) = asking.kept.unzip();
            let (answer, is_owners) = verification::better(kept, answer);
            let told = Told {
                open_for: while_failing(open_for, &answer, OWN),
                answer,
                resolved: asking.resolved,
                asked_at,
                credential_id: credential_id.filter(|_| is_owners),
            };
            self.report(asking.on_post, told).await;
        }
    }

    /// What is said of a post without asking for its figures.
    fn told(&self, answer: Result<Fetched, PlatformError>) -> Told {
        Told {
            answer,
            resolved: None,
            asked_at: self.app.clock.now(),
            credential_id: None,
            open_for: None,
        }
    }

    /// Passes an answer on to be written, or puts the jobs back where the answer is to wait or to try again. What failed while
    /// the platform's circuit is open was no attempt, and no verdict follows from it.
    async fn report(&self, on_post: OnPost, told: Told) {
        let Told {
            answer,
            resolved,
            asked_at,
            credential_id,
            open_for,
        } = told;
        let error = match answer {
            Ok(fetched) => {
                let outcome = Outcome::Answered {
                    fetched,
                    fetched_at: asked_at,
                    resolved,
                    credential_id,
                };
                return self.finish(on_post, outcome).await;
            }
            Err(error) => error,
        };
        tracing::warn!(platform = %self.platform, %error, "a post was not fetched");
        if let Some(wait) = open_for {
            return self.snooze(&waiting(&on_post), wait).await;
        }
        match error.advice() {
            Advice::Snooze(after) => {
                let wait = after.map_or(SNOOZE, |after| after.max(health::LEAST_WAIT));
                self.snooze(&waiting(&on_post), wait).await;
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
                    spend: None,
                    lacks_permission: false,
                });
                Outcome::Answered {
                    fetched,
                    fetched_at: asked_at,
                    resolved,
                    credential_id: None,
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
        let wait = until_retry(before, error.retry_after()).mul_f64(jitter());
        let delay = wait.as_secs_f64();
        let put_back = async {
            let mut connection = self.app.db.get().await?;
            let error = error.to_string();
            queue::retry(&mut connection, self.worker_id, task.job_id, delay, &error).await?;
            Ok::<_, Error>(())
        };
        self.log_failure(put_back.await);
    }

    /// Puts jobs back to wait, in turns with those of other campaigns that wait for the same. They lose no attempt.
    async fn snooze(&self, jobs: &[Waiting], wait: Duration) {
        let now = self.app.clock.now();
        let lag = longest_lag(wait).mul_f64(rand::random());
        let times = self
            .waits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(jobs, now, time_delta(wait), time_delta(lag));
        let put_back = async {
            let mut connection = self.app.db.get().await?;
            queue::snooze_until(&mut connection, self.worker_id, &times, now).await?;
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

/// How long the circuit stays open, where that is why an answer is none.
fn while_failing<T>(
    open_for: Option<Duration>,
    answer: &Result<T, PlatformError>,
    credential: &str,
) -> Option<Duration> {
    let error = answer.as_ref().err();
    open_for.filter(|_| error.is_some_and(|error| health::is_failure(error, credential)))
}

/// How long it is at least until the next attempt, after so many that failed before this one: not less than the platform
/// asked for.
fn until_retry(failed_before: i32, asked: Option<Duration>) -> Duration {
    let times = u32::try_from(failed_before.clamp(0, 6)).unwrap_or(0);
    (FIRST_RETRY * 3_u32.pow(times)).max(asked.unwrap_or_default())
}

/// A wait as a difference of times. None is longer than a day.
fn time_delta(wait: Duration) -> TimeDelta {
    TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(1))
}

/// How much later than told jobs come back at most, so that they do not all come at once whom different processes put back.
fn longest_lag(wait: Duration) -> Duration {
    (wait / 4).min(LONGEST_LAG)
}

/// From 1 to 1.25, so that jobs that failed together do not all come back together.
fn jitter() -> f64 {
    1.0 + rand::random::<f64>() / 4.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_a_day_comes_back_within_a_minute_after_it() {
        let seconds = Duration::from_secs;
        for (wait, longest) in [(4, 1), (240, 60), (86_400, 60)] {
            assert_eq!(longest_lag(seconds(wait)), seconds(longest), "{wait} s");
        }
    }

    #[test]
    fn the_next_attempt_comes_three_times_later_each_time_and_not_before_the_platform_asked() {
        let seconds = Duration::from_secs;
        for (failed_before, asked, expected) in [
            (0, None, seconds(5)),
            (1, None, seconds(15)),
            (3, None, seconds(135)),
            (0, Some(seconds(120)), seconds(120)),
            (3, Some(seconds(120)), seconds(135)),
            (0, Some(Duration::ZERO), seconds(5)),
            (-1, None, seconds(5)),
        ] {
            let wait = until_retry(failed_before, asked);
            assert_eq!(wait, expected, "{failed_before} {asked:?}");
        }
    }
}
