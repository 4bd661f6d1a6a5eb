//! How a post grew, as a series: what was told at each time, less than before included, and nothing where none was told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, row, submitted};
use crate::support::{Client, TestApp};

/// The points of a post's growth.
async fn growth(client: &Client, post: &str, arguments: &str) -> Vec<Value> {
    let query = format!(
        "query($id: ID!) {{ post(id: $id) {{ growth{arguments} {{ at views viewsDefinition viewsGrade \
         clicks clicksGrade conversions }} }} }}"
    );
    let mut data = client.ok(&query, json!({ "id": post })).await;
    match data["post"]["growth"].take() {
        Value::Array(points) => points,
        other => panic!("no points: {other}"),
    }
}

fn views(points: &[Value]) -> Vec<Value> {
    points.iter().map(|point| point["views"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growth_has_what_was_told_in_each_interval_with_an_observation_a_fall_included() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let (all, part) = (post.figures.views, post.figures.views * 40 / 100);
    // A part first, then all, then less again.
    app.world.purge(Platform::Instagram, &post.native_id, 60);
    let id = submitted(
        &ann.client,
        &campaign,
        &post.url,
        json!({ "claimedViews": 1 }),
    )
    .await
    .post;
    app.settled().await;
    app.world.restore(Platform::Instagram, &post.native_id);
    app.move_clock(25).await;
    app.settled().await;
    app.world.purge(Platform::Instagram, &post.native_id, 60);
    app.move_clock(73).await;
    app.settled().await;

    for client in [&ann.client, &acme.client, &app.operator] {
        let points = growth(client, &id, "").await;
        assert_eq!(views(&points), [part, all, part].map(|views| json!(views)));
        for point in &points {
            assert_eq!(point["viewsDefinition"], "instagram.views");
            assert_eq!(point["viewsGrade"], "OWNER_TOKEN");
            assert_eq!(point["clicks"], Value::Null, "what nobody tells is no 0");
            assert_eq!(point["clicksGrade"], Value::Null);
            assert_eq!(point["conversions"], Value::Null);
        }
        assert_eq!(growth(client, &id, "(interval: DAY)").await, points);
        assert_eq!(growth(client, &id, "(interval: HOUR)").await.len(), 3);
        let begin = scene::text(&points[2]["at"]);
        let range = format!("(range: {{ from: \"{begin}\" }})");
        assert_eq!(growth(client, &id, &range).await, points[2..]);
        let range = format!("(range: {{ to: \"{begin}\" }})");
        assert_eq!(growth(client, &id, &range).await, points[..2]);
    }
    let stranger = app.affiliate("Stranger").await;
    let data = stranger
        .client
        .ok(
            "query($id: ID!) { post(id: $id) { growth { at } } }",
            json!({ "id": id }),
        )
        .await;
    assert_eq!(data["post"], Value::Null);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_under_another_definition_are_no_growth() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let reel = scene::foreign_sample(&app, "REELS");
    let claim = json!({ "claimedViews": 1, "accountHandle": reel.handle });
    let id = submitted(&ann.client, &campaign, &reel.url, claim)
        .await
        .post;
    app.settled().await;
    let seen = ann.client.verdict(&json!(id)).await;
    let told = &seen["latestPlatformReport"]["observed"]["views"];
    assert_eq!(
        told["value"], reel.figures.views,
        "the public count was told"
    );
    let points = growth(&ann.client, &id, "").await;
    assert_eq!(views(&points), [Value::Null]);
    assert_eq!(points[0]["viewsDefinition"], Value::Null);
    // In a campaign whose views are plays they are its growth, and say how they were told.
    let definition = &told["definition"];
    let plays = json!([{ "platform": "INSTAGRAM", "definition": definition }]);
    let changed = acme
        .client
        .ok(
            "mutation($input: UpdateCampaignPlatformsInput!) { updateCampaignPlatforms(input: $input) { \
             userErrors { code message } } }",
            json!({ "input": { "campaignId": campaign, "platforms": ["INSTAGRAM"], "viewsDefinitions": plays } }),
        )
        .await;
    assert_eq!(changed["updateCampaignPlatforms"]["userErrors"], json!([]));
    let points = growth(&ann.client, &id, "").await;
    assert_eq!(views(&points), [json!(reel.figures.views)]);
    assert_eq!(&points[0]["viewsDefinition"], definition);
    assert_eq!(points[0]["viewsGrade"], "PUBLIC");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growth_of_more_points_than_there_may_be_is_refused_by_its_argument() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let claim = json!({ "claimedViews": post.figures.views });
    let id = submitted(&ann.client, &campaign, &post.url, claim)
        .await
        .post;
    app.settled().await;
    // A thousand hours before in which nothing was told.
    app.database
        .execute(&format!(
            "INSERT INTO platform_reports (post_id, platform, views_availability, clicks_availability, \
             conversions_availability, raw_data, raw_hash, fetched_at) \
             SELECT {}, 'INSTAGRAM', 'UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE', '{{}}', repeat('0', 64), \
             countersign_now() - n * interval '1 hour' FROM generate_series(1, 1000) n",
            row(&id)
        ))
        .await;
    let query = "query($id: ID!, $range: TimeRange) { post(id: $id) { growth(interval: HOUR, range: $range) { views } } }";
    let refused = ann.client.post(query, json!({ "id": id })).await;
    let error = &refused["errors"][0];
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{refused}");
    assert!(
        scene::text(&error["message"]).contains("interval"),
        "{refused}"
    );
    let inverted = json!({ "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z" });
    let code = ann
        .client
        .code(query, json!({ "id": id, "range": inverted }))
        .await;
    assert_eq!(code, "BAD_USER_INPUT");

    let days = growth(&ann.client, &id, "").await;
    assert!((41..=44).contains(&days.len()), "{}", days.len());
    let (last, earlier) = days.split_last().unwrap();
    assert_eq!(last["views"], post.figures.views);
    assert!(
        earlier.iter().all(|point| point["views"].is_null()),
        "{earlier:?}"
    );
    app.finish().await;
}
