//! What Discord delivers, read from its JSON.

use serde_json::Value;

use super::command::Command;
use crate::model::{Secret, is_discord_id};

/// The longest token that is taken, in bytes. Those that Discord gives have some 200.
const MAX_TOKEN: usize = 2048;

/// A delivery.
#[derive(Debug)]
pub(super) enum Interaction {
    /// Discord asks whether this program is there.
    Ping,
    /// A member gave a command.
    Command(Box<Invocation>),
    /// A button, a form, or the like, none of which this program shows.
    Other,
}

/// A command that a member gave.
#[derive(Debug)]
pub(super) struct Invocation {
    /// Discord's id of it.
    pub(super) id: String,
    /// The application that it was given to, where Discord says so.
    pub(super) application_id: Option<String>,
    /// What answers it.
    pub(super) token: Secret,
    /// The member.
    pub(super) discord_user_id: String,
    /// What was asked for, or what is wrong with it, for the member.
    pub(super) command: Result<Command, String>,
}

/// Reads a delivery whose signature holds.
///
/// # Errors
/// It is none, with why.
pub(super) fn parse(body: &[u8]) -> Result<Interaction, &'static str> {
    let body: Value = serde_json::from_slice(body).map_err(|_| "The body is not JSON.")?;
    match body["type"].as_u64() {
        Some(1) => Ok(Interaction::Ping),
        Some(2) => invocation(&body)
            .map(|invocation| Interaction::Command(Box::new(invocation)))
            .ok_or("The body lacks what a command has: id, token, and the user's id."),
        Some(3..=5) => Ok(Interaction::Other),
        _ => Err("The body is no interaction: its type is not from 1 to 5."),
    }
}

fn invocation(body: &Value) -> Option<Invocation> {
    let token = body["token"].as_str()?;
    if token.is_empty() || token.len() > MAX_TOKEN {
        return None;
    }
    // On a server the user is a member of it, in a direct message nobody's.
    let user = snowflake(&body["member"]["user"]["id"]);
    Some(Invocation {
        id: snowflake(&body["id"])?,
        application_id: snowflake(&body["application_id"]),
        token: Secret::new(token),
        discord_user_id: user.or_else(|| snowflake(&body["user"]["id"]))?,
        command: Command::parse(&body["data"]),
    })
}

fn snowflake(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    is_discord_id(text).then(|| text.to_owned())
}
