//! TikTok tells the owner alone: the figures are those of the account whose token is set, and what it does not list is
//! unknown unless it was that account's before.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::{Value, json};

use super::{assert_held_against, assert_settles_after, assert_withheld, checked};
use crate::scene;
use crate::support::TestApp;

/// What is said where a video is not told of.
const OWNER_ONLY: &str = "to its owner only";

#[tokio::test(flavor = "multi_thread")]
async fn the_accounts_own_figure_verifies_and_accuses() {
    let app = TestApp::working().await;
    let video = scene::sample(&app, Platform::TikTok);
    assert_held_against(&app, "TIKTOK", &video, "tiktok.view_count", "OWNER_TOKEN").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excess_on_tiktok_is_final_after_24_hours() {
    let app = TestApp::working().await;
    let video = scene::sample(&app, Platform::TikTok);
    assert_settles_after(&app, "TIKTOK", &video, 24).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_video_of_another_account_is_not_told_and_not_gone() {
    let app = TestApp::working().await;
    let video = scene::strangers_sample(&app, Platform::TikTok);
    assert_withheld(&app, "TIKTOK", &video.url, OWNER_ONLY).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_was_never_seen_may_be_anybodys_and_is_not_gone() {
    let app = TestApp::working().await;
    let video = scene::sample(&app, Platform::TikTok);
    assert!(app.world.vanish(Platform::TikTok, &video.native_id));
    assert_withheld(&app, "TIKTOK", &video.url, OWNER_ONLY).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_was_the_accounts_own_and_is_not_listed_any_more_is_removed() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["TIKTOK"]).await;
    let video = scene::sample(&app, Platform::TikTok);
    let claim = json!({ "claimedViews": video.figures.views });
    let (ids, verdict) = checked(&app, &ann, &campaign, &video.url, claim).await;
    assert_eq!(verdict["status"], "MATCHED", "{verdict}");
    assert!(app.world.vanish(Platform::TikTok, &video.native_id));
    app.move_clock(2).await;
    app.settled().await;

    let seen = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(seen["status"], "REMOVED", "{seen}");
    assert_eq!(seen["latestReconciliation"]["status"], "MATCHED");
    let views = &seen["latestPlatformReport"]["observed"]["views"];
    assert_eq!(views["value"], Value::Null, "what is gone is not zero");
    assert_eq!(scene::alerts(&acme.client, "POST_REMOVED").await.len(), 1);
    app.finish().await;
}
