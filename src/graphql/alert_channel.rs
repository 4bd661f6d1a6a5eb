//! Channels of their own that advertisers hear of alerts by.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::advertiser::Advertiser;
use super::alert_delivery::AlertDelivery;
use super::connection::{Page, Paging, connection, cost};
use super::enums::{
    AlertChannelDisabledReason, AlertChannelKind, AlertChannelState, DiscrepancyLevel,
};
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::{app, viewer};
use super::id::Kind;
use super::loader::{AdvertiserById, AlertDeliveryPages, require};
use super::scalars::{DateTime, Url};
use super::update::Changes;
use crate::domain;
use crate::domain::alert_channel::{self, CreateChannel, UpdateChannel};
use crate::model::Secret;

/// Where an advertiser hears of what happens to alerts in its campaigns, besides the API.
pub struct AlertChannel(pub domain::AlertChannel);

/// Where an advertiser hears of what happens to alerts in its campaigns, besides the API.
#[Object]
impl AlertChannel {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::AlertChannel.id(self.0.id)
    }
    /// Whose.
    async fn advertiser(&self, ctx: &Context<'_>) -> async_graphql::Result<Advertiser> {
        require::<AdvertiserById, _>(ctx, self.0.advertiser_id)
            .await
            .map(Advertiser)
    }
    /// In what form it is told.
    async fn kind(&self) -> AlertChannelKind {
        self.0.kind.into()
    }
    /// Where its address is, such as `https://example.com/…`. What comes after may let anybody write there, and is not shown.
    async fn url(&self) -> &str {
        &self.0.shown_url
    }
    /// Only alerts that have, or once had, this level or one above are told, and none that have no level; null where all are. So
    /// what becomes of an alert that was told is told as well, also when its level fell meanwhile.
    async fn minimum_level(&self) -> Option<DiscrepancyLevel> {
        self.0.minimum_level.map(Into::into)
    }
    /// Whether it is told.
    async fn state(&self) -> AlertChannelState {
        self.0.state.into()
    }
    /// Why it is disabled; null where it is not.
    async fn disabled_reason(&self) -> Option<AlertChannelDisabledReason> {
        self.0.disabled_reason.map(Into::into)
    }
    /// Since when it is disabled; null where it is not.
    async fn disabled_at(&self) -> Option<DateTime> {
        self.0.disabled_at.map(DateTime)
    }
    /// When a delivery last arrived.
    async fn last_delivered_at(&self) -> Option<DateTime> {
        self.0.last_delivered_at.map(DateTime)
    }
    /// The first delivery that failed since one last arrived, or since none did for 30 hours, tests not counted. Five days after
    /// it the channel is disabled, when the next one fails.
    async fn failing_since(&self) -> Option<DateTime> {
        self.0.failing_since.map(DateTime)
    }
    /// When it was registered.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
    /// What it was told, newest first. What arrived or failed is kept for 90 days after it was queued or last tried.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<AlertDelivery>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        let id = |row: &domain::AlertDelivery| row.id;
        connection::<AlertDeliveryPages, _, _, _>(ctx, self.0.id, &paging, id, AlertDelivery).await
    }
}

/// A channel to be registered.
#[derive(InputObject)]
pub struct CreateAlertChannelInput {
    /// Whose; operators only, an advertiser's own otherwise.
    advertiser_id: Option<ID>,
    /// In what form it is told.
    kind: AlertChannelKind,
    /// Where: https at a public address and the usual port, up to 2048 bytes. Of Discord the address of a webhook,
    /// `https://discord.com/api/webhooks/…` or with a version before `webhooks`, which is asked by version 10 all the same; of
    /// Slack `https://hooks.slack.com/services/…`.
    url: Url,
    /// Only alerts that have, or once had, this level or one above are told, and none that have no level; all where left out.
    minimum_level: Option<DiscrepancyLevel>,
}

