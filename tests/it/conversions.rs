//! Conversions that are claimed are checked against signed orders.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, Watcher, deliver, on, submitted, text, webhook_secret};
use crate::support::{Party, TestApp};

struct Program {
    app: TestApp,
    acme: Party,
    ann: Party,
    campaign: String,
    secret: String,
    urls: Vec<String>,
}

impl Program {
    async fn create() -> Self {
        let app = TestApp::working().await;
        let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
        let secret = webhook_secret(&acme.client, json!({})).await;
        let samples = scene::samples(&app, Platform::Reddit, 6, |_| true);
        let urls = samples.into_iter().map(|sample| sample.url).collect();
        Self {
            app,
            acme,
            ann,
            campaign,
            secret,
            urls,
        }
    }

    async fn order(&self, id: &str, changes: Value) {
        let mut body = json!({
            "order_id": id, "advertiser_id": self.acme.id, "user_id": self.ann.id, "amount": 10, "commission": 1,
            "campaign_id": self.campaign,
        });
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        let (status, answer) = deliver(&self.app, &self.secret, &body.to_string()).await;
        assert_eq!(status, 200, "{answer}");
    }

    async fn claim(&self, url: usize, claim: Value) -> (String, String) {
        let ids = submitted(&self.ann.client, &self.campaign, &self.urls[url], claim).await;
        (ids.post, ids.report)
    }

    async fn verdict(&self, report: &str) -> Value {
        self.app.settled().await;
        scene::claim(&self.ann.client, report).await["reconciliation"].clone()
    }
}

/// What an event is, in short.
fn event(event: &Value) -> String {
    let alert = &event["alert"];
    [
        &event["kind"],
        &alert["kind"],
        &alert["level"],
        &alert["finality"],
    ]
    .map(text)
    .join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_known_of_conversions_before_the_first_signed_order() {
    let program = Program::create().await;
    let (_, report) = program.claim(0, json!({ "claimedConversions": 3 })).await;
    let verdict = program.verdict(&report).await;
    assert_eq!(
        (&verdict["status"], &verdict["finality"]),
        (&json!("UNVERIFIABLE"), &json!("PROVISIONAL"))
    );
    assert_eq!(
        on(&verdict, "CONVERSIONS")["reasonCode"],
        "NO_SIGNED_ORDERS"
    );
    // An order for somebody else is an order: from now on what is not there is known not to be there.
    let bob = scene::approved(&program.app, &program.acme, "Bob").await;
    program.order("1", json!({ "user_id": bob.id })).await;
    program.app.move_clock(2).await;
    let verdict = program.verdict(&report).await;
    assert_eq!(
        (&verdict["status"], &verdict["level"]),
        (&json!("DISCREPANCY"), &json!("LOW")),
        "within the floor"
    );
    program.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_credited_to_claims_in_order_and_reversals_are_taken_off() {
    let program = Program::create().await;
    for number in 0..40 {
        program.order(&number.to_string(), json!({})).await;
    }
    program.order("40", json!({ "status": "reversed" })).await;
    let (_, first) = program.claim(0, json!({ "claimedConversions": 25 })).await;
    let (_, second) = program.claim(1, json!({ "claimedConversions": 15 })).await;
    let (_, third) = program.claim(2, json!({ "claimedConversions": 30 })).await;
    for report in [&first, &second] {
        let verdict = program.verdict(report).await;
        assert_eq!(
            (&verdict["status"], &verdict["finality"]),
            (&json!("MATCHED"), &json!("FINAL")),
            "{verdict}"
        );
        let conversions = on(&verdict, "CONVERSIONS");
        assert_eq!(conversions["evidenceGrade"], "SIGNED_ORDERS");
        assert_eq!(conversions["reasonCode"], "WITHIN_SIGNED_ORDERS");
    }
    let verdict = program.verdict(&third).await;
    let conversions = on(&verdict, "CONVERSIONS");
    assert_eq!(
        (&verdict["status"], &verdict["finality"]),
        (&json!("DISCREPANCY"), &json!("PROVISIONAL"))
    );
    assert_eq!(
        (&conversions["actual"], &conversions["reasonCode"]),
        (&json!(0), &json!("UNSIGNED_CONVERSIONS"))
    );
    let reason = conversions["reason"].as_str().unwrap();
    for part in ["30 conversions", "41 signed", "1 reversed", "40 credited"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    program.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excess_is_its_own_alert_which_is_confirmed_or_withdrawn_after_a_day() {
    let program = Program::create().await;
    let mut watcher = Watcher::start(&program.acme.client, "").await;
    program.order("0", json!({})).await;
    let (_, kept) = program.claim(0, json!({ "claimedConversions": 50 })).await;
    program.app.settled().await;
    assert_eq!(
        event(&watcher.next().await),
        "RAISED UNSIGNED_CONVERSIONS HIGH PROVISIONAL"
    );
    let (_, borne_out) = program.claim(1, json!({ "claimedConversions": 20 })).await;
    program.app.settled().await;
    assert_eq!(
        event(&watcher.next().await),
        "RAISED UNSIGNED_CONVERSIONS HIGH PROVISIONAL"
    );
    // The orders behind the first claim arrive, and a few for the second.
    for number in 1..55 {
        program.order(&number.to_string(), json!({})).await;
    }
    program.app.move_clock(25).await;
    program.app.settled().await;
    let verdict = program.verdict(&kept).await;
    assert_eq!(
        (&verdict["status"], &verdict["finality"]),
        (&json!("MATCHED"), &json!("FINAL"))
    );
    let verdict = program.verdict(&borne_out).await;
    assert_eq!(
        (&verdict["status"], &verdict["level"]),
        (&json!("DISCREPANCY"), &json!("HIGH"))
    );
    assert_eq!(verdict["finality"], "FINAL");
    let mut events = watcher.take(2).await.iter().map(event).collect::<Vec<_>>();
    events.sort_unstable();
    assert_eq!(
        events,
        [
            "CONFIRMED UNSIGNED_CONVERSIONS HIGH FINAL",
            "WITHDRAWN UNSIGNED_CONVERSIONS HIGH PROVISIONAL"
        ]
    );
    assert_eq!(
        scene::alerts(&program.acme.client, "OVERCLAIM").await,
        [] as [Value; 0]
    );
    program.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_another_campaign_do_not_count_and_those_of_none_do() {
    let program = Program::create().await;
    let other = program
        .app
        .campaign(&program.acme, &["REDDIT"], json!({ "lagWindowHours": 0 }))
        .await;
    for number in 0..20 {
        program
            .order(&format!("other {number}"), json!({ "campaign_id": other }))
            .await;
    }
    for number in 0..15 {
        program
            .order(&format!("any {number}"), json!({ "campaign_id": null }))
            .await;
    }
    let (_, report) = program.claim(0, json!({ "claimedConversions": 30 })).await;
    let verdict = program.verdict(&report).await;
    assert_eq!(on(&verdict, "CONVERSIONS")["actual"], 15);
    program.app.finish().await;
}
