//! How far a claim is above the figure: percent by percent, above the floor and within it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, on, reported, samples, submitted, written_out};
use crate::support::{Party, TestApp};

/// Claims views on a post, waits for the verdict, and gives it. It must be final.
async fn judged(app: &TestApp, affiliate: &Party, post: &str, views: u64) -> Value {
    let claim = json!({ "claimedViews": views });
    let report = reported(&affiliate.client, post, claim).await;
    app.settled().await;
    let mut claim = scene::claim(&affiliate.client, &report).await;
    assert_eq!(claim["reconciliation"]["finality"], "FINAL", "{claim}");
    claim["reconciliation"].take()
}

/// The levels of the alerts on over-claims, oldest first.
async fn alerted(advertiser: &Party) -> Vec<String> {
    let alerts = scene::alerts(&advertiser.client, "OVERCLAIM").await;
    alerts
        .iter()
        .map(|alert| scene::text(&alert["level"]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_goes_by_percent_of_the_figure_with_exact_boundaries() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let sample = samples(&app, Platform::Instagram, 1, |figures| {
        figures.views >= 1000 && figures.views.is_multiple_of(20)
    })
    .remove(0);
    let figure = sample.figures.views;
    let zero = json!({ "claimedViews": 0 });
    let post = submitted(&ann.client, &campaign, &sample.url, zero)
        .await
        .post;

    for (claimed, status, level) in [
        (figure - 1, "MATCHED", "NONE"),
        (figure, "MATCHED", "NONE"),
        (figure + figure * 3 / 100, "DISCREPANCY", "LOW"),
        (figure + figure / 20 - 1, "DISCREPANCY", "LOW"),
        (figure + figure / 20, "DISCREPANCY", "MEDIUM"),
        (figure + figure / 10, "DISCREPANCY", "MEDIUM"),
        (figure + figure / 5, "DISCREPANCY", "MEDIUM"),
        (figure + figure / 5 + 1, "DISCREPANCY", "HIGH"),
        (figure * 3, "DISCREPANCY", "HIGH"),
    ] {
        let verdict = judged(&app, &ann, &post, claimed).await;
        assert_eq!(verdict["status"], status, "{claimed} of {figure}");
        assert_eq!(verdict["level"], level, "{claimed} of {figure}");
        let comparison = on(&verdict, "VIEWS");
        assert_eq!(comparison["claimed"], claimed);
        assert_eq!(comparison["actual"], figure);
        let difference = i128::from(claimed) - i128::from(figure);
        assert_eq!(comparison["difference"], difference.to_string());
        let sentence = scene::text(&comparison["reason"]);
        for number in [claimed, figure] {
            assert!(sentence.contains(&written_out(number)), "{sentence}");
        }
    }
    let from_medium_up = ["MEDIUM", "MEDIUM", "MEDIUM", "HIGH", "HIGH"];
    assert_eq!(alerted(&acme).await, from_medium_up);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_shown_in_percent_with_two_places() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let sample = samples(&app, Platform::Instagram, 1, |figures| {
        figures.views >= 1000 && figures.views.is_multiple_of(20)
    })
    .remove(0);
    let figure = sample.figures.views;
    let zero = json!({ "claimedViews": 0 });
    let post = submitted(&ann.client, &campaign, &sample.url, zero)
        .await
        .post;
    for (claimed, percent) in [
        (figure / 2, "-50.00"),
        (figure + figure / 20, "5.00"),
        (figure + figure / 5, "20.00"),
        (figure * 30, "2900.00"),
    ] {
        let verdict = judged(&app, &ann, &post, claimed).await;
        assert_eq!(on(&verdict, "VIEWS")["differencePercent"], percent);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_within_the_floor_is_low_whatever_its_percentage() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let sample = samples(&app, Platform::Instagram, 1, |figures| {
        (1000..4000).contains(&figures.views)
    })
    .remove(0);
    app.world.purge(Platform::Instagram, &sample.native_id, 99);
    let figure = scene::figures(&app, Platform::Instagram, &sample.native_id).views;
    assert!(
        (1..50).contains(&figure),
        "10 must be over 20 % of {figure}"
    );
    let zero = json!({ "claimedViews": 0 });
    let post = submitted(&ann.client, &campaign, &sample.url, zero)
        .await
        .post;

    let within = judged(&app, &ann, &post, figure + 10).await;
    assert_eq!(within["level"], "LOW", "{within}");
    assert_eq!(on(&within, "VIEWS")["reasonCode"], "WITHIN_FLOOR");
    let above = judged(&app, &ann, &post, figure + 11).await;
    assert_eq!(above["level"], "HIGH", "{above}");
    assert_eq!(on(&above, "VIEWS")["reasonCode"], "ABOVE_PLATFORM_FIGURE");
    assert_eq!(alerted(&acme).await, ["HIGH"]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zero_that_the_platform_reports_is_a_figure() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let sample = scene::sample(&app, Platform::Instagram);
    app.world.purge(Platform::Instagram, &sample.native_id, 100);
    let zero = json!({ "claimedViews": 0 });
    let post = submitted(&ann.client, &campaign, &sample.url, zero)
        .await
        .post;
    for (claimed, level, code) in [
        (10, "LOW", "WITHIN_FLOOR"),
        (11, "HIGH", "ZERO_ON_PLATFORM"),
    ] {
        let verdict = judged(&app, &ann, &post, claimed).await;
        let comparison = on(&verdict, "VIEWS");
        assert_eq!(comparison["level"], level, "{comparison}");
        assert_eq!(comparison["reasonCode"], code);
        assert_eq!(comparison["actual"], 0);
        assert_eq!(comparison["difference"], claimed.to_string());
        assert_eq!(comparison["differencePercent"], Value::Null);
    }
    assert_eq!(alerted(&acme).await, ["HIGH"]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_judges_by_its_own_thresholds_and_floor() {
    let app = TestApp::working().await;
    let (acme, ann, _) = app.program(&["INSTAGRAM"]).await;
    let policy = json!({
        "lagWindowHours": 0, "lowBelowPercent": "50", "highAbovePercent": "100", "absoluteFloor": 0,
    });
    let campaign = app.campaign(&acme, &["INSTAGRAM"], policy).await;
    let sample = samples(&app, Platform::Instagram, 1, |figures| {
        figures.views >= 1000 && figures.views.is_multiple_of(2)
    })
    .remove(0);
    let figure = sample.figures.views;
    let zero = json!({ "claimedViews": 0 });
    let post = submitted(&ann.client, &campaign, &sample.url, zero)
        .await
        .post;
    for (claimed, level) in [
        (figure + 1, "LOW"),
        (figure + figure / 2 - 1, "LOW"),
        (figure + figure / 2, "MEDIUM"),
        (figure * 2, "MEDIUM"),
        (figure * 2 + 1, "HIGH"),
    ] {
        let verdict = judged(&app, &ann, &post, claimed).await;
        assert_eq!(verdict["level"], level, "{claimed} of {figure}");
        assert_eq!(on(&verdict, "VIEWS")["reasonCode"], "ABOVE_PLATFORM_FIGURE");
    }
    app.finish().await;
}
