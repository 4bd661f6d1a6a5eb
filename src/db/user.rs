//! Who may sign in: users, their API keys and refresh tokens. Only hashes of secrets are kept.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::Connection;
use super::schema::{affiliates, api_keys, refresh_tokens, users};
use crate::model::Role;

/// Somebody who may sign in.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
pub struct User {
    /// Numeric id.
    pub id: i64,
    /// On whose behalf.
    pub role: Role,
    /// The advertiser that it acts for.
    pub advertiser_id: Option<i64>,
    /// The affiliate that it is.
    pub affiliate_id: Option<i64>,
    /// The password's argon2 hash.
    pub password_hash: Option<String>,
}

/// A user to be created.
#[derive(Debug, Insertable)]
#[diesel(table_name = users)]
pub struct NewUser<'a> {
    /// On whose behalf.
    pub role: Role,
    /// The advertiser that it acts for.
    pub advertiser_id: Option<i64>,
    /// The affiliate that it is.
    pub affiliate_id: Option<i64>,
    /// The name for signing in with a password.
    pub email: Option<&'a str>,
    /// The password's argon2 hash.
    pub password_hash: Option<&'a str>,
}

/// An API key to be created.
#[derive(Debug, Insertable)]
#[diesel(table_name = api_keys)]
pub struct NewApiKey<'a> {
    /// Whose it is.
    pub user_id: i64,
    /// What names it in lists.
    pub prefix: &'a str,
    /// SHA-256 of the key.
    pub hash: &'a [u8],
    /// What its owner calls it.
    pub label: Option<&'a str>,
    /// When it stops working.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A refresh token to be created.
#[derive(Debug, Insertable)]
#[diesel(table_name = refresh_tokens)]
pub struct NewRefreshToken<'a> {
    /// Whose it is.
    pub user_id: i64,
    /// The sign-in that it descends from.
    pub family: Uuid,
    /// The API key that the sign-in began with.
    pub api_key_id: Option<i64>,
    /// SHA-256 of the token.
    pub hash: &'a [u8],
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
}

/// A refresh token.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = refresh_tokens, check_for_backend(diesel::pg::Pg))]
pub struct RefreshToken {
    /// Numeric id.
    pub id: i64,
    /// Whose it is.
    pub user_id: i64,
    /// The sign-in that it descends from.
    pub family: Uuid,
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
    /// When it was exchanged.
    pub used_at: Option<DateTime<Utc>>,
    /// When its family was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The API key that the sign-in began with.
    pub api_key_id: Option<i64>,
}

/// Adds a user.
pub async fn insert(connection: &mut Connection, new: &NewUser<'_>) -> QueryResult<User> {
    diesel::insert_into(users::table)
        .values(new)
        .returning(User::as_returning())
        .get_result(connection)
        .await
}

/// The user with this id.
pub async fn find(connection: &mut Connection, id: i64) -> QueryResult<Option<User>> {
    users::table
        .find(id)
        .select(User::as_select())
        .first(connection)
        .await
        .optional()
}

/// The user who signs in with this address.
pub async fn find_by_email(connection: &mut Connection, email: &str) -> QueryResult<Option<User>> {
    users::table
        .filter(users::email.eq(email))
        .select(User::as_select())
        .first(connection)
        .await
        .optional()
}

/// The oldest user of an advertiser or affiliate, for keys that are made on its behalf.
pub async fn find_by_subject(
    connection: &mut Connection,
    advertiser_id: Option<i64>,
    affiliate_id: Option<i64>,
) -> QueryResult<Option<User>> {
    users::table
        .filter(users::advertiser_id.is_not_distinct_from(advertiser_id))
        .filter(users::affiliate_id.is_not_distinct_from(affiliate_id))
        .order(users::id.asc())
        .select(User::as_select())
        .first(connection)
        .await
        .optional()
}

/// Adds an API key.
pub async fn insert_api_key(
    connection: &mut Connection,
    new: &NewApiKey<'_>,
) -> QueryResult<usize> {
    diesel::insert_into(api_keys::table)
        .values(new)
        .execute(connection)
        .await
}

/// The user whose key this is, with the key's id, if it is neither expired nor revoked.
pub async fn find_by_api_key(
    connection: &mut Connection,
    hash: &[u8],
    now: DateTime<Utc>,
) -> QueryResult<Option<(User, i64)>> {
    users::table
        .inner_join(api_keys::table)
        .filter(api_keys::hash.eq(hash))
        .filter(api_keys::revoked_at.is_null())
        .filter(
            api_keys::expires_at
                .is_null()
                .or(api_keys::expires_at.gt(now)),
        )
        .select((User::as_select(), api_keys::id))
        .first(connection)
        .await
        .optional()
}

/// Whether the user may act: operators and advertisers always, affiliates while they are active.
pub async fn is_active(connection: &mut Connection, user: &User) -> QueryResult<bool> {
    let Some(affiliate_id) = user.affiliate_id else {
        return Ok(true);
    };
    affiliates::table
        .find(affiliate_id)
        .select(affiliates::is_active)
        .first(connection)
        .await
}

