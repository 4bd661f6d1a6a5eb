//! How often the platforms are asked.

use countersign::simulator::{Fault, FaultKind, Platform};
use serde_json::json;

use super::{PLATFORMS, count, finals, later, posts, program, submit_all};
use crate::scene::{reported, row, submitted};
use crate::support::{TestApp, until};

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_queued_posts_of_reddit_are_three_calls() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let posts = posts(&app, Platform::Reddit, 300);
    submit_all(&affiliate, &campaign, &posts).await;
    assert_eq!(app.world.calls("reddit.info"), 0);

    app.start_worker();
    app.settled().await;
    assert_eq!(app.world.calls("reddit.info"), 3);
    assert_eq!(app.world.calls("reddit.info.ids"), 300);
    assert_eq!(count(&app, "platform_reports").await, 300);
    assert_eq!(finals(&app).await, 300);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_of_instagram_and_meta_are_asked_for_by_fifties() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    for (platform, count) in [(Platform::Instagram, 120), (Platform::Meta, 100)] {
        let posts = posts(&app, platform, count);
        submit_all(&affiliate, &campaign, &posts).await;
    }
    app.start_worker();
    app.settled().await;
    let calls = |name| app.world.calls(name);
    assert_eq!(calls("instagram.batch.parts"), 120);
    assert_eq!(calls("instagram.batch"), 3);
    // The first time also when each was published, which is a part of its own.
    assert_eq!(calls("meta.batch.parts"), 200);
    assert_eq!(calls("meta.batch"), 4);
    let alone = ["instagram.insights", "meta.insights", "meta.post"];
    assert_eq!(alone.map(calls), [0, 0, 0]);
    assert_eq!(finals(&app).await, 220);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_of_youtube_tiktok_and_x_are_asked_for_as_many_at_a_time_as_each_takes() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    for (platform, count) in [
        (Platform::YouTube, 120),
        (Platform::TikTok, 50),
        (Platform::X, 150),
    ] {
        let posts = posts(&app, platform, count);
        submit_all(&affiliate, &campaign, &posts).await;
    }
    app.start_worker();
    app.settled().await;
    for (endpoint, calls, ids) in [
        ("youtube.videos", 3, 120),
        ("tiktok.video_query", 3, 50),
        ("x.tweets", 2, 150),
    ] {
        assert_eq!(app.world.calls(endpoint), calls, "{endpoint}");
        let asked = app.world.calls(&format!("{endpoint}.ids"));
        assert_eq!(asked, ids, "{endpoint}");
    }
    assert_eq!(finals(&app).await, 320);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_an_accounts_media_is_read_once_for_all_that_wait() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    // The newest of the account: two pages of a hundred.
    let posts = posts(&app, Platform::Instagram, 120);
    submit_all(&affiliate, &campaign, &posts).await;
    app.start_worker();
    app.settled().await;
    assert_eq!(app.world.calls("instagram.media"), 2);

    // Where a post was found is remembered.
    later(&app, 25).await;
    app.settled().await;
    assert_eq!(app.world.calls("instagram.media"), 2);
    assert_eq!(app.world.calls("instagram.batch.parts"), 240);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_claims_on_one_post_share_one_answer() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let post = posts(&app, Platform::Instagram, 1).remove(0);
    let claim = json!({ "claimedViews": 1 });
    let first = submitted(&affiliate.client, &campaign, &post.url, claim).await;
    for views in 2..=4 {
        let claim = json!({ "claimedViews": views });
        reported(&affiliate.client, &first.post, claim).await;
    }
    app.start_worker();
    app.settled().await;
    assert_eq!(app.world.calls("instagram.batch.parts"), 1);
    assert_eq!(count(&app, "platform_reports").await, 1);
    assert_eq!(finals(&app).await, 4);
    let cited = "SELECT count(platform_report_id) FROM reconciliation_logs";
    assert_eq!(app.database.number(cited).await, 4);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_younger_than_a_minute_serves_another_claim_made_before_it() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let post = posts(&app, Platform::Reddit, 1).remove(0);
    let claim = json!({ "claimedViews": 1 });
    let first = submitted(&affiliate.client, &campaign, &post.url, claim).await;
    let second = reported(&affiliate.client, &first.post, json!({ "claimedViews": 2 })).await;
    let its_job = format!(
        "payload_json::jsonb ->> 'affiliate_report_id' = '{}'",
        row(&second)
    );
    // The second claim is checked by another batch.
    app.database
        .execute(&format!(
            "UPDATE mq_msgs SET attempt_at = countersign_now() + interval '1 hour' WHERE {its_job}"
        ))
        .await;
    app.start_worker();
    app.settled().await;
    assert_eq!(finals(&app).await, 1);
    app.database
        .execute(&format!(
            "UPDATE mq_msgs SET attempt_at = countersign_now() WHERE {its_job}"
        ))
        .await;
    until("the second claim is checked", async || {
        finals(&app).await == 2
    })
    .await;
    assert_eq!(app.world.calls("reddit.info"), 1);
    assert_eq!(count(&app, "platform_reports").await, 1);

    // An old one does not serve: both are checked again after a day, by one call.
    later(&app, 25).await;
    app.settled().await;
    assert_eq!(app.world.calls("reddit.info.ids"), 2);
    assert_eq!(count(&app, "platform_reports").await, 2);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_does_not_serve_a_claim_made_after_it() {
    let app = TestApp::working().await;
    let (affiliate, campaign) = program(&app).await;
    let post = posts(&app, Platform::Reddit, 1).remove(0);
    let claim = json!({ "claimedViews": 1 });
    let first = submitted(&affiliate.client, &campaign, &post.url, claim).await;
    until("the first claim is checked", async || {
        finals(&app).await == 1
    })
    .await;
    reported(&affiliate.client, &first.post, json!({ "claimedViews": 2 })).await;
    until("the second claim is checked", async || {
        finals(&app).await == 2
    })
    .await;
    assert_eq!(app.world.calls("reddit.info.ids"), 2);
    let premature = "SELECT count(*) FROM reconciliation_logs l \
        JOIN affiliate_reports r ON r.id = l.affiliate_report_id \
        JOIN platform_reports p ON p.id = l.platform_report_id WHERE p.fetched_at < r.submitted_at";
    assert_eq!(app.database.number(premature).await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_before_the_end_of_the_lag_does_not_serve_the_check_at_its_end() {
    let mut app = TestApp::start().await;
    let (advertiser, affiliate, _) = app.program(&PLATFORMS).await;
    let policy = json!({ "recheckHours": [240] });
    let campaign = app.campaign(&advertiser, &PLATFORMS, policy).await;
    let post = posts(&app, Platform::X, 1).remove(0);
    let claim = json!({ "claimedViews": 2 * post.figures.views + 100 });
    let ids = submitted(&affiliate.client, &campaign, &post.url, claim.clone()).await;
    app.move_clock_by("30 seconds").await;
    let second = reported(&affiliate.client, &ids.post, claim).await;
    app.start_worker();
    app.settled().await;
    // The lag of X is an hour. The first claim's is over, the second one's not yet.
    let verdicts = "SELECT string_agg(finality, ' ' ORDER BY id) FROM reconciliation_logs WHERE affiliate_report_id = ";
    let verdicts = format!("{verdicts}{}", row(&second));
    app.move_clock_by("3610 seconds").await;
    app.settled().await;
    let seen = app.world.calls("x.tweets");
    assert_eq!(app.database.text(&verdicts).await, "PROVISIONAL");
    app.move_clock_by("3635 seconds").await;
    app.settled().await;
    assert_eq!(app.world.calls("x.tweets"), seen + 1);
    assert_eq!(app.database.text(&verdicts).await, "PROVISIONAL FINAL");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_slow_holds_up_no_other() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let mut slow = Fault::new(Platform::Reddit, FaultKind::Latency);
    slow.latency_ms = 4000;
    app.world.add_fault(slow);
    for (platform, count) in [(Platform::Reddit, 250), (Platform::Instagram, 1)] {
        let posts = posts(&app, platform, count);
        submit_all(&affiliate, &campaign, &posts).await;
    }
    app.start_worker();
    until("the claim on Instagram is checked", async || {
        finals(&app).await > 0
    })
    .await;
    assert_eq!(finals(&app).await, 1, "Reddit was waited for");
    app.finish().await;
}
