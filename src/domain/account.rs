//! Advertisers and affiliates join, become eligible for each other, and get keys to sign in with.

use bigdecimal::BigDecimal;
use diesel_async::AsyncConnection as _;
use std::collections::BTreeSet;

use super::access::{Principal, Viewer};
use super::input::Checks;
use super::order;
use super::session::hash_password;
use super::visible::{no_such_advertiser, own_advertiser};
use crate::app::App;
use crate::crypto::{ApiKey, sha256};
use crate::db::Connection;
use crate::db::advertiser::{self, Advertiser, NewAdvertiser};
use crate::db::affiliate::{self, Affiliate, NewAffiliate};
use crate::db::constraint::unique_violation;
use crate::db::user::{self, NewApiKey, NewUser, User};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{ApplicationRule, Role, Secret};
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

/// An account that was made, with its secrets, which are shown this once.
#[derive(Debug)]
pub struct NewAccount<T> {
    /// Who.
    pub row: T,
    /// Its first API key.
    pub api_key: Secret,
    /// What an advertiser signs its orders with.
    pub webhook_secret: Option<Secret>,
}

/// Creates an advertiser with its first user, API key and webhook secret.
///
/// # Errors
/// A field is not what it must be, or the name or address is taken.
pub async fn create_advertiser(
    app: &App,
    input: CreateAdvertiser,
) -> Result<NewAccount<Advertiser>, Error> {
    let mut checks = Checks::default();
    let name = checks.required_text("name", &input.name, 200);
    let category = checks.optional_text("category", input.category.as_deref(), 100);
    let website = checks.web_address("website", input.website.as_deref());
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
            let webhook_secret = order::first_secret(app, connection, advertiser.id).await?;
            Ok(NewAccount {
                row: advertiser,
                api_key: key.text,
                webhook_secret: Some(webhook_secret),
            })
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
) -> Result<NewAccount<Affiliate>, Error> {
    let mut checks = Checks::default();
    let name = checks.required_text("name", &input.name, 200);
    let email = checks.email("email", input.email.as_deref());
    let discord = checks.discord_user_id("discordUserId", input.discord_user_id.as_deref());
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
            Ok(NewAccount {
                row: affiliate,
                api_key: key.text,
                webhook_secret: None,
            })
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
        .map_err(|_| no_such_advertiser())?;
    if affiliate_ids.len() > MAX_ELIGIBILITY {
        let message = format!("affiliateIds must have at most {MAX_ELIGIBILITY} ids");
        return Err(Refusal::field(RefusalCode::TooMany, "affiliateIds", message).into());
    }
    let mut connection = app.db.get().await?;
    let advertiser = advertiser::list_by_id(&mut connection, &[advertiser_id])
        .await?
        .pop()
        .ok_or_else(no_such_advertiser)?;
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
        // In one order, so that two lists with the same affiliates do not wait for each other.
        let ordered = Vec::from_iter(affiliate_ids.iter().copied().collect::<BTreeSet<i64>>());
        advertiser::update_eligibility(&mut connection, advertiser_id, &ordered, eligible).await?;
    }
    Ok(advertiser)
}

/// What is to be changed of an advertiser. None: it stays; none inside: it is taken away.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct UpdateAdvertiser {
    pub name: Option<String>,
    pub category: Option<Option<String>>,
    pub website: Option<Option<String>>,
    pub application_rule: Option<ApplicationRule>,
    pub minimum_trust: Option<BigDecimal>,
    pub reapply_after_days: Option<i64>,
    pub require_timestamp: Option<bool>,
}

/// Changes an advertiser: its profile, and the rules of its program.
///
/// # Errors
/// A field is not what it must be, the name is taken, or the advertiser is not the caller's.
pub async fn update_advertiser(
    app: &App,
    viewer: &Viewer,
    advertiser_id: Option<i64>,
    input: UpdateAdvertiser,
) -> Result<Advertiser, Error> {
    let advertiser_id = own_advertiser(viewer, advertiser_id)?;
    let mut checks = Checks::default();
    let name = input
        .name
        .map(|name| checks.required_text("name", &name, 200));
    let category = input
        .category
        .map(|text| checks.optional_text("category", text.as_deref(), 100));
    let website = input
        .website
        .map(|text| checks.web_address("website", text.as_deref()));
    let days = match input.reapply_after_days {
        None => None,
        Some(days) => {
            let fits = i32::try_from(days)
                .ok()
                .filter(|days| (0..=3650).contains(days));
            if fits.is_none() {
                let message = "reapplyAfterDays must be from 0 to 3650";
                checks.refuse(RefusalCode::OutOfRange, "reapplyAfterDays", message);
            }
            fits
        }
    };
    if let Some(least) = &input.minimum_trust
        && !is_trust_score(least)
    {
        let message = "minimumTrust must be from 0 to 1, with at most two decimal places";
        checks.refuse(RefusalCode::OutOfRange, "minimumTrust", message);
    }
    checks.finish()?;
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            let mut row = advertiser::lock(connection, advertiser_id)
                .await?
                .ok_or_else(no_such_advertiser)?;
            row.name = name.unwrap_or(row.name);
            row.category = category.unwrap_or(row.category);
            row.website = website.unwrap_or(row.website);
            row.application_rule = input.application_rule.unwrap_or(row.application_rule);
            row.minimum_trust = input.minimum_trust.unwrap_or(row.minimum_trust);
            row.reapply_after_days = days.unwrap_or(row.reapply_after_days);
            row.require_timestamp = input.require_timestamp.unwrap_or(row.require_timestamp);
            advertiser::update(connection, &row).await.map_err(taken)?;
            Ok(row)
        })
        .await
}

