//! Calls for posts whose ids are known, with their affiliate's access or with this server's.

use std::collections::HashMap;
use std::time::Duration;

use super::Gathering;
use super::outcome::wait_of;
use crate::domain::credential::Linked;
use crate::domain::health::{self, OWN, Permit};
use crate::domain::verification::{self, OwnersAnswer};
use crate::jobs::asking::{Asking, OnPost, Told, Waiting, waiting};
use crate::platform::{PlatformError, PostRef, Serving, gated};

/// How long a job waits at most until it is looked whether it goes without its affiliate's access.
const LOOK: Duration = Duration::from_hours(1);

impl Gathering {
    /// Asks to make a call. None where that cannot be found out: its jobs come back with their leases.
    async fn permit(&self, credential: &str) -> Option<Permit> {
        match self.watch.permit(credential, true).await {
            Ok(permit) => Some(permit),
            Err(error) => {
                self.log_failure(Err(error));
                None
            }
        }
    }

    /// Asks for posts of one affiliate with its own access. Gives those that this server's own access is to be asked for.
    pub(super) async fn fetch_owned(
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
        let (asked_at, call, open_for) = {
            let Ok(_slot) = self.calls.acquire().await else {
                return Vec::new();
            };
            let Some(permit) = self.permit(&credential).await else {
                return Vec::new();
            };
            if let Permit::Wait(wait) = permit {
                return self.wait_for_turn(&credential, chunk, wait).await;
            }
            let asked_at = self.app.clock.now();
            let gate = self.watch.gate(permit, &credential);
            let call = gated(gate, serving.adapter.fetch(&refs, Some(&linked.owner))).await;
            let open_for = self.watch.saw_answers(permit, &credential, &call).await;
            (asked_at, call, open_for)
        };
        let answers = call.output;
        verification::note_token(&self.app, linked, call.requests, &answers).await;
        let (mut left, mut limited) = (Vec::new(), Vec::new());
        let mut wait = Duration::ZERO;
        for (mut asking, answer) in chunk.into_iter().zip(answers) {
            match verification::owners_answer(answer, serving.has_own_access) {
                OwnersAnswer::Told(Err(error @ PlatformError::RateLimited { .. })) => {
                    tracing::warn!(platform = %self.platform, %error, "a post was not fetched");
                    wait = wait.max(wait_of(error.retry_after()));
                    limited.push(asking);
                }
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
        left.extend(self.wait_for_turn(&credential, limited, wait).await);
        left
    }

    /// Has the checks of posts wait until their affiliate's credential may be used again. Gives those that go without it.
    async fn wait_for_turn(
        &self,
        credential: &str,
        mut chunk: Vec<Asking>,
        wait: Duration,
    ) -> Vec<Asking> {
        let (mut jobs, mut places) = (OnPost::new(), HashMap::new());
        for (place, asking) in chunk.iter_mut().enumerate() {
            places.extend(asking.on_post.iter().map(|job| (job.task.job_id, place)));
            jobs.append(&mut asking.on_post);
        }
        for job in self.wait_for_credential(credential, jobs, wait).await {
            let place = places.get(&job.task.job_id);
            if let Some(asking) = place.and_then(|place| chunk.get_mut(*place)) {
                asking.on_post.push(job);
            }
        }
        chunk.retain(|asking| !asking.on_post.is_empty());
        chunk
    }

    /// Has jobs wait until their affiliate's credential may be used again, of which it is looked each hour. Gives those that have
    /// waited for as long as they may and go without it, because the platform lets it ask nothing. Where only this server or an
    /// open circuit holds it back, none does.
    pub(super) async fn wait_for_credential(
        &self,
        credential: &str,
        jobs: OnPost,
        wait: Duration,
    ) -> OnPost {
        let now = self.app.clock.now();
        let (late, mut early): (OnPost, OnPost) = jobs
            .into_iter()
            .partition(|running| running.task.has_waited_for_access(None, now));
        let is_used_up = !late.is_empty()
            && match health::is_used_up(&self.app, self.platform, credential).await {
                Ok(is_used_up) => is_used_up,
                Err(error) => {
                    self.log_failure(Err(error));
                    false
                }
            };
        let left = if is_used_up {
            late
        } else {
            early.extend(late);
            OnPost::new()
        };
        if !early.is_empty() {
            self.snooze(&waiting(&early), wait.min(LOOK)).await;
        }
        left
    }

    pub(super) async fn fetch(&self, serving: &Serving, chunk: Vec<Asking>) {
        let refs: Vec<PostRef> = chunk.iter().map(|asking| asking.post.clone()).collect();
        let (asked_at, answers, open_for) = {
            let Ok(_slot) = self.calls.acquire().await else {
                return;
            };
            let Some(permit) = self.permit(OWN).await else {
                return;
            };
            if let Permit::Wait(wait) = permit {
                let jobs: Vec<Waiting> = chunk.iter().flat_map(Asking::waiting).collect();
                return self.snooze(&jobs, wait).await;
            }
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
}

/// How long the circuit stays open, where that is why an answer is none.
pub(super) fn while_failing<T>(
    open_for: Option<Duration>,
    answer: &Result<T, PlatformError>,
    credential: &str,
) -> Option<Duration> {
    let error = answer.as_ref().err();
    open_for.filter(|_| error.is_some_and(|error| health::is_failure(error, credential)))
}
