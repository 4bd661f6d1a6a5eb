//! Access tokens: short-lived JWTs signed with Ed25519, which other programs can check by the published key.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::{Principal, Viewer};
use crate::clock::machine_now;
use crate::config::TokenConfig;
use crate::crypto::{KeyError, SigningKey, sha256};
use crate::model::Role;

/// The longest token that is looked at, in bytes.
const MAX_LENGTH: usize = 4096;
/// The type of token in its header (RFC 9068): no other kind of token is taken for one.
const TYPE: &str = "at+jwt";
/// By how many seconds clocks may differ.
const LEEWAY_SECONDS: i64 = 5;
/// Tokens whose signature was checked and is not checked again: it costs more than all else that is done with a token.
const REMEMBERED: usize = 10_000;

/// Makes and checks access tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    header: Header,
    validation: Validation,
    config: TokenConfig,
    public_x: String,
    key_id: String,
    checked: Mutex<HashMap<[u8; 32], Bearer>>,
}

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// Who.
    pub viewer: Viewer,
    /// The sign-in that it was made for.
    pub sign_in: Uuid,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// The user's numeric id.
    sub: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    /// The sign-in that it was made for.
    sid: Uuid,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advertiser_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    affiliate_id: Option<i64>,
}

/// A token and until when it works.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The JWT.
    pub text: crate::model::Secret,
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
}

/// A token that does not hold: not ours, altered, expired or for somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid or has expired")]
pub struct InvalidToken;

