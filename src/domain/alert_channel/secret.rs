//! What of a channel is a secret: its address, and what deliveries to it are signed with. Both are encrypted in their rows,
//! bound to the channel.

use chrono::{DateTime, Utc};

use crate::app::App;
use crate::crypto::standard_secret;
use crate::db::Connection;
use crate::db::alert_channel::{self, AlertChannel};
use crate::error::Error;
use crate::model::Secret;
use crate::vault::Sealed;

fn url_place(channel_id: i64) -> String {
    format!("address of alert channel {channel_id}")
}

fn secret_place(channel_id: i64) -> String {
    format!("signing secret of alert channel {channel_id}")
}

/// Encrypts the address of a channel.
pub(super) fn seal_url(app: &App, channel_id: i64, url: &Secret) -> Result<Sealed, Error> {
    let place = url_place(channel_id);
    app.vault.seal(&place, url).map_err(Error::internal)
}

/// The address of a channel.
///
/// # Errors
/// It is under a key that is not here.
pub(crate) fn open_url(app: &App, channel: &AlertChannel) -> Result<Secret, Error> {
    let place = url_place(channel.id);
    app.vault
        .open(&place, &channel.url_key_id, &channel.url_sealed)
        .map_err(Error::internal)
}

/// Puts a new secret into force; the one before it is used until a time.
pub(super) async fn rotate(
    app: &App,
    connection: &mut Connection,
    channel_id: i64,
    now: DateTime<Utc>,
    previous_valid_until: DateTime<Utc>,
) -> Result<Secret, Error> {
    let secret = standard_secret().map_err(Error::internal)?;
    let sealed = app
        .vault
        .seal(&secret_place(channel_id), &secret)
        .map_err(Error::internal)?;
    alert_channel::rotate_secret(
        connection,
        channel_id,
        &sealed.bytes,
        &sealed.key_id,
        now,
        previous_valid_until,
    )
    .await?;
    Ok(secret)
}

/// The secrets that deliveries to a channel are signed with now, the newest first.
///
/// # Errors
/// The database failed, or one is under a key that is not here.
pub(crate) async fn list(
    app: &App,
    connection: &mut Connection,
    channel_id: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Secret>, Error> {
    let place = secret_place(channel_id);
    alert_channel::list_secrets(connection, channel_id, now)
        .await?
        .iter()
        .map(|row| app.vault.open(&place, &row.key_id, &row.sealed))
        .collect::<Result<Vec<Secret>, _>>()
        .map_err(Error::internal)
}

/// Brings the secrets of every channel under the first encryption key, and says how many were under another.
///
/// # Errors
/// One cannot be decrypted, or the database failed; those before it are under the new key already.
pub(crate) async fn reencrypt(app: &App, connection: &mut Connection) -> Result<usize, Error> {
    let key = app.vault.key_id().to_owned();
    let mut moved = 0;
    for channel in alert_channel::list_under_other_keys(connection, &key).await? {
        let url = open_url(app, &channel)?;
        let sealed = seal_url(app, channel.id, &url)?;
        moved +=
            alert_channel::update_url_sealed(connection, &channel, &sealed.bytes, &sealed.key_id)
                .await?;
    }
    for secret in alert_channel::list_secrets_under_other_keys(connection, &key).await? {
        let place = secret_place(secret.channel_id);
        let open = app
            .vault
            .open(&place, &secret.key_id, &secret.sealed)
            .map_err(Error::internal)?;
        let sealed = app.vault.seal(&place, &open).map_err(Error::internal)?;
        moved +=
            alert_channel::update_secret_sealed(connection, &secret, &sealed.bytes, &sealed.key_id)
                .await?;
    }
    Ok(moved)
}
