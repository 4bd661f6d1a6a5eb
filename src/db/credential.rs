//! Platform credentials: the affiliates' own access to the platforms.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Connection;
use super::schema::platform_credentials;
use crate::model::{CredentialState, PlatformKind};

/// An account that an affiliate linked. One that was unlinked has no token any more.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = platform_credentials, check_for_backend(diesel::pg::Pg))]
pub struct PlatformCredential {
    /// Numeric id.
    pub id: i64,
    /// Whose.
    pub affiliate_id: i64,
    /// On which platform.
    pub platform: PlatformKind,
    /// The account's id there, as the platform said.
    pub account_id: Option<String>,
    /// The account's handle there, as the platform said.
    pub account_handle: Option<String>,
    /// The token under the key.
    pub token_sealed: Option<Vec<u8>>,
    /// Which key.
    pub token_key_id: Option<String>,
    /// What the platform last said of the token.
    pub state: CredentialState,
    /// When the token ends, where that is known.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the platform last answered to it.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Counts the tokens of this account.
    pub version: i32,
}

/// An account to be linked.
#[derive(Debug, Insertable)]
#[diesel(table_name = platform_credentials)]
#[allow(missing_docs)]
pub struct NewPlatformCredential<'a> {
    pub affiliate_id: i64,
    pub platform: PlatformKind,
    pub account_id: Option<&'a str>,
    pub account_handle: Option<&'a str>,
    pub token_sealed: &'a [u8],
    pub token_key_id: &'a str,
    pub expires_at: Option<DateTime<Utc>>,
}

/// The accounts that these affiliates have linked, by affiliate and platform.
pub async fn list_linked(
    connection: &mut Connection,
    affiliate_ids: &[i64],
) -> QueryResult<Vec<PlatformCredential>> {
    platform_credentials::table
        .filter(platform_credentials::affiliate_id.eq_any(affiliate_ids))
        .filter(platform_credentials::unlinked_at.is_null())
        .order((
            platform_credentials::affiliate_id.asc(),
            platform_credentials::platform.asc(),
        ))
        .select(PlatformCredential::as_select())
        .load(connection)
        .await
}

/// Whether an affiliate has an account linked on a platform whose token would be asked with at a time: it is not past its time,
/// and it works as far as is known, or was refused before `refused_before` and may be tried again.
pub async fn has_usable(
    connection: &mut Connection,
    affiliate_id: i64,
    platform: PlatformKind,
    now: DateTime<Utc>,
    refused_before: DateTime<Utc>,
) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(
        platform_credentials::table
            .filter(platform_credentials::affiliate_id.eq(affiliate_id))
            .filter(platform_credentials::platform.eq(platform))
            .filter(platform_credentials::unlinked_at.is_null())
            .filter(
                platform_credentials::state.eq(CredentialState::Working).or(
                    platform_credentials::state
                        .ne(CredentialState::Expired)
                        .and(platform_credentials::last_used_at.le(refused_before))
                        .assume_not_null(),
                ),
            )
            .filter(
                platform_credentials::expires_at
                    .is_null()
                    .or(platform_credentials::expires_at.gt(now)),
            ),
    ))
    .get_result(connection)
    .await
}

/// When each of these affiliates last had a token taken away or run out on a platform; none inside where neither ever happened.
/// Those who never linked an account are left out.
pub async fn list_access_ends(
    connection: &mut Connection,
    platform: PlatformKind,
    affiliate_ids: &[i64],
    now: DateTime<Utc>,
) -> QueryResult<Vec<(i64, Option<DateTime<Utc>>)>> {
    use diesel::dsl::{max, sql};
    use diesel::sql_types::{Nullable, Timestamptz};
    platform_credentials::table
        .filter(platform_credentials::affiliate_id.eq_any(affiliate_ids))
        .filter(platform_credentials::platform.eq(platform))
        .group_by(platform_credentials::affiliate_id)
        .select((
            platform_credentials::affiliate_id,
            max(
                sql::<Nullable<Timestamptz>>("greatest(unlinked_at, CASE WHEN expires_at <= ")
                    .bind::<Timestamptz, _>(now)
                    .sql(" THEN expires_at END)"),
            ),
        ))
        .load(connection)
        .await
}

