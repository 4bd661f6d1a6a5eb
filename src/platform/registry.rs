//! Which platforms can be asked: one adapter for each kind whose credentials are configured.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::instagram::Instagram;
use super::meta::Meta;
use super::reddit::Reddit;
use super::tiktok::TikTok;
use super::x::X;
use super::youtube::YouTube;
use super::{Adapter, PlatformConfig};
use crate::model::{PlatformKind, Secret};
use url::Url;

/// Why an adapter cannot be made from its configuration. Missing credentials are no error; then
/// there is no adapter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformSetupError {
    /// A configured address has no host, or another scheme than `http` and `https`.
    #[error("the addresses of {kind} must be http or https addresses with a host")]
    NotAWebAddress {
        /// The platform that is configured so.
        kind: PlatformKind,
    },
    /// The HTTP client cannot be made, such as on a machine without certificates.
    #[error("no HTTP client for {kind}: {detail}")]
    Client {
        /// The platform that it would be for.
        kind: PlatformKind,
        /// What is wrong.
        detail: String,
    },
}

/// What is set at run time, over what the environment says. None: as the environment says.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Overrides {
    pub base_url: Option<Url>,
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    pub access_token: Option<Secret>,
    pub api_version: Option<String>,
    /// Whether the platform is in use at all.
    pub enabled: bool,
}

/// One platform as it is set up now.
#[derive(Debug, Clone)]
struct Entry {
    adapter: Option<Arc<dyn Adapter>>,
    base_url: Url,
    enabled: bool,
}

/// The adapters at hand. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Platforms {
    /// What the environment says.
    base: Arc<HashMap<PlatformKind, PlatformConfig>>,
    entries: Arc<RwLock<HashMap<PlatformKind, Entry>>>,
}

impl Platforms {
    /// Makes an adapter for each configuration that has what its platform needs: Reddit a client id
    /// and secret, Instagram and Meta an access token and an account id, X an access token, YouTube an
    /// API key as its access token, TikTok an access token or a client id and secret.
    ///
    /// Fails where an address is not a web address or the HTTP client cannot be made.
    pub fn new(
        configs: impl IntoIterator<Item = (PlatformKind, PlatformConfig)>,
    ) -> Result<Self, PlatformSetupError> {
        let base: HashMap<PlatformKind, PlatformConfig> = configs.into_iter().collect();
        let mut entries = HashMap::new();
        for (kind, config) in &base {
            entries.insert(*kind, Entry::new(*kind, config, true)?);
        }
        Ok(Self {
            base: Arc::new(base),
            entries: Arc::new(RwLock::new(entries)),
        })
    }

    /// Sets a platform up anew: what the environment says, with what is given now over it.
    ///
    /// Fails as [`Platforms::new`]; the platform stays as it was then.
    pub fn configure(
        &self,
        kind: PlatformKind,
        overrides: &Overrides,
    ) -> Result<(), PlatformSetupError> {
        let entry = self.prepare(kind, overrides)?;
        self.entries
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(kind, entry);
        Ok(())
    }

    /// Whether a platform can be set up so. Fails as [`Platforms::new`].
    pub fn check(
        &self,
        kind: PlatformKind,
        overrides: &Overrides,
    ) -> Result<(), PlatformSetupError> {
        self.prepare(kind, overrides).map(|_| ())
    }

    fn prepare(
        &self,
        kind: PlatformKind,
        overrides: &Overrides,
    ) -> Result<Entry, PlatformSetupError> {
        let mut config = self
            .base
            .get(&kind)
            .cloned()
            .unwrap_or_else(|| PlatformConfig::defaults(kind));
        if let Some(base_url) = &overrides.base_url {
            config.base_url = base_url.clone();
            config.operator_set_hosts = true;
        }
        let set = |target: &mut Option<Secret>, value: &Option<Secret>| {
            if value.is_some() {
                target.clone_from(value);
            }
        };
        set(&mut config.client_secret, &overrides.client_secret);
        set(&mut config.access_token, &overrides.access_token);
        if overrides.client_id.is_some() {
            config.client_id.clone_from(&overrides.client_id);
        }
        if let Some(version) = &overrides.api_version {
            config.api_version.clone_from(version);
        }
        Entry::new(kind, &config, overrides.enabled)
    }

