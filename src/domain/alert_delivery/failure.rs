//! What an attempt that failed says of its delivery, and of the channel.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{queue_next, schedule};
use crate::db::Connection;
use crate::db::alert_channel::{self, AlertChannel};
use crate::db::alert_delivery::{self, AlertDelivery};
use crate::domain::alert_channel::disable;
use crate::error::Error;
use crate::model::{
    AlertChannelDisabledReason, AlertChannelKind, AlertDeliveryKind, AlertDeliveryStatus,
};

/// Without a success for so long a channel is disabled.
const MAX_FAILING: TimeDelta = TimeDelta::days(5);
/// Failures further apart are not one: in between the receiver may have worked. Longer than any wait between two attempts, which
/// is 24 hours at most, up to a fifth longer.
const MAX_SILENCE: TimeDelta = TimeDelta::hours(30);
/// The HTTP status by which a receiver asks for less.
const TOO_MANY: u16 = 429;
/// How long a channel rests whose receiver asks for less and does not say how long.
const REST: Duration = Duration::from_mins(1);
/// The shortest wait that a receiver is taken to ask for.
const SHORTEST_REST: Duration = Duration::from_secs(1);

/// Why an attempt failed.
pub(super) struct Failure {
    /// The HTTP status; none where nobody answered, or where nothing was sent.
    pub(super) status: Option<u16>,
    /// Why, without the address.
    pub(super) error: String,
    /// How long the receiver asks to wait.
    pub(super) retry_after: Option<Duration>,
}

/// Counts an attempt that failed, and what it says of the channel. Both rows are locked.
pub(super) async fn fail(
    connection: &mut Connection,
    channel: &mut AlertChannel,
    delivery: &mut AlertDelivery,
    failure: &Failure,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let is_test = delivery.kind == AlertDeliveryKind::Test;
    let is_gone = is_gone(channel.kind, failure.status);
    if let Some(rest) = rest(failure, delivery.attempts.saturating_add(1)) {
        channel.paused_until = channel.paused_until.max(Some(now + rest));
    }
    // Whoever asks for less has not refused what it was sent. A test is sent once, whatever comes of it.
    match channel.paused_until {
        Some(until) if failure.status == Some(TOO_MANY) && !is_test => {
            put_off(connection, delivery, failure, schedule::spread(now, until)?).await?;
        }
        _ => count(connection, channel, delivery, failure, is_gone, now).await?,
    }

    let mut failing = false;
    if !is_test {
        let goes_on = channel
            .last_failed_at
            .is_some_and(|before| now - before <= MAX_SILENCE);
        let since = channel.failing_since.filter(|_| goes_on).unwrap_or(now);
        channel.failing_since = Some(since);
        channel.last_failed_at = Some(now);
        failing = now - since >= MAX_FAILING;
    }
    if is_gone {
        disable(connection, channel, AlertChannelDisabledReason::Gone, now).await?;
    } else if failing {
        disable(
            connection,
            channel,
            AlertChannelDisabledReason::Failing,
            now,
        )
        .await?;
    }
    alert_channel::update(connection, channel).await?;
    Ok(())
}

/// Lets a delivery wait until its receiver wants more, with as many attempts left as before.
async fn put_off(
    connection: &mut Connection,
    delivery: &mut AlertDelivery,
    failure: &Failure,
    until: DateTime<Utc>,
) -> Result<(), Error> {
    delivery.last_status_code = failure.status.map(Into::into);
    delivery.last_error = Some(failure.error.clone());
    delivery.next_attempt_at = Some(until);
    queue_next(connection, delivery, until).await?;
    alert_delivery::update(connection, delivery).await?;
    Ok(())
}

/// Counts an attempt on a delivery that failed: queues the next one, or gives the delivery up. Both rows are locked.
pub(super) async fn count(
    connection: &mut Connection,
    channel: &AlertChannel,
    delivery: &mut AlertDelivery,
    failure: &Failure,
    is_gone: bool,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    delivery.attempts = delivery.attempts.saturating_add(1);
    delivery.last_status_code = failure.status.map(Into::into);
    delivery.last_error = Some(failure.error.clone());
    let is_last = is_gone || delivery.kind == AlertDeliveryKind::Test;
    let asked = failure.retry_after.map(delta);
    let next = match schedule::delay(delivery.attempts)? {
        Some(delay) if !is_last => {
            let due = now + asked.map_or(delay, |asked| asked.max(delay));
            Some(match channel.paused_until {
                Some(until) if until > due => schedule::spread(now, until)?,
                _ => due,
            })
        }
        _ => None,
    };
    delivery.next_attempt_at = next;
    if let Some(at) = next {
        queue_next(connection, delivery, at).await?;
    } else {
        delivery.status = AlertDeliveryStatus::Failed;
    }
    alert_delivery::update(connection, delivery).await?;
    Ok(())
}

/// Whether a status says that there is no receiver any more. Discord and Slack answer so for a webhook that was deleted or
/// whose channel is closed to it; of another receiver these may be passing.
fn is_gone(kind: AlertChannelKind, status: Option<u16>) -> bool {
    match kind {
        AlertChannelKind::Webhook => status == Some(410),
        AlertChannelKind::Discord | AlertChannelKind::Slack => {
            matches!(status, Some(401 | 403 | 404 | 410))
        }
    }
}

/// How long a channel rests after an attempt, the one of this number, that failed: what else there is to tell waits as well.
/// None where it does not.
fn rest(failure: &Failure, attempts: i32) -> Option<TimeDelta> {
    match failure.status {
        // Too many requests, or a gateway without anybody behind it.
        Some(TOO_MANY | 502 | 504) => Some(delta(
            failure.retry_after.unwrap_or(REST).max(SHORTEST_REST),
        )),
        Some(_) => None,
        // Whatever is sent to somebody who does not answer takes a place for as long as a time-out.
        None => Some(schedule::rest(attempts)),
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(1))
}
