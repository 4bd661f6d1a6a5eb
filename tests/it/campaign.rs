//! Campaigns are created whole or not at all, and change their platforms without changing what was claimed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, Watcher, brief, create_campaign, on, refusals, submitted};
use crate::support::{Client, TestApp};

/// Changes a campaign's platforms and gives the payload.
async fn update_platforms(
    client: &Client,
    campaign: &str,
    platforms: &[&str],
    definitions: Value,
) -> Value {
    let data = client
        .ok(
            "mutation($input: UpdateCampaignPlatformsInput!) { updateCampaignPlatforms(input: $input) { \
             campaign { id platforms { platform { kind } viewsDefinition } } \
             userErrors { code message field } } }",
            json!({ "input": {
                "campaignId": campaign, "platforms": platforms, "viewsDefinitions": definitions } }),
        )
        .await;
    data["updateCampaignPlatforms"].clone()
}

/// The platforms of a payload's campaign with what a view means on each, sorted.
fn definitions(payload: &Value) -> Vec<(String, String)> {
    let platforms = payload["campaign"]["platforms"].as_array();
    let mut definitions: Vec<(String, String)> = platforms
        .unwrap_or_else(|| panic!("no campaign: {payload}"))
        .iter()
        .map(|platform| {
            (
                scene::text(&platform["platform"]["kind"]),
                scene::text(&platform["viewsDefinition"]),
            )
        })
        .collect();
    definitions.sort_unstable();
    definitions
}

fn pair(platform: &str, definition: &str) -> (String, String) {
    (platform.to_owned(), definition.to_owned())
}

