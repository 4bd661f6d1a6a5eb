//! Queued checks are done: in as few calls as the platforms allow, once in effect, and never lost, whatever fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod budget;
mod calls;
mod circuit;
mod dead;
mod faults;
mod outage;
mod twice;

use countersign::simulator::Platform;
use serde_json::json;

use crate::scene::{Sample, Submitted, samples, submitted};
use crate::support::{Party, TestApp, until};

const PLATFORMS: [&str; 6] = ["REDDIT", "INSTAGRAM", "META", "YOUTUBE", "TIKTOK", "X"];

/// An affiliate, and a campaign on every platform whose claims are checked at once, without a lag, and after a day.
async fn program(app: &TestApp) -> (Party, String) {
    let (advertiser, affiliate, _) = app.program(&PLATFORMS).await;
    let policy = json!({ "lagWindowHours": 0, "recheckHours": [24] });
    let campaign = app.campaign(&advertiser, &PLATFORMS, policy).await;
    (affiliate, campaign)
}

/// Posts of a platform, whatever they show.
fn posts(app: &TestApp, platform: Platform, count: usize) -> Vec<Sample> {
    samples(app, platform, count, |_| true)
}

/// Submits posts with claims of one view each.
async fn submit_all(affiliate: &Party, campaign: &str, posts: &[Sample]) -> Vec<Submitted> {
    let mut made = Vec::with_capacity(posts.len());
    for post in posts {
        let claim = json!({ "claimedViews": 1 });
        made.push(submitted(&affiliate.client, campaign, &post.url, claim).await);
    }
    made
}

/// How many rows of a table there are.
async fn count(app: &TestApp, table: &str) -> i64 {
    app.database
        .number(&format!("SELECT count(*) FROM {table}"))
        .await
}

/// How many claims have their FINAL verdict.
async fn finals(app: &TestApp) -> i64 {
    count(app, "reconciliation_logs WHERE finality = 'FINAL'").await
}

/// Moves the time of rules and queue, and tells the worker to look.
async fn later(app: &TestApp, hours: i64) {
    app.move_clock(hours).await;
}

/// Waits until the one queued check waits for its next attempt, with so many left.
async fn put_back(app: &TestApp, attempts: i64) {
    let waiting = format!(
        "mq_msgs WHERE name = 'reconcile' AND attempts = {attempts} AND worker_id IS NULL \
         AND attempt_at > countersign_now()"
    );
    until(
        &format!("the check waits with {attempts} attempts left"),
        async || count(app, &waiting).await == 1,
    )
    .await;
}
