//! What operators set of the platforms, over what the environment says.
//!
//! Settings are rows. Each process reads them when it starts and looks once a second whether they have changed, so that a
//! change takes effect everywhere without a restart. Secrets are encrypted in their rows and never read out.

use std::time::Duration;

use diesel_async::AsyncConnection as _;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::alert_channel;
use super::health::OWN;
use super::input::Checks;
use super::{discord, read};
use crate::app::App;
use crate::db::order::{self, WebhookSecret};
use crate::db::platform::{self, Platform};
use crate::db::{Connection, credential, platform_budget, platform_health};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{PlatformKind, Secret};
use crate::platform::Overrides;

/// How often a process looks for changes.
const EVERY: Duration = Duration::from_secs(1);

/// What is to be changed. None: it stays; none inside: as the environment says.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct UpdateConfig {
    pub enabled: Option<bool>,
    pub base_url: Option<Option<String>>,
    pub client_id: Option<Option<String>>,
    pub client_secret: Option<Option<Secret>>,
    pub access_token: Option<Option<Secret>>,
    pub api_version: Option<Option<String>>,
    pub requests_per_minute: Option<Option<i64>>,
}

impl UpdateConfig {
    fn check(&self) -> Result<(), Error> {
        let mut checks = Checks::default();
        if let Some(Some(address)) = &self.base_url {
            let fits = address.len() <= 2048
                && !address.contains(|c: char| c.is_control() || c.is_whitespace())
                && Url::parse(address).is_ok_and(|url| {
                    matches!(url.scheme(), "http" | "https")
                        && url.has_host()
                        && url.username().is_empty()
                        && url.password().is_none()
                        && url.query().is_none()
                        && url.fragment().is_none()
                });
            if !fits {
                let message = "baseUrl must be an http or https address without credentials, query and fragment";
                checks.refuse(RefusalCode::Invalid, "baseUrl", message);
            }
        }
        if let Some(Some(id)) = &self.client_id {
            checks.required_text("clientId", id, 500);
        }
        for (field, secret) in [
            ("clientSecret", &self.client_secret),
            ("accessToken", &self.access_token),
        ] {
            if let Some(Some(secret)) = secret {
                checks.required_text(field, secret.expose(), 5000);
            }
        }
        if let Some(Some(version)) = &self.api_version {
            let fits = (1..=50).contains(&version.len())
                && version
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            if !fits {
                let message = "apiVersion must be 1 to 50 letters, digits, dots, hyphens and underscores, such as v26.0";
                checks.refuse(RefusalCode::Invalid, "apiVersion", message);
            }
        }
        if let Some(Some(limit)) = self.requests_per_minute
            && !(1..=1_000_000).contains(&limit)
        {
            let message = "requestsPerMinute must be from 1 to 1000000";
            checks.refuse(RefusalCode::OutOfRange, "requestsPerMinute", message);
        }
        checks.finish()
    }
}

/// Changes what is set of a platform, for every process within a second.
///
/// # Errors
/// A field is not what it must be; nothing was changed then.
pub async fn update_config(
    app: &App,
    kind: PlatformKind,
    input: UpdateConfig,
) -> Result<read::Platform, Error> {
    input.check()?;
    let is_other_access = input.base_url.is_some()
        || input.client_id.is_some()
        || input.client_secret.is_some()
        || input.access_token.is_some();
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            let mut row = platform::lock(connection, kind).await?;
            if let Some(enabled) = input.enabled {
                row.enabled = enabled;
            }
            let trimmed = |text: Option<String>| text.map(|text| text.trim().to_owned());
            if let Some(base_url) = input.base_url {
                row.base_url = trimmed(base_url);
            }
            if let Some(client_id) = input.client_id {
                row.client_id = trimmed(client_id);
            }
            if let Some(api_version) = input.api_version {
                row.api_version = api_version;
            }
            if let Some(limit) = input.requests_per_minute {
                row.requests_per_minute = limit
                    .map(i32::try_from)
                    .transpose()
                    .map_err(Error::internal)?;
            }
            if let Some(secret) = input.client_secret {
                set_client_secret(app, &mut row, secret.as_ref())?;
            }
            if let Some(token) = input.access_token {
                set_access_token(app, &mut row, token.as_ref())?;
            }
            let mut checks = Checks::default();
            let unreadable =
                "what is stored is under an encryption key that is not here: set it anew, or null";
            if client_secret(app, &row).is_err() {
                checks.refuse(RefusalCode::Invalid, "clientSecret", unreadable);
            }
            if access_token(app, &row).is_err() {
                checks.refuse(RefusalCode::Invalid, "accessToken", unreadable);
            }
            checks.finish()?;
            let row = platform::update(connection, &row).await?;
            // An address that no adapter can be made of is refused before it is kept.
            let overrides = overrides(app, &row)?;
            app.platforms.check(kind, &overrides).map_err(|error| {
                let message = error.to_string();
                Refusal::field(RefusalCode::Invalid, "baseUrl", message).into()
            })
        })
        .await?;
    if is_other_access {
        // What was told of the access before says nothing of this one, and whether it is answered is tried at once.
        platform_budget::forget(&mut connection, kind, OWN).await?;
        platform_health::hasten_probe(&mut connection, kind).await?;
    }
    drop(connection);
    // Here at once; in other processes when they look.
    refresh(app).await?;
    read::platforms(app)
        .await?
        .into_iter()
        .find(|platform| platform.kind == kind)
        .ok_or_else(|| Error::internal(format!("no row for {kind}")))
}

