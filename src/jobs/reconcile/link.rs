//! The posts behind links that only the platform can resolve.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::Gathering;
use super::fetch::while_failing;
use super::outcome::wait_of;
use crate::domain::credential::Linked;
use crate::domain::health::{self, Leave, OWN};
use crate::domain::verification::{self, LinkAnswers};
use crate::jobs::asking::{Asking, OnPost, Running, Told, Waiting, waiting};
use crate::platform::link::{LinkTarget, PostLink};
use crate::platform::{PlatformError, Resolved, Serving, gated_from_the_first};

/// Most links that are opened for one gathering.
const MOST: usize = 40;
/// When the others come again.
const NEXT_TURN: Duration = Duration::from_secs(1);

impl Gathering {
    /// Asks for the posts behind links. What is more than a worker opens in a while comes again in a moment: until then known
    /// posts can be gathered.
    pub(super) async fn ask_for_linked(
        &self,
        serving: &Serving,
        posts: Vec<OnPost>,
        linked: &HashMap<i64, Arc<Linked>>,
        may_probe: bool,
    ) {
        let mut posts = posts;
        let rest = posts.split_off(posts.len().min(MOST));
        let rest: Vec<Waiting> = rest.iter().flat_map(|on_post| waiting(on_post)).collect();
        if !rest.is_empty() {
            self.snooze(&rest, NEXT_TURN).await;
        }
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
    pub(super) fn known(&self, on_post: OnPost) -> Result<Asking, OnPost> {
        let Some(Running { task, .. }) = on_post.first() else {
            return Err(on_post);
        };
        if let Some(native_id) = &task.post.platform_post_id {
            let post = task.post_ref(native_id, task.post.account_handle.as_ref(), None);
            return Ok(Asking::new(post, None, on_post));
        }
        match self.links.found(task.post.id) {
            Some(found) => Asking::named(found, on_post),
            None => Err(on_post),
        }
    }

    /// The post to ask for; none where its link led nowhere, which is then reported.
    pub(super) async fn resolve(
        &self,
        serving: &Serving,
        mut on_post: OnPost,
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
        let (answers, open_for) = self
            .open(serving, &link, linked, &mut on_post, may_probe)
            .await?;
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
    pub(super) async fn open(
        &self,
        serving: &Serving,
        link: &PostLink,
        linked: Option<&Linked>,
        on_post: &mut OnPost,
        may_probe: bool,
    ) -> Option<(LinkAnswers, Option<Duration>)> {
        let _turn = self.links.turn().await?;
        let is_short = link.target == LinkTarget::Redirect;
        if let Some(wait) = self.links.rest(self.app.clock.now()).filter(|_| is_short) {
            self.snooze(&waiting(on_post), wait).await;
            return None;
        }
        let mut open_for = None;
        let mut answers = LinkAnswers::new(serving.has_own_access);
        for asker in verification::link_askers(link, linked, serving.has_own_access) {
            let credential = asker.map_or_else(|| OWN.to_owned(), Linked::budget);
            let answer = {
                let _slot = self.calls.acquire().await.ok()?;
                let leave = Leave::new(&self.app, self.platform, &credential, may_probe);
                let owner = asker.map(|linked| &linked.owner);
                let gate = Arc::clone(&leave);
                let call = gated_from_the_first(gate, serving.adapter.resolve(link, owner)).await;
                match (leave.permit(), call.output.as_ref().err()) {
                    (Some(permit), _) => {
                        let open = self.watch.saw_link(permit, &credential, &call).await;
                        open_for = open_for.or(while_failing(open, &call.output, &credential));
                    }
                    // While the circuit is open the site may be down with the API; that was no attempt.
                    (None, error) => {
                        self.links.heed(error, self.app.clock.now());
                        open_for = open_for.or_else(|| self.watch.open_for(&credential));
                    }
                }
                call.output
            };
            if let Some(linked) = asker {
                verification::note_link(&self.app, linked, answer.as_ref().err()).await;
            }
            if asker.is_some()
                && let Err(PlatformError::RateLimited { retry_after, .. }) = answer
            {
                let wait = wait_of(retry_after);
                let jobs = std::mem::take(on_post);
                *on_post = self.wait_for_credential(&credential, jobs, wait).await;
                if on_post.is_empty() {
                    return None;
                }
                continue;
            }
            if answers.take(asker.is_some(), answer) {
                break;
            }
        }
        Some((answers, open_for))
    }
}
