//! Who gets in: what Discord signed, now, and nothing else.

use std::path::Path;

use aws_lc_rs::signature::Ed25519KeyPair;
use countersign::simulator::World;
use serde_json::{Value, json};

use super::{Stage, command, deferred, option, post, signed};
use crate::support::{TestApp, until};

const PING: &str = r#"{"type":1}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_answered_and_what_is_not_signed_is_not() {
    let stage = Stage::open().await;
    assert_eq!(stage.deliver(PING).await, (200, json!({ "type": 1 })));
    let now = stage.now().to_string();
    let signature = stage.sign(&now, PING);
    let stranger = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    let of_stranger = hex::encode(stranger.sign(format!("{now}{PING}").as_bytes()).as_ref());
    let later = (stage.now() + 1).to_string();
    let zeros = "0".repeat(128);
    let twice = [
        ("X-Signature-Ed25519", signature.as_str()),
        ("X-Signature-Ed25519", signature.as_str()),
        ("X-Signature-Timestamp", now.as_str()),
    ];
    for (body, headers) in [
        (PING, &[][..]),
        (PING, &signed(&signature, &now)[..1]),
        (PING, &signed(&signature, &now)[1..]),
        (PING, &twice[..]),
        (PING, &signed("", &now)[..]),
        (PING, &signed("69", &now)[..]),
        (PING, &signed(&zeros, &now)[..]),
        (PING, &signed(&signature[2..], &now)[..]),
        (PING, &signed(&of_stranger, &now)[..]),
        (PING, &signed(&signature, &later)[..]),
        (PING, &signed(&signature, "")[..]),
        ("{\"type\": 1}", &signed(&signature, &now)[..]),
        ("{\"type\":2}", &signed(&signature, &now)[..]),
        ("no JSON", &signed(&signature, &now)[..]),
        ("", &signed(&signature, &now)[..]),
    ] {
        let (status, answer) = post(&stage.app, body, headers).await;
        assert_eq!(status, 401, "{body} {headers:?}: {answer}");
    }
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_must_be_of_now_and_an_interaction() {
    let stage = Stage::open().await;
    let now = stage.now();
    for (timestamp, expected) in [
        ((now - 290).to_string(), 200),
        ((now + 290).to_string(), 200),
        ((now - 310).to_string(), 401),
        ((now + 310).to_string(), 401),
        ((now * 1000).to_string(), 401),
        (format!("+{now}"), 401),
        ("now".to_owned(), 401),
    ] {
        let signature = stage.sign(&timestamp, PING);
        let (status, _) = post(&stage.app, PING, &signed(&signature, &timestamp)).await;
        assert_eq!(status, expected, "{timestamp}");
    }
    for body in [
        "",
        "{",
        "this is no JSON",
        "null",
        "[]",
        "{}",
        r#"{"type":"1"}"#,
        r#"{"type":9}"#,
        r#"{"type":2}"#,
        r#"{"type":2,"id":7,"token":"t","user":{"id":"1"},"data":{"name":"status"}}"#,
    ] {
        let (status, answer) = stage.deliver(body).await;
        assert_eq!(status, 400, "{body}: {answer}");
    }
    let long = json!({ "type": 1, "note": "x".repeat(70_000) }).to_string();
    assert_eq!(stage.deliver(&long).await.0, 413);
    assert_eq!(stage.count("discord_interactions").await, 0);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_key_has_no_door() {
    let app = TestApp::start().await;
    let (status, answer) = post(&app, PING, &signed(&"0".repeat(128), "1700000000")).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (404, &json!("NOT_FOUND"))
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interaction_is_kept_once_with_its_token_out_of_sight() {
    let stage = Stage::open().await;
    let body = command("1", 7, "status", &json!([]));
    for _ in 0..3 {
        assert_eq!(stage.deliver(&body).await, (200, deferred()));
    }
    let all = (0..20).map(|_| stage.deliver(&body));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(answer, (200, deferred()));
    }
    assert_eq!(stage.count("discord_interactions").await, 1);
    assert_eq!(stage.count("mq_msgs").await, 1);
    let kept = crate::authorization::everything(&stage.app.database).await;
    let token = super::token(7);
    assert!(!kept.contains(&token) && !kept.contains(&hex::encode(&token)));
    stage.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_for_another_application_is_answered_under_its_own() {
    let stage = Stage::working().await;
    let mut body: Value = serde_json::from_str(&command("1", 7, "status", &json!([]))).unwrap();
    body["application_id"] = json!("80351110224678912");
    assert_eq!(stage.deliver(&body.to_string()).await, (200, deferred()));
    let token = super::token(7);
    until("the command is answered", async || {
        !stage.discord.answers(&token).is_empty()
    })
    .await;
    // Discord knows the token under no other.
    assert_eq!(
        stage.discord.told()[0].line,
        format!("PATCH /api/v10/webhooks/80351110224678912/{token}/messages/@original")
    );
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_direct_message_the_user_stands_elsewhere() {
    let stage = Stage::open().await;
    let mut body: Value = serde_json::from_str(&command(
        "1",
        7,
        "submit",
        &json!([
            option("url", "https://redd.it/1skjxta"),
            option("campaign", "X"),
            option("views", 1),
        ]),
    ))
    .unwrap();
    body.as_object_mut().unwrap().remove("member");
    body["user"] = json!({ "id": "80351110224678912" });
    assert_eq!(stage.deliver(&body.to_string()).await, (200, deferred()));
    let member = "SELECT discord_user_id FROM discord_interactions";
    assert_eq!(stage.app.database.text(member).await, "80351110224678912");
    stage.app.abandon().await;
}

/// A published request, read from the folder beside the repository; none, said aloud, where that is absent.
fn published(file: &str) -> Option<(Value, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/discord");
    let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
        eprintln!("skipped: {file} is not in {}", folder.display());
        return None;
    };
    let vector: Value = serde_json::from_str(&text).unwrap();
    let body = match vector["body_file"].as_str() {
        Some(file) => std::fs::read_to_string(folder.join(file)).unwrap(),
        None => vector["body"].as_str().unwrap().to_owned(),
    };
    Some((vector, body))
}

#[tokio::test(flavor = "multi_thread")]
async fn published_requests_are_answered_at_their_time_and_refused_when_altered_or_late() {
    for (file, expected) in [
        ("TehGM__Discord.Interactions.AspNetCore__vector.json", 400),
        (
            "showengineer__rusty-interaction__badjson_valid_signature.headers.json",
            400,
        ),
        (
            "showengineer__rusty-interaction__ping_valid.headers.json",
            200,
        ),
        (
            "showengineer__rusty-interaction__ping_wrong_signature.headers.json",
            401,
        ),
        (
            "showengineer__rusty-interaction__slash_command_valid.headers.json",
            200,
        ),
    ] {
        let Some((vector, body)) = published(file) else {
            continue;
        };
        let text = |field: &str| vector[field].as_str().unwrap().to_owned();
        let key = [("COUNTERSIGN_DISCORD_PUBLIC_KEY", text("public_key_hex"))];
        let app = TestApp::with_settings(World::new(7).with_frozen_growth(), &key).await;
        let (signature, timestamp) = (text("x-signature-ed25519"), text("x-signature-timestamp"));
        let headers = signed(&signature, &timestamp);
        let (late, _) = post(&app, &body, &headers).await;
        assert_eq!(late, 401, "{file}");

        app.database
            .execute(&format!(
                "CREATE OR REPLACE FUNCTION countersign_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE \
                 AS $$ SELECT to_timestamp({timestamp}) $$"
            ))
            .await;
        app.app.clock.synchronise(&app.app.db).await.unwrap();
        let (status, answer) = post(&app, &body, &headers).await;
        assert_eq!(status, expected, "{file}: {answer}");
        if file.contains("ping_valid") {
            assert_eq!(answer, json!({ "type": 1 }));
        }
        if file.contains("slash_command") {
            assert_eq!(
                (&answer["type"], &answer["data"]["flags"]),
                (&json!(4), &json!(64))
            );
            let content = answer["data"]["content"].as_str().unwrap();
            assert!(
                content.contains("There is no command /test here."),
                "{content}"
            );
        }
        let (altered, _) = post(&app, &format!("{body} "), &headers).await;
        assert_eq!(altered, 401, "{file}");
        let zeros = "0".repeat(128);
        let (altered, _) = post(&app, &body, &signed(&zeros, &timestamp)).await;
        assert_eq!(altered, 401, "{file}");
        app.abandon().await;
    }
}
