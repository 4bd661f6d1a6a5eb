//! Signing in: an API key, or an address and a password, for a short access token and a refresh token.
//!
//! A refresh token works once. Who shows a used one may have stolen it, or the one who used it had: every token that
//! descends from the same sign-in is revoked (RFC 9700, section 4.14).

use std::sync::OnceLock;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use diesel_async::AsyncConnection as _;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::access::{Principal, Viewer};
use super::token::AccessToken;
use crate::app::App;
use crate::crypto::{ApiKey, random, refresh_token, sha256};
use crate::db::Connection;
use crate::db::user::{self, NewRefreshToken, User};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{Role, Secret};

/// What a caller signs in with.
#[derive(Debug)]
pub enum Credentials {
    /// An API key.
    ApiKey(Secret),
    /// An address and a password.
    Password {
        /// The address.
        email: String,
        /// The password.
        password: Secret,
    },
}

/// What a caller gets.
#[derive(Debug)]
pub struct SignedIn {
    /// For the next minutes.
    pub access: AccessToken,
    /// For the next access token.
    pub refresh: Secret,
}

/// Hashing a password takes 19 MiB; no more than this many at a time.
static HASHING: Semaphore = Semaphore::const_new(4);

/// Exchanges credentials for tokens.
///
/// # Errors
/// The credentials do not hold; which part of them is not said.
pub async fn issue(app: &App, credentials: Credentials) -> Result<SignedIn, Error> {
    let mut connection = app.db.get().await?;
    let (user, api_key_id) = match credentials {
        Credentials::ApiKey(key) => {
            if !ApiKey::is_well_formed(key.expose()) {
                return Err(rejected("apiKey"));
            }
            let hash = sha256(key.expose().as_bytes());
            let (user, key) = user::find_by_api_key(&mut connection, &hash, app.clock.now())
                .await?
                .ok_or_else(|| rejected("apiKey"))?;
            (user, Some(key))
        }
        Credentials::Password { email, password } => {
            let email = email.trim().to_lowercase();
            // PostgreSQL holds no text with this character, so nobody has such an address.
            let found = if email.contains('\0') {
                None
            } else {
                user::find_by_email(&mut connection, &email).await?
            };
            drop(connection);
            let stored = found.as_ref().and_then(|user| user.password_hash.clone());
            if !verify_password(password, stored).await? {
                return Err(rejected("password"));
            }
            connection = app.db.get().await?;
            (found.ok_or_else(|| rejected("password"))?, None)
        }
    };
    connection
        .transaction::<_, Error, _>(async |connection| {
            user::lock(connection, user.id).await?;
            // It may have been revoked while it was looked up.
            if let Some(key) = api_key_id
                && !user::is_key_valid(connection, key, app.clock.now()).await?
            {
                return Err(rejected("apiKey"));
            }
            sign_in(app, connection, &user, Uuid::now_v7(), api_key_id).await
        })
        .await
}

