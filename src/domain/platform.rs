//! What operators set of the platforms, over what the environment says.
//!
//! Settings are rows. Each process reads them when it starts and looks once a second whether they have changed, so that a
//! change takes effect everywhere without a restart. Secrets are encrypted in their rows and never read out.

use std::time::Duration;

use diesel_async::AsyncConnection as _;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::alert_channel;
use super::health::{OWN, REGISTRATION};
use super::input::Checks;
use super::{discord, read};
use crate::app::App;
use crate::db::order::{self, WebhookSecret};
use crate::db::platform::{self, Platform};
use crate::db::{Connection, credential, platform_budget, platform_health};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{PlatformKind, Secret};
use crate::platform::{Overrides, PlatformConfig, Setup};

/// How often a process looks for changes.
const EVERY: Duration = Duration::from_secs(1);

/// A secret that a platform may be set up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlatformSecret {
    /// That of this program's registration.
    ClientSecret,
    /// A token that reads figures.
    AccessToken,
    /// A token that reads the insights of an ad account.
    AdAccessToken,
}

/// What is to be changed. None: it stays; none inside: as the environment says.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct UpdateConfig {
    pub enabled: Option<bool>,
    pub base_url: Option<Option<String>>,
    pub client_id: Option<Option<String>>,
    pub client_secret: Option<Option<Secret>>,
    pub access_token: Option<Option<Secret>>,
    pub account_id: Option<Option<String>>,
    pub ad_account_id: Option<Option<String>>,
    pub ad_access_token: Option<Option<Secret>>,
    pub api_version: Option<Option<String>>,
    pub requests_per_minute: Option<Option<i64>>,
}

impl UpdateConfig {
    fn check(&self, kind: PlatformKind) -> Result<(), Error> {
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
        for (secret, text) in [
            (PlatformSecret::ClientSecret, &self.client_secret),
            (PlatformSecret::AccessToken, &self.access_token),
            (PlatformSecret::AdAccessToken, &self.ad_access_token),
        ] {
            if let Some(Some(text)) = text {
                checks.required_text(secret.field(), text.expose(), 5000);
            }
        }
        self.check_accounts(kind, &mut checks);
        if let Some(Some(version)) = &self.api_version
            && PlatformConfig::api_version_of(version).is_none()
        {
            let message = "apiVersion must be 1 to 50 letters, digits, dots, hyphens and underscores, such as v26.0";
            checks.refuse(RefusalCode::Invalid, "apiVersion", message);
        }
        if let Some(Some(limit)) = self.requests_per_minute
            && !(1..=1_000_000).contains(&limit)
        {
            let message = "requestsPerMinute must be from 1 to 1000000";
            checks.refuse(RefusalCode::OutOfRange, "requestsPerMinute", message);
        }
        checks.finish()
    }

    /// Accounts are settings of the platforms whose API is asked by them.
    fn check_accounts(&self, kind: PlatformKind, checks: &mut Checks) {
        let mut only = |field: &str, is_given: bool, kinds: &[PlatformKind]| {
            let fits = kinds.contains(&kind);
            if is_given && !fits {
                let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
                let message = format!(
                    "{field} is a setting of {} and of no other platform",
                    names.join(" and ")
                );
                checks.refuse(RefusalCode::Invalid, field, message);
            }
            is_given && fits
        };
        let account = self.account_id.as_ref().and_then(Option::as_deref);
        let ad_account = self.ad_account_id.as_ref().and_then(Option::as_deref);
        let has_account = only(
            "accountId",
            account.is_some(),
            &[PlatformKind::Instagram, PlatformKind::Meta],
        );
        let has_ad_account = only("adAccountId", ad_account.is_some(), &[PlatformKind::Meta]);
        let ad_token = matches!(self.ad_access_token, Some(Some(_)));
        only("adAccessToken", ad_token, &[PlatformKind::Meta]);
        if has_account && account.is_some_and(|id| PlatformConfig::account_of(id).is_none()) {
            let message = "accountId must be the number of the account, 1 to 30 digits";
            checks.refuse(RefusalCode::Invalid, "accountId", message);
        }
        if has_ad_account
            && ad_account.is_some_and(|id| PlatformConfig::ad_account_of(id).is_none())
        {
            let message = "adAccountId must be act_ and 1 to 20 digits, or the digits alone";
            checks.refuse(RefusalCode::Invalid, "adAccountId", message);
        }
    }

