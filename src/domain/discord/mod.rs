//! Members of Discord submit posts and ask where they stand.
//!
//! Discord delivers a command to this program's door, signed, and wants an answer within three seconds. So the door only
//! keeps the command with a job, in one transaction, and promises an answer; the job does what was asked, as the affiliate
//! that the member is linked to, and puts what came of it in the place of the promise ([`answer`]). Of a claim that was
//! taken, the first verdict follows as a message of its own ([`tell`]).
//!
//! Nothing of a delivery is believed before its signature holds. The same interaction may come any number of times and is
//! kept once. The token that answers it is a secret: it lies encrypted in its row for as long as there is something to
//! say, at most for the 15 minutes that it lives. What Discord does not take is not said again when it cannot be: what was
//! submitted stands, and `/status` tells. Where a job is given up the member is told so ([`tell_failure`]). A week
//! after it was given a command is removed ([`prune`]).

mod act;
mod command;
mod failure;
mod interaction;
mod talk;
#[cfg(test)]
mod tests;
mod words;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection as _;

pub use command::definitions;
pub use failure::{give_up, requeue_dead, tell_failure};
pub use talk::{answer, tell};

use self::interaction::{Interaction, Invocation};
use super::order::signed_time;
use super::plain;
use super::task;
use crate::app::App;
use crate::db::Connection;
use crate::db::discord_interaction::{self, DiscordInteraction, NewDiscordInteraction};
use crate::db::queue::{self, NewJob};
use crate::error::Error;
use crate::model::Secret;
use crate::platform::Discord;

/// How long a command is kept. The same one is taken for five minutes after Discord signed it, and answered for 15.
const KEPT: TimeDelta = TimeDelta::days(7);
/// Most commands that are removed in one transaction.
const PRUNED_AT_ONCE: i64 = 1000;

/// What a delivery brings beside its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signature<'a> {
    /// `X-Signature-Ed25519`, 128 hexadecimal digits.
    pub signature: Option<&'a str>,
    /// `X-Signature-Timestamp`, in seconds since 1970.
    pub timestamp: Option<&'a str>,
}

/// What Discord is answered at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// That this program is there.
    Pong,
    /// That an answer follows.
    Deferred,
    /// A text of at most 2,000 characters, for the member alone.
    Message(String),
}

