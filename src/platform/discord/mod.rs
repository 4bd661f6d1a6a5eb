//! Discord: what it signs, and the messages that answer a member's command.
//!
//! Discord delivers a command to this program's own door and signs it; [`Discord::is_genuine`] says
//! whether it did. What there is to say afterwards is sent to Discord under the interaction's token,
//! which lives for fifteen minutes and needs no other credential. The token stands in the address
//! that is asked, so it is taken out of whatever Discord answers; errors never name addresses.
//!
//! It fails with [`PlatformError`]: a rate limit says how long to wait, no usable answer may be tried
//! again, and a token that has ended is refused for good. That Discord does not know an interaction,
//! which is also so for a moment after it was delivered, is said beside it ([`Unsaid`]).

mod signature;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;

use super::config::literal;
use super::error::{PlatformError, hide};
use super::guard::Guard;
use super::http::{Answer, Http, credential, json as parse_json, status_error};
use super::lenient::text;
use super::registry::given_secret;
use crate::model::Secret;

/// The version of the API that is spoken.
const API: [&str; 2] = ["api", "v10"];
/// The flag of a message that only the member who asked sees.
const EPHEMERAL: u32 = 64;
/// The longest wait that Discord can ask for. Tokens do not live as long.
const MAX_WAIT: Duration = Duration::from_hours(1);

/// How long this program waits before and between what it says to Discord. No variable sets it: the defaults fit Discord, and
/// tests, which play Discord themselves, wait less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscordPace {
    /// How long a command waits for a connection to the database (1.5 s): Discord waits three seconds for the answer.
    pub connection_wait: Duration,
    /// How long after a command it is answered at the earliest (1 s): before Discord has read that an answer follows it takes
    /// none.
    pub first_answer: Duration,
    /// The shortest pause between two looks for a verdict, or two tries to say something (1 s).
    pub shortest_pause: Duration,
    /// The longest such pause (60 s).
    pub longest_pause: Duration,
}

impl Default for DiscordPace {
    fn default() -> Self {
        Self {
            connection_wait: Duration::from_millis(1500),
            first_answer: Duration::from_secs(1),
            shortest_pause: Duration::from_secs(1),
            longest_pause: Duration::from_mins(1),
        }
    }
}

/// The registration of this program at Discord. Printing it shows no secret.
#[derive(Debug, Clone)]
pub struct DiscordConfig {
    /// The root of Discord, `https://discord.com` unless the operator sets another; it may have a path.
    pub base_url: Url,
    /// The key that Discord signs with, Ed25519; none: no command is taken.
    pub public_key: Option<[u8; 32]>,
    /// The application's id, up to 20 digits.
    pub application_id: Option<String>,
    /// The token of the application's bot, which registers the commands and does nothing else.
    pub bot_token: Option<Secret>,
    /// How long it waits.
    pub pace: DiscordPace,
}

impl Default for DiscordConfig {
    fn default() -> Self {
        Self {
            base_url: literal("https://discord.com"),
            public_key: None,
            application_id: None,
            bot_token: None,
            pace: DiscordPace::default(),
        }
    }
}

/// Why Discord cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscordSetupError {
    /// The HTTP client cannot be made, such as on a machine without certificates.
    #[error("no HTTP client for Discord: {0}")]
    Client(String),
    /// Commands cannot be registered without these.
    #[error("{} must be set", .0.join(" and "))]
    Missing(Vec<&'static str>),
    /// Discord did not take the commands.
    #[error("Discord did not take the commands")]
    Register(#[from] PlatformError),
}

/// Why something was not said.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unsaid {
    /// What went wrong.
    pub error: PlatformError,
    /// Whether Discord does not know the interaction: its token has ended, or Discord has not yet read that an answer was
    /// promised.
    pub is_unknown: bool,
}

impl From<PlatformError> for Unsaid {
    fn from(error: PlatformError) -> Self {
        Self {
            error,
            is_unknown: false,
        }
    }
}

/// What answers one interaction.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// The application that the interaction is for.
    pub application_id: String,
    /// The interaction's token, which lives for 15 minutes.
    pub token: Secret,
}

/// Access to Discord.
#[derive(Debug, Clone)]
pub struct Discord {
    config: DiscordConfig,
    http: Http,
    /// Whether it was said that commands are for another application than the one that is set.
    told_of_other: Arc<AtomicBool>,
}

impl Discord {
    /// Access by this registration.
    ///
    /// Fails where the HTTP client cannot be made.
    pub fn new(config: &DiscordConfig) -> Result<Self, DiscordSetupError> {
        let host = config.base_url.host_str();
        let usual = DiscordConfig::default();
        // A private address is asked where the operator set it, and nowhere else.
        let guard = Guard::opening(host.filter(|host| usual.base_url.host_str() != Some(*host)));
        let user_agent = concat!(
            "DiscordBot (",
            env!("CARGO_PKG_REPOSITORY"),
            ", ",
            env!("CARGO_PKG_VERSION"),
            ")"
        );
        let plain = config.base_url.scheme() == "http";
        let http = Http::guarded(guard, user_agent, plain).map_err(DiscordSetupError::Client)?;
        Ok(Self {
            config: config.clone(),
            http,
            told_of_other: Arc::default(),
        })
    }

