//! Operators set how platforms are reached, for every process, without a restart and without anybody reading a secret.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::domain::platform;
use countersign::model::PlatformKind;
use countersign::simulator::{META_AD_ACCOUNT, Platform};
use countersign::vault::Vault;
use serde_json::{Value, json};

use crate::authorization::everything;
use crate::scene::{self, refusals, submitted};
use crate::support::{Client, TestApp};

async fn update(app: &TestApp, input: Value) -> Value {
    let data = app
        .operator
        .ok(
            "mutation($input: UpdatePlatformConfigInput!) { updatePlatformConfig(input: $input) { \
             platform { kind enabled available baseUrl } userErrors { code field message } } }",
            json!({ "input": input }),
        )
        .await;
    data["updatePlatformConfig"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_platform_takes_no_posts_and_its_checks_wait() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let samples = scene::samples(&app, Platform::Reddit, 2, |_| true);
    let disabled = update(&app, json!({ "kind": "REDDIT", "enabled": false })).await;
    assert_eq!(disabled["platform"]["enabled"], false, "{disabled}");
    let payload = ann
        .client
        .submit(&campaign, &samples[0].url, json!({ "claimedViews": 5 }))
        .await;
    assert_eq!(refusals(&payload), ["PLATFORM_NOT_AVAILABLE url"]);
    update(&app, json!({ "kind": "REDDIT", "enabled": true })).await;
    let ids = submitted(
        &ann.client,
        &campaign,
        &samples[0].url,
        json!({ "claimedViews": 5 }),
    )
    .await;
    app.settled().await;
    let verdict = ann.client.verdict(&json!(ids.post)).await;
    assert!(
        verdict["latestReconciliation"]["id"].is_string(),
        "{verdict}"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_takes_effect_at_once_and_null_gives_the_environments_back() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let samples = scene::samples(&app, Platform::Reddit, 2, |_| true);
    let ids = submitted(
        &ann.client,
        &campaign,
        &samples[0].url,
        json!({ "claimedViews": 5 }),
    )
    .await;
    app.settled().await;
    // Nobody listens there.
    let set = update(
        &app,
        json!({ "kind": "REDDIT", "baseUrl": "http://127.0.0.1:9/" }),
    )
    .await;
    assert_eq!(set["platform"]["baseUrl"], "http://127.0.0.1:9/", "{set}");
    app.move_clock(1).await;
    let fetch = "mutation($id: ID!) { fetchPlatformMetrics(input: { postId: $id }) { platformReport { id } \
        userErrors { code } } }";
    let data = acme.client.ok(fetch, json!({ "id": ids.post })).await;
    assert_eq!(
        refusals(&data["fetchPlatformMetrics"]),
        ["PLATFORM_UNREACHABLE"]
    );
    let put_back = update(&app, json!({ "kind": "REDDIT", "baseUrl": null })).await;
    assert_ne!(put_back["platform"]["baseUrl"], "http://127.0.0.1:9/");
    app.move_clock(2).await;
    let data = acme.client.ok(fetch, json!({ "id": ids.post })).await;
    assert!(
        data["fetchPlatformMetrics"]["platformReport"]["id"].is_string(),
        "{data}"
    );
    // To others than operators the address is null.
    let data = acme
        .client
        .ok("{ platform(kind: REDDIT) { kind baseUrl } }", json!({}))
        .await;
    assert_eq!(
        data["platform"],
        json!({ "kind": "REDDIT", "baseUrl": null })
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_setting_is_refused_by_its_field_and_changes_nothing() {
    let app = TestApp::start().await;
    let before = app
        .database
        .text("SELECT string_agg(p::text, ',' ORDER BY kind) FROM platforms p")
        .await;
    let long = "x".repeat(5001);
    for (input, refusal) in [
        (json!({ "baseUrl": "ftp://example.com" }), "INVALID baseUrl"),
        (
            json!({ "baseUrl": "http://user:pass@example.com" }),
            "INVALID baseUrl",
        ),
        (
            json!({ "baseUrl": "https://example.com/?a=1" }),
            "INVALID baseUrl",
        ),
        (json!({ "clientSecret": "" }), "INVALID clientSecret"),
        (json!({ "accessToken": long }), "TOO_LONG accessToken"),
        (json!({ "apiVersion": "v 26" }), "INVALID apiVersion"),
        (
            json!({ "requestsPerMinute": 0 }),
            "OUT_OF_RANGE requestsPerMinute",
        ),
        (
            json!({ "requestsPerMinute": -5 }),
            "OUT_OF_RANGE requestsPerMinute",
        ),
        (json!({ "enabled": null }), "INVALID enabled"),
        (json!({ "accountId": "1" }), "INVALID accountId"),
        (json!({ "adAccountId": "act_1" }), "INVALID adAccountId"),
        (json!({ "adAccessToken": "a" }), "INVALID adAccessToken"),
        (
            json!({ "kind": "INSTAGRAM", "adAccountId": "act_1" }),
            "INVALID adAccountId",
        ),
        (
            json!({ "kind": "META", "accountId": "my page" }),
            "INVALID accountId",
        ),
        (
            json!({ "kind": "META", "adAccountId": "act_1/ads" }),
            "INVALID adAccountId",
        ),
        (
            json!({ "kind": "META", "adAccessToken": long }),
            "TOO_LONG adAccessToken",
        ),
    ] {
        let mut whole = json!({ "kind": "REDDIT" });
        for (name, value) in input.as_object().unwrap() {
            whole[name] = value.clone();
        }
        assert_eq!(refusals(&update(&app, whole).await), [refusal], "{input}");
    }
    let after = app
        .database
        .text("SELECT string_agg(p::text, ',' ORDER BY kind) FROM platforms p")
        .await;
    assert_eq!(after, before);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_encrypted_and_outlive_the_rotation_of_the_key() {
    let app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let webhook = scene::webhook_secret(&acme.client, json!({})).await;
    let secrets = [
        "s3cret-of-the-client",
        "t0ken-of-the-account",
        "t0ken-of-the-ad-account",
    ];
    let input = json!({ "kind": "REDDIT", "clientId": "an id", "clientSecret": secrets[0], "accessToken": secrets[1] });
    let payload = update(&app, input).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    let input = json!({ "kind": "META", "adAccessToken": secrets[2] });
    let advertising = update(&app, input).await;
    assert_eq!(advertising["userErrors"], json!([]), "{advertising}");
    assert!(!advertising.to_string().contains(secrets[2]));
    let kept = everything(&app.database).await;
    assert!(kept.contains("an id"), "the rows were read");
    for secret in secrets.iter().copied().chain([webhook.as_str()]) {
        assert!(!payload.to_string().contains(secret));
        assert!(
            !kept.contains(secret) && !kept.contains(&hex::encode(secret)),
            "{secret}"
        );
    }

    // A new key before the old one: what is there can be read, and is written anew by the new key.
    let old = std::fs::read_to_string(app.data_dir.join("encryption-key")).unwrap();
    let new_key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [7; 32]);
    let keys = format!("new:{new_key},{}", old.trim()).into();
    let mut rotated = app.app.clone();
    rotated.vault = Vault::parse(&keys).unwrap().into();
    let counted = platform::reencrypt(&rotated).await.unwrap();
    assert_eq!(
        counted, 4,
        "two platforms, and two secrets that hold while one takes the place of the other"
    );
    let ids = app
        .database
        .text(
            "SELECT string_agg(DISTINCT id, ',') FROM (SELECT client_secret_key_id AS id FROM platforms \
             UNION ALL SELECT access_token_key_id FROM platforms UNION ALL SELECT ad_access_token_key_id FROM platforms \
             UNION ALL SELECT key_id FROM webhook_secrets) all_ids",
        )
        .await;
    assert_eq!(ids, "new");
    let only_new = Vault::parse(&format!("new:{new_key}").into()).unwrap();
    rotated.vault = only_new.into();
    platform::refresh(&rotated).await.unwrap();
    assert_eq!(
        platform::reencrypt(&rotated).await.unwrap(),
        0,
        "nothing is left to do"
    );

    // A server that has the old key alone can read neither secret, and says so instead of writing over what it cannot read.
    let payload = update(&app, json!({ "kind": "REDDIT", "enabled": true })).await;
    assert_eq!(
        refusals(&payload),
        ["INVALID clientSecret", "INVALID accessToken"],
        "{payload}"
    );
    let anew = json!({ "kind": "REDDIT", "clientSecret": "another", "accessToken": null });
    let payload = update(&app, anew).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    app.finish().await;
}

/// How a platform is set up, as it is told to this caller.
async fn setup(client: &Client, kind: &str) -> Value {
    let query = "query($kind: PlatformKind!) { platform(kind: $kind) { available apiVersion requestsPerMinute accountId \
        adAccountId secrets } }";
    let data = client.ok(query, json!({ "kind": kind })).await;
    data["platform"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_of_a_token_is_a_setting_and_operators_read_back_what_is_set() {
    let app = TestApp::without(PlatformKind::Instagram).await;
    let acme = app.advertiser("Acme").await;
    let bare = json!({ "available": false, "apiVersion": "v26.0", "requestsPerMinute": null, "accountId": null,
        "adAccountId": null, "secrets": [] });
    assert_eq!(setup(&app.operator, "INSTAGRAM").await, bare);
    update(
        &app,
        json!({ "kind": "INSTAGRAM", "accessToken": "a token", "baseUrl": "http://127.0.0.1:9/" }),
    )
    .await;
    let token_alone = setup(&app.operator, "INSTAGRAM").await;
    assert_eq!(token_alone["available"], false, "of which account?");

    let input = json!({ "kind": "INSTAGRAM", "accountId": " 17841400000042001 ", "apiVersion": "v27.0",
        "requestsPerMinute": 30 });
    let payload = update(&app, input).await;
    assert_eq!(payload["platform"]["available"], true, "{payload}");
    assert_eq!(
        setup(&app.operator, "INSTAGRAM").await,
        json!({ "available": true, "apiVersion": "v27.0", "requestsPerMinute": 30,
            "accountId": "17841400000042001", "adAccountId": null, "secrets": ["ACCESS_TOKEN"] })
    );
    assert_eq!(
        setup(&acme.client, "INSTAGRAM").await,
        json!({ "available": true, "apiVersion": null, "requestsPerMinute": null, "accountId": null,
            "adAccountId": null, "secrets": null }),
        "to others than operators"
    );
    // What is left out stays, and null gives the environment's back.
    update(&app, json!({ "kind": "INSTAGRAM", "enabled": true })).await;
    let kept = setup(&app.operator, "INSTAGRAM").await;
    assert_eq!(kept["accountId"], "17841400000042001");
    let input = json!({ "kind": "INSTAGRAM", "accountId": null, "accessToken": null, "baseUrl": null, "apiVersion": null,
        "requestsPerMinute": null });
    update(&app, input).await;
    assert_eq!(setup(&app.operator, "INSTAGRAM").await, bare);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ad_account_that_is_set_is_read_from_then_on() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["META"]).await;
    let posts = scene::samples(&app, Platform::Meta, 20, |figures| figures.clicks >= 200);
    let cost = |native_id: &str| app.world.ad_spend_cents(native_id);
    let post = posts.iter().find(|post| cost(&post.native_id).is_some());
    let post = post.unwrap();
    let claim = json!({ "claimedViews": 1 });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    let fetched = async || {
        let query = "mutation($id: ID!) { fetchPlatformMetrics(input: { postId: $id }) { \
            platformReport { spend currency rawData } userErrors { code } } }";
        let data = acme.client.ok(query, json!({ "id": ids.post })).await;
        data["fetchPlatformMetrics"]["platformReport"].clone()
    };
    let before = fetched().await;
    assert_eq!(before["spend"], Value::Null, "{before}");
    assert_eq!(before["rawData"].get("advertisements"), None, "{before}");

    // A token that does not hold reads nothing: that is said, and there is no spend.
    let wrong = "expired-token";
    let number = META_AD_ACCOUNT.to_string();
    let input = json!({ "kind": "META", "adAccountId": number, "adAccessToken": wrong });
    let payload = update(&app, input).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    app.move_clock(1).await;
    app.settled().await;
    let refused = fetched().await;
    assert_eq!(refused["spend"], Value::Null, "{refused}");
    assert!(
        refused["rawData"]["advertisements"]["error"].is_string(),
        "{refused}"
    );
    // Without one of its own the page's token reads it.
    update(&app, json!({ "kind": "META", "adAccessToken": null })).await;
    app.move_clock(2).await;
    app.settled().await;
    let cents = cost(&post.native_id).unwrap();
    let told = fetched().await;
    assert_eq!(told["spend"], format!("{}.{:02}", cents / 100, cents % 100));
    let shown = setup(&app.operator, "META").await;
    assert_eq!(shown["adAccountId"], format!("act_{number}"));
    assert_eq!(shown["secrets"], json!(["ACCESS_TOKEN"]));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_the_limit_wait_for_the_next_minute() {
    let mut app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let samples = scene::samples(&app, Platform::Reddit, 3, |_| true);
    let claim = json!({ "claimedViews": 5 });
    let first = submitted(&ann.client, &campaign, &samples[0].url, claim.clone()).await;
    let second = submitted(&ann.client, &campaign, &samples[1].url, claim.clone()).await;
    app.settled().await;
    app.stop_worker().await;
    let payload = update(&app, json!({ "kind": "REDDIT", "requestsPerMinute": 1 })).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    let fetch = async |post: &str| {
        let query = "mutation($id: ID!) { fetchPlatformMetrics(input: { postId: $id }) { platformReport { id } \
            userErrors { code field } } }";
        let data = acme.client.ok(query, json!({ "id": post })).await;
        data["fetchPlatformMetrics"].clone()
    };
    app.move_clock(1).await;
    assert_eq!(refusals(&fetch(&first.post).await), [""; 0]);
    let calls = app.world.calls("reddit.info");
    assert_eq!(
        refusals(&fetch(&second.post).await),
        ["TRY_AGAIN_LATER postId"]
    );
    // A queued check waits as well, and loses nothing by it.
    let third = submitted(&ann.client, &campaign, &samples[2].url, claim).await;
    app.start_worker();
    app.settled().await;
    assert_eq!(app.world.calls("reddit.info"), calls, "nothing went out");
    let waiting = ann.client.verdict(&json!(third.post)).await;
    assert_eq!(waiting["latestReconciliation"], json!(null), "{waiting}");
    app.move_clock(2).await;
    crate::support::until("the check is done", async || {
        let verdict = ann.client.verdict(&json!(third.post)).await;
        verdict["latestReconciliation"]["id"].is_string()
    })
    .await;
    app.abandon().await;
}