/// How many campaigns, policies and platforms of campaigns there are.
async fn written(app: &TestApp) -> String {
    app.database
        .text(
            "SELECT concat_ws(' ', (SELECT count(*) FROM campaigns), (SELECT count(*) FROM policies), \
             (SELECT count(*) FROM campaign_platforms))",
        )
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_has_the_defaults_that_are_written_down() {
    let app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let platforms = json!({ "platforms": ["X", "REDDIT", "META", "INSTAGRAM", "REDDIT"] });
    let payload = create_campaign(&acme.client, platforms).await;
    let campaign = &payload["campaign"];
    assert_eq!(campaign["name"], "A campaign", "{payload}");
    assert_eq!(campaign["status"], "ACTIVE");
    assert_eq!(campaign["startsAt"], Value::Null);
    assert_eq!(campaign["endsAt"], Value::Null);
    let policy = json!({
        "version": 1, "lowBelowPercent": "5", "highAbovePercent": "20", "absoluteFloor": 10,
        "alertFrom": "MEDIUM", "lagWindowHours": null, "recheckHours": [1, 24, 72, 168],
    });
    assert_eq!(campaign["policy"], policy);
    assert_eq!(
        definitions(&payload),
        [
            pair("INSTAGRAM", "instagram.views"),
            pair("META", "meta.post_media_view"),
            pair("REDDIT", "reddit.view_count"),
            pair("X", "x.impression_count"),
        ]
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_keeps_what_it_was_created_with() {
    let app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let policy = json!({
        "lowBelowPercent": "2.5", "highAbovePercent": "1000000", "absoluteFloor": 0, "alertFrom": "LOW",
        "lagWindowHours": 720, "recheckHours": [8760, 1],
    });
    let payload = create_campaign(
        &acme.client,
        json!({
            "name": "  Spring  ", "status": "DRAFT", "startsAt": "2026-12-01T01:00:00+01:00",
            "endsAt": "2026-12-01T00:00:00.000001Z", "policy": policy,
            "platforms": ["INSTAGRAM"], "viewsDefinitions": [{
                "platform": "INSTAGRAM", "definition": "instagram.business_discovery.view_count" }],
        }),
    )
    .await;
    let campaign = &payload["campaign"];
    assert_eq!(campaign["name"], "Spring", "{payload}");
    assert_eq!(campaign["status"], "DRAFT");
    assert_eq!(campaign["startsAt"], "2026-12-01T00:00:00Z");
    assert_eq!(campaign["endsAt"], "2026-12-01T00:00:00.000001Z");
    let mut kept = policy;
    kept["version"] = json!(1);
    assert_eq!(campaign["policy"], kept);
    assert_eq!(
        definitions(&payload),
        [pair("INSTAGRAM", "instagram.business_discovery.view_count")]
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_campaign_is_said_by_its_field() {
    let app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let defined = |platform: &str, definition: &str| json!({ "viewsDefinitions": [{ "platform": platform, "definition": definition }] });
    let (long_name, long_definition) = ("ä".repeat(201), "x".repeat(101));
    let begin = "2026-12-01T00:00:00Z";
    for (parts, refusal) in [
        (json!({ "name": "" }), "INVALID name"),
        (json!({ "name": " \t" }), "INVALID name"),
        (json!({ "name": "a\0b" }), "INVALID name"),
        (json!({ "name": long_name }), "TOO_LONG name"),
        (json!({ "platforms": [] }), "INVALID platforms"),
        (
            json!({ "startsAt": begin, "endsAt": begin }),
            "OUT_OF_RANGE endsAt",
        ),
        (
            json!({ "startsAt": begin, "endsAt": "2026-11-30T23:59:59Z" }),
            "OUT_OF_RANGE endsAt",
        ),
        (
            defined("META", "meta.post_media_view"),
            "INVALID viewsDefinitions.0.platform",
        ),
        (
            defined("REDDIT", ""),
            "INVALID viewsDefinitions.0.definition",
        ),
        (
            defined("REDDIT", "two words"),
            "INVALID viewsDefinitions.0.definition",
        ),
        (
            defined("REDDIT", &long_definition),
            "INVALID viewsDefinitions.0.definition",
        ),
    ] {
        let payload = create_campaign(&acme.client, parts).await;
        assert_eq!(refusals(&payload), [refusal]);
        assert_eq!(payload["campaign"], Value::Null);
    }
    assert_eq!(written(&app).await, "0 0 0");
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_nobody_reports_is_refused_with_those_that_are() {
    let app = TestApp::start().await;
    let (acme, _, campaign) = app.program(&["YOUTUBE"]).await;
    let defined = |definition: &str| {
        json!([
            { "platform": "INSTAGRAM", "definition": "instagram.views" },
            { "platform": "YOUTUBE", "definition": definition },
        ])
    };
    let both: &[&str] = &["INSTAGRAM", "YOUTUBE"];
    for typo in ["youtube.views", "youtube.viewcount", "instagram.views"] {
        let parts = json!({ "platforms": both, "viewsDefinitions": defined(typo) });
        let created = create_campaign(&acme.client, parts).await;
        let changed = update_platforms(&acme.client, &campaign, both, defined(typo)).await;
        for payload in [created, changed] {
            assert_eq!(
                refusals(&payload),
                ["INVALID viewsDefinitions.1.definition"],
                "{payload}"
            );
            let message = scene::text(&payload["userErrors"][0]["message"]);
            assert!(
                message.ends_with("it can be youtube.viewCount"),
                "{message}"
            );
        }
    }
    assert_eq!(written(&app).await, "1 1 1");

    // What a campaign has from before this was looked at stays, also where it is given again.
    app.database
        .execute("UPDATE campaign_platforms SET views_definition = 'youtube.views'")
        .await;
    let kept = update_platforms(&acme.client, &campaign, both, Value::Null).await;
    let old = [
        pair("INSTAGRAM", "instagram.views"),
        pair("YOUTUBE", "youtube.views"),
    ];
    assert_eq!(definitions(&kept), old, "{kept}");
    let again = update_platforms(&acme.client, &campaign, both, defined("youtube.views")).await;
    assert_eq!(definitions(&again), old, "{again}");
    let better =
        update_platforms(&acme.client, &campaign, both, defined("youtube.viewCount")).await;
    assert_eq!(
        definitions(&better),
        [
            pair("INSTAGRAM", "instagram.views"),
            pair("YOUTUBE", "youtube.viewCount"),
        ]
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_policy_is_said_by_its_field() {
    let app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let seventeen: Vec<u32> = (1..=17).collect();
    for (policy, refusal) in [
        (
            json!({ "lowBelowPercent": "-1" }),
            "OUT_OF_RANGE policy.lowBelowPercent",
        ),
        (
            json!({ "lowBelowPercent": "21" }),
            "OUT_OF_RANGE policy.lowBelowPercent",
        ),
        (
            json!({ "lowBelowPercent": "1.0000001" }),
            "INVALID policy.lowBelowPercent",
        ),
        (
            json!({ "highAbovePercent": "1000000.000001" }),
            "OUT_OF_RANGE policy.highAbovePercent",
        ),
        (
            json!({ "absoluteFloor": -1 }),
            "OUT_OF_RANGE policy.absoluteFloor",
        ),
        (json!({ "alertFrom": "NONE" }), "INVALID policy.alertFrom"),
        (
            json!({ "lagWindowHours": -1 }),
            "OUT_OF_RANGE policy.lagWindowHours",
        ),
        (
            json!({ "lagWindowHours": 721 }),
            "OUT_OF_RANGE policy.lagWindowHours",
        ),
        (
            json!({ "recheckHours": [24, 0] }),
            "OUT_OF_RANGE policy.recheckHours",
        ),
        (
            json!({ "recheckHours": [8761] }),
            "OUT_OF_RANGE policy.recheckHours",
        ),
        (
            json!({ "recheckHours": seventeen }),
            "TOO_MANY policy.recheckHours",
        ),
    ] {
        let payload = create_campaign(&acme.client, json!({ "policy": policy })).await;
        assert_eq!(refusals(&payload), [refusal]);
        assert_eq!(payload["campaign"], Value::Null);
    }
    let everything = json!({
        "name": "", "platforms": [], "startsAt": "2026-12-02T00:00:00Z",
        "endsAt": "2026-12-01T00:00:00Z", "policy": { "absoluteFloor": -1, "alertFrom": "NONE" },
    });
    let mut said = refusals(&create_campaign(&acme.client, everything).await);
    said.sort_unstable();
    assert_eq!(
        said,
        [
            "INVALID name",
            "INVALID platforms",
            "INVALID policy.alertFrom",
            "OUT_OF_RANGE endsAt",
            "OUT_OF_RANGE policy.absoluteFloor",
        ]
    );
    assert_eq!(written(&app).await, "0 0 0");
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_says_for_whom_and_an_advertiser_is_for_itself() {
    let app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let other = app.advertiser("Other").await;
    let create = "mutation($input: CreateCampaignInput!) { createCampaign(input: $input) { campaign { id } } }";
    let input = |advertiser: Value| json!({ "input": { "name": "C", "platforms": ["X"], "advertiserId": advertiser } });
    let code = app.operator.code(create, input(Value::Null)).await;
    assert_eq!(code, "BAD_USER_INPUT");
    let code = acme.client.code(create, input(json!(other.id))).await;
    assert_eq!(code, "FORBIDDEN");
    let nowhere = json!({ "advertiserId": scene::global_id("Advertiser", 999) });
    let payload = create_campaign(&app.operator, nowhere).await;
    assert_eq!(refusals(&payload), ["NOT_FOUND advertiserId"]);
    assert_eq!(written(&app).await, "0 0 0");
    let for_acme = json!({ "advertiserId": acme.id });
    let payload = create_campaign(&app.operator, for_acme).await;
    assert_eq!(refusals(&payload), Vec::<String>::new());
    let seen = acme
        .client
        .ok(
            "query($id: ID!) { campaign(id: $id) { advertiser { id } } }",
            json!({ "id": payload["campaign"]["id"] }),
        )
        .await;
    assert_eq!(seen["campaign"]["advertiser"]["id"], acme.id.as_str());
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_withdrawn_takes_no_posts_until_it_is_brought_back() {
    let mut app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM", "REDDIT"]).await;
    let posts = scene::samples(&app, Platform::Instagram, 2, |figures| {
        figures.views >= 1000
    });
    let claim = json!({ "claimedViews": posts[0].figures.views });
    let before = submitted(&ann.client, &campaign, &posts[0].url, claim).await;

    let payload = update_platforms(&acme.client, &campaign, &["REDDIT"], Value::Null).await;
    assert_eq!(definitions(&payload), [pair("REDDIT", "reddit.view_count")]);
    let claim = json!({ "claimedViews": 1 });
    let refused = ann
        .client
        .submit(&campaign, &posts[1].url, claim.clone())
        .await;
    assert_eq!(refusals(&refused), ["PLATFORM_NOT_IN_CAMPAIGN url"]);
    // What was claimed before is checked all the same.
    app.start_worker();
    app.settled().await;
    let seen = scene::claim(&ann.client, &before.report).await;
    assert_eq!(seen["reconciliation"]["status"], "MATCHED", "{seen}");

    let both = ["INSTAGRAM", "REDDIT"];
    let payload = update_platforms(&acme.client, &campaign, &both, Value::Null).await;
    assert_eq!(definitions(&payload).len(), 2, "{payload}");
    submitted(&ann.client, &campaign, &posts[1].url, claim).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_judged_in_the_definition_that_it_was_made_in() {
    let app = TestApp::working().await;
    let (acme, ann, _) = app.program(&["INSTAGRAM"]).await;
    let policy = json!({ "lagWindowHours": 48 });
    let campaign = app.campaign(&acme, &["INSTAGRAM"], policy).await;
    let mut watcher = Watcher::start(&acme.client, "").await;
    let posts = scene::samples(&app, Platform::Instagram, 2, |figures| {
        figures.views >= 1000
    });
    let mut ids = Vec::new();
    let public = "instagram.business_discovery.view_count";
    for (nth, definition) in ["instagram.views", public].iter().enumerate() {
        let defined = json!([{ "platform": "INSTAGRAM", "definition": definition }]);
        let payload = update_platforms(&acme.client, &campaign, &["INSTAGRAM"], defined).await;
        assert_eq!(definitions(&payload), [pair("INSTAGRAM", definition)]);
        let claim = json!({ "claimedViews": posts[nth].figures.views * 2 });
        ids.push(submitted(&ann.client, &campaign, &posts[nth].url, claim).await);
        app.settled().await;
    }
    // Where no definition is given it stays what it was, also for a platform that was withdrawn in between.
    let reddit = update_platforms(&acme.client, &campaign, &["REDDIT"], Value::Null).await;
    assert_eq!(definitions(&reddit), [pair("REDDIT", "reddit.view_count")]);
    let kept = update_platforms(&acme.client, &campaign, &["INSTAGRAM"], Value::Null).await;
    assert_eq!(definitions(&kept), [pair("INSTAGRAM", public)]);
    assert_eq!(brief(&watcher.next().await), "RAISED OVERCLAIM");

    // Views are a figure for the first claim whatever they are for the campaign now; for the second they never were one.
    app.move_clock(49).await;
    app.settled().await;
    assert_eq!(brief(&watcher.next().await), "CONFIRMED OVERCLAIM");
    for (ids, status, code) in [
        (&ids[0], "DISCREPANCY", "ABOVE_PLATFORM_FIGURE"),
        (&ids[1], "NOT_COMPARABLE", "NOT_COMPARABLE"),
    ] {
        let claim = scene::claim(&ann.client, &ids.report).await;
        let verdict = &claim["reconciliation"];
        assert_eq!(verdict["status"], status, "{verdict}");
        assert_eq!(on(verdict, "VIEWS")["reasonCode"], code);
    }
    assert_eq!(scene::alerts(&acme.client, "OVERCLAIM").await.len(), 1);
    drop(watcher);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_platforms_that_is_wrong_changes_nothing() {
    let app = TestApp::start().await;
    let (acme, _, campaign) = app.program(&["INSTAGRAM"]).await;
    let other = app.advertiser("Other").await;
    let meta = json!([{ "platform": "META", "definition": "meta.post_media_view" }]);
    let (none, reddit): (&[&str], &[&str]) = (&[], &["REDDIT"]);
    for (client, platforms, definitions, refusal) in [
        (&acme.client, none, Value::Null, "INVALID platforms"),
        (
            &acme.client,
            reddit,
            meta,
            "INVALID viewsDefinitions.0.platform",
        ),
        (&other.client, reddit, Value::Null, "NOT_FOUND campaignId"),
    ] {
        let payload = update_platforms(client, &campaign, platforms, definitions).await;
        assert_eq!(refusals(&payload), [refusal]);
        assert_eq!(payload["campaign"], Value::Null);
    }
    let kept = app
        .database
        .text("SELECT string_agg(platform || withdrawn_at::text, ' ') FROM campaign_platforms")
        .await;
    assert_eq!(kept, "null", "none is withdrawn");
    assert_eq!(written(&app).await, "1 1 1");
    app.abandon().await;
}
