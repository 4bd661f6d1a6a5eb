//! A platform that fails is left alone until it answers again: checks wait without losing anything, operators are told once,
//! and nobody is judged.

use countersign::jobs::{Worker, WorkerOptions};
use countersign::simulator::{Fault, FaultKind, Platform};
use serde_json::{Value, json};

use super::{PLATFORMS, count, finals, later, posts, program, put_back, submit_all};
use crate::scene::{self, Watcher, brief, claim, refusals, sample, short_link, submitted, text};
use crate::support::{Client, TestApp, until};

/// Makes the next call that fails one too many.
async fn nearly_open(app: &TestApp, platform: &str) {
    app.database
        .execute(&format!(
            "UPDATE platform_health SET failures = 9, window_started_at = countersign_now() \
             WHERE platform = '{platform}'"
        ))
        .await;
}

/// Where a circuit stands.
async fn circuit(app: &TestApp, platform: &str) -> String {
    let query = format!("SELECT circuit FROM platform_health WHERE platform = '{platform}'");
    app.database.text(&query).await
}

async fn becomes(app: &TestApp, platform: &str, state: &str) {
    until(&format!("the circuit is {state}"), async || {
        circuit(app, platform).await == state
    })
    .await;
}

/// The health of Reddit, as the caller is shown it.
async fn health(client: &Client) -> Value {
    let query = "{ platform(kind: REDDIT) { health { circuit lastSuccessAt lastError errorRate remainingBudget } } }";
    client.ok(query, json!({})).await["platform"]["health"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_fails_is_left_alone_until_a_call_that_is_tried_is_answered() {
    let mut app = TestApp::start().await;
    app.world
        .set_quota(Platform::Reddit, Some(500), Some(1_000_000_000));
    let (acme, ann, _) = app.program(&PLATFORMS).await;
    let policy = json!({ "lagWindowHours": 0, "recheckHours": [24] });
    let campaign = app.campaign(&acme, &PLATFORMS, policy).await;
    // More than one call can ask for.
    let posts = posts(&app, Platform::Reddit, 131);
    let made = submit_all(&ann, &campaign, &posts[..130]).await;
    let mut operator = Watcher::start(&app.operator, "").await;
    let mut others = [
        Watcher::start(&acme.client, "").await,
        Watcher::start(&ann.client, "").await,
    ];
    let unseen = json!({ "circuit": "CLOSED", "lastSuccessAt": null, "lastError": null, "errorRate": null,
        "remainingBudget": null });
    assert_eq!(health(&app.operator).await, unseen);

    app.world
        .add_fault(Fault::new(Platform::Reddit, FaultKind::ServerError));
    nearly_open(&app, "REDDIT").await;
    app.start_worker();
    let raised = operator.next().await;
    assert_eq!(brief(&raised), "RAISED PLATFORM_DEGRADED");
    let waiting = "mq_msgs WHERE name = 'reconcile' AND attempts = 5 AND worker_id IS NULL \
        AND attempt_at > countersign_now()";
    until("every check waits with all its attempts", async || {
        count(&app, waiting).await == 130
    })
    .await;
    assert_eq!(count(&app, "reconciliation_logs").await, 0);

    // Operators see why; to others there is nothing to see.
    let seen = health(&app.operator).await;
    assert_eq!(seen["circuit"], "OPEN", "{seen}");
    assert_eq!(seen["errorRate"], "1.0000", "{seen}");
    assert!(text(&seen["lastError"]).contains("HTTP 50"), "{seen}");
    assert_eq!(seen["lastSuccessAt"], Value::Null, "{seen}");
    for client in [&acme.client, &ann.client] {
        assert_eq!(health(client).await, Value::Null);
        assert!(scene::alerts(client, "PLATFORM_DEGRADED").await.is_empty());
    }
    let alerts = scene::alerts(&app.operator, "PLATFORM_DEGRADED").await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["status"], "OPEN");
    assert!(text(&alerts[0]["message"]).starts_with("Reddit fails"));
    for about in ["campaign", "post", "affiliate", "level"] {
        assert_eq!(alerts[0][about], Value::Null, "{about}");
    }

    // Nobody asks meanwhile.
    let calls = app.world.calls("reddit.info");
    submit_all(&ann, &campaign, &posts[130..]).await;
    app.settled().await;
    let fetch = "mutation($id: ID!) { fetchPlatformMetrics(input: { postId: $id }) { platformReport { id } \
        userErrors { code field } } }";
    let data = acme
        .client
        .ok(fetch, json!({ "id": made[0].post.clone() }))
        .await;
    assert_eq!(
        refusals(&data["fetchPlatformMetrics"]),
        ["TRY_AGAIN_LATER postId"]
    );
    assert_eq!(app.world.calls("reddit.info"), calls);

    // One call is tried, and fails as well.
    later(&app, 1).await;
    let tried =
        "platform_health WHERE platform = 'REDDIT' AND failed_probes = 1 AND circuit = 'OPEN'";
    until("a call was tried", async || count(&app, tried).await == 1).await;
    app.settled().await;
    assert_eq!(app.world.calls("reddit.info"), calls + 1);
    let lost = "mq_msgs WHERE name = 'reconcile' AND attempts <> 5";
    assert_eq!(count(&app, lost).await, 0);
    assert_eq!(count(&app, "reconciliation_logs").await, 0);

    // The next one is answered.
    app.world.clear_faults(None);
    later(&app, 2).await;
    becomes(&app, "REDDIT", "CLOSED").await;
    let withdrawn = operator.next().await;
    assert_eq!(brief(&withdrawn), "WITHDRAWN PLATFORM_DEGRADED");
    assert_eq!(withdrawn["alert"]["id"], alerts[0]["id"]);
    assert_eq!(withdrawn["alert"]["resolvedBy"], "countersign");
    let notes = text(&withdrawn["alert"]["resolutionNotes"]);
    assert!(notes.starts_with("Reddit answers again"), "{notes}");
    later(&app, 3).await;
    until("every claim is checked", async || finals(&app).await == 131).await;
    let alerts = scene::alerts(&app.operator, "PLATFORM_DEGRADED").await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["status"], "RESOLVED");
    assert_eq!(alerts[0]["occurrences"], 1);
    let seen = health(&app.operator).await;
    assert_eq!(seen["circuit"], "CLOSED", "{seen}");
    assert!(seen["lastSuccessAt"].is_string(), "{seen}");
    let left = seen["remainingBudget"].as_i64().unwrap();
    assert!((1..500).contains(&left), "{seen}");

    // The first that anybody else hears is something else.
    let post = sample(&app, Platform::Instagram);
    let over = json!({ "claimedViews": post.figures.views * 3 });
    submitted(&ann.client, &campaign, &post.url, over).await;
    for other in &mut others {
        let heard = brief(&other.next().await);
        assert!(!heard.contains("PLATFORM_DEGRADED"), "{heard}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_fail_open_the_circuit_for_every_worker_and_raise_one_alert() {
    let app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    submit_all(&affiliate, &campaign, &posts(&app, Platform::Reddit, 300)).await;
    app.world
        .add_fault(Fault::new(Platform::Reddit, FaultKind::ServerError));
    // Few at a time: by sixteens these would be nineteen calls, and the tenth is the last.
    let options = WorkerOptions {
        min_concurrency: 8,
        max_concurrency: 16,
    };
    let workers = [
        Worker::start(&app.app, options),
        Worker::start(&app.app, options),
    ];
    becomes(&app, "REDDIT", "OPEN").await;
    app.settled().await;
    for worker in workers {
        worker.stop().await;
    }
    let calls = app.world.calls("reddit.info");
    // Each worker may have had a call or two under way.
    assert!((10..=16).contains(&calls), "{calls} calls");
    let whole = "mq_msgs WHERE name = 'reconcile' AND attempts = 5";
    let whole = count(&app, whole).await;
    assert!(whole >= 300 - 16 * 16, "{whole} checks have lost nothing");
    assert_eq!(count(&app, "reconciliation_logs").await, 0);
    let raised = "alerts WHERE kind = 'PLATFORM_DEGRADED' AND occurrences = 1";
    assert_eq!(count(&app, raised).await, 1);
    assert_eq!(count(&app, "alert_events").await, 1);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_attempt_of_a_check_is_kept_while_the_circuit_is_open() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let mut hours = 0;
    // Without the circuit the first would be FAILED after this attempt, and the second after any.
    for (platform, name, kind) in [
        (Platform::Instagram, "INSTAGRAM", FaultKind::ServerError),
        (Platform::Meta, "META", FaultKind::TokenRefused),
    ] {
        let post = posts(&app, platform, 1).remove(0);
        let claimed = json!({ "claimedViews": 1 });
        let made = submitted(&affiliate.client, &campaign, &post.url, claimed).await;
        app.database
            .execute("UPDATE mq_msgs SET attempts = 1 WHERE name = 'reconcile' AND attempt_at <= countersign_now()")
            .await;
        nearly_open(&app, name).await;
        app.world.add_fault(Fault::new(platform, kind));
        app.start_worker();
        put_back(&app, 1).await;
        assert_eq!(circuit(&app, name).await, "OPEN");
        let report = claim(&affiliate.client, &made.report).await;
        assert_eq!(report["status"], "PENDING", "{report}");

        app.world.clear_faults(None);
        hours += 1;
        later(&app, hours).await;
        until("the claim is checked", async || finals(&app).await == hours).await;
        let report = claim(&affiliate.client, &made.report).await;
        assert_eq!(report["reconciliation"]["status"], "MATCHED", "{report}");
        assert_eq!(circuit(&app, name).await, "CLOSED");
        app.stop_worker().await;
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_cannot_be_opened_say_nothing_of_the_platform() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    for post in posts(&app, Platform::Reddit, 24) {
        let link = short_link(&app, Platform::Reddit, &post.native_id);
        let claimed = json!({ "claimedViews": 1 });
        submitted(&affiliate.client, &campaign, &link, claimed).await;
    }
    app.world
        .add_fault(Fault::new(Platform::Reddit, FaultKind::ServerError).at("reddit.share"));
    app.start_worker();
    let put_back =
        "mq_msgs WHERE name = 'reconcile' AND worker_id IS NULL AND attempt_at > countersign_now()";
    until("every link was tried or waits", async || {
        count(&app, put_back).await == 24
    })
    .await;
    // After ten without an answer the web site is left alone, and those that were not opened lose nothing; four are opened at a
    // time.
    let tried = count(&app, "mq_msgs WHERE name = 'reconcile' AND attempts = 4").await;
    assert!((10..14).contains(&tried), "{tried}");
    assert_eq!(circuit(&app, "REDDIT").await, "CLOSED");
    assert_eq!(count(&app, "alerts").await, 0);

    app.world.clear_faults(None);
    later(&app, 1).await;
    until("every claim is checked", async || finals(&app).await == 24).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_opened_for_somebody_who_asks_now_takes_nothing_of_the_platforms_api() {
    let app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let post = posts(&app, Platform::Reddit, 1).remove(0);
    let link = short_link(&app, Platform::Reddit, &post.native_id);
    let claimed = json!({ "claimedViews": 1 });
    let made = submitted(&affiliate.client, &campaign, &link, claimed).await;
    let limited = Fault::new(Platform::Reddit, FaultKind::RateLimited).at("reddit.share");
    app.world.add_fault(limited);
    let fetch = async || {
        let query = "mutation($id: ID!) { fetchPlatformMetrics(input: { postId: $id }) \
             { userErrors { code message field } } }";
        let data = app.operator.ok(query, json!({ "id": made.post })).await;
        data["fetchPlatformMetrics"].clone()
    };
    let limited = fetch().await;
    assert_eq!(refusals(&limited), ["TRY_AGAIN_LATER postId"], "{limited}");
    let message = "Reddit asks to wait: try again later";
    assert_eq!(limited["userErrors"][0]["message"], message);
    assert_eq!(count(&app, "platform_budgets").await, 0);

    // Where the API fails too often it is not asked, but where the link leads can be found all the same.
    app.world.clear_faults(None);
    app.database
        .execute(
            "UPDATE platform_health SET circuit = 'OPEN', opened_at = countersign_now(), \
             probe_at = countersign_now() + interval '1 hour' WHERE platform = 'REDDIT'",
        )
        .await;
    let opened = app.world.calls("reddit.share");
    let held_back = fetch().await;
    assert_eq!(refusals(&held_back), ["TRY_AGAIN_LATER postId"]);
    let message = scene::text(&held_back["userErrors"][0]["message"]);
    assert!(message.starts_with("this platform cannot"), "{message}");
    assert_eq!(app.world.calls("reddit.share"), opened + 1);
    assert_eq!(app.world.calls("reddit.info"), 0);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_judged_on_a_platform_that_refuses_this_servers_own_credentials() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let mut operator = Watcher::start(&app.operator, "").await;
    for platform in Platform::ALL {
        submit_all(&affiliate, &campaign, &posts(&app, platform, 1)).await;
        app.world
            .add_fault(Fault::new(platform, FaultKind::TokenRefused));
    }
    app.database
        .execute("UPDATE mq_msgs SET attempts = 1 WHERE name = 'reconcile'")
        .await;
    app.start_worker();
    // One call of each is enough.
    for _ in Platform::ALL {
        assert_eq!(brief(&operator.next().await), "RAISED PLATFORM_DEGRADED");
    }
    let waiting = "mq_msgs WHERE name = 'reconcile' AND attempts = 1 AND worker_id IS NULL \
        AND attempt_at > countersign_now()";
    until("every check waits with its last attempt", async || {
        count(&app, waiting).await == 6
    })
    .await;
    assert_eq!(count(&app, "reconciliation_logs").await, 0);

    app.world.clear_faults(None);
    later(&app, 1).await;
    until("every claim is checked", async || {
        count(&app, "reconciliation_logs").await == 6
    })
    .await;
    assert_eq!(
        count(&app, "reconciliation_logs WHERE status = 'FAILED'").await,
        0
    );
    for _ in Platform::ALL {
        assert_eq!(brief(&operator.next().await), "WITHDRAWN PLATFORM_DEGRADED");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_link_that_opens_does_not_show_that_this_servers_own_credentials_are_accepted() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let post = posts(&app, Platform::Reddit, 1).remove(0);
    let link = short_link(&app, Platform::Reddit, &post.native_id);
    let claimed = json!({ "claimedViews": 1 });
    submitted(&affiliate.client, &campaign, &link, claimed).await;
    app.world
        .add_fault(Fault::new(Platform::Reddit, FaultKind::TokenRefused));
    app.start_worker();
    put_back(&app, 5).await;
    for tries in 1..=2 {
        later(&app, tries).await;
        let tried = format!(
            "platform_health WHERE platform = 'REDDIT' AND circuit = 'OPEN' AND only_own AND failed_probes = {tries}"
        );
        until("a call was tried", async || count(&app, &tried).await == 1).await;
        put_back(&app, 5).await;
    }
    assert_eq!(count(&app, "alert_events WHERE kind = 'RAISED'").await, 1);
    assert_eq!(count(&app, "alert_events").await, 1, "nothing is withdrawn");
    assert_eq!(count(&app, "reconciliation_logs").await, 0);
    let opened = app.world.calls("reddit.share");
    assert_eq!(opened, 1, "where it leads is known while it waits");

    app.world.clear_faults(None);
    later(&app, 3).await;
    until("the claim is checked", async || finals(&app).await == 1).await;
    assert_eq!(circuit(&app, "REDDIT").await, "CLOSED");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_asked_for_permalinks_only_is_found_to_fail() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let posts = app.world.posts(Platform::Meta, 0, 300, None).into_iter();
    let posts = posts.filter(|post| post.owned && post.url.contains("pfbid"));
    for post in posts.take(14) {
        let claimed = json!({ "claimedViews": 1 });
        submitted(&affiliate.client, &campaign, &post.url, claimed).await;
    }
    app.database
        .execute("UPDATE mq_msgs SET attempts = 2 WHERE name = 'reconcile'")
        .await;
    app.world
        .add_fault(Fault::new(Platform::Meta, FaultKind::ServerError));
    app.start_worker();
    until("the circuit opens", async || {
        circuit(&app, "META").await != "CLOSED"
    })
    .await;
    let waiting =
        "mq_msgs WHERE name = 'reconcile' AND worker_id IS NULL AND attempt_at > countersign_now()";
    until("every check waits", async || {
        count(&app, waiting).await == 14
    })
    .await;
    assert_eq!(count(&app, "reconciliation_logs").await, 0);

    app.world.clear_faults(None);
    later(&app, 1).await;
    until("every claim is checked", async || finals(&app).await == 14).await;
    let failed = "reconciliation_logs WHERE status = 'FAILED'";
    assert_eq!(count(&app, failed).await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permalink_waits_as_posts_do_while_this_servers_own_credentials_are_refused() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let mut posts = app.world.posts(Platform::Meta, 0, 100, None).into_iter();
    let post = posts
        .find(|post| post.owned && post.url.contains("pfbid"))
        .unwrap();
    let claimed = json!({ "claimedViews": 1 });
    submitted(&affiliate.client, &campaign, &post.url, claimed).await;
    app.database
        .execute("UPDATE mq_msgs SET attempts = 1 WHERE name = 'reconcile'")
        .await;
    app.world
        .add_fault(Fault::new(Platform::Meta, FaultKind::TokenRefused));
    app.start_worker();
    put_back(&app, 1).await;
    let open = "platform_health WHERE platform = 'META' AND circuit = 'OPEN' AND only_own";
    assert_eq!(count(&app, open).await, 1);
    assert_eq!(count(&app, "reconciliation_logs").await, 0);

    // Nothing but permalinks is left to show that they are accepted again.
    app.world.clear_faults(None);
    later(&app, 1).await;
    until("the claim is checked", async || finals(&app).await == 1).await;
    assert_eq!(circuit(&app, "META").await, "CLOSED");
    let failed = "reconciliation_logs WHERE status = 'FAILED'";
    assert_eq!(count(&app, failed).await, 0);
    app.finish().await;
}
