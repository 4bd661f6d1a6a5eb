//! What the channels of advertisers are told, and what becomes of it.
//!
//! [`fan_out()`] turns each new alert event into one delivery and one queued job for each channel that is to be told, in one
//! transaction with its own place in the events: none is left out and none is made twice. [`attempt()`] is the job: it sends
//! the stored body with no transaction open, and writes what came of it together with the job of the next attempt. A process
//! that dies while it sends leaves the job to be taken again, so a receiver may get a delivery more than once, each time
//! under the same id. What has ended stays in the log for 90 days ([`prune`]).

mod attempt;
mod body;
mod failure;
mod fan_out;
mod lanes;
mod schedule;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection as _;
use uuid::Uuid;

use super::access::Viewer;
use super::alert_channel::{no_such_channel, own};
use super::task::{self, DeliverAlert};
use super::visible;
use crate::app::App;
use crate::db::alert_channel::{self, AlertChannel};
use crate::db::alert_delivery::{self, AlertDelivery, NewAlertDelivery};
use crate::db::queue::{self, NewJob};
use crate::db::{Connection, QueryResult};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{
    AlertChannelDisabledReason, AlertChannelState, AlertDeliveryKind, AlertDeliveryStatus,
};

pub use attempt::{attempt, requeue_dead};
pub use fan_out::{fan_out, follow};
pub use lanes::Lanes;

/// What is said of a delivery that was given up with its channel.
pub(super) const CHANNEL_DISABLED: &str = "the channel was disabled";
/// How long a delivery that has ended stays in the log, from when it was queued or last tried.
const KEPT: TimeDelta = TimeDelta::days(90);
/// Most deliveries that are removed in one transaction.
const PRUNED_AT_ONCE: i64 = 1000;
/// Most tests of a channel in an hour.
const MAX_TESTS: i64 = 20;
/// How long after its last attempt a delivery can be tried again by hand.
const BETWEEN_RETRIES: TimeDelta = TimeDelta::seconds(60);

/// Sends a test to a channel, by a queued job. It is tried once.
///
/// # Errors
/// The channel is not the caller's or is disabled, or it was sent 20 tests within the hour.
pub async fn send_test(
    app: &App,
    viewer: &Viewer,
    channel_id: i64,
) -> Result<AlertDelivery, Error> {
    own(app, viewer, channel_id).await?;
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    let delivery = connection
        .transaction::<_, Error, _>(async |connection| {
            let channel = alert_channel::lock(connection, channel_id)
                .await?
                .ok_or_else(no_such_channel)?;
            if channel.state != AlertChannelState::Active {
                return Err(is_disabled("channelId").into());
            }
            limit_tests(connection, channel.id, "channelId", now).await?;
            let new = NewAlertDelivery {
                channel_id: channel.id,
                kind: AlertDeliveryKind::Test,
                event_id: None,
                body: body::of_test(&channel, now),
                next_attempt_at: now,
                created_at: now,
                job_id: Uuid::new_v4(),
            };
            let queued = insert(connection, &[new]).await?;
            let delivery = queued.into_iter().next();
            delivery.ok_or_else(|| Error::internal("a delivery that was added is not there"))
        })
        .await?;
    app.events.hint(task::DELIVERIES);
    Ok(delivery)
}

/// Tries a delivery again now: one that failed, or one that waits, in the place of the attempt that it waits for. After its last
/// attempt by the schedule it is tried this once.
///
/// # Errors
/// The delivery is not the caller's, has arrived or is being sent, its channel is disabled, it was last tried less than a minute
/// ago, or it is a test of a channel that was sent 20 within the hour.
pub async fn retry(app: &App, viewer: &Viewer, delivery_id: i64) -> Result<AlertDelivery, Error> {
    let found = visible::alert_deliveries(app, viewer, &[delivery_id]).await?;
    let found = found.into_iter().next().ok_or_else(no_such_delivery)?;
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    let delivery = connection
        .transaction::<_, Error, _>(async |connection| {
            let channel = alert_channel::lock(connection, found.channel_id)
                .await?
                .ok_or_else(no_such_delivery)?;
            let mut delivery = alert_delivery::lock(connection, delivery_id)
                .await?
                .ok_or_else(no_such_delivery)?;
            if channel.state != AlertChannelState::Active {
                return Err(is_disabled("deliveryId").into());
            }
            if delivery.status == AlertDeliveryStatus::Delivered {
                let message = "this delivery has arrived";
                return Err(Refusal::field(RefusalCode::Invalid, "deliveryId", message).into());
            }
            if delivery
                .last_attempt_at
                .is_some_and(|at| now - at < BETWEEN_RETRIES)
            {
                let message = "this delivery was tried within the last minute";
                return Err(
                    Refusal::field(RefusalCode::TryAgainLater, "deliveryId", message).into(),
                );
            }
            if delivery.kind == AlertDeliveryKind::Test {
                limit_tests(connection, channel.id, "deliveryId", now).await?;
            }
            // What is due is being sent already, and what waits for a channel that rests comes when it wants more.
            let waits = delivery.status == AlertDeliveryStatus::Pending
                && channel.paused_until.is_some_and(|until| until > now);
            if !waits && delivery.next_attempt_at.is_none_or(|at| at > now) {
                // The job of the attempt that it waits for, or that it waited for when it was given up with its channel, would
                // send it once more.
                if let Some(waiting) = delivery.job_id
                    && !queue::withdraw(connection, waiting).await?
                {
                    let message = "this delivery is being sent: look in a moment what came of it";
                    return Err(Refusal::field(RefusalCode::Conflict, "deliveryId", message).into());
                }
                delivery.status = AlertDeliveryStatus::Pending;
                delivery.next_attempt_at = Some(now);
                queue_next(connection, &mut delivery, now).await?;
                alert_delivery::update(connection, &delivery).await?;
            }
            Ok(delivery)
        })
        .await?;
    app.events.hint(task::DELIVERIES);
    Ok(delivery)
}

