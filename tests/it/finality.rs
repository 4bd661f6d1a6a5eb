//! A verdict is provisional until the figures have settled, and final once: time moves, and subscribers hear of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use chrono::{DateTime, TimeDelta, Utc};
use countersign::domain::verification;
use countersign::platform::Fetched;
use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, Submitted, Watcher, brief, on, reported, submitted, time};
use crate::support::{Client, Party, TestApp};

/// An advertiser, an affiliate of it, and a campaign on Instagram and Facebook with this policy.
async fn program(app: &TestApp, policy: Value) -> (Party, Party, String) {
    let (acme, ann, _) = app.program(&["INSTAGRAM"]).await;
    let campaign = app.campaign(&acme, &["INSTAGRAM", "META"], policy).await;
    (acme, ann, campaign)
}

/// When the earliest check in the queue is due.
async fn earliest_check(app: &TestApp) -> DateTime<Utc> {
    let at = app
        .database
        .text(
            "SELECT to_char(min(attempt_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
             FROM mq_msgs WHERE name = 'reconcile'",
        )
        .await;
    at.parse().unwrap()
}

/// Sees that the post's next check is the one in the queue, at this age of the claim.
async fn next_check_is_at(app: &TestApp, client: &Client, ids: &Submitted, hours: i64) {
    let made = time(&scene::claim(client, &ids.report).await["submittedAt"]);
    let post = client.verdict(&json!(ids.post)).await;
    let next = time(&post["nextCheckAt"]);
    assert_eq!(next, made + TimeDelta::hours(hours), "{hours} h");
    assert_eq!(next, earliest_check(app).await, "{hours} h");
}

/// Moves time and waits until the checks that became due are done.
async fn at_hour(app: &TestApp, hours: i64) {
    app.move_clock(hours).await;
    app.settled().await;
}

