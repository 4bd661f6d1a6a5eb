//! An idempotency key makes one submission of many equal ones, and twenty at once are no exception.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::scene::{self, refusals, report, reported, submitted, written};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_equal_submissions_at_once_are_one_and_get_one_answer() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let input = json!({
        "campaignId": campaign, "url": post.url, "title": " A title ", "description": "ä",
        "accountHandle": "@Somebody", "claimedViews": 5, "claimedClicks": 0,
        "evidence": { "b": [1, 2.5], "a": null }, "idempotencyKey": "k",
    });
    let answers = join_all((0..20).map(|_| {
        ann.client.ok(
            "mutation($input: SubmitPostInput!) { submitPost(input: $input) { \
             post { id url title description platform platformPostId status isReconciled createdAt \
             nextCheckAt campaign { id } affiliate { id } } \
             report { id status submittedAt submissionMethod evidence claimed { views clicks conversions } } \
             userErrors { code } } }",
            json!({ "input": input }),
        )
    }))
    .await;

    let first = &answers[0]["submitPost"];
    assert_eq!(first["userErrors"], json!([]), "{first}");
    assert!(first["post"]["id"].is_string(), "{first}");
    assert!(first["report"]["id"].is_string(), "{first}");
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!(written(&app).await, [1, 1, 1, 1]);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_different_submissions_at_once_under_one_key_are_one() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let answers = join_all((0..20).map(|views| {
        let claim = json!({ "claimedViews": views, "idempotencyKey": "k" });
        ann.client.submit(&campaign, &post.url, claim)
    }))
    .await;

    let said: Vec<Vec<String>> = answers.iter().map(refusals).collect();
    let accepted = said.iter().filter(|refusals| refusals.is_empty()).count();
    assert_eq!(accepted, 1, "{said:?}");
    let reused = ["IDEMPOTENCY_KEY_REUSED idempotencyKey"];
    let refused = said.iter().filter(|refusals| **refusals == reused).count();
    assert_eq!(refused, 19, "{said:?}");
    assert_eq!(written(&app).await, [1, 1, 1, 1]);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_equal_submissions_at_once_without_a_key_are_one_post() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let claim = json!({ "claimedViews": 5 });
    let answers =
        join_all((0..20).map(|_| ann.client.submit(&campaign, &post.url, claim.clone()))).await;

    let (accepted, refused): (Vec<&Value>, Vec<&Value>) = answers
        .iter()
        .partition(|answer| refusals(answer).is_empty());
    assert_eq!(accepted.len(), 1, "{answers:?}");
    for answer in refused {
        assert_eq!(refusals(answer), ["POST_ALREADY_SUBMITTED url"]);
        assert_eq!(answer["post"]["id"], accepted[0]["post"]["id"]);
        assert_eq!(answer["report"], Value::Null);
    }
    assert_eq!(written(&app).await, [1, 1, 1, 0]);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_input_under_a_used_key_is_refused() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let other_campaign = scene::campaign(&acme, json!({})).await;
    let posts = scene::samples(&app, Platform::Reddit, 2, |_| true);
    let (url, other_url) = (&posts[0].url, &posts[1].url);
    let first = json!({ "claimedViews": 5, "title": "T", "idempotencyKey": "k",
        "evidence": { "a": 1, "b": 2 } });
    let ids = submitted(&ann.client, &campaign, url, first.clone()).await;

    let changed = |field: &str, value: Value| {
        let mut claim = first.clone();
        claim[field] = value;
        claim
    };
    let mut as_clicks = changed("claimedClicks", json!(5));
    as_clicks["claimedViews"] = Value::Null;
    for (campaign, url, claim) in [
        (&other_campaign, url, first.clone()),
        (&campaign, other_url, first.clone()),
        (&campaign, url, as_clicks),
        (&campaign, url, changed("claimedViews", json!(6))),
        (&campaign, url, changed("claimedClicks", json!(0))),
        (&campaign, url, changed("title", json!("U"))),
        (&campaign, url, changed("description", json!("T"))),
        (&campaign, url, changed("accountHandle", json!("somebody"))),
        (&campaign, url, changed("evidence", json!({ "a": 1 }))),
    ] {
        let payload = ann.client.submit(campaign, url, claim).await;
        assert_eq!(
            refusals(&payload),
            ["IDEMPOTENCY_KEY_REUSED idempotencyKey"],
            "{payload}"
        );
        assert_eq!(payload["post"], Value::Null);
    }
    assert_eq!(written(&app).await, [1, 1, 1, 1]);

    // The order of an object's entries makes no other input.
    let again = changed("evidence", json!({ "b": 2, "a": 1 }));
    let repeated = submitted(&ann.client, &campaign, url, again).await;
    assert_eq!(repeated.report, ids.report);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_submission_does_not_use_up_its_key() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let posts = scene::samples(&app, Platform::Reddit, 2, |_| true);
    let instagram = scene::sample(&app, Platform::Instagram);
    submitted(
        &ann.client,
        &campaign,
        &posts[0].url,
        json!({ "claimedViews": 1 }),
    )
    .await;

    let keyed = json!({ "claimedViews": 1, "idempotencyKey": "k" });
    for (url, claim, refusal) in [
        (
            &posts[1].url,
            json!({ "idempotencyKey": "k" }),
            "NOTHING_CLAIMED claimedViews",
        ),
        (
            &instagram.url,
            keyed.clone(),
            "PLATFORM_NOT_IN_CAMPAIGN url",
        ),
        (&posts[0].url, keyed.clone(), "POST_ALREADY_SUBMITTED url"),
    ] {
        let payload = ann.client.submit(&campaign, url, claim).await;
        assert_eq!(refusals(&payload), [refusal]);
    }
    assert_eq!(written(&app).await, [1, 1, 1, 0]);
    submitted(&ann.client, &campaign, &posts[1].url, keyed).await;
    assert_eq!(written(&app).await, [2, 2, 2, 1]);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_its_caller_and_its_mutation() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let posts = scene::samples(&app, Platform::Reddit, 2, |_| true);
    let keyed = json!({ "claimedViews": 1, "idempotencyKey": "k" });
    let of_ann = submitted(&ann.client, &campaign, &posts[0].url, keyed.clone()).await;
    let of_bob = submitted(&bob.client, &campaign, &posts[1].url, keyed.clone()).await;
    let newer = reported(&ann.client, &of_ann.post, keyed).await;
    assert_ne!(of_ann.post, of_bob.post);
    assert_ne!(of_ann.report, newer);
    assert_eq!(written(&app).await, [2, 3, 3, 3]);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_key_answers_as_it_did_whatever_has_changed_since() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let post = scene::sample(&app, Platform::Reddit);
    let keyed = json!({ "claimedViews": 1, "idempotencyKey": "k" });
    let first = ann.client.submit(&campaign, &post.url, keyed.clone()).await;
    let newer = report(
        &ann.client,
        &scene::text(&first["post"]["id"]),
        keyed.clone(),
    )
    .await;
    app.database
        .execute("UPDATE campaigns SET status = 'ENDED'")
        .await;
    let again = ann.client.submit(&campaign, &post.url, keyed.clone()).await;
    assert_eq!(again, first);
    let again = report(&ann.client, &scene::text(&first["post"]["id"]), keyed).await;
    assert_eq!(again, newer);
    assert_eq!(written(&app).await, [1, 2, 2, 2]);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_equal_reports_at_once_are_one_claim() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let ids = submitted(
        &ann.client,
        &campaign,
        &post.url,
        json!({ "claimedViews": 1 }),
    )
    .await;
    let claim = json!({ "claimedViews": 2, "idempotencyKey": "k" });
    let answers = join_all((0..20).map(|_| report(&ann.client, &ids.post, claim.clone()))).await;

    assert_eq!(answers[0]["userErrors"], json!([]), "{}", answers[0]);
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert_ne!(answers[0]["report"]["id"], ids.report.as_str());
    assert_eq!(written(&app).await, [1, 2, 2, 1]);
    let other = json!({ "claimedViews": 3, "idempotencyKey": "k" });
    let payload = report(&ann.client, &ids.post, other).await;
    assert_eq!(
        refusals(&payload),
        ["IDEMPOTENCY_KEY_REUSED idempotencyKey"]
    );
    assert_eq!(written(&app).await, [1, 2, 2, 1]);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_without_a_key_are_each_a_claim_of_its_own() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let claim = json!({ "claimedViews": 1 });
    let ids = submitted(&ann.client, &campaign, &post.url, claim.clone()).await;
    let mut reports = vec![ids.report];
    for _ in 0..3 {
        reports.push(reported(&ann.client, &ids.post, claim.clone()).await);
    }
    reports.sort_unstable();
    reports.dedup();
    assert_eq!(reports.len(), 4);
    assert_eq!(written(&app).await, [1, 4, 4, 0]);
    app.abandon().await;
}
