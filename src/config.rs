//! Settings, read from the environment once at start. An unreadable value is an error that names its variable.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::PathBuf;

use url::Url;

use crate::model::{PlatformKind, Secret, is_discord_id};
use crate::platform::{DiscordConfig, PlatformConfig};

/// The variable that says where to listen.
const LISTEN: &str = "COUNTERSIGN_LISTEN";

/// A variable of the environment that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    variable: String,
    problem: String,
}

/// Everything that is set from outside.
#[derive(Debug, Clone)]
pub struct Config {
    /// `DATABASE_URL`: the PostgreSQL to use; a private one is started where this is not set.
    pub database_url: Option<Secret>,
    /// `COUNTERSIGN_DATA_DIR`: where the private database and the keys live.
    pub data_dir: PathBuf,
    /// Tokens.
    pub tokens: TokenConfig,
    /// `COUNTERSIGN_DATABASE_CONNECTIONS`: connections to the database of a serving process, besides the queue's (default 20).
    pub database_connections: usize,
    /// `COUNTERSIGN_ALLOWED_ORIGINS`: origins of browser pages that may open a WebSocket or call the API, separated by
    /// commas; where empty, pages of the server itself.
    pub allowed_origins: Vec<String>,
    /// `COUNTERSIGN_ENCRYPTION_KEYS`: what secrets in the database are encrypted under, `id:base64`, separated by commas; one
    /// is made in the data folder where this is not set. Nodes that share a database must share them.
    pub encryption_keys: Option<Secret>,
    /// `COUNTERSIGN_ALERT_CHANNELS_ALLOW_PRIVATE`: `true` lets advertisers register any address for their alerts, by http and
    /// in private networks as well, also as one of Discord or Slack. For development only (default `false`).
    pub alert_channels_allow_private: bool,
    /// `COUNTERSIGN_PLATFORM_<KIND>_…`: what is set of platforms. Whether that is access to one is for its adapter to say,
    /// and more may be set at run time.
    pub platforms: Vec<(PlatformKind, PlatformConfig)>,
    /// `COUNTERSIGN_DISCORD_…`: the application that members of Discord give commands to; none where not one of its
    /// variables is set.
    pub discord: Option<DiscordConfig>,
}

/// How access tokens are made.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    /// `COUNTERSIGN_TOKEN_ISSUER`: the `iss` claim (default `countersign`).
    pub issuer: String,
    /// `COUNTERSIGN_TOKEN_AUDIENCE`: the `aud` claim (default `countersign`).
    pub audience: String,
    /// `COUNTERSIGN_TOKEN_PRIVATE_KEY`: an Ed25519 private key, PKCS #8 PEM; one is made in the data folder where this is
    /// not set. Nodes that share a database must share it.
    pub private_key: Option<Secret>,
    /// `COUNTERSIGN_TOKEN_ACCESS_SECONDS`: life of an access token, 60 to 3600 (default 900).
    pub access_seconds: i64,
    /// `COUNTERSIGN_TOKEN_REFRESH_DAYS`: life of a refresh token, 1 to 365 (default 30).
    pub refresh_days: i64,
}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first variable that cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read_system(&|variable| std::env::var_os(variable))
    }

    /// Reads settings from a lookup of what the system holds, which need not be text. What is empty is not set.
    fn read_system(lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let unreadable = RefCell::new(None);
        let config = Self::read(&|variable| match lookup(variable)?.into_string() {
            Ok(value) => Some(value).filter(|value| !value.is_empty()),
            Err(_) => {
                unreadable
                    .borrow_mut()
                    .get_or_insert_with(|| variable.to_owned());
                None
            }
        });
        match unreadable.into_inner() {
            Some(variable) => Err(ConfigError {
                variable,
                problem: "it is not UTF-8".to_owned(),
            }),
            None => config,
        }
    }

    /// Reads settings from a lookup, which answers a variable's value.
    ///
    /// # Errors
    /// The first variable that cannot be used.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self {
            database_url: lookup("DATABASE_URL").map(Secret::new),
            data_dir: lookup("COUNTERSIGN_DATA_DIR")
                .map_or_else(crate::embedded::default_data_dir, PathBuf::from),
            tokens: TokenConfig {
                issuer: lookup("COUNTERSIGN_TOKEN_ISSUER").unwrap_or_else(|| "countersign".into()),
                audience: lookup("COUNTERSIGN_TOKEN_AUDIENCE")
                    .unwrap_or_else(|| "countersign".into()),
                private_key: lookup("COUNTERSIGN_TOKEN_PRIVATE_KEY").map(Secret::new),
                access_seconds: number(lookup, "COUNTERSIGN_TOKEN_ACCESS_SECONDS", 900, 60..=3600)?,
                refresh_days: number(lookup, "COUNTERSIGN_TOKEN_REFRESH_DAYS", 30, 1..=365)?,
            },
            database_connections: usize::try_from(number(
                lookup,
                "COUNTERSIGN_DATABASE_CONNECTIONS",
                20,
                2..=500,
            )?)
            .unwrap_or(20),
            allowed_origins: allowed_origins(lookup)?,
            encryption_keys: lookup("COUNTERSIGN_ENCRYPTION_KEYS").map(Secret::new),
            alert_channels_allow_private: flag(lookup, "COUNTERSIGN_ALERT_CHANNELS_ALLOW_PRIVATE")?,
            platforms: platforms(lookup)?,
            discord: discord(lookup)?,
        })
    }
}

