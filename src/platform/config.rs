//! Where a platform is and what this program may use there.

use url::Url;

use crate::model::{PlatformKind, Secret};

/// The Graph API version that is asked where no other is configured.
const GRAPH_VERSION: &str = "v26.0";

/// How one platform is reached. Printing it shows no secret.
#[derive(Debug, Clone)]
pub struct PlatformConfig {
    /// The root of the API, such as `https://oauth.reddit.com`; it may have a path.
    pub base_url: Url,
    /// The root of the web site that people see, such as `https://www.reddit.com`; it may have a
    /// path. Tokens of Reddit come from there, and short links are resolved there.
    pub web_url: Url,
    /// The version in the path of the API, such as `v26.0`; empty for Reddit, which has none.
    pub api_version: String,
    /// The id of this program's registration at the platform.
    pub client_id: Option<String>,
    /// The secret of that registration.
    pub client_secret: Option<Secret>,
    /// A token that reads the figures of one account; for YouTube an API key, which reads what is
    /// public.
    pub access_token: Option<Secret>,
    /// That account: the Instagram user id, or the id of the Facebook page.
    pub account_id: Option<String>,
    /// The account that advertises the page's posts, in the form of
    /// [`PlatformConfig::ad_account_of`]; Meta only.
    pub ad_account: Option<String>,
    /// A token that reads that account's insights, where `access_token` does not; Meta only.
    pub ad_access_token: Option<Secret>,
    /// Whether the operator set `base_url` or `web_url`. Private addresses are allowed at hosts the
    /// operator set, and nowhere else.
    pub operator_set_hosts: bool,
}

impl PlatformConfig {
    /// The platform's real hosts, and no credentials.
    pub fn defaults(kind: PlatformKind) -> Self {
        let (base, web) = match kind {
            PlatformKind::Reddit => ("https://oauth.reddit.com", "https://www.reddit.com"),
            PlatformKind::Instagram => ("https://graph.facebook.com", "https://www.instagram.com"),
            PlatformKind::Meta => ("https://graph.facebook.com", "https://www.facebook.com"),
            PlatformKind::YouTube => ("https://www.googleapis.com", "https://www.youtube.com"),
            PlatformKind::TikTok => ("https://open.tiktokapis.com", "https://www.tiktok.com"),
            PlatformKind::X => ("https://api.x.com", "https://x.com"),
        };
        let version = match kind {
            PlatformKind::Reddit => "",
            PlatformKind::Instagram | PlatformKind::Meta => GRAPH_VERSION,
            PlatformKind::YouTube => "v3",
            PlatformKind::TikTok => "v2",
            PlatformKind::X => "2",
        };
        Self {
            base_url: literal(base),
            web_url: literal(web),
            api_version: version.to_owned(),
            client_id: None,
            client_secret: None,
            access_token: None,
            account_id: None,
            ad_account: None,
            ad_access_token: None,
            operator_set_hosts: false,
        }
    }

    /// The number of an account, without white space around it; none where the text is none of 1 to 30 digits.
    pub fn account_of(text: &str) -> Option<String> {
        let text = text.trim();
        let is_number =
            (1..=30).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.to_owned())
    }

    /// A version of an API as it stands in a path, without white space around it; none where the text is none of 1 to 50
    /// ASCII letters, digits, dots, hyphens and underscores.
    pub fn api_version_of(text: &str) -> Option<String> {
        let text = text.trim();
        let is_version = (1..=50).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        is_version.then(|| text.to_owned())
    }

    /// The id of an ad account in the form that Meta takes, `act_` and its number, from that form or
    /// from the number alone; none where the text is neither. The number has 1 to 20 digits.
    pub fn ad_account_of(text: &str) -> Option<String> {
        let text = text.trim();
        let number = text.strip_prefix("act_").unwrap_or(text);
        let is_number =
            (1..=20).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| format!("act_{number}"))
    }
}

