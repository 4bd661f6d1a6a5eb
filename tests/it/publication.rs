//! A post from before its campaign is refused where its id says so, and flagged where its platform does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use countersign::simulator::{Platform, World};
use serde_json::{Value, json};

use crate::scene::{self, refusals, submitted, text};
use crate::support::{Party, TestApp};

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A campaign that begins then, or has no beginning.
async fn campaign(advertiser: &Party, platform: &str, starts_at: Option<DateTime<Utc>>) -> String {
    let input = json!({ "platforms": [platform], "startsAt": starts_at.map(written) });
    scene::campaign(advertiser, input).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_its_platform_says_is_older_than_the_campaign_is_flagged() {
    let mut app = TestApp::with_world(World::of_today(7).with_frozen_growth()).await;
    app.start_worker();
    let (acme, ann, _) = app.program(&["REDDIT"]).await;
    let post = app
        .world
        .posts(Platform::Reddit, 0, 50, None)
        .into_iter()
        .min_by_key(|post| post.created_at_ms)
        .unwrap();
    let published = DateTime::from_timestamp_millis(post.created_at_ms).unwrap();
    for (starts_at, older) in [
        (Some(published + TimeDelta::seconds(1)), true),
        (Some(published), false),
        (None, false),
    ] {
        let id = campaign(&acme, "REDDIT", starts_at).await;
        let claim = json!({ "claimedViews": 1 });
        let ids = submitted(&ann.client, &id, &post.url, claim).await;
        app.settled().await;
        let query = "query($id: ID!) { post(id: $id) { publishedAt publishedBeforeCampaign } }";
        for client in [&ann.client, &acme.client] {
            let data = client.ok(query, json!({ "id": ids.post })).await;
            let told = scene::time(&data["post"]["publishedAt"]);
            assert_eq!(told.timestamp(), published.timestamp(), "{starts_at:?}");
            assert_eq!(
                data["post"]["publishedBeforeCampaign"], older,
                "{starts_at:?}"
            );
        }
        let verdict = scene::claim(&ann.client, &ids.report).await["reconciliation"].clone();
        let said = text(&verdict["explanation"]).contains("before the campaign began");
        assert_eq!(said, older, "{verdict}");
        // It accuses nobody by itself.
        assert_eq!(verdict["status"], "UNVERIFIABLE");
    }
    let audit = app
        .operator
        .ok(
            "query($id: ID!) { verifyAuditTrail(affiliateId: $id) { checked intact } }",
            json!({ "id": ann.id }),
        )
        .await;
    assert_eq!(
        audit["verifyAuditTrail"],
        json!({ "checked": 3, "intact": true })
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facebook_is_asked_once_when_a_post_was_published() {
    let mut app = TestApp::with_world(World::of_today(7).with_frozen_growth()).await;
    app.start_worker();
    let (acme, ann, _) = app.program(&["META"]).await;
    let post = app
        .world
        .posts(Platform::Meta, 0, 50, None)
        .into_iter()
        .filter(|post| post.owned && !post.url.contains("pfbid"))
        .min_by_key(|post| post.created_at_ms)
        .unwrap();
    let published = DateTime::from_timestamp_millis(post.created_at_ms).unwrap();
    let later = Some(published + TimeDelta::seconds(1));
    let campaign = campaign(&acme, "META", later).await;
    let claim = json!({ "claimedViews": 1 });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    assert_eq!(app.world.calls("meta.batch.parts"), 2);
    let query = "query($id: ID!) { post(id: $id) { publishedAt publishedBeforeCampaign } }";
    let data = ann.client.ok(query, json!({ "id": ids.post })).await;
    let told = scene::time(&data["post"]["publishedAt"]);
    assert_eq!(told.timestamp(), published.timestamp());
    assert_eq!(data["post"]["publishedBeforeCampaign"], true);
    let verdict = scene::claim(&ann.client, &ids.report).await["reconciliation"].clone();
    let said = text(&verdict["explanation"]);
    assert!(said.contains("before the campaign began"), "{verdict}");

    app.move_clock(2).await;
    app.settled().await;
    assert_eq!(app.world.calls("meta.batch.parts"), 3, "it is known");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_told_is_null() {
    let app = TestApp::start().await;
    let (acme, ann, _) = app.program(&["REDDIT"]).await;
    let long_ago = Some(app.app.clock.now() - TimeDelta::days(3000));
    let campaign = campaign(&acme, "REDDIT", long_ago).await;
    let post = scene::sample(&app, Platform::Reddit);
    let id = submitted(
        &ann.client,
        &campaign,
        &post.url,
        json!({ "claimedViews": 1 }),
    )
    .await
    .post;
    let query = "query($id: ID!) { post(id: $id) { publishedAt publishedBeforeCampaign } }";
    let data = ann.client.ok(query, json!({ "id": id })).await;
    assert_eq!(
        data["post"],
        json!({ "publishedAt": null, "publishedBeforeCampaign": null })
    );
    app.abandon().await;
}

/// The link of a post on X that was made then: its number holds the time.
fn on_x(at: DateTime<Utc>) -> String {
    let number = (at.timestamp_millis() - 1_288_834_974_657) << 22;
    format!("https://x.com/i/status/{number}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_whose_id_says_that_it_is_older_than_the_campaign_is_refused() {
    let app = TestApp::start().await;
    // Nobody listens there, and nobody is asked.
    let input = json!({ "kind": "X", "accessToken": "a token", "baseUrl": "http://127.0.0.1:9/" });
    let data = app
        .operator
        .ok(
            "mutation($input: UpdatePlatformConfigInput!) { updatePlatformConfig(input: $input) { \
             platform { available } userErrors { code message } } }",
            json!({ "input": input }),
        )
        .await;
    assert_eq!(
        data["updatePlatformConfig"]["platform"]["available"], true,
        "{data}"
    );
    let (acme, ann, _) = app.program(&["REDDIT"]).await;
    let now = app.app.clock.now();
    let starts_at = now - TimeDelta::days(10);
    let campaign = campaign(&acme, "X", Some(starts_at)).await;
    let claim = json!({ "claimedViews": 1 });

    let older = on_x(starts_at - TimeDelta::days(1));
    let payload = ann.client.submit(&campaign, &older, claim.clone()).await;
    assert_eq!(refusals(&payload), ["INVALID url"]);
    assert_eq!(payload["post"], Value::Null);
    let message = text(&payload["userErrors"][0]["message"]);
    assert!(message.contains("before the campaign began"), "{message}");
    let younger = on_x(starts_at + TimeDelta::days(1));
    submitted(&ann.client, &campaign, &younger, claim).await;

    let another = on_x(starts_at + TimeDelta::days(2));
    let posts = [&older, &another].map(|url| json!({ "url": url, "claimedViews": 1 }));
    let data = ann
        .client
        .ok(
            "mutation($input: SubmitPostsInput!) { submitPosts(input: $input) { results { post { url } \
             userErrors { code field } } userErrors { code } } }",
            json!({ "input": { "campaignId": campaign, "posts": posts } }),
        )
        .await;
    let results = &data["submitPosts"]["results"];
    assert_eq!(results[0]["userErrors"][0]["code"], "INVALID", "{data}");
    assert_eq!(results[1]["post"]["url"], another.as_str(), "{data}");
    assert_eq!(app.database.number("SELECT count(*) FROM posts").await, 2);
    app.abandon().await;
}
