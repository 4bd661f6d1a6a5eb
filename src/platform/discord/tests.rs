//! What is sent to Discord, and what its answers mean.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::{Conversation, Discord, DiscordConfig, DiscordSetupError};
use crate::model::Secret;
use crate::platform::stub::{Reply, Stub};
use crate::platform::{Advice, PlatformError};

const TOKEN: &str = "aW50ZXJhY3Rpb24-secret_token";

fn config(base_url: Url) -> DiscordConfig {
    DiscordConfig {
        base_url,
        application_id: Some("771825006014889984".to_owned()),
        bot_token: Some(Secret::new("the-bot-token")),
        ..DiscordConfig::default()
    }
}

fn discord(stub: &Stub) -> Discord {
    Discord::new(&config(stub.url.clone())).unwrap()
}

fn conversation() -> Conversation {
    Conversation {
        application_id: "7".to_owned(),
        token: Secret::new(TOKEN),
    }
}

fn body(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn an_answer_is_edited_and_followed_by_messages_that_ping_nobody() {
    let stub = Stub::start(|_| Reply::new(200, "{}")).await;
    let discord = discord(&stub);
    discord
        .edit_answer(&conversation(), "Hello @everyone")
        .await
        .unwrap();
    discord.follow_up(&conversation(), "Bye").await.unwrap();
    let asked = stub.asked();
    assert_eq!(
        asked[0].line,
        format!("PATCH /api/v10/webhooks/7/{TOKEN}/messages/@original")
    );
    assert_eq!(
        body(&asked[0].body),
        json!({ "content": "Hello @everyone", "allowed_mentions": { "parse": [] } })
    );
    assert_eq!(asked[1].line, format!("POST /api/v10/webhooks/7/{TOKEN}"));
    assert_eq!(
        body(&asked[1].body),
        json!({ "content": "Bye", "allowed_mentions": { "parse": [] }, "flags": 64 })
    );
    for asked in asked {
        assert!(!asked.head.contains("authorization"), "{}", asked.head);
    }
}

#[tokio::test]
async fn a_token_stays_one_segment_of_the_address_whatever_is_in_it() {
    let stub = Stub::start(|_| Reply::new(200, "{}")).await;
    let base_url = stub.url.join("/played/").unwrap();
    let discord = Discord::new(&config(base_url)).unwrap();
    let conversation = Conversation {
        token: Secret::new("a/../b?c#d"),
        ..conversation()
    };
    discord.follow_up(&conversation, "x").await.unwrap();
    assert_eq!(
        stub.asked()[0].line,
        "POST /played/api/v10/webhooks/7/a%2F..%2Fb%3Fc%23d"
    );
}

#[tokio::test]
async fn what_discord_answers_says_whether_to_wait_to_try_again_or_to_give_up() {
    let limited =
        r#"{"message": "You are being rate limited.", "retry_after": 1.5, "global": false}"#;
    for (status, answer, expected) in [
        (
            429,
            limited,
            Advice::Snooze(Some(Duration::from_millis(1500))),
        ),
        (429, "<html>", Advice::Snooze(Some(Duration::from_secs(9)))),
        (
            404,
            r#"{"message": "Unknown Webhook", "code": 10015}"#,
            Advice::GiveUp,
        ),
        (
            401,
            r#"{"message": "Invalid Webhook Token", "code": 50027}"#,
            Advice::GiveUp,
        ),
        (400, "{}", Advice::GiveUp),
        (502, "<html>", Advice::Retry),
        (302, "", Advice::Retry),
    ] {
        let stub =
            Stub::start(move |_| Reply::new(status, answer).header("retry-after", "9")).await;
        let unsaid = discord(&stub)
            .edit_answer(&conversation(), "x")
            .await
            .unwrap_err();
        assert_eq!(unsaid.error.advice(), expected, "{status} {answer}");
        assert_eq!(unsaid.is_unknown, status == 404, "{status} {answer}");
    }
}

#[tokio::test]
async fn an_error_never_has_the_token() {
    let said = format!(r#"{{"message": "no webhook 7/{TOKEN}"}}"#);
    let stub = Stub::start(move |_| Reply::new(404, said.clone())).await;
    let discord = discord(&stub);
    let told = discord.follow_up(&conversation(), "x").await.unwrap_err();
    assert!(told.to_string().contains("no webhook 7/"), "{told}");
    let closed = Discord::new(&config(Url::parse("http://127.0.0.1:9").unwrap())).unwrap();
    let unreachable = closed.follow_up(&conversation(), "x").await.unwrap_err();
    assert!(matches!(
        unreachable.error,
        PlatformError::Unreachable { .. }
    ));
    for error in [told, unreachable] {
        assert!(!format!("{error} {error:?}").contains(TOKEN), "{error}");
    }
    assert!(!format!("{discord:?} {:?}", conversation()).contains("secret"));
}

#[tokio::test]
async fn commands_are_registered_by_the_bot_on_one_server_or_on_all() {
    let stub =
        Stub::start(|_| Reply::new(200, r#"[{"name": "submit"}, {"name": "status"}]"#)).await;
    let discord = discord(&stub);
    let commands = json!([{ "name": "submit" }]);
    for guild in [None, Some("290926798626357999")] {
        let names = discord.register(&commands, guild).await.unwrap();
        assert_eq!(names, ["submit", "status"]);
    }
    let asked = stub.asked();
    let application = "/api/v10/applications/771825006014889984";
    assert_eq!(asked[0].line, format!("PUT {application}/commands"));
    assert_eq!(
        asked[1].line,
        format!("PUT {application}/guilds/290926798626357999/commands")
    );
    for asked in asked {
        assert!(asked.head.contains("authorization: bot the-bot-token"));
        assert!(asked.head.contains("user-agent: discordbot ("));
        assert_eq!(body(&asked.body), commands);
    }
}

#[tokio::test]
async fn the_bots_token_may_end_in_a_line_break_and_is_refused_where_no_header_can_hold_it() {
    let stub = Stub::start(|_| Reply::new(200, "[]")).await;
    let with = |token: &str| {
        let config = DiscordConfig {
            bot_token: Some(Secret::new(token)),
            ..config(stub.url.clone())
        };
        Discord::new(&config).unwrap()
    };
    let error = with("a\ntoken").register(&json!([]), None).await;
    assert!(
        matches!(
            &error,
            Err(DiscordSetupError::Register(
                PlatformError::Unauthorised { .. }
            ))
        ),
        "{error:?}"
    );
    assert!(stub.asked().is_empty());
    with("the-bot-token\n")
        .register(&json!([]), None)
        .await
        .unwrap();
    let token = "authorization: bot the-bot-token";
    assert!(stub.asked()[0].head.lines().any(|line| line == token));
}

#[tokio::test]
async fn what_registering_needs_is_named_and_a_refusal_hides_the_bots_token() {
    let nothing = Discord::new(&DiscordConfig {
        base_url: Url::parse("http://127.0.0.1:9").unwrap(),
        ..DiscordConfig::default()
    })
    .unwrap();
    let error = nothing.register(&json!([]), None).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "COUNTERSIGN_DISCORD_APPLICATION_ID and COUNTERSIGN_DISCORD_BOT_TOKEN must be set"
    );
    let stub = Stub::start(|_| Reply::new(401, r#"{"message": "401: the-bot-token"}"#)).await;
    let error = discord(&stub).register(&json!([]), None).await.unwrap_err();
    assert!(matches!(
        &error,
        DiscordSetupError::Register(cause) if cause.advice() == Advice::GiveUp
    ));
    assert!(!format!("{error:?}").contains("the-bot-token"), "{error:?}");
}

#[test]
fn discord_is_asked_at_its_own_address_where_no_other_is_set() {
    let usual = DiscordConfig::default();
    assert_eq!(usual.base_url.as_str(), "https://discord.com/");
    assert!(usual.public_key.is_none());
}

#[tokio::test]
async fn another_application_than_the_one_that_is_set_is_found_once() {
    let set = Discord::new(&config(Url::parse("http://127.0.0.1:9").unwrap())).unwrap();
    assert!(!set.finds_other_application("771825006014889984"));
    assert!(set.finds_other_application("7"));
    assert!(!set.clone().finds_other_application("8"));
    let unset = Discord::new(&DiscordConfig::default()).unwrap();
    assert!(!unset.finds_other_application("7"));
}
