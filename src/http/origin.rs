//! Which web pages may open a socket, and which may read answers from another host's page.
//!
//! Browsers apply no same-origin rule to WebSockets: any page can open one to any server. They do
//! send the page's origin, which is checked here before the upgrade. Programs that are not browsers
//! send none and are let through; they hold credentials or they can do nothing.

use url::Url;

/// The origins whose pages may open a socket, besides those of the host that it is opened to.
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins(Vec<String>);

impl AllowedOrigins {
    /// Origins such as `https://dashboard.example`, compared without regard to letter case.
    #[must_use]
    pub fn new(origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let bare = |origin: String| origin.trim().trim_end_matches('/').to_owned();
        Self(
            origins
                .into_iter()
                .map(|origin| bare(origin.into()))
                .collect(),
        )
    }

    /// Whether a request with these `Origin` and `Host` headers may become a socket.
    #[must_use]
    pub fn allow(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else {
            return true;
        };
        self.lists(origin) || host.is_some_and(|host| is_same_host(origin, host))
    }

    /// Whether pages of this origin are listed, apart from those of the host itself.
    #[must_use]
    pub fn lists(&self, origin: &str) -> bool {
        self.0
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

/// Compares host and port. The `Host` header has no scheme, so that of the origin decides which
/// port is meant where none is named.
fn is_same_host(origin: &str, host: &str) -> bool {
    let Ok(origin) = Url::parse(origin) else {
        return false;
    };
    let Ok(host) = Url::parse(&format!("{}://{host}", origin.scheme())) else {
        return false;
    };
    origin.host().is_some()
        && origin.host() == host.host()
        && origin.port_or_known_default() == host.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::AllowedOrigins;

    #[test]
    fn without_a_list_only_the_same_host_and_port_may_connect() {
        let origins = AllowedOrigins::default();
        assert!(origins.allow(Some("http://localhost:8000"), Some("localhost:8000")));
        assert!(origins.allow(Some("https://app.example"), Some("APP.example")));
        assert!(origins.allow(Some("https://app.example"), Some("app.example:443")));
        assert!(!origins.allow(Some("http://localhost:9000"), Some("localhost:8000")));
        assert!(!origins.allow(Some("https://evil.example"), Some("app.example")));
        assert!(!origins.allow(
            Some("https://app.example.evil.example"),
            Some("app.example")
        ));
        assert!(!origins.allow(Some("null"), Some("app.example")));
        assert!(!origins.allow(Some("https://app.example"), None));
    }

    #[test]
    fn with_a_list_its_origins_may_connect_too() {
        let origins = AllowedOrigins::new(["https://dashboard.example/"]);
        assert!(origins.allow(Some("https://Dashboard.example"), Some("api.example")));
        assert!(!origins.allow(Some("http://dashboard.example"), Some("api.example")));
        assert!(origins.allow(Some("https://api.example"), Some("api.example")));
        assert!(!origins.allow(Some("https://evil.example"), Some("api.example")));
    }

    #[test]
    fn a_client_that_is_no_browser_may_connect() {
        assert!(AllowedOrigins::default().allow(None, Some("app.example")));
        assert!(AllowedOrigins::new(["https://dashboard.example"]).allow(None, None));
    }
}
