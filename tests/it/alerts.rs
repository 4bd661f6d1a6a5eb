//! Alerts are raised from the level that the campaign says, and people take them up and resolve them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod feed;
mod subscribers;

use countersign::simulator::Platform;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::scene::{self, Watcher, brief, refusals, reported, submitted};
use crate::support::{Client, Party, TestApp};

/// Raises an alert of HIGH by a claim of three times the figure, and gives the alert.
async fn raised(app: &TestApp, affiliate: &Party, campaign: &str) -> Value {
    let post = scene::sample(app, Platform::Instagram);
    let claim = json!({ "claimedViews": post.figures.views * 3 });
    submitted(&affiliate.client, campaign, &post.url, claim).await;
    app.settled().await;
    scene::alerts(&app.operator, "OVERCLAIM")
        .await
        .pop()
        .unwrap()
}

const ALERT: &str = "{ alert { id status acknowledgedAt resolvedAt resolvedBy resolutionNotes } userErrors { code message field } }";

async fn acknowledge(client: &Client, alert: &Value) -> Value {
    let mutation = format!(
        "mutation($input: AcknowledgeAlertInput!) {{ acknowledgeAlert(input: $input) {ALERT} }}"
    );
    let input = json!({ "alertId": alert["id"] });
    let data = client.ok(&mutation, json!({ "input": input })).await;
    data["acknowledgeAlert"].clone()
}