fn client_secret_place(kind: PlatformKind) -> String {
    format!("client secret of {kind}")
}

fn access_token_place(kind: PlatformKind) -> String {
    format!("access token of {kind}")
}

/// A secret as it lies in a row, with the id of the key that it is under; nothing of none.
type Stored = (Option<Vec<u8>>, Option<String>);

fn seal(app: &App, place: &str, secret: Option<&Secret>) -> Result<Stored, Error> {
    let sealed = secret
        .map(|secret| app.vault.seal(place, secret))
        .transpose()
        .map_err(Error::internal)?;
    Ok(sealed.map(|sealed| (sealed.bytes, sealed.key_id)).unzip())
}

fn open(
    app: &App,
    place: &str,
    sealed: Option<&[u8]>,
    key_id: Option<&str>,
) -> Result<Option<Secret>, Error> {
    sealed
        .zip(key_id)
        .map(|(sealed, key_id)| app.vault.open(place, key_id, sealed))
        .transpose()
        .map_err(Error::internal)
}

fn set_client_secret(app: &App, row: &mut Platform, secret: Option<&Secret>) -> Result<(), Error> {
    let place = client_secret_place(row.kind);
    (row.client_secret_sealed, row.client_secret_key_id) = seal(app, &place, secret)?;
    Ok(())
}

fn set_access_token(app: &App, row: &mut Platform, token: Option<&Secret>) -> Result<(), Error> {
    let place = access_token_place(row.kind);
    (row.access_token_sealed, row.access_token_key_id) = seal(app, &place, token)?;
    Ok(())
}

fn client_secret(app: &App, row: &Platform) -> Result<Option<Secret>, Error> {
    let (sealed, key_id) = (&row.client_secret_sealed, &row.client_secret_key_id);
    open(
        app,
        &client_secret_place(row.kind),
        sealed.as_deref(),
        key_id.as_deref(),
    )
}

fn access_token(app: &App, row: &Platform) -> Result<Option<Secret>, Error> {
    let (sealed, key_id) = (&row.access_token_sealed, &row.access_token_key_id);
    open(
        app,
        &access_token_place(row.kind),
        sealed.as_deref(),
        key_id.as_deref(),
    )
}

fn overrides(app: &App, row: &Platform) -> Result<Overrides, Error> {
    Ok(Overrides {
        base_url: row
            .base_url
            .as_deref()
            .map(Url::parse)
            .transpose()
            .map_err(Error::internal)?,
        client_id: row.client_id.clone(),
        client_secret: client_secret(app, row)?,
        access_token: access_token(app, row)?,
        api_version: row.api_version.clone(),
        enabled: row.enabled,
    })
}

/// Takes over what is set. A platform whose settings cannot be used stays as it was.
///
/// # Errors
/// The database failed.
pub async fn refresh(app: &App) -> Result<i64, Error> {
    let rows = platform::list(&mut *app.db.get().await?).await?;
    let mut version = 0;
    for row in rows {
        version += row.version;
        let configured = overrides(app, &row).and_then(|overrides| {
            app.platforms
                .configure(row.kind, &overrides)
                .map_err(Error::internal)
        });
        if let Err(error) = configured {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(platform = %row.kind, cause, "the settings of a platform cannot be used");
        }
    }
    Ok(version)
}

/// Follows what is set until it is stopped.
pub async fn follow(app: App, stop: CancellationToken) {
    let mut known = None;
    loop {
        let looked = async {
            let version = platform::version(&mut *app.db.get().await?).await?;
            if known != Some(version) {
                known = Some(refresh(&app).await?);
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = looked.await {
            tracing::debug!(%error, "the settings of platforms were not read");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Brings every secret under the first encryption key, and says how many were under another.
///
/// # Errors
/// A secret cannot be decrypted, or the database failed; secrets before it are under the new key already.
pub async fn reencrypt(app: &App) -> Result<usize, Error> {
    let key = app.vault.key_id().to_owned();
    let mut connection = app.db.get().await?;
    let mut moved = 0;
    for secret in order::list_secrets_under_other_keys(&mut connection, &key).await? {
        moved += move_webhook_secret(app, &mut connection, &secret).await?;
    }
    moved += alert_channel::reencrypt(app, &mut connection).await?;
    for row in credential::list_under_other_keys(&mut connection, &key).await? {
        moved += super::credential::reencrypt(app, &mut connection, &row).await?;
    }
    for row in platform::list_under_other_keys(&mut connection, &key).await? {
        connection
            .transaction::<_, Error, _>(async |connection| {
                let mut row = platform::lock(connection, row.kind).await?;
                let secret = client_secret(app, &row)?;
                set_client_secret(app, &mut row, secret.as_ref())?;
                let token = access_token(app, &row)?;
                set_access_token(app, &mut row, token.as_ref())?;
                platform::update(connection, &row).await?;
                Ok(())
            })
            .await?;
        moved += 1;
    }
    moved += discord::reencrypt(app, &mut connection).await?;
    Ok(moved)
}

async fn move_webhook_secret(
    app: &App,
    connection: &mut Connection,
    secret: &WebhookSecret,
) -> Result<usize, Error> {
    let place = super::order::secret_place(secret.advertiser_id);
    let open = app
        .vault
        .open(&place, &secret.key_id, &secret.sealed)
        .map_err(Error::internal)?;
    let sealed = app.vault.seal(&place, &open).map_err(Error::internal)?;
    Ok(order::update_sealed(connection, secret, &sealed.bytes, &sealed.key_id).await?)
}