/// What there is of verdicts, trust and alerts.
async fn effects(app: &TestApp) -> String {
    app.database
        .text(
            "SELECT concat_ws(' ', (SELECT count(*) FROM reconciliation_logs), \
             (SELECT count(*) FROM trust_events), (SELECT count(*) FROM alerts), \
             (SELECT count(*) FROM alert_events))",
        )
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excess_is_provisional_until_a_figure_from_after_the_lag_confirms_it() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = program(&app, json!({ "lagWindowHours": 48 })).await;
    let mut watcher = Watcher::start(&acme.client, "").await;
    let post = scene::sample(&app, Platform::Instagram);
    let claim = json!({ "claimedViews": post.figures.views * 2 });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;

    let raised = watcher.next().await;
    assert_eq!(brief(&raised), "RAISED OVERCLAIM");
    assert_eq!(raised["alert"]["finality"], "PROVISIONAL");
    assert_eq!(raised["alert"]["level"], "HIGH");
    app.settled().await;
    let seen = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(seen["latestReconciliation"]["status"], "DISCREPANCY");
    assert_eq!(seen["latestReconciliation"]["finality"], "PROVISIONAL");
    assert_eq!(seen["latestReport"]["status"], "PROVISIONAL");
    assert_eq!(seen["isReconciled"], false);
    assert_eq!(scene::trust(&ann).await["totalSubmissions"], 0);
    next_check_is_at(&app, &ann.client, &ids, 1).await;

    at_hour(&app, 49).await;
    let confirmed = watcher.next().await;
    assert_eq!(brief(&confirmed), "CONFIRMED OVERCLAIM");
    assert_eq!(confirmed["alert"]["id"], raised["alert"]["id"]);
    assert_eq!(confirmed["alert"]["finality"], "FINAL");
    assert_eq!(confirmed["alert"]["status"], "OPEN");
    let seen = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(seen["latestReconciliation"]["status"], "DISCREPANCY");
    assert_eq!(seen["latestReconciliation"]["finality"], "FINAL");
    assert_eq!(seen["latestReconciliation"]["level"], "HIGH");
    assert_eq!(seen["isReconciled"], true);
    let counted = json!({ "trustScore": "0.00", "totalSubmissions": 1, "accurateSubmissions": 0 });
    assert_eq!(scene::trust(&ann).await, counted);
    next_check_is_at(&app, &ann.client, &ids, 72).await;
    drop(watcher);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_and_facebook_settle_after_48_hours_where_the_campaign_says_nothing() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = program(&app, json!({})).await;
    let mut claims = Vec::new();
    for platform in [Platform::Instagram, Platform::Meta] {
        let post = scene::sample(&app, platform);
        let claim = json!({ "claimedViews": post.figures.views * 2 });
        claims.push(submitted(&ann.client, &campaign, &post.url, claim).await);
        app.settled().await;
    }
    for (hour, next, finality) in [
        (0, 1, "PROVISIONAL"),
        (25, 48, "PROVISIONAL"),
        (47, 48, "PROVISIONAL"),
        (49, 72, "FINAL"),
    ] {
        at_hour(&app, hour).await;
        for ids in &claims {
            let claim = scene::claim(&ann.client, &ids.report).await;
            let verdict = &claim["reconciliation"];
            assert_eq!(verdict["status"], "DISCREPANCY", "{hour} h");
            assert_eq!(verdict["finality"], finality, "{hour} h");
        }
        next_check_is_at(&app, &ann.client, &claims[0], next).await;
    }
    let final_ones = "SELECT count(*) FROM reconciliation_logs WHERE finality = 'FINAL'";
    assert_eq!(app.database.number(final_ones).await, 2);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_withdrawn_when_the_figure_rises_to_the_claim() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = program(&app, json!({ "lagWindowHours": 48 })).await;
    let mut watcher = Watcher::start(&acme.client, "").await;
    let post = scene::sample(&app, Platform::Instagram);
    // What the platform shows first is half of what it has.
    app.world.purge(Platform::Instagram, &post.native_id, 50);
    let claim = json!({ "claimedViews": post.figures.views });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    let raised = watcher.next().await;
    assert_eq!(brief(&raised), "RAISED OVERCLAIM");
    app.settled().await;

    app.world.restore(Platform::Instagram, &post.native_id);
    at_hour(&app, 49).await;
    let withdrawn = watcher.next().await;
    assert_eq!(brief(&withdrawn), "WITHDRAWN OVERCLAIM");
    let alert = &withdrawn["alert"];
    assert_eq!(alert["id"], raised["alert"]["id"]);
    assert_eq!(alert["status"], "RESOLVED");
    assert_eq!(alert["resolvedBy"], "countersign");
    let why = scene::text(&alert["resolutionNotes"]);
    assert!(
        why.contains(&scene::written_out(post.figures.views)),
        "{why}"
    );
    let claim = scene::claim(&ann.client, &ids.report).await;
    assert_eq!(claim["reconciliation"]["status"], "MATCHED", "{claim}");
    assert_eq!(claim["reconciliation"]["finality"], "FINAL");
    let fallen = "SELECT count(*) FROM trust_events WHERE score_after < score_before";
    assert_eq!(app.database.number(fallen).await, 0);
    let trusted = json!({ "trustScore": "1.00", "totalSubmissions": 1, "accurateSubmissions": 1 });
    assert_eq!(scene::trust(&ann).await, trusted);
    assert!(scene::alerts(&app.operator, "TRUST_DROP").await.is_empty());
    drop(watcher);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excess_that_no_figure_from_after_the_lag_confirms_is_withdrawn_at_the_last_check() {
    let app = TestApp::working().await;
    let policy = json!({ "lagWindowHours": 48, "recheckHours": [] });
    let (acme, ann, campaign) = program(&app, policy).await;
    let mut watcher = Watcher::start(&acme.client, "minimumLevel: LOW").await;
    let post = scene::sample(&app, Platform::Meta);
    let claim = json!({ "claimedViews": post.figures.views * 2 });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    assert_eq!(brief(&watcher.next().await), "RAISED OVERCLAIM");
    app.settled().await;
    next_check_is_at(&app, &ann.client, &ids, 48).await;

    app.world.vanish(Platform::Meta, &post.native_id);
    at_hour(&app, 49).await;
    assert_eq!(brief(&watcher.next().await), "WITHDRAWN OVERCLAIM");
    let claim = scene::claim(&ann.client, &ids.report).await;
    let verdict = &claim["reconciliation"];
    assert_eq!(verdict["status"], "UNVERIFIABLE", "{verdict}");
    assert_eq!(verdict["finality"], "FINAL");
    assert_eq!(on(verdict, "VIEWS")["reasonCode"], "EXCESS_NOT_CONFIRMED");
    assert_eq!(on(verdict, "VIEWS")["level"], Value::Null);
    assert_eq!(scene::trust(&ann).await["totalSubmissions"], 0);
    let seen = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(seen["nextCheckAt"], Value::Null, "no check is left");
    drop(watcher);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_final_verdict_a_claim_gets_observations_and_nothing_else() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = program(&app, json!({ "lagWindowHours": 0 })).await;
    let post = scene::sample(&app, Platform::Instagram);
    let claim = json!({ "claimedViews": post.figures.views * 2 });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    let claim = scene::claim(&ann.client, &ids.report).await;
    assert_eq!(claim["reconciliation"]["finality"], "FINAL", "{claim}");
    let before = effects(&app).await;

    // Figures grow from here on, which changes nothing any more.
    app.world.set_growth_frozen(false);
    let mut observed = 1;
    for (hour, next) in [(2, Some(24)), (25, Some(72)), (73, Some(168)), (169, None)] {
        at_hour(&app, hour).await;
        assert_eq!(effects(&app).await, before, "{hour} h");
        let observations = app
            .database
            .number("SELECT count(*) FROM platform_reports")
            .await;
        assert!(observations > observed, "{hour} h: none was written");
        observed = observations;
        match next {
            Some(hours) => next_check_is_at(&app, &ann.client, &ids, hours).await,
            None => {
                let seen = ann.client.verdict(&json!(ids.post)).await;
                assert_eq!(seen["nextCheckAt"], Value::Null);
            }
        }
    }
    let waiting = "SELECT count(*) FROM mq_msgs WHERE name = 'reconcile'";
    assert_eq!(app.database.number(waiting).await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_after_an_honest_claim_accuses_nobody() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = program(&app, json!({})).await;
    let post = scene::sample(&app, Platform::Instagram);
    let views = post.figures.views;
    // The conversions keep the claim open, so that its views are judged again.
    let claim = json!({ "claimedViews": views, "claimedConversions": 1 });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    app.world.purge(Platform::Instagram, &post.native_id, 60);
    for hour in [2, 25, 49, 73, 169] {
        at_hour(&app, hour).await;
        let seen = ann.client.verdict(&json!(ids.post)).await;
        let shown = &seen["latestPlatformReport"]["observed"]["views"]["value"];
        assert_eq!(*shown, views * 40 / 100, "{hour} h: the purge is observed");
        let verdict = &seen["latestReconciliation"];
        assert_eq!(verdict["status"], "PARTIALLY_MATCHED", "{hour} h");
        assert_eq!(on(verdict, "VIEWS")["level"], "NONE", "{hour} h");
        assert_eq!(on(verdict, "VIEWS")["actual"], views, "{hour} h");
    }
    assert!(scene::alerts(&app.operator, "OVERCLAIM").await.is_empty());
    let trusted = json!({ "trustScore": "1.00", "totalSubmissions": 1, "accurateSubmissions": 1 });
    assert_eq!(scene::trust(&ann).await, trusted);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_claim_has_exactly_one_final_verdict_when_its_checks_are_over() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = program(&app, json!({ "lagWindowHours": 48 })).await;
    let posts = scene::samples(&app, Platform::Instagram, 2, |figures| {
        figures.views >= 1000
    });
    let foreign = scene::foreign_sample(&app, "FEED");
    let gone = scene::sample(&app, Platform::Meta);
    app.world.vanish(Platform::Meta, &gone.native_id);
    let mut ids = Vec::new();
    for (url, claim) in [
        (
            &posts[0].url,
            json!({ "claimedViews": posts[0].figures.views }),
        ),
        (
            &posts[1].url,
            json!({ "claimedViews": posts[1].figures.views * 2 }),
        ),
        (&foreign.url, json!({ "claimedViews": 1 })),
        (&gone.url, json!({ "claimedViews": 1 })),
    ] {
        ids.push(submitted(&ann.client, &campaign, url, claim).await);
    }
    let newer = json!({ "claimedViews": posts[1].figures.views, "claimedConversions": 1 });
    reported(&ann.client, &ids[1].post, newer).await;
    app.settled().await;
    for hour in [2, 25, 49, 73, 169, 200] {
        at_hour(&app, hour).await;
    }
    let finals = "SELECT string_agg(n::text, ' ') FROM (SELECT count(*) AS n FROM affiliate_reports r \
                  JOIN reconciliation_logs l ON l.affiliate_report_id = r.id AND l.finality = 'FINAL' \
                  GROUP BY r.id) c";
    assert_eq!(app.database.text(finals).await, "1 1 1 1 1");
    let waiting = "SELECT count(*) FROM mq_msgs WHERE name = 'reconcile'";
    assert_eq!(app.database.number(waiting).await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_reconciled_when_its_latest_claim_is() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = program(&app, json!({ "lagWindowHours": 48 })).await;
    let post = scene::sample(&app, Platform::Instagram);
    let views = post.figures.views;
    let claim = json!({ "claimedViews": views });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    let reconciled = async || {
        let seen = ann.client.verdict(&json!(ids.post)).await;
        seen["isReconciled"] == true
    };
    assert!(reconciled().await, "an honest claim is final at once");
    reported(&ann.client, &ids.post, json!({ "claimedViews": views * 2 })).await;
    app.settled().await;
    assert!(!reconciled().await, "the newer claim is provisional");
    // A check of the older claim does not change that.
    at_hour(&app, 2).await;
    assert!(!reconciled().await);
    at_hour(&app, 49).await;
    assert!(reconciled().await);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_check_of_a_post_is_the_earliest_of_all_its_claims() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = program(&app, json!({ "lagWindowHours": 0 })).await;
    let post = scene::sample(&app, Platform::Instagram);
    let claim = json!({ "claimedViews": post.figures.views });
    let ids = submitted(&ann.client, &campaign, &post.url, claim.clone()).await;
    app.settled().await;
    at_hour(&app, 2).await;
    reported(&ann.client, &ids.post, claim).await;
    app.settled().await;
    // The newer claim is checked an hour after it was made, and the older one not before it is a day old.
    for hour in [2, 4, 25, 27] {
        at_hour(&app, hour).await;
        let seen = ann.client.verdict(&json!(ids.post)).await;
        assert_eq!(
            time(&seen["nextCheckAt"]),
            earliest_check(&app).await,
            "{hour} h"
        );
    }
    app.finish().await;
}

/// Sees that the post says of its next check what the queue says.
async fn next_check_is_true(app: &TestApp, client: &Client, post: &str, state: &str) {
    let says = client.verdict(&json!(post)).await["nextCheckAt"].clone();
    let queued = scene::queued_check(app, post).await;
    assert_eq!(
        says.is_null(),
        queued.is_null(),
        "{state}: {says}, {queued}"
    );
    if !queued.is_null() {
        assert_eq!(time(&says), time(&queued), "{state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_check_of_a_post_is_what_the_queue_says_in_every_state() {
    let mut app = TestApp::start().await;
    let (_, ann, campaign) = program(&app, json!({ "lagWindowHours": 48 })).await;
    let samples = scene::samples(&app, Platform::Instagram, 2, |figures| {
        figures.views >= 1000
    });
    let mut posts = Vec::new();
    for (sample, factor) in samples.iter().zip([1, 2]) {
        let claim = json!({ "claimedViews": sample.figures.views * factor });
        posts.push(
            submitted(&ann.client, &campaign, &sample.url, claim)
                .await
                .post,
        );
    }
    for post in &posts {
        next_check_is_true(&app, &ann.client, post, "PENDING").await;
    }
    app.start_worker();
    for hour in [0, 2, 25, 30, 49, 73, 171] {
        at_hour(&app, hour).await;
        for (post, finality) in posts
            .iter()
            .zip(["FINAL", if hour < 48 { "PROVISIONAL" } else { "FINAL" }])
        {
            let seen = ann.client.verdict(&json!(post)).await;
            assert_eq!(
                seen["latestReconciliation"]["finality"], finality,
                "{hour} h"
            );
            next_check_is_true(&app, &ann.client, post, &format!("{finality} at {hour} h")).await;
            assert_eq!(seen["nextCheckAt"].is_null(), hour == 171, "{hour} h");
        }
        if hour == 2 {
            // A newer claim has checks of its own, and the earliest counts.
            let views = samples[0].figures.views;
            reported(&ann.client, &posts[0], json!({ "claimedViews": views })).await;
            app.settled().await;
            next_check_is_true(&app, &ann.client, &posts[0], "two claims").await;
        }
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_one_claim_does_not_hide_that_another_one_waits() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = program(&app, json!({ "lagWindowHours": 0 })).await;
    let sample = scene::sample(&app, Platform::Instagram);
    let claim = json!({ "claimedViews": 1 });
    let ids = submitted(&ann.client, &campaign, &sample.url, claim.clone()).await;
    reported(&ann.client, &ids.post, claim).await;
    let gone = Fetched::Gone {
        reason: "It is gone.".to_owned(),
        raw: json!({}),
    };
    let mut checks = scene::answered(&app, &gone).await;
    assert_eq!(checks.len(), 2);
    let newer = checks.split_off(1);
    verification::settle(&app.app, &checks).await.unwrap();
    next_check_is_true(&app, &ann.client, &ids.post, "the newer claim waits").await;
    verification::settle(&app.app, &newer).await.unwrap();
    next_check_is_true(&app, &ann.client, &ids.post, "both were checked").await;
    app.abandon().await;
}
