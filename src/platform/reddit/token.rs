//! The token of this program's registration at Reddit: asked for when needed, kept as long as
//! Reddit says, asked for by one caller while the others wait for it.

use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::wire::parse_token;
use crate::model::Secret;
use crate::platform::error::PlatformError;
use crate::platform::http::Http;

/// Gets, keeps and drops the token.
#[derive(Debug)]
pub(super) struct Tokens {
    endpoint: Url,
    client_id: String,
    client_secret: Secret,
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    token: Secret,
    until: Instant,
}

impl Tokens {
    /// No token yet.
    pub(super) fn new(endpoint: Url, client_id: String, client_secret: Secret) -> Self {
        Self {
            endpoint,
            client_id,
            client_secret,
            held: Mutex::new(None),
        }
    }

    /// The token, a new one where there is none that still lives. Callers that come meanwhile wait
    /// for the same one.
    pub(super) async fn get(&self, http: &Http) -> Result<Secret, PlatformError> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| Instant::now() < held.until) {
            return Ok(held.token.clone());
        }
        let asked_at = Instant::now();
        let request = http
            .post(self.endpoint.clone())
            .basic_auth(&self.client_id, Some(self.client_secret.expose()))
            .form(&[("grant_type", "client_credentials")]);
        let answer = http.send_beside(request).await?;
        let grant = parse_token(&answer, &[self.client_secret.expose()])?;
        *held = Some(Held {
            token: grant.token.clone(),
            until: asked_at + grant.lifetime,
        });
        Ok(grant.token)
    }

    /// Forgets a token that was refused, unless another one has taken its place.
    pub(super) async fn discard(&self, refused: &Secret) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|held| held.token == *refused) {
            *held = None;
        }
    }
}
