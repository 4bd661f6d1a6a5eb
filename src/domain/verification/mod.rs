//! A claim is checked: what the queued job does, apart from how it is queued.
//!
//! [`load`] reads what a batch of jobs is about. The platform is then asked, outside of any transaction. [`settle`] writes
//! the whole batch in one transaction: observations, verdicts, trust, alerts, the next checks, and the removal of the jobs,
//! which comes first and decides which of the jobs are still this worker's to finish. A crash anywhere leaves nothing
//! half-done, and a job that ran twice has its effects once.
//!
//! Beside its claims a post is looked at for itself, also after their FINAL verdicts: whether it is gone or shown again, whether
//! its counts fell or came back, whether others submitted it, when it was published. None of this changes a FINAL verdict.
//! Verdicts up to it may say that the post is gone, or was published before its campaign began; that counts fell, or that
//! others submitted the post, no verdict says.

mod access;
mod alerts;
mod credit;
mod fell;
mod links;
mod load;
mod observe;
mod rows;
mod settle;
mod shared_post;
mod totals;
mod trail;

pub use access::{OwnersAnswer, better, note_token, owners_answer, without_access};
pub use links::{LinkAnswers, leads_to_none, link_askers, note_link};
pub use load::{Loaded, Task, load, requeue_dead};
pub(crate) use load::{claim_of, reconcile_job};
pub use observe::fetch_now;
pub use settle::settle;
pub(crate) use totals::TotalsChange;

use chrono::{DateTime, Utc};

use crate::platform::Fetched;
use crate::platform::link::PostLink;

/// A task with what came of asking the platform.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What was to be checked.
    pub task: Task,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of asking the platform.
#[allow(clippy::large_enum_variant, reason = "the large one is the usual one")]
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It answered.
    Answered {
        /// What it said.
        fetched: Fetched,
        /// When.
        fetched_at: DateTime<Utc>,
        /// What the post's link turned out to name, where that was not known before.
        resolved: Option<PostLink>,
        /// The affiliate's credential that it was asked with; none: this server's own access.
        credential_id: Option<i64>,
    },
    /// An answer to another check was young enough to serve this one too; it is stored already.
    Reused,
    /// It could not be reached, and this check will not try again.
    Unreachable {
        /// Why, in words fit for the affiliate.
        detail: String,
    },
}