    fn entry<T>(&self, kind: PlatformKind, read: impl FnOnce(&Entry) -> T) -> Option<T> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(&kind).map(read)
    }

    /// The adapter of a platform, where there is one.
    pub fn get(&self, kind: PlatformKind) -> Option<Arc<dyn Adapter>> {
        self.entry(kind, |entry| entry.adapter.clone()).flatten()
    }

    /// Whether this server has access to a platform.
    pub fn available(&self, kind: PlatformKind) -> bool {
        self.entry(kind, |entry| entry.adapter.is_some())
            .unwrap_or(false)
    }

    /// Whether a platform can be asked now: there is access, and it is in use.
    pub fn serves(&self, kind: PlatformKind) -> bool {
        self.entry(kind, |entry| entry.adapter.is_some() && entry.enabled)
            .unwrap_or(false)
    }

    /// The root of a platform's API.
    pub fn base_url(&self, kind: PlatformKind) -> Url {
        self.entry(kind, |entry| entry.base_url.clone())
            .unwrap_or_else(|| PlatformConfig::defaults(kind).base_url)
    }

    /// These adapters and one more, in the place of the one of its kind.
    #[must_use]
    pub fn with_adapter(self, adapter: Arc<dyn Adapter>) -> Self {
        let mut entries = self
            .entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let kind = adapter.kind();
        let entry = Entry {
            adapter: Some(adapter),
            base_url: self.base_url(kind),
            enabled: true,
        };
        entries.insert(kind, entry);
        Self {
            base: self.base,
            entries: Arc::new(RwLock::new(entries)),
        }
    }
}

impl Entry {
    fn new(
        kind: PlatformKind,
        config: &PlatformConfig,
        enabled: bool,
    ) -> Result<Self, PlatformSetupError> {
        let adapter = match kind {
            PlatformKind::Reddit => shared(Reddit::new(config)?),
            PlatformKind::Instagram => shared(Instagram::new(config)?),
            PlatformKind::Meta => shared(Meta::new(config)?),
            PlatformKind::YouTube => shared(YouTube::new(config)?),
            PlatformKind::X => shared(X::new(config)?),
            PlatformKind::TikTok => shared(TikTok::new(config)?),
        };
        Ok(Self {
            adapter,
            base_url: config.base_url.clone(),
            enabled,
        })
    }
}

fn shared<A: Adapter + 'static>(adapter: Option<A>) -> Option<Arc<dyn Adapter>> {
    let adapter: Arc<dyn Adapter> = Arc::new(adapter?);
    Some(adapter)
}

/// A configured text; blank is not configured.
pub(super) fn given(text: Option<&str>) -> Option<String> {
    text.map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// A configured secret; blank is not configured.
pub(super) fn given_secret(secret: Option<&Secret>) -> Option<Secret> {
    secret
        .filter(|secret| !secret.expose().trim().is_empty())
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(kind: PlatformKind) -> PlatformConfig {
        let mut config = PlatformConfig::defaults(kind);
        // Plain addresses need no certificates on the machine that runs the test.
        config.base_url.set_scheme("http").unwrap();
        config.web_url.set_scheme("http").unwrap();
        config.client_id = Some("id".to_owned());
        config.client_secret = Some(Secret::new("secret"));
        config.access_token = Some(Secret::new("token"));
        config.account_id = Some("17841406338772941".to_owned());
        config
    }

    #[test]
    fn a_platform_is_available_only_with_the_credentials_it_needs() {
        let platforms = Platforms::new(
            PlatformKind::ALL
                .iter()
                .map(|kind| (*kind, complete(*kind))),
        )
        .unwrap();
        for kind in PlatformKind::ALL {
            assert!(platforms.available(*kind), "{kind}");
            assert_eq!(platforms.get(*kind).unwrap().kind(), *kind);
        }

        let mut reddit = complete(PlatformKind::Reddit);
        reddit.client_secret = Some(Secret::new(" "));
        let mut instagram = complete(PlatformKind::Instagram);
        instagram.account_id = None;
        let mut meta = complete(PlatformKind::Meta);
        meta.access_token = None;
        let mut youtube = complete(PlatformKind::YouTube);
        youtube.access_token = Some(Secret::new(" "));
        let mut x = complete(PlatformKind::X);
        x.access_token = Some(Secret::new(""));
        let mut tiktok = complete(PlatformKind::TikTok);
        tiktok.access_token = None;
        tiktok.client_secret = None;
        let platforms = Platforms::new([
            (PlatformKind::Reddit, reddit),
            (PlatformKind::Instagram, instagram),
            (PlatformKind::Meta, meta),
            (PlatformKind::YouTube, youtube),
            (PlatformKind::X, x),
            (PlatformKind::TikTok, tiktok),
        ])
        .unwrap();
        assert!(
            PlatformKind::ALL
                .iter()
                .all(|kind| !platforms.available(*kind))
        );
    }

    #[test]
    fn an_address_that_is_none_of_the_web_is_refused() {
        let mut config = complete(PlatformKind::Reddit);
        config.base_url = url::Url::parse("ftp://example.com").unwrap();
        let error = Platforms::new([(PlatformKind::Reddit, config)]).unwrap_err();
        assert_eq!(
            error,
            PlatformSetupError::NotAWebAddress {
                kind: PlatformKind::Reddit
            }
        );
    }

    #[test]
    fn an_adapter_can_be_added_to_a_copy() {
        let full =
            Platforms::new([(PlatformKind::Reddit, complete(PlatformKind::Reddit))]).unwrap();
        let reddit = full.get(PlatformKind::Reddit).unwrap();
        let empty = Platforms::default();
        let extended = empty.clone().with_adapter(reddit);
        assert!(extended.available(PlatformKind::Reddit));
        assert!(!empty.available(PlatformKind::Reddit));
    }
}
