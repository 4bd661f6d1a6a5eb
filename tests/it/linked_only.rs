//! What only an affiliate's linked account can tell: the post behind a permalink of its page, and everything of a platform that
//! the server has no access of its own to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::model::PlatformKind;
use countersign::simulator::{Fault, FaultKind, Platform, SamplePost, World};
use serde_json::{Value, json};

use crate::credentials::{foreign, linked, observed, states, token_of, views};
use crate::scene::{self, refusals, submitted};
use crate::support::{Client, TestApp};

fn world() -> World {
    World::new(7)
        .with_frozen_growth()
        .with_credentials_required()
}

/// A post of another page than the server's own, whose link hides its number.
fn hidden(app: &TestApp) -> SamplePost {
    let posts = app.world.posts(Platform::Meta, 0, 400, None);
    let found = posts
        .into_iter()
        .find(|post| !post.owned && post.url.contains("pfbid"));
    found.expect("the other pages have such posts")
}

/// Takes an affiliate's account on X away.
async fn unlinked(client: &Client) {
    let data = client
        .ok(
            "mutation { unlinkPlatformCredential(input: { platform: X }) { userErrors { code } } }",
            json!({}),
        )
        .await;
    let errors = &data["unlinkPlatformCredential"]["userErrors"];
    assert_eq!(*errors, json!([]), "{data}");
}

