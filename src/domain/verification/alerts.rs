//! Which alerts a batch of verdicts raises, raises further, confirms and withdraws.
//!
//! One alert that is not yet resolved per cause, found by its key. Another check of the same cause changes its alert;
//! another occurrence of the same kind of cause counts it up. Only alerts about a claim have a level.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::load::Task;
use super::trail::Movement;
use crate::db::Connection;
use crate::db::alert::{self, Alert, NewAlert, NewAlertEvent};
use crate::db::post::Post;
use crate::domain::alert::ITSELF;
use crate::domain::reconciliation::{ReasonCode, Verdict};
use crate::domain::trust::shown;
use crate::error::Error;
use crate::model::{
    AlertEventKind, AlertKind, AlertStatus, DiscrepancyLevel, Finality, ReconciliationStatus,
};

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
    /// A trust score passed a threshold downwards.
    TrustDrop {
        task: &'a Task,
        movement: &'a Movement,
        reconciliation_id: i64,
    },
    /// Counts of a post fell.
    Fell { post: &'a Post, sentences: String },
    /// A post was submitted elsewhere as well, which was not known before.
    Shared { post: &'a Post, sentence: &'a str },
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
            Self::TrustDrop { task, .. } => vec![(AlertKind::TrustDrop, task.post.affiliate_id)],
            Self::Fell { post, .. } => vec![(AlertKind::CountFell, post.id)],
            Self::Shared { post, .. } => vec![(AlertKind::DuplicatePost, post.id)],
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

/// What becomes of the alert under a key.
enum Entry {
    /// There is one in the database.
    Stored { alert: Alert, changed: bool },
    /// One is to be raised.
    New(NewAlert),
}

/// The alerts under the keys of a batch.
struct Desk {
    now: DateTime<Utc>,
    entries: HashMap<String, Entry>,
    /// How many alerts were opened on each post, or closed.
    open: HashMap<i64, i64>,
    /// Keys in the order in which something happened to them.
    events: Vec<(String, AlertEventKind)>,
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
    let mut desk = Desk {
        now,
        open: HashMap::new(),
        entries: stored
            .into_iter()
            .map(|alert| {
                (
                    alert.dedupe_key.clone(),
                    Entry::Stored {
                        alert,
                        changed: false,
                    },
                )
            })
            .collect(),
        events: Vec::new(),
    };
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
            // Told once: a job that found the same in this moment may have told it.
            Cause::Shared { post, sentence } => {
                if !desk.entries.contains_key(&key) {
                    desk.raise(key, on_post(post, kind, sentence, now));
                }
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

impl Desk {
    /// A verdict raises, changes or withdraws the alert of its claim.
    fn verdict(
        &mut self,
        key: String,
        kind: AlertKind,
        task: &Task,
        verdict: &Verdict,
        reconciliation_id: i64,
    ) {
        let level = level_of(verdict, kind).filter(|level| {
            verdict.status == ReconciliationStatus::Discrepancy && *level >= task.policy.alert_from
        });
        // What was withdrawn here holds after all: that is another alert. What a person resolved stays as that person left it.
        let withdrawn = |alert: &Alert| {
            alert.status == AlertStatus::Resolved && alert.resolved_by.as_deref() == Some(ITSELF)
        };
        match (self.entries.get_mut(&key), level) {
            // Two checks of one claim in one batch.
            (Some(Entry::New(alert)), Some(level)) => {
                alert.level = Some(level);
                alert.finality = Some(verdict.finality);
                alert.reconciliation_id = Some(reconciliation_id);
                alert.message.clone_from(&verdict.explanation);
            }
            (Some(Entry::Stored { alert, changed }), Some(level))
                if !withdrawn(alert) || *changed =>
            {
                let rose = alert.level.is_none_or(|before| level > before);
                let confirmed = verdict.finality == Finality::Final
                    && alert.finality == Some(Finality::Provisional);
                alert.level = Some(level);
                alert.finality = Some(verdict.finality);
                alert.reconciliation_id = Some(reconciliation_id);
                alert.message.clone_from(&verdict.explanation);
                *changed = true;
                if rose {
                    self.events.push((key.clone(), AlertEventKind::Escalated));
                }
                if confirmed {
                    self.events.push((key, AlertEventKind::Confirmed));
                }
            }
            (Some(Entry::Stored { alert, changed }), None) => {
                // What a person resolved stays as that person left it.
                if alert.finality == Some(Finality::Provisional)
                    && alert.status != AlertStatus::Resolved
                {
                    alert.status = AlertStatus::Resolved;
                    alert.resolved_at = Some(self.now);
                    alert.resolved_by = Some(ITSELF.to_owned());
                    alert.resolution_notes = Some(format!(
                        "A later check did not bear it out. {}",
                        verdict.explanation
                    ));
                    alert.reconciliation_id = Some(reconciliation_id);
                    *changed = true;
                    if let Some(post) = alert.post_id {
                        *self.open.entry(post).or_default() -= 1;
                    }
                    self.events.push((key, AlertEventKind::Withdrawn));
                }
            }
            (_, Some(level)) => self.raise(
                key,
                NewAlert {
                    level: Some(level),
                    finality: Some(verdict.finality),
                    reconciliation_id: Some(reconciliation_id),
                    ..on_post(&task.post, kind, &verdict.explanation, self.now)
                },
            ),
            (_, None) => {}
        }
    }

    /// Something happened that raises an alert, or happens again to one that is not resolved.
    fn occurrence(&mut self, key: String, new: impl FnOnce() -> NewAlert) {
        match self.entries.get_mut(&key) {
            Some(Entry::Stored { alert, changed }) if alert.status != AlertStatus::Resolved => {
                alert.occurrences = alert.occurrences.saturating_add(1);
                alert.message = new().message;
                *changed = true;
            }
            Some(Entry::New(alert)) => {
                alert.occurrences = alert.occurrences.saturating_add(1);
                alert.message = new().message;
            }
            _ => self.raise(key, new()),
        }
    }

    fn raise(&mut self, key: String, new: NewAlert) {
        let new = NewAlert {
            dedupe_key: key.clone(),
            ..new
        };
        if let Some(post) = new.post_id {
            *self.open.entry(post).or_default() += 1;
        }
        self.events.push((key.clone(), AlertEventKind::Raised));
        self.entries.insert(key, Entry::New(new));
    }

    async fn write(mut self, connection: &mut Connection) -> Result<Raised, Error> {
        let mut ids: HashMap<String, i64> = HashMap::new();
        let mut new = Vec::new();
        // Of posts that are not all locked here: somebody else may raise the same ones in this moment.
        let mut shared = Vec::new();
        let mut changed = Vec::new();
        for (key, entry) in self.entries {
            match entry {
                Entry::Stored {
                    alert,
                    changed: is_changed,
                } => {
                    ids.insert(key, alert.id);
                    if is_changed {
                        changed.push(alert);
                    }
                }
                Entry::New(alert) if alert.kind == AlertKind::DuplicatePost => shared.push(alert),
                Entry::New(alert) => new.push(alert),
            }
        }
        if !changed.is_empty() {
            alert::update_many(connection, &changed).await?;
        }
        if !new.is_empty() {
            let raised = alert::insert(connection, &new).await?;
            ids.extend(new.into_iter().map(|alert| alert.dedupe_key).zip(raised));
        }
        if !shared.is_empty() {
            let wanted: Vec<(String, Option<i64>)> = shared
                .iter()
                .map(|alert| (alert.dedupe_key.clone(), alert.post_id))
                .collect();
            ids.extend(alert::insert_absent(connection, shared).await?);
            for (key, post) in wanted {
                if let (false, Some(post)) = (ids.contains_key(&key), post) {
                    *self.open.entry(post).or_default() -= 1;
                }
            }
        }
        let events: Vec<NewAlertEvent> = self
            .events
            .into_iter()
            .filter_map(|(key, kind)| {
                ids.get(&key).map(|id| NewAlertEvent {
                    alert_id: *id,
                    kind,
                    occurred_at: self.now,
                })
            })
            .collect();
        Ok(Raised {
            open: self.open.into_iter().collect(),
            events,
        })
    }
}