/// Why a delivery was not taken. Nothing was written.
#[derive(Debug)]
pub enum Rejection {
    /// This server takes no commands: no key is set that they could be signed with.
    Closed,
    /// Discord did not sign it, or not now.
    Unsigned,
    /// It is signed and is no interaction.
    Malformed(&'static str),
    /// Something failed here.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Rejection {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Whether this server takes commands.
#[must_use]
pub fn is_open(app: &App) -> bool {
    app.discord
        .as_ref()
        .is_some_and(|discord| discord.takes_commands())
}

/// Takes a delivery.
///
/// # Errors
/// [`Rejection`]; nothing was written.
pub async fn receive(app: &App, signature: Signature<'_>, body: &[u8]) -> Result<Reply, Rejection> {
    let discord = app.discord.as_deref().filter(|_| is_open(app));
    let discord = discord.ok_or(Rejection::Closed)?;
    let asked_at = verify(discord, signature, body, app.clock.now()).ok_or(Rejection::Unsigned)?;
    match interaction::parse(body).map_err(Rejection::Malformed)? {
        Interaction::Ping => Ok(Reply::Pong),
        Interaction::Other => Ok(Reply::Message(command::only_commands())),
        Interaction::Command(invocation) => take(app, discord, &invocation, asked_at).await,
    }
}

/// When Discord signed this; none where it did not, or not within five minutes of now.
fn verify(
    discord: &Discord,
    signature: Signature<'_>,
    body: &[u8],
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let timestamp = signature.timestamp?;
    if !discord.is_genuine(signature.signature?, timestamp, body) {
        return None;
    }
    signed_time(timestamp, now)
}

/// Keeps a command with its job, or says what is wrong with it.
async fn take(
    app: &App,
    discord: &Discord,
    invocation: &Invocation,
    asked_at: DateTime<Utc>,
) -> Result<Reply, Rejection> {
    let command = match &invocation.command {
        Ok(command) => serde_json::to_value(command).map_err(Error::internal)?,
        Err(message) => return Ok(Reply::Message(plain::cut(message, words::MOST))),
    };
    let application_id = invocation.application_id.as_deref();
    let Some(application_id) = application_id.or_else(|| discord.application_id()) else {
        return Ok(Reply::Message(words::NO_APPLICATION.to_owned()));
    };
    // The token is worth something under the application that the command was given to, whichever is set; and that it was
    // is signed by that application's key.
    if discord.finds_other_application(application_id) {
        tracing::warn!(
            application_id,
            "commands are for another application than COUNTERSIGN_DISCORD_APPLICATION_ID"
        );
    }
    let sealed = app
        .vault
        .seal(&token_place(&invocation.id), &invocation.token)
        .map_err(Error::internal)?;
    let new = NewDiscordInteraction {
        id: &invocation.id,
        application_id,
        discord_user_id: &invocation.discord_user_id,
        command,
        token_sealed: sealed.bytes,
        token_key_id: sealed.key_id,
        asked_at,
    };
    let now = app.clock.now();
    let pace = discord.pace();
    let jobs = [job(
        task::ANSWER_INTERACTION,
        &invocation.id,
        now + pace.first_answer,
    )?];
    // Nothing is written without one, so the member may give the command again.
    let connection = tokio::time::timeout(pace.connection_wait, app.db.get()).await;
    let Ok(Ok(mut connection)) = connection else {
        tracing::warn!("a command was not taken: there was no connection to the database in time");
        return Ok(Reply::Message(words::BUSY.to_owned()));
    };
    let is_new = connection
        .transaction::<_, Error, _>(async |connection| {
            if !discord_interaction::insert(connection, &new).await? {
                return Ok(false);
            }
            discord_interaction::erase_tokens_before(connection, now - talk::TOKEN_LIFE).await?;
            queue::insert(connection, &jobs).await?;
            Ok(true)
        })
        .await?;
    if is_new {
        app.events.hint(task::DISCORD);
    }
    Ok(Reply::Deferred)
}

/// A job that does what a command asks for, or tells what came of it.
fn job(name: &'static str, interaction_id: &str, at: DateTime<Utc>) -> Result<NewJob, Error> {
    let payload = task::Interaction {
        interaction_id: interaction_id.to_owned(),
        has_failed: false,
    };
    queued(name, &payload, at)
}

/// A job about an interaction.
fn queued(
    name: &'static str,
    payload: &task::Interaction,
    at: DateTime<Utc>,
) -> Result<NewJob, Error> {
    Ok(NewJob {
        channel_name: task::DISCORD,
        name,
        payload_json: serde_json::to_string(payload).map_err(Error::internal)?,
        attempts: task::ATTEMPTS,
        attempt_at: at,
    })
}

/// Erases tokens that have ended, and removes up to 1,000 commands that were given more than seven days ago, but for those
/// that still wait to be done; says whether there may be more.
///
/// # Errors
/// The database failed.
pub async fn prune(connection: &mut Connection, now: DateTime<Utc>) -> Result<bool, Error> {
    discord_interaction::erase_tokens_before(connection, now - talk::TOKEN_LIFE).await?;
    let before = now - KEPT;
    let removed =
        discord_interaction::delete_before(connection, before, task::DISCORD, PRUNED_AT_ONCE)
            .await?;
    Ok(removed >= usize::try_from(PRUNED_AT_ONCE).unwrap_or(usize::MAX))
}

fn token_place(interaction_id: &str) -> String {
    format!("token of interaction {interaction_id}")
}

/// Brings the tokens that still live under the first encryption key, and says how many were moved.
///
/// # Errors
/// A token cannot be decrypted, or the database failed; tokens before it are under the new key already.
pub(super) async fn reencrypt(app: &App, connection: &mut Connection) -> Result<usize, Error> {
    let key = app.vault.key_id();
    let now = app.clock.now();
    let mut moved = 0;
    for row in discord_interaction::list_under_other_keys(connection, key).await? {
        // One that has ended is worth nothing under any key.
        if now - row.asked_at >= talk::TOKEN_LIFE {
            discord_interaction::erase_token(connection, &row.id).await?;
            continue;
        }
        let Some(token) = open_token(app, &row)? else {
            continue;
        };
        let sealed = app
            .vault
            .seal(&token_place(&row.id), &token)
            .map_err(Error::internal)?;
        moved +=
            discord_interaction::update_sealed(connection, &row, &sealed.bytes, &sealed.key_id)
                .await?;
    }
    Ok(moved)
}

/// The token of an interaction; none once it was erased.
fn open_token(app: &App, row: &DiscordInteraction) -> Result<Option<Secret>, Error> {
    row.token_sealed
        .as_deref()
        .zip(row.token_key_id.as_deref())
        .map(|(sealed, key_id)| app.vault.open(&token_place(&row.id), key_id, sealed))
        .transpose()
        .map_err(Error::internal)
}
