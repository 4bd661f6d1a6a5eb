//! The one alert about a platform whose circuit is open.

use chrono::{DateTime, Utc};

use crate::db::alert::{self, Alert, NewAlert, NewAlertEvent};
use crate::db::platform_health::PlatformHealth;
use crate::db::{Connection, QueryResult};
use crate::domain::alert::take_back;
use crate::error::Error;
use crate::model::{AlertEventKind, AlertKind, AlertStatus, PlatformKind};

/// The latest alert about a platform, unless it is resolved.
async fn unresolved(
    connection: &mut Connection,
    platform: PlatformKind,
) -> QueryResult<Option<Alert>> {
    let latest = alert::lock_latest(connection, &[dedupe_key(platform)]).await?;
    Ok(latest
        .into_iter()
        .find(|alert| alert.status != AlertStatus::Resolved))
}

fn dedupe_key(platform: PlatformKind) -> String {
    format!("{}:{platform}", AlertKind::PlatformDegraded)
}

/// What is wrong with a platform.
fn message(health: &PlatformHealth) -> String {
    let platform = health.platform.brand();
    let error = health.last_error.as_deref().unwrap_or("none was told");
    if health.only_own {
        return format!(
            "{platform} does not accept this server's own credentials. The checks of posts that are asked for with them wait \
             without losing an attempt, and nobody is judged on it; those with affiliates' own access go on. The latest error: \
             {error}"
        );
    }
    format!(
        "{platform} fails too often to be asked: {} of {} calls within a minute. The checks of its posts wait without losing \
         an attempt, and nobody is judged on it. The latest error: {error}",
        health.failures,
        health.failures + health.successes,
    )
}

/// Tells operators that a circuit opened, or that it is open for another reason; says whether there is an event. Where the
/// alert is not resolved yet it counts up.
pub(super) async fn raise(
    connection: &mut Connection,
    health: &PlatformHealth,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let platform = health.platform;
    let message = message(health);
    if let Some(mut alert) = unresolved(connection, platform).await? {
        alert.occurrences = alert.occurrences.saturating_add(1);
        alert.message = message;
        alert::update_many(connection, &[alert]).await?;
        return Ok(false);
    }
    let new = NewAlert {
        kind: AlertKind::PlatformDegraded,
        level: None,
        finality: None,
        dedupe_key: dedupe_key(platform),
        campaign_id: None,
        post_id: None,
        affiliate_id: None,
        reconciliation_id: None,
        message,
        occurrences: 1,
        created_at: now,
    };
    for alert_id in alert::insert(connection, &[new]).await? {
        let event = NewAlertEvent {
            alert_id,
            kind: AlertEventKind::Raised,
            occurred_at: now,
        };
        alert::insert_events(connection, &[event]).await?;
    }
    Ok(true)
}

/// Takes the alert back when the circuit closes; says whether there is an event. What a person resolved stays as it is.
pub(super) async fn withdraw(
    connection: &mut Connection,
    platform: PlatformKind,
    opened_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let Some(mut alert) = unresolved(connection, platform).await? else {
        return Ok(false);
    };
    let after = opened_at.map_or(0, |at| (now - at).num_seconds());
    let why = format!(
        "{} answers again: a call that was tried after {after} s did not fail.",
        platform.brand()
    );
    take_back(&mut alert, why, now);
    let event = NewAlertEvent {
        alert_id: alert.id,
        kind: AlertEventKind::Withdrawn,
        occurred_at: now,
    };
    alert::update_many(connection, &[alert]).await?;
    alert::insert_events(connection, &[event]).await?;
    Ok(true)
}
