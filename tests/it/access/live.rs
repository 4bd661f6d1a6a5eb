//! A sign-in that was ended ends at once: its tokens stop, and sockets that were opened with them are closed.

use serde_json::{Value, json};

use super::socket::Socket;
use super::{issue, refresh};
use crate::scene::{refusals, text};
use crate::support::{Client, Party, TestApp};

/// A socket that is signed in with a token.
async fn open(app: &TestApp, token: &str) -> Socket {
    let payload = json!({ "authorization": format!("Bearer {token}") });
    let mut socket = Socket::open(&app.url, &payload).await;
    assert_eq!(socket.next().await.unwrap()["type"], "connection_ack");
    socket
        .start("subscription { alertRaised { cursor } }")
        .await;
    socket
}

/// The code that a query with a token answers; none where it is answered.
async fn code(app: &TestApp, token: &str) -> Option<String> {
    let client = Client::anonymous(&app.url).with_token(token);
    let answer = client.post("{ viewer { role } }", json!({})).await;
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .map(str::to_owned)
}

async fn tokens(app: &TestApp, key: &str) -> (String, String) {
    let issued = issue(&Client::anonymous(&app.url), json!({ "apiKey": key })).await;
    (text(&issued["accessToken"]), text(&issued["refreshToken"]))
}

/// Sees that a token works, ends its sign-in, and sees that it and its socket do not.
async fn ends(app: &TestApp, token: &str, end: impl AsyncFnOnce()) {
    assert_eq!(code(app, token).await, None);
    let mut socket = open(app, token).await;
    end().await;
    assert_eq!(code(app, token).await.as_deref(), Some("UNAUTHENTICATED"));
    let (close, reason) = socket.next().await.unwrap_err();
    assert_eq!((close, reason.as_str()), (4403, "Forbidden"));
}

async fn ok(client: &Client, query: &str, input: Value) -> Value {
    client.ok(query, json!({ "input": input })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_access_token_and_no_other() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let (access, refresh_token) = tokens(&app, &ann.api_key).await;
    ends(&app, &access, async || {
        let query =
            "mutation($input: RefreshTokenInput!) { revokeToken(input: $input) { revoked } }";
        let data = ok(
            &Client::anonymous(&app.url),
            query,
            json!({ "refreshToken": refresh_token }),
        )
        .await;
        assert_eq!(data["revokeToken"]["revoked"], true);
    })
    .await;
    assert_eq!(
        code(&app, ann.client.token.as_ref().unwrap()).await,
        None,
        "another sign-in"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_api_key_ends_the_sign_ins_that_it_made() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let query = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey prefix userErrors { code } } }";
    let made = ok(&ann.client, query, json!({ "label": "laptop" })).await["createApiKey"].clone();
    let (access, refresh_token) = tokens(&app, &text(&made["apiKey"])).await;
    ends(&app, &access, async || {
        let query = "mutation($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { revoked userErrors { code } } }";
        let data = ok(&ann.client, query, json!({ "prefix": made["prefix"] })).await;
        assert_eq!(data["revokeApiKey"]["revoked"], true, "{data}");
    })
    .await;
    let anonymous = Client::anonymous(&app.url);
    assert_eq!(
        refusals(&refresh(&anonymous, &refresh_token).await),
        ["CREDENTIALS_REJECTED refreshToken"]
    );
    let refused = issue(&anonymous, json!({ "apiKey": made["apiKey"] })).await;
    assert_eq!(refused["accessToken"], json!(null), "{refused}");
    assert_eq!(
        code(&app, ann.client.token.as_ref().unwrap()).await,
        None,
        "the other key's sign-in"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deactivating_an_affiliate_ends_all_of_its_sign_ins() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let token = ann.client.token.clone().unwrap();
    ends(&app, &token, async || {
        let query = "mutation($input: UpdateAffiliateInput!) { updateAffiliate(input: $input) { affiliate { isActive } } }";
        ok(&app.operator, query, json!({ "affiliateId": ann.id, "isActive": false })).await;
    })
    .await;
    let answer = ann.client.post("mutation($c: ID!) { submitPost(input: { campaignId: $c, url: \"https://redd.it/1b2c3d\", \
        claimedViews: 1 }) { post { id } } }", json!({ "c": campaign })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(app.database.number("SELECT count(*) FROM posts").await, 0);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_used_twice_ends_the_sign_in() {
    let app = TestApp::start().await;
    let ann: Party = app.affiliate("Ann").await;
    let (access, first) = tokens(&app, &ann.api_key).await;
    let anonymous = Client::anonymous(&app.url);
    ends(&app, &access, async || {
        let second = refresh(&anonymous, &first).await;
        assert!(second["accessToken"].is_string(), "{second}");
        let stolen = refresh(&anonymous, &first).await;
        assert_eq!(stolen["accessToken"], json!(null), "{stolen}");
    })
    .await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_while_somebody_signs_in_with_it_signs_nobody_in() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let revoking = app.database.connect().await;
    revoking
        .batch_execute(
            "BEGIN; SELECT id FROM users WHERE affiliate_id IS NOT NULL FOR NO KEY UPDATE; \
             UPDATE api_keys SET revoked_at = now() WHERE user_id IN (SELECT id FROM users WHERE affiliate_id IS NOT NULL)",
        )
        .await
        .unwrap();
    let anonymous = Client::anonymous(&app.url);
    let credentials = json!({ "apiKey": ann.api_key });
    let signing_in = tokio::spawn(async move { issue(&anonymous, credentials).await });
    crate::support::until("the sign-in waits", async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
            AND wait_event_type = 'Lock'";
        app.database.number(waiting).await > 0
    })
    .await;
    revoking.batch_execute("COMMIT").await.unwrap();
    let refused = signing_in.await.unwrap();
    assert_eq!(
        refusals(&refused),
        ["CREDENTIALS_REJECTED apiKey"],
        "{refused}"
    );
    app.finish().await;
}
