//! Advertisers and affiliates join, become eligible for each other, and get keys to sign in with.

use diesel_async::AsyncConnection as _;

use super::access::{Principal, Viewer};
use super::input::Checks;
use super::session::hash_password;
use crate::app::App;
use crate::crypto::{ApiKey, sha256};
use crate::db::Connection;
use crate::db::advertiser::{self, Advertiser, NewAdvertiser};
use crate::db::affiliate::{self, Affiliate, NewAffiliate};
use crate::db::constraint::unique_violation;
use crate::db::user::{self, NewApiKey, NewUser, User};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{Role, Secret};
use chrono::{DateTime, Utc};

/// Most affiliates in one change of eligibility.
const MAX_ELIGIBILITY: usize = 1000;

/// An advertiser to be created.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct CreateAdvertiser {
    pub name: String,
    pub category: Option<String>,
    pub website: Option<String>,
    pub email: Option<String>,
    pub password: Option<Secret>,
}

/// An affiliate to be created.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct CreateAffiliate {
    pub name: String,
    pub email: Option<String>,
    pub password: Option<Secret>,
    pub discord_user_id: Option<String>,
}

/// Creates an advertiser with its first user and API key.
///
/// # Errors
/// A field is not what it must be, or the name or address is taken.
pub async fn create_advertiser(
    app: &App,
    input: CreateAdvertiser,
) -> Result<(Advertiser, Secret), Error> {
    let mut checks = Checks::default();
    let name = checks.required_text("name", &input.name, 200);
    let category = checks.optional_text("category", input.category.as_deref(), 100);
    let website = checks.optional_text("website", input.website.as_deref(), 2048);
    if let Some(website) = &website {
        let known =
            url::Url::parse(website).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !known {
            checks.refuse(
                RefusalCode::Invalid,
                "website",
                "website must be an http or https address",
            );
        }
    }
    let email = checks.email("email", input.email.as_deref());
    check_password(&mut checks, email.as_deref(), input.password.as_ref());
    checks.finish()?;
    let password_hash = hash_optional(input.password).await?;
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            let new = NewAdvertiser {
                name: &name,
                category: category.as_deref(),
                website: website.as_deref(),
            };
            let advertiser = advertiser::insert(connection, &new).await.map_err(taken)?;
            let user = NewUser {
                role: Role::Advertiser,
                advertiser_id: Some(advertiser.id),
                affiliate_id: None,
                email: email.as_deref(),
                password_hash: password_hash.as_deref(),
            };
            let user = user::insert(connection, &user).await.map_err(taken)?;
            let key = add_key(connection, &user, None, None).await?;
            Ok((advertiser, key.text))
        })
        .await
}

/// Creates an affiliate with its user and first API key.
///
/// # Errors
/// A field is not what it must be, or the name, address or Discord member is taken.
pub async fn create_affiliate(
    app: &App,
    input: CreateAffiliate,
) -> Result<(Affiliate, Secret), Error> {
    let mut checks = Checks::default();
    let name = checks.required_text("name", &input.name, 200);
    let email = checks.email("email", input.email.as_deref());
    let discord = checks.optional_text("discordUserId", input.discord_user_id.as_deref(), 20);
    if discord
        .as_ref()
        .is_some_and(|id| !id.bytes().all(|byte| byte.is_ascii_digit()))
    {
        let message = "discordUserId must be a Discord user id: up to 20 digits";
        checks.refuse(RefusalCode::Invalid, "discordUserId", message);
    }
    check_password(&mut checks, email.as_deref(), input.password.as_ref());
    checks.finish()?;
    let password_hash = hash_optional(input.password).await?;
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            let new = NewAffiliate {
                name: &name,
                email: email.as_deref(),
                discord_user_id: discord.as_deref(),
            };
            let affiliate = affiliate::insert(connection, &new).await.map_err(taken)?;
            let user = NewUser {
                role: Role::Affiliate,
                advertiser_id: None,
                affiliate_id: Some(affiliate.id),
                email: email.as_deref(),
                password_hash: password_hash.as_deref(),
            };
            let user = user::insert(connection, &user).await.map_err(taken)?;
            let key = add_key(connection, &user, None, None).await?;
            Ok((affiliate, key.text))
        })
        .await
}

fn check_password(checks: &mut Checks, email: Option<&str>, password: Option<&Secret>) {
    let Some(password) = password else { return };
    let length = password.expose().chars().count();
    if !(8..=1000).contains(&length) {
        let message = "password must have 8 to 1000 characters";
        checks.refuse(RefusalCode::OutOfRange, "password", message);
    }
    if email.is_none() {
        checks.refuse(
            RefusalCode::Invalid,
            "email",
            "a password needs an email to sign in with",
        );
    }
}

async fn hash_optional(password: Option<Secret>) -> Result<Option<String>, Error> {
    match password {
        Some(password) => hash_password(password).await.map(Some),
        None => Ok(None),
    }
}

/// What a violated constraint means to whoever creates an account.
fn taken(error: diesel::result::Error) -> Error {
    let field = match unique_violation(&error) {
        Some("advertisers_name_key" | "affiliates_name_key") => "name",
        Some("affiliates_email_key" | "users_email_key") => "email",
        Some("affiliates_discord_user_id_key") => "discordUserId",
        _ => return error.into(),
    };
    Refusal::field(
        RefusalCode::Conflict,
        field,
        format!("this {field} is taken"),
    )
    .into()
}