/// The account that an affiliate has linked on a platform, with its row locked.
pub async fn lock_linked(
    connection: &mut Connection,
    affiliate_id: i64,
    platform: PlatformKind,
) -> QueryResult<Option<PlatformCredential>> {
    platform_credentials::table
        .filter(platform_credentials::affiliate_id.eq(affiliate_id))
        .filter(platform_credentials::platform.eq(platform))
        .filter(platform_credentials::unlinked_at.is_null())
        .select(PlatformCredential::as_select())
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// Links an account.
pub async fn insert(
    connection: &mut Connection,
    new: &NewPlatformCredential<'_>,
) -> QueryResult<PlatformCredential> {
    diesel::insert_into(platform_credentials::table)
        .values(new)
        .returning(PlatformCredential::as_returning())
        .get_result(connection)
        .await
}

/// Gives a linked account another token, of which nothing is known but that it works.
pub async fn update_token(
    connection: &mut Connection,
    id: i64,
    new: &NewPlatformCredential<'_>,
) -> QueryResult<PlatformCredential> {
    diesel::update(platform_credentials::table.find(id))
        .set((
            platform_credentials::account_id.eq(new.account_id),
            platform_credentials::account_handle.eq(new.account_handle),
            platform_credentials::token_sealed.eq(new.token_sealed),
            platform_credentials::token_key_id.eq(new.token_key_id),
            platform_credentials::expires_at.eq(new.expires_at),
            platform_credentials::state.eq(CredentialState::Working),
            platform_credentials::version.eq(platform_credentials::version + 1),
        ))
        .returning(PlatformCredential::as_returning())
        .get_result(connection)
        .await
}

/// Takes the token away. Observations that were made with it keep naming the row.
pub async fn unlink(
    connection: &mut Connection,
    id: i64,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    diesel::update(platform_credentials::table.find(id))
        .set((
            platform_credentials::token_sealed.eq(None::<Vec<u8>>),
            platform_credentials::token_key_id.eq(None::<String>),
            platform_credentials::unlinked_at.eq(now),
        ))
        .execute(connection)
        .await
}

/// Notes what the platform said of a token, unless there is another one by now. That it was used is noted once a minute.
pub async fn update_state(
    connection: &mut Connection,
    read: &PlatformCredential,
    state: CredentialState,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    let a_minute_ago = now - chrono::TimeDelta::minutes(1);
    diesel::update(platform_credentials::table.find(read.id))
        .filter(platform_credentials::version.eq(read.version))
        .filter(
            platform_credentials::state
                .ne(state)
                .or(platform_credentials::last_used_at.is_null())
                .or(platform_credentials::last_used_at.lt(a_minute_ago)),
        )
        .set((
            platform_credentials::state.eq(state),
            platform_credentials::last_used_at.eq(now),
        ))
        .execute(connection)
        .await
}

/// The tokens that are under another key than this one.
pub async fn list_under_other_keys(
    connection: &mut Connection,
    key_id: &str,
) -> QueryResult<Vec<PlatformCredential>> {
    platform_credentials::table
        .filter(platform_credentials::token_key_id.ne(key_id))
        .order(platform_credentials::id.asc())
        .select(PlatformCredential::as_select())
        .load(connection)
        .await
}

/// Keeps a token under another key, where it is still the one that was read.
pub async fn update_sealed(
    connection: &mut Connection,
    read: &PlatformCredential,
    sealed: &[u8],
    key_id: &str,
) -> QueryResult<usize> {
    diesel::update(platform_credentials::table.find(read.id))
        .filter(platform_credentials::token_sealed.is_not_distinct_from(&read.token_sealed))
        .set((
            platform_credentials::token_sealed.eq(sealed),
            platform_credentials::token_key_id.eq(key_id),
        ))
        .execute(connection)
        .await
}
