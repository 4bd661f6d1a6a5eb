//! Platforms that limit, fail, lie or refuse: a check is waited for, tried again, or ends without a number, and a claim
//! is never judged on a failure before its last check.

use countersign::simulator::{Fault, FaultKind, Platform};
use serde_json::{Value, json};

use super::{count, finals, later, posts, program, put_back, submit_all};
use crate::scene::{claim, on, submitted};
use crate::support::{TestApp, until};

fn rate_limit(platform: Platform) -> Fault {
    let mut fault = Fault::new(platform, FaultKind::RateLimited);
    fault.retry_after = Some(40);
    fault
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_waited_out_however_often_it_comes() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let post = posts(&app, Platform::Reddit, 1);
    submit_all(&affiliate, &campaign, &post).await;
    app.world.add_fault(rate_limit(Platform::Reddit));
    app.start_worker();
    // More often than a check has attempts.
    for nth in 1..=7 {
        until("the platform was asked", async || {
            app.world.calls("reddit.info") == u64::try_from(nth).unwrap()
        })
        .await;
        put_back(&app, 5).await;
        if nth == 1 {
            let wait = "SELECT extract(epoch FROM attempt_at - countersign_now())::bigint FROM mq_msgs \
                 WHERE name = 'reconcile'";
            let wait = app.database.number(wait).await;
            assert!((20..=50).contains(&wait), "it waits {wait} s, not 40");
        }
        assert_eq!(count(&app, "reconciliation_logs").await, 0);
        later(&app, nth).await;
    }
    app.world.clear_faults(None);
    later(&app, 8).await;
    until("the claim is checked", async || finals(&app).await == 1).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_limit_of_every_platform_costs_no_attempt() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    for platform in Platform::ALL {
        let post = posts(&app, platform, 1);
        submit_all(&affiliate, &campaign, &post).await;
        app.world.add_fault(rate_limit(platform));
    }
    app.start_worker();
    until("all of them wait", async || {
        let waiting = "mq_msgs WHERE name = 'reconcile' AND attempts = 5 AND worker_id IS NULL \
             AND attempt_at > countersign_now()";
        count(&app, waiting).await == 6
    })
    .await;
    assert_eq!(count(&app, "reconciliation_logs").await, 0);
    assert_eq!(count(&app, "platform_reports").await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_fails_for_good_only_when_its_last_check_has_failed_five_times() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let post = posts(&app, Platform::Instagram, 1).remove(0);
    let made = submitted(
        &affiliate.client,
        &campaign,
        &post.url,
        json!({ "claimedViews": 1 }),
    )
    .await;
    app.world
        .add_fault(Fault::new(Platform::Instagram, FaultKind::ServerError));
    app.start_worker();
    for attempt in 1..=4 {
        put_back(&app, 5 - attempt).await;
        assert_eq!(count(&app, "reconciliation_logs").await, 0);
        later(&app, attempt).await;
    }
    until("the fifth attempt has failed", async || {
        count(&app, "reconciliation_logs").await == 1
    })
    .await;
    assert_eq!(app.world.calls("instagram.media"), 5);
    let report = claim(&affiliate.client, &made.report).await;
    assert_eq!(report["status"], "PROVISIONAL", "{report}");
    assert_eq!(report["reconciliation"]["status"], "FAILED", "{report}");
    assert_eq!(report["reconciliation"]["finality"], "PROVISIONAL");
    let next = affiliate
        .client
        .verdict(&Value::from(made.post.clone()))
        .await;
    assert!(next["nextCheckAt"].is_string(), "{next}");
    assert_eq!(next["isReconciled"], false, "{next}");

    later(&app, 25).await;
    for attempt in 1..=4 {
        put_back(&app, 5 - attempt).await;
        assert_eq!(finals(&app).await, 0);
        later(&app, 25 + attempt).await;
    }
    until(
        "the last attempt of the last check has failed",
        async || finals(&app).await == 1,
    )
    .await;
    let report = claim(&affiliate.client, &made.report).await;
    assert_eq!(report["status"], "FAILED", "{report}");
    assert_eq!(report["reconciliation"]["status"], "FAILED", "{report}");
    // A failure is no number, and nobody is judged on it.
    assert_eq!(count(&app, "platform_reports").await, 0);
    assert_eq!(count(&app, "trust_events").await, 0);
    let judged = "alerts WHERE affiliate_id IS NOT NULL";
    assert_eq!(count(&app, judged).await, 0);
    assert_eq!(count(&app, "mq_msgs").await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_used_is_never_taken_for_a_number() {
    use FaultKind::{Empty, Garbage, ServerError, Truncated, WrongType};
    use Platform::{Instagram, Meta, Reddit, TikTok, X, YouTube};
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let mut unused = Platform::ALL.map(|platform| (platform, posts(&app, platform, 12)));
    for (platform, kind, endpoint, status, is_told) in [
        (Reddit, ServerError, None, "FAILED", false),
        (Reddit, Garbage, None, "FAILED", false),
        (Reddit, Truncated, None, "FAILED", false),
        (Reddit, Empty, None, "UNVERIFIABLE", false),
        (Reddit, WrongType, None, "UNVERIFIABLE", false),
        (Instagram, ServerError, None, "FAILED", false),
        (Instagram, Garbage, None, "FAILED", false),
        (Instagram, Truncated, None, "FAILED", false),
        (
            Instagram,
            Truncated,
            Some("instagram.insights"),
            "FAILED",
            false,
        ),
        (Instagram, Empty, None, "UNVERIFIABLE", false),
        (
            Instagram,
            Empty,
            Some("instagram.insights"),
            "UNVERIFIABLE",
            false,
        ),
        // A number in quotes is still that number.
        (Instagram, WrongType, None, "MATCHED", true),
        (Meta, ServerError, None, "FAILED", false),
        (Meta, Garbage, None, "FAILED", false),
        (Meta, Truncated, None, "FAILED", false),
        (Meta, ServerError, Some("meta.insights"), "FAILED", false),
        (Meta, Empty, Some("meta.insights"), "UNVERIFIABLE", false),
        (Meta, WrongType, None, "MATCHED", true),
        (YouTube, ServerError, None, "FAILED", false),
        (YouTube, Garbage, None, "FAILED", false),
        (YouTube, Truncated, None, "FAILED", false),
        // A list that is whole and lacks the video: it is gone.
        (YouTube, Empty, None, "UNVERIFIABLE", false),
        (YouTube, WrongType, None, "MATCHED", true),
        (TikTok, ServerError, None, "FAILED", false),
        (TikTok, Garbage, None, "FAILED", false),
        (TikTok, Truncated, None, "FAILED", false),
        (TikTok, Empty, None, "UNVERIFIABLE", false),
        (TikTok, WrongType, None, "MATCHED", true),
        (X, ServerError, None, "FAILED", false),
        (X, Garbage, None, "FAILED", false),
        (X, Truncated, None, "FAILED", false),
        // X names what it leaves out, so a list that lacks a post without a word is not whole.
        (X, Empty, None, "FAILED", false),
        (X, WrongType, None, "MATCHED", true),
    ] {
        let of_platform = unused.iter_mut().find(|(of, _)| *of == platform);
        let post = of_platform.unwrap().1.remove(0);
        let views = post.figures.views;
        let claimed = json!({ "claimedViews": views });
        let made = submitted(&affiliate.client, &campaign, &post.url, claimed).await;
        // The first attempt is the last one.
        app.database
            .execute("UPDATE mq_msgs SET attempts = 1 WHERE name = 'reconcile' AND attempt_at <= countersign_now()")
            .await;
        let mut fault = Fault::new(platform, kind);
        fault.endpoint = endpoint.map(str::to_owned);
        app.world.add_fault(fault);
        app.start_worker();
        app.settled().await;
        app.stop_worker().await;
        app.world.clear_faults(None);

        let case = format!("{platform:?} {kind:?} {endpoint:?}");
        let report = claim(&affiliate.client, &made.report).await;
        let verdict = &report["reconciliation"];
        assert_eq!(verdict["status"], status, "{case}: {verdict}");
        let actual = if is_told { json!(views) } else { Value::Null };
        assert_eq!(on(verdict, "VIEWS")["actual"], actual, "{case}: {verdict}");
    }
    // What Reddit never tells is final at once, and so is what was told; all else waits for its next check.
    assert_eq!(finals(&app).await, 6);
    let told = "platform_reports WHERE views IS NOT NULL";
    assert_eq!(count(&app, told).await, 5);
    assert_eq!(count(&app, "trust_events WHERE NOT accurate").await, 0);
    app.finish().await;
}