/// Whether a decimal can be a trust score, which has two decimal places.
fn is_trust_score(number: &BigDecimal) -> bool {
    let range = BigDecimal::from(0)..=BigDecimal::from(1);
    range.contains(number) && number.normalized().fractional_digit_count() <= 2
}

/// What is to be changed of an affiliate. None: it stays; none inside: it is taken away.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct UpdateAffiliate {
    pub name: Option<String>,
    pub email: Option<Option<String>>,
    pub discord_user_id: Option<Option<String>>,
    pub is_active: Option<bool>,
}

/// Changes an affiliate: its own profile, or, for operators, anybody's and whether it is active. One that is made inactive is
/// signed out everywhere.
///
/// # Errors
/// A field is not what it must be, or taken; the affiliate is not the caller's, or the caller may not say who is active.
pub async fn update_affiliate(
    app: &App,
    viewer: &Viewer,
    affiliate_id: Option<i64>,
    input: UpdateAffiliate,
) -> Result<Affiliate, Error> {
    let missing = || {
        Refusal::field(
            RefusalCode::NotFound,
            "affiliateId",
            "affiliateId names no affiliate of yours",
        )
    };
    let affiliate_id = match (viewer.principal, affiliate_id) {
        (Principal::Affiliate(own), None) => own,
        (Principal::Affiliate(own), Some(named)) if own == named => own,
        (Principal::Operator, Some(named)) => named,
        (Principal::Operator, None) => {
            let message = "affiliateId: an operator must say which affiliate";
            return Err(Error::BadInput(message.into()));
        }
        (Principal::Affiliate(_), Some(_)) => return Err(missing().into()),
        (Principal::Advertiser(_), _) => {
            return Err(Error::Forbidden("an advertiser cannot do this"));
        }
    };
    if input.is_active.is_some() && viewer.principal != Principal::Operator {
        return Err(Error::Forbidden("only an operator says who is active"));
    }
    let mut checks = Checks::default();
    let name = input
        .name
        .map(|name| checks.required_text("name", &name, 200));
    let email = input
        .email
        .map(|text| checks.email("email", text.as_deref()));
    let discord = input
        .discord_user_id
        .map(|text| checks.discord_user_id("discordUserId", text.as_deref()));
    checks.finish()?;
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    let row = connection
        .transaction::<_, Error, _>(async |connection| {
            let mut row = affiliate::lock(connection, &[affiliate_id])
                .await?
                .pop()
                .ok_or_else(missing)?;
            row.name = name.unwrap_or(row.name);
            row.discord_user_id = discord.unwrap_or(row.discord_user_id);
            row.is_active = input.is_active.unwrap_or(row.is_active);
            if let Some(email) = email {
                user::update_email(connection, affiliate_id, email.as_deref())
                    .await
                    .map_err(taken)?;
                row.email = email;
            }
            affiliate::update(connection, &row).await.map_err(taken)?;
            if !row.is_active {
                user::lock_of_affiliate(connection, affiliate_id).await?;
                user::revoke_sign_ins(connection, affiliate_id, now).await?;
            }
            Ok(row)
        })
        .await?;
    app.sign_ins.forget();
    Ok(row)
}

/// Revokes an API key by the prefix that names it: the caller's own or, for operators, anybody's. Whoever signed in with it
/// is signed out.
///
/// # Errors
/// There is no such key, or it is not the caller's.
pub async fn revoke_api_key(app: &App, viewer: &Viewer, prefix: &str) -> Result<(), Error> {
    let missing = || {
        let message = "prefix names no API key of yours";
        Refusal::field(RefusalCode::NotFound, "prefix", message)
    };
    // PostgreSQL holds no text with this character.
    if prefix.contains('\0') {
        return Err(missing().into());
    }
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            let key = user::lock_api_key(connection, prefix)
                .await?
                .ok_or_else(missing)?;
            if viewer.principal != Principal::Operator && !is_own(connection, viewer, &key).await? {
                return Err(missing().into());
            }
            if key.revoked_at.is_none() {
                user::lock(connection, key.user_id).await?;
                user::revoke_api_key(connection, key.id, now).await?;
            }
            Ok(())
        })
        .await?;
    app.sign_ins.forget();
    Ok(())
}

/// Whether a key is of the viewer's own side: an advertiser may have several users.
async fn is_own(
    connection: &mut Connection,
    viewer: &Viewer,
    key: &user::KeyOwner,
) -> Result<bool, Error> {
    let owner = user::find(connection, key.user_id).await?;
    Ok(owner.is_some_and(|owner| match viewer.principal {
        Principal::Operator => true,
        Principal::Advertiser(id) => owner.advertiser_id == Some(id),
        Principal::Affiliate(id) => owner.affiliate_id == Some(id),
    }))
}
