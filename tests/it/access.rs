//! Signing in, what a token is worth, and the accounts behind it.
//!
//! Tokens are made up here as an attacker would (`forge`) and checked as another program would, with the published key
//! alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod accounts;
mod credentials;
pub mod forge;
mod keys;
mod live;
mod secrets;
pub mod socket;
mod sockets;
mod tokens;

use serde_json::{Value, json};

use crate::support::{Client, Party, TestApp};

/// Asks for tokens and gives the payload.
async fn issue(client: &Client, credentials: Value) -> Value {
    let data = client
        .ok(
            "mutation($input: IssueTokenInput!) { issueToken(input: $input) { accessToken refreshToken \
             expiresAt userErrors { code message field } } }",
            json!({ "input": credentials }),
        )
        .await;
    data["issueToken"].clone()
}

/// Exchanges a refresh token and gives the payload.
async fn refresh(client: &Client, token: &str) -> Value {
    let data = client
        .ok(
            "mutation($input: RefreshTokenInput!) { refreshToken(input: $input) { accessToken refreshToken \
             expiresAt userErrors { code message field } } }",
            json!({ "input": { "refreshToken": token } }),
        )
        .await;
    data["refreshToken"].clone()
}

/// Who the holder of an access token is.
async fn viewer(app: &TestApp, token: &str) -> Value {
    let client = Client::anonymous(&app.url).with_token(token);
    let data = client
        .ok(
            "{ viewer { role affiliate { id } advertiser { id } } }",
            json!({}),
        )
        .await;
    data["viewer"].clone()
}

/// An affiliate that signs in with an address and a password.
async fn affiliate(app: &TestApp, name: &str, email: &str, password: &str) -> Party {
    let input = json!({ "name": name, "email": email, "password": password });
    let data = app
        .operator
        .ok(
            "mutation($input: CreateAffiliateInput!) { createAffiliate(input: $input) \
             { affiliate { id } apiKey userErrors { message } } }",
            json!({ "input": input }),
        )
        .await;
    let payload = &data["createAffiliate"];
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    let api_key = payload["apiKey"].as_str().unwrap().to_owned();
    Party {
        id: payload["affiliate"]["id"].as_str().unwrap().to_owned(),
        name: name.to_owned(),
        client: Client::sign_in(&app.url, &api_key).await,
        api_key,
    }
}
