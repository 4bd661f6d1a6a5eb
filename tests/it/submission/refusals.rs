//! A submission that is refused says by code and field what is wrong, all of it, and writes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use chrono::{SecondsFormat, TimeDelta};
use countersign::model::{MAX_COUNT, PlatformKind};
use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, refusals, report, submitted, written};
use crate::support::{Party, TestApp};

/// Submits what must be refused, sees that nothing was written, and gives the refusals.
async fn refused(
    app: &TestApp,
    who: &Party,
    campaign: &str,
    url: &str,
    claim: Value,
) -> Vec<String> {
    let before = written(app).await;
    let payload = who.client.submit(campaign, url, claim).await;
    assert_eq!(payload["post"], Value::Null, "{payload}");
    assert_eq!(payload["report"], Value::Null, "{payload}");
    assert_eq!(written(app).await, before, "{payload}");
    refusals(&payload)
}

/// The same for a newer claim.
async fn refused_report(app: &TestApp, who: &Party, post: &str, claim: Value) -> Vec<String> {
    let before = written(app).await;
    let payload = report(&who.client, post, claim).await;
    assert_eq!(payload["report"], Value::Null, "{payload}");
    assert_eq!(written(app).await, before, "{payload}");
    refusals(&payload)
}

fn one_view() -> Value {
    json!({ "claimedViews": 1 })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_without_a_number_is_refused() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let url = scene::sample(&app, Platform::Reddit).url;
    let nulls = json!({ "claimedViews": null, "claimedClicks": null, "claimedConversions": null });
    for claim in [json!({}), nulls] {
        let said = refused(&app, &ann, &campaign, &url, claim).await;
        assert_eq!(said, ["NOTHING_CLAIMED claimedViews"]);
    }
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_is_none_is_refused_before_anything_is_written() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let url = scene::sample(&app, Platform::Reddit).url;
    let ids = submitted(&ann.client, &campaign, &url, one_view()).await;
    let before = written(&app).await;
    for field in ["claimedViews", "claimedClicks", "claimedConversions"] {
        let url = scene::samples(&app, Platform::Reddit, 2, |_| true)
            .remove(1)
            .url;
        let post = |value: &Value| json!({ "input": { "campaignId": campaign, "url": url, field: value } });
        let newer = |value: &Value| json!({ "input": { "postId": ids.post, field: value } });
        let submit = "mutation($input: SubmitPostInput!) { submitPost(input: $input) { userErrors { code field message } } }";
        let report = "mutation($input: SubmitReportInput!) { submitReport(input: $input) { userErrors { code field message } } }";
        for value in [json!(MAX_COUNT + 1), json!(-1), json!(1e300)] {
            for (mutation, name, input) in [
                (submit, "submitPost", post(&value)),
                (report, "submitReport", newer(&value)),
            ] {
                let data = ann.client.ok(mutation, input).await;
                assert_eq!(
                    refusals(&data[name]),
                    [format!("OUT_OF_RANGE {field}")],
                    "{value}"
                );
            }
        }
        for value in [json!(1.5), json!("5"), json!(true)] {
            for (mutation, input) in [(submit, post(&value)), (report, newer(&value))] {
                let answer = ann.client.post(mutation, input).await;
                let error = &answer["errors"][0];
                assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
                assert_eq!(error["extensions"]["field"], json!([field]), "{answer}");
                let message = error["message"].as_str().unwrap();
                assert!(
                    message.ends_with("a Count is a whole number from 0 to 9007199254740991"),
                    "{message}"
                );
            }
        }
    }
    assert_eq!(written(&app).await, before);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_not_a_posts_is_refused() {
    let app = TestApp::start().await;
    let platforms = ["REDDIT", "INSTAGRAM", "META", "YOUTUBE", "TIKTOK", "X"];
    let (_, ann, campaign) = app.program(&platforms).await;
    for url in [
        "https://www.reddit.com/r/trailkitchen/",
        "https://www.reddit.com/user/CobaltHarbor95/",
        "https://www.reddit.com/r/trailkitchen/comments/1wwmliq/a_title/abc123/",
        "https://i.redd.it/abcdef.jpg",
        "https://www.instagram.com/countersign.studio/",
        "https://www.instagram.com/stories/countersign.studio/1234/",
        "https://www.instagram.com/explore/tags/coffee/",
        "https://www.facebook.com/countersign/",
        "https://www.facebook.com/groups/1234/posts/5678/",
        "https://www.youtube.com/@countersign_hq",
        "https://www.youtube.com/playlist?list=PL0123456789abcdef",
        "https://www.tiktok.com/@countersign_hq",
        "https://x.com/countersign_hq",
        "https://t.co/",
        "https://example.com/p/DfLW-Pji_gA/",
        "https://instagram.com.example.com/p/DfLW-Pji_gA/",
        "https://www.instagram.com:8443/p/DfLW-Pji_gA/",
        "http://169.254.169.254/latest/meta-data",
    ] {
        let said = refused(&app, &ann, &campaign, url, one_view()).await;
        assert_eq!(said, ["URL_NOT_A_POST url"], "{url}");
    }
    for url in [
        "",
        "not a link",
        "javascript:alert(1)",
        "https://user@www.reddit.com/comments/1wwmliq",
        "https://www.reddit.com/comments/1wwm\0liq",
    ] {
        let said = refused(&app, &ann, &campaign, url, one_view()).await;
        assert_eq!(said, ["INVALID url"], "{url}");
    }
    let long = format!("https://redd.it/1wwmliq?{}", "x".repeat(2048));
    let said = refused(&app, &ann, &campaign, &long, one_view()).await;
    assert_eq!(said, ["TOO_LONG url"]);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_the_campaign_or_the_server_does_not_have_is_refused() {
    let app = TestApp::without(PlatformKind::YouTube).await;
    let (_, ann, campaign) = app.program(&["REDDIT", "YOUTUBE"]).await;
    let video = scene::sample(&app, Platform::YouTube).url;
    let said = refused(&app, &ann, &campaign, &video, one_view()).await;
    assert_eq!(said, ["PLATFORM_NOT_AVAILABLE url"]);
    let instagram = scene::sample(&app, Platform::Instagram).url;
    let said = refused(&app, &ann, &campaign, &instagram, one_view()).await;
    assert_eq!(said, ["PLATFORM_NOT_IN_CAMPAIGN url"]);

    let reddit = scene::sample(&app, Platform::Reddit).url;
    app.database
        .execute("UPDATE platforms SET enabled = false WHERE kind = 'REDDIT'")
        .await;
    let said = refused(&app, &ann, &campaign, &reddit, one_view()).await;
    assert_eq!(said, ["PLATFORM_NOT_AVAILABLE url"]);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_is_not_active_takes_no_posts() {
    let app = TestApp::start().await;
    let (acme, ann, _) = app.program(&["REDDIT"]).await;
    let url = scene::sample(&app, Platform::Reddit).url;
    for status in ["DRAFT", "PAUSED", "ENDED"] {
        let campaign = scene::campaign(&acme, json!({ "status": status })).await;
        let said = refused(&app, &ann, &campaign, &url, one_view()).await;
        assert_eq!(said, ["CAMPAIGN_NOT_ACTIVE campaignId"], "{status}");
    }
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_takes_posts_between_its_dates_only() {
    let app = TestApp::start().await;
    let (acme, ann, _) = app.program(&["REDDIT"]).await;
    let posts = scene::samples(&app, Platform::Reddit, 2, |_| true);
    let now = app.app.clock.now();
    let at = |hours| (now + TimeDelta::hours(hours)).to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let dates = json!({ "startsAt": at(2), "endsAt": at(10) });
    let campaign = scene::campaign(&acme, dates).await;

    let said = refused(&app, &ann, &campaign, &posts[0].url, one_view()).await;
    assert_eq!(said, ["CAMPAIGN_NOT_ACTIVE campaignId"], "before it starts");
    app.move_clock(3).await;
    submitted(&ann.client, &campaign, &posts[0].url, one_view()).await;
    app.move_clock(11).await;
    let said = refused(&app, &ann, &campaign, &posts[1].url, one_view()).await;
    assert_eq!(said, ["CAMPAIGN_NOT_ACTIVE campaignId"], "after it ended");
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_approved_application_nothing_is_taken() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let url = scene::sample(&app, Platform::Reddit).url;
    let bob = app.affiliate("Bob").await;
    app.make_eligible(&acme, &bob).await;
    let said = refused(&app, &bob, &campaign, &url, one_view()).await;
    assert_eq!(said, ["APPLICATION_REQUIRED campaignId"], "not applied");
    // Nobody takes jobs, so this one stays undecided.
    bob.client
        .ok(
            "mutation($input: ApplyToAdvertiserInput!) { applyToAdvertiser(input: $input) \
             { application { status } } }",
            json!({ "input": { "advertiserId": acme.id } }),
        )
        .await;
    let said = refused(&app, &bob, &campaign, &url, one_view()).await;
    assert_eq!(said, ["APPLICATION_REQUIRED campaignId"], "pending");

    app.database
        .execute("UPDATE affiliates SET is_active = false")
        .await;
    let said = refused(&app, &ann, &campaign, &url, one_view()).await;
    assert_eq!(said, ["AFFILIATE_INACTIVE"]);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_an_affiliate_is_not_eligible_for_looks_like_none() {
    let app = TestApp::start().await;
    let (_, _, campaign) = app.program(&["REDDIT"]).await;
    let url = scene::sample(&app, Platform::Reddit).url;
    let bob = app.affiliate("Bob").await;
    let said = refused(&app, &bob, &campaign, &url, one_view()).await;
    assert_eq!(said, ["NOT_FOUND campaignId"]);
    let hidden = bob.client.submit(&campaign, &url, one_view()).await;
    let nowhere = scene::global_id("Campaign", 999);
    let missing = bob.client.submit(&nowhere, &url, one_view()).await;
    assert_eq!(hidden, missing);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_too_long_or_cannot_be_kept_is_refused_by_its_field() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let url = scene::sample(&app, Platform::Reddit).url;
    let long = |length: usize| json!("ä".repeat(length));
    for (field, value, refusal) in [
        ("title", long(501), "TOO_LONG title"),
        ("title", json!("a\0b"), "INVALID title"),
        ("description", long(5001), "TOO_LONG description"),
        ("description", json!("a\0b"), "INVALID description"),
        ("accountHandle", long(101), "TOO_LONG accountHandle"),
        ("idempotencyKey", long(201), "TOO_LONG idempotencyKey"),
        ("idempotencyKey", json!(""), "INVALID idempotencyKey"),
        ("evidence", json!("x".repeat(16_383)), "TOO_LONG evidence"),
        ("evidence", json!({ "a": ["b\0"] }), "INVALID evidence"),
        ("evidence", json!({ "a\0": 1 }), "INVALID evidence"),
    ] {
        let mut claim = one_view();
        claim[field] = value;
        let said = refused(&app, &ann, &campaign, &url, claim).await;
        assert_eq!(said, [refusal]);
    }
    let longest = json!({
        "claimedViews": 1, "title": long(500), "description": long(5000), "accountHandle": long(100),
        "idempotencyKey": long(200), "evidence": "x".repeat(16_382),
    });
    submitted(&ann.client, &campaign, &url, longest).await;
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_is_said_at_once() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let claim = json!({ "title": "x".repeat(501), "evidence": "\0", "idempotencyKey": " " });
    let mut said = refused(&app, &ann, &campaign, "https://example.com/", claim).await;
    said.sort_unstable();
    assert_eq!(
        said,
        [
            "INVALID evidence",
            "INVALID idempotencyKey",
            "NOTHING_CLAIMED claimedViews",
            "TOO_LONG title",
            "URL_NOT_A_POST url",
        ]
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_claim_is_refused_by_the_fields_that_it_has() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["META", "REDDIT"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let url = scene::sample(&app, Platform::Meta).url;
    let post = submitted(&ann.client, &campaign, &url, one_view())
        .await
        .post;

    let said = refused_report(&app, &ann, &post, json!({ "evidence": "\0" })).await;
    assert_eq!(said, ["NOTHING_CLAIMED claimedViews", "INVALID evidence"]);
    let said = refused_report(&app, &bob, &post, one_view()).await;
    assert_eq!(said, ["NOT_FOUND postId"], "the post of another");
    let nowhere = scene::global_id("Post", 999);
    let said = refused_report(&app, &ann, &nowhere, one_view()).await;
    assert_eq!(said, ["NOT_FOUND postId"], "no post at all");

    // What keeps the post's campaign or platform from taking claims is said of the post: the input names nothing else.
    for (change, back, refusal) in [
        (
            "UPDATE campaigns SET status = 'PAUSED'",
            "UPDATE campaigns SET status = 'ACTIVE'",
            "CAMPAIGN_NOT_ACTIVE postId",
        ),
        (
            "UPDATE platforms SET enabled = false",
            "UPDATE platforms SET enabled = true",
            "PLATFORM_NOT_AVAILABLE postId",
        ),
        (
            "UPDATE campaign_platforms SET withdrawn_at = now() WHERE platform = 'META'",
            "UPDATE campaign_platforms SET withdrawn_at = NULL",
            "PLATFORM_NOT_IN_CAMPAIGN postId",
        ),
        (
            "UPDATE applications SET status = 'ENDED'",
            "UPDATE applications SET status = 'APPROVED'",
            "APPLICATION_REQUIRED postId",
        ),
    ] {
        app.database.execute(change).await;
        let said = refused_report(&app, &ann, &post, one_view()).await;
        assert_eq!(said, [refusal]);
        app.database.execute(back).await;
    }
    scene::reported(&ann.client, &post, one_view()).await;
    app.abandon().await;
}
