//! Channels of their own that advertisers hear of alerts by: a webhook that is signed, or a channel of Discord or Slack.
//!
//! A channel is told of what happens in its advertiser's campaigns from when it is registered, or enabled again, and of
//! nothing before ([`super::alert_delivery`]). It is disabled when its receiver says that it is gone, when nothing has arrived
//! for five days, or when somebody asks for it; what it was still to be told is given up then. The advertiser reads why on
//! the channel, and its other channels are told.

mod address;
mod secret;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection as _;

use super::access::Viewer;
use super::alert_delivery;
use super::visible;
use crate::app::App;
use crate::db::alert_channel::{self, AlertChannel, NewAlertChannel};
use crate::db::{Connection, advertiser, alert, alert_delivery as deliveries};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{
    AlertChannelDisabledReason, AlertChannelKind, AlertChannelState, DiscrepancyLevel, Secret,
};

pub(crate) use address::as_asked;
pub(crate) use secret::{list as list_secrets, open_url, reencrypt};

/// Most channels of an advertiser.
const MAX_CHANNELS: i64 = 10;
/// Most deliveries that are removed in one transaction.
const DELETED_AT_ONCE: i64 = 10_000;
/// How long the signing secret before the one in force is used as well.
const OVERLAP: TimeDelta = TimeDelta::hours(24);

/// A channel to be registered.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct CreateChannel {
    pub kind: AlertChannelKind,
    pub url: Secret,
    pub minimum_level: Option<DiscrepancyLevel>,
}

/// What is to be changed. None: it stays; none inside: it is taken away.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct UpdateChannel {
    pub url: Option<Secret>,
    pub enabled: Option<bool>,
    pub minimum_level: Option<Option<DiscrepancyLevel>>,
}

/// Registers a channel, and gives it with the secret that its deliveries are signed with, where it is a webhook.
///
/// # Errors
/// The advertiser is not the caller's, the address cannot be used, or the advertiser has ten channels.
pub async fn create(
    app: &App,
    viewer: &Viewer,
    advertiser_id: Option<i64>,
    input: &CreateChannel,
) -> Result<(AlertChannel, Option<Secret>), Error> {
    let advertiser_id = visible::own_advertiser(viewer, advertiser_id)?;
    let address = address::read(app, input.kind, input.url.expose()).await?;
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            // Of two that come at once, one counts the other.
            advertiser::lock(connection, advertiser_id)
                .await?
                .ok_or_else(visible::no_such_advertiser)?;
            if alert_channel::count(connection, advertiser_id).await? >= MAX_CHANNELS {
                let message = format!("an advertiser has at most {MAX_CHANNELS} channels");
                return Err(Refusal::whole(RefusalCode::TooMany, message).into());
            }
            let id = alert_channel::next_id(connection).await?;
            let sealed = secret::seal_url(app, id, &address.url)?;
            let new = NewAlertChannel {
                id,
                advertiser_id,
                kind: input.kind,
                shown_url: &address.shown,
                url_sealed: &sealed.bytes,
                url_key_id: &sealed.key_id,
                minimum_level: input.minimum_level,
                from_event_id: alert::latest_event_id(connection).await?,
                created_at: now,
            };
            let channel = alert_channel::insert(connection, &new).await?;
            let secret = match channel.kind {
                AlertChannelKind::Webhook => {
                    Some(secret::rotate(app, connection, channel.id, now, now).await?)
                }
                AlertChannelKind::Discord | AlertChannelKind::Slack => None,
            };
            Ok((channel, secret))
        })
        .await
}

