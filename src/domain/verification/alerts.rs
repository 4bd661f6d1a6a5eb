//! Which alerts a batch of verdicts raises, raises further, confirms and withdraws.
//!
//! One alert that is not yet resolved per cause, found by its key. Another check of the same cause changes its alert;
//! another occurrence of the same kind of cause counts it up. What is over is withdrawn: a provisional excess that was not
//! borne out, a post that is shown again, counts that came back. What happens after that is another cause, and another alert.
//! Only alerts about a claim have a level.

mod desk;

use chrono::{DateTime, Utc};

use self::desk::Desk;
use super::load::Task;
use super::shared_post::Shared;
use super::trail::Movement;
use crate::db::Connection;
use crate::db::alert::{self, NewAlert, NewAlertEvent};
use crate::db::post::Post;
use crate::domain::reconciliation::{ReasonCode, Verdict, instant};
use crate::domain::trust::shown;
use crate::error::Error;
use crate::model::{AlertKind, DiscrepancyLevel};

/// The note of an alert about a link that led nowhere, and then to a post that is there already.
const SPELLING: &str =
    "This link turned out to be another spelling of a post that is there already.";

/// Something that may concern an alert.
pub(super) enum Cause<'a> {
    /// A verdict on a claim.
    Verdict {
        task: &'a Task,
        verdict: &'a Verdict,
        reconciliation_id: i64,
    },
    /// The platform no longer has a post that it had, or never had it.
    Removed { task: &'a Task, reason: String },
    /// The platform shows a post again that was gone, as was seen then.
    Shown {
        post: &'a Post,
        since: DateTime<Utc>,
    },
    /// The link of a post led nowhere, and then to a post that is there already.
    Spelling { post: &'a Post },
    /// A trust score passed a threshold downwards.
    TrustDrop {
        task: &'a Task,
        movement: &'a Movement,
        reconciliation_id: i64,
    },
    /// Counts of a post fell.
    Fell { post: &'a Post, sentences: String },
    /// Counts of a post that had fallen are back, all of them.
    Regained { post: &'a Post, sentences: &'a str },
    /// A post was submitted elsewhere as well, which was not known before, or by somebody more.
    Shared(&'a Shared),
}

impl Cause<'_> {
    /// The kinds of alert that this may concern, with what they are about.
    fn kinds(&self) -> Vec<(AlertKind, i64)> {
        match self {
            Self::Verdict { task, .. } => {
                let mut kinds = vec![(AlertKind::Overclaim, task.report.id)];
                if task.report.claimed_conversions > Some(0) {
                    kinds.push((AlertKind::UnsignedConversions, task.report.id));
                }
                kinds
            }
            Self::Removed { task, .. } => vec![(AlertKind::PostRemoved, task.post.id)],
            Self::Shown { post, .. } | Self::Spelling { post } => {
                vec![(AlertKind::PostRemoved, post.id)]
            }
            Self::TrustDrop { task, .. } => vec![(AlertKind::TrustDrop, task.post.affiliate_id)],
            Self::Fell { post, .. } | Self::Regained { post, .. } => {
                vec![(AlertKind::CountFell, post.id)]
            }
            Self::Shared(shared) => vec![(AlertKind::DuplicatePost, shared.post.id)],
        }
    }

    fn keys(&self) -> impl Iterator<Item = (AlertKind, String)> {
        self.kinds()
            .into_iter()
            .map(|(kind, about)| (kind, format!("{kind}:{about}")))
    }
}

/// What the alerts of a batch leave to be written.
#[derive(Debug, Default)]
pub(super) struct Raised {
    /// Posts with alerts that were opened, or closed, and how many.
    pub(super) open: Vec<(i64, i64)>,
    /// What subscribers are to get.
    pub(super) events: Vec<NewAlertEvent>,
}

/// The level at which a verdict concerns a kind of alert: that of its conversions where signed orders do not bear them out,
/// that of all else where the platform does not.
fn level_of(verdict: &Verdict, kind: AlertKind) -> Option<DiscrepancyLevel> {
    verdict
        .comparisons
        .iter()
        .filter(|comparison| {
            let unsigned = comparison.reason_code == ReasonCode::UnsignedConversions;
            unsigned == (kind == AlertKind::UnsignedConversions)
        })
        .filter_map(|comparison| comparison.level)
        .max()
}

/// Writes what the causes do to alerts, and gives what is left to be written: the events come last in the transaction, see
/// [`alert::insert_events`].
pub(super) async fn write(
    connection: &mut Connection,
    causes: &[Cause<'_>],
    now: DateTime<Utc>,
) -> Result<Raised, Error> {
    let mut keys: Vec<String> = causes
        .iter()
        .flat_map(Cause::keys)
        .map(|(_, key)| key)
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let stored = alert::lock_latest(connection, &keys).await?;
    let mut desk = Desk::new(stored, now);
    for (cause, (kind, key)) in causes
        .iter()
        .flat_map(|cause| cause.keys().map(move |key| (cause, key)))
    {
        match cause {
            Cause::Verdict {
                task,
                verdict,
                reconciliation_id,
            } => {
                desk.verdict(key, kind, task, verdict, *reconciliation_id);
            }
            Cause::Removed { task, reason } => {
                let message = format!(
                    "The post {} is no longer on {}: {reason}",
                    task.post.canonical_url,
                    task.post.platform.brand()
                );
                desk.occurrence(key, || on_post(&task.post, kind, &message, now));
            }
            Cause::Shown { post, since } => {
                let notes = format!(
                    "{} shows the post again, since {} at the latest.",
                    post.platform.brand(),
                    instant(*since)
                );
                desk.withdraw(key, notes);
            }
            Cause::Spelling { .. } => desk.withdraw(key, SPELLING.to_owned()),
            Cause::TrustDrop {
                task,
                movement,
                reconciliation_id,
            } => {
                let passed = movement.passed.as_ref().map(shown).unwrap_or_default();
                let message = format!(
                    "The trust score fell from {} to {}, below {passed}.",
                    shown(&movement.before),
                    shown(&movement.after)
                );
                desk.occurrence(key, || NewAlert {
                    campaign_id: None,
                    post_id: None,
                    reconciliation_id: Some(*reconciliation_id),
                    ..on_post(&task.post, kind, &message, now)
                });
            }
            Cause::Fell { post, sentences } => {
                let message = format!(
                    "Counts of the post {} fell. {sentences}",
                    post.canonical_url
                );
                desk.occurrence(key, || on_post(post, kind, &message, now));
            }
            Cause::Regained { sentences, .. } => {
                desk.withdraw(key, format!("The counts are back. {sentences}"));
            }
            Cause::Shared(shared) => {
                let new = on_post(&shared.post, kind, &shared.sentence, now);
                desk.shared(key, new, shared);
            }
        }
    }
    desk.write(connection).await
}

fn on_post(post: &Post, kind: AlertKind, message: &str, now: DateTime<Utc>) -> NewAlert {
    NewAlert {
        kind,
        level: None,
        finality: None,
        dedupe_key: String::new(),
        campaign_id: Some(post.campaign_id),
        post_id: Some(post.id),
        affiliate_id: Some(post.affiliate_id),
        reconciliation_id: None,
        message: message.to_owned(),
        occurrences: 1,
        created_at: now,
    }
}
