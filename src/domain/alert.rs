//! Alerts are taken up and resolved by people; raising them is part of verification and of watching platforms.

use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection as _;

use super::access::{Principal, Viewer};
use super::input::Checks;
use super::verification::TotalsChange;
use super::visible;
use crate::app::App;
use crate::db::alert::{self, Alert, NewAlertEvent};
use crate::db::{post, rollup};
use crate::error::{Error, Refusal, RefusalCode};
use crate::events::ALERT_EVENTS;
use crate::model::{AlertEventKind, AlertStatus};

/// Who resolves an alert whose cause did not hold, or is over.
const ITSELF: &str = "countersign";

/// Resolves an alert whose cause did not hold, or is over, with why.
pub(super) fn take_back(alert: &mut Alert, why: String, now: DateTime<Utc>) {
    alert.status = AlertStatus::Resolved;
    alert.resolved_at = Some(now);
    alert.resolved_by = Some(ITSELF.to_owned());
    alert.resolution_notes = Some(why);
}

/// Whether an alert was taken back, and not resolved by a person.
pub(super) fn is_taken_back(alert: &Alert) -> bool {
    alert.status == AlertStatus::Resolved && alert.resolved_by.as_deref() == Some(ITSELF)
}

/// Takes an alert up. One that was taken up before stays as it is.
///
/// # Errors
/// The alert is not the caller's, or it is resolved.
pub async fn acknowledge(app: &App, viewer: &Viewer, alert_id: i64) -> Result<Alert, Error> {
    change(app, viewer, alert_id, |alert, now| {
        if alert.status == AlertStatus::Acknowledged {
            return None;
        }
        alert.status = AlertStatus::Acknowledged;
        alert.acknowledged_at = Some(now);
        Some(AlertEventKind::Acknowledged)
    })
    .await
}

/// Resolves an alert, with notes.
///
/// # Errors
/// The alert is not the caller's, it is resolved already, or the notes are missing.
pub async fn resolve(
    app: &App,
    viewer: &Viewer,
    alert_id: i64,
    notes: &str,
) -> Result<Alert, Error> {
    let mut checks = Checks::default();
    if notes.trim().is_empty() {
        checks.refuse(
            RefusalCode::NotesRequired,
            "notes",
            "notes must say how the alert was resolved",
        );
    }
    let notes = checks
        .optional_text("notes", Some(notes), 5000)
        .unwrap_or_default();
    checks.finish()?;
    let by = match viewer.principal {
        Principal::Operator => format!("operator user {}", viewer.user_id),
        Principal::Advertiser(id) => format!("advertiser {id}, user {}", viewer.user_id),
        Principal::Affiliate(_) => return Err(Error::Forbidden("an affiliate cannot do this")),
    };
    change(app, viewer, alert_id, move |alert, now| {
        alert.status = AlertStatus::Resolved;
        alert.resolved_at = Some(now);
        alert.resolved_by = Some(by);
        alert.resolution_notes = Some(notes);
        Some(AlertEventKind::Resolved)
    })
    .await
}

async fn change(
    app: &App,
    viewer: &Viewer,
    alert_id: i64,
    apply: impl FnOnce(&mut Alert, chrono::DateTime<chrono::Utc>) -> Option<AlertEventKind> + Send,
) -> Result<Alert, Error> {
    let not_found = || {
        Refusal::field(
            RefusalCode::NotFound,
            "alertId",
            "alertId names no alert of yours",
        )
    };
    if visible::alerts(app, viewer, &[alert_id]).await?.is_empty() {
        return Err(not_found().into());
    }
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    let alert = connection
        .transaction::<_, Error, _>(async |connection| {
            let mut alert = alert::lock(connection, alert_id)
                .await?
                .ok_or_else(not_found)?;
            if alert.status == AlertStatus::Resolved {
                let message = "this alert is resolved already";
                return Err(
                    Refusal::field(RefusalCode::AlreadyResolved, "alertId", message).into(),
                );
            }
            if let Some(kind) = apply(&mut alert, now) {
                alert::update_many(connection, std::slice::from_ref(&alert)).await?;
                if let (AlertStatus::Resolved, Some(post_id)) = (alert.status, alert.post_id) {
                    let mut totals = TotalsChange::default();
                    for post in post::list_by_id(connection, &[post_id]).await? {
                        totals.alerts(&post, -1);
                    }
                    rollup::insert(connection, &totals.into_deltas()).await?;
                }
                let event = NewAlertEvent {
                    alert_id,
                    kind,
                    occurred_at: now,
                };
                alert::insert_events(connection, &[event]).await?;
            }
            Ok(alert)
        })
        .await?;
    app.events.hint(ALERT_EVENTS);
    Ok(alert)
}
