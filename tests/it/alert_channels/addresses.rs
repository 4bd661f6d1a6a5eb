//! Which addresses may be registered, and which are asked.

use countersign::app::App;
use countersign::jobs::{Worker, WorkerOptions};
use countersign::platform::Callbacks;
use serde_json::json;

use super::{create, deliveries, registered, send_test, update};
use crate::authorization::{contents, everything};
use crate::scene::{refusals, text};
use crate::support::{Receiver, TestApp, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_public_address_of_its_kind_is_refused_and_nothing_is_written() {
    let app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let (id, _) = registered(&acme.client, "WEBHOOK", "https://8.8.8.8/hook").await;
    let before = contents(&app.database).await;
    let long = format!("https://8.8.8.8/{}", "a".repeat(2048));
    for (kind, url, code) in [
        ("WEBHOOK", "", "INVALID"),
        ("WEBHOOK", "ftp://8.8.8.8/hook", "INVALID"),
        ("WEBHOOK", "http://8.8.8.8/hook", "INVALID"),
        ("WEBHOOK", "https://8.8.8.8:8443/hook", "INVALID"),
        ("WEBHOOK", "https://me:pw@8.8.8.8/hook", "INVALID"),
        ("WEBHOOK", "https://127.0.0.1/hook", "INVALID"),
        ("WEBHOOK", "https://2130706433/hook", "INVALID"),
        ("WEBHOOK", "https://10.1.2.3/hook", "INVALID"),
        (
            "WEBHOOK",
            "https://169.254.169.254/latest/meta-data",
            "INVALID",
        ),
        ("WEBHOOK", "https://[::1]/hook", "INVALID"),
        ("WEBHOOK", "https://[::ffff:127.0.0.1]/hook", "INVALID"),
        ("WEBHOOK", "https://localhost/hook", "INVALID"),
        (
            "WEBHOOK",
            "https://discord.com/api/webhooks/17/token",
            "INVALID",
        ),
        (
            "WEBHOOK",
            "https://ptb.discord.com/api/webhooks/17/token",
            "INVALID",
        ),
        (
            "WEBHOOK",
            "https://hooks.slack.com/services/T0/B0/token",
            "INVALID",
        ),
        ("WEBHOOK", long.as_str(), "TOO_LONG"),
        (
            "DISCORD",
            "https://8.8.8.8/api/webhooks/17/token",
            "INVALID",
        ),
        ("DISCORD", "https://discord.com/api/webhooks/17", "INVALID"),
        ("SLACK", "https://hooks.slack.com/services/T0/B0", "INVALID"),
        (
            "SLACK",
            "https://discord.com/api/webhooks/17/token",
            "INVALID",
        ),
    ] {
        let expected = [format!("{code} url")];
        let payload = create(&acme.client, json!({ "kind": kind, "url": url })).await;
        assert_eq!(refusals(&payload), expected, "{kind} {url}");
        assert_eq!(payload["signingSecret"], json!(null));
        if kind == "WEBHOOK" {
            let payload = update(&acme.client, json!({ "channelId": id, "url": url })).await;
            assert_eq!(refusals(&payload), expected, "{url}");
        }
    }
    assert_eq!(contents(&app.database).await, before);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advertiser_has_ten_channels_and_no_address_of_them_lies_in_the_clear() {
    let app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let mut secrets = vec!["t0ken-of-discord".to_owned(), "t0ken-of-slack".to_owned()];
    secrets.push("t0ken-in-path".to_owned());
    for (kind, url) in [
        (
            "DISCORD",
            format!("https://canary.discord.com/api/webhooks/17/{}", secrets[0]),
        ),
        (
            "SLACK",
            format!("https://hooks.slack.com/services/T0/B0/{}", secrets[1]),
        ),
        (
            "WEBHOOK",
            format!("https://8.8.8.8/hook/{}?key=t0ken", secrets[2]),
        ),
    ] {
        let payload = create(&acme.client, json!({ "kind": kind, "url": url })).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        assert!(!payload.to_string().contains("t0ken"), "{payload}");
        if kind == "WEBHOOK" {
            secrets.push(text(&payload["signingSecret"]));
        }
    }
    for number in 3..10 {
        registered(
            &acme.client,
            "WEBHOOK",
            &format!("https://8.8.8.8/{number}"),
        )
        .await;
    }
    let payload = create(
        &acme.client,
        json!({ "kind": "WEBHOOK", "url": "https://8.8.8.8/10" }),
    )
    .await;
    assert_eq!(refusals(&payload), ["TOO_MANY"], "{payload}");
    let data = acme
        .client
        .ok(
            "{ viewer { advertiser { alertChannels { id } } } }",
            json!({}),
        )
        .await;
    let listed = data["viewer"]["advertiser"]["alertChannels"]
        .as_array()
        .unwrap();
    assert_eq!(listed.len(), 10);
    let kept = everything(&app.database).await;
    for secret in &secrets {
        assert!(!kept.contains(secret), "{secret}");
        assert!(!kept.contains(&hex::encode(secret)), "{secret} in hex");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_turned_private_is_not_asked() {
    let mut app = TestApp::with_local_channels().await;
    app.stop_worker().await;
    let acme = app.advertiser("Acme").await;
    let receiver = Receiver::start().await;
    // As they would be found when they are sent to: an address of this machine, and a name that leads to one now.
    let mut channels = Vec::new();
    for url in [
        format!("{}/hook", receiver.url),
        "https://localhost/hook".to_owned(),
    ] {
        let (id, _) = registered(&acme.client, "WEBHOOK", &url).await;
        send_test(&acme.client, &id).await;
        channels.push(id);
    }
    let strict = App {
        callbacks: Callbacks::new(false),
        ..app.app.clone()
    };
    let worker = Worker::start(&strict, WorkerOptions::default());
    for id in &channels {
        until("it is given up", async || {
            deliveries(&acme.client, id).await[0]["status"] == "FAILED"
        })
        .await;
        let failed = deliveries(&acme.client, id).await.remove(0);
        assert_eq!(failed["lastStatusCode"], json!(null), "{failed}");
        let error = text(&failed["lastError"]);
        assert!(
            ["only https is used", "no public address", "no HTTP client"]
                .iter()
                .any(|why| error.contains(why)),
            "{error}"
        );
        assert!(!error.contains("/hook"), "{error}");
    }
    worker.stop().await;
    assert!(receiver.received().is_empty());
    app.finish().await;
}