/// Exchanges a refresh token for new tokens.
///
/// # Errors
/// It is unknown, expired, revoked or was used before.
pub async fn refresh(app: &App, token: &Secret) -> Result<SignedIn, Error> {
    let hash = sha256(token.expose().as_bytes());
    let mut connection = app.db.get().await?;
    let now = app.clock.now();
    // A reuse is no failure of the transaction: what it revokes must stay revoked.
    let outcome = connection
        .transaction::<_, Error, _>(async |connection| {
            let Some(owner) = user::find_by_refresh_token(connection, &hash).await? else {
                return Ok(None);
            };
            user::lock(connection, owner).await?;
            let Some(stored) = user::lock_refresh_token(connection, &hash).await? else {
                return Ok(None);
            };
            if stored.used_at.is_some() {
                user::update_family_revoked(connection, stored.family, now).await?;
                return Ok(None);
            }
            if stored.revoked_at.is_some() || stored.expires_at <= now {
                return Ok(None);
            }
            user::update_refresh_token_used(connection, stored.id, now).await?;
            let Some(user) = user::find(connection, stored.user_id).await? else {
                return Ok(None);
            };
            if let Some(key) = stored.api_key_id
                && !user::is_key_valid(connection, key, now).await?
            {
                return Ok(None);
            }
            match sign_in(app, connection, &user, stored.family, stored.api_key_id).await {
                Ok(signed_in) => Ok(Some(signed_in)),
                Err(Error::Refused(_)) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await?;
    if outcome.is_none() {
        app.sign_ins.forget();
    }
    outcome.ok_or_else(|| rejected("refreshToken"))
}

/// Ends a sign-in: no token that descends from it holds any more. Says whether the token was known.
///
/// # Errors
/// The database failed.
pub async fn revoke(app: &App, token: &Secret) -> Result<bool, Error> {
    let hash = sha256(token.expose().as_bytes());
    let mut connection = app.db.get().await?;
    let now = app.clock.now();
    let revoked = connection
        .transaction::<_, Error, _>(async |connection| {
            let Some(owner) = user::find_by_refresh_token(connection, &hash).await? else {
                return Ok(false);
            };
            user::lock(connection, owner).await?;
            let Some(stored) = user::lock_refresh_token(connection, &hash).await? else {
                return Ok(false);
            };
            user::update_family_revoked(connection, stored.family, now).await?;
            Ok(true)
        })
        .await?;
    app.sign_ins.forget();
    Ok(revoked)
}

/// Signs a user in. The user is locked, so that what ends its sign-ins meanwhile ends this one too.
async fn sign_in(
    app: &App,
    connection: &mut Connection,
    user: &User,
    family: Uuid,
    api_key_id: Option<i64>,
) -> Result<SignedIn, Error> {
    if !user::is_active(connection, user).await? {
        let message = "the affiliate is not active";
        return Err(Refusal::whole(RefusalCode::AffiliateInactive, message).into());
    }
    let viewer = viewer_of(user)?;
    let refresh = refresh_token().map_err(Error::internal)?;
    user::insert_refresh_token(
        connection,
        &NewRefreshToken {
            user_id: user.id,
            family,
            api_key_id,
            hash: &sha256(refresh.expose().as_bytes()),
            expires_at: app.clock.now() + app.tokens.refresh_life(),
        },
    )
    .await?;
    let access = app.tokens.issue(&viewer, family).map_err(Error::internal)?;
    Ok(SignedIn { access, refresh })
}

fn viewer_of(user: &User) -> Result<Viewer, Error> {
    let principal = match (user.role, user.advertiser_id, user.affiliate_id) {
        (Role::Operator, _, _) => Principal::Operator,
        (Role::Advertiser, Some(id), _) => Principal::Advertiser(id),
        (Role::Affiliate, _, Some(id)) => Principal::Affiliate(id),
        _ => {
            return Err(Error::internal(format!(
                "user {} has a role without its subject",
                user.id
            )));
        }
    };
    Ok(Viewer {
        user_id: user.id,
        principal,
    })
}

fn rejected(field: &str) -> Error {
    let message = match field {
        "refreshToken" => "the refresh token is unknown, expired, revoked or was used before",
        "apiKey" => "the API key is unknown, expired or revoked",
        _ => "the e-mail address or the password is wrong",
    };
    Refusal::field(RefusalCode::CredentialsRejected, field, message).into()
}

/// The argon2id hash of a password, in PHC form.
///
/// # Errors
/// The random source or the hash failed.
pub async fn hash_password(password: Secret) -> Result<String, Error> {
    let salt = SaltString::encode_b64(&random::<16>().map_err(Error::internal)?)
        .map_err(|error| Error::internal(error.to_string()))?;
    hashing(move || {
        Argon2::default()
            .hash_password(password.expose().as_bytes(), &salt)
            .map(|hash| hash.to_string())
            .map_err(|error| Error::internal(error.to_string()))
    })
    .await?
}

/// Whether this is the password. An unknown user costs the same work as a known one.
async fn verify_password(password: Secret, stored: Option<String>) -> Result<bool, Error> {
    static NOBODY: OnceLock<String> = OnceLock::new();
    let known = stored.is_some();
    let stored = match (stored, NOBODY.get()) {
        (Some(stored), _) => stored,
        (None, Some(nobody)) => nobody.clone(),
        (None, None) => {
            let hash = hash_password(Secret::new("nobody's password")).await?;
            NOBODY.get_or_init(|| hash).clone()
        }
    };
    hashing(move || {
        PasswordHash::new(&stored).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.expose().as_bytes(), &hash)
                .is_ok()
        }) && known
    })
    .await
}

async fn hashing<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let _permit = HASHING.acquire().await.map_err(Error::internal)?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal)
}
