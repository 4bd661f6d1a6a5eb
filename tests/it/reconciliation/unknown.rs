//! What a platform does not tell is never a number, and accuses nobody.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use countersign::config::Config;
use countersign::domain::dashboard;
use countersign::jobs::{Worker, WorkerOptions};
use countersign::platform::Platforms;
use countersign::simulator::{Platform, Simulator};
use serde_json::{Value, json};

use crate::scene::{self, Watcher, brief, on, reported, submitted, written_out};
use crate::support::{Party, TestApp};

/// No claim counts for trust yet.
async fn is_untouched(affiliate: &Party) -> bool {
    scene::trust(affiliate).await["totalSubmissions"] == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn views_on_reddit_are_unverifiable_for_good_and_shown_beside_score_and_comments() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let post = scene::sample(&app, Platform::Reddit);
    let claimed = post.figures.views * 1000;
    let claim = json!({ "claimedViews": claimed });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;

    let claim = scene::claim(&ann.client, &ids.report).await;
    let verdict = &claim["reconciliation"];
    assert_eq!(verdict["status"], "UNVERIFIABLE", "{verdict}");
    assert_eq!(verdict["finality"], "FINAL");
    assert_eq!(verdict["level"], Value::Null);
    let comparison = on(verdict, "VIEWS");
    assert_eq!(comparison["reasonCode"], "METRIC_UNSUPPORTED");
    assert_eq!(comparison["actual"], Value::Null);
    assert_eq!(comparison["difference"], Value::Null);
    assert_eq!(comparison["level"], Value::Null);
    let sentence = scene::text(&comparison["reason"]);
    let (score, comments) = (post.figures.score, post.figures.comments);
    assert!(sentence.contains(&written_out(claimed)), "{sentence}");
    assert!(sentence.contains(&format!("score {score}")), "{sentence}");
    assert!(
        sentence.contains(&format!("{comments} comment")),
        "{sentence}"
    );
    let seen = ann.client.verdict(&json!(ids.post)).await;
    let views = &seen["latestPlatformReport"]["observed"]["views"];
    assert_eq!(views["availability"], "UNSUPPORTED");
    assert_eq!(views["value"], Value::Null);
    assert!(is_untouched(&ann).await);
    assert!(scene::alerts(&acme.client, "OVERCLAIM").await.is_empty());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_is_gone_is_reported_at_once_and_once_and_taken_back_when_it_is_shown_again() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let mut watcher = Watcher::start(&acme.client, "").await;
    let post = scene::sample(&app, Platform::Reddit);
    app.world.vanish(Platform::Reddit, &post.native_id);
    let claim = json!({ "claimedViews": 1 });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;

    let raised = watcher.next().await;
    assert_eq!(brief(&raised), "RAISED POST_REMOVED");
    assert_eq!(raised["alert"]["post"]["id"], ids.post.as_str());
    assert_eq!(raised["alert"]["level"], Value::Null);
    app.settled().await;
    let seen = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(seen["status"], "REMOVED", "{seen}");
    assert_eq!(seen["latestReconciliation"]["finality"], "PROVISIONAL");
    assert_eq!(
        on(&seen["latestReconciliation"], "VIEWS")["reasonCode"],
        "POST_GONE"
    );

    // It is still gone an hour later, which is no news.
    app.move_clock(2).await;
    app.settled().await;
    let alerts = scene::alerts(&acme.client, "POST_REMOVED").await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["occurrences"], 1);

    // It comes back: what was said of it is taken back, and says since when.
    app.world.restore(Platform::Reddit, &post.native_id);
    app.move_clock(25).await;
    app.settled().await;
    let seen = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(seen["status"], "TRACKING", "{seen}");
    assert_eq!(seen["latestReconciliation"]["status"], "UNVERIFIABLE");
    assert_eq!(seen["latestReconciliation"]["finality"], "FINAL");
    let withdrawn = watcher.next().await;
    assert_eq!(brief(&withdrawn), "WITHDRAWN POST_REMOVED");
    let alert = &withdrawn["alert"];
    assert_eq!(alert["id"], raised["alert"]["id"]);
    assert_eq!(alert["status"], "RESOLVED");
    assert_eq!(alert["resolvedBy"], "countersign");
    let notes = scene::text(&alert["resolutionNotes"]);
    assert!(
        notes.starts_with("Reddit shows the post again, since 20"),
        "{notes}"
    );
    assert_eq!(dashboard::check(&app.app).await.unwrap().len(), 0);

    // It goes again, which is another cause.
    app.world.vanish(Platform::Reddit, &post.native_id);
    app.move_clock(73).await;
    app.settled().await;
    assert_eq!(brief(&watcher.next().await), "RAISED POST_REMOVED");
    let alerts = scene::alerts(&acme.client, "POST_REMOVED").await;
    let statuses: Vec<&Value> = alerts.iter().map(|alert| &alert["status"]).collect();
    assert_eq!(statuses, ["RESOLVED", "OPEN"]);
    assert!(alerts.iter().all(|alert| alert["occurrences"] == 1));
    assert_eq!(dashboard::check(&app.app).await.unwrap().len(), 0);
    assert!(is_untouched(&ann).await);
    drop(watcher);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_goes_after_its_final_verdict_is_reported_and_the_verdict_stays() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["META"]).await;
    let post = scene::sample(&app, Platform::Meta);
    let claim = json!({ "claimedViews": post.figures.views });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    app.world.vanish(Platform::Meta, &post.native_id);
    app.move_clock(2).await;
    app.settled().await;

    let seen = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(seen["status"], "REMOVED", "{seen}");
    assert_eq!(seen["isReconciled"], true);
    assert_eq!(seen["latestReconciliation"]["status"], "MATCHED");
    assert_eq!(seen["latestReconciliation"]["finality"], "FINAL");
    let views = &seen["latestPlatformReport"]["observed"]["views"];
    assert_eq!(views["value"], Value::Null, "what is gone is not zero");
    assert_eq!(scene::alerts(&acme.client, "POST_REMOVED").await.len(), 1);
    assert!(scene::alerts(&acme.client, "OVERCLAIM").await.is_empty());
    app.finish().await;
}

