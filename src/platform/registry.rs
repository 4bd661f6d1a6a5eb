//! Which platforms can be asked: one adapter for each kind whose credentials are configured.

use std::collections::HashMap;
use std::sync::Arc;

use super::instagram::Instagram;
use super::meta::Meta;
use super::reddit::Reddit;
use super::{Adapter, PlatformConfig};
use crate::model::{PlatformKind, Secret};

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

/// The adapters at hand. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Platforms {
    adapters: Arc<HashMap<PlatformKind, Arc<dyn Adapter>>>,
}

impl Platforms {
    /// Makes an adapter for each configuration that has what its platform needs: Reddit a client id
    /// and secret, Instagram and Meta an access token and an account id. Other kinds have no
    /// adapter.
    ///
    /// Fails where an address is not a web address or the HTTP client cannot be made.
    pub fn new(
        configs: impl IntoIterator<Item = (PlatformKind, PlatformConfig)>,
    ) -> Result<Self, PlatformSetupError> {
        let mut adapters: HashMap<PlatformKind, Arc<dyn Adapter>> = HashMap::new();
        for (kind, config) in configs {
            let adapter = match kind {
                PlatformKind::Reddit => shared(Reddit::new(&config)?),
                PlatformKind::Instagram => shared(Instagram::new(&config)?),
                PlatformKind::Meta => shared(Meta::new(&config)?),
                PlatformKind::YouTube | PlatformKind::TikTok | PlatformKind::X => None,
            };
            if let Some(adapter) = adapter {
                adapters.insert(kind, adapter);
            }
        }
        Ok(Self {
            adapters: Arc::new(adapters),
        })
    }

    /// The adapter of a platform, where there is one.
    pub fn get(&self, kind: PlatformKind) -> Option<&Arc<dyn Adapter>> {
        self.adapters.get(&kind)
    }

    /// Whether a platform can be asked.
    pub fn available(&self, kind: PlatformKind) -> bool {
        self.adapters.contains_key(&kind)
    }

    /// These adapters and one more, in the place of the one of its kind.
    #[must_use]
    pub fn with_adapter(self, adapter: Arc<dyn Adapter>) -> Self {
        let mut adapters = (*self.adapters).clone();
        adapters.insert(adapter.kind(), adapter);
        Self {
            adapters: Arc::new(adapters),
        }
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
        for kind in [
            PlatformKind::Reddit,
            PlatformKind::Instagram,
            PlatformKind::Meta,
        ] {
            assert!(platforms.available(kind), "{kind}");
            assert_eq!(platforms.get(kind).unwrap().kind(), kind);
        }
        for kind in [PlatformKind::YouTube, PlatformKind::TikTok, PlatformKind::X] {
            assert!(!platforms.available(kind), "{kind}");
        }

        let mut reddit = complete(PlatformKind::Reddit);
        reddit.client_secret = Some(Secret::new(" "));
        let mut instagram = complete(PlatformKind::Instagram);
        instagram.account_id = None;
        let mut meta = complete(PlatformKind::Meta);
        meta.access_token = None;
        let platforms = Platforms::new([
            (PlatformKind::Reddit, reddit),
            (PlatformKind::Instagram, instagram),
            (PlatformKind::Meta, meta),
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
        let reddit = Arc::clone(full.get(PlatformKind::Reddit).unwrap());
        let empty = Platforms::default();
        let extended = empty.clone().with_adapter(reddit);
        assert!(extended.available(PlatformKind::Reddit));
        assert!(!empty.available(PlatformKind::Reddit));
    }
}
