//! What an update leaves out stays, what it sets to null goes, and what is wrong is said by its field.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use serde_json::{Value, json};

use crate::scene::{self, refusals};
use crate::support::{Client, TestApp};

const CAMPAIGN: &str = "campaign { name status startsAt endsAt policy { version lowBelowPercent lagWindowHours \
    absoluteFloor } }";

async fn update_campaign(client: &Client, input: Value) -> Value {
    let query = format!(
        "mutation($input: UpdateCampaignInput!) {{ updateCampaign(input: $input) {{ {CAMPAIGN} \
         userErrors {{ code field message }} }} }}"
    );
    client.ok(&query, json!({ "input": input })).await["updateCampaign"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_stays_and_null_takes_away() {
    let app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let id = scene::campaign(
        &acme,
        json!({ "name": "Spring", "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
            "policy": { "lagWindowHours": 12 } }),
    )
    .await;
    let renamed = update_campaign(
        &acme.client,
        json!({ "campaignId": id, "name": "Summer ☀ 夏" }),
    )
    .await;
    let campaign = &renamed["campaign"];
    assert_eq!(campaign["name"], "Summer ☀ 夏");
    assert_eq!(campaign["endsAt"], "2099-01-01T00:00:00Z");
    assert_eq!(
        (
            &campaign["policy"]["version"],
            &campaign["policy"]["lagWindowHours"]
        ),
        (&json!(1), &json!(12))
    );
    let open = update_campaign(&acme.client, json!({ "campaignId": id, "endsAt": null })).await;
    assert_eq!(open["campaign"]["endsAt"], json!(null));
    assert_eq!(open["campaign"]["startsAt"], "2026-01-01T00:00:00Z");

    // A nullable variable that is not sent is left out, one that is sent as null is null; so in a nested object.
    let query = format!(
        "mutation($id: ID!, $start: DateTime, $end: DateTime, $lag: Int) {{ updateCampaign(input: {{ campaignId: $id, \
         startsAt: $start, endsAt: $end, policy: {{ lagWindowHours: $lag }} }}) {{ {CAMPAIGN} userErrors {{ code }} }} }}"
    );
    let data = acme
        .client
        .ok(&query, json!({ "id": id, "end": "2098-01-01T00:00:00Z" }))
        .await;
    let campaign = &data["updateCampaign"]["campaign"];
    assert_eq!(campaign["startsAt"], "2026-01-01T00:00:00Z", "{data}");
    assert_eq!(campaign["endsAt"], "2098-01-01T00:00:00Z");
    assert_eq!(campaign["policy"]["lagWindowHours"], 12);
    let data = acme
        .client
        .ok(&query, json!({ "id": id, "start": null, "lag": null }))
        .await;
    let campaign = &data["updateCampaign"]["campaign"];
    assert_eq!(
        (&campaign["startsAt"], &campaign["endsAt"]),
        (&json!(null), &json!("2098-01-01T00:00:00Z")),
        "{data}"
    );
    assert_eq!(
        campaign["policy"]["lagWindowHours"],
        json!(null),
        "the platform's default"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_is_another_version_and_an_unchanged_one_is_not() {
    let app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let id = scene::campaign(&acme, json!({})).await;
    for (policy, version) in [
        (json!({}), 1),
        (json!({ "lowBelowPercent": "5" }), 1),
        (json!({ "lowBelowPercent": "5.00" }), 1),
        (json!({ "lowBelowPercent": "0.1" }), 2),
        (json!({ "absoluteFloor": 25 }), 3),
    ] {
        let payload =
            update_campaign(&acme.client, json!({ "campaignId": id, "policy": policy })).await;
        assert_eq!(
            payload["campaign"]["policy"]["version"], version,
            "{policy}: {payload}"
        );
    }
    // Exactly what was written, which no float is: 0.1.
    let payload = update_campaign(&acme.client, json!({ "campaignId": id })).await;
    assert_eq!(payload["campaign"]["policy"]["lowBelowPercent"], "0.1");
    assert_eq!(
        app.database.number("SELECT count(*) FROM policies").await,
        3,
        "all of them are kept"
    );
    app.finish().await;
}

#[allow(clippy::too_many_lines, reason = "it is a table")]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_by_its_field_and_changes_nothing() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    app.affiliate("Bob").await;
    let before = crate::authorization::contents(&app.database).await;
    let long = "x".repeat(201);
    for (field, input_type, client, input, refusal) in [
        (
            "updateCampaign",
            "UpdateCampaignInput",
            &acme.client,
            json!({ "campaignId": campaign, "name": " " }),
            "INVALID name",
        ),
        (
            "updateCampaign",
            "UpdateCampaignInput",
            &acme.client,
            json!({ "campaignId": campaign, "name": null }),
            "INVALID name",
        ),
        (
            "updateCampaign",
            "UpdateCampaignInput",
            &acme.client,
            json!({ "campaignId": campaign, "name": long }),
            "TOO_LONG name",
        ),
        (
            "updateCampaign",
            "UpdateCampaignInput",
            &acme.client,
            json!({ "campaignId": campaign, "name": "a\u{0}b" }),
            "INVALID name",
        ),
        (
            "updateCampaign",
            "UpdateCampaignInput",
            &acme.client,
            json!({ "campaignId": campaign, "status": null }),
            "INVALID status",
        ),
        (
            "updateCampaign",
            "UpdateCampaignInput",
            &acme.client,
            json!({ "campaignId": campaign, "startsAt": "2027-01-02T00:00:00Z", "endsAt": "2027-01-01T00:00:00Z" }),
            "OUT_OF_RANGE endsAt",
        ),
        (
            "updateCampaign",
            "UpdateCampaignInput",
            &acme.client,
            json!({ "campaignId": campaign, "policy": { "lowBelowPercent": "-1" } }),
            "OUT_OF_RANGE policy.lowBelowPercent",
        ),
        (
            "updateCampaign",
            "UpdateCampaignInput",
            &acme.client,
            json!({ "campaignId": campaign, "policy": { "lowBelowPercent": null } }),
            "INVALID policy.lowBelowPercent",
        ),
        (
            "updateCampaign",
            "UpdateCampaignInput",
            &acme.client,
            json!({ "campaignId": campaign, "policy": { "alertFrom": null } }),
            "INVALID policy.alertFrom",
        ),
        (
            "updateCampaign",
            "UpdateCampaignInput",
            &acme.client,
            json!({ "campaignId": campaign, "policy": { "recheckHours": null } }),
            "INVALID policy.recheckHours",
        ),
        (
            "updateCampaign",
            "UpdateCampaignInput",
            &acme.client,
            json!({ "campaignId": campaign, "policy": { "absoluteFloor": -1 } }),
            "OUT_OF_RANGE policy.absoluteFloor",
        ),
        (
            "updateAdvertiser",
            "UpdateAdvertiserInput",
            &acme.client,
            json!({ "name": "" }),
            "INVALID name",
        ),
        (
            "updateAdvertiser",
            "UpdateAdvertiserInput",
            &acme.client,
            json!({ "minimumTrust": "1.5" }),
            "OUT_OF_RANGE minimumTrust",
        ),
        (
            "updateAdvertiser",
            "UpdateAdvertiserInput",
            &acme.client,
            json!({ "minimumTrust": "0.555" }),
            "OUT_OF_RANGE minimumTrust",
        ),
        (
            "updateAdvertiser",
            "UpdateAdvertiserInput",
            &acme.client,
            json!({ "reapplyAfterDays": -1 }),
            "OUT_OF_RANGE reapplyAfterDays",
        ),
        (
            "updateAdvertiser",
            "UpdateAdvertiserInput",
            &acme.client,
            json!({ "website": "javascript:alert(1)" }),
            "INVALID website",
        ),
        (
            "updateAffiliate",
            "UpdateAffiliateInput",
            &ann.client,
            json!({ "name": "Bob" }),
            "CONFLICT name",
        ),
        (
            "updateAffiliate",
            "UpdateAffiliateInput",
            &ann.client,
            json!({ "email": "nobody" }),
            "INVALID email",
        ),
        (
            "updateAffiliate",
            "UpdateAffiliateInput",
            &ann.client,
            json!({ "discordUserId": "12x" }),
            "INVALID discordUserId",
        ),
        (
            "rotateWebhookSecret",
            "RotateWebhookSecretInput",
            &acme.client,
            json!({ "overlapHours": -1 }),
            "OUT_OF_RANGE overlapHours",
        ),
        (
            "rotateWebhookSecret",
            "RotateWebhookSecretInput",
            &acme.client,
            json!({ "overlapHours": 100_000 }),
            "OUT_OF_RANGE overlapHours",
        ),
    ] {
        let query = format!(
            "mutation($input: {input_type}!) {{ {field}(input: $input) {{ userErrors {{ code field message }} }} }}"
        );
        let data = client.ok(&query, json!({ "input": input })).await;
        assert_eq!(refusals(&data[field]), [refusal], "{field} {input}: {data}");
        let message = scene::text(&data[field]["userErrors"][0]["message"]);
        let named = refusal.rsplit(['.', ' ']).next().unwrap();
        assert!(message.contains(named), "{message}");
    }
    assert_eq!(crate::authorization::contents(&app.database).await, before);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_affiliate_changes_itself_and_an_operator_switches_it_off() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let query = "mutation($input: UpdateAffiliateInput!) { updateAffiliate(input: $input) { \
        affiliate { name email discordUserId isActive } userErrors { code field } } }";
    let input =
        json!({ "name": "Änn", "email": "ann@example.com", "discordUserId": "123456789012345678" });
    let data = ann.client.ok(query, json!({ "input": input })).await;
    let affiliate = &data["updateAffiliate"]["affiliate"];
    assert_eq!(affiliate["name"], "Änn", "{data}");
    let data = ann
        .client
        .ok(query, json!({ "input": { "discordUserId": null } }))
        .await;
    let affiliate = &data["updateAffiliate"]["affiliate"];
    assert_eq!(
        (&affiliate["discordUserId"], &affiliate["email"]),
        (&json!(null), &json!("ann@example.com"))
    );
    // Its own account is not its to switch on and off.
    let data = ann
        .client
        .post(query, json!({ "input": { "isActive": false } }))
        .await;
    let said = data.to_string();
    assert!(
        said.contains("FORBIDDEN") || said.contains("isActive"),
        "{said}"
    );
    assert_eq!(
        app.database
            .text("SELECT is_active::text FROM affiliates")
            .await,
        "true"
    );
    let input = json!({ "affiliateId": ann.id, "isActive": false });
    let data = app.operator.ok(query, json!({ "input": input })).await;
    assert_eq!(data["updateAffiliate"]["affiliate"]["isActive"], false);
    app.finish().await;
}
