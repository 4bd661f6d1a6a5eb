//! Posts are submitted with claims, and every claim is checked.

mod batch;
mod claims;
mod keys;
mod refusals;
mod spellings;

use serde_json::json;

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_above_the_platforms_figure_is_an_alert_at_a_subscriber() {
    let app = TestApp::working().await;
    let (advertiser, affiliate, campaign) = app.program(&["INSTAGRAM"]).await;
    let mut alerts = advertiser
        .client
        .subscribe(
            "subscription { alertRaised { kind cursor alert { kind level finality status message post { url } } } }",
            json!({}),
        )
        .await;
    let post = app
        .world
        .posts(countersign::simulator::Platform::Instagram, 0, 1, None)
        .remove(0);
    let (figures, _) = app
        .world
        .figures(
            countersign::simulator::Platform::Instagram,
            &post.native_id,
            None,
        )
        .unwrap();

    let submitted = affiliate
        .client
        .submit(
            &campaign,
            &post.url,
            json!({ "claimedViews": figures.views * 2 }),
        )
        .await;
    assert_eq!(submitted["userErrors"], json!([]), "{submitted}");

    let event = alerts.next().await;
    let alert = &event["alertRaised"]["alert"];
    assert_eq!(event["alertRaised"]["kind"], "RAISED", "{event}");
    assert_eq!(alert["kind"], "OVERCLAIM");
    assert_eq!(alert["level"], "HIGH");
    assert_eq!(alert["finality"], "FINAL");
    assert_eq!(alert["post"]["url"], post.url.as_str());

    let verdict = affiliate.client.verdict(&submitted["post"]["id"]).await;
    assert_eq!(
        verdict["latestReconciliation"]["status"], "DISCREPANCY",
        "{verdict}"
    );
    assert_eq!(
        verdict["latestReconciliation"]["comparisons"][0]["actual"],
        figures.views
    );
    assert_eq!(verdict["isReconciled"], true);
    app.finish().await;
}
