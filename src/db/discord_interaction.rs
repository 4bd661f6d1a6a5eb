//! Interactions: commands that members of Discord gave, once each, with the token that answers them while it is needed.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::Connection;
use super::schema::discord_interactions;

/// A command that was given.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = discord_interactions, check_for_backend(diesel::pg::Pg))]
pub struct DiscordInteraction {
    /// Discord's id of it, a snowflake.
    pub id: String,
    /// The application that it was given to, a snowflake.
    pub application_id: String,
    /// The member who gave it, a snowflake.
    pub discord_user_id: String,
    /// The command with its options.
    pub command: serde_json::Value,
    /// The token that answers it, encrypted; none once there is nothing more to say.
    pub token_sealed: Option<Vec<u8>>,
    /// Under which key.
    pub token_key_id: Option<String>,
    /// The claim that it made.
    pub affiliate_report_id: Option<i64>,
    /// When Discord signed it.
    pub asked_at: DateTime<Utc>,
    /// When it was done.
    pub answered_at: Option<DateTime<Utc>>,
}

/// A command to be kept.
#[derive(Debug, Insertable)]
#[diesel(table_name = discord_interactions)]
#[allow(missing_docs)]
pub struct NewDiscordInteraction<'a> {
    pub id: &'a str,
    pub application_id: &'a str,
    pub discord_user_id: &'a str,
    pub command: serde_json::Value,
    pub token_sealed: Vec<u8>,
    pub token_key_id: String,
    pub asked_at: DateTime<Utc>,
}

/// Keeps a command, and says whether it was new.
pub async fn insert(
    connection: &mut Connection,
    new: &NewDiscordInteraction<'_>,
) -> QueryResult<bool> {
    let written = diesel::insert_into(discord_interactions::table)
        .values(new)
        .on_conflict(discord_interactions::id)
        .do_nothing()
        .execute(connection)
        .await?;
    Ok(written > 0)
}

/// The command with this id.
pub async fn find(
    connection: &mut Connection,
    id: &str,
) -> QueryResult<Option<DiscordInteraction>> {
    discord_interactions::table
        .find(id)
        .select(DiscordInteraction::as_select())
        .first(connection)
        .await
        .optional()
}

/// Notes the claim that a command made.
pub async fn update_claim(
    connection: &mut Connection,
    id: &str,
    affiliate_report_id: i64,
) -> QueryResult<usize> {
    diesel::update(discord_interactions::table.find(id))
        .set(discord_interactions::affiliate_report_id.eq(affiliate_report_id))
        .execute(connection)
        .await
}

/// Notes that a command was done.
pub async fn update_answered(
    connection: &mut Connection,
    id: &str,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    diesel::update(discord_interactions::table.find(id))
        .set(discord_interactions::answered_at.eq(now))
        .execute(connection)
        .await
}

/// Erases a token.
pub async fn erase_token(connection: &mut Connection, id: &str) -> QueryResult<usize> {
    diesel::update(discord_interactions::table.find(id))
        .set((
            discord_interactions::token_sealed.eq(None::<Vec<u8>>),
            discord_interactions::token_key_id.eq(None::<String>),
        ))
        .execute(connection)
        .await
}

/// Erases up to 100 tokens of commands that were given before a time; those that somebody else is at are left to it.
pub async fn erase_tokens_before(
    connection: &mut Connection,
    before: DateTime<Utc>,
) -> QueryResult<usize> {
    diesel::sql_query(
        "UPDATE discord_interactions SET token_sealed = NULL, token_key_id = NULL WHERE id IN ( \
         SELECT id FROM discord_interactions WHERE token_sealed IS NOT NULL AND asked_at < $1 \
         ORDER BY asked_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED)",
    )
    .bind::<Timestamptz, _>(before)
    .execute(connection)
    .await
}

/// Those of these commands that can still be answered: given after a time, and there is more to say.
pub async fn list_answerable(
    connection: &mut Connection,
    ids: &[String],
    since: DateTime<Utc>,
) -> QueryResult<Vec<String>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    discord_interactions::table
        .filter(discord_interactions::id.eq_any(ids))
        .filter(discord_interactions::token_sealed.is_not_null())
        .filter(discord_interactions::asked_at.gt(since))
        .select(discord_interactions::id)
        .load(connection)
        .await
}

/// The commands that can still be answered, given after a time, that no job on a channel of the queue is about.
pub async fn list_unattended(
    connection: &mut Connection,
    since: DateTime<Utc>,
    channel: &str,
) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        id: String,
    }
    // By halves, for each of which the queue has an index.
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT i.id FROM discord_interactions i WHERE i.token_sealed IS NOT NULL AND i.asked_at > $1 \
         AND NOT EXISTS (SELECT FROM mq_msgs m WHERE m.channel_name = $2 AND m.attempts > 0 \
             AND starts_with(m.payload_json, '{\"interaction_id\":\"' || i.id || '\"')) \
         AND NOT EXISTS (SELECT FROM mq_msgs m WHERE m.channel_name = $2 AND m.attempts = 0 \
             AND starts_with(m.payload_json, '{\"interaction_id\":\"' || i.id || '\"'))",
    )
    .bind::<Timestamptz, _>(since)
    .bind::<Text, _>(channel)
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Removes up to so many commands that were given before a time, the oldest first, and says how many there were. One that was
/// not done stays while a job on a channel of the queue is about it; those that somebody else is at are left to it.
pub async fn delete_before(
    connection: &mut Connection,
    before: DateTime<Utc>,
    channel: &str,
    most: i64,
) -> QueryResult<usize> {
    diesel::sql_query(
        "DELETE FROM discord_interactions WHERE id IN ( \
         SELECT i.id FROM discord_interactions i WHERE i.asked_at < $1 AND (i.answered_at IS NOT NULL \
             OR NOT EXISTS (SELECT FROM mq_msgs m WHERE m.channel_name = $2 AND m.attempts > 0 \
                 AND starts_with(m.payload_json, '{\"interaction_id\":\"' || i.id || '\"'))) \
         ORDER BY i.asked_at LIMIT $3 FOR UPDATE SKIP LOCKED)",
    )
    .bind::<Timestamptz, _>(before)
    .bind::<Text, _>(channel)
    .bind::<BigInt, _>(most)
    .execute(connection)
    .await
}

/// Commands whose tokens are under another key than this one, for moving them there.
pub async fn list_under_other_keys(
    connection: &mut Connection,
    key_id: &str,
) -> QueryResult<Vec<DiscordInteraction>> {
    discord_interactions::table
        .filter(discord_interactions::token_key_id.ne(key_id))
        .select(DiscordInteraction::as_select())
        .load(connection)
        .await
}

/// Puts a token under another key, if it is still there as it was read; says how many were moved.
pub async fn update_sealed(
    connection: &mut Connection,
    before: &DiscordInteraction,
    token_sealed: &[u8],
    token_key_id: &str,
) -> QueryResult<usize> {
    diesel::update(discord_interactions::table.find(&before.id))
        .filter(discord_interactions::token_sealed.eq(&before.token_sealed))
        .set((
            discord_interactions::token_sealed.eq(token_sealed),
            discord_interactions::token_key_id.eq(token_key_id),
        ))
        .execute(connection)
        .await
}