impl Tokens {
    /// Signs with this key.
    ///
    /// # Errors
    /// It is not an Ed25519 key.
    pub fn new(key: &SigningKey, config: TokenConfig) -> Result<Self, KeyError> {
        let encoding =
            EncodingKey::from_ed_pem(key.pem().expose().as_bytes()).map_err(|_| KeyError::Form)?;
        let decoding =
            DecodingKey::from_ed_components(&key.public_x()).map_err(|_| KeyError::Form)?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key.key_id());
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&config.issuer]);
        validation.set_audience(&[&config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS.unsigned_abs();
        Ok(Self {
            encoding,
            decoding,
            header,
            validation,
            config,
            public_x: key.public_x(),
            key_id: key.key_id(),
            checked: Mutex::default(),
        })
    }

    /// How long a refresh token works.
    #[must_use]
    pub fn refresh_life(&self) -> TimeDelta {
        TimeDelta::days(self.config.refresh_days)
    }

    /// A token for a viewer, made for a sign-in.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn issue(
        &self,
        viewer: &Viewer,
        sign_in: Uuid,
    ) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        // Whole seconds, as the claims have.
        let now = machine_now().trunc_subsecs(0);
        let expires_at = now + TimeDelta::seconds(self.config.access_seconds);
        let (advertiser_id, affiliate_id) = match viewer.principal {
            Principal::Operator => (None, None),
            Principal::Advertiser(id) => (Some(id), None),
            Principal::Affiliate(id) => (None, Some(id)),
        };
        let claims = Claims {
            iss: self.config.issuer.clone(),
            aud: self.config.audience.clone(),
            sub: viewer.user_id.to_string(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: expires_at.timestamp(),
            jti: Uuid::new_v4().to_string(),
            sid: sign_in,
            role: viewer.role().to_string(),
            advertiser_id,
            affiliate_id,
        };
        let text = jsonwebtoken::encode(&self.header, &claims, &self.encoding)?;
        Ok(AccessToken {
            text: text.into(),
            expires_at,
        })
    }

    /// Whose token this is, and until when it works.
    ///
    /// # Errors
    /// It does not hold.
    pub fn check(&self, token: &str) -> Result<Bearer, InvalidToken> {
        if token.len() > MAX_LENGTH {
            return Err(InvalidToken);
        }
        let hash = sha256(token.as_bytes());
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bearer) = checked.get(&hash) {
            if bearer.expires_at + TimeDelta::seconds(LEEWAY_SECONDS) > machine_now() {
                return Ok(*bearer);
            }
            checked.remove(&hash);
            return Err(InvalidToken);
        }
        drop(checked);
        let bearer = self.verify(token)?;
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.len() >= REMEMBERED {
            checked.clear();
        }
        checked.insert(hash, bearer);
        Ok(bearer)
    }

    fn verify(&self, token: &str) -> Result<Bearer, InvalidToken> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| InvalidToken)?;
        // The key decides the algorithm; a token that names another key was not made by this one.
        if data.header.kid.as_deref() != Some(&self.key_id)
            || data.header.typ.as_deref() != Some(TYPE)
        {
            return Err(InvalidToken);
        }
        let claims = data.claims;
        let principal = match (
            claims.role.parse(),
            claims.advertiser_id,
            claims.affiliate_id,
        ) {
            (Ok(Role::Operator), None, None) => Principal::Operator,
            (Ok(Role::Advertiser), Some(id), None) => Principal::Advertiser(id),
            (Ok(Role::Affiliate), None, Some(id)) => Principal::Affiliate(id),
            _ => return Err(InvalidToken),
        };
        let user_id = claims.sub.parse().map_err(|_| InvalidToken)?;
        let expires_at = DateTime::from_timestamp(claims.exp, 0).ok_or(InvalidToken)?;
        Ok(Bearer {
            viewer: Viewer { user_id, principal },
            sign_in: claims.sid,
            expires_at,
        })
    }

    /// The public key as a JSON Web Key Set (RFC 7517, RFC 8037).
    #[must_use]
    pub fn key_set(&self) -> serde_json::Value {
        serde_json::json!({ "keys": [{
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": self.key_id,
            "x": self.public_x,
        }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(issuer: &str, seconds: i64) -> Tokens {
        let key = SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        with_key(&key, issuer, seconds)
    }

    fn with_key(key: &SigningKey, issuer: &str, seconds: i64) -> Tokens {
        Tokens::new(
            key,
            TokenConfig {
                issuer: issuer.into(),
                audience: "a".into(),
                private_key: None,
                access_seconds: seconds,
                refresh_days: 1,
            },
        )
        .unwrap()
    }

    const VIEWER: Viewer = Viewer {
        user_id: 7,
        principal: Principal::Affiliate(3),
    };

    #[test]
    fn a_token_says_who_its_holder_is() {
        let tokens = tokens("i", 900);
        let sign_in = Uuid::from_u128(5);
        let token = tokens.issue(&VIEWER, sign_in).unwrap();
        // The second time it is remembered.
        for _ in 0..2 {
            let bearer = tokens.check(token.text.expose()).unwrap();
            assert_eq!((bearer.viewer, bearer.sign_in), (VIEWER, sign_in));
            assert_eq!(bearer.expires_at, token.expires_at);
        }
    }

    #[test]
    fn a_remembered_token_expires_like_any_other() {
        // Within the leeway: it holds for a moment more, and then no more.
        let tokens = tokens("i", -4);
        let token = tokens.issue(&VIEWER, Uuid::nil()).unwrap();
        assert!(tokens.check(token.text.expose()).is_ok());
        let mut checked = tokens.checked.lock().unwrap();
        for bearer in checked.values_mut() {
            bearer.expires_at -= TimeDelta::seconds(LEEWAY_SECONDS);
        }
        drop(checked);
        assert_eq!(tokens.check(token.text.expose()), Err(InvalidToken));
    }

    #[test]
    fn a_token_that_was_altered_expired_or_made_elsewhere_does_not_hold() {
        let key = SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let ours = with_key(&key, "i", 900);
        let text = ours.issue(&VIEWER, Uuid::nil()).unwrap().text;
        let mut altered = text.expose().to_owned();
        let middle = altered.find('.').unwrap() + 10;
        altered.replace_range(
            middle..=middle,
            if &altered[middle..=middle] == "A" {
                "B"
            } else {
                "A"
            },
        );
        assert_eq!(ours.check(&altered), Err(InvalidToken));
        assert_eq!(ours.check(""), Err(InvalidToken));
        assert_eq!(ours.check(&"x".repeat(MAX_LENGTH + 1)), Err(InvalidToken));
        assert!(
            with_key(&key, "other", 900).check(text.expose()).is_err(),
            "another issuer"
        );
        assert!(
            tokens("i", 900).check(text.expose()).is_err(),
            "another key"
        );
        let expired = with_key(&key, "i", -60)
            .issue(&VIEWER, Uuid::nil())
            .unwrap();
        assert_eq!(ours.check(expired.text.expose()), Err(InvalidToken));
    }
}