async fn resolve(client: &Client, alert: &Value, notes: &str) -> Value {
    let mutation =
        format!("mutation($input: ResolveAlertInput!) {{ resolveAlert(input: $input) {ALERT} }}");
    let input = json!({ "alertId": alert["id"], "notes": notes });
    let data = client.ok(&mutation, json!({ "input": input })).await;
    data["resolveAlert"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_begin_at_the_level_that_the_campaign_says() {
    let app = TestApp::working().await;
    let (acme, ann, _) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let views = post.figures.views;
    for (from, expected) in [
        ("LOW", vec!["LOW", "MEDIUM", "HIGH"]),
        ("MEDIUM", vec!["MEDIUM", "HIGH"]),
        ("HIGH", vec!["HIGH"]),
    ] {
        let policy = json!({ "lagWindowHours": 0, "alertFrom": from });
        let campaign = app.campaign(&acme, &["INSTAGRAM"], policy).await;
        let honest = json!({ "claimedViews": views });
        let ids = submitted(&ann.client, &campaign, &post.url, honest).await;
        for claimed in [views + views * 3 / 100, views + views / 10, views * 3] {
            app.settled().await;
            let claim = json!({ "claimedViews": claimed });
            reported(&ann.client, &ids.post, claim).await;
        }
        app.settled().await;
        let levels: Vec<Value> = scene::alerts(&acme.client, "OVERCLAIM")
            .await
            .into_iter()
            .filter(|alert| alert["campaign"]["id"] == campaign.as_str())
            .map(|alert| alert["level"].clone())
            .collect();
        assert_eq!(levels, expected, "from {from}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_taken_up_and_resolved_once_and_subscribers_hear_of_both() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let alert = raised(&app, &ann, &campaign).await;
    let mut watcher = Watcher::start(&acme.client, "").await;
    assert_eq!(brief(&watcher.next().await), "RAISED OVERCLAIM");

    let taken = acknowledge(&acme.client, &alert).await;
    assert_eq!(taken["alert"]["status"], "ACKNOWLEDGED", "{taken}");
    let at = scene::time(&taken["alert"]["acknowledgedAt"]);
    assert_eq!(brief(&watcher.next().await), "ACKNOWLEDGED OVERCLAIM");
    // Once more is no news: the next event is the resolution.
    let again = acknowledge(&app.operator, &alert).await;
    assert_eq!(again["userErrors"], json!([]));
    assert_eq!(scene::time(&again["alert"]["acknowledgedAt"]), at);

    let long = "n".repeat(5001);
    for (notes, refusal) in [
        ("", "NOTES_REQUIRED notes"),
        ("  ", "NOTES_REQUIRED notes"),
        (long.as_str(), "TOO_LONG notes"),
        ("a\0b", "INVALID notes"),
    ] {
        let refused = resolve(&acme.client, &alert, notes).await;
        assert_eq!(refusals(&refused), [refusal]);
        assert_eq!(refused["alert"], Value::Null);
    }
    let resolved = resolve(&acme.client, &alert, " We spoke. ").await;
    assert_eq!(resolved["alert"]["status"], "RESOLVED", "{resolved}");
    assert_eq!(resolved["alert"]["resolutionNotes"], "We spoke.");
    let by = scene::text(&resolved["alert"]["resolvedBy"]);
    assert!(by.starts_with("advertiser"), "{by}");
    assert!(resolved["alert"]["resolvedAt"].is_string());
    let event = watcher.next().await;
    assert_eq!(brief(&event), "RESOLVED OVERCLAIM");
    assert_eq!(event["alert"]["resolutionNotes"], "We spoke.");

    for payload in [
        resolve(&acme.client, &alert, "Again.").await,
        acknowledge(&acme.client, &alert).await,
    ] {
        assert_eq!(refusals(&payload), ["ALREADY_RESOLVED alertId"]);
    }
    drop(watcher);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_resolutions_at_once_one_holds() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let alert = raised(&app, &ann, &campaign).await;
    let notes: Vec<String> = (0..10).map(|n| format!("note {n}")).collect();
    let answers = join_all(
        notes
            .iter()
            .map(|notes| resolve(&acme.client, &alert, notes)),
    )
    .await;
    let (held, refused): (Vec<&Value>, Vec<&Value>) = answers
        .iter()
        .partition(|answer| refusals(answer).is_empty());
    assert_eq!(held.len(), 1, "{answers:?}");
    for answer in refused {
        assert_eq!(refusals(answer), ["ALREADY_RESOLVED alertId"]);
    }
    let kept = scene::alerts(&acme.client, "OVERCLAIM").await;
    assert_eq!(
        kept[0]["resolutionNotes"],
        held[0]["alert"]["resolutionNotes"]
    );
    let events = "SELECT count(*) FROM alert_events WHERE kind = 'RESOLVED'";
    assert_eq!(app.database.number(events).await, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_sees_an_alert_can_change_it() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let alert = raised(&app, &ann, &campaign).await;
    let other = app.advertiser("Other").await;
    for payload in [
        acknowledge(&other.client, &alert).await,
        resolve(&other.client, &alert, "Not mine.").await,
    ] {
        assert_eq!(refusals(&payload), ["NOT_FOUND alertId"]);
    }
    let missing = json!({ "id": scene::global_id("Alert", 999) });
    assert_eq!(
        acknowledge(&other.client, &missing).await,
        acknowledge(&other.client, &alert).await
    );
    let resolution = json!({ "input": { "alertId": alert["id"], "notes": "Mine." } });
    let code = ann
        .client
        .code(
            "mutation($input: ResolveAlertInput!) { resolveAlert(input: $input) { userErrors { code } } }",
            resolution,
        )
        .await;
    assert_eq!(code, "FORBIDDEN");
    let kept = scene::alerts(&app.operator, "OVERCLAIM").await;
    assert_eq!(kept[0]["status"], "OPEN");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_resolved_stays_so_and_what_happens_again_is_another_alert() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let post = scene::sample(&app, Platform::Reddit);
    app.world.vanish(Platform::Reddit, &post.native_id);
    let claim = json!({ "claimedViews": 1 });
    submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    let first = scene::alerts(&acme.client, "POST_REMOVED").await.remove(0);
    resolve(
        &acme.client,
        &first,
        "The affiliate says it will come back.",
    )
    .await;

    app.world.restore(Platform::Reddit, &post.native_id);
    app.move_clock(2).await;
    app.settled().await;
    app.world.vanish(Platform::Reddit, &post.native_id);
    app.move_clock(25).await;
    app.settled().await;
    let alerts = scene::alerts(&acme.client, "POST_REMOVED").await;
    let statuses: Vec<&Value> = alerts.iter().map(|alert| &alert["status"]).collect();
    assert_eq!(statuses, ["RESOLVED", "OPEN"]);
    assert_eq!(alerts[0]["id"], first["id"]);
    app.finish().await;
}
