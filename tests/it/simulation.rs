//! Other thresholds are tried on stored evidence, and the audit trail is computed again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, row, submitted};
use crate::support::{Client, Party, TestApp};

async fn simulate(client: &Client, campaign: &str, policy: Value) -> Value {
    let data = client
        .ok(
            "query($id: ID!, $policy: PolicyInput!) { simulatePolicy(campaignId: $id, policy: $policy) { claims changed \
             before { level count } after { level count } examples { id level } } }",
            json!({ "id": campaign, "policy": policy }),
        )
        .await;
    data["simulatePolicy"].clone()
}

/// Levels with their counts, those of none left out.
fn levels(counts: &Value) -> Vec<(String, i64)> {
    let counts = counts.as_array().unwrap().iter();
    counts
        .map(|entry| {
            (
                scene::text(&entry["level"]),
                entry["count"].as_i64().unwrap(),
            )
        })
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// Claims of 100, 103, 110 and 140 percent of what is observed.
async fn claims() -> (TestApp, Party, Party, String) {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let samples = scene::samples(&app, Platform::Instagram, 4, |figures| {
        figures.views >= 2000
    });
    for (sample, percent) in samples.iter().zip([100, 103, 110, 140]) {
        let claim = json!({ "claimedViews": sample.figures.views * percent / 100 });
        submitted(&ann.client, &campaign, &sample.url, claim).await;
    }
    app.settled().await;
    (app, acme, ann, campaign)
}

#[tokio::test(flavor = "multi_thread")]
async fn other_thresholds_say_how_many_verdicts_they_would_change() {
    let (app, acme, _, campaign) = claims().await;
    let name = |level: &str, count| (level.to_owned(), count);
    let now = [
        name("NONE", 1),
        name("LOW", 1),
        name("MEDIUM", 1),
        name("HIGH", 1),
    ];
    for (policy, changed, after) in [
        (json!({}), 0, now.to_vec()),
        (
            json!({ "lowBelowPercent": "5", "highAbovePercent": "20" }),
            0,
            now.to_vec(),
        ),
        // 10 percent is low now, 40 percent still high.
        (
            json!({ "lowBelowPercent": "12" }),
            1,
            vec![name("NONE", 1), name("LOW", 2), name("HIGH", 1)],
        ),
        (
            json!({ "lowBelowPercent": "1", "highAbovePercent": "2" }),
            2,
            vec![name("NONE", 1), name("HIGH", 3)],
        ),
        (
            json!({ "absoluteFloor": 1_000_000 }),
            2,
            vec![name("NONE", 1), name("LOW", 3)],
        ),
    ] {
        let simulation = simulate(&acme.client, &campaign, policy.clone()).await;
        assert_eq!(
            (&simulation["claims"], &simulation["changed"]),
            (&json!(4), &json!(changed)),
            "{policy}"
        );
        assert_eq!(levels(&simulation["before"]), now, "{policy}");
        assert_eq!(levels(&simulation["after"]), after, "{policy}");
        assert_eq!(
            simulation["examples"].as_array().unwrap().len(),
            changed,
            "{policy}"
        );
    }
    // Nothing was written, and what is no policy is said by its field.
    let data = acme
        .client
        .ok(
            "query($id: ID!) { campaign(id: $id) { policy { version } } }",
            json!({ "id": campaign }),
        )
        .await;
    assert_eq!(data["campaign"]["policy"]["version"], 1);
    let answer = acme
        .client
        .post(
            "query($id: ID!) { simulatePolicy(campaignId: $id, policy: { lowBelowPercent: \"30\" }) { claims } }",
            json!({ "id": campaign }),
        )
        .await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
        "{answer}"
    );
    assert!(
        scene::text(&answer["errors"][0]["message"]).contains("highAbovePercent"),
        "{answer}"
    );
    app.finish().await;
}

