//! Affiliates apply to advertisers: answered at once, decided by the advertiser's rule in the background or by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod eligibility;
mod relation;
mod rules;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::authorization::contents;
use crate::scene::{refusals, text};
use crate::support::{Client, Party, TestApp};

/// Applies to an advertiser, by its id, and gives the payload.
async fn apply(affiliate: &Party, advertiser: &str, message: Value) -> Value {
    let data = affiliate
        .client
        .ok(
            "mutation($input: ApplyToAdvertiserInput!) { applyToAdvertiser(input: $input) { application { \
             id status message reason createdAt decidedAt advertiser { id } affiliate { id } } \
             userErrors { code message field } } }",
            json!({ "input": { "advertiserId": advertiser, "message": message } }),
        )
        .await;
    data["applyToAdvertiser"].clone()
}

/// Applies and gives the id of an application that must be made.
async fn applied(affiliate: &Party, advertiser: &Party) -> String {
    let payload = apply(affiliate, &advertiser.id, Value::Null).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    text(&payload["application"]["id"])
}

/// Decides by hand and gives the payload.
async fn decide(client: &Client, application: &str, approve: bool, reason: Value) -> Value {
    let data = client
        .ok(
            "mutation($input: DecideApplicationInput!) { decideApplication(input: $input) { \
             application { id status reason decidedAt } userErrors { code message field } } }",
            json!({ "input": { "applicationId": application, "approve": approve, "reason": reason } }),
        )
        .await;
    data["decideApplication"].clone()
}

/// An application as somebody reads it.
async fn read(client: &Client, application: &str) -> Value {
    let data = client
        .ok(
            "query($id: ID!) { node(id: $id) { ... on Application { status reason decidedAt } } }",
            json!({ "id": application }),
        )
        .await;
    data["node"].clone()
}

