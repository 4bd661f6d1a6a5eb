//! Which platforms can be asked, and with whose access: one adapter for each kind.
//!
//! Where credentials are configured it has access of its own. Where none are it asks with what
//! affiliates have linked, and with nothing else; on Reddit, where that is of no use, there is none.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::instagram::Instagram;
use super::meta::Meta;
use super::reddit::Reddit;
use super::tiktok::TikTok;
use super::x::X;
use super::youtube::YouTube;
use super::{Adapter, PlatformConfig};
use crate::model::{PlatformKind, Secret};
use url::Url;

/// Why an adapter cannot be made from its configuration. Missing credentials are no error; then it has
/// no access of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformSetupError {
    /// A configured address has no host, or another scheme than `http` and `https`.
    #[error("the addresses of {} must be http or https addresses with a host", .kind.brand())]
    NotAWebAddress {
        /// The platform that is configured so.
        kind: PlatformKind,
    },
    /// The HTTP client cannot be made, such as on a machine without certificates.
    #[error("no HTTP client for {}: {detail}", .kind.brand())]
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
    pub account_id: Option<String>,
    /// In the form of [`PlatformConfig::ad_account_of`].
    pub ad_account: Option<String>,
    pub ad_access_token: Option<Secret>,
    pub api_version: Option<String>,
    /// Whether the platform is in use at all.
    pub enabled: bool,
}

/// How a platform is reached now, as operators may read it: no secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The root of its API.
    pub base_url: Url,
    /// The version in the path of its API; none where it has none.
    pub api_version: Option<String>,
    /// The account that the access token reads; none where none is set.
    pub account_id: Option<String>,
    /// The account whose advertisements are read; none where none is set.
    pub ad_account: Option<String>,
    /// Whether there is a secret of this program's registration.
    pub has_client_secret: bool,
    /// Whether there is an access token.
    pub has_access_token: bool,
    /// Whether there is a token for the ad account alone.
    pub has_ad_access_token: bool,
}

impl Setup {
    fn of(config: &PlatformConfig) -> Self {
        let has = |secret: &Option<Secret>| given_secret(secret.as_ref()).is_some();
        Self {
            base_url: config.base_url.clone(),
            api_version: given(Some(&config.api_version)),
            account_id: given(config.account_id.as_deref()),
            ad_account: given(config.ad_account.as_deref()),
            has_client_secret: has(&config.client_secret),
            has_access_token: has(&config.access_token),
            has_ad_access_token: has(&config.ad_access_token),
        }
    }
}

/// One platform as it is set up now.
#[derive(Debug, Clone)]
struct Entry {
    kind: PlatformKind,
    config: PlatformConfig,
    /// The adapter that has access of its own.
    own: Option<Arc<dyn Adapter>>,
    /// The one that has none, made when it is first asked for: many a server never does.
    of_owners: OnceLock<Option<Arc<dyn Adapter>>>,
    enabled: bool,
}

/// A platform as it can be asked now. Whatever is set up later, this stays as it is.
#[derive(Debug, Clone)]
pub struct Serving {
    /// What asks it.
    pub adapter: Arc<dyn Adapter>,
    /// Whether this adapter may be asked without an owner.
    pub has_own_access: bool,
}

/// The adapters at hand. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Platforms {
    /// What the environment says.
    base: Arc<HashMap<PlatformKind, PlatformConfig>>,
    entries: Arc<RwLock<HashMap<PlatformKind, Entry>>>,
}

impl Platforms {
    /// Makes an adapter with access of its own for each configuration that has what its platform
    /// needs: Reddit a client id and secret, Instagram and Meta an access token and an account id, X
    /// an access token, YouTube an API key as its access token, TikTok an access token or a client id
    /// and secret. A platform that is not among the configurations has its real hosts and no
    /// credentials.
    ///
    /// Fails where an address is not a web address or the HTTP client cannot be made.
    pub fn new(
        configs: impl IntoIterator<Item = (PlatformKind, PlatformConfig)>,
    ) -> Result<Self, PlatformSetupError> {
        let base: HashMap<PlatformKind, PlatformConfig> = configs.into_iter().collect();
        let mut entries = HashMap::new();
        for kind in PlatformKind::ALL {
            let config = base.get(kind).cloned();
            let config = config.unwrap_or_else(|| PlatformConfig::defaults(*kind));
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
        set(&mut config.ad_access_token, &overrides.ad_access_token);
        for (target, value) in [
            (&mut config.client_id, &overrides.client_id),
            (&mut config.account_id, &overrides.account_id),
            (&mut config.ad_account, &overrides.ad_account),
        ] {
            if value.is_some() {
                target.clone_from(value);
            }
        }
        if let Some(version) = &overrides.api_version {
            config.api_version.clone_from(version);
        }
        Entry::new(kind, config, overrides.enabled)
    }

    fn entry<T>(&self, kind: PlatformKind, read: impl FnOnce(&Entry) -> T) -> Option<T> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(&kind).map(read)
    }