/// An address that stands in the source.
#[allow(
    clippy::expect_used,
    reason = "the addresses stand in the source, and tests parse each"
)]
pub(super) fn literal(address: &str) -> Url {
    Url::parse(address).expect("an address in this file")
}

/// `path` under `base`, keeping the path that `base` has itself, without a query.
pub(super) fn under(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!(
        "{}/{}",
        base.path().trim_end_matches('/'),
        path.trim_start_matches('/')
    ));
    url.set_query(None);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_has_real_https_hosts_by_default() {
        for kind in PlatformKind::ALL {
            let config = PlatformConfig::defaults(*kind);
            for url in [&config.base_url, &config.web_url] {
                assert_eq!(url.scheme(), "https", "{kind}");
                assert!(url.host_str().is_some(), "{kind}");
            }
            assert!(!config.operator_set_hosts);
        }
    }

    #[test]
    fn a_path_of_the_base_is_kept() {
        for (base, expected) in [
            (
                "http://127.0.0.1:9/reddit",
                "http://127.0.0.1:9/reddit/api/info",
            ),
            (
                "http://127.0.0.1:9/reddit/",
                "http://127.0.0.1:9/reddit/api/info",
            ),
            (
                "https://oauth.reddit.com",
                "https://oauth.reddit.com/api/info",
            ),
            (
                "https://oauth.reddit.com/?x=1#y",
                "https://oauth.reddit.com/api/info",
            ),
        ] {
            let base = Url::parse(base).unwrap();
            assert_eq!(under(&base, "/api/info").as_str(), expected);
            assert_eq!(under(&base, "api/info").as_str(), expected);
        }
    }

    #[test]
    fn a_printed_configuration_shows_no_secret() {
        let mut config = PlatformConfig::defaults(PlatformKind::Reddit);
        config.client_secret = Some(Secret::new("s3cret-text"));
        config.access_token = Some(Secret::new("t0ken-text"));
        config.ad_access_token = Some(Secret::new("ad-t0ken"));
        let printed = format!("{config:?}");
        for secret in ["s3cret-text", "t0ken-text", "ad-t0ken"] {
            assert!(!printed.contains(secret), "{secret}");
        }
    }

    #[test]
    fn an_account_is_a_number_and_a_version_stands_in_a_path_as_it_is() {
        let (longest, longer) = ("1".repeat(30), "1".repeat(31));
        for text in [
            "0",
            "17841406338772941",
            " 17841406338772941\n",
            longest.as_str(),
        ] {
            let account = PlatformConfig::account_of(text);
            assert_eq!(account.as_deref(), Some(text.trim()), "{text}");
        }
        for text in ["", " ", "-1", "1a", "1 2", "act_1", longer.as_str()] {
            assert_eq!(PlatformConfig::account_of(text), None, "{text}");
        }
        let (longest, longer) = ("v".repeat(50), "v".repeat(51));
        for text in ["2", "v26.0", "v26.0\n", "a-b_C", longest.as_str()] {
            let version = PlatformConfig::api_version_of(text);
            assert_eq!(version.as_deref(), Some(text.trim()), "{text}");
        }
        for text in [
            "",
            "\n",
            "v 26",
            "/v26.0",
            "v2?",
            "v\u{e9}",
            longer.as_str(),
        ] {
            assert_eq!(PlatformConfig::api_version_of(text), None, "{text}");
        }
    }

    #[test]
    fn an_ad_account_is_named_by_its_number_or_by_metas_id() {
        for text in ["act_1234567890", "1234567890", " 1234567890\n"] {
            assert_eq!(
                PlatformConfig::ad_account_of(text).as_deref(),
                Some("act_1234567890"),
                "{text}"
            );
        }
        for text in [
            "",
            "act_",
            "act_12a",
            "act_act_1",
            "act_1/ads",
            "123456789012345678901",
        ] {
            assert_eq!(PlatformConfig::ad_account_of(text), None, "{text}");
        }
    }
}
