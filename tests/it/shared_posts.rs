//! One post on a platform that several submit, or that is submitted to several campaigns: everybody hears of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::domain::dashboard;
use countersign::domain::verification;
use countersign::model::{Metrics, Observed};
use countersign::platform::{Fetched, Sighting};
use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, Watcher, brief, short_link, submitted, text};
use crate::support::{Client, TestApp};

/// The alerts on shared posts that somebody sees: the post, the message and how often its cause occurred, oldest first.
async fn seen(client: &Client) -> Vec<(String, String, i64)> {
    let alerts = scene::alerts(client, "DUPLICATE_POST").await;
    let told = alerts.iter().map(|alert| {
        assert_eq!(alert["level"], Value::Null);
        (
            text(&alert["post"]["id"]),
            text(&alert["message"]),
            alert["occurrences"].as_i64().unwrap(),
        )
    });
    told.collect()
}

fn one_view() -> Value {
    json!({ "claimedViews": 1 })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_those_who_share_a_post_hears_of_its_own_and_of_nobody_else() {
    let app = TestApp::working().await;
    let (acme, ann, at_acme) = app.program(&["REDDIT"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let borg = app.advertiser("Borg").await;
    app.approve(&borg, &ann).await;
    let at_borg = app.campaign(&borg, &["REDDIT"], json!({})).await;
    let mut watcher = Watcher::start(&acme.client, "").await;
    let sample = scene::sample(&app, Platform::Reddit);

    let of_ann = submitted(&ann.client, &at_acme, &sample.url, one_view())
        .await
        .post;
    app.settled().await;
    assert!(seen(&app.operator).await.is_empty());
    let of_bob = submitted(&bob.client, &at_acme, &sample.url, one_view())
        .await
        .post;
    app.settled().await;
    for _ in 0..2 {
        assert_eq!(brief(&watcher.next().await), "RAISED DUPLICATE_POST");
    }
    let both = seen(&acme.client).await;
    let mut posts: Vec<&String> = both.iter().map(|(post, ..)| post).collect();
    posts.sort_unstable();
    let mut expected = vec![&of_ann, &of_bob];
    expected.sort_unstable();
    assert_eq!(posts, expected);
    for (_, message, occurrences) in &both {
        assert!(
            message.contains("by another affiliate to this campaign"),
            "{message}"
        );
        assert_eq!(*occurrences, 1);
    }

    // Another check of the same is no news. A third place is one more to those who are there.
    app.move_clock(2).await;
    app.settled().await;
    assert_eq!(seen(&acme.client).await, both);
    let elsewhere = submitted(&ann.client, &at_borg, &sample.url, one_view())
        .await
        .post;
    app.settled().await;
    let all = seen(&app.operator).await;
    assert_eq!(all.len(), 3, "{all:?}");
    for (post, message, occurrences) in &all {
        let places = if *post == elsewhere { 1 } else { 2 };
        assert_eq!(*occurrences, places, "{post}: {message}");
        let way = if *post == of_ann {
            "by the same affiliate to another campaign, and by another affiliate to this campaign."
        } else if *post == of_bob {
            "by another affiliate to this campaign, and by another affiliate to another campaign."
        } else {
            "by the same affiliate to another campaign, and by another affiliate to another campaign."
        };
        assert!(message.ends_with(way), "{message}");
        for named in [
            "Ann",
            "Bob",
            "Acme",
            "Borg",
            ann.id.as_str(),
            bob.id.as_str(),
            acme.id.as_str(),
            borg.id.as_str(),
        ] {
            assert!(!message.contains(named), "{message}");
        }
    }
    for (client, own) in [
        (&acme.client, vec![&of_ann, &of_bob]),
        (&borg.client, vec![&elsewhere]),
        (&ann.client, vec![&of_ann, &elsewhere]),
        (&bob.client, vec![&of_bob]),
    ] {
        let told = seen(client).await;
        assert_eq!(told.len(), own.len(), "{told:?}");
        assert!(
            told.iter().all(|(post, ..)| own.contains(&post)),
            "{told:?}"
        );
    }
    assert_eq!(dashboard::check(&app.app).await.unwrap().len(), 0);

    // They know of three places by now, however often these are checked.
    app.move_clock(25).await;
    app.settled().await;
    assert_eq!(seen(&app.operator).await, all);
    drop(watcher);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_more_is_another_alert_to_whom_the_first_is_resolved() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let sample = scene::sample(&app, Platform::Reddit);
    let mut posts = Vec::new();
    for name in ["Bob", "Carl", "Dora"] {
        if name == "Dora" {
            let alerts = scene::alerts(&acme.client, "DUPLICATE_POST").await;
            let of_bob = alerts.iter().find(|alert| alert["post"]["id"] == posts[0]);
            let input = json!({ "alertId": of_bob.unwrap()["id"], "notes": "They are one." });
            let resolve = "mutation($input: ResolveAlertInput!) { resolveAlert(input: $input) { \
                           userErrors { code } } }";
            let data = acme.client.ok(resolve, json!({ "input": input })).await;
            assert_eq!(data["resolveAlert"]["userErrors"], json!([]));
        }
        let party = scene::approved(&app, &acme, name).await;
        let made = submitted(&party.client, &campaign, &sample.url, one_view()).await;
        posts.push(made.post);
        app.settled().await;
    }
    let alerts = scene::alerts(&acme.client, "DUPLICATE_POST").await;
    let on = |post: &String| -> Vec<(String, i64)> {
        let of_post = alerts
            .iter()
            .filter(|alert| alert["post"]["id"] == post.as_str());
        of_post
            .map(|alert| {
                (
                    text(&alert["status"]),
                    alert["occurrences"].as_i64().unwrap(),
                )
            })
            .collect()
    };
    let told = |status: &str, occurrences| (status.to_owned(), occurrences);
    assert_eq!(on(&posts[0]), [told("RESOLVED", 1), told("OPEN", 1)]);
    assert_eq!(on(&posts[1]), [told("OPEN", 2)]);
    assert_eq!(on(&posts[2]), [told("OPEN", 1)]);
    assert!(seen(&ann.client).await.is_empty());
    assert_eq!(dashboard::check(&app.app).await.unwrap().len(), 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_link_is_found_to_be_somebody_elses_post_when_it_is_resolved() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let sample = scene::sample(&app, Platform::Reddit);
    submitted(&ann.client, &campaign, &sample.url, one_view()).await;
    app.settled().await;
    let link = short_link(&app, Platform::Reddit, &sample.native_id);
    submitted(&bob.client, &campaign, &link, one_view()).await;
    app.settled().await;
    assert_eq!(seen(&acme.client).await.len(), 2);
    // The affiliate's own second link to its own post is a duplicate of another kind.
    submitted(&ann.client, &campaign, &link, one_view()).await;
    app.settled().await;
    let told = seen(&acme.client).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter().all(|(.., occurrences)| *occurrences == 1),
        "{told:?}"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_affiliates_two_links_to_one_post_in_one_campaign_raise_nothing() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let sample = scene::sample(&app, Platform::Reddit);
    submitted(&ann.client, &campaign, &sample.url, one_view()).await;
    app.settled().await;
    let link = short_link(&app, Platform::Reddit, &sample.native_id);
    let second = submitted(&ann.client, &campaign, &link, one_view())
        .await
        .post;
    app.settled().await;
    let shown = ann.client.verdict(&json!(second)).await;
    assert_eq!(shown["status"], "DUPLICATE", "{shown}");
    assert!(seen(&app.operator).await.is_empty());
    app.finish().await;
}

/// A post whose figures its platform does not tell now, such as a private one.
fn withheld() -> Fetched {
    Fetched::Found(Sighting {
        metrics: Metrics::from_fn(|_| Observed::Unavailable {
            reason: "The post is private.".to_owned(),
        }),
        raw: json!({ "private": true }),
        context: None,
        author: None,
        published_at: None,
        spend: None,
        lacks_permission: false,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_find_each_others_posts_at_once_raise_each_alert_once() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let mut sharing = vec![ann];
    for name in ["Bob", "Carl", "Dora"] {
        sharing.push(scene::approved(&app, &acme, name).await);
    }
    let samples = scene::samples(&app, Platform::Reddit, 20, |_| true);
    for party in &sharing {
        for sample in &samples {
            submitted(&party.client, &campaign, &sample.url, one_view()).await;
        }
    }
    let checks = scene::answered(&app, &withheld()).await;
    assert_eq!(checks.len(), 80);
    let settle = |nth: usize| {
        let (app, batch) = (app.app.clone(), checks[nth * 20..(nth + 1) * 20].to_vec());
        async move { verification::settle(&app, &batch).await }
    };
    let settled = tokio::join!(settle(0), settle(1), settle(2), settle(3));
    for result in [settled.0, settled.1, settled.2, settled.3] {
        result.unwrap();
    }
    let counts = "SELECT concat_ws(' ', count(*), count(DISTINCT dedupe_key), count(DISTINCT post_id), \
                  (SELECT count(*) FROM alert_events WHERE kind = 'RAISED')) FROM alerts WHERE kind = 'DUPLICATE_POST'";
    assert_eq!(app.database.text(counts).await, "80 80 80 80");
    assert_eq!(dashboard::check(&app.app).await.unwrap().len(), 0);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_post_is_not_a_removed_one() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let sample = scene::sample(&app, Platform::Instagram);
    let id = submitted(&ann.client, &campaign, &sample.url, one_view())
        .await
        .post;
    let checks = scene::answered(&app, &withheld()).await;
    verification::settle(&app.app, &checks).await.unwrap();
    let shown = ann.client.verdict(&json!(id)).await;
    assert_eq!(shown["status"], "TRACKING", "{shown}");
    assert_eq!(shown["latestReconciliation"]["status"], "UNVERIFIABLE");
    assert_eq!(shown["latestReconciliation"]["finality"], "PROVISIONAL");
    let comparison = scene::on(&shown["latestReconciliation"], "VIEWS");
    assert_eq!(comparison["reasonCode"], "METRIC_UNAVAILABLE");
    assert!(
        text(&comparison["reason"]).contains("private"),
        "{comparison}"
    );
    assert!(scene::alerts(&acme.client, "POST_REMOVED").await.is_empty());

    let gone = Fetched::Gone {
        reason: "The platform has no such post.".to_owned(),
        raw: json!({}),
    };
    let checks = scene::answered(&app, &gone).await;
    verification::settle(&app.app, &checks).await.unwrap();
    assert_eq!(ann.client.verdict(&json!(id)).await["status"], "REMOVED");
    assert_eq!(scene::alerts(&acme.client, "POST_REMOVED").await.len(), 1);
    app.abandon().await;
}