/// Removes up to 1,000 deliveries that arrived or failed, and were queued and last tried more than 90 days ago; says whether
/// there may be more.
///
/// # Errors
/// The database failed.
pub async fn prune(connection: &mut Connection, now: DateTime<Utc>) -> Result<bool, Error> {
    let removed =
        alert_delivery::delete_ended_before(connection, now - KEPT, PRUNED_AT_ONCE).await?;
    Ok(removed >= usize::try_from(PRUNED_AT_ONCE).unwrap_or(usize::MAX))
}

/// Refuses another test of a channel that was sent enough of them within the hour.
async fn limit_tests(
    connection: &mut Connection,
    channel_id: i64,
    field: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let since = now - TimeDelta::hours(1);
    if alert_delivery::count_tests(connection, channel_id, since).await? >= MAX_TESTS {
        let message = format!("a channel is sent at most {MAX_TESTS} tests an hour");
        return Err(Refusal::field(RefusalCode::TryAgainLater, field, message).into());
    }
    Ok(())
}

/// Tells the other channels of an advertiser that one was disabled.
pub(super) async fn tell_others(
    connection: &mut Connection,
    disabled: &AlertChannel,
    reason: AlertChannelDisabledReason,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let others = alert_channel::list_active(connection, &[disabled.advertiser_id]).await?;
    let new: Vec<NewAlertDelivery> = others
        .iter()
        .filter(|channel| channel.id != disabled.id)
        .map(|channel| NewAlertDelivery {
            channel_id: channel.id,
            kind: AlertDeliveryKind::ChannelDisabled,
            event_id: None,
            body: body::of_disabled(channel.kind, disabled, reason, now),
            next_attempt_at: now,
            created_at: now,
            job_id: Uuid::new_v4(),
        })
        .collect();
    insert(connection, &new).await?;
    Ok(())
}

/// Adds deliveries, each with the job of its first attempt.
async fn insert(
    connection: &mut Connection,
    new: &[NewAlertDelivery],
) -> Result<Vec<AlertDelivery>, Error> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let deliveries = alert_delivery::insert(connection, new).await?;
    let jobs = new
        .iter()
        .zip(&deliveries)
        .map(|(new, delivery)| Ok((new.job_id, job(delivery, delivery.created_at)?)))
        .collect::<Result<Vec<(Uuid, NewJob)>, Error>>()?;
    queue::insert_known(connection, &jobs).await?;
    Ok(deliveries)
}

/// Queues the job of a delivery's next attempt and notes it in the delivery, whose row is for the caller to write.
async fn queue_next(
    connection: &mut Connection,
    delivery: &mut AlertDelivery,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let id = Uuid::new_v4();
    queue::insert_known(connection, &[(id, job(delivery, at)?)]).await?;
    delivery.job_id = Some(id);
    Ok(())
}

/// The job of a delivery's next attempt.
fn job(delivery: &AlertDelivery, at: DateTime<Utc>) -> Result<NewJob, Error> {
    let payload = DeliverAlert {
        delivery_id: delivery.id,
        attempt: delivery.attempts.saturating_add(1),
    };
    Ok(NewJob {
        channel_name: task::DELIVERIES,
        name: task::DELIVER_ALERT,
        payload_json: serde_json::to_string(&payload).map_err(Error::internal)?,
        attempts: task::ATTEMPTS,
        attempt_at: at,
    })
}

/// A delivery with its channel, both locked in that order; none where either is gone.
async fn lock_both(
    connection: &mut Connection,
    channel_id: i64,
    delivery_id: i64,
) -> QueryResult<Option<(AlertChannel, AlertDelivery)>> {
    let channel = alert_channel::lock(connection, channel_id).await?;
    let delivery = alert_delivery::lock(connection, delivery_id).await?;
    Ok(channel.zip(delivery))
}

fn is_disabled(field: &str) -> Refusal {
    let message = "the channel is disabled: enable it first";
    Refusal::field(RefusalCode::Invalid, field, message)
}

fn no_such_delivery() -> Refusal {
    Refusal::field(
        RefusalCode::NotFound,
        "deliveryId",
        "deliveryId names no delivery of yours",
    )
}
