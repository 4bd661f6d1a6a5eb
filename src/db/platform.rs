//! Platforms: whether they are in use, and what operators set over the environment.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Connection;
use super::schema::platforms;
use crate::model::PlatformKind;

/// What operators set. None: as the environment says.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable, PartialEq, Eq)]
#[diesel(table_name = platforms, primary_key(kind), check_for_backend(diesel::pg::Pg))]
pub struct Platform {
    /// Which platform.
    pub kind: PlatformKind,
    /// Whether posts on it are taken.
    pub enabled: bool,
    /// The root of its API.
    pub base_url: Option<String>,
    /// The id of this program's registration there.
    pub client_id: Option<String>,
    /// The secret of that registration, encrypted.
    pub client_secret_sealed: Option<Vec<u8>>,
    /// Under which key.
    pub client_secret_key_id: Option<String>,
    /// A token that reads the figures of one account, encrypted.
    pub access_token_sealed: Option<Vec<u8>>,
    /// Under which key.
    pub access_token_key_id: Option<String>,
    /// The account that the token reads.
    pub account_id: Option<String>,
    /// The account that advertises, `act_` and its number.
    pub ad_account_id: Option<String>,
    /// A token that reads that account, encrypted.
    pub ad_access_token_sealed: Option<Vec<u8>>,
    /// Under which key.
    pub ad_access_token_key_id: Option<String>,
    /// The version in the path of its API.
    pub api_version: Option<String>,
    /// How many calls a minute all processes together may make.
    pub requests_per_minute: Option<i32>,
    /// Counts up with every change.
    pub version: i64,
}

/// Every platform.
pub async fn list(connection: &mut Connection) -> QueryResult<Vec<Platform>> {
    platforms::table
        .order(platforms::kind.asc())
        .select(Platform::as_select())
        .load(connection)
        .await
}

/// Locks a platform.
pub async fn lock(connection: &mut Connection, kind: PlatformKind) -> QueryResult<Platform> {
    platforms::table
        .find(kind)
        .select(Platform::as_select())
        .for_no_key_update()
        .first(connection)
        .await
}

/// Writes what was set, as another version.
pub async fn update(connection: &mut Connection, platform: &Platform) -> QueryResult<Platform> {
    diesel::update(platforms::table.find(platform.kind))
        .set((
            platforms::enabled.eq(platform.enabled),
            platforms::base_url.eq(&platform.base_url),
            platforms::client_id.eq(&platform.client_id),
            platforms::client_secret_sealed.eq(&platform.client_secret_sealed),
            platforms::client_secret_key_id.eq(&platform.client_secret_key_id),
            platforms::access_token_sealed.eq(&platform.access_token_sealed),
            platforms::access_token_key_id.eq(&platform.access_token_key_id),
            platforms::account_id.eq(&platform.account_id),
            platforms::ad_account_id.eq(&platform.ad_account_id),
            platforms::ad_access_token_sealed.eq(&platform.ad_access_token_sealed),
            platforms::ad_access_token_key_id.eq(&platform.ad_access_token_key_id),
            platforms::api_version.eq(&platform.api_version),
            platforms::requests_per_minute.eq(platform.requests_per_minute),
            platforms::version.eq(platforms::version + 1),
        ))
        .returning(Platform::as_returning())
        .get_result(connection)
        .await
}

/// What changes with every change of a setting.
pub async fn version(connection: &mut Connection) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        version: i64,
    }
    let row: Row = diesel::sql_query("SELECT sum(version)::bigint AS version FROM platforms")
        .get_result(connection)
        .await?;
    Ok(row.version)
}

/// A platform with a secret under another key than this one, for moving it there.
pub async fn list_under_other_keys(
    connection: &mut Connection,
    key_id: &str,
) -> QueryResult<Vec<Platform>> {
    platforms::table
        .filter(
            platforms::client_secret_key_id
                .ne(key_id)
                .or(platforms::access_token_key_id.ne(key_id))
                .or(platforms::ad_access_token_key_id.ne(key_id)),
        )
        .select(Platform::as_select())
        .load(connection)
        .await
}