/// For whom an API key is made.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct CreateApiKey {
    pub advertiser_id: Option<i64>,
    pub affiliate_id: Option<i64>,
    pub label: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// Makes an API key: the caller's own, or, for operators, that of an advertiser or affiliate.
///
/// # Errors
/// The caller may not make keys for others, or there is nobody to make it for.
pub async fn create_api_key(
    app: &App,
    viewer: &Viewer,
    input: CreateApiKey,
) -> Result<ApiKey, Error> {
    let mut checks = Checks::default();
    let label = checks.optional_text("label", input.label.as_deref(), 200);
    if input.advertiser_id.is_some() && input.affiliate_id.is_some() {
        let message = "give advertiserId or affiliateId, not both";
        checks.refuse(RefusalCode::Invalid, "affiliateId", message);
    }
    if input.expires_at.is_some_and(|at| at <= app.clock.now()) {
        checks.refuse(
            RefusalCode::OutOfRange,
            "expiresAt",
            "expiresAt must be in the future",
        );
    }
    checks.finish()?;
    let own = match viewer.principal {
        Principal::Operator => input.advertiser_id.is_none() && input.affiliate_id.is_none(),
        Principal::Advertiser(id) => {
            input.affiliate_id.is_none() && input.advertiser_id.is_none_or(|named| named == id)
        }
        Principal::Affiliate(id) => {
            input.advertiser_id.is_none() && input.affiliate_id.is_none_or(|named| named == id)
        }
    };
    if !own && viewer.principal != Principal::Operator {
        return Err(Error::Forbidden("only an operator makes keys for others"));
    }
    let mut connection = app.db.get().await?;
    let user = if own {
        user::find(&mut connection, viewer.user_id).await?
    } else {
        user::find_by_subject(&mut connection, input.advertiser_id, input.affiliate_id).await?
    };
    let Some(user) = user else {
        let field = if input.advertiser_id.is_some() {
            "advertiserId"
        } else {
            "affiliateId"
        };
        return Err(Refusal::field(
            RefusalCode::NotFound,
            field,
            format!("{field} names nobody"),
        )
        .into());
    };
    add_key(&mut connection, &user, label.as_deref(), input.expires_at).await
}

/// Creates an operator with a key. For the command line: whoever can reach the database may.
///
/// # Errors
/// The database failed.
pub async fn create_operator(app: &App) -> Result<ApiKey, Error> {
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            let user = NewUser {
                role: Role::Operator,
                advertiser_id: None,
                affiliate_id: None,
                email: None,
                password_hash: None,
            };
            let user = user::insert(connection, &user).await?;
            add_key(connection, &user, Some("first key"), None).await
        })
        .await
}

async fn add_key(
    connection: &mut Connection,
    user: &User,
    label: Option<&str>,
    expires_at: Option<DateTime<Utc>>,
) -> Result<ApiKey, Error> {
    let key = ApiKey::generate(user.role).map_err(Error::internal)?;
    let new = NewApiKey {
        user_id: user.id,
        prefix: &key.prefix,
        hash: &sha256(key.text.expose().as_bytes()),
        label,
        expires_at,
    };
    user::insert_api_key(connection, &new).await?;
    Ok(key)
}

/// Makes affiliates eligible for an advertiser, or no longer so, and gives the advertiser.
///
/// # Errors
/// The advertiser is not the caller's, or one of the affiliates does not exist.
pub async fn set_eligibility(
    app: &App,
    viewer: &Viewer,
    advertiser_id: i64,
    affiliate_ids: &[i64],
    eligible: bool,
) -> Result<Advertiser, Error> {
    let advertiser_id = viewer
        .advertiser(Some(advertiser_id))
        .map_err(|_| advertiser_missing())?;
    if affiliate_ids.len() > MAX_ELIGIBILITY {
        let message = format!("affiliateIds must have at most {MAX_ELIGIBILITY} ids");
        return Err(Refusal::field(RefusalCode::TooMany, "affiliateIds", message).into());
    }
    let mut connection = app.db.get().await?;
    let advertiser = advertiser::list_by_id(&mut connection, &[advertiser_id])
        .await?
        .pop()
        .ok_or_else(advertiser_missing)?;
    // Who is not eligible stays so, whoever that is: only making eligible tells which affiliates there are.
    let known = if eligible {
        affiliate::list_by_id(&mut connection, affiliate_ids).await?
    } else {
        Vec::new()
    };
    let unknown = affiliate_ids
        .iter()
        .position(|id| !known.iter().any(|affiliate| affiliate.id == *id));
    if let Some(index) = unknown.filter(|_| eligible) {
        let mut refusal = Refusal::field(
            RefusalCode::NotFound,
            "affiliateIds",
            "affiliateIds names an affiliate that does not exist",
        );
        refusal.field.push(index.to_string());
        return Err(refusal.into());
    }
    if !affiliate_ids.is_empty() {
        advertiser::update_eligibility(&mut connection, advertiser_id, affiliate_ids, eligible)
            .await?;
    }
    Ok(advertiser)
}

fn advertiser_missing() -> Error {
    Refusal::field(
        RefusalCode::NotFound,
        "advertiserId",
        "advertiserId names no advertiser of yours",
    )
    .into()
}
