//! One attempt to deliver: what is sent, and what comes of it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection as _;
use url::Url;
use uuid::Uuid;

use super::failure::{Failure, count, fail};
use super::lanes::Lanes;
use super::{CHANNEL_DISABLED, lock_both, queue_next, schedule};
use crate::app::App;
use crate::crypto::standard_signature;
use crate::db::Connection;
use crate::db::alert_channel::{self, AlertChannel};
use crate::db::alert_delivery::{self, AlertDelivery};
use crate::db::queue::{self, Exhausted};
use crate::domain::alert_channel::{as_asked, list_secrets, open_url};
use crate::domain::task::{self, DeliverAlert};
use crate::error::Error;
use crate::model::{AlertChannelKind, AlertChannelState, AlertDeliveryStatus};

/// What came of sending.
enum Sent {
    /// The receiver took it, with this status.
    Arrived(u16),
    /// It did not.
    Failed(Failure),
}

/// Sends a delivery and finishes the job. What has been sent, given up or removed since the job was queued is let be.
///
/// # Errors
/// The database failed, or a secret of the channel cannot be read; the job is tried again.
pub async fn attempt(
    app: &App,
    lanes: &Lanes,
    payload: DeliverAlert,
    job: Uuid,
) -> Result<(), Error> {
    let Some((channel, delivery)) = load(app, payload).await? else {
        queue::finish(&mut *app.db.get().await?, &[job]).await?;
        return Ok(());
    };
    if channel.state != AlertChannelState::Active {
        return give_up(app, &channel, payload, job).await;
    }
    let now = app.clock.now();
    if let Some(until) = channel.paused_until.filter(|until| *until > now) {
        let until = schedule::spread(now, until)?;
        return postpone(app, &channel, payload, job, until).await;
    }
    let Some(_place) = lanes.enter(channel.advertiser_id, channel.id, delivery.id) else {
        let wait = lanes.wait(channel.advertiser_id)?;
        queue::snooze(&mut *app.db.get().await?, &[job], wait).await?;
        return Ok(());
    };
    let sent = send(app, &channel, &delivery, now).await?;
    settle(app, &channel, payload, job, &sent).await
}

/// The delivery with its channel, where this attempt is still to be made.
async fn load(
    app: &App,
    payload: DeliverAlert,
) -> Result<Option<(AlertChannel, AlertDelivery)>, Error> {
    let mut connection = app.db.get().await?;
    let found = alert_delivery::list_by_id(&mut connection, &[payload.delivery_id]).await?;
    let Some(delivery) = found.into_iter().find(|row| is_next(row, payload)) else {
        return Ok(None);
    };
    let channel = alert_channel::list_by_id(&mut connection, &[delivery.channel_id]).await?;
    Ok(channel
        .into_iter()
        .next()
        .map(|channel| (channel, delivery)))
}

/// Whether an attempt is the one that a delivery waits for.
fn is_next(delivery: &AlertDelivery, payload: DeliverAlert) -> bool {
    delivery.status == AlertDeliveryStatus::Pending
        && delivery.attempts.saturating_add(1) == payload.attempt
}

async fn send(
    app: &App,
    channel: &AlertChannel,
    delivery: &AlertDelivery,
    now: DateTime<Utc>,
) -> Result<Sent, Error> {
    let url = open_url(app, channel)?;
    let url = Url::parse(url.expose()).map_err(Error::internal)?;
    let url = as_asked(channel.kind, url);
    let headers = match channel.kind {
        AlertChannelKind::Webhook => signed(app, delivery, now).await?,
        AlertChannelKind::Discord | AlertChannelKind::Slack => Vec::new(),
    };
    let failed = |status, error, retry_after| {
        Ok(Sent::Failed(Failure {
            status,
            error,
            retry_after,
        }))
    };
    match app
        .callbacks
        .post(url, &headers, delivery.body.clone())
        .await
    {
        Ok(reply) if (200..300).contains(&reply.status) => Ok(Sent::Arrived(reply.status)),
        Ok(reply) => {
            let error = format!("HTTP {}", reply.status);
            failed(Some(reply.status), error, reply.retry_after)
        }
        Err(error) => failed(None, error.to_string(), None),
    }
}

/// The headers of Standard Webhooks, with a signature by each secret that is used now.
async fn signed(
    app: &App,
    delivery: &AlertDelivery,
    now: DateTime<Utc>,
) -> Result<Vec<(&'static str, String)>, Error> {
    let mut connection = app.db.get().await?;
    let secrets = list_secrets(app, &mut connection, delivery.channel_id, now).await?;
    drop(connection);
    let id = format!("msg_{}", delivery.message_id.simple());
    let seconds = now.timestamp();
    let signatures: Vec<String> = secrets
        .iter()
        .filter_map(|secret| standard_signature(secret, &id, seconds, &delivery.body))
        .collect();
    if signatures.is_empty() {
        return Err(Error::internal("a webhook has no secret to sign with"));
    }
    Ok(vec![
        ("webhook-id", id),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ])
}

