//! What is accepted is kept as it was claimed, from zero to the largest number.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::model::MAX_COUNT;
use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, on, submitted};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_there_with_everything_that_was_said() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["META"]).await;
    let post = scene::sample(&app, Platform::Meta);
    let claim = json!({
        "title": "A title", "description": "What it is", "claimedViews": 7, "claimedClicks": 0,
        "evidence": { "note": "grüße", "links": ["https://example.com/"] },
    });
    let ids = submitted(&ann.client, &campaign, &post.url, claim.clone()).await;

    let data = ann
        .client
        .ok(
            "query($id: ID!) { post(id: $id) { title description url platform platformPostId status \
             isReconciled createdAt nextCheckAt latestReconciliation { id } latestPlatformReport { id } \
             campaign { id } affiliate { id } latestReport { id status submissionMethod evidence \
             claimed { views clicks conversions } } } }",
            json!({ "id": ids.post }),
        )
        .await;
    let kept = &data["post"];
    assert_eq!(kept["title"], "A title", "{kept}");
    assert_eq!(kept["description"], "What it is");
    assert_eq!(kept["url"], post.url.as_str());
    assert_eq!(kept["platform"], "META");
    assert_eq!(kept["platformPostId"], post.native_id.as_str());
    assert_eq!(kept["status"], "TRACKING");
    assert_eq!(kept["isReconciled"], false);
    assert_eq!(kept["campaign"]["id"], campaign.as_str());
    assert_eq!(kept["affiliate"]["id"], ann.id.as_str());
    assert_eq!(
        kept["nextCheckAt"], kept["createdAt"],
        "it is checked at once"
    );
    assert_eq!(kept["latestReconciliation"], Value::Null);
    assert_eq!(kept["latestPlatformReport"], Value::Null);
    let report = &kept["latestReport"];
    assert_eq!(report["id"], ids.report.as_str());
    assert_eq!(report["status"], "PENDING");
    assert_eq!(report["submissionMethod"], "API");
    assert_eq!(report["evidence"], claim["evidence"]);
    assert_eq!(
        report["claimed"],
        json!({ "views": 7, "clicks": 0, "conversions": null })
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zeros_alone_match_for_good_and_do_not_count_for_trust() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let zeros = json!({ "claimedViews": 0, "claimedConversions": 0 });
    let ids = submitted(&ann.client, &campaign, &post.url, zeros).await;
    app.settled().await;

    let claim = scene::claim(&ann.client, &ids.report).await;
    let verdict = &claim["reconciliation"];
    assert_eq!(claim["status"], "RECONCILED", "{claim}");
    assert_eq!(verdict["status"], "MATCHED");
    assert_eq!(verdict["finality"], "FINAL");
    assert_eq!(verdict["level"], Value::Null);
    assert_eq!(on(verdict, "VIEWS")["reasonCode"], "CLAIMED_ZERO");
    assert_eq!(on(verdict, "VIEWS")["claimed"], 0);
    assert_eq!(on(verdict, "CLICKS")["reasonCode"], "NOT_CLAIMED");
    assert_eq!(on(verdict, "CLICKS")["claimed"], Value::Null);
    assert_eq!(on(verdict, "CONVERSIONS")["reasonCode"], "CLAIMED_ZERO");
    let untouched =
        json!({ "trustScore": "1.00", "totalSubmissions": 0, "accurateSubmissions": 0 });
    assert_eq!(scene::trust(&ann).await, untouched);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_count_is_kept_and_compared_to_the_last_digit() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["META"]).await;
    let post = scene::sample(&app, Platform::Meta);
    let claim = json!({
        "claimedViews": MAX_COUNT, "claimedClicks": MAX_COUNT, "claimedConversions": MAX_COUNT,
    });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;

    let claim = scene::claim(&ann.client, &ids.report).await;
    let verdict = &claim["reconciliation"];
    assert_eq!(verdict["status"], "DISCREPANCY", "{verdict}");
    assert_eq!(verdict["level"], "HIGH");
    for (metric, figure) in [
        ("VIEWS", post.figures.views),
        ("CLICKS", post.figures.clicks),
    ] {
        let comparison = on(verdict, metric);
        assert_eq!(comparison["claimed"], MAX_COUNT, "{comparison}");
        assert_eq!(comparison["actual"], figure);
        assert_eq!(comparison["difference"], (MAX_COUNT - figure).to_string());
    }
    assert_eq!(on(verdict, "CONVERSIONS")["claimed"], MAX_COUNT);
    app.finish().await;
}
