//! Posts on their way to a platform and back: which jobs wait for them, with whose access they are asked for, and what was
//! said of them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::lease::Leased;
use crate::domain::verification::Task;
use crate::platform::link::PostLink;
use crate::platform::{Fetched, PlatformError, PostRef};

/// A task with its job.
pub(super) struct Running {
    pub(super) task: Task,
    pub(super) job: Leased,
}

impl Running {
    pub(super) const fn affiliate_id(&self) -> i64 {
        self.task.post.affiliate_id
    }
}

/// The tasks on one post; one answer serves them all.
pub(super) type OnPost = Vec<Running>;

/// A job that may have to wait, and the campaign that it is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) job_id: Uuid,
    pub(super) campaign_id: i64,
}

impl Waiting {
    pub(super) const fn of(task: &Task) -> Self {
        Self {
            job_id: task.job_id,
            campaign_id: task.post.campaign_id,
        }
    }
}

pub(super) fn waiting(on_post: &[Running]) -> Vec<Waiting> {
    let tasks = on_post.iter().map(|running| &running.task);
    tasks.map(Waiting::of).collect()
}

/// A post that is asked for.
pub(super) struct Asking {
    pub(super) post: PostRef,
    /// What its link turned out to name.
    pub(super) resolved: Option<PostLink>,
    pub(super) on_post: OnPost,
    /// What its affiliate's own access was told, which was no number, and the id of that credential.
    pub(super) kept: Option<(Fetched, i64)>,
}

impl Asking {
    pub(super) const fn new(post: PostRef, resolved: Option<PostLink>, on_post: OnPost) -> Self {
        Self {
            post,
            resolved,
            on_post,
            kept: None,
        }
    }

    /// The post that its link was found to name; the jobs again where that is no post.
    pub(super) fn named(found: PostLink, on_post: OnPost) -> Result<Self, OnPost> {
        let post = match (found.native_id(), on_post.first()) {
            (Some(native_id), Some(Running { task, .. })) => {
                let handle = task.post.account_handle.as_ref();
                let handle = handle.or(found.account.as_ref());
                task.post_ref(native_id, handle, None)
            }
            _ => return Err(on_post),
        };
        Ok(Self::new(post, Some(found), on_post))
    }

    pub(super) fn affiliate_id(&self) -> i64 {
        self.on_post.first().map_or(0, Running::affiliate_id)
    }

    pub(super) fn waiting(&self) -> Vec<Waiting> {
        waiting(&self.on_post)
    }

    /// The post as it is asked for with a credential.
    pub(super) fn with_credential(&self, id: i64) -> PostRef {
        let first = self.on_post.first();
        PostRef {
            seen_as_own: first.is_some_and(|running| running.task.seen_as_own.contains(&Some(id))),
            ..self.post.clone()
        }
    }
}

/// What is known of a post after asking.
pub(super) struct Told {
    pub(super) answer: Result<Fetched, PlatformError>,
    pub(super) resolved: Option<PostLink>,
    pub(super) asked_at: DateTime<Utc>,
    /// The affiliate's credential that told it.
    pub(super) credential_id: Option<i64>,
    /// The circuit stays open for so long, and what failed was the platform.
    pub(super) open_for: Option<Duration>,
}

/// Parts a list into calls of at most so many.
pub(super) fn chunks<T>(mut list: Vec<T>, limit: usize) -> Vec<Vec<T>> {
    let mut chunks = Vec::new();
    while !list.is_empty() {
        let rest = list.split_off(list.len().min(limit.max(1)));
        chunks.push(std::mem::replace(&mut list, rest));
    }
    chunks
}