    /// The adapter of a platform, where there is one. Whether it may be asked without an owner is
    /// [`Platforms::available`].
    pub fn get(&self, kind: PlatformKind) -> Option<Arc<dyn Adapter>> {
        self.entry(kind, Entry::adapter).flatten()
    }

    /// Whether this server has access of its own to a platform.
    pub fn available(&self, kind: PlatformKind) -> bool {
        self.entry(kind, |entry| entry.own.is_some())
            .unwrap_or(false)
    }

    /// Whether a platform can be asked with the access that affiliates link.
    pub fn takes_owners(&self, kind: PlatformKind) -> bool {
        kind != PlatformKind::Reddit && self.entry(kind, |_| ()).is_some()
    }

    /// Whether a platform can be asked now: this server or an affiliate may have access, and it is in
    /// use.
    pub fn serves(&self, kind: PlatformKind) -> bool {
        let can_be_asked = self.available(kind) || self.takes_owners(kind);
        can_be_asked && self.entry(kind, |entry| entry.enabled).unwrap_or(false)
    }

    /// A platform that [can be asked now](Platforms::serves), with whether this server has access of its own, both as of one
    /// time; none where it cannot.
    pub fn serving(&self, kind: PlatformKind) -> Option<Serving> {
        self.entry(kind, |entry| {
            if !entry.enabled {
                return None;
            }
            // Where nobody's access is of use there is none.
            let adapter = entry.adapter()?;
            let has_own_access = entry.own.is_some();
            Some(Serving {
                adapter,
                has_own_access,
            })
        })
        .flatten()
    }

