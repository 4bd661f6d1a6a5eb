//! API keys: exchanged for tokens, made for oneself and, by operators, for others.

use countersign::crypto::ApiKey;
use countersign::model::Role;
use serde_json::{Value, json};

use super::{issue, viewer};
use crate::authorization::contents;
use crate::scene::{global_id, refusals};
use crate::support::{Client, TestApp};

/// Asks for an API key and gives the payload.
async fn create(client: &Client, input: Value) -> Value {
    let data = client
        .ok(
            "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey prefix \
             userErrors { code message field } } }",
            json!({ "input": input }),
        )
        .await;
    data["createApiKey"].clone()
}

/// A key that must be made.
async fn created(client: &Client, input: Value) -> String {
    let payload = create(client, input).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    let key = payload["apiKey"].as_str().unwrap().to_owned();
    assert!(key.starts_with(payload["prefix"].as_str().unwrap()));
    key
}

/// Who signs in with a key.
async fn holder(app: &TestApp, key: &str) -> Value {
    let payload = issue(&Client::anonymous(&app.url), json!({ "apiKey": key })).await;
    viewer(app, payload["accessToken"].as_str().unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_exchanged_for_a_token_of_its_owner() {
    let app = TestApp::start().await;
    let (acme, ann) = (app.advertiser("Acme").await, app.affiliate("Ann").await);
    assert_eq!(
        holder(&app, &acme.api_key).await,
        json!({ "role": "ADVERTISER", "advertiser": { "id": acme.id }, "affiliate": null })
    );
    assert_eq!(
        holder(&app, &ann.api_key).await,
        json!({ "role": "AFFILIATE", "advertiser": null, "affiliate": { "id": ann.id } })
    );
    let own = created(&app.operator, json!({})).await;
    assert_eq!(holder(&app, &own).await["role"], "OPERATOR");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_hold_is_refused_and_does_not_say_why() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let tomorrow = app.app.clock.now() + chrono::TimeDelta::hours(24);
    let expiring = created(&ann.client, json!({ "expiresAt": tomorrow.to_rfc3339() })).await;
    let revoked = created(&ann.client, json!({})).await;
    app.database
        .execute("UPDATE api_keys SET revoked_at = now() WHERE id = (SELECT max(id) FROM api_keys)")
        .await;
    let anonymous = Client::anonymous(&app.url);
    let before_its_end = issue(&anonymous, json!({ "apiKey": expiring })).await;
    assert_eq!(before_its_end["userErrors"], json!([]), "{before_its_end}");
    app.move_clock(25).await;

    let wrong = ApiKey::generate(Role::Operator).unwrap();
    let whole = ann.api_key.as_str();
    let before = contents(&app.database).await;
    for key in [
        wrong.text.expose(),
        &expiring,
        &revoked,
        &whole[..whole.len() - 1],
        &format!("{whole} "),
        &whole.to_uppercase(),
        "cs_op_",
        "cs_aff_\0",
        "cs_aff_ключключ",
        "",
    ] {
        let payload = issue(&anonymous, json!({ "apiKey": key })).await;
        let refusal = json!([{
            "code": "CREDENTIALS_REJECTED",
            "message": "the API key is unknown, expired or revoked",
            "field": ["apiKey"],
        }]);
        assert_eq!(payload["userErrors"], refusal, "{key}");
        for token in ["accessToken", "refreshToken", "expiresAt"] {
            assert_eq!(payload[token], Value::Null, "{key}");
        }
    }
    assert_eq!(contents(&app.database).await, before);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_a_key_or_an_address_with_a_password() {
    let app = TestApp::start().await;
    let ann = super::affiliate(&app, "Ann", "ann@example.com", "correct horse").await;
    let (key, email, password) = (&ann.api_key, "ann@example.com", "correct horse");
    for credentials in [
        json!({}),
        json!({ "apiKey": key, "email": email }),
        json!({ "apiKey": key, "email": email, "password": password }),
        json!({ "email": email }),
        json!({ "password": password }),
    ] {
        let payload = issue(&Client::anonymous(&app.url), credentials.clone()).await;
        assert_eq!(refusals(&payload), ["INVALID apiKey"], "{credentials}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_makes_keys_for_themselves_and_operators_for_others() {
    let app = TestApp::start().await;
    let (acme, ann) = (app.advertiser("Acme").await, app.affiliate("Ann").await);
    for (maker, input, owner) in [
        (&acme.client, json!({ "label": "spare" }), &acme),
        (&acme.client, json!({ "advertiserId": acme.id }), &acme),
        (&app.operator, json!({ "advertiserId": acme.id }), &acme),
        (&ann.client, json!({}), &ann),
        (&ann.client, json!({ "affiliateId": ann.id }), &ann),
        (&app.operator, json!({ "affiliateId": ann.id }), &ann),
    ] {
        let key = created(maker, input.clone()).await;
        let holder = holder(&app, &key).await.to_string();
        assert!(holder.contains(&owner.id), "{input}: {holder}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_operators_makes_keys_for_others() {
    let app = TestApp::start().await;
    let (acme, ann) = (app.advertiser("Acme").await, app.affiliate("Ann").await);
    let (borg, bob) = (app.advertiser("Borg").await, app.affiliate("Bob").await);
    let mutation =
        "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey } }";
    let before = contents(&app.database).await;
    for (maker, input) in [
        (&acme.client, json!({ "advertiserId": borg.id })),
        (&acme.client, json!({ "affiliateId": ann.id })),
        (&ann.client, json!({ "affiliateId": bob.id })),
        (&ann.client, json!({ "advertiserId": acme.id })),
    ] {
        let code = maker.code(mutation, json!({ "input": input })).await;
        assert_eq!(code, "FORBIDDEN", "{input}");
    }
    assert_eq!(contents(&app.database).await, before);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_made_names_the_field_that_is_wrong() {
    let app = TestApp::start().await;
    let (acme, ann) = (app.advertiser("Acme").await, app.affiliate("Ann").await);
    let now = app.app.clock.now().to_rfc3339();
    let before = contents(&app.database).await;
    for (input, refusal) in [
        (
            json!({ "advertiserId": acme.id, "affiliateId": ann.id }),
            "INVALID affiliateId",
        ),
        (
            json!({ "affiliateId": global_id("Affiliate", 4_000_000) }),
            "NOT_FOUND affiliateId",
        ),
        (
            json!({ "advertiserId": global_id("Advertiser", 4_000_000) }),
            "NOT_FOUND advertiserId",
        ),
        (json!({ "expiresAt": now }), "OUT_OF_RANGE expiresAt"),
        (json!({ "label": "鍵".repeat(201) }), "TOO_LONG label"),
        (json!({ "label": "a\0b" }), "INVALID label"),
    ] {
        let payload = create(&app.operator, input.clone()).await;
        assert_eq!(refusals(&payload), [refusal], "{input}");
        assert_eq!(payload["apiKey"], Value::Null);
    }
    assert_eq!(contents(&app.database).await, before);
    created(&app.operator, json!({ "label": "鍵".repeat(200) })).await;
    app.finish().await;
}
