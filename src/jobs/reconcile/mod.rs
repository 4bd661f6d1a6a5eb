//! Checks of claims on one platform: gathered, so that one call asks for as many posts as the platform allows.

mod fetch;
mod link;
mod outcome;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use uuid::Uuid;

use self::outcome::SNOOZE;
use super::asking::{Asking, OnPost, Running, Waiting, chunks};
use super::circuit::Watch;
use super::fair::{Waits, in_turns};
use super::lease::Leased;
use super::links::Links;
use super::writer::{Writers, bury, give_back};
use crate::app::App;
use crate::domain::credential::{self, Linked};
use crate::domain::task::{self, Reconcile};
use crate::domain::verification::{self, Loaded, Outcome};
use crate::error::Error;
use crate::model::{PlatformKind, PostStatus};
use crate::platform::Serving;

/// Most jobs that are gathered at once.
const GATHER: usize = 1000;
/// How long a gathering that is not full waits for more.
const LINGER: Duration = Duration::from_millis(5);
/// Calls to one platform at a time.
const CALLS: usize = 8;

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
                tracing::warn!(error = %error.with_causes(), jobs = wanted.len(), "claims were not read");
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
}
