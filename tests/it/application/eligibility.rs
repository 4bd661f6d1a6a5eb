//! To whom an advertiser is there at all.

use serde_json::{Value, json};

use super::{applied, apply, candidates};
use crate::authorization::contents;
use crate::scene::{global_id, refusals};
use crate::support::{Client, Party, TestApp};

async fn set(client: &Client, advertiser: &str, affiliates: Value, eligible: bool) -> Value {
    let input =
        json!({ "advertiserId": advertiser, "affiliateIds": affiliates, "eligible": eligible });
    let data = client
        .ok(
            "mutation($input: SetEligibilityInput!) { setEligibility(input: $input) { \
             advertiser { id } userErrors { code message field } } }",
            json!({ "input": input }),
        )
        .await;
    data["setEligibility"].clone()
}

/// The answer to an affiliate's question for an advertiser, without the id of the request.
async fn ask(affiliate: &Party, advertiser: &str) -> Value {
    let query = "query($id: ID!) { advertiser(id: $id) { id name } }";
    let mut answer = affiliate
        .client
        .post(query, json!({ "id": advertiser }))
        .await;
    if let Some(extensions) = answer.pointer_mut("/errors/0/extensions") {
        extensions.as_object_mut().unwrap().remove("requestId");
    }
    answer
}

/// The names of the advertisers that an affiliate finds.
async fn found(affiliate: &Party) -> Vec<String> {
    let data = affiliate
        .client
        .ok(
            "{ advertisers(eligibleOnly: true) { nodes { name } } all: advertisers { nodes { name } } }",
            json!({}),
        )
        .await;
    assert_eq!(data["advertisers"], data["all"], "it sees no others");
    let nodes = data["all"]["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advertiser_that_one_is_not_eligible_for_is_like_one_that_does_not_exist() {
    let app = TestApp::start().await;
    let (acme, ann) = (app.advertiser("Acme").await, app.affiliate("Ann").await);
    let nobody = global_id("Advertiser", 4_000_000);
    let before = contents(&app.database).await;
    let refused = apply(&ann, &acme.id, json!("Hello!")).await;
    assert_eq!(refusals(&refused), ["NOT_ELIGIBLE advertiserId"]);
    assert_eq!(refused["application"], Value::Null);
    assert_eq!(apply(&ann, &nobody, json!("Hello!")).await, refused);
    assert_eq!(contents(&app.database).await, before);

    let forbidden = ask(&ann, &acme.id).await;
    let code = &forbidden["errors"][0]["extensions"]["code"];
    assert_eq!(code, "FORBIDDEN", "{forbidden}");
    assert_eq!(ask(&ann, &nobody).await, forbidden);
    assert_eq!(found(&ann).await, Vec::<String>::new());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eligibility_shows_an_advertiser_and_its_end_hides_it() {
    let app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    app.advertiser("Borg").await;
    assert_eq!(
        ask(&ann, &acme.id).await["data"]["advertiser"]["id"],
        acme.id
    );
    assert_eq!(found(&ann).await, ["Acme"]);

    let payload = set(&acme.client, &acme.id, json!([ann.id]), false).await;
    assert_eq!(payload["advertiser"]["id"], acme.id, "{payload}");
    let answer = ask(&ann, &acme.id).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(found(&ann).await, Vec::<String>::new());
    let refused = apply(&ann, &acme.id, Value::Null).await;
    assert_eq!(refusals(&refused), ["NOT_ELIGIBLE advertiserId"]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_so_already_stays_so() {
    let app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let bob = app.affiliate("Bob").await;
    let both = json!([ann.id, bob.id, ann.id]);
    let count = "SELECT count(*) FROM eligibility";
    for (eligible, expected) in [(true, 2), (true, 2), (false, 0), (false, 0)] {
        let payload = set(&acme.client, &acme.id, both.clone(), eligible).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        assert_eq!(app.database.number(count).await, expected);
    }
    let payload = set(&acme.client, &acme.id, json!([]), true).await;
    assert_eq!(payload["userErrors"], json!([]), "nobody is a list as well");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_somebody_who_does_not_exist_makes_nobody_eligible() {
    let app = TestApp::start().await;
    let (acme, ann) = (app.advertiser("Acme").await, app.affiliate("Ann").await);
    let nobody = global_id("Affiliate", 4_000_000);
    let before = contents(&app.database).await;
    let payload = set(&app.operator, &acme.id, json!([ann.id, nobody]), true).await;
    assert_eq!(refusals(&payload), ["NOT_FOUND affiliateIds.1"]);
    let nobody = global_id("Advertiser", 4_000_000);
    let payload = set(&app.operator, &nobody, json!([ann.id]), true).await;
    assert_eq!(refusals(&payload), ["NOT_FOUND advertiserId"]);
    let many = vec![ann.id.as_str(); 1001];
    let payload = set(&app.operator, &acme.id, json!(many), true).await;
    assert_eq!(refusals(&payload), ["TOO_MANY affiliateIds"]);
    assert_eq!(contents(&app.database).await, before);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_asks_for_an_affiliate() {
    let app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let borg = app.advertiser("Borg").await;
    let list = "query($for: ID) { advertisers(eligibleFor: $for) { nodes { id } } }";
    let one = "query($id: ID!, $for: ID) { advertiser(id: $id, eligibleFor: $for) { id } }";
    let data = app.operator.ok(list, json!({ "for": ann.id })).await;
    assert_eq!(data["advertisers"]["nodes"], json!([{ "id": acme.id }]));
    let asked = json!({ "id": acme.id, "for": ann.id });
    let data = app.operator.ok(one, asked.clone()).await;
    assert_eq!(data["advertiser"]["id"], acme.id);
    for refused in [
        json!({ "id": borg.id, "for": ann.id }),
        json!({ "id": global_id("Advertiser", 4_000_000), "for": ann.id }),
        json!({ "id": acme.id, "for": global_id("Affiliate", 4_000_000) }),
    ] {
        let code = app.operator.code(one, refused.clone()).await;
        assert_eq!(code, "FORBIDDEN", "{refused}");
    }
    for client in [&acme.client, &ann.client] {
        assert_eq!(client.code(one, asked.clone()).await, "FORBIDDEN");
        let code = client.code(list, json!({ "for": ann.id })).await;
        assert_eq!(code, "FORBIDDEN");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_affiliate_that_is_not_active_cannot_apply() {
    let app = TestApp::start().await;
    let (acme, ann) = candidates(&app).await;
    let inactive = "UPDATE affiliates SET is_active = false";
    app.database.execute(inactive).await;
    let before = contents(&app.database).await;
    let refused = apply(&ann, &acme.id, Value::Null).await;
    assert_eq!(refusals(&refused), ["AFFILIATE_INACTIVE"]);
    assert_eq!(refused["application"], Value::Null);
    assert_eq!(contents(&app.database).await, before);
    app.database
        .execute("UPDATE affiliates SET is_active = true")
        .await;
    applied(&ann, &acme).await;
    app.abandon().await;
}