/// Where to listen: the argument, or `COUNTERSIGN_LISTEN`, or 127.0.0.1:8000.
///
/// # Errors
/// The variable is not an address and a port.
pub fn listen_address(argument: Option<SocketAddr>) -> Result<SocketAddr, ConfigError> {
    argument.map_or_else(|| listen_at(std::env::var_os(LISTEN).as_deref()), Ok)
}

/// The address that is set, or the default.
fn listen_at(set: Option<&OsStr>) -> Result<SocketAddr, ConfigError> {
    let Some(value) = set else {
        return Ok(([127, 0, 0, 1], 8000).into());
    };
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| ConfigError {
            variable: LISTEN.to_owned(),
            problem: format!(
                "\"{}\" is not an address and a port, such as 127.0.0.1:8000",
                value.display()
            ),
        })
}

/// The origins of pages that may do what those of the server itself may.
fn allowed_origins(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Vec<String>, ConfigError> {
    const VARIABLE: &str = "COUNTERSIGN_ALLOWED_ORIGINS";
    lookup(VARIABLE)
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            origin_of(entry).ok_or_else(|| ConfigError {
                variable: VARIABLE.to_owned(),
                problem: format!(
                    "{entry:?} is not an origin, such as https://dashboard.example or http://localhost:3000"
                ),
            })
        })
        .collect()
}

/// An origin as browsers send it, without a port that is the scheme's own; none where the text is something else, such as an
/// address with a path.
fn origin_of(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_whole = matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let host = url
        .host_str()
        // A pattern is the host of no page.
        .filter(|host| is_whole && !host.is_empty() && !host.contains('*'))?;
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    Some(format!("{}://{host}{port}", url.scheme()))
}

/// The platforms that a lookup has variables for.
///
/// # Errors
/// The first variable that cannot be used.
pub fn platforms(
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(PlatformKind, PlatformConfig)>, ConfigError> {
    let mut platforms = Vec::new();
    for kind in PlatformKind::ALL {
        if let Some(platform) = platform(lookup, *kind)? {
            platforms.push((*kind, platform));
        }
    }
    Ok(platforms)
}

/// Whether a variable is `true`; it is not where it is not set.
fn flag(lookup: &dyn Fn(&str) -> Option<String>, variable: &str) -> Result<bool, ConfigError> {
    match lookup(variable).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(text) => Err(ConfigError {
            variable: variable.to_owned(),
            problem: format!("{text:?} is neither true nor false"),
        }),
    }
}

fn number(
    lookup: &dyn Fn(&str) -> Option<String>,
    variable: &str,
    default: i64,
    range: std::ops::RangeInclusive<i64>,
) -> Result<i64, ConfigError> {
    let Some(text) = lookup(variable) else {
        return Ok(default);
    };
    text.parse()
        .ok()
        .filter(|value| range.contains(value))
        .ok_or_else(|| ConfigError {
            variable: variable.to_owned(),
            problem: format!(
                "{text:?} is not a whole number from {} to {}",
                range.start(),
                range.end()
            ),
        })
}

