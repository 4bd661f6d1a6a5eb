//! The rules by which the queued job decides.

use serde_json::{Value, json};

use super::{applied, candidates, decide, read};
use crate::scene::{refusals, row, text};
use crate::support::{Party, TestApp};

/// Sets an advertiser's rule, and the trust that it asks for.
async fn set_rule(app: &TestApp, advertiser: &Party, rule: &str, minimum: &str) {
    let id = row(&advertiser.id);
    app.database
        .execute(&format!(
            "UPDATE advertisers SET application_rule = '{rule}', minimum_trust = {minimum} WHERE id = {id}"
        ))
        .await;
}

/// Lets an affiliate with this trust score apply, lets the job decide, and gives the application.
async fn decided_at_trust(app: &TestApp, advertiser: &Party, name: &str, trust: &str) -> Value {
    let affiliate = app.affiliate(name).await;
    app.make_eligible(advertiser, &affiliate).await;
    let id = row(&affiliate.id);
    app.database
        .execute(&format!(
            "UPDATE affiliates SET trust_score = {trust} WHERE id = {id}"
        ))
        .await;
    let application = applied(&affiliate, advertiser).await;
    app.settled().await;
    read(&affiliate.client, &application).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manual_advertiser_decides_by_itself() {
    let mut app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    set_rule(&app, &acme, "MANUAL", "0").await;
    let application = applied(&ann, &acme).await;
    app.start_worker();
    app.settled().await;
    let left = json!({ "status": "PENDING", "reason": null, "decidedAt": null });
    assert_eq!(read(&ann.client, &application).await, left);

    let payload = decide(&acme.client, &application, true, Value::Null).await;
    assert_eq!(payload["application"]["status"], "APPROVED", "{payload}");
    let again = decide(&acme.client, &application, false, Value::Null).await;
    assert_eq!(refusals(&again), ["ALREADY_DECIDED applicationId"]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advertiser_that_asks_for_trust_approves_from_its_minimum_up() {
    let app = TestApp::working().await;
    let acme = app.advertiser("Acme").await;
    set_rule(&app, &acme, "ABOVE_TRUST", "0.90").await;
    for (name, trust) in [("Ann", "1.00"), ("Bob", "0.90")] {
        let decided = decided_at_trust(&app, &acme, name, trust).await;
        assert_eq!(decided["status"], "APPROVED", "{trust}: {decided}");
    }
    for (name, trust) in [("Carl", "0.89"), ("Dora", "0.00")] {
        let decided = decided_at_trust(&app, &acme, name, trust).await;
        assert_eq!(decided["status"], "REJECTED", "{trust}: {decided}");
        let reason = text(&decided["reason"]);
        assert!(
            reason.contains(trust) && reason.contains("0.90"),
            "{reason}"
        );
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_automatic_advertiser_does_not_ask_for_trust() {
    let app = TestApp::working().await;
    let acme = app.advertiser("Acme").await;
    set_rule(&app, &acme, "AUTOMATIC", "0.90").await;
    let decided = decided_at_trust(&app, &acme, "Ann", "0.00").await;
    assert_eq!(decided["status"], "APPROVED", "{decided}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_longer_active_or_eligible_when_the_job_comes_is_rejected() {
    let mut app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let (bob, carl) = (app.affiliate("Bob").await, app.affiliate("Carl").await);
    app.make_eligible(&acme, &bob).await;
    app.make_eligible(&acme, &carl).await;
    let mut applications = Vec::new();
    for affiliate in [&ann, &bob, &carl] {
        applications.push(applied(affiliate, &acme).await);
    }
    app.database
        .execute(&format!(
            "UPDATE affiliates SET is_active = false WHERE id = {}; \
             DELETE FROM eligibility WHERE affiliate_id = {}",
            row(&ann.id),
            row(&bob.id)
        ))
        .await;
    app.start_worker();
    app.settled().await;
    for (application, status) in applications
        .iter()
        .zip(["REJECTED", "REJECTED", "APPROVED"])
    {
        let decided = read(&acme.client, application).await;
        assert_eq!(decided["status"], status, "{decided}");
        assert_eq!(decided["reason"].is_string(), status == "REJECTED");
    }
    app.finish().await;
}
