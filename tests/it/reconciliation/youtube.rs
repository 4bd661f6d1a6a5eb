//! YouTube counts in public: a video's count speaks for and against a claim, whosever it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::{Value, json};

use super::{assert_held_against, assert_removed, assert_settles_after, checked};
use crate::scene::{self, on};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn the_public_count_of_anybodys_video_verifies_and_accuses() {
    let app = TestApp::working().await;
    let video = scene::strangers_sample(&app, Platform::YouTube);
    assert_held_against(&app, "YOUTUBE", &video, "youtube.viewCount", "PUBLIC").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excess_on_youtube_is_final_after_24_hours() {
    let app = TestApp::working().await;
    let video = scene::sample(&app, Platform::YouTube);
    assert_settles_after(&app, "YOUTUBE", &video, 24).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_a_whole_list_lacks_is_removed() {
    let app = TestApp::working().await;
    let video = scene::sample(&app, Platform::YouTube);
    assert_removed(&app, "YOUTUBE", Platform::YouTube, &video).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_on_youtube_are_never_told_and_no_number() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["YOUTUBE"]).await;
    let video = scene::sample(&app, Platform::YouTube);
    let claim = json!({ "claimedViews": video.figures.views, "claimedClicks": 1_000_000 });
    let (_, verdict) = checked(&app, &ann, &campaign, &video.url, claim).await;
    assert_eq!(verdict["status"], "PARTIALLY_MATCHED", "{verdict}");
    assert_eq!(verdict["finality"], "FINAL");
    let clicks = on(&verdict, "CLICKS");
    assert_eq!(clicks["reasonCode"], "METRIC_UNSUPPORTED");
    assert_eq!(clicks["actual"], Value::Null);
    assert_eq!(clicks["level"], Value::Null);
    app.finish().await;
}