async fn verify(client: &Client, affiliate: &str) -> Value {
    let data = client
        .ok(
            "query($id: ID!) { verifyAuditTrail(affiliateId: $id) { intact checked head firstBroken problem } }",
            json!({ "id": affiliate }),
        )
        .await;
    data["verifyAuditTrail"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_altered_behind_the_applications_back_is_found() {
    let (app, acme, ann, _) = claims().await;
    let whole = verify(&ann.client, &ann.id).await;
    assert_eq!(
        (&whole["intact"], &whole["checked"], &whole["problem"]),
        (&json!(true), &json!(4), &json!(null))
    );
    let head = app
        .database
        .text("SELECT chain_head FROM affiliates WHERE chain_length > 0")
        .await;
    assert_eq!(whole["head"], head.as_str());
    let third = app
        .database
        .number("SELECT id FROM reconciliation_logs WHERE chain_position = 3")
        .await;
    let third_id = scene::global_id("Reconciliation", third);
    let at = |table: &str, column: &str| {
        format!("(SELECT {column} FROM reconciliation_logs WHERE id = {third})")
            .replace("table", table)
    };
    let report = at("", "affiliate_report_id");
    let observation = at("", "platform_report_id");
    let policy = at("", "policy_id");
    // Each alteration with what puts it right again, by somebody who can switch the triggers off.
    for (what, alter, restore) in [
        (
            "claim",
            format!(
                "UPDATE affiliate_reports SET claimed_views = claimed_views + 1 WHERE id = {report}"
            ),
            format!(
                "UPDATE affiliate_reports SET claimed_views = claimed_views - 1 WHERE id = {report}"
            ),
        ),
        (
            "platform's answer",
            format!(
                "UPDATE platform_reports SET raw_data = raw_data || '{{\"x\": 1}}' WHERE id = {observation}"
            ),
            format!(
                "UPDATE platform_reports SET raw_data = raw_data - 'x' WHERE id = {observation}"
            ),
        ),
        (
            "verdict",
            format!(
                "UPDATE reconciliation_logs SET explanation = explanation || '.' WHERE id = {third}"
            ),
            format!(
                "UPDATE reconciliation_logs SET explanation = left(explanation, -1) WHERE id = {third}"
            ),
        ),
        (
            "hash",
            format!("UPDATE reconciliation_logs SET hash = reverse(hash) WHERE id = {third}"),
            format!("UPDATE reconciliation_logs SET hash = reverse(hash) WHERE id = {third}"),
        ),
        (
            "policy",
            format!("UPDATE policies SET version = 77 WHERE id = {policy}"),
            format!("UPDATE policies SET version = 1 WHERE id = {policy}"),
        ),
    ] {
        let behind = |sql: &str| {
            format!(
                "SET session_replication_role = replica; {sql}; SET session_replication_role = origin"
            )
        };
        app.database.execute(&behind(&alter)).await;
        let found = verify(&app.operator, &ann.id).await;
        assert_eq!(found["intact"], false, "{what}: {found}");
        // A policy is behind every verdict of the trail.
        if what != "policy" {
            assert_eq!(
                (&found["firstBroken"], &found["checked"]),
                (&json!(third_id), &json!(2)),
                "{what}: {found}"
            );
        }
        // Whose program it is learns that, and not about others' verdicts.
        let told = verify(&acme.client, &ann.id).await;
        assert_eq!(
            (&told["intact"], &told["firstBroken"]),
            (&json!(false), &json!(null)),
            "{told}"
        );
        app.database.execute(&behind(&restore)).await;
        assert_eq!(verify(&app.operator, &ann.id).await, whole, "{what}");
    }
    // The end of the trail is missing: nobody can tell from the rows that are left.
    app.database
        .execute(
            "SET session_replication_role = replica; DELETE FROM reconciliation_logs WHERE chain_position = 4; \
             SET session_replication_role = origin",
        )
        .await;
    let found = verify(&app.operator, &ann.id).await;
    assert_eq!(
        (&found["intact"], &found["checked"], &found["firstBroken"]),
        (&json!(false), &json!(3), &json!(null))
    );
    assert!(row(&ann.id) > 0);
    app.finish().await;
}
