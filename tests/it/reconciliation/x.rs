//! X tells anybody with access how often a post was seen, and the owner alone how often its link was followed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::{Value, json};

use super::{
    assert_held_against, assert_removed, assert_settles_after, assert_withheld, checked, verdict_on,
};
use crate::scene::{self, on};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn the_public_count_of_anybodys_post_verifies_and_accuses() {
    let app = TestApp::working().await;
    let post = scene::strangers_sample(&app, Platform::X);
    assert_held_against(&app, "X", &post, "x.impression_count", "PUBLIC").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excess_on_x_is_final_after_an_hour() {
    let app = TestApp::working().await;
    let post = scene::sample(&app, Platform::X);
    assert_settles_after(&app, "X", &post, 1).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_x_says_it_does_not_have_is_removed() {
    let app = TestApp::working().await;
    let post = scene::sample(&app, Platform::X);
    assert_removed(&app, "X", Platform::X, &post).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_of_a_protected_account_is_not_told_and_not_gone() {
    let app = TestApp::working().await;
    // The simulator protects what ends so.
    let url = "https://x.com/i/status/1278347468690915403";
    assert_withheld(&app, "X", url, "protected").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_on_x_are_not_told_to_others_than_the_owner() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["X"]).await;
    let post = scene::sample(&app, Platform::X);
    let claim = json!({ "claimedViews": post.figures.views, "claimedClicks": 1_000_000 });
    let (ids, verdict) = checked(&app, &ann, &campaign, &post.url, claim).await;
    assert_eq!(verdict["status"], "PARTIALLY_MATCHED", "{verdict}");
    assert_eq!(verdict["finality"], "PROVISIONAL", "it may be told yet");
    let clicks = on(&verdict, "CLICKS");
    assert_eq!(clicks["reasonCode"], "METRIC_UNAVAILABLE");
    assert_eq!(clicks["actual"], Value::Null);
    assert_eq!(clicks["level"], Value::Null);

    app.move_clock(169).await;
    app.settled().await;
    let verdict = verdict_on(&ann, &ids.report).await;
    assert_eq!(verdict["status"], "PARTIALLY_MATCHED", "{verdict}");
    assert_eq!(verdict["finality"], "FINAL");
    app.finish().await;
}
