//! Keys, tokens and passwords are shown once, to whom they are for, and kept as hashes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{affiliate, issue, refresh};
use crate::authorization::everything;
use crate::support::{Client, TestApp};

/// What every secret of a careless caller holds.
const MARK: &str = "hunter2";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_lies_in_the_database() {
    let app = TestApp::start().await;
    let ann = affiliate(&app, "Ann", "ann@example.com", "correct horse").await;
    let acme = app.advertiser("Acme").await;
    let anonymous = Client::anonymous(&app.url);
    let first = issue(&anonymous, json!({ "apiKey": ann.api_key })).await;
    let token = first["refreshToken"].as_str().unwrap();
    let second = refresh(&anonymous, token).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let kept = everything(&app.database).await;
    assert!(kept.contains("ann@example.com"), "the rows were read");
    for secret in [
        "correct horse".to_owned(),
        ann.api_key,
        acme.api_key,
        text(&first["accessToken"]),
        text(&first["refreshToken"]),
        text(&second["accessToken"]),
        text(&second["refreshToken"]),
    ] {
        assert!(!kept.contains(&secret), "{secret}");
        assert!(!kept.contains(&hex::encode(&secret)), "{secret} in hex");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_hands_a_secret_out_once_has_a_field_for_one() {
    let app = TestApp::start().await;
    let data = app
        .operator
        .ok(
            "{ __schema { types { kind name fields { name } } } }",
            json!({}),
        )
        .await;
    let mut found = BTreeSet::new();
    for kind in data["__schema"]["types"].as_array().unwrap() {
        let name = kind["name"].as_str().unwrap();
        // The fields of Mutation are verbs.
        if name.starts_with("__") || name == "Mutation" {
            continue;
        }
        for field in kind["fields"].as_array().into_iter().flatten() {
            let field = field["name"].as_str().unwrap();
            let words = ["key", "token", "secret", "password", "credential"];
            if words.iter().any(|word| field.to_lowercase().contains(word)) {
                found.insert(format!("{name}.{field}"));
            }
        }
    }
    let expected = [
        // A PlatformCredential has none of these words itself: what is shown of it is whose it is and whether it works.
        "Affiliate.credentials",
        "PlatformCredentialPayload.credential",
        // How many there are in each state.
        "PlatformHealth.linkedCredentials",
        "CreateAdvertiserPayload.apiKey",
        "CreateAdvertiserPayload.webhookSecret",
        "CreateAffiliatePayload.apiKey",
        "CreateAlertChannelPayload.signingSecret",
        "CreateApiKeyPayload.apiKey",
        "IssueTokenPayload.accessToken",
        "IssueTokenPayload.refreshToken",
        // The names of those that are set.
        "Platform.secrets",
        "RotateAlertChannelSecretPayload.signingSecret",
        "RotateWebhookSecretPayload.webhookSecret",
    ];
    assert_eq!(found, BTreeSet::from(expected.map(str::to_owned)));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_does_not_repeat_the_secret() {
    let app = TestApp::start().await;
    let anonymous = Client::anonymous(&app.url);
    let issue = "mutation($input: IssueTokenInput!) { issueToken(input: $input) { accessToken userErrors { message } } }";
    let create = "mutation($input: CreateAffiliateInput!) { createAffiliate(input: $input) { userErrors { message } } }";
    let renew = "mutation($input: RefreshTokenInput!) { refreshToken(input: $input) { userErrors { message } } }";
    let cut_off = format!("mutation {{ issueToken(input: {{ apiKey: \"{MARK}");
    let bare = format!("mutation {{ issueToken(input: {{ apiKey: {MARK} }}) {{ accessToken }} }}");
    let email = "ann@example.com";
    for (client, query, input) in [
        (&anonymous, issue, json!({ "apiKey": MARK })),
        (&anonymous, issue, json!({ "apiKey": [MARK] })),
        (&anonymous, issue, json!({ "apiKey": { MARK: MARK } })),
        (&anonymous, issue, json!({ "apiKey": MARK, "x": MARK })),
        (
            &anonymous,
            issue,
            json!({ "email": email, "password": MARK }),
        ),
        (&anonymous, issue, json!(MARK)),
        (&anonymous, renew, json!({ "refreshToken": MARK })),
        (&anonymous, cut_off.as_str(), Value::Null),
        (&anonymous, bare.as_str(), Value::Null),
        (
            &app.operator,
            create,
            json!({ "name": "A", "email": email, "password": MARK }),
        ),
        (
            &app.operator,
            create,
            json!({ "name": "A", "password": "hunter2hunter2" }),
        ),
        (&anonymous.with_token(MARK), issue, Value::Null),
    ] {
        let answer = client.post(query, json!({ "input": input })).await;
        let refused = answer.to_string();
        assert!(!refused.contains(MARK), "{query} {input}: {refused}");
        assert!(
            answer.get("errors").is_some() || refused.contains("message"),
            "it was not refused: {refused}"
        );
    }
    app.finish().await;
}
