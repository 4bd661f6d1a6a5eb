//! Counts that a platform takes away again are reported, once for each fall, whatever the verdict says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::domain::dashboard;
use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, Watcher, brief, submitted, written_out};
use crate::support::TestApp;

async fn at_hour(app: &TestApp, hours: i64) {
    app.move_clock(hours).await;
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_after_the_final_verdict_is_reported_once_and_a_further_one_again() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let mut watcher = Watcher::start(&acme.client, "").await;
    let post = scene::sample(&app, Platform::Instagram);
    let views = post.figures.views;
    let ids = submitted(
        &ann.client,
        &campaign,
        &post.url,
        json!({ "claimedViews": views }),
    )
    .await;
    app.settled().await;

    // Less than a fifth.
    app.world.purge(Platform::Instagram, &post.native_id, 15);
    at_hour(&app, 2).await;
    assert!(scene::alerts(&app.operator, "COUNT_FELL").await.is_empty());

    app.world.purge(Platform::Instagram, &post.native_id, 60);
    at_hour(&app, 25).await;
    let raised = watcher.next().await;
    assert_eq!(brief(&raised), "RAISED COUNT_FELL");
    assert_eq!(raised["alert"]["post"]["id"], ids.post.as_str());
    assert_eq!(raised["alert"]["level"], Value::Null);
    let alert = scene::alerts(&acme.client, "COUNT_FELL").await.remove(0);
    let message = scene::text(&alert["message"]);
    let left = views * 40 / 100;
    for number in [views, left, views - left] {
        assert!(message.contains(&written_out(number)), "{message}");
    }
    assert!(message.contains("instagram.views"), "{message}");
    assert_eq!(scene::alerts(&ann.client, "COUNT_FELL").await.len(), 1);

    // The same number once more is no news.
    at_hour(&app, 73).await;
    let alerts = scene::alerts(&acme.client, "COUNT_FELL").await;
    assert_eq!((alerts.len(), &alerts[0]["occurrences"]), (1, &json!(1)));
    app.world.purge(Platform::Instagram, &post.native_id, 90);
    at_hour(&app, 169).await;
    let alerts = scene::alerts(&acme.client, "COUNT_FELL").await;
    assert_eq!((alerts.len(), &alerts[0]["occurrences"]), (1, &json!(2)));
    let message = scene::text(&alerts[0]["message"]);
    assert!(
        message.contains(&written_out(views * 10 / 100)),
        "{message}"
    );

    let verdict = scene::claim(&ann.client, &ids.report).await["reconciliation"].clone();
    assert_eq!(
        (&verdict["status"], &verdict["finality"]),
        (&json!("MATCHED"), &json!("FINAL"))
    );
    let trusted = json!({ "trustScore": "1.00", "totalSubmissions": 1, "accurateSubmissions": 1 });
    assert_eq!(scene::trust(&ann).await, trusted);
    assert!(scene::alerts(&app.operator, "OVERCLAIM").await.is_empty());
    assert_eq!(dashboard::check(&app.app).await.unwrap().len(), 0);
    drop(watcher);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_that_come_back_take_the_report_back_and_a_later_fall_is_another() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let mut watcher = Watcher::start(&acme.client, "").await;
    let post = scene::sample(&app, Platform::Instagram);
    let views = post.figures.views;
    let claim = json!({ "claimedViews": views });
    submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    app.world.purge(Platform::Instagram, &post.native_id, 60);
    at_hour(&app, 2).await;
    assert_eq!(brief(&watcher.next().await), "RAISED COUNT_FELL");

    // A part of it back is less than there was.
    app.world.purge(Platform::Instagram, &post.native_id, 10);
    at_hour(&app, 25).await;
    let alerts = scene::alerts(&acme.client, "COUNT_FELL").await;
    assert_eq!((alerts.len(), &alerts[0]["status"]), (1, &json!("OPEN")));
    app.world.restore(Platform::Instagram, &post.native_id);
    at_hour(&app, 73).await;
    let withdrawn = watcher.next().await;
    assert_eq!(brief(&withdrawn), "WITHDRAWN COUNT_FELL");
    assert_eq!(withdrawn["alert"]["status"], "RESOLVED");
    assert_eq!(withdrawn["alert"]["resolvedBy"], "countersign");
    let notes = scene::text(&withdrawn["alert"]["resolutionNotes"]);
    assert!(notes.contains(&written_out(views)), "{notes}");
    assert_eq!(dashboard::check(&app.app).await.unwrap().len(), 0);

    app.world.purge(Platform::Instagram, &post.native_id, 60);
    at_hour(&app, 169).await;
    assert_eq!(brief(&watcher.next().await), "RAISED COUNT_FELL");
    let alerts = scene::alerts(&acme.client, "COUNT_FELL").await;
    let statuses: Vec<&Value> = alerts.iter().map(|alert| &alert["status"]).collect();
    assert_eq!(statuses, ["RESOLVED", "OPEN"]);
    let trusted = json!({ "trustScore": "1.00", "totalSubmissions": 1, "accurateSubmissions": 1 });
    assert_eq!(scene::trust(&ann).await, trusted);
    assert_eq!(dashboard::check(&app.app).await.unwrap().len(), 0);
    drop(watcher);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fall_by_no_more_than_the_floor_is_none_and_what_nobody_tells_has_not_fallen() {
    let app = TestApp::working().await;
    let (acme, ann, _) = app.program(&["INSTAGRAM", "META"]).await;
    let policy = json!({ "lagWindowHours": 0, "absoluteFloor": 1_000_000 });
    let campaign = app.campaign(&acme, &["INSTAGRAM", "META"], policy).await;
    let purged = scene::sample(&app, Platform::Instagram);
    let vanished = scene::sample(&app, Platform::Meta);
    for post in [&purged, &vanished] {
        let claim = json!({ "claimedViews": post.figures.views });
        submitted(&ann.client, &campaign, &post.url, claim).await;
    }
    app.settled().await;
    app.world.purge(Platform::Instagram, &purged.native_id, 99);
    app.world.vanish(Platform::Meta, &vanished.native_id);
    at_hour(&app, 2).await;
    assert_eq!(scene::alerts(&acme.client, "POST_REMOVED").await.len(), 1);
    assert!(scene::alerts(&acme.client, "COUNT_FELL").await.is_empty());
    app.finish().await;
}