/// The platforms of a process that has just begun, and has asked for nothing yet.
fn fresh_platforms(simulator: &Simulator) -> Platforms {
    let variables = simulator.environment();
    let config = Config::read(&|name| {
        let found = variables.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone())
    })
    .unwrap();
    Platforms::new(config.platforms.iter().cloned()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_vanished_is_gone_whichever_worker_asks() {
    let mut app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let claim = json!({ "claimedViews": post.figures.views });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    app.stop_worker().await;

    app.world.vanish(Platform::Instagram, &post.native_id);
    app.move_clock(2).await;
    let simulator = Simulator::start_with(Arc::clone(&app.world), ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let mut other = app.app.clone();
    other.platforms = fresh_platforms(&simulator);
    let worker = Worker::start(&other, WorkerOptions::default());
    app.settled().await;
    worker.stop().await;

    let seen = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(seen["status"], "REMOVED", "{seen}");
    assert_eq!(scene::alerts(&acme.client, "POST_REMOVED").await.len(), 1);
    simulator.stop().await.unwrap();
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_was_seen_among_the_media_of_its_handle_is_gone_when_it_is_not_any_more() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    // Of a reel there is a public figure, of a picture only who posted it.
    let mut seen = Vec::new();
    for kind in ["REELS", "FEED"] {
        let post = scene::foreign_sample(&app, kind);
        let claim = json!({ "claimedViews": 1, "accountHandle": post.handle });
        let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
        seen.push((post, ids));
    }
    app.settled().await;
    for (post, _) in &seen {
        assert!(app.world.vanish(Platform::Instagram, &post.native_id));
    }
    app.move_clock(2).await;
    app.settled().await;
    for (_, ids) in &seen {
        let seen = ann.client.verdict(&json!(ids.post)).await;
        assert_eq!(seen["status"], "REMOVED", "{seen}");
    }
    assert_eq!(scene::alerts(&acme.client, "POST_REMOVED").await.len(), 2);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_under_a_wrong_handle_is_unknown_and_not_gone() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::foreign_sample(&app, "REELS");
    let claim = json!({ "claimedViews": 1, "accountHandle": "creator_777" });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    app.move_clock(2).await;
    app.settled().await;
    let seen = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(seen["status"], "TRACKING", "{seen}");
    let comparison = on(&seen["latestReconciliation"], "VIEWS");
    assert_eq!(comparison["reasonCode"], "METRIC_UNAVAILABLE");
    let sentence = scene::text(&comparison["reason"]);
    assert!(
        sentence.contains("not among the public media of @creator_777"),
        "{sentence}"
    );
    assert!(scene::alerts(&acme.client, "POST_REMOVED").await.is_empty());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_which_a_part_cannot_be_checked_is_partially_matched_until_the_last_check() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let claim = json!({ "claimedViews": post.figures.views, "claimedConversions": 3 });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    let claim = scene::claim(&ann.client, &ids.report).await;
    let verdict = &claim["reconciliation"];
    assert_eq!(claim["status"], "PROVISIONAL", "{claim}");
    assert_eq!(verdict["status"], "PARTIALLY_MATCHED");
    assert_eq!(verdict["finality"], "PROVISIONAL");
    assert_eq!(on(verdict, "VIEWS")["level"], "NONE");
    assert_eq!(on(verdict, "CONVERSIONS")["reasonCode"], "NO_SIGNED_ORDERS");
    assert_eq!(on(verdict, "CONVERSIONS")["level"], Value::Null);
    assert!(is_untouched(&ann).await);

    app.move_clock(169).await;
    app.settled().await;
    let claim = scene::claim(&ann.client, &ids.report).await;
    assert_eq!(claim["status"], "RECONCILED", "{claim}");
    assert_eq!(claim["reconciliation"]["status"], "PARTIALLY_MATCHED");
    assert_eq!(claim["reconciliation"]["finality"], "FINAL");
    let trusted = json!({ "trustScore": "1.00", "totalSubmissions": 1, "accurateSubmissions": 1 });
    assert_eq!(scene::trust(&ann).await, trusted);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_figure_clears_a_claim_and_never_accuses() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::foreign_sample(&app, "REELS");
    let public = post.figures.views;
    let handle = format!("@{}", post.handle.to_uppercase());
    let claim = json!({ "claimedViews": public, "accountHandle": handle });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    let claim = scene::claim(&ann.client, &ids.report).await;
    let verdict = &claim["reconciliation"];
    assert_eq!(verdict["status"], "MATCHED", "{verdict}");
    assert_eq!(verdict["finality"], "FINAL");
    let comparison = on(verdict, "VIEWS");
    assert_eq!(comparison["reasonCode"], "CLEARED_BY_OTHER_DEFINITION");
    assert_eq!(comparison["evidenceGrade"], "PUBLIC");
    assert_eq!(comparison["actual"], public);

    let claim = json!({ "claimedViews": public * 10 });
    let newer = reported(&ann.client, &ids.post, claim).await;
    app.settled().await;
    for finality in ["PROVISIONAL", "FINAL"] {
        let claim = scene::claim(&ann.client, &newer).await;
        let verdict = &claim["reconciliation"];
        assert_eq!(verdict["status"], "NOT_COMPARABLE", "{verdict}");
        assert_eq!(verdict["finality"], finality);
        assert_eq!(verdict["level"], Value::Null);
        let comparison = on(verdict, "VIEWS");
        assert_eq!(comparison["reasonCode"], "NOT_COMPARABLE");
        assert_eq!(comparison["actual"], Value::Null);
        let sentence = scene::text(&comparison["reason"]);
        assert!(sentence.contains(&written_out(public)), "{sentence}");
        app.move_clock(169).await;
        app.settled().await;
    }
    assert!(scene::alerts(&app.operator, "OVERCLAIM").await.is_empty());
    assert_eq!(scene::trust(&ann).await["totalSubmissions"], 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_of_another_account_without_a_public_figure_is_unverifiable() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let reel = scene::foreign_sample(&app, "REELS");
    let image = scene::foreign_sample(&app, "FEED");
    for (post, claim, hint) in [
        (&reel, json!({ "claimedViews": 1 }), "handle"),
        (
            &image,
            json!({ "claimedViews": 1, "accountHandle": image.handle }),
            "reels only",
        ),
    ] {
        let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
        app.settled().await;
        let claim = scene::claim(&ann.client, &ids.report).await;
        let verdict = &claim["reconciliation"];
        assert_eq!(verdict["status"], "UNVERIFIABLE", "{verdict}");
        assert_eq!(verdict["finality"], "PROVISIONAL");
        let comparison = on(verdict, "VIEWS");
        assert_eq!(comparison["reasonCode"], "METRIC_UNAVAILABLE");
        let sentence = scene::text(&comparison["reason"]);
        assert!(sentence.contains(hint), "{sentence}");
        let seen = ann.client.verdict(&json!(ids.post)).await;
        assert_eq!(seen["status"], "TRACKING", "not seen is not gone");
    }
    assert!(is_untouched(&ann).await);
    app.finish().await;
}
