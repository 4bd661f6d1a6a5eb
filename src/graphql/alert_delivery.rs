//! What the channels of advertisers were told, and what became of it.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::alert::AlertEvent;
use super::alert_channel::AlertChannel;
use super::enums::{AlertDeliveryKind, AlertDeliveryStatus};
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::{app, viewer};
use super::id::Kind;
use super::loader::{AlertChannelById, AlertEventById, load, require};
use super::scalars::DateTime;
use crate::domain::{self, alert_delivery};
use crate::error::Error;

/// Something that a channel is told, once for each event. It may arrive more than once, under the same messageId.
pub struct AlertDelivery(pub domain::AlertDelivery);

/// Something that a channel is told, once for each event. It may arrive more than once, under the same messageId.
#[Object]
impl AlertDelivery {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::AlertDelivery.id(self.0.id)
    }
    /// What it tells.
    async fn kind(&self) -> AlertDeliveryKind {
        self.0.kind.into()
    }
    /// Which channel is told.
    async fn channel(&self, ctx: &Context<'_>) -> async_graphql::Result<AlertChannel> {
        require::<AlertChannelById, _>(ctx, self.0.channel_id)
            .await
            .map(AlertChannel)
    }
    /// What happened to which alert; null for a test and for the news that another channel was disabled.
    async fn event(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<AlertEvent>> {
        match self.0.event_id {
            Some(id) => Ok(load::<AlertEventById, _>(ctx, id)
                .await?
                .map(|event| AlertEvent(Arc::new(event)))),
            None => Ok(None),
        }
    }
    /// The header `webhook-id` of each attempt to a webhook, `msg_` and 32 hexadecimal digits.
    async fn message_id(&self) -> String {
        format!("msg_{}", self.0.message_id.simple())
    }
    /// What became of it.
    async fn status(&self) -> AlertDeliveryStatus {
        self.0.status.into()
    }
    /// How many attempts have ended, those that were answered 429 not counted. Ten are made, in a little over three days; of a
    /// test one.
    async fn attempts(&self) -> i32 {
        self.0.attempts
    }
    /// The HTTP status of the last attempt; null where there was no answer.
    async fn last_status_code(&self) -> Option<i32> {
        self.0.last_status_code
    }
    /// Why the last attempt failed, or the delivery was given up; null where it arrived.
    async fn last_error(&self) -> Option<&str> {
        self.0.last_error.as_deref()
    }
    /// When the next attempt is made; null where none is.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        self.0.next_attempt_at.map(DateTime)
    }
    /// When it arrived.
    async fn delivered_at(&self) -> Option<DateTime> {
        self.0.delivered_at.map(DateTime)
    }
    /// When it was queued.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

/// A channel to be tested.
#[derive(InputObject)]
pub struct SendTestAlertInput {
    /// Which channel.
    channel_id: ID,
}

/// A delivery to be tried again.
#[derive(InputObject)]
pub struct RetryAlertDeliveryInput {
    /// Which delivery.
    delivery_id: ID,
}

/// The delivery that was queued.
#[derive(SimpleObject)]
pub struct AlertDeliveryPayload {
    /// The delivery; null where userErrors says why not.
    alert_delivery: Option<AlertDelivery>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

impl AlertDeliveryPayload {
    fn of(result: Result<domain::AlertDelivery, Error>) -> async_graphql::Result<Self> {
        Ok(match outcome(result)? {
            Ok(row) => Self {
                alert_delivery: Some(AlertDelivery(row)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => Self {
                alert_delivery: None,
                user_errors,
            },
        })
    }
}

/// Mutations on deliveries.
#[derive(Default)]
pub struct AlertDeliveryMutation;

#[Object]
impl AlertDeliveryMutation {
    /// Sends a test to a channel, by a queued job: its delivery tells what came of it. Up to 20 an hour for a channel.
    async fn send_test_alert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The channel.")] input: SendTestAlertInput,
    ) -> async_graphql::Result<AlertDeliveryPayload> {
        let id = Kind::AlertChannel
            .row("channelId", &input.channel_id)
            .top()?;
        AlertDeliveryPayload::of(alert_delivery::send_test(app(ctx), viewer(ctx)?, id).await)
    }

    /// Tries a delivery again now: one that failed, or one that waits for its next attempt, in the place of that. After its last
    /// attempt it is tried this once. At the earliest a minute after the last attempt; a test that is tried again counts as one
    /// more test. One that is due already, or whose channel rests, goes on as it would have; one that is not due and is being sent
    /// all the same, as just after its channel was disabled and enabled again, is refused with CONFLICT.
    async fn retry_alert_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The delivery.")] input: RetryAlertDeliveryInput,
    ) -> async_graphql::Result<AlertDeliveryPayload> {
        let id = Kind::AlertDelivery
            .row("deliveryId", &input.delivery_id)
            .top()?;
        AlertDeliveryPayload::of(alert_delivery::retry(app(ctx), viewer(ctx)?, id).await)
    }
}
