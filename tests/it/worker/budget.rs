//! What a platform still allows is shared: by all workers, and by all campaigns.

use countersign::jobs::{Worker, WorkerOptions};
use countersign::model::PlatformKind;
use countersign::simulator::{Fault, FaultKind, Platform, World};
use serde_json::json;

use super::{count, finals, later, posts, program, put_back, submit_all};
use crate::scene::row;
use crate::support::{Receiver, TestApp, until};

/// A window that does not end while a test runs; adapters take it for a day.
const ENDLESS: Option<u64> = Some(1_000_000_000);

/// Few jobs at a time, so that many posts are many calls.
const FEW: WorkerOptions = WorkerOptions {
    min_concurrency: 8,
    max_concurrency: 16,
};

/// Checks that wait and have lost no attempt.
const WAITING: &str = "mq_msgs WHERE name = 'reconcile' AND attempts = 5 AND worker_id IS NULL \
    AND attempt_at > countersign_now()";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_asked_to_wait_makes_all_others_wait() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let posts = posts(&app, Platform::Reddit, 30);
    submit_all(&affiliate, &campaign, &posts[..1]).await;
    let mut fault = Fault::new(Platform::Reddit, FaultKind::RateLimited).for_calls(1);
    fault.retry_after = Some(40);
    app.world.add_fault(fault);
    app.start_worker();
    until("the first check waits", async || {
        count(&app, WAITING).await == 1
    })
    .await;

    // The next call would be answered, and nobody makes it: neither this worker nor another one.
    let other = Worker::start(&app.app, FEW);
    submit_all(&affiliate, &campaign, &posts[1..]).await;
    until("all checks wait", async || count(&app, WAITING).await == 30).await;
    assert_eq!(app.world.calls("reddit.info"), 1);
    let least = "SELECT extract(epoch FROM min(attempt_at) - countersign_now())::bigint FROM mq_msgs \
        WHERE name = 'reconcile'";
    let least = app.database.number(least).await;
    assert!(
        (20..=50).contains(&least),
        "the first waits {least} s, not 40"
    );
    assert_eq!(count(&app, "reconciliation_logs").await, 0);

    later(&app, 1).await;
    until("all claims are checked", async || finals(&app).await == 30).await;
    other.stop().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_and_says_for_how_long_is_asked_by_nobody_until_then() {
    let server = Receiver::start().await;
    server.answer(503, &["retry-after: 120"]);
    let world = World::new(7).with_frozen_growth();
    let mut app = TestApp::set_up(world, &[], |config| {
        let of_it = config.platforms.iter_mut();
        for (_, setting) in of_it.filter(|(kind, _)| *kind == PlatformKind::X) {
            setting.base_url = server.url.parse().unwrap();
        }
    })
    .await;
    let (affiliate, campaign) = program(&app).await;
    let posts = posts(&app, Platform::X, 3);
    submit_all(&affiliate, &campaign, &posts[..1]).await;
    app.start_worker();
    // It has failed, which costs an attempt.
    put_back(&app, 4).await;

    submit_all(&affiliate, &campaign, &posts[1..]).await;
    until("the others wait", async || count(&app, WAITING).await == 2).await;
    assert_eq!(server.received().len(), 1);
    let least = "SELECT extract(epoch FROM min(attempt_at) - countersign_now())::bigint FROM mq_msgs \
        WHERE name = 'reconcile'";
    let least = app.database.number(least).await;
    assert!(least >= 60, "the first waits {least} s, not 120");
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_make_no_more_calls_than_the_platform_allows() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    app.world.set_quota(Platform::Reddit, Some(4), ENDLESS);
    let posts = posts(&app, Platform::Reddit, 201);
    submit_all(&affiliate, &campaign, &posts[..1]).await;
    app.start_worker();
    app.settled().await;
    app.stop_worker().await;
    let left =
        "SELECT remaining FROM platform_budgets WHERE platform = 'REDDIT' AND credential = 'own'";
    assert_eq!(app.database.number(left).await, 3);

    submit_all(&affiliate, &campaign, &posts[1..]).await;
    let workers = [Worker::start(&app.app, FEW), Worker::start(&app.app, FEW)];
    app.settled().await;
    // Two hundred posts by sixteens would be thirteen calls.
    assert_eq!(app.world.calls("reddit.info"), 4);
    assert_eq!(app.database.number(left).await, 0);
    let lost = "mq_msgs WHERE name = 'reconcile' AND attempts <> 5";
    assert_eq!(count(&app, lost).await, 0);
    let checked = finals(&app).await;
    assert!((4..=49).contains(&checked), "{checked} were checked");

    // The window ends after a day; whoever waits for it comes within a minute more.
    app.world.set_quota(Platform::Reddit, None, None);
    later(&app, 25).await;
    until("all claims are checked", async || finals(&app).await == 201).await;
    app.settled().await;
    for worker in workers {
        worker.stop().await;
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_tells_percentages_is_left_alone_when_all_is_used_up() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    app.world.set_quota(Platform::Meta, Some(50), ENDLESS);
    let posts = posts(&app, Platform::Meta, 60);
    submit_all(&affiliate, &campaign, &posts[..50]).await;
    app.start_worker();
    until("fifty claims are checked", async || {
        finals(&app).await == 50
    })
    .await;
    app.settled().await;
    assert_eq!(
        app.world.calls("meta.batch.parts"),
        50,
        "when they were published is left for another time"
    );

    submit_all(&affiliate, &campaign, &posts[50..]).await;
    app.settled().await;
    assert_eq!(app.world.calls("meta.batch.parts"), 50, "nothing went out");
    let lost = "mq_msgs WHERE name = 'reconcile' AND attempts <> 5";
    assert_eq!(count(&app, lost).await, 0);

    app.world.set_quota(Platform::Meta, None, None);
    later(&app, 1).await;
    until("the others are checked", async || finals(&app).await == 60).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_campaign_does_not_take_the_last_call_for_itself() {
    let mut app = TestApp::start().await;
    app.world.set_quota(Platform::Reddit, Some(1000), ENDLESS);
    let (acme, ann, first) = app.program(&["REDDIT"]).await;
    let small = app.campaign(&acme, &["REDDIT"], json!({})).await;
    let large = app.campaign(&acme, &["REDDIT"], json!({})).await;
    let posts = posts(&app, Platform::Reddit, 156);
    submit_all(&ann, &first, &posts[..1]).await;
    app.start_worker();
    app.settled().await;
    app.stop_worker().await;

    submit_all(&ann, &small, &posts[1..6]).await;
    submit_all(&ann, &large, &posts[6..]).await;
    let calls = app.world.calls("reddit.info");
    // A call is for a hundred posts.
    app.database
        .execute("UPDATE platform_budgets SET remaining = 1")
        .await;
    app.start_worker();
    app.settled().await;
    assert_eq!(app.world.calls("reddit.info"), calls + 1);
    let checked = async |campaign: &str| {
        let of = format!(
            "reconciliation_logs l JOIN posts p ON p.id = l.post_id WHERE p.campaign_id = {}",
            row(campaign)
        );
        count(&app, &of).await
    };
    assert_eq!(checked(&small).await, 5);
    assert!(checked(&large).await < 150);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_of_a_check_takes_a_call_and_none_is_made_beyond_the_last() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    // Two pages of the account's list are to be read, and three batches to be asked for.
    let posts = posts(&app, Platform::Instagram, 120);
    submit_all(&affiliate, &campaign, &posts).await;
    let budget = |left: u32, hours: u32| {
        format!(
            "INSERT INTO platform_budgets AS b (platform, credential, remaining, resets_at) \
             VALUES ('INSTAGRAM', 'own', {left}, countersign_now() + interval '{hours} hours') \
             ON CONFLICT ON CONSTRAINT platform_budgets_pkey \
             DO UPDATE SET remaining = excluded.remaining, resets_at = excluded.resets_at"
        )
    };
    let requests =
        |app: &TestApp| app.world.calls("instagram.media") + app.world.calls("instagram.batch");
    app.database.execute(&budget(1, 1)).await;
    app.start_worker();
    app.settled().await;
    assert_eq!(requests(&app), 1, "the list was begun");
    // Not even those that were found by then are lost to more than the wait for the window.
    assert_eq!(count(&app, WAITING).await, 120);
    let soonest = "SELECT extract(epoch FROM min(attempt_at) - countersign_now())::bigint FROM mq_msgs \
        WHERE name = 'reconcile' AND attempts = 5";
    let soonest = app.database.number(soonest).await;
    assert!(soonest > 3000, "a check comes back after {soonest} s");

    app.database.execute(&budget(100, 48)).await;
    later(&app, 2).await;
    until("all claims are checked", async || finals(&app).await == 120).await;
    let left = "SELECT remaining FROM platform_budgets WHERE platform = 'INSTAGRAM' AND credential = 'own'";
    let taken = 100 - app.database.number(left).await;
    assert!(taken >= 5, "{taken} calls were taken");
    assert_eq!(taken, i64::try_from(requests(&app)).unwrap() - 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_the_whole_application_is_one_of_every_credential() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    // The simulator's first throttle of the Graph API is the application's; X counts by token.
    for platform in [Platform::Instagram, Platform::X] {
        let posts = posts(&app, platform, 1);
        submit_all(&affiliate, &campaign, &posts).await;
        let mut fault = Fault::new(platform, FaultKind::RateLimited).for_calls(1);
        fault.retry_after = Some(600);
        app.world.add_fault(fault);
    }
    app.start_worker();
    until("both checks wait", async || count(&app, WAITING).await == 2).await;
    let waits = async |platform: &str, credential: &str| {
        let wait = format!(
            "SELECT coalesce(wait, 0)::bigint FROM take_platform_call('{platform}', '{credential}')"
        );
        app.database.number(&wait).await > 10
    };
    // The Graph API says of one account when it may be asked again, and not of the application: that waits a little.
    assert!(waits("INSTAGRAM", "own").await);
    assert!(waits("INSTAGRAM", "credential:7").await);
    assert!(!waits("META", "credential:7").await);
    assert!(waits("X", "own").await);
    assert!(!waits("X", "credential:7").await);

    later(&app, 1).await;
    until("both are checked", async || finals(&app).await == 2).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_few_of_a_campaign_do_not_wait_behind_the_many_of_another() {
    let app = TestApp::start().await;
    let (acme, ann, first) = app.program(&["REDDIT"]).await;
    let small = app.campaign(&acme, &["REDDIT"], json!({})).await;
    let posts = posts(&app, Platform::Reddit, 63);
    submit_all(&ann, &first, &posts[..60]).await;
    submit_all(&ann, &small, &posts[60..]).await;
    app.database
        .execute(
            "INSERT INTO platform_budgets (platform, credential, remaining, resets_at) \
             VALUES ('REDDIT', 'own', 0, countersign_now() + interval '1 hour')",
        )
        .await;
    // Few at a time: the small campaign's are taken, and put back, when those of the large one wait.
    let worker = Worker::start(&app.app, FEW);
    until("all checks wait", async || count(&app, WAITING).await == 63).await;
    worker.stop().await;
    assert_eq!(app.world.calls("reddit.info"), 0);

    app.move_clock(2).await;
    let handed_over = format!(
        "SELECT count(*) FROM mq_poll(ARRAY['reconcile.reddit.1'], 6) taken \
         JOIN affiliate_reports r ON r.id = (taken.payload_json::jsonb ->> 'affiliate_report_id')::bigint \
         JOIN posts p ON p.id = r.post_id WHERE p.campaign_id = {}",
        row(&small)
    );
    assert_eq!(app.database.number(&handed_over).await, 3);
    app.abandon().await;
}