/// The channel that was registered.
#[derive(SimpleObject)]
pub struct CreateAlertChannelPayload {
    /// The channel; null where userErrors says why not.
    alert_channel: Option<AlertChannel>,
    /// What deliveries to a webhook are signed with, `whsec_` and base64. It is shown this once; null for other kinds.
    signing_secret: Option<String>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// What is to be changed of a channel. What is left out stays; what may be missing is taken away by null.
#[derive(InputObject)]
pub struct UpdateAlertChannelInput {
    /// Which channel.
    channel_id: ID,
    /// Where, as when it was registered. What is still to be told goes there.
    url: MaybeUndefined<Url>,
    /// Whether it is told. When it is disabled, what was still to be told is given up; when it is enabled again, it is told of
    /// what happens from then on.
    enabled: MaybeUndefined<bool>,
    /// Only alerts that have, or once had, this level or one above are told, and none that have no level; null: all are.
    minimum_level: MaybeUndefined<DiscrepancyLevel>,
}

/// The channel that was changed.
#[derive(SimpleObject)]
pub struct AlertChannelPayload {
    /// The channel; null where userErrors says why not.
    alert_channel: Option<AlertChannel>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// A webhook's next signing secret.
#[derive(InputObject)]
pub struct RotateAlertChannelSecretInput {
    /// Which channel, one of the kind WEBHOOK.
    channel_id: ID,
}

/// The signing secret that is in force now.
#[derive(SimpleObject)]
pub struct RotateAlertChannelSecretPayload {
    /// What deliveries are signed with from now on. It is shown this once.
    signing_secret: Option<String>,
    /// Until when deliveries are also signed with the previous secret.
    previous_valid_until: Option<DateTime>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// A channel to be removed.
#[derive(InputObject)]
pub struct DeleteAlertChannelInput {
    /// Which channel.
    channel_id: ID,
}

/// The channel that was removed.
#[derive(SimpleObject)]
pub struct DeleteAlertChannelPayload {
    /// Its global id; null where userErrors says why not.
    deleted_id: Option<ID>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// Mutations on channels.
#[derive(Default)]
pub struct AlertChannelMutation;

#[Object]
impl AlertChannelMutation {
    /// Registers a channel, up to ten for an advertiser. It is told of what happens from then on.
    async fn create_alert_channel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The channel.")] input: CreateAlertChannelInput,
    ) -> async_graphql::Result<CreateAlertChannelPayload> {
        let advertiser = Kind::Advertiser
            .optional_row("advertiserId", input.advertiser_id.as_ref())
            .top()?;
        let create = CreateChannel {
            kind: input.kind.into(),
            url: Secret::new(input.url.0),
            minimum_level: input.minimum_level.map(Into::into),
        };
        let result = alert_channel::create(app(ctx), viewer(ctx)?, advertiser, &create).await;
        Ok(match outcome(result)? {
            Ok((row, secret)) => CreateAlertChannelPayload {
                alert_channel: Some(AlertChannel(row)),
                signing_secret: secret.map(|secret| secret.expose().to_owned()),
                user_errors: Vec::new(),
            },
            Err(user_errors) => CreateAlertChannelPayload {
                alert_channel: None,
                signing_secret: None,
                user_errors,
            },
        })
    }

    /// Changes a channel: where it is, whether it is told, and of what.
    async fn update_alert_channel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be changed.")] input: UpdateAlertChannelInput,
    ) -> async_graphql::Result<AlertChannelPayload> {
        let id = Kind::AlertChannel
            .row("channelId", &input.channel_id)
            .top()?;
        let mut changes = Changes::of(ctx);
        let update = UpdateChannel {
            url: changes
                .required("url", input.url)
                .map(|url| Secret::new(url.0)),
            enabled: changes.required("enabled", input.enabled),
            minimum_level: changes
                .optional("minimumLevel", input.minimum_level)
                .map(|level| level.map(Into::into)),
        };
        let result = match changes.finish() {
            Ok(()) => alert_channel::update(app(ctx), viewer(ctx)?, id, &update).await,
            Err(error) => Err(error),
        };
        Ok(match outcome(result)? {
            Ok(row) => AlertChannelPayload {
                alert_channel: Some(AlertChannel(row)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => AlertChannelPayload {
                alert_channel: None,
                user_errors,
            },
        })
    }

    /// Puts another signing secret of a webhook into force. For 24 hours deliveries are signed with the one before it as well;
    /// any before that one is used no more.
    async fn rotate_alert_channel_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose secret.")] input: RotateAlertChannelSecretInput,
    ) -> async_graphql::Result<RotateAlertChannelSecretPayload> {
        let id = Kind::AlertChannel
            .row("channelId", &input.channel_id)
            .top()?;
        let result = alert_channel::rotate_secret(app(ctx), viewer(ctx)?, id).await;
        Ok(match outcome(result)? {
            Ok((secret, until)) => RotateAlertChannelSecretPayload {
                signing_secret: Some(secret.expose().to_owned()),
                previous_valid_until: Some(DateTime(until)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => RotateAlertChannelSecretPayload {
                signing_secret: None,
                previous_valid_until: None,
                user_errors,
            },
        })
    }

    /// Removes a channel with the log of its deliveries. What was still to be told is not told.
    async fn delete_alert_channel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The channel.")] input: DeleteAlertChannelInput,
    ) -> async_graphql::Result<DeleteAlertChannelPayload> {
        let id = Kind::AlertChannel
            .row("channelId", &input.channel_id)
            .top()?;
        let result = alert_channel::delete(app(ctx), viewer(ctx)?, id).await;
        Ok(match outcome(result)? {
            Ok(()) => DeleteAlertChannelPayload {
                deleted_id: Some(input.channel_id),
                user_errors: Vec::new(),
            },
            Err(user_errors) => DeleteAlertChannelPayload {
                deleted_id: None,
                user_errors,
            },
        })
    }
}