    /// How a platform is reached now.
    pub fn setup(&self, kind: PlatformKind) -> Setup {
        self.entry(kind, |entry| Setup::of(&entry.config))
            .unwrap_or_else(|| Setup::of(&PlatformConfig::defaults(kind)))
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
        let config = self.entry(kind, |entry| entry.config.clone());
        let entry = Entry {
            kind,
            config: config.unwrap_or_else(|| PlatformConfig::defaults(kind)),
            own: Some(adapter),
            of_owners: OnceLock::new(),
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
        config: PlatformConfig,
        enabled: bool,
    ) -> Result<Self, PlatformSetupError> {
        let own = match kind {
            PlatformKind::Reddit => shared(Reddit::new(&config)?),
            PlatformKind::Instagram => shared(Instagram::new(&config)?),
            PlatformKind::Meta => shared(Meta::new(&config)?),
            PlatformKind::YouTube => shared(YouTube::new(&config)?),
            PlatformKind::X => shared(X::new(&config)?),
            PlatformKind::TikTok => shared(TikTok::new(&config)?),
        };
        Ok(Self {
            kind,
            config,
            own,
            of_owners: OnceLock::new(),
            enabled,
        })
    }

    /// The adapter with access of its own, else the one for owners. Where the latter cannot be made, as
    /// on a machine without certificates, there is none.
    fn adapter(&self) -> Option<Arc<dyn Adapter>> {
        if self.own.is_some() {
            return self.own.clone();
        }
        let made = self.of_owners.get_or_init(|| {
            of_owners(self.kind, &self.config).unwrap_or_else(|error| {
                tracing::warn!(platform = %self.kind, %error, "a platform cannot be asked for affiliates");
                None
            })
        });
        made.clone()
    }
}

/// The adapter without access of its own; none where no affiliate's is of use.
fn of_owners(
    kind: PlatformKind,
    config: &PlatformConfig,
) -> Result<Option<Arc<dyn Adapter>>, PlatformSetupError> {
    Ok(match kind {
        PlatformKind::Reddit => None,
        PlatformKind::Instagram => shared(Some(Instagram::of_owners(config)?)),
        PlatformKind::Meta => shared(Some(Meta::of_owners(config)?)),
        PlatformKind::YouTube => shared(Some(YouTube::of_owners(config)?)),
        PlatformKind::X => shared(Some(X::of_owners(config)?)),
        PlatformKind::TikTok => shared(Some(TikTok::of_owners(config)?)),
    })
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

/// A configured secret without the white space around it, such as the end of the line that a file brings along; blank is not
/// configured.
pub(super) fn given_secret(secret: Option<&Secret>) -> Option<Secret> {
    given(secret.map(Secret::expose)).map(Secret::new)
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
        for kind in PlatformKind::ALL {
            assert!(!platforms.available(*kind), "{kind}");
            // What affiliates link can be used all the same, where that is of any use.
            let takes_owners = *kind != PlatformKind::Reddit;
            assert_eq!(platforms.serves(*kind), takes_owners, "{kind}");
            assert_eq!(platforms.get(*kind).is_some(), takes_owners, "{kind}");
            let serving = platforms.serving(*kind);
            let has_own_access = serving.map(|serving| serving.has_own_access);
            assert_eq!(has_own_access, takes_owners.then_some(false), "{kind}");
        }
    }

    #[test]
    fn a_platform_that_is_not_configured_takes_owners_until_it_is_paused() {
        let platforms = Platforms::new([]).unwrap();
        assert!(platforms.serves(PlatformKind::X) && !platforms.available(PlatformKind::X));
        let paused = Overrides {
            base_url: None,
            client_id: None,
            client_secret: None,
            access_token: None,
            account_id: None,
            ad_account: None,
            ad_access_token: None,
            api_version: None,
            enabled: false,
        };
        platforms.configure(PlatformKind::X, &paused).unwrap();
        assert!(!platforms.serves(PlatformKind::X));
        assert!(platforms.serving(PlatformKind::X).is_none());
        assert!(!Platforms::default().serves(PlatformKind::X));
    }

    #[test]
    fn what_is_set_at_run_time_stands_over_the_environment_until_it_is_taken_away() {
        let mut environment = complete(PlatformKind::Meta);
        environment.account_id = None;
        let platforms = Platforms::new([(PlatformKind::Meta, environment)]).unwrap();
        assert!(!platforms.available(PlatformKind::Meta), "of which page?");
        let nothing = Overrides {
            base_url: None,
            client_id: None,
            client_secret: None,
            access_token: None,
            account_id: None,
            ad_account: None,
            ad_access_token: None,
            api_version: None,
            enabled: true,
        };
        let before = platforms.setup(PlatformKind::Meta);
        let taken = platforms.serving(PlatformKind::Meta).unwrap();
        let overrides = Overrides {
            account_id: Some("100064000042001".to_owned()),
            ad_account: Some("act_77".to_owned()),
            ad_access_token: Some(Secret::new("ad-t0ken")),
            api_version: Some("v27.0".to_owned()),
            ..nothing.clone()
        };
        platforms.configure(PlatformKind::Meta, &overrides).unwrap();
        assert!(platforms.available(PlatformKind::Meta));
        // What was taken before asks as it did, and says so.
        assert!(!taken.has_own_access);
        let serving = platforms.serving(PlatformKind::Meta).unwrap();
        assert!(serving.has_own_access);
        assert_eq!(
            platforms.setup(PlatformKind::Meta),
            Setup {
                api_version: Some("v27.0".to_owned()),
                account_id: Some("100064000042001".to_owned()),
                ad_account: Some("act_77".to_owned()),
                has_ad_access_token: true,
                ..before.clone()
            }
        );
        platforms.configure(PlatformKind::Meta, &nothing).unwrap();
        assert!(!platforms.available(PlatformKind::Meta));
        assert_eq!(platforms.setup(PlatformKind::Meta), before);
    }

    #[test]
    fn a_setup_says_which_secrets_there_are_and_not_what_they_are() {
        let mut config = complete(PlatformKind::Reddit);
        config.access_token = Some(Secret::new(" "));
        let setup = Setup::of(&config);
        assert!(setup.has_client_secret && !setup.has_access_token && !setup.has_ad_access_token);
        assert_eq!(setup.api_version, None, "Reddit's API has none");
    }

    #[test]
    fn a_secret_is_taken_without_the_white_space_around_it() {
        for (configured, expected) in [
            (Some("a token"), Some("a token")),
            (Some(" token\r\n"), Some("token")),
            (Some(" \n"), None),
            (None, None),
        ] {
            let configured = configured.map(Secret::new);
            let taken = given_secret(configured.as_ref());
            let taken = taken.as_ref().map(Secret::expose);
            assert_eq!(taken, expected);
        }
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
