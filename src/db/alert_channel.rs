//! Channels that advertisers hear of alerts by, with the secrets that webhooks are signed with, and how far alert events were
//! turned into deliveries (tables `alert_channels`, `alert_channel_secrets`, `alert_cursors`).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use super::Connection;
use super::schema::{alert_channel_secrets, alert_channels, alert_cursors, alert_deliveries};
use crate::model::{
    AlertChannelDisabledReason, AlertChannelKind, AlertChannelState, DiscrepancyLevel,
};

/// Who reads alert events for channels, in `alert_cursors`.
const READER: &str = "CHANNELS";

/// A channel.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = alert_channels, check_for_backend(diesel::pg::Pg))]
pub struct AlertChannel {
    /// Numeric id.
    pub id: i64,
    /// Whose.
    pub advertiser_id: i64,
    /// In what form it is told.
    pub kind: AlertChannelKind,
    /// Its address as it may be shown.
    pub shown_url: String,
    /// Its address under the key.
    pub url_sealed: Vec<u8>,
    /// Which key.
    pub url_key_id: String,
    /// Only alerts that have, or once had, this level or one above; none: every alert.
    pub minimum_level: Option<DiscrepancyLevel>,
    /// Whether it is told.
    pub state: AlertChannelState,
    /// Why it is disabled.
    pub disabled_reason: Option<AlertChannelDisabledReason>,
    /// Since when.
    pub disabled_at: Option<DateTime<Utc>>,
    /// It is told of events after this one.
    pub from_event_id: i64,
    /// When a delivery last arrived.
    pub last_delivered_at: Option<DateTime<Utc>>,
    /// The first failure since then of those that lie close together.
    pub failing_since: Option<DateTime<Utc>>,
    /// When a delivery last failed, tests not counted.
    pub last_failed_at: Option<DateTime<Utc>>,
    /// Until when its receiver asked for less.
    pub paused_until: Option<DateTime<Utc>>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
}

/// A channel to be kept. Its address is bound to its id, so the id comes first: see [`next_id`].
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = alert_channels)]
#[allow(missing_docs)]
pub struct NewAlertChannel<'a> {
    pub id: i64,
    pub advertiser_id: i64,
    pub kind: AlertChannelKind,
    pub shown_url: &'a str,
    pub url_sealed: &'a [u8],
    pub url_key_id: &'a str,
    pub minimum_level: Option<DiscrepancyLevel>,
    pub from_event_id: i64,
    pub created_at: DateTime<Utc>,
}

/// The id of a channel that is not there yet.
pub async fn next_id(connection: &mut Connection) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let row: Row = diesel::sql_query("SELECT nextval('alert_channels_id_seq') AS id")
        .get_result(connection)
        .await?;
    Ok(row.id)
}

/// Adds a channel.
pub async fn insert(
    connection: &mut Connection,
    new: &NewAlertChannel<'_>,
) -> QueryResult<AlertChannel> {
    diesel::insert_into(alert_channels::table)
        .values(new)
        .returning(AlertChannel::as_returning())
        .get_result(connection)
        .await
}

/// How many channels an advertiser has.
pub async fn count(connection: &mut Connection, advertiser_id: i64) -> QueryResult<i64> {
    alert_channels::table
        .filter(alert_channels::advertiser_id.eq(advertiser_id))
        .count()
        .get_result(connection)
        .await
}

