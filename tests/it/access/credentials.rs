//! Addresses with passwords, and refresh tokens, which work once.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{affiliate, issue, refresh, viewer};
use crate::authorization::contents;
use crate::scene::refusals;
use crate::support::{Client, TestApp};

const EMAIL: &str = "ann@example.com";
const PASSWORD: &str = "correct horse";

/// The tokens of a payload that refused nothing.
fn tokens(payload: &Value) -> (String, String) {
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    let token = |name: &str| payload[name].as_str().unwrap().to_owned();
    (token("accessToken"), token("refreshToken"))
}

/// The access token and the refresh token of a new sign-in.
async fn sign_in(client: &Client, api_key: &str) -> (String, String) {
    tokens(&issue(client, json!({ "apiKey": api_key })).await)
}

/// Sees that a refresh token is refused.
async fn is_spent(client: &Client, token: &str) {
    let payload = refresh(client, token).await;
    assert_eq!(refusals(&payload), ["CREDENTIALS_REJECTED refreshToken"]);
    assert_eq!(payload["accessToken"], Value::Null);
    assert_eq!(payload["refreshToken"], Value::Null);
}

async fn revoke(client: &Client, token: &str) -> Value {
    let data = client
        .ok(
            "mutation($input: RefreshTokenInput!) { revokeToken(input: $input) { revoked userErrors { code } } }",
            json!({ "input": { "refreshToken": token } }),
        )
        .await;
    data["revokeToken"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_and_a_password_are_exchanged_for_a_token() {
    let app = TestApp::start().await;
    let ann = affiliate(&app, "Ann", " Ann@Example.COM ", PASSWORD).await;
    let anonymous = Client::anonymous(&app.url);
    for email in [EMAIL, "ANN@example.com", " ann@EXAMPLE.com "] {
        let payload = issue(&anonymous, json!({ "email": email, "password": PASSWORD })).await;
        let (access, _) = tokens(&payload);
        assert_eq!(viewer(&app, &access).await["affiliate"]["id"], ann.id);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_addresses_and_wrong_passwords_are_refused_alike() {
    let app = TestApp::start().await;
    affiliate(&app, "Ann", EMAIL, PASSWORD).await;
    // Bob has an address and no password.
    let input = json!({ "name": "Bob", "email": "bob@example.com" });
    app.operator
        .ok(
            "mutation($input: CreateAffiliateInput!) { createAffiliate(input: $input) { userErrors { code } } }",
            json!({ "input": input }),
        )
        .await;
    let anonymous = Client::anonymous(&app.url);
    let before = contents(&app.database).await;
    let mut answers = BTreeSet::new();
    for (email, password) in [
        (EMAIL, "correct horsE"),
        (EMAIL, " correct horse"),
        (EMAIL, ""),
        (EMAIL, "correct horse\0"),
        ("bob@example.com", ""),
        ("bob@example.com", "nobody's password"),
        ("carl@example.com", PASSWORD),
        ("carl@example.com", "nobody's password"),
        ("", PASSWORD),
        ("%", PASSWORD),
    ] {
        let credentials = json!({ "email": email, "password": password });
        let payload = issue(&anonymous, credentials.clone()).await;
        let refusal = ["CREDENTIALS_REJECTED password"];
        assert_eq!(refusals(&payload), refusal, "{credentials}");
        answers.insert(payload.to_string());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(contents(&app.database).await, before);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_no_database_can_hold_is_as_wrong_as_any() {
    let app = TestApp::start().await;
    affiliate(&app, "Ann", EMAIL, PASSWORD).await;
    for email in ["ann@example.com\0", "\0"] {
        let credentials = json!({ "email": email, "password": PASSWORD });
        let payload = issue(&Client::anonymous(&app.url), credentials).await;
        assert_eq!(refusals(&payload), ["CREDENTIALS_REJECTED password"]);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_affiliate_that_is_not_active_cannot_sign_in_or_stay_signed_in() {
    let app = TestApp::start().await;
    let ann = affiliate(&app, "Ann", EMAIL, PASSWORD).await;
    let anonymous = Client::anonymous(&app.url);
    let (_, token) = sign_in(&anonymous, &ann.api_key).await;
    app.database
        .execute("UPDATE affiliates SET is_active = false")
        .await;
    for credentials in [
        json!({ "apiKey": ann.api_key }),
        json!({ "email": EMAIL, "password": PASSWORD }),
    ] {
        let payload = issue(&anonymous, credentials.clone()).await;
        assert_eq!(refusals(&payload), ["AFFILIATE_INACTIVE"], "{credentials}");
        assert_eq!(payload["accessToken"], Value::Null);
    }
    // Whether an account is active is not told to those who do not know its password.
    let wrong = json!({ "email": EMAIL, "password": "wrong horse" });
    let payload = issue(&anonymous, wrong).await;
    assert_eq!(refusals(&payload), ["CREDENTIALS_REJECTED password"]);
    is_spent(&anonymous, &token).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_gives_a_new_pair_for_the_same_user() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let anonymous = Client::anonymous(&app.url);
    let mut pair = sign_in(&anonymous, &ann.api_key).await;
    let mut seen = BTreeSet::from([pair.0.clone(), pair.1.clone()]);
    for _ in 0..3 {
        pair = tokens(&refresh(&anonymous, &pair.1).await);
        assert_eq!(viewer(&app, &pair.0).await["affiliate"]["id"], ann.id);
        assert!(seen.insert(pair.0.clone()) && seen.insert(pair.1.clone()));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn using_a_refresh_token_twice_ends_the_whole_sign_in() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let anonymous = Client::anonymous(&app.url);
    let (_, first) = sign_in(&anonymous, &ann.api_key).await;
    let (_, elsewhere) = sign_in(&anonymous, &ann.api_key).await;
    let (_, second) = tokens(&refresh(&anonymous, &first).await);
    let (_, newest) = tokens(&refresh(&anonymous, &second).await);

    is_spent(&anonymous, &first).await;
    is_spent(&anonymous, &newest).await;
    // Another sign-in of the same user goes on.
    tokens(&refresh(&anonymous, &elsewhere).await);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_who_use_a_refresh_token_at_once_one_gets_tokens_and_keeps_none() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let anonymous = Client::anonymous(&app.url);
    let (_, token) = sign_in(&anonymous, &ann.api_key).await;
    let payloads = join_all((0..10).map(|_| refresh(&anonymous, &token))).await;
    let winners: Vec<&Value> = payloads
        .iter()
        .filter(|payload| payload["refreshToken"].is_string())
        .collect();
    assert_eq!(winners.len(), 1, "{payloads:?}");
    let (_, won) = tokens(winners[0]);
    is_spent(&anonymous, &won).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_sign_in_cannot_be_refreshed_by_any_of_its_tokens() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let anonymous = Client::anonymous(&app.url);
    let (_, first) = sign_in(&anonymous, &ann.api_key).await;
    let (_, elsewhere) = sign_in(&anonymous, &ann.api_key).await;
    let (_, newest) = tokens(&refresh(&anonymous, &first).await);

    let known = json!({ "revoked": true, "userErrors": [] });
    assert_eq!(revoke(&anonymous, &first).await, known, "an older one does");
    is_spent(&anonymous, &newest).await;
    tokens(&refresh(&anonymous, &elsewhere).await);

    let before = contents(&app.database).await;
    for unknown in ["", "csr_nothing", "csr_\0", ann.api_key.as_str()] {
        assert_eq!(revoke(&anonymous, unknown).await["revoked"], false);
    }
    assert_eq!(contents(&app.database).await, before);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_is_unknown_or_too_old_is_refused() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let anonymous = Client::anonymous(&app.url);
    let (access, token) = sign_in(&anonymous, &ann.api_key).await;
    let days = app.app.tokens.refresh_life().num_days();
    app.move_clock(days * 24 + 1).await;
    let before = contents(&app.database).await;
    for refused in [
        token.as_str(),
        access.as_str(),
        ann.api_key.as_str(),
        "",
        "a\0b",
    ] {
        is_spent(&anonymous, refused).await;
    }
    assert_eq!(contents(&app.database).await, before);
    app.finish().await;
}