/// Writes what came of an attempt, with the job of the next one.
async fn settle(
    app: &App,
    sent_to: &AlertChannel,
    payload: DeliverAlert,
    job: Uuid,
    sent: &Sent,
) -> Result<(), Error> {
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            if queue::finish(connection, &[job]).await?.is_empty() {
                return Ok(());
            }
            let both = lock_both(connection, sent_to.id, payload.delivery_id).await?;
            let Some((mut channel, mut delivery)) = both else {
                return Ok(());
            };
            delivery.last_attempt_at = Some(now);
            let is_same = channel.url_sealed == sent_to.url_sealed;
            match sent {
                // Also where it was given up meanwhile: it did arrive.
                Sent::Arrived(status) if delivery.attempts.saturating_add(1) == payload.attempt => {
                    delivery.attempts = payload.attempt;
                    delivery.status = AlertDeliveryStatus::Delivered;
                    delivery.last_status_code = Some((*status).into());
                    delivery.last_error = None;
                    delivery.next_attempt_at = None;
                    delivery.delivered_at = Some(now);
                    alert_delivery::update(connection, &delivery).await?;
                    channel.last_delivered_at = Some(now);
                    if is_same {
                        channel.failing_since = None;
                    }
                    alert_channel::update(connection, &channel).await?;
                }
                Sent::Failed(failure) if is_next(&delivery, payload) && is_same => {
                    fail(connection, &mut channel, &mut delivery, failure, now).await?;
                }
                // It went to an address that the channel has no more, which says nothing of the one that it has.
                Sent::Failed(failure) if is_next(&delivery, payload) => {
                    count(connection, &channel, &mut delivery, failure, false, now).await?;
                }
                // Another worker had the same attempt and was first.
                _ => {}
            }
            Ok(())
        })
        .await?;
    app.events.hint(task::DELIVERIES);
    Ok(())
}

/// Ends a delivery whose channel was disabled after it was queued.
async fn give_up(
    app: &App,
    channel: &AlertChannel,
    payload: DeliverAlert,
    job: Uuid,
) -> Result<(), Error> {
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            if queue::finish(connection, &[job]).await?.is_empty() {
                return Ok(());
            }
            let both = lock_both(connection, channel.id, payload.delivery_id).await?;
            let Some((channel, mut delivery)) = both else {
                return Ok(());
            };
            if !is_next(&delivery, payload) {
                return Ok(());
            }
            if channel.state == AlertChannelState::Active {
                // Enabled again in this moment.
                let now = app.clock.now();
                queue_next(connection, &mut delivery, now).await?;
                alert_delivery::update(connection, &delivery).await?;
                return Ok(());
            }
            delivery.status = AlertDeliveryStatus::Failed;
            delivery.next_attempt_at = None;
            delivery.last_error = Some(CHANNEL_DISABLED.to_owned());
            alert_delivery::update(connection, &delivery).await?;
            Ok(())
        })
        .await
}

/// Lets a delivery wait until its channel's receiver wants more.
async fn postpone(
    app: &App,
    channel: &AlertChannel,
    payload: DeliverAlert,
    job: Uuid,
    until: DateTime<Utc>,
) -> Result<(), Error> {
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            if queue::finish(connection, &[job]).await?.is_empty() {
                return Ok(());
            }
            let both = lock_both(connection, channel.id, payload.delivery_id).await?;
            let Some((_, mut delivery)) = both else {
                return Ok(());
            };
            if is_next(&delivery, payload) {
                delivery.next_attempt_at = Some(until);
                queue_next(connection, &mut delivery, until).await?;
                alert_delivery::update(connection, &delivery).await?;
            }
            Ok(())
        })
        .await
}

/// Counts the attempts whose jobs died as failed ones, so that their deliveries go on. It says nothing of their receivers.
///
/// # Errors
/// The database failed.
pub async fn requeue_dead(
    connection: &mut Connection,
    dead: &[Exhausted],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let died: HashMap<i64, DeliverAlert> = dead
        .iter()
        .filter(|job| job.name == task::DELIVER_ALERT)
        .filter_map(|job| serde_json::from_str(job.payload_json.as_deref()?).ok())
        .map(|payload: DeliverAlert| (payload.delivery_id, payload))
        .collect();
    if died.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = died.keys().copied().collect();
    let mut found = alert_delivery::list_by_id(connection, &ids).await?;
    // Of two processes that do this, none waits for the other in a circle.
    found.sort_unstable_by_key(|delivery| (delivery.channel_id, delivery.id));
    for row in found {
        let Some((channel, mut delivery)) = lock_both(connection, row.channel_id, row.id).await?
        else {
            continue;
        };
        if died
            .get(&row.id)
            .is_some_and(|payload| is_next(&delivery, *payload))
        {
            let failure = Failure {
                status: None,
                error: "the server could not make the attempt".to_owned(),
                retry_after: None,
            };
            count(connection, &channel, &mut delivery, &failure, false, now).await?;
        }
    }
    Ok(())
}