/// Adds a refresh token.
pub async fn insert_refresh_token(
    connection: &mut Connection,
    new: &NewRefreshToken<'_>,
) -> QueryResult<usize> {
    diesel::insert_into(refresh_tokens::table)
        .values(new)
        .execute(connection)
        .await
}

/// Locks a user: whoever signs it in or ends sign-ins of it waits for the other, and then sees what the other wrote.
pub async fn lock(connection: &mut Connection, id: i64) -> QueryResult<Option<i64>> {
    users::table
        .find(id)
        .select(users::id)
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// Whose the refresh token with this hash is.
pub async fn find_by_refresh_token(
    connection: &mut Connection,
    hash: &[u8],
) -> QueryResult<Option<i64>> {
    refresh_tokens::table
        .filter(refresh_tokens::hash.eq(hash))
        .select(refresh_tokens::user_id)
        .first(connection)
        .await
        .optional()
}

/// Locks the refresh token with this hash. Lock its user first.
pub async fn lock_refresh_token(
    connection: &mut Connection,
    hash: &[u8],
) -> QueryResult<Option<RefreshToken>> {
    refresh_tokens::table
        .filter(refresh_tokens::hash.eq(hash))
        .select(RefreshToken::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()
}

/// Marks a refresh token as exchanged.
pub async fn update_refresh_token_used(
    connection: &mut Connection,
    id: i64,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    diesel::update(refresh_tokens::table.find(id))
        .set(refresh_tokens::used_at.eq(now))
        .execute(connection)
        .await
}

/// Revokes every token that descends from one sign-in.
pub async fn update_family_revoked(
    connection: &mut Connection,
    family: Uuid,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    diesel::update(refresh_tokens::table.filter(refresh_tokens::family.eq(family)))
        .filter(refresh_tokens::revoked_at.is_null())
        .set(refresh_tokens::revoked_at.eq(now))
        .execute(connection)
        .await
}

/// The API key with this prefix, and whose it is.
#[derive(Debug, Clone, Queryable)]
pub struct KeyOwner {
    /// The key.
    pub id: i64,
    /// Whose it is.
    pub user_id: i64,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Locks the API key with this prefix.
pub async fn lock_api_key(
    connection: &mut Connection,
    prefix: &str,
) -> QueryResult<Option<KeyOwner>> {
    api_keys::table
        .filter(api_keys::prefix.eq(prefix))
        .select((api_keys::id, api_keys::user_id, api_keys::revoked_at))
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// Revokes an API key, and every sign-in that began with it.
pub async fn revoke_api_key(
    connection: &mut Connection,
    id: i64,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    diesel::update(api_keys::table.find(id))
        .set(api_keys::revoked_at.eq(now))
        .execute(connection)
        .await?;
    diesel::update(refresh_tokens::table.filter(refresh_tokens::api_key_id.eq(id)))
        .filter(refresh_tokens::revoked_at.is_null())
        .set(refresh_tokens::revoked_at.eq(now))
        .execute(connection)
        .await
}

/// Whether a sign-in has been ended: by its owner, by the reuse of a token, or with the API key that it began with.
pub async fn is_revoked(connection: &mut Connection, family: Uuid) -> QueryResult<bool> {
    diesel::select(diesel::dsl::not(diesel::dsl::exists(
        refresh_tokens::table
            .filter(refresh_tokens::family.eq(family))
            .filter(refresh_tokens::revoked_at.is_null()),
    )))
    .get_result(connection)
    .await
}

/// Gives an affiliate's user another address to sign in with.
pub async fn update_email(
    connection: &mut Connection,
    affiliate_id: i64,
    email: Option<&str>,
) -> QueryResult<usize> {
    diesel::update(users::table.filter(users::affiliate_id.eq(affiliate_id)))
        .set(users::email.eq(email))
        .execute(connection)
        .await
}

/// Whether an API key is neither expired nor revoked.
pub async fn is_key_valid(
    connection: &mut Connection,
    id: i64,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(
        api_keys::table
            .find(id)
            .filter(api_keys::revoked_at.is_null())
            .filter(
                api_keys::expires_at
                    .is_null()
                    .or(api_keys::expires_at.gt(now)),
            ),
    ))
    .get_result(connection)
    .await
}

/// Locks the users of an affiliate, as [`lock`] does.
pub async fn lock_of_affiliate(
    connection: &mut Connection,
    affiliate_id: i64,
) -> QueryResult<Vec<i64>> {
    users::table
        .filter(users::affiliate_id.eq(affiliate_id))
        .order(users::id)
        .select(users::id)
        .for_no_key_update()
        .load(connection)
        .await
}

/// Ends every sign-in of an affiliate's user.
pub async fn revoke_sign_ins(
    connection: &mut Connection,
    affiliate_id: i64,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    diesel::update(
        refresh_tokens::table.filter(
            refresh_tokens::user_id.eq_any(
                users::table
                    .filter(users::affiliate_id.eq(affiliate_id))
                    .select(users::id),
            ),
        ),
    )
    .filter(refresh_tokens::revoked_at.is_null())
    .set(refresh_tokens::revoked_at.eq(now))
    .execute(connection)
    .await
}