/// Locks a channel. Whoever changes it or one of its deliveries does this first.
pub async fn lock(connection: &mut Connection, id: i64) -> QueryResult<Option<AlertChannel>> {
    alert_channels::table
        .find(id)
        .select(AlertChannel::as_select())
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// Writes what a channel has become.
pub async fn update(connection: &mut Connection, channel: &AlertChannel) -> QueryResult<usize> {
    diesel::update(alert_channels::table.find(channel.id))
        .set((
            alert_channels::shown_url.eq(&channel.shown_url),
            alert_channels::url_sealed.eq(&channel.url_sealed),
            alert_channels::url_key_id.eq(&channel.url_key_id),
            alert_channels::minimum_level.eq(channel.minimum_level),
            alert_channels::state.eq(channel.state),
            alert_channels::disabled_reason.eq(channel.disabled_reason),
            alert_channels::disabled_at.eq(channel.disabled_at),
            alert_channels::from_event_id.eq(channel.from_event_id),
            alert_channels::last_delivered_at.eq(channel.last_delivered_at),
            alert_channels::failing_since.eq(channel.failing_since),
            alert_channels::last_failed_at.eq(channel.last_failed_at),
            alert_channels::paused_until.eq(channel.paused_until),
        ))
        .execute(connection)
        .await
}

/// Removes a channel with its secrets and its deliveries; says whether it was there. Of many deliveries most are removed before:
/// [`super::alert_delivery::delete_some`].
pub async fn delete(connection: &mut Connection, id: i64) -> QueryResult<bool> {
    // Nobody adds a delivery from here on.
    let found: Option<i64> = alert_channels::table
        .find(id)
        .select(alert_channels::id)
        .for_update()
        .first(connection)
        .await
        .optional()?;
    if found.is_none() {
        return Ok(false);
    }
    diesel::delete(alert_deliveries::table.filter(alert_deliveries::channel_id.eq(id)))
        .execute(connection)
        .await?;
    diesel::delete(alert_channel_secrets::table.filter(alert_channel_secrets::channel_id.eq(id)))
        .execute(connection)
        .await?;
    let gone = diesel::delete(alert_channels::table.find(id))
        .execute(connection)
        .await?;
    Ok(gone > 0)
}

/// The channels with these ids, in no order.
pub async fn list_by_id(
    connection: &mut Connection,
    ids: &[i64],
) -> QueryResult<Vec<AlertChannel>> {
    alert_channels::table
        .filter(alert_channels::id.eq_any(ids))
        .select(AlertChannel::as_select())
        .load(connection)
        .await
}

/// The channels of these advertisers, oldest first.
pub async fn list_by_advertiser(
    connection: &mut Connection,
    advertiser_ids: &[i64],
) -> QueryResult<Vec<AlertChannel>> {
    alert_channels::table
        .filter(alert_channels::advertiser_id.eq_any(advertiser_ids))
        .order(alert_channels::id.asc())
        .select(AlertChannel::as_select())
        .load(connection)
        .await
}

/// The channels of these advertisers that are told, kept from being removed until the transaction ends.
pub async fn list_active(
    connection: &mut Connection,
    advertiser_ids: &[i64],
) -> QueryResult<Vec<AlertChannel>> {
    alert_channels::table
        .filter(alert_channels::advertiser_id.eq_any(advertiser_ids))
        .filter(alert_channels::state.eq(AlertChannelState::Active))
        .order(alert_channels::id.asc())
        .select(AlertChannel::as_select())
        .for_key_share()
        .load(connection)
        .await
}

/// Locks how far events were turned into deliveries; none while another process does it.
pub async fn lock_cursor(connection: &mut Connection) -> QueryResult<Option<i64>> {
    alert_cursors::table
        .find(READER)
        .select(alert_cursors::last_event_id)
        .for_update()
        .skip_locked()
        .first(connection)
        .await
        .optional()
}

/// Notes that events up to this one were turned into deliveries.
pub async fn move_cursor(connection: &mut Connection, last_event_id: i64) -> QueryResult<usize> {
    diesel::update(alert_cursors::table.find(READER))
        .set(alert_cursors::last_event_id.eq(last_event_id))
        .execute(connection)
        .await
}

/// Channels whose address is not under this key, for moving it there.
pub async fn list_under_other_keys(
    connection: &mut Connection,
    key_id: &str,
) -> QueryResult<Vec<AlertChannel>> {
    alert_channels::table
        .filter(alert_channels::url_key_id.ne(key_id))
        .order(alert_channels::id.asc())
        .select(AlertChannel::as_select())
        .load(connection)
        .await
}

/// Keeps an address under another key, where it is still the one that was read.
pub async fn update_url_sealed(
    connection: &mut Connection,
    read: &AlertChannel,
    sealed: &[u8],
    key_id: &str,
) -> QueryResult<usize> {
    diesel::update(alert_channels::table.find(read.id))
        .filter(alert_channels::url_sealed.eq(&read.url_sealed))
        .set((
            alert_channels::url_sealed.eq(sealed),
            alert_channels::url_key_id.eq(key_id),
        ))
        .execute(connection)
        .await
}

/// A secret that deliveries to a webhook are signed with, encrypted.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = alert_channel_secrets, check_for_backend(diesel::pg::Pg))]
pub struct AlertChannelSecret {
    /// Numeric id.
    pub id: i64,
    /// Of which channel.
    pub channel_id: i64,
    /// The secret under the key.
    pub sealed: Vec<u8>,
    /// Which key.
    pub key_id: String,
    /// Until when it is used; none while it is in force.
    pub valid_until: Option<DateTime<Utc>>,
}

/// The secrets of a channel that are used now, the newest first.
pub async fn list_secrets(
    connection: &mut Connection,
    channel_id: i64,
    now: DateTime<Utc>,
) -> QueryResult<Vec<AlertChannelSecret>> {
    alert_channel_secrets::table
        .filter(alert_channel_secrets::channel_id.eq(channel_id))
        .filter(
            alert_channel_secrets::valid_until
                .is_null()
                .or(alert_channel_secrets::valid_until.gt(now)),
        )
        .order(alert_channel_secrets::id.desc())
        .select(AlertChannelSecret::as_select())
        .load(connection)
        .await
}

/// Puts a secret into force. The one in force before is used until a time, and those before that one no more.
pub async fn rotate_secret(
    connection: &mut Connection,
    channel_id: i64,
    sealed: &[u8],
    key_id: &str,
    now: DateTime<Utc>,
    previous_valid_until: DateTime<Utc>,
) -> QueryResult<usize> {
    diesel::update(
        alert_channel_secrets::table
            .filter(alert_channel_secrets::channel_id.eq(channel_id))
            .filter(alert_channel_secrets::valid_until.gt(now)),
    )
    .set(alert_channel_secrets::valid_until.eq(now))
    .execute(connection)
    .await?;
    diesel::update(
        alert_channel_secrets::table
            .filter(alert_channel_secrets::channel_id.eq(channel_id))
            .filter(alert_channel_secrets::valid_until.is_null()),
    )
    .set(alert_channel_secrets::valid_until.eq(previous_valid_until))
    .execute(connection)
    .await?;
    diesel::insert_into(alert_channel_secrets::table)
        .values((
            alert_channel_secrets::channel_id.eq(channel_id),
            alert_channel_secrets::sealed.eq(sealed),
            alert_channel_secrets::key_id.eq(key_id),
        ))
        .execute(connection)
        .await
}

/// Every secret that is not under this key, for moving it there.
pub async fn list_secrets_under_other_keys(
    connection: &mut Connection,
    key_id: &str,
) -> QueryResult<Vec<AlertChannelSecret>> {
    alert_channel_secrets::table
        .filter(alert_channel_secrets::key_id.ne(key_id))
        .order(alert_channel_secrets::id.asc())
        .select(AlertChannelSecret::as_select())
        .load(connection)
        .await
}

/// Keeps a secret under another key, where it is still the one that was read.
pub async fn update_secret_sealed(
    connection: &mut Connection,
    read: &AlertChannelSecret,
    sealed: &[u8],
    key_id: &str,
) -> QueryResult<usize> {
    diesel::update(alert_channel_secrets::table.find(read.id))
        .filter(alert_channel_secrets::sealed.eq(&read.sealed))
        .set((
            alert_channel_secrets::sealed.eq(sealed),
            alert_channel_secrets::key_id.eq(key_id),
        ))
        .execute(connection)
        .await
}
