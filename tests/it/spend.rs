//! What advertising a post has cost and brought: exact, in its currency, and no reason against anybody.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::domain::dashboard;
use countersign::domain::verification::{self, Outcome};
use countersign::model::{Metrics, Observed};
use countersign::platform::{Fetched, Sighting, Spend};
use countersign::simulator::{Fault, FaultKind, Platform, Simulator, World};
use serde_json::{Value, json};

use crate::scene::{self, Sample, on, submitted};
use crate::support::{Client, TestApp};

/// A server with a worker that reads the advertisements of the played page.
async fn advertising() -> TestApp {
    let (name, value) = Simulator::ad_environment();
    let world = World::new(7).with_frozen_growth();
    let mut app = TestApp::with_settings(world, &[(name.as_str(), value)]).await;
    app.start_worker();
    app
}

/// The latest observation of a post.
async fn latest(client: &Client, post: &str) -> Value {
    let data = client
        .ok(
            "query($id: ID!) { post(id: $id) { latestPlatformReport { spend currency rawData observed { \
             views { value } clicks { value definition } \
             conversions { value availability definition evidenceGrade } } } } }",
            json!({ "id": post }),
        )
        .await;
    data["post"]["latestPlatformReport"].clone()
}

/// Posts of the played page, enough of them that some are advertised and some are not.
fn posts(app: &TestApp) -> Vec<Sample> {
    scene::samples(app, Platform::Meta, 20, |figures| figures.clicks >= 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observation_says_what_advertising_the_post_has_cost() {
    let app = advertising().await;
    let (acme, ann, campaign) = app.program(&["META"]).await;
    let posts = posts(&app);
    let cost = |post: &Sample| app.world.ad_spend_cents(&post.native_id);
    let advertised = posts.iter().find(|post| cost(post).is_some()).unwrap();
    let free = posts.iter().find(|post| cost(post).is_none()).unwrap();
    let mut ids = Vec::new();
    for post in [advertised, free] {
        let claim = json!({ "claimedViews": post.figures.views, "claimedConversions": 1 });
        ids.push(
            submitted(&ann.client, &campaign, &post.url, claim)
                .await
                .post,
        );
    }
    app.settled().await;

    let cents = cost(advertised).unwrap();
    let seen = latest(&acme.client, &ids[0]).await;
    assert_eq!(
        seen["spend"],
        format!("{}.{:02}", cents / 100, cents % 100),
        "{seen}"
    );
    assert_eq!(seen["currency"], "USD");
    assert_eq!(
        seen["observed"]["clicks"]["value"],
        advertised.figures.clicks
    );
    assert_eq!(seen["observed"]["clicks"]["definition"], "meta.post_clicks");
    let rows = seen["rawData"]["advertisements"].as_array().unwrap();
    assert_eq!(rows[0]["actions"][0]["action_type"], "omni_purchase");

    // Before the first signed order, what an advertisement led to covers a claim, with its grade shown.
    assert_eq!(
        seen["observed"]["conversions"],
        json!({
            "value": app.world.ad_purchases(&advertised.native_id).unwrap(),
            "availability": "REPORTED", "definition": "meta.ads.omni_purchase",
            "evidenceGrade": "PLATFORM_APP",
        })
    );
    let verdict = ann.client.verdict(&json!(ids[0])).await;
    let verdict = &verdict["latestReconciliation"];
    let conversions = on(verdict, "CONVERSIONS");
    assert_eq!(conversions["reasonCode"], "CLEARED_BY_OTHER_DEFINITION");
    assert_eq!(conversions["evidenceGrade"], "PLATFORM_APP");
    assert_eq!(on(verdict, "VIEWS")["reasonCode"], "WITHIN_PLATFORM_FIGURE");

    let seen = latest(&acme.client, &ids[1]).await;
    assert_eq!(seen["observed"]["views"]["value"], free.figures.views);
    assert_eq!(seen["spend"], Value::Null, "no advertisement is no 0");
    assert_eq!(seen["currency"], Value::Null);
    assert_eq!(seen["observed"]["conversions"]["value"], Value::Null);
    let verdict = ann.client.verdict(&json!(ids[1])).await;
    let verdict = &verdict["latestReconciliation"];
    assert_eq!(on(verdict, "CONVERSIONS")["reasonCode"], "NO_SIGNED_ORDERS");

    // Another observation of the same cost adds nothing to the totals.
    app.move_clock(25).await;
    app.settled().await;
    let spend = format!("{}.{:02}", cents / 100, cents % 100);
    let expected = json!([{ "currency": "USD", "spend": spend }]);
    for shown in money(&acme.client, &campaign).await {
        assert_eq!(shown, expected);
    }
    assert!(dashboard::check(&app.app).await.unwrap().is_empty());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_advertisements_led_to_turns_no_verdict_by_signed_orders() {
    let app = advertising().await;
    let (acme, ann, campaign) = app.program(&["META"]).await;
    let posts = posts(&app);
    let sold = |post: &&Sample| app.world.ad_purchases(&post.native_id).is_some();
    let post = posts.iter().find(sold).unwrap();
    let purchases = app.world.ad_purchases(&post.native_id).unwrap();
    let claim = json!({ "claimedConversions": purchases + 100 });
    let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    let standing = async || {
        let verdict = ann.client.verdict(&json!(ids.post)).await;
        let verdict = verdict["latestReconciliation"].clone();
        let code = scene::text(&on(&verdict, "CONVERSIONS")["reasonCode"]);
        (scene::text(&verdict["status"]), code)
    };
    let told = |status: &str, code: &str| (status.to_owned(), code.to_owned());
    assert_eq!(
        standing().await,
        told("NOT_COMPARABLE", "NOT_COMPARABLE"),
        "more than it covers is no accusation"
    );

    // One order, for somebody else: from now on orders decide, and leave nothing for this claim.
    let secret = scene::webhook_secret(&acme.client, json!({})).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let order = json!({
        "order_id": "1", "advertiser_id": acme.id, "user_id": bob.id, "amount": 10, "commission": 1,
    });
    let (status, answer) = scene::deliver(&app, &secret, &order.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    app.move_clock(2).await;
    app.settled().await;
    assert_eq!(
        standing().await,
        told("DISCREPANCY", "UNSIGNED_CONVERSIONS")
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ad_account_that_asks_to_wait_delays_no_check() {
    let app = advertising().await;
    let fault = Fault::new(Platform::Meta, FaultKind::RateLimited).at("meta.ad_insights");
    app.world.add_fault(fault);
    let (acme, ann, campaign) = app.program(&["META"]).await;
    let posts = posts(&app);
    let advertised = |post: &&Sample| app.world.ad_spend_cents(&post.native_id).is_some();
    let mut claimed = Vec::new();
    for post in posts.iter().filter(advertised).take(3) {
        let claim = json!({ "claimedViews": post.figures.views });
        let ids = submitted(&ann.client, &campaign, &post.url, claim).await;
        claimed.push((ids.post, post.figures.views));
        // One after the other, so that the next one finds that the account is left alone.
        app.settled().await;
    }
    assert_eq!(claimed.len(), 3);
    for (id, views) in &claimed {
        let seen = latest(&acme.client, id).await;
        assert_eq!(seen["observed"]["views"]["value"], *views, "{seen}");
        assert_eq!(seen["spend"], Value::Null);
        let why = scene::text(&seen["rawData"]["advertisements"]["error"]);
        assert!(why.starts_with("rate limited: "), "{why}");
        let verdict = ann.client.verdict(&json!(id)).await;
        assert_eq!(verdict["latestReconciliation"]["status"], "MATCHED");
    }
    assert_eq!(
        app.world.calls("meta.ad_insights"),
        1,
        "it is left alone for as long as it asks"
    );
    app.finish().await;
}

/// What a platform tells that knows only what advertising a post has cost.
fn spent(amount: &str) -> Fetched {
    Fetched::Found(Sighting {
        metrics: Metrics::from_fn(|_| Observed::Unavailable {
            reason: "Not yet.".to_owned(),
        }),
        raw: json!({}),
        context: None,
        author: None,
        published_at: None,
        spend: Some(Spend {
            amount: amount.parse().unwrap(),
            currency: "JPY".to_owned(),
        }),
        lacks_permission: false,
    })
}

/// The money that a campaign's dashboard shows: of the campaign and of its first affiliate.
async fn money(client: &Client, campaign: &str) -> [Value; 2] {
    let data = client
        .ok(
            "query($id: ID!) { campaign(id: $id) { dashboard { totals { money { currency spend } } \
             topAffiliates { money { currency spend } } } } }",
            json!({ "id": campaign }),
        )
        .await;
    let shown = &data["campaign"]["dashboard"];
    [
        shown["totals"]["money"].clone(),
        shown["topAffiliates"][0]["money"].clone(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_keeps_every_digit() {
    let amounts = [
        ("89943.19", "89943.19"),
        ("0.1", "0.10"),
        ("0", "0.00"),
        ("5250", "5250.00"),
        ("99999999999999.999999", "99999999999999.999999"),
    ];
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["META"]).await;
    let mut ids = Vec::new();
    for post in scene::samples(&app, Platform::Meta, amounts.len(), |_| true) {
        let claim = json!({ "claimedViews": 1 });
        let claimed = submitted(&ann.client, &campaign, &post.url, claim).await;
        ids.push(claimed.post);
    }
    let mut checks = scene::answered(&app, &spent("1")).await;
    for (check, (told, _)) in checks.iter_mut().zip(amounts) {
        match &mut check.outcome {
            Outcome::Answered { fetched, .. } => *fetched = spent(told),
            other => panic!("{other:?}"),
        }
    }
    verification::settle(&app.app, &checks).await.unwrap();
    for (id, (_, shown)) in ids.iter().zip(amounts) {
        let seen = latest(&acme.client, id).await;
        assert_eq!(seen["spend"], shown);
        assert_eq!(seen["currency"], "JPY");
    }
    let expected = json!([{ "currency": "JPY", "spend": "100000000095193.289999" }]);
    for shown in money(&acme.client, &campaign).await {
        assert_eq!(shown, expected);
    }
    assert!(dashboard::check(&app.app).await.unwrap().is_empty());
    app.abandon().await;
}
