//! Somebody asks for a check now, and sees how far it has come.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::{Fault, FaultKind, Platform};
use serde_json::{Value, json};

use crate::scene::{self, figures, refusals, submitted};
use crate::support::{Client, TestApp, until};

async fn read(client: &Client, run: &str) -> Value {
    let data = client
        .ok(
            "query($id: ID!) { reconciliationRun(id: $id) { total pending completed failed requestedAt \
             reconciliations(first: 50) { totalCount nodes { id finality status affiliateReport { id } } } } }",
            json!({ "id": run }),
        )
        .await;
    data["reconciliationRun"].clone()
}

async fn ended(client: &Client, run: &str) -> Value {
    until("the run has ended", async || {
        read(client, run).await["pending"] == 0
    })
    .await;
    read(client, run).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaigns_run_checks_each_post_and_shows_its_progress() {
    let mut app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["REDDIT", "INSTAGRAM"]).await;
    app.start_worker();
    for platform in [Platform::Reddit, Platform::Instagram] {
        for sample in scene::samples(&app, platform, 3, |figures| figures.views >= 1000) {
            let claim = json!({ "claimedViews": 10 });
            submitted(&ann.client, &campaign, &sample.url, claim).await;
        }
    }
    app.settled().await;
    app.stop_worker().await;
    let run = scene::run(&acme.client, json!({ "campaignId": campaign })).await;
    let begun = read(&acme.client, &run).await;
    assert_eq!(
        (&begun["total"], &begun["pending"], &begun["completed"]),
        (&json!(6), &json!(6), &json!(0))
    );
    assert_eq!(begun["reconciliations"]["totalCount"], 0);
    app.start_worker();
    let ended = ended(&acme.client, &run).await;
    assert_eq!(
        (&ended["total"], &ended["completed"], &ended["failed"]),
        (&json!(6), &json!(6), &json!(0))
    );
    assert_eq!(ended["reconciliations"]["totalCount"], 6);
    // A run is not another check of what stands: its verdicts are those that stood.
    app.settled().await;
    let verdicts = app
        .database
        .number("SELECT count(*) FROM reconciliation_logs WHERE finality = 'FINAL'")
        .await;
    assert_eq!(verdicts, 6, "a claim has one FINAL verdict");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_a_post_sees_what_the_platform_says_now() {
    let mut app = TestApp::working().await;
    let acme = app.advertiser("Acme").await;
    let ann = scene::approved(&app, &acme, "Ann").await;
    let campaign = app
        .campaign(&acme, &["INSTAGRAM"], json!({ "lagWindowHours": 48 }))
        .await;
    let sample = scene::sample(&app, Platform::Instagram);
    let views = sample.figures.views;
    let ids = submitted(
        &ann.client,
        &campaign,
        &sample.url,
        json!({ "claimedViews": views * 2 }),
    )
    .await;
    app.settled().await;
    let first = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(
        first["latestReconciliation"]["finality"], "PROVISIONAL",
        "{first}"
    );
    // Half of the views turn out to be no views.
    assert!(app.world.purge(Platform::Instagram, &sample.native_id, 50));
    let now = figures(&app, Platform::Instagram, &sample.native_id).views;
    app.move_clock(1).await;
    let run = scene::run(&acme.client, json!({ "postId": ids.post })).await;
    let done = ended(&acme.client, &run).await;
    assert_eq!(
        (&done["total"], &done["completed"]),
        (&json!(1), &json!(1)),
        "{done}"
    );
    let verdict = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(
        verdict["latestPlatformReport"]["observed"]["views"]["value"],
        now
    );
    assert_eq!(
        done["reconciliations"]["nodes"][0]["id"],
        verdict["latestReconciliation"]["id"]
    );
    app.stop_worker().await;
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_comes_to_nothing_is_counted_as_failed() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let sample = scene::sample(&app, Platform::Reddit);
    let ids = submitted(
        &ann.client,
        &campaign,
        &sample.url,
        json!({ "claimedViews": 5 }),
    )
    .await;
    app.settled().await;
    // The platform refuses every call from now on. What it said within the last minute would be taken as it is.
    app.move_clock(1).await;
    app.world
        .add_fault(Fault::new(Platform::Reddit, FaultKind::ServerError));
    let run = scene::run(&acme.client, json!({ "postId": ids.post })).await;
    // Each attempt waits longer than the one before.
    let mut hours = 1;
    let done = loop {
        app.settled().await;
        let seen = read(&acme.client, &run).await;
        if seen["pending"] == 0 {
            break seen;
        }
        hours += 1;
        assert!(hours < 50, "a run without an end: {seen}");
        app.move_clock(hours).await;
    };
    assert_eq!(
        (&done["failed"], &done["completed"]),
        (&json!(1), &json!(0)),
        "{done}"
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_of_one_post_or_one_campaign() {
    let app = TestApp::start().await;
    let (acme, ..) = app.program(&["REDDIT"]).await;
    let campaign = app.campaign(&acme, &["REDDIT"], json!({})).await;
    for (input, refusal) in [
        (json!({}), "INVALID"),
        (
            json!({ "campaignId": campaign, "postId": scene::global_id("Post", 1) }),
            "INVALID",
        ),
        (json!({ "campaignId": null }), "INVALID"),
        (
            json!({ "postId": scene::global_id("Post", 1) }),
            "NOT_FOUND postId",
        ),
        (
            json!({ "campaignId": scene::global_id("Campaign", 99) }),
            "NOT_FOUND campaignId",
        ),
    ] {
        let data = acme
            .client
            .ok(
                "mutation($input: RunReconciliationInput!) { runReconciliation(input: $input) { run { id } \
                 userErrors { code field message } } }",
                json!({ "input": input }),
            )
            .await;
        let said = refusals(&data["runReconciliation"]);
        assert!(
            said.len() == 1 && said[0].starts_with(refusal),
            "{input}: {said:?}"
        );
    }
    // Nothing to check is a run that has ended.
    let run = scene::run(&acme.client, json!({ "campaignId": campaign })).await;
    let empty = read(&acme.client, &run).await;
    assert_eq!((&empty["total"], &empty["pending"]), (&json!(0), &json!(0)));
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_platform_says_now_is_kept_and_asked_for_once_a_minute() {
    let mut app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let sample = scene::sample(&app, Platform::Instagram);
    let claim = json!({ "claimedViews": sample.figures.views });
    let ids = submitted(&ann.client, &campaign, &sample.url, claim).await;
    app.settled().await;
    // The next check would ask meanwhile.
    app.stop_worker().await;
    let fetch = async |client: &Client| {
        let data = client
            .ok(
                "mutation($id: ID!) { fetchPlatformMetrics(input: { postId: $id }) { platformReport { id \
                 observed { views { value } } } userErrors { code message field } } }",
                json!({ "id": ids.post }),
            )
            .await;
        data["fetchPlatformMetrics"].clone()
    };
    app.move_clock(1).await;
    let first = fetch(&acme.client).await;
    assert_eq!(
        first["platformReport"]["observed"]["views"]["value"], sample.figures.views,
        "{first}"
    );
    let calls =
        || ["media", "insights", "batch"].map(|name| app.world.calls(&format!("instagram.{name}")));
    let before = calls();
    assert_eq!(
        fetch(&app.operator).await,
        first,
        "within a minute it is the same"
    );
    assert_eq!(calls(), before);
    app.move_clock(2).await;
    app.world
        .add_fault(Fault::new(Platform::Instagram, FaultKind::ServerError));
    let refused = fetch(&acme.client).await;
    assert_eq!(
        refusals(&refused),
        ["PLATFORM_UNREACHABLE postId"],
        "{refused}"
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_does_not_take_the_last_check_from_a_claim_that_has_it_yet() {
    let mut app = TestApp::start().await;
    let (acme, ann, _) = app.program(&["INSTAGRAM"]).await;
    let policy = json!({ "lagWindowHours": 0, "recheckHours": [24] });
    let campaign = app.campaign(&acme, &["INSTAGRAM"], policy).await;
    let sample = scene::sample(&app, Platform::Instagram);
    app.world
        .add_fault(Fault::new(Platform::Instagram, FaultKind::Garbage));
    let claim = json!({ "claimedViews": 1 });
    let ids = submitted(&ann.client, &campaign, &sample.url, claim).await;
    app.database
        .execute("UPDATE mq_msgs SET attempts = 1")
        .await;
    app.start_worker();
    app.settled().await;
    app.stop_worker().await;

    // The last check is late, and what a run asks for fails meanwhile.
    app.database
        .execute("UPDATE mq_msgs SET attempt_at = attempt_at + interval '4 hours'")
        .await;
    app.move_clock(26).await;
    scene::run(&acme.client, json!({ "campaignId": campaign })).await;
    app.start_worker();
    app.settled().await;
    app.stop_worker().await;
    app.database
        .execute(
            "UPDATE mq_msgs SET attempts = 1, attempt_at = countersign_now() \
             WHERE payload_json::jsonb ->> 'run_id' IS NOT NULL",
        )
        .await;
    app.start_worker();
    app.settled().await;
    let verdict = async || {
        let seen = ann.client.verdict(&json!(ids.post)).await;
        let verdict = &seen["latestReconciliation"];
        format!("{} {}", verdict["finality"], verdict["status"]).replace('"', "")
    };
    assert_eq!(verdict().await, "PROVISIONAL FAILED");
    let next = "SELECT count(*) FROM posts WHERE next_check_at < countersign_now()";
    assert_eq!(app.database.number(next).await, 1, "it is late");

    app.world.clear_faults(None);
    app.move_clock(29).await;
    app.settled().await;
    assert_eq!(verdict().await, "FINAL MATCHED");
    app.finish().await;
}