/// Asks the platform for a post now.
async fn fetched(client: &Client, post: &str) -> Value {
    let data = client
        .ok(
            "mutation($id: ID!) { fetchPlatformMetrics(input: { postId: $id }) { platformReport { \
             observed { views { value } } } userErrors { code field message } } }",
            json!({ "id": post }),
        )
        .await;
    data["fetchPlatformMetrics"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permalink_is_found_by_the_linked_page_that_alone_may_list_it() {
    let mut app = TestApp::with_world(world()).await;
    app.start_worker();
    let (acme, ann, campaign) = app.program(&["META"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let post = hidden(&app);
    let claim = json!({ "claimedViews": views(&app, Platform::Meta, &post) });
    // Bob's page is another one, and so is the server's.
    let bobs = submitted(&bob.client, &campaign, &post.url, claim.clone()).await;
    app.settled().await;
    let seen = bob.client.verdict(&json!(bobs.post)).await;
    assert_eq!(seen["status"], "RESOLVING", "{seen}");
    assert_eq!(seen["latestReconciliation"]["status"], "UNVERIFIABLE");

    let token = token_of(&app, Platform::Meta, &post);
    linked(&ann.client, "META", &token).await;
    let anns = submitted(&ann.client, &campaign, &post.url, claim.clone()).await;
    app.settled().await;
    let seen = ann.client.verdict(&json!(anns.post)).await;
    assert_eq!(seen["status"], "TRACKING", "{seen}");
    assert_eq!(seen["platformPostId"], post.native_id.as_str());
    assert_eq!(seen["latestReconciliation"]["status"], "MATCHED");
    let told = observed(&ann.client, &anns.post).await;
    let (value, grade) = (&told["views"]["value"], &told["views"]["grade"]);
    assert_eq!(
        (value, grade),
        (&claim["claimedViews"], &json!("OWNER_TOKEN"))
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permalink_is_found_by_the_linked_page_also_where_somebody_asks_for_it_now() {
    let app = TestApp::with_world(world()).await;
    let (acme, ann, campaign) = app.program(&["META"]).await;
    let post = hidden(&app);
    let shown = views(&app, Platform::Meta, &post);
    let ids = submitted(
        &ann.client,
        &campaign,
        &post.url,
        json!({ "claimedViews": shown }),
    )
    .await;
    let told = fetched(&acme.client, &ids.post).await;
    assert_eq!(refusals(&told), ["PLATFORM_UNREACHABLE postId"]);
    let token = token_of(&app, Platform::Meta, &post);
    linked(&ann.client, "META", &token).await;
    let told = fetched(&acme.client, &ids.post).await;
    let report = &told["platformReport"];
    assert_eq!(report["observed"]["views"]["value"], shown, "{told}");
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_without_access_of_the_servers_own_is_checked_with_what_affiliates_link() {
    let mut app = TestApp::without_access(world(), PlatformKind::X).await;
    app.start_worker();
    let (acme, ann, campaign) = app.program(&["X"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let post = foreign(&app, Platform::X);
    let claim = json!({ "claimedViews": views(&app, Platform::X, &post) });
    let payload = ann.client.submit(&campaign, &post.url, claim.clone()).await;
    assert_eq!(refusals(&payload), ["PLATFORM_NOT_AVAILABLE url"]);

    let token = token_of(&app, Platform::X, &post);
    linked(&ann.client, "X", &token).await;
    let payload = bob.client.submit(&campaign, &post.url, claim.clone()).await;
    assert_eq!(refusals(&payload), ["PLATFORM_NOT_AVAILABLE url"]);
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    let seen = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(seen["latestReconciliation"]["status"], "MATCHED", "{seen}");
    let told = observed(&ann.client, &ids.post).await;
    assert_eq!(told["views"]["grade"], "OWNER_TOKEN", "{told}");

    // A token that does not hold any more is no answer, and nobody else can be asked.
    let reports = "SELECT count(*) FROM platform_reports";
    let before = app.database.number(reports).await;
    app.world
        .add_fault(Fault::new(Platform::X, FaultKind::TokenRefused).for_calls(1));
    app.move_clock(2).await;
    app.settled().await;
    assert_eq!(
        states(&ann).await,
        json!([{ "platform": "X", "state": "REVOKED" }])
    );
    let told = fetched(&acme.client, &ids.post).await;
    assert_eq!(refusals(&told), ["PLATFORM_NOT_AVAILABLE postId"]);
    assert_eq!(app.database.number(reports).await, before);
    let lost = "SELECT count(*) FROM mq_msgs WHERE name = 'reconcile' AND attempts <> 5";
    assert_eq!(app.database.number(lost).await, 0);
    // Nor is anything more taken that could not be checked.
    let again = scene::report(&ann.client, &ids.post, json!({ "claimedViews": 1 })).await;
    assert_eq!(refusals(&again), ["PLATFORM_NOT_AVAILABLE postId"]);

    linked(&ann.client, "X", &token).await;
    app.move_clock(4).await;
    app.settled().await;
    assert_eq!(app.database.number(reports).await, before + 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_the_access_away_is_judged_without_it_in_the_end() {
    let mut app = TestApp::without_access(world(), PlatformKind::X).await;
    app.start_worker();
    let (acme, ann, _) = app.program(&["X"]).await;
    let policy = json!({ "recheckHours": [48] });
    let campaign = app.campaign(&acme, &["X"], policy).await;
    let post = foreign(&app, Platform::X);
    linked(&ann.client, "X", &token_of(&app, Platform::X, &post)).await;
    let claim = json!({ "claimedViews": 2 * views(&app, Platform::X, &post) });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    unlinked(&ann.client).await;

    // The checks are due after an hour, which is X's lag, and after 48. Each waits for a day.
    for (hours, status, finality, observations) in [
        (2, "DISCREPANCY", "PROVISIONAL", 1),
        (24, "DISCREPANCY", "PROVISIONAL", 1),
        (26, "DISCREPANCY", "PROVISIONAL", 2),
        (49, "DISCREPANCY", "PROVISIONAL", 2),
        (73, "UNVERIFIABLE", "FINAL", 3),
    ] {
        app.move_clock(hours).await;
        app.settled().await;
        let seen = ann.client.verdict(&json!(ids.post)).await;
        let verdict = &seen["latestReconciliation"];
        assert_eq!(verdict["status"], status, "after {hours} h: {seen}");
        assert_eq!(verdict["finality"], finality, "after {hours} h: {seen}");
        let reports = "SELECT count(*) FROM platform_reports";
        let written = app.database.number(reports).await;
        assert_eq!(written, observations, "after {hours} h");
    }
    let told = observed(&ann.client, &ids.post).await;
    assert_eq!(told["views"]["availability"], "UNAVAILABLE", "{told}");
    let reason = "This server has no access of its own to X, and no token of the affiliate's could be used there.";
    assert_eq!(told["views"]["reason"], reason);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_uses_the_access_up_is_judged_without_it_in_the_end() {
    let mut app = TestApp::without_access(world(), PlatformKind::X).await;
    app.start_worker();
    let (_, ann, campaign) = app.program(&["X"]).await;
    let post = foreign(&app, Platform::X);
    linked(&ann.client, "X", &token_of(&app, Platform::X, &post)).await;
    scene::used_up(&app).await;
    let ids = submitted(
        &ann.client,
        &campaign,
        &post.url,
        json!({ "claimedViews": 1 }),
    )
    .await;
    app.settled().await;
    for (hours, verdict) in [(23, Value::Null), (25, json!("UNVERIFIABLE"))] {
        app.move_clock(hours).await;
        app.settled().await;
        let seen = ann.client.verdict(&json!(ids.post)).await;
        let status = &seen["latestReconciliation"]["status"];
        assert_eq!(*status, verdict, "after {hours} h: {seen}");
    }
    assert_eq!(app.world.calls("x.tweets"), 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_of_such_a_platform_are_taken_in_batches_and_claimed_again() {
    let app = TestApp::without_access(world(), PlatformKind::X).await;
    let (_, ann, campaign) = app.program(&["X"]).await;
    let post = foreign(&app, Platform::X);
    let submit = async || {
        let posts = json!([{ "url": post.url, "claimedViews": 1 }]);
        let data = ann
            .client
            .ok(
                "mutation($input: SubmitPostsInput!) { submitPosts(input: $input) { results { \
                 post { id } userErrors { code field message } } userErrors { code } } }",
                json!({ "input": { "campaignId": campaign, "posts": posts } }),
            )
            .await;
        data["submitPosts"]["results"][0].clone()
    };
    assert_eq!(refusals(&submit().await), ["PLATFORM_NOT_AVAILABLE url"]);
    linked(&ann.client, "X", &token_of(&app, Platform::X, &post)).await;
    let taken = submit().await;
    let id = scene::text(&taken["post"]["id"]);
    let again = scene::report(&ann.client, &id, json!({ "claimedViews": 2 })).await;
    assert_eq!(again["userErrors"], json!([]), "{again}");
    // With a token past its time, or without an account linked there, nothing more is taken.
    let ended =
        "UPDATE platform_credentials SET expires_at = countersign_now() - interval '1 hour'";
    app.database.execute(ended).await;
    let again = scene::report(&ann.client, &id, json!({ "claimedViews": 3 })).await;
    assert_eq!(refusals(&again), ["PLATFORM_NOT_AVAILABLE postId"]);
    app.database
        .execute("UPDATE platform_credentials SET expires_at = NULL")
        .await;
    let again = scene::report(&ann.client, &id, json!({ "claimedViews": 3 })).await;
    assert_eq!(again["userErrors"], json!([]), "{again}");
    unlinked(&ann.client).await;
    let again = scene::report(&ann.client, &id, json!({ "claimedViews": 4 })).await;
    assert_eq!(refusals(&again), ["PLATFORM_NOT_AVAILABLE postId"]);
    app.abandon().await;
}