/// The settings of one platform; none where not one of its variables is set.
fn platform(
    lookup: &dyn Fn(&str) -> Option<String>,
    kind: PlatformKind,
) -> Result<Option<PlatformConfig>, ConfigError> {
    let variable = |name: &str| format!("COUNTERSIGN_PLATFORM_{kind}_{name}");
    let text = |name: &str| lookup(&variable(name));
    let base_url = web_address(lookup, &variable("BASE_URL"))?;
    let web_url = web_address(lookup, &variable("WEB_URL"))?;
    let (client_id, client_secret) = (text("CLIENT_ID"), text("CLIENT_SECRET"));
    let access_token = text("ACCESS_TOKEN");
    let account_id = match kind {
        PlatformKind::Instagram | PlatformKind::Meta => formed(
            lookup,
            variable("ACCOUNT_ID"),
            PlatformConfig::account_of,
            "it must be the number of the account, 1 to 30 digits",
        )?,
        _ => text("ACCOUNT_ID"),
    };
    let (ad_account, ad_access_token) = match kind {
        PlatformKind::Meta => (ad_account(lookup)?, text("AD_ACCESS_TOKEN")),
        _ => (None, None),
    };
    let api_version = formed(
        lookup,
        variable("API_VERSION"),
        PlatformConfig::api_version_of,
        "it must be 1 to 50 letters, digits, dots, hyphens and underscores, such as v26.0",
    )?;
    // Also where they give no access by themselves: what is set at run time may complete them.
    let texts = [
        &client_id,
        &client_secret,
        &access_token,
        &account_id,
        &api_version,
        &ad_account,
        &ad_access_token,
    ];
    let has_texts = texts.into_iter().any(Option::is_some);
    if !has_texts && base_url.is_none() && web_url.is_none() {
        return Ok(None);
    }
    let defaults = PlatformConfig::defaults(kind);
    let operator_set_hosts = base_url.is_some() || web_url.is_some();
    Ok(Some(PlatformConfig {
        base_url: base_url.unwrap_or(defaults.base_url),
        web_url: web_url.unwrap_or(defaults.web_url),
        api_version: api_version.unwrap_or(defaults.api_version),
        client_id,
        client_secret: client_secret.map(Secret::new),
        access_token: access_token.map(Secret::new),
        account_id,
        ad_account,
        ad_access_token: ad_access_token.map(Secret::new),
        operator_set_hosts,
    }))
}

/// A value in the form that `form` gives it; none where the variable is not set. It is not shown where it has no such form:
/// it may be a token, set under the wrong name.
fn formed(
    lookup: &dyn Fn(&str) -> Option<String>,
    variable: String,
    form: impl Fn(&str) -> Option<String>,
    problem: &str,
) -> Result<Option<String>, ConfigError> {
    let Some(value) = lookup(&variable) else {
        return Ok(None);
    };
    form(&value).map(Some).ok_or_else(|| ConfigError {
        variable,
        problem: problem.to_owned(),
    })
}

/// The account that advertises on Meta; none where the variable is not set.
fn ad_account(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, ConfigError> {
    const VARIABLE: &str = "COUNTERSIGN_PLATFORM_META_AD_ACCOUNT_ID";
    let Some(value) = lookup(VARIABLE) else {
        return Ok(None);
    };
    PlatformConfig::ad_account_of(&value)
        .map(Some)
        .ok_or_else(|| ConfigError {
            variable: VARIABLE.to_owned(),
            problem: format!("{value:?} is not the id of an ad account, such as act_1234567890"),
        })
}

/// An address of the web; none where the variable is not set.
fn web_address(
    lookup: &dyn Fn(&str) -> Option<String>,
    variable: &str,
) -> Result<Option<Url>, ConfigError> {
    let Some(value) = lookup(variable) else {
        return Ok(None);
    };
    Url::parse(&value)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .map(Some)
        .ok_or_else(|| ConfigError {
            variable: variable.to_owned(),
            problem: format!("{value:?} is not an http or https address"),
        })
}

/// The settings of Discord; none where not one of its variables is set.
fn discord(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<DiscordConfig>, ConfigError> {
    const BASE_URL: &str = "COUNTERSIGN_DISCORD_BASE_URL";
    const PUBLIC_KEY: &str = "COUNTERSIGN_DISCORD_PUBLIC_KEY";
    const APPLICATION_ID: &str = "COUNTERSIGN_DISCORD_APPLICATION_ID";
    let base_url = web_address(lookup, BASE_URL)?;
    let public_key = lookup(PUBLIC_KEY)
        .map(|text| {
            let key: Option<[u8; 32]> = hex::decode(text.trim())
                .ok()
                .and_then(|key| key.try_into().ok());
            // It is not shown: it may be the bot's token, set under the wrong name.
            key.ok_or_else(|| ConfigError {
                variable: PUBLIC_KEY.to_owned(),
                problem: "it must be a key of 64 hexadecimal digits".to_owned(),
            })
        })
        .transpose()?;
    let application_id = lookup(APPLICATION_ID);
    if let Some(id) = &application_id
        && !is_discord_id(id)
    {
        return Err(ConfigError {
            variable: APPLICATION_ID.to_owned(),
            problem: format!("{id:?} is not an id of up to 20 digits"),
        });
    }
    let bot_token = lookup("COUNTERSIGN_DISCORD_BOT_TOKEN").map(Secret::new);
    if base_url.is_none() && public_key.is_none() && application_id.is_none() && bot_token.is_none()
    {
        return Ok(None);
    }
    let defaults = DiscordConfig::default();
    Ok(Some(DiscordConfig {
        base_url: base_url.unwrap_or(defaults.base_url),
        public_key,
        application_id,
        bot_token,
        pace: defaults.pace,
    }))
}
