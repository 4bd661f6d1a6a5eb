//! An affiliate's own access: linked with a token that the platform knows, used for that affiliate's posts alone, and given
//! up for weaker evidence when it does not hold any more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::domain::health;
use countersign::model::PlatformKind;
use countersign::simulator::{Fault, FaultKind, Platform, SamplePost, World, YOUTUBE_CHANNEL};
use serde_json::{Value, json};

use crate::authorization::everything;
use crate::scene::{self, refusals, submitted};
use crate::support::{Client, Party, TestApp};

async fn start() -> TestApp {
    let world = World::new(7)
        .with_frozen_growth()
        .with_credentials_required();
    let mut app = TestApp::with_world(world).await;
    app.start_worker();
    app
}

/// A post of an account that is not the server's own.
pub fn foreign(app: &TestApp, platform: Platform) -> SamplePost {
    let posts = app.world.posts(platform, 0, 400, None);
    let found = posts.into_iter().find(|post| {
        let figures = app.world.figures(platform, &post.native_id, None);
        !post.owned && figures.is_some_and(|(figures, _)| figures.views >= 1000)
    });
    found.expect("the platform has posts of others")
}

pub fn views(app: &TestApp, platform: Platform, post: &SamplePost) -> u64 {
    let (figures, _) = app.world.figures(platform, &post.native_id, None).unwrap();
    figures.views
}

/// The token of the account that published a post.
pub fn token_of(app: &TestApp, platform: Platform, post: &SamplePost) -> String {
    let account = post.account_id.as_deref().unwrap().parse().unwrap();
    app.world.access_token(platform, account)
}

async fn link(client: &Client, input: Value) -> Value {
    let data = client
        .ok(
            "mutation($input: LinkPlatformCredentialInput!) { linkPlatformCredential(input: $input) { \
             credential { platform accountId accountHandle state expiresAt lastUsedAt } \
             userErrors { code field message } } }",
            json!({ "input": input }),
        )
        .await;
    data["linkPlatformCredential"].clone()
}

pub async fn linked(client: &Client, platform: &str, token: &str) -> Value {
    let payload = link(
        client,
        json!({ "platform": platform, "accessToken": token }),
    )
    .await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    payload["credential"].clone()
}

/// The states of the accounts that an affiliate has linked, by platform.
pub async fn states(party: &Party) -> Value {
    let query = "query($id: ID!) { affiliate(id: $id) { credentials { platform state } } }";
    let data = party.client.ok(query, json!({ "id": party.id })).await;
    data["affiliate"]["credentials"].clone()
}