    /// Puts what is to be changed onto the row.
    fn apply(self, app: &App, row: &mut Platform) -> Result<(), Error> {
        let trimmed = |text: Option<String>| text.map(|text| text.trim().to_owned());
        if let Some(enabled) = self.enabled {
            row.enabled = enabled;
        }
        if let Some(base_url) = self.base_url {
            row.base_url = trimmed(base_url);
        }
        if let Some(client_id) = self.client_id {
            row.client_id = trimmed(client_id);
        }
        if let Some(id) = self.account_id {
            row.account_id = id.as_deref().and_then(PlatformConfig::account_of);
        }
        if let Some(id) = self.ad_account_id {
            row.ad_account_id = id.as_deref().and_then(PlatformConfig::ad_account_of);
        }
        if let Some(version) = self.api_version {
            row.api_version = version.as_deref().and_then(PlatformConfig::api_version_of);
        }
        if let Some(limit) = self.requests_per_minute {
            row.requests_per_minute = limit
                .map(i32::try_from)
                .transpose()
                .map_err(Error::internal)?;
        }
        for (secret, given) in [
            (PlatformSecret::ClientSecret, self.client_secret),
            (PlatformSecret::AccessToken, self.access_token),
            (PlatformSecret::AdAccessToken, self.ad_access_token),
        ] {
            if let Some(text) = given {
                secret.seal(app, row, text.as_ref())?;
            }
        }
        Ok(())
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
    input.check(kind)?;
    let is_other_access = input.base_url.is_some()
        || input.client_id.is_some()
        || input.client_secret.is_some()
        || input.access_token.is_some()
        || input.account_id.is_some();
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            let mut row = platform::lock(connection, kind).await?;
            input.apply(app, &mut row)?;
            let mut checks = Checks::default();
            let unreadable =
                "what is stored is under an encryption key that is not here: set it anew, or null";
            for secret in PlatformSecret::ALL {
                if secret.open(app, &row).is_err() {
                    checks.refuse(RefusalCode::Invalid, secret.field(), unreadable);
                }
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
        platform_budget::forget(&mut connection, kind, REGISTRATION).await?;
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

impl PlatformSecret {
    const ALL: [Self; 3] = [Self::ClientSecret, Self::AccessToken, Self::AdAccessToken];

    /// Those that a platform is set up with.
    pub(super) fn there(setup: &Setup) -> Vec<Self> {
        let mut there = Self::ALL.to_vec();
        there.retain(|secret| match secret {
            Self::ClientSecret => setup.has_client_secret,
            Self::AccessToken => setup.has_access_token,
            Self::AdAccessToken => setup.has_ad_access_token,
        });
        there
    }

    /// The input field that sets it.
    const fn field(self) -> &'static str {
        match self {
            Self::ClientSecret => "clientSecret",
            Self::AccessToken => "accessToken",
            Self::AdAccessToken => "adAccessToken",
        }
    }

    /// The place that it is encrypted for.
    fn place(self, kind: PlatformKind) -> String {
        let what = match self {
            Self::ClientSecret => "client secret",
            Self::AccessToken => "access token",
            Self::AdAccessToken => "ad access token",
        };
        format!("{what} of {kind}")
    }

    /// Encrypts it into the row; takes it away where none is given.
    fn seal(self, app: &App, row: &mut Platform, secret: Option<&Secret>) -> Result<(), Error> {
        let sealed = secret
            .map(|secret| app.vault.seal(&self.place(row.kind), secret))
            .transpose()
            .map_err(Error::internal)?;
        let (bytes, key_id) = sealed.map(|sealed| (sealed.bytes, sealed.key_id)).unzip();
        let columns = match self {
            Self::ClientSecret => (&mut row.client_secret_sealed, &mut row.client_secret_key_id),
            Self::AccessToken => (&mut row.access_token_sealed, &mut row.access_token_key_id),
            Self::AdAccessToken => (
                &mut row.ad_access_token_sealed,
                &mut row.ad_access_token_key_id,
            ),
        };
        *columns.0 = bytes;
        *columns.1 = key_id;
        Ok(())
    }

    /// Decrypts it; none where the row has none.
    fn open(self, app: &App, row: &Platform) -> Result<Option<Secret>, Error> {
        let (sealed, key_id) = match self {
            Self::ClientSecret => (&row.client_secret_sealed, &row.client_secret_key_id),
            Self::AccessToken => (&row.access_token_sealed, &row.access_token_key_id),
            Self::AdAccessToken => (&row.ad_access_token_sealed, &row.ad_access_token_key_id),
        };
        sealed
            .as_deref()
            .zip(key_id.as_deref())
            .map(|(sealed, key_id)| app.vault.open(&self.place(row.kind), key_id, sealed))
            .transpose()
            .map_err(Error::internal)
    }
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
        client_secret: PlatformSecret::ClientSecret.open(app, row)?,
        access_token: PlatformSecret::AccessToken.open(app, row)?,
        account_id: row.account_id.clone(),
        ad_account: row.ad_account_id.clone(),
        ad_access_token: PlatformSecret::AdAccessToken.open(app, row)?,
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
                for secret in PlatformSecret::ALL {
                    let text = secret.open(app, &row)?;
                    secret.seal(app, &mut row, text.as_ref())?;
                }
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
