//! The alerts under the keys of a batch: what each cause does to them, and the writing of it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{Raised, level_of, on_post};
use crate::db::Connection;
use crate::db::alert::{self, Alert, NewAlert, NewAlertEvent};
use crate::domain::alert::{is_taken_back, take_back};
use crate::domain::reconciliation::Verdict;
use crate::domain::verification::Task;
use crate::domain::verification::shared_post::Shared;
use crate::error::Error;
use crate::model::{AlertEventKind, AlertKind, AlertStatus, Finality, ReconciliationStatus};

/// What becomes of the alert under a key.
enum Entry {
    /// There is one in the database.
    Stored { alert: Alert, changed: bool },
    /// One is to be raised.
    New(NewAlert),
}

/// An alert that is counted up for each of some others that is raised: they are about posts that are not all locked, so
/// somebody else may raise them in this moment, and count this one up.
struct Counted {
    key: String,
    message: String,
    /// The keys of the others.
    newcomers: Vec<String>,
}

/// The alerts under the keys of a batch.
pub(super) struct Desk {
    now: DateTime<Utc>,
    entries: HashMap<String, Entry>,
    /// How many alerts were opened on each post, or closed.
    open: HashMap<i64, i64>,
    /// Keys in the order in which something happened to them.
    events: Vec<(String, AlertEventKind)>,
    counted: Vec<Counted>,
}

impl Desk {
    /// With these alerts, each of which is locked and the latest under its key.
    pub(super) fn new(stored: Vec<Alert>, now: DateTime<Utc>) -> Self {
        let entry = |alert: Alert| {
            let key = alert.dedupe_key.clone();
            let changed = false;
            (key, Entry::Stored { alert, changed })
        };
        Self {
            now,
            entries: stored.into_iter().map(entry).collect(),
            open: HashMap::new(),
            events: Vec::new(),
            counted: Vec::new(),
        }
    }

    /// A verdict raises, changes or withdraws the alert of its claim.
    pub(super) fn verdict(
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
        match (self.entries.get_mut(&key), level) {
            // Two checks of one claim in one batch.
            (Some(Entry::New(alert)), Some(level)) => {
                alert.level = Some(level);
                alert.finality = Some(verdict.finality);
                alert.reconciliation_id = Some(reconciliation_id);
                alert.message.clone_from(&verdict.explanation);
            }
            // What was taken back holds after all: that is another alert. What a person resolved stays as that person left it.
            (Some(Entry::Stored { alert, changed }), Some(level))
                if !is_taken_back(alert) || *changed =>
            {
                let rose = alert.level.is_none_or(|before| level > before);
                let confirmed = verdict.finality == Finality::Final
                    && alert.finality == Some(Finality::Provisional);
                alert.set_level(level);
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
                    alert.reconciliation_id = Some(reconciliation_id);
                    *changed = true;
                    let why = &verdict.explanation;
                    self.withdraw(key, format!("A later check did not bear it out. {why}"));
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
    pub(super) fn occurrence(&mut self, key: String, new: impl FnOnce() -> NewAlert) {
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

    /// A post turned out to be shared, or to be shared by somebody more.
    pub(super) fn shared(&mut self, key: String, new: NewAlert, shared: &Shared) {
        match self.entries.get(&key) {
            None => self.raise(key, new),
            // A job that found the same in this moment has told it.
            Some(_) if !shared.is_told => {}
            Some(Entry::Stored { alert, .. }) if alert.status == AlertStatus::Resolved => {
                self.raise(key, new);
            }
            Some(_) => {
                let kind = AlertKind::DuplicatePost;
                let newcomers = shared.newcomers.iter().map(|id| format!("{kind}:{id}"));
                self.counted.push(Counted {
                    key,
                    message: new.message,
                    newcomers: newcomers.collect(),
                });
            }
        }
    }

    /// The cause of an alert is over: it is resolved with these notes, unless it is resolved already.
    pub(super) fn withdraw(&mut self, key: String, notes: String) {
        if let Some(Entry::Stored { alert, changed }) = self.entries.get_mut(&key)
            && alert.status != AlertStatus::Resolved
        {
            take_back(alert, notes, self.now);
            *changed = true;
            if let Some(post) = alert.post_id {
                *self.open.entry(post).or_default() -= 1;
            }
            self.events.push((key, AlertEventKind::Withdrawn));
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

    pub(super) async fn write(mut self, connection: &mut Connection) -> Result<Raised, Error> {
        let mut ids = self.write_shared(connection).await?;
        let mut new = Vec::new();
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

    /// Raises the alerts on shared posts, which are not all locked here, so that somebody else may raise the same ones in this
    /// moment, and counts others up for those that were raised. Gives the keys and ids of those.
    async fn write_shared(
        &mut self,
        connection: &mut Connection,
    ) -> Result<HashMap<String, i64>, Error> {
        let shared: Vec<NewAlert> = self
            .entries
            .extract_if(|_, entry| {
                matches!(entry, Entry::New(alert) if alert.kind == AlertKind::DuplicatePost)
            })
            .filter_map(|(_, entry)| match entry {
                Entry::New(alert) => Some(alert),
                Entry::Stored { .. } => None,
            })
            .collect();
        if shared.is_empty() {
            return Ok(HashMap::new());
        }
        let wanted: Vec<(String, Option<i64>)> = shared
            .iter()
            .map(|alert| (alert.dedupe_key.clone(), alert.post_id))
            .collect();
        let raised: HashMap<String, i64> = alert::insert_absent(connection, shared)
            .await?
            .into_iter()
            .collect();
        for (key, post) in wanted {
            if let (false, Some(post)) = (raised.contains_key(&key), post) {
                *self.open.entry(post).or_default() -= 1;
            }
        }
        for counted in std::mem::take(&mut self.counted) {
            let newcomers = counted.newcomers.iter();
            let came = newcomers.filter(|key| raised.contains_key(*key)).count();
            if let (true, Some(Entry::Stored { alert, changed })) =
                (came > 0, self.entries.get_mut(&counted.key))
            {
                let came = i32::try_from(came).unwrap_or(i32::MAX);
                alert.occurrences = alert.occurrences.saturating_add(came);
                alert.message = counted.message;
                *changed = true;
            }
        }
        Ok(raised)
    }
}
