//! Each subscriber gets what it may see and what it asked for, and two that may see the same get the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, Watcher, brief, reported, submitted};
use crate::support::{Party, TestApp};

/// Claims `factor` times the figure of the `nth` post, waits for the verdict, and gives the post.
async fn claimed(app: &TestApp, who: &Party, campaign: &str, nth: usize, factor: u64) -> String {
    let posts = scene::samples(app, Platform::Instagram, nth + 1, |figures| {
        figures.views >= 1000
    });
    let claim = json!({ "claimedViews": posts[nth].figures.views * factor });
    let ids = submitted(&who.client, campaign, &posts[nth].url, claim).await;
    app.settled().await;
    ids.post
}

/// An advertiser of this name with a campaign without a lag, and an affiliate that may post in it.
async fn program(app: &TestApp, advertiser: &str, affiliate: &str) -> (Party, Party, String) {
    let advertiser = app.advertiser(advertiser).await;
    let affiliate = scene::approved(app, &advertiser, affiliate).await;
    let policy = json!({ "lagWindowHours": 0 });
    let campaign = app
        .campaign(&advertiser, &["INSTAGRAM", "REDDIT"], policy)
        .await;
    (advertiser, affiliate, campaign)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_subscribers_of_an_advertiser_get_the_same_events_in_the_same_order() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = program(&app, "Acme", "Ann").await;
    let mut one = Watcher::start(&acme.client, "").await;
    let mut other = Watcher::start(&acme.client, "").await;
    for nth in 0..3 {
        claimed(&app, &ann, &campaign, nth, 3).await;
    }
    let events = one.take(3).await;
    assert_eq!(other.take(3).await, events);
    let mut cursors: Vec<String> = events
        .iter()
        .map(|event| scene::text(&event["cursor"]))
        .collect();
    cursors.dedup();
    assert_eq!(cursors.len(), 3);
    drop((one, other));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advertiser_gets_the_alerts_in_its_own_campaigns_only() {
    let app = TestApp::working().await;
    let (acme, ann, of_acme) = program(&app, "Acme", "Ann").await;
    let (zenith, bob, of_zenith) = program(&app, "Zenith", "Bob").await;
    let mut at_acme = Watcher::start(&acme.client, "").await;
    let mut at_zenith = Watcher::start(&zenith.client, "").await;
    let first = claimed(&app, &ann, &of_acme, 0, 3).await;
    let second = claimed(&app, &bob, &of_zenith, 2, 3).await;
    let third = claimed(&app, &ann, &of_acme, 1, 3).await;

    // Trust fell as well, which is between the affiliate and the operators.
    for expected in [&first, &third] {
        let event = at_acme.next().await;
        assert_eq!(brief(&event), "RAISED OVERCLAIM");
        assert_eq!(event["alert"]["post"]["id"], expected.as_str());
    }
    let event = at_zenith.next().await;
    assert_eq!(brief(&event), "RAISED OVERCLAIM");
    assert_eq!(event["alert"]["post"]["id"], second.as_str());
    // The lists say the same.
    assert_eq!(scene::alerts(&acme.client, "OVERCLAIM").await.len(), 2);
    assert_eq!(scene::alerts(&zenith.client, "OVERCLAIM").await.len(), 1);
    assert!(scene::alerts(&acme.client, "TRUST_DROP").await.is_empty());
    drop((at_acme, at_zenith));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_affiliate_gets_the_alerts_on_itself_and_an_operator_all() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = program(&app, "Acme", "Ann").await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let mut at_ann = Watcher::start(&ann.client, "").await;
    let mut at_bob = Watcher::start(&bob.client, "").await;
    let mut everything = Watcher::start(&app.operator, "").await;
    let of_ann = claimed(&app, &ann, &campaign, 0, 3).await;
    let of_bob = claimed(&app, &bob, &campaign, 1, 3).await;

    let mut posts = Vec::new();
    for (watcher, post) in [(&mut at_ann, &of_ann), (&mut at_bob, &of_bob)] {
        let events = watcher.take(2).await;
        assert_eq!(brief(&events[0]), "RAISED OVERCLAIM");
        assert_eq!(events[0]["alert"]["post"]["id"], post.as_str());
        assert_eq!(brief(&events[1]), "RAISED TRUST_DROP");
        posts.extend(events);
    }
    assert_eq!(everything.take(4).await, posts);
    drop((at_ann, at_bob, everything));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minimum_level_leaves_out_lower_ones_and_alerts_without_a_level() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = program(&app, "Acme", "Ann").await;
    let mut watcher = Watcher::start(&acme.client, "minimumLevel: HIGH").await;
    let gone = scene::sample(&app, Platform::Reddit);
    app.world.vanish(Platform::Reddit, &gone.native_id);
    let claim = json!({ "claimedViews": 1 });
    submitted(&ann.client, &campaign, &gone.url, claim).await;
    app.settled().await;
    let post = claimed(&app, &ann, &campaign, 0, 1).await;
    let views = scene::sample(&app, Platform::Instagram).figures.views;
    let medium = json!({ "claimedViews": views + views / 10 });
    reported(&ann.client, &post, medium).await;
    app.settled().await;
    let high = claimed(&app, &ann, &campaign, 1, 3).await;

    let event = watcher.next().await;
    assert_eq!(event["alert"]["level"], "HIGH", "{event}");
    assert_eq!(event["alert"]["post"]["id"], high.as_str());
    // Both of the others are there for whoever does not ask for a level.
    let mut all = Watcher::start(&acme.client, "").await;
    let seen: Vec<String> = all.take(3).await.iter().map(brief).collect();
    let over = "RAISED OVERCLAIM";
    assert_eq!(seen, ["RAISED POST_REMOVED", over, over]);
    drop((watcher, all));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_to_a_campaign_gets_that_campaigns_alerts() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = program(&app, "Acme", "Ann").await;
    let policy = json!({ "lagWindowHours": 0 });
    let other = app.campaign(&acme, &["INSTAGRAM"], policy).await;
    let arguments = format!("campaignId: \"{other}\"");
    let mut watcher = Watcher::start(&acme.client, &arguments).await;
    claimed(&app, &ann, &campaign, 0, 3).await;
    let wanted = claimed(&app, &ann, &other, 0, 3).await;
    let event = watcher.next().await;
    assert_eq!(event["alert"]["post"]["id"], wanted.as_str(), "{event}");
    assert_eq!(event["alert"]["campaign"]["id"], other.as_str());
    drop(watcher);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_cannot_be_is_refused_by_its_code() {
    let app = TestApp::start().await;
    let (_, _, campaign) = app.program(&["REDDIT"]).await;
    let other = app.advertiser("Other").await;
    let nowhere = scene::global_id("Campaign", 999);
    for (arguments, code) in [
        (format!("campaignId: \"{campaign}\""), "NOT_FOUND"),
        (format!("campaignId: \"{nowhere}\""), "NOT_FOUND"),
        (format!("campaignId: \"{}\"", other.id), "BAD_USER_INPUT"),
    ] {
        let mut watcher = Watcher::start(&other.client, &arguments).await;
        assert_eq!(watcher.refusal().await, code, "{arguments}");
    }
    for cursor in ["", "x", "YWZ0ZXI6", &nowhere] {
        let mut watcher = Watcher::after(&other.client, cursor, "").await;
        assert_eq!(watcher.refusal().await, "BAD_USER_INPUT", "{cursor}");
    }
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cursor_only_what_is_new_comes() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = program(&app, "Acme", "Ann").await;
    claimed(&app, &ann, &campaign, 0, 3).await;
    let mut alerts = acme
        .client
        .subscribe(
            "subscription { alertRaised { alert { post { id } } } }",
            json!({}),
        )
        .await;
    let newer = claimed(&app, &ann, &campaign, 1, 3).await;
    let event = alerts.next().await;
    let post: &Value = &event["alertRaised"]["alert"]["post"]["id"];
    assert_eq!(*post, newer.as_str());
    drop(alerts);
    app.finish().await;
}