    /// Whether commands are taken.
    pub fn takes_commands(&self) -> bool {
        self.config.public_key.is_some()
    }

    /// The application's id, where it is set.
    pub fn application_id(&self) -> Option<&str> {
        self.config.application_id.as_deref()
    }

    /// Whether it is time to say that commands are for another application than the one that is set: at the first one of such
    /// an application, and not again.
    pub fn finds_other_application(&self, id: &str) -> bool {
        self.application_id().is_some_and(|own| own != id)
            && !self.told_of_other.swap(true, Ordering::Relaxed)
    }

    /// How long to wait.
    pub fn pace(&self) -> DiscordPace {
        self.config.pace
    }

    /// Whether Discord signed this: `signature` and `timestamp` as the headers have them, the body
    /// byte by byte. Nothing is signed where no key is set.
    pub fn is_genuine(&self, signature: &str, timestamp: &str, body: &[u8]) -> bool {
        self.config
            .public_key
            .as_ref()
            .is_some_and(|key| signature::holds(key, signature, timestamp, body))
    }

    /// Puts a text, at most 2,000 characters, in the place of the answer that was promised.
    pub async fn edit_answer(
        &self,
        conversation: &Conversation,
        content: &str,
    ) -> Result<(), Unsaid> {
        let url = self.webhook(conversation, &["messages", "@original"]);
        let request = self
            .http
            .request(Method::PATCH, url)
            .json(&message(content));
        self.say(conversation, request).await
    }

    /// Sends one more text, at most 2,000 characters, which only the member who asked sees.
    pub async fn follow_up(
        &self,
        conversation: &Conversation,
        content: &str,
    ) -> Result<(), Unsaid> {
        let url = self.webhook(conversation, &[]);
        let mut body = message(content);
        body["flags"] = json!(EPHEMERAL);
        self.say(conversation, self.http.post(url).json(&body))
            .await
    }

    /// Makes these the application's commands, on one server or on all, and gives the names of those
    /// that Discord has now.
    ///
    /// Fails where the application's id or the bot's token is not set, and where Discord refuses.
    pub async fn register(
        &self,
        commands: &Value,
        guild_id: Option<&str>,
    ) -> Result<Vec<String>, DiscordSetupError> {
        let id = self.config.application_id.as_deref();
        let token = given_secret(self.config.bot_token.as_ref());
        let (Some(id), Some(token)) = (id, token.as_ref()) else {
            let absent = [
                ("COUNTERSIGN_DISCORD_APPLICATION_ID", id.is_none()),
                ("COUNTERSIGN_DISCORD_BOT_TOKEN", token.is_none()),
            ];
            return Err(DiscordSetupError::Missing(
                absent
                    .into_iter()
                    .filter_map(|(name, is_absent)| is_absent.then_some(name))
                    .collect(),
            ));
        };
        let mut path = vec!["applications", id];
        if let Some(guild_id) = guild_id {
            path.extend(["guilds", guild_id]);
        }
        path.push("commands");
        let request = self
            .http
            .request(Method::PUT, self.address(&path))
            .header(
                AUTHORIZATION,
                credential(&format!("Bot {}", token.expose()))?,
            )
            .json(commands);
        let answer = self.http.send(request).await?;
        check(&answer, token)?;
        let registered = parse_json(&answer.body)?;
        Ok(registered
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|command| text(command.get("name")))
            .collect())
    }

    async fn say(
        &self,
        conversation: &Conversation,
        request: RequestBuilder,
    ) -> Result<(), Unsaid> {
        let answer = self.http.send(request).await?;
        check(&answer, &conversation.token).map_err(|error| Unsaid {
            error,
            is_unknown: answer.status == 404,
        })
    }

    fn webhook(&self, conversation: &Conversation, rest: &[&str]) -> Url {
        let mut path = vec![
            "webhooks",
            conversation.application_id.as_str(),
            conversation.token.expose(),
        ];
        path.extend(rest);
        self.address(&path)
    }

    /// An address of the API. What stands between its slashes cannot add one of its own.
    fn address(&self, path: &[&str]) -> Url {
        let mut url = self.config.base_url.clone();
        // Only an address without a host has no segments, and settings with one are not taken.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(API).extend(path);
        }
        url.set_query(None);
        url.set_fragment(None);
        url
    }
}

/// A message that pings nobody.
fn message(content: &str) -> Value {
    json!({ "content": content, "allowed_mentions": { "parse": [] } })
}

/// What a status outside 2xx means. A wait is in the body, to the fraction of a second.
fn check(answer: &Answer, secret: &Secret) -> Result<(), PlatformError> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = text(body.get("message")).unwrap_or_default();
    let said = hide(&said, &[secret.expose()]);
    match status_error(answer.status, &answer.headers, &said) {
        None => Ok(()),
        Some(PlatformError::RateLimited {
            retry_after,
            limit,
            detail,
        }) => Err(PlatformError::RateLimited {
            retry_after: wait(&body).or(retry_after),
            limit,
            detail,
        }),
        Some(error) => Err(error),
    }
}

fn wait(body: &Value) -> Option<Duration> {
    let seconds = body.get("retry_after")?.as_f64()?;
    let wait = Duration::try_from_secs_f64(seconds).ok()?;
    Some(wait.min(MAX_WAIT))
}
