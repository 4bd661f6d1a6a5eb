//! Calls to addresses that advertisers register, to tell them of alerts.
//!
//! Whoever registers an address is no operator, so none is trusted: only https at the usual port and public addresses, names
//! looked up by the guard itself when the connection is made, no redirect, ten seconds. Of the answer only the status and
//! `Retry-After` are read. It fails with [`PlatformError`], whose detail never has the address.

use std::time::Duration;

use reqwest::Client;
use url::Url;

use super::error::PlatformError;
use super::guard::Guard;
use super::http::{careful, network, retry_after, root_cause};

/// What a receiver answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// How long it asks to wait, at most 24 hours, where it says so.
    pub retry_after: Option<Duration>,
}

/// Makes the calls. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Callbacks {
    /// The client, or why there is none, such as on a machine without certificates.
    client: Result<Client, String>,
    guard: Guard,
    allow_private: bool,
}

impl Callbacks {
    /// With `allow_private` every address may be asked, by http as well: for development only.
    #[must_use]
    pub fn new(allow_private: bool) -> Self {
        let guard = Guard::of_strangers(allow_private);
        let agent = concat!("countersign/", env!("CARGO_PKG_VERSION"));
        let mut client = careful(&guard, agent.to_owned()).build();
        if client.is_err() && allow_private {
            // A receiver on this machine is asked without certificates.
            client = careful(&guard, agent.to_owned())
                .tls_certs_only(std::iter::empty())
                .build();
        }
        Self {
            client: client.map_err(|error| root_cause(&error)),
            guard,
            allow_private,
        }
    }

    /// Whether every address may be asked.
    #[must_use]
    pub const fn allows_private(&self) -> bool {
        self.allow_private
    }

    /// Whether an address may be asked, as far as it shows.
    ///
    /// # Errors
    /// It may not; the detail says why.
    pub fn check(&self, url: &Url) -> Result<(), PlatformError> {
        self.guard.check(url)
    }

    /// Whether its host has an address that may be asked. Looks the name up, for at most three seconds.
    pub async fn finds(&self, url: &Url) -> bool {
        self.guard.finds(url).await
    }

    /// Posts JSON, with these headers.
    ///
    /// # Errors
    /// The address must not be asked, or nobody answered in time.
    pub async fn post(
        &self,
        url: Url,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<Reply, PlatformError> {
        self.guard.check(&url)?;
        let client = self.client.as_ref().map_err(|why| {
            PlatformError::unreachable(&format!("this server has no HTTP client: {why}"))
        })?;
        let mut request = client.post(url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value.as_str());
        }
        let response = request.body(body).send().await.map_err(network)?;
        Ok(Reply {
            status: response.status().as_u16(),
            retry_after: retry_after(response.headers()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_private_address_is_not_asked_however_it_is_written() {
        let callbacks = Callbacks::new(false);
        for url in [
            "http://example.com/hook",
            "https://127.0.0.1/hook",
            "https://2130706433/hook",
            "https://0x7f.1/hook",
            "https://[::ffff:10.0.0.1]/hook",
            "https://169.254.169.254/latest/meta-data",
            "https://me:pw@example.com/hook",
            "https://example.com:8443/hook",
        ] {
            let url = Url::parse(url).unwrap();
            let refused = callbacks.post(url.clone(), &[], "{}".to_owned()).await;
            assert!(
                matches!(refused, Err(PlatformError::Refused { .. })),
                "{url}: {refused:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_that_turned_private_is_not_connected_to() {
        // As a name that was public when it was registered: only the connection finds out.
        let callbacks = Callbacks::new(false);
        let url = Url::parse("https://localhost/hook").unwrap();
        assert!(callbacks.check(&url).is_ok());
        let refused = callbacks.post(url, &[], "{}".to_owned()).await.unwrap_err();
        assert!(
            matches!(refused, PlatformError::Unreachable { .. }),
            "{refused:?}"
        );
        if callbacks.client.is_ok() {
            assert!(refused.detail().contains("no public address"), "{refused}");
        }
    }
}