/// An advertiser, and an affiliate that may apply to it.
async fn candidates(app: &TestApp) -> (Party, Party) {
    let (acme, ann) = (app.advertiser("Acme").await, app.affiliate("Ann").await);
    app.make_eligible(&acme, &ann).await;
    (acme, ann)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_pending_at_once_and_approved_by_the_queued_job() {
    let mut app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let payload = apply(&ann, &acme.id, json!(" Hello! ")).await;
    let application = &payload["application"];
    let id = text(&application["id"]);
    let expected = json!({
        "id": id, "status": "PENDING", "message": "Hello!", "reason": null, "decidedAt": null,
        "createdAt": application["createdAt"], "advertiser": { "id": acme.id }, "affiliate": { "id": ann.id },
    });
    assert_eq!(*application, expected, "{payload}");
    let jobs = "SELECT count(*) FROM mq_msgs WHERE name = 'decide_application'";
    assert_eq!(app.database.number(jobs).await, 1);
    assert_eq!(read(&acme.client, &id).await["status"], "PENDING");

    app.start_worker();
    app.settled().await;
    let decided = read(&ann.client, &id).await;
    assert_eq!(decided["status"], "APPROVED");
    assert!(decided["decidedAt"].is_string(), "{decided}");
    assert_eq!(app.database.number(jobs).await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_affiliate_may_submit_and_a_pending_one_may_not() {
    let mut app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let campaign = app.campaign(&acme, &["INSTAGRAM"], json!({})).await;
    let sample = crate::scene::sample(&app, countersign::simulator::Platform::Instagram);
    let claim = json!({ "claimedViews": 1 });
    applied(&ann, &acme).await;
    let early = ann
        .client
        .submit(&campaign, &sample.url, claim.clone())
        .await;
    assert_eq!(refusals(&early), ["APPLICATION_REQUIRED campaignId"]);
    app.start_worker();
    app.settled().await;
    let approved = ann.client.submit(&campaign, &sample.url, claim).await;
    assert_eq!(approved["userErrors"], json!([]), "{approved}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_decided_by_hand_with_a_reason_that_the_affiliate_reads() {
    let app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let bob = app.affiliate("Bob").await;
    app.make_eligible(&acme, &bob).await;
    let (of_ann, of_bob) = (applied(&ann, &acme).await, applied(&bob, &acme).await);

    let payload = decide(&acme.client, &of_ann, false, json!(" Too few posts. ")).await;
    assert_eq!(payload["application"]["status"], "REJECTED", "{payload}");
    let read_by_ann = read(&ann.client, &of_ann).await;
    assert_eq!(read_by_ann["reason"], "Too few posts.");
    assert!(read_by_ann["decidedAt"].is_string());

    let payload = decide(&app.operator, &of_bob, true, Value::Null).await;
    assert_eq!(payload["application"]["status"], "APPROVED", "{payload}");
    assert_eq!(read(&bob.client, &of_bob).await["status"], "APPROVED");
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_decisions_at_once_the_first_wins_and_the_job_does_not_change_it() {
    let mut app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let application = applied(&ann, &acme).await;
    let decisions = (0..10).map(|number| {
        let client = if number % 3 == 0 {
            &app.operator
        } else {
            &acme.client
        };
        let reason = json!(format!("Decision {number}."));
        decide(client, &application, number % 2 == 0, reason)
    });
    let payloads = join_all(decisions).await;
    let (won, lost): (Vec<&Value>, Vec<&Value>) = payloads
        .iter()
        .partition(|payload| payload["application"].is_object());
    assert_eq!(won.len(), 1, "{payloads:?}");
    for payload in lost {
        assert_eq!(refusals(payload), ["ALREADY_DECIDED applicationId"]);
    }
    let decided = &won[0]["application"];
    let (number, reason) = {
        let reason = text(&decided["reason"]);
        let digits: String = reason.chars().filter(char::is_ascii_digit).collect();
        (digits.parse::<u32>().unwrap(), reason)
    };
    let status = if number % 2 == 0 {
        "APPROVED"
    } else {
        "REJECTED"
    };
    assert_eq!(decided["status"], status, "{reason}");

    let before = read(&ann.client, &application).await;
    assert_eq!(before["status"], status);
    assert_eq!(before["reason"], reason.as_str());
    app.start_worker();
    app.settled().await;
    assert_eq!(read(&ann.client, &application).await, before);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_by_hand_stands_when_the_job_comes_later() {
    let mut app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let application = applied(&ann, &acme).await;
    decide(&acme.client, &application, false, json!("No.")).await;
    let before = read(&ann.client, &application).await;
    app.start_worker();
    app.settled().await;
    assert_eq!(read(&ann.client, &application).await, before);
    assert_eq!(before["status"], "REJECTED");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_application_at_a_time_is_pending_or_approved() {
    let app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let first = applied(&ann, &acme).await;
    let refusal = ["ALREADY_APPLIED advertiserId"];
    for approve in [None, Some(true)] {
        if let Some(approve) = approve {
            decide(&acme.client, &first, approve, Value::Null).await;
        }
        let before = contents(&app.database).await;
        let again = apply(&ann, &acme.id, Value::Null).await;
        assert_eq!(refusals(&again), refusal, "{approve:?}");
        assert_eq!(again["application"], Value::Null);
        assert_eq!(contents(&app.database).await, before);
    }
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_rejected_may_apply_again() {
    let app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let first = applied(&ann, &acme).await;
    decide(&acme.client, &first, false, Value::Null).await;
    let second = applied(&ann, &acme).await;
    assert_ne!(first, second);
    assert_eq!(read(&ann.client, &first).await["status"], "REJECTED");
    assert_eq!(read(&ann.client, &second).await["status"], "PENDING");
    let data = ann
        .client
        .ok(
            "query($id: ID!) { advertiser(id: $id) { application { id } } }",
            json!({ "id": acme.id }),
        )
        .await;
    assert_eq!(
        data["advertiser"]["application"]["id"], second,
        "the latest"
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_equal_applications_at_once_one_is_made() {
    let app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let payloads = join_all((0..10).map(|_| apply(&ann, &acme.id, Value::Null))).await;
    let made = payloads
        .iter()
        .filter(|payload| payload["application"].is_object());
    assert_eq!(made.count(), 1, "{payloads:?}");
    for table in ["applications", "mq_msgs"] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(app.database.number(&count).await, 1, "{table}");
    }
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_are_too_long_or_no_text_are_refused_and_change_nothing() {
    let app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let long = json!("語".repeat(2001));
    let nul = json!("a\0b");
    let before = contents(&app.database).await;
    let payload = apply(&ann, &acme.id, long.clone()).await;
    assert_eq!(refusals(&payload), ["TOO_LONG message"]);
    let payload = apply(&ann, &acme.id, nul.clone()).await;
    assert_eq!(refusals(&payload), ["INVALID message"]);
    assert_eq!(contents(&app.database).await, before);

    let longest = json!("語".repeat(2000));
    let payload = apply(&ann, &acme.id, longest.clone()).await;
    assert_eq!(payload["application"]["message"], longest);
    let application = text(&payload["application"]["id"]);
    let before = contents(&app.database).await;
    let payload = decide(&acme.client, &application, true, long).await;
    assert_eq!(refusals(&payload), ["TOO_LONG reason"]);
    let payload = decide(&acme.client, &application, true, nul).await;
    assert_eq!(refusals(&payload), ["INVALID reason"]);
    assert_eq!(contents(&app.database).await, before);
    app.abandon().await;
}