/// The views of a post's latest observation.
pub async fn observed(client: &Client, post: &str) -> Value {
    let query = "query($id: ID!) { post(id: $id) { author { accountId handle isLinkedAccount } \
         latestPlatformReport { observed { views { value availability grade: evidenceGrade reason } \
         clicks { value availability grade: evidenceGrade } } } } }";
    let data = client.ok(query, json!({ "id": post })).await;
    let mut views = data["post"]["latestPlatformReport"]["observed"].clone();
    views["author"] = data["post"]["author"].clone();
    views
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_accounts_own_figures_are_read_for_its_affiliate_and_for_nobody_else() {
    let app = start().await;
    let (acme, ann, campaign) = app.program(&["TIKTOK"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let video = foreign(&app, Platform::TikTok);
    let token = token_of(&app, Platform::TikTok, &video);
    let credential = linked(&ann.client, "TIKTOK", &token).await;
    assert_eq!(credential["state"], "WORKING");
    assert_eq!(credential["accountHandle"], video.account_handle.as_str());
    assert_eq!(credential["lastUsedAt"], Value::Null);

    let shown = views(&app, Platform::TikTok, &video);
    let claim = json!({ "claimedViews": shown });
    let anns = submitted(&ann.client, &campaign, &video.url, claim.clone()).await;
    let bobs = submitted(&bob.client, &campaign, &video.url, claim).await;
    app.settled().await;

    let seen = observed(&ann.client, &anns.post).await;
    assert_eq!(
        (&seen["views"]["value"], &seen["views"]["grade"]),
        (&json!(shown), &json!("OWNER_TOKEN")),
        "{seen}"
    );
    assert_eq!(seen["author"]["isLinkedAccount"], true, "{seen}");
    let verdict = ann.client.verdict(&json!(anns.post)).await;
    assert_eq!(verdict["latestReconciliation"]["status"], "MATCHED");
    // TikTok tells the owner only, and Bob is not.
    let seen = observed(&bob.client, &bobs.post).await;
    assert_eq!(seen["views"]["availability"], "UNAVAILABLE", "{seen}");

    assert_eq!(
        states(&ann).await,
        json!([{ "platform": "TIKTOK", "state": "WORKING" }])
    );
    assert_eq!(states(&bob).await, json!([]));
    let query = "query($id: ID!) { affiliate(id: $id) { credentials { state } } }";
    for client in [&acme.client, &app.operator] {
        let data = client.ok(query, json!({ "id": ann.id })).await;
        assert_eq!(data["affiliate"]["credentials"], Value::Null);
    }
    let kept = everything(&app.database).await;
    assert!(kept.contains(&video.account_handle), "the rows were read");
    assert!(!kept.contains(&token) && !kept.contains(&hex::encode(&token)));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_hold_any_more_is_given_up_for_what_anybody_sees() {
    let app = start().await;
    let (_, ann, campaign) = app.program(&["X"]).await;
    let post = foreign(&app, Platform::X);
    let token = token_of(&app, Platform::X, &post);
    linked(&ann.client, "X", &token).await;
    // The owner's call is refused once; this server's own is not.
    app.world
        .add_fault(Fault::new(Platform::X, FaultKind::TokenRefused).for_calls(1));
    let shown = views(&app, Platform::X, &post);
    let ids = submitted(
        &ann.client,
        &campaign,
        &post.url,
        json!({ "claimedViews": shown }),
    )
    .await;
    app.settled().await;

    let seen = observed(&ann.client, &ids.post).await;
    assert_eq!(
        (&seen["views"]["value"], &seen["views"]["grade"]),
        (&json!(shown), &json!("PUBLIC")),
        "{seen}"
    );
    assert_eq!(
        states(&ann).await,
        json!([{ "platform": "X", "state": "REVOKED" }])
    );

    // It is left alone for six hours, and then tried again: it may have been this server's registration that was wrong.
    let before = app.world.calls("x.tweets");
    app.move_clock(1).await;
    app.settled().await;
    assert_eq!(app.world.calls("x.tweets"), before + 1);
    app.move_clock(24).await;
    app.settled().await;
    let seen = observed(&ann.client, &ids.post).await;
    assert_eq!(seen["views"]["grade"], "OWNER_TOKEN", "{seen}");
    assert_eq!(
        states(&ann).await,
        json!([{ "platform": "X", "state": "WORKING" }])
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_quota_of_an_affiliates_own_app_holds_back_only_its_own_posts() {
    let app = start().await;
    let (acme, ann, campaign) = app.program(&["YOUTUBE"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let token = app.world.access_token(Platform::YouTube, YOUTUBE_CHANNEL);
    linked(&ann.client, "YOUTUBE", &token).await;
    let video = foreign(&app, Platform::YouTube);
    let claim = json!({ "claimedViews": 1 });
    app.world
        .add_fault(Fault::new(Platform::YouTube, FaultKind::RateLimited).for_calls(1));
    let anns = submitted(&ann.client, &campaign, &video.url, claim.clone()).await;
    app.settled().await;
    let limited =
        "SELECT count(*) FROM platform_budgets WHERE snoozed_until IS NOT NULL AND credential";
    let of_token = format!("{limited} LIKE 'credential:%'");
    assert_eq!(app.database.number(&of_token).await, 1);
    let of_others = format!("{limited} IN ('own', 'app')");
    assert_eq!(app.database.number(&of_others).await, 0);
    let seen = ann.client.verdict(&json!(anns.post)).await;
    assert_eq!(seen["latestReconciliation"], Value::Null, "{seen}");

    let bobs = submitted(&bob.client, &campaign, &video.url, claim).await;
    app.settled().await;
    let seen = bob.client.verdict(&json!(bobs.post)).await;
    assert_eq!(seen["latestReconciliation"]["status"], "MATCHED", "{seen}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_waits_a_day_for_an_affiliates_access_that_is_used_up_and_is_made_without_it_then()
{
    // It is known to be used up, or is found to be when it is tried.
    for is_known in [true, false] {
        let app = start().await;
        let (_, ann, campaign) = app.program(&["YOUTUBE"]).await;
        let token = app.world.access_token(Platform::YouTube, YOUTUBE_CHANNEL);
        linked(&ann.client, "YOUTUBE", &token).await;
        scene::used_up(&app).await;
        let video = foreign(&app, Platform::YouTube);
        let claim = json!({ "claimedViews": 1 });
        let ids = submitted(&ann.client, &campaign, &video.url, claim).await;
        app.settled().await;
        app.move_clock(23).await;
        app.settled().await;
        let seen = ann.client.verdict(&json!(ids.post)).await;
        assert_eq!(seen["latestReconciliation"], Value::Null, "{seen}");

        if !is_known {
            app.database
                .execute("UPDATE platform_budgets SET snoozed_until = NULL")
                .await;
            let fault = Fault::new(Platform::YouTube, FaultKind::RateLimited);
            app.world.add_fault(fault.for_calls(1));
        }
        app.move_clock(25).await;
        app.settled().await;
        let seen = observed(&ann.client, &ids.post).await;
        assert_eq!(seen["views"]["grade"], "PUBLIC", "{is_known}: {seen}");
        app.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_used_up_where_the_platform_said_so_of_it_and_not_where_something_else_holds_it_back()
 {
    let app = start().await;
    let is_used_up = async || {
        health::is_used_up(&app.app, PlatformKind::X, "credential:7")
            .await
            .unwrap()
    };
    assert!(!is_used_up().await, "nothing was told");
    let elsewhere = "UPDATE platforms SET requests_per_minute = 1; \
         UPDATE platform_health SET circuit = 'OPEN', opened_at = countersign_now(), \
             probe_at = countersign_now() + interval '1 hour'; \
         INSERT INTO platform_budgets (platform, credential, snoozed_until) \
             SELECT 'X', c, countersign_now() + interval '1 hour' FROM unnest(ARRAY['own', 'app', 'credential:8']) c; \
         INSERT INTO platform_budgets (platform, credential, remaining, resets_at, snoozed_until) \
             VALUES ('X', 'credential:7', 3, countersign_now() + interval '1 hour', countersign_now())";
    app.database.execute(elsewhere).await;
    assert!(!is_used_up().await, "others are held back");
    for told in [
        "remaining = 0",
        "snoozed_until = countersign_now() + interval '1 hour'",
    ] {
        let of_this =
            format!("UPDATE platform_budgets SET {told} WHERE credential = 'credential:7'");
        app.database.execute(&of_this).await;
        assert!(is_used_up().await, "{told}");
        app.database
            .execute(
                "UPDATE platform_budgets SET remaining = 3, snoozed_until = countersign_now() \
                 WHERE credential = 'credential:7'",
            )
            .await;
    }
    let over = "UPDATE platform_budgets SET remaining = 0, resets_at = countersign_now() \
         WHERE credential = 'credential:7'";
    app.database.execute(over).await;
    assert!(!is_used_up().await, "it may ask again");
    app.abandon().await;
}

/// How X is, as operators are shown it.
async fn health(app: &TestApp) -> Value {
    let query = "{ platform(kind: X) { health { circuit waitingUntil resetsAt \
         linkedCredentials { working expired revoked insufficient waiting } } } }";
    let data = app.operator.ok(query, json!({})).await;
    data["platform"]["health"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn linked_accounts_are_read_while_the_servers_own_credential_is_refused() {
    let app = start().await;
    let (acme, ann, campaign) = app.program(&["X"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let post = foreign(&app, Platform::X);
    let idle = health(&app).await;
    assert_eq!(idle["waitingUntil"], Value::Null, "{idle}");
    assert_eq!(idle["linkedCredentials"]["working"], 0, "{idle}");
    linked(&ann.client, "X", &token_of(&app, Platform::X, &post)).await;

    // Bob's post is asked for with the server's own credential, which is refused once.
    app.world
        .add_fault(Fault::new(Platform::X, FaultKind::TokenRefused).for_calls(1));
    let claim = json!({ "claimedViews": 1 });
    let bobs = submitted(&bob.client, &campaign, &post.url, claim.clone()).await;
    app.settled().await;
    let seen = health(&app).await;
    assert_eq!(seen["circuit"], "OPEN", "{seen}");
    assert!(seen["waitingUntil"].is_string(), "{seen}");

    // Ann's is read with her own, and that closes nothing.
    let anns = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    let read = observed(&ann.client, &anns.post).await;
    assert_eq!(read["views"]["grade"], "OWNER_TOKEN", "{read}");
    assert_eq!(health(&app).await["circuit"], "OPEN");
    let verdict = bob.client.verdict(&json!(bobs.post)).await;
    assert_eq!(verdict["latestReconciliation"], Value::Null, "{verdict}");
    let alert =
        "SELECT concat_ws(' ', status, occurrences) FROM alerts WHERE kind = 'PLATFORM_DEGRADED'";
    assert_eq!(app.database.text(alert).await, "OPEN 1");

    // One of the linked accounts is to be left alone for a while.
    app.database
        .execute(
            "INSERT INTO platform_budgets (platform, credential, snoozed_until) \
             SELECT platform, 'credential:' || id, countersign_now() + interval '10 minutes' FROM platform_credentials \
             ON CONFLICT ON CONSTRAINT platform_budgets_pkey DO UPDATE SET snoozed_until = excluded.snoozed_until",
        )
        .await;
    let seen = health(&app).await;
    let expected =
        json!({ "working": 1, "expired": 0, "revoked": 0, "insufficient": 0, "waiting": 1 });
    assert_eq!(seen["linkedCredentials"], expected, "{seen}");

    // The own one is tried again, and is answered.
    app.move_clock(1).await;
    crate::support::until("the own credential is accepted", async || {
        health(&app).await["circuit"] == "CLOSED"
    })
    .await;
    app.settled().await;
    assert_eq!(app.database.text(alert).await, "RESOLVED 1");
    assert!(app.world.calls("x.tweets") >= 3);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_past_its_time_is_expired_and_not_used() {
    let app = start().await;
    let (_, ann, campaign) = app.program(&["X"]).await;
    let post = foreign(&app, Platform::X);
    let ends = app.app.clock.now() + chrono::TimeDelta::minutes(30);
    let payload = link(
        &ann.client,
        json!({
            "platform": "X",
            "accessToken": token_of(&app, Platform::X, &post),
            "expiresAt": ends.to_rfc3339(),
        }),
    )
    .await;
    assert_eq!(payload["credential"]["state"], "WORKING", "{payload}");
    app.move_clock(1).await;
    let claim = json!({ "claimedViews": 1 });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    let seen = observed(&ann.client, &ids.post).await;
    assert_eq!(seen["views"]["grade"], "PUBLIC", "{seen}");
    assert_eq!(
        states(&ann).await,
        json!([{ "platform": "X", "state": "EXPIRED" }])
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_of_another_account_than_the_linked_one_is_seen_as_anybody_sees_it() {
    let app = start().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let reel = scene::foreign_sample(&app, "REELS");
    let other = app
        .world
        .access_token(Platform::Instagram, 17_841_410_000_000_777);
    let input = json!({
        "platform": "INSTAGRAM", "accessToken": other, "accountId": "17841410000000777" });
    let payload = link(&ann.client, input).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    let data = ann
        .client
        .ok(
            "mutation($input: SubmitPostInput!) { submitPost(input: $input) { post { id } userErrors { message } } }",
            json!({ "input": { "campaignId": campaign, "url": reel.url, "accountHandle": reel.handle,
                "claimedViews": reel.figures.views } }),
        )
        .await;
    let post = scene::text(&data["submitPost"]["post"]["id"]);
    app.settled().await;
    let seen = observed(&acme.client, &post).await;
    assert_eq!(
        (&seen["views"]["value"], &seen["views"]["grade"]),
        (&json!(reel.figures.views), &json!("PUBLIC")),
        "{seen}"
    );
    assert_eq!(seen["author"]["isLinkedAccount"], false, "{seen}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_in_the_place_of_the_linked_one_does_not_make_a_post_gone() {
    let app = start().await;
    let (_, ann, campaign) = app.program(&["TIKTOK"]).await;
    let video = foreign(&app, Platform::TikTok);
    linked(
        &ann.client,
        "TIKTOK",
        &token_of(&app, Platform::TikTok, &video),
    )
    .await;
    let claim = json!({ "claimedViews": 1 });
    let ids = submitted(&ann.client, &campaign, &video.url, claim).await;
    app.settled().await;
    let other = app
        .world
        .posts(Platform::TikTok, 0, 1200, None)
        .into_iter()
        .find(|post| !post.owned && post.account_id != video.account_id)
        .unwrap();
    linked(
        &ann.client,
        "TIKTOK",
        &token_of(&app, Platform::TikTok, &other),
    )
    .await;
    app.move_clock(1).await;
    app.settled().await;
    let verdict = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(verdict["status"], "TRACKING", "{verdict}");
    assert!(
        scene::alerts(&app.operator, "POST_REMOVED")
            .await
            .is_empty()
    );
    // The first account's own word that it has no such video any more is one.
    linked(
        &ann.client,
        "TIKTOK",
        &token_of(&app, Platform::TikTok, &video),
    )
    .await;
    app.move_clock(24).await;
    app.settled().await;
    app.world.vanish(Platform::TikTok, &video.native_id);
    app.move_clock(72).await;
    app.settled().await;
    let verdict = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(verdict["status"], "REMOVED", "{verdict}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_token_is_said_by_its_field_and_nothing_is_kept() {
    let app = start().await;
    let (_, ann, _) = app.program(&["X"]).await;
    let post = foreign(&app, Platform::X);
    let token = token_of(&app, Platform::X, &post);
    for (input, refusal) in [
        (
            json!({ "platform": "REDDIT", "accessToken": "a" }),
            "INVALID platform",
        ),
        (
            json!({ "platform": "X", "accessToken": " " }),
            "INVALID accessToken",
        ),
        (
            json!({ "platform": "X", "accessToken": "x".repeat(5001) }),
            "TOO_LONG accessToken",
        ),
        (
            json!({ "platform": "X", "accessToken": token, "accountId": "1" }),
            "INVALID accountId",
        ),
        (
            json!({ "platform": "X", "accessToken": token, "accountHandle": "@somebody" }),
            "INVALID accountHandle",
        ),
        (
            json!({ "platform": "X", "accessToken": token, "expiresAt": "2020-01-01T00:00:00Z" }),
            "OUT_OF_RANGE expiresAt",
        ),
        (
            json!({ "platform": "X", "accessToken": "expired-token" }),
            "CREDENTIALS_REJECTED accessToken",
        ),
    ] {
        let payload = link(&ann.client, input.clone()).await;
        assert_eq!(refusals(&payload), [refusal], "{input}: {payload}");
        assert_eq!(payload["credential"], Value::Null);
    }
    app.world
        .add_fault(Fault::new(Platform::X, FaultKind::ServerError));
    let payload = link(
        &ann.client,
        json!({ "platform": "X", "accessToken": token }),
    )
    .await;
    assert_eq!(refusals(&payload), ["PLATFORM_UNREACHABLE platform"]);
    assert_eq!(states(&ann).await, json!([]));
    assert_eq!(
        app.database
            .number("SELECT count(*) FROM platform_credentials")
            .await,
        0
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlinked_token_is_forgotten() {
    let app = start().await;
    let (_, ann, _) = app.program(&["X"]).await;
    let post = foreign(&app, Platform::X);
    let token = token_of(&app, Platform::X, &post);
    let unlink = async || {
        let data = ann
            .client
            .ok(
                "mutation { unlinkPlatformCredential(input: { platform: X }) { credential { accountId } \
                 userErrors { code field } } }",
                json!({}),
            )
            .await;
        data["unlinkPlatformCredential"].clone()
    };
    assert_eq!(refusals(&unlink().await), ["NOT_FOUND platform"]);
    let at = format!("@{}", post.account_handle.to_uppercase());
    let input = json!({ "platform": "X", "accessToken": token, "accountId": post.account_id,
        "accountHandle": at });
    let payload = link(&ann.client, input).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    let payload = unlink().await;
    assert_eq!(
        payload["credential"]["accountId"].as_str(),
        post.account_id.as_deref()
    );
    assert_eq!(states(&ann).await, json!([]));
    let left = "SELECT count(*) FROM platform_credentials WHERE token_sealed IS NOT NULL";
    assert_eq!(app.database.number(left).await, 0);
    app.finish().await;
}
