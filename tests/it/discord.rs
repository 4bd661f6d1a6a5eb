//! Members of Discord submit posts and hear of verdicts: as the affiliate that they are linked to, once, and by deliveries
//! that Discord signed and nobody else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod door;
mod failures;
mod kept;
mod options;
pub mod played;
mod status;
mod submit;
mod waits;

use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use countersign::platform::DiscordPace;
use countersign::simulator::World;
use serde_json::{Value, json};

use self::played::Played;
use crate::support::{Party, TestApp, until};

const APPLICATION: &str = "771825006014889984";
const MEMBER: &str = "317209107000066050";

/// A server that takes commands from a played Discord.
struct Stage {
    app: TestApp,
    discord: Played,
    pair: Ed25519KeyPair,
}

impl Stage {
    /// A server without a worker, which waits only as long as it must for the Discord that is played here.
    async fn open() -> Self {
        Self::open_with(&[], quick()).await
    }

    /// A server without a worker, with these variables in its environment besides, that waits so long.
    async fn open_with(more: &[(&str, String)], pace: DiscordPace) -> Self {
        let discord = Played::start().await;
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let mut settings = vec![
            ("COUNTERSIGN_DISCORD_BASE_URL", discord.url.clone()),
            (
                "COUNTERSIGN_DISCORD_PUBLIC_KEY",
                hex::encode(pair.public_key().as_ref()),
            ),
            ("COUNTERSIGN_DISCORD_APPLICATION_ID", APPLICATION.to_owned()),
        ];
        settings.extend_from_slice(more);
        let world = World::new(7).with_frozen_growth();
        let app = TestApp::set_up(world, &settings, |config| {
            config.discord.as_mut().unwrap().pace = pace;
        })
        .await;
        Self { app, discord, pair }
    }

    /// A server with a worker.
    async fn working() -> Self {
        let mut stage = Self::open().await;
        stage.app.start_worker();
        stage
    }

    fn sign(&self, timestamp: &str, body: &str) -> String {
        let message = format!("{timestamp}{body}");
        hex::encode(self.pair.sign(message.as_bytes()).as_ref())
    }

    fn now(&self) -> i64 {
        self.app.app.clock.now().timestamp()
    }

    /// Delivers a body as Discord would.
    async fn deliver(&self, body: &str) -> (u16, Value) {
        let timestamp = self.now().to_string();
        let signature = self.sign(&timestamp, body);
        post(&self.app, body, &signed(&signature, &timestamp)).await
    }

    /// Gives a command, and gives what is answered at once.
    async fn command(&self, id: u64, name: &str, options: &Value) -> Value {
        self.command_of(MEMBER, id, name, options).await
    }

    async fn command_of(&self, member: &str, id: u64, name: &str, options: &Value) -> Value {
        let body = command(member, id, name, options);
        let (status, answer) = self.deliver(&body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Gives a command whose answer comes later, waits for it, and gives its text.
    async fn ask(&self, id: u64, name: &str, options: &Value) -> String {
        self.ask_as(MEMBER, id, name, options).await
    }

    async fn ask_as(&self, member: &str, id: u64, name: &str, options: &Value) -> String {
        let answer = self.command_of(member, id, name, options).await;
        assert_eq!(answer, deferred());
        let token = token(id);
        until("the command is answered", async || {
            !self.discord.answers(&token).is_empty()
        })
        .await;
        self.discord.answers(&token).remove(0)
    }

    /// An affiliate that the member is linked to, and a campaign.
    async fn linked(&self, platforms: &[&str]) -> (Party, Party, String) {
        let (advertiser, affiliate, campaign) = self.app.program(platforms).await;
        link(&affiliate, MEMBER).await;
        (advertiser, affiliate, campaign)
    }

    /// How many rows there are that fit.
    async fn count(&self, rows: &str) -> i64 {
        self.app
            .database
            .number(&format!("SELECT count(*) FROM {rows}"))
            .await
    }

    /// Waits until no token is kept any more.
    async fn forgotten(&self) {
        until("every token is erased", async || {
            self.count("discord_interactions WHERE token_sealed IS NOT NULL")
                .await
                == 0
        })
        .await;
    }

    /// Ends the test: nothing is left to be told, no job that is due is left, and none has died.
    async fn finish(self) {
        self.forgotten().await;
        self.app.finish().await;
    }

    /// Moves the time of rules and queue.
    async fn move_clock(&self, seconds: i64) {
        self.app.move_clock_by(&format!("{seconds} seconds")).await;
    }
}

/// The pace for a Discord that knows an interaction as soon as it was delivered.
fn quick() -> DiscordPace {
    DiscordPace {
        first_answer: Duration::ZERO,
        shortest_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(20),
        ..DiscordPace::default()
    }
}

/// The token of an interaction.
fn token(id: u64) -> String {
    format!("aW50ZXJhY3Rpb246-token-{id}")
}

/// What promises an answer.
fn deferred() -> Value {
    json!({ "type": 5, "data": { "flags": 64 } })
}

/// A command as Discord delivers it.
fn command(member: &str, id: u64, name: &str, options: &Value) -> String {
    json!({
        "version": 1, "type": 2, "id": id.to_string(), "application_id": APPLICATION, "token": token(id),
        "guild_id": "290926798626357999", "channel_id": "645027906669510667", "locale": "en-US",
        "member": { "user": { "id": member, "username": "ann" }, "roles": [], "permissions": "2147483647" },
        "data": { "id": "771825006014889984", "type": 1, "name": name, "options": options },
    })
    .to_string()
}

/// An option of a command as Discord delivers it.
fn option(name: &str, value: impl Into<Value>) -> Value {
    let value = value.into();
    let kind = if value.is_string() { 3 } else { 4 };
    json!({ "name": name, "type": kind, "value": value })
}

/// The headers of a signed delivery.
fn signed<'a>(signature: &'a str, timestamp: &'a str) -> [(&'static str, &'a str); 2] {
    [
        ("X-Signature-Ed25519", signature),
        ("X-Signature-Timestamp", timestamp),
    ]
}

/// Posts a body to the door, and gives the status and the answer.
async fn post(app: &TestApp, body: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut request = reqwest::Client::new()
        .post(format!("{}/discord/interactions", app.url))
        .header("content-type", "application/json")
        .body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

/// Links an affiliate to a member of Discord.
async fn link(affiliate: &Party, member: &str) {
    let data = affiliate
        .client
        .ok(
            "mutation($member: String) { updateAffiliate(input: { discordUserId: $member }) { userErrors { code } } }",
            json!({ "member": member }),
        )
        .await;
    assert_eq!(data["updateAffiliate"]["userErrors"], json!([]), "{data}");
}