/// Changes a channel. What is still to be told goes to the new address.
///
/// # Errors
/// The channel is not the caller's, or the address cannot be used.
pub async fn update(
    app: &App,
    viewer: &Viewer,
    channel_id: i64,
    input: &UpdateChannel,
) -> Result<AlertChannel, Error> {
    let kind = own(app, viewer, channel_id).await?.kind;
    let address = match &input.url {
        Some(url) => Some(address::read(app, kind, url.expose()).await?),
        None => None,
    };
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            let mut channel = alert_channel::lock(connection, channel_id)
                .await?
                .ok_or_else(no_such_channel)?;
            if let Some(address) = &address {
                let sealed = secret::seal_url(app, channel.id, &address.url)?;
                channel.shown_url.clone_from(&address.shown);
                channel.url_sealed = sealed.bytes;
                channel.url_key_id = sealed.key_id;
                channel.failing_since = None;
                channel.paused_until = None;
            }
            if let Some(minimum) = input.minimum_level {
                channel.minimum_level = minimum;
            }
            match (input.enabled, channel.state) {
                (Some(true), AlertChannelState::Disabled) => {
                    channel.state = AlertChannelState::Active;
                    channel.disabled_reason = None;
                    channel.disabled_at = None;
                    channel.failing_since = None;
                    channel.paused_until = None;
                    channel.from_event_id = alert::latest_event_id(connection).await?;
                }
                (Some(false), AlertChannelState::Active) => {
                    let reason = AlertChannelDisabledReason::Requested;
                    disable(connection, &mut channel, reason, now).await?;
                }
                _ => {}
            }
            alert_channel::update(connection, &channel).await?;
            Ok(channel)
        })
        .await
}

/// Puts another signing secret into force. For 24 hours deliveries are signed with the one before it as well. Gives it, and
/// until when.
///
/// # Errors
/// The channel is not the caller's, or not a webhook.
pub async fn rotate_secret(
    app: &App,
    viewer: &Viewer,
    channel_id: i64,
) -> Result<(Secret, DateTime<Utc>), Error> {
    if own(app, viewer, channel_id).await?.kind != AlertChannelKind::Webhook {
        let message = "channelId names a channel that is not signed for: only webhooks are";
        return Err(Refusal::field(RefusalCode::Invalid, "channelId", message).into());
    }
    let now = app.clock.now();
    let until = now + OVERLAP;
    let mut connection = app.db.get().await?;
    let secret = connection
        .transaction::<_, Error, _>(async |connection| {
            // Two rotations at once come one after the other.
            let channel = alert_channel::lock(connection, channel_id)
                .await?
                .ok_or_else(no_such_channel)?;
            secret::rotate(app, connection, channel.id, now, until).await
        })
        .await?;
    Ok((secret, until))
}

/// Removes a channel with the log of its deliveries: the log in parts first, since whoever turns events into deliveries waits for
/// the removal of the channel itself.
///
/// # Errors
/// The channel is not the caller's. Where the database failed, a part of the log may be gone.
pub async fn delete(app: &App, viewer: &Viewer, channel_id: i64) -> Result<(), Error> {
    own(app, viewer, channel_id).await?;
    let mut connection = app.db.get().await?;
    let most = usize::try_from(DELETED_AT_ONCE).unwrap_or(usize::MAX);
    while deliveries::delete_some(&mut connection, channel_id, DELETED_AT_ONCE).await? >= most {}
    connection
        .transaction::<_, Error, _>(async |connection| {
            if alert_channel::delete(connection, channel_id).await? {
                Ok(())
            } else {
                Err(no_such_channel().into())
            }
        })
        .await
}

/// A channel of the viewer's.
///
/// # Errors
/// It is another's, or there is none.
pub(super) async fn own(
    app: &App,
    viewer: &Viewer,
    channel_id: i64,
) -> Result<AlertChannel, Error> {
    let found = visible::alert_channels(app, viewer, &[channel_id]).await?;
    let channel = found.into_iter().next();
    channel.ok_or_else(|| no_such_channel().into())
}

/// What there is to say of a channel that is not the viewer's, or not there.
pub(super) fn no_such_channel() -> Refusal {
    Refusal::field(
        RefusalCode::NotFound,
        "channelId",
        "channelId names no channel of yours",
    )
}

/// Disables a locked channel and gives up what it was still to be told. The channel's row is for the caller to write. Unless
/// somebody asked for it the advertiser's other channels are told.
pub(super) async fn disable(
    connection: &mut Connection,
    channel: &mut AlertChannel,
    reason: AlertChannelDisabledReason,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    channel.state = AlertChannelState::Disabled;
    channel.disabled_reason = Some(reason);
    channel.disabled_at = Some(now);
    channel.paused_until = None;
    deliveries::fail_pending(connection, channel.id, alert_delivery::CHANNEL_DISABLED).await?;
    if reason == AlertChannelDisabledReason::Requested {
        return Ok(());
    }
    tracing::warn!(
        channel = channel.id,
        advertiser = channel.advertiser_id,
        %reason,
        "an advertiser's channel for alerts was disabled"
    );
    alert_delivery::tell_others(connection, channel, reason, now).await
}
