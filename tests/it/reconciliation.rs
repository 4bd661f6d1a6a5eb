//! A claim is held against what the platform says, metric by metric, and told why it was judged as it was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod levels;
mod links;
mod trail;
mod unknown;

use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, on, reported, samples, submitted, written_out};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_claim_matches_for_good_at_the_first_check() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
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

    let claim = scene::claim(&ann.client, &ids.report).await;
    assert_eq!(claim["status"], "RECONCILED", "{claim}");
    let verdict = &claim["reconciliation"];
    assert_eq!(verdict["status"], "MATCHED");
    assert_eq!(verdict["level"], "NONE");
    assert_eq!(verdict["finality"], "FINAL");
    let comparison = on(verdict, "VIEWS");
    assert_eq!(comparison["reasonCode"], "WITHIN_PLATFORM_FIGURE");
    assert_eq!(comparison["difference"], "0");
    assert_eq!(comparison["differencePercent"], "0.00");
    assert_eq!(comparison["evidenceGrade"], "OWNER_TOKEN");
    let sentence = scene::text(&comparison["reason"]);
    assert!(sentence.contains(&written_out(views)), "{sentence}");
    assert!(scene::text(&verdict["explanation"]).contains(&sentence));

    let post = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(post["isReconciled"], true);
    let seen = &post["latestPlatformReport"]["observed"]["views"];
    assert_eq!(seen["value"], views);
    assert_eq!(seen["definition"], "instagram.views");
    assert_eq!(
        scene::alerts(&acme.client, "OVERCLAIM").await,
        Vec::<Value>::new()
    );
    let trusted = json!({ "trustScore": "1.00", "totalSubmissions": 1, "accurateSubmissions": 1 });
    assert_eq!(scene::trust(&ann).await, trusted);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_a_verdict_has_a_code_and_a_sentence_with_its_numbers() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["META"]).await;
    let post = samples(&app, Platform::Meta, 1, |figures| figures.clicks >= 100).remove(0);
    let (views, clicks) = (post.figures.views, post.figures.clicks * 2);
    let claim =
        json!({ "claimedViews": views, "claimedClicks": clicks, "claimedConversions": 1234 });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;

    let claim = scene::claim(&ann.client, &ids.report).await;
    let verdict = &claim["reconciliation"];
    for (metric, code, numbers) in [
        ("VIEWS", "WITHIN_PLATFORM_FIGURE", vec![views, views]),
        (
            "CLICKS",
            "ABOVE_PLATFORM_FIGURE",
            vec![clicks, post.figures.clicks],
        ),
        ("CONVERSIONS", "NO_SIGNED_ORDERS", vec![1234]),
    ] {
        let comparison = on(verdict, metric);
        assert_eq!(comparison["reasonCode"], code, "{comparison}");
        let sentence = scene::text(&comparison["reason"]);
        for number in numbers {
            assert!(sentence.contains(&written_out(number)), "{sentence}");
        }
        assert!(
            scene::text(&verdict["explanation"]).contains(&sentence),
            "{verdict}"
        );
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_and_clicks_of_a_facebook_post_are_each_held_against_their_own_figure() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["META"]).await;
    let post = samples(&app, Platform::Meta, 1, |figures| figures.clicks >= 100).remove(0);
    let (views, clicks) = (post.figures.views, post.figures.clicks);
    let honest = json!({ "claimedViews": views, "claimedClicks": clicks });
    let ids = submitted(&ann.client, &campaign, &post.url, honest).await;
    app.settled().await;
    let claim = scene::claim(&ann.client, &ids.report).await;
    let verdict = &claim["reconciliation"];
    assert_eq!(verdict["status"], "MATCHED", "{verdict}");
    assert_eq!(on(verdict, "VIEWS")["actual"], views);
    assert_eq!(on(verdict, "CLICKS")["actual"], clicks);

    let inflated = json!({ "claimedViews": views, "claimedClicks": clicks * 3 });
    let newer = reported(&ann.client, &ids.post, inflated).await;
    app.settled().await;
    let claim = scene::claim(&ann.client, &newer).await;
    let verdict = &claim["reconciliation"];
    assert_eq!(verdict["status"], "DISCREPANCY", "{verdict}");
    assert_eq!(verdict["level"], "HIGH");
    assert_eq!(verdict["finality"], "FINAL");
    assert_eq!(on(verdict, "VIEWS")["level"], "NONE");
    assert_eq!(on(verdict, "CLICKS")["level"], "HIGH");
    assert_eq!(scene::alerts(&acme.client, "OVERCLAIM").await.len(), 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_claim_takes_nothing_back() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let views = post.figures.views;
    let above = json!({ "claimedViews": views * 2 });
    let ids = submitted(&ann.client, &campaign, &post.url, above).await;
    app.settled().await;
    let newer = reported(&ann.client, &ids.post, json!({ "claimedViews": views })).await;
    app.settled().await;
    let older = scene::claim(&ann.client, &ids.report).await;
    assert_eq!(older["reconciliation"]["status"], "DISCREPANCY", "{older}");
    let newer = scene::claim(&ann.client, &newer).await;
    assert_eq!(newer["reconciliation"]["status"], "MATCHED", "{newer}");
    let counted = json!({ "trustScore": "0.50", "totalSubmissions": 2, "accurateSubmissions": 1 });
    assert_eq!(scene::trust(&ann).await, counted);
    app.finish().await;
}
