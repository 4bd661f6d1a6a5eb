//! Links that only the platform can resolve are resolved by the job that checks the claim.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::domain::dashboard;
use countersign::domain::verification::{self, Outcome};
use countersign::model::{Metrics, Observed, PlatformKind};
use countersign::platform::link::PostLink;
use countersign::platform::{Account, Fetched, Sighting};
use countersign::simulator::{Platform, World};
use serde_json::{Value, json};

use crate::scene::{self, on, refusals, short_link, submitted};
use crate::support::{Receiver, TestApp, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_short_link_is_accepted_at_once_and_resolved_by_the_job() {
    let mut app = TestApp::start().await;
    let platforms = ["REDDIT", "INSTAGRAM", "META", "TIKTOK", "X"];
    let (_, ann, campaign) = app.program(&platforms).await;
    let mut waiting = Vec::new();
    for (platform, status) in [
        (Platform::Reddit, "UNVERIFIABLE"),
        (Platform::Instagram, "MATCHED"),
        (Platform::Meta, "MATCHED"),
        (Platform::TikTok, "MATCHED"),
        (Platform::X, "MATCHED"),
    ] {
        let post = scene::sample(&app, platform);
        let link = short_link(&app, platform, &post.native_id);
        let claim = json!({ "claimedViews": post.figures.views });
        let payload = ann.client.submit(&campaign, &link, claim).await;
        assert_eq!(refusals(&payload), Vec::<String>::new(), "{link}");
        assert_eq!(payload["post"]["status"], "RESOLVING", "{link}");
        assert_eq!(payload["post"]["platformPostId"], Value::Null);
        waiting.push((payload["post"]["id"].clone(), post, link, status));
    }

    app.start_worker();
    app.settled().await;
    for (id, post, link, status) in waiting {
        let seen = ann.client.verdict(&id).await;
        assert_eq!(seen["status"], "TRACKING", "{link}");
        assert_eq!(seen["platformPostId"], post.native_id.as_str(), "{link}");
        assert_eq!(seen["latestReconciliation"]["status"], status, "{link}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_link_of_a_post_already_submitted_is_a_duplicate() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["REDDIT", "INSTAGRAM"]).await;
    for platform in [Platform::Reddit, Platform::Instagram] {
        let post = scene::sample(&app, platform);
        let views = post.figures.views;
        let claim = json!({ "claimedViews": views });
        let first = submitted(&ann.client, &campaign, &post.url, claim).await;
        app.settled().await;
        let link = short_link(&app, platform, &post.native_id);
        let claim = json!({ "claimedViews": views * 5 });
        let second = submitted(&ann.client, &campaign, &link, claim).await;
        app.settled().await;

        let seen = ann.client.verdict(&json!(second.post)).await;
        assert_eq!(seen["status"], "DUPLICATE", "{seen}");
        assert_eq!(seen["nextCheckAt"], Value::Null);
        assert_eq!(seen["isReconciled"], true);
        assert_eq!(seen["latestPlatformReport"], Value::Null);
        let verdict = &seen["latestReconciliation"];
        assert_eq!(verdict["status"], "UNVERIFIABLE");
        assert_eq!(verdict["finality"], "FINAL");
        assert_eq!(verdict["level"], Value::Null);
        assert_eq!(on(verdict, "VIEWS")["reasonCode"], "DUPLICATE");
        assert_eq!(on(verdict, "VIEWS")["claimed"], views * 5);
        let seen = ann.client.verdict(&json!(first.post)).await;
        assert_eq!(seen["status"], "TRACKING", "the first one stays");
        // Its link leads to the same place whoever asks.
        let claim = json!({ "claimedViews": 1 });
        let again = ann.client.submit(&campaign, &link, claim).await;
        assert_eq!(refusals(&again), ["POST_ALREADY_SUBMITTED url"]);
    }
    assert!(scene::alerts(&app.operator, "OVERCLAIM").await.is_empty());
    assert_eq!(scene::trust(&ann).await["totalSubmissions"], 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_opaque_links_of_one_post_that_are_resolved_together_leave_one_post() {
    let mut app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["META"]).await;
    let post = app
        .world
        .posts(Platform::Meta, 0, 100, None)
        .into_iter()
        .find(|post| post.owned && post.url.contains("pfbid"))
        .unwrap();
    let share = short_link(&app, Platform::Meta, &post.native_id);
    let mut ids = Vec::new();
    for url in [&post.url, &share] {
        let claim = json!({ "claimedViews": 1 });
        ids.push(submitted(&ann.client, &campaign, url, claim).await.post);
    }

    app.start_worker();
    app.settled().await;
    let mut statuses = Vec::new();
    for id in &ids {
        let seen = ann.client.verdict(&json!(id)).await;
        let verdict = &seen["latestReconciliation"];
        assert_eq!(verdict["finality"], "FINAL", "{seen}");
        statuses.push((
            scene::text(&seen["status"]),
            scene::text(&verdict["status"]),
        ));
    }
    statuses.sort_unstable();
    let one = ("DUPLICATE".to_owned(), "UNVERIFIABLE".to_owned());
    let other = ("TRACKING".to_owned(), "MATCHED".to_owned());
    assert_eq!(statuses, [one, other]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_link_that_leads_nowhere_is_a_post_that_is_gone() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let link = "https://www.instagram.com/share/AAAAAAAAAAA";
    let ids = submitted(&ann.client, &campaign, link, json!({ "claimedViews": 1 })).await;
    app.settled().await;
    let seen = ann.client.verdict(&json!(ids.post)).await;
    assert_eq!(seen["status"], "REMOVED", "{seen}");
    assert_eq!(seen["latestReconciliation"]["finality"], "PROVISIONAL");
    assert_eq!(
        on(&seen["latestReconciliation"], "VIEWS")["reasonCode"],
        "POST_GONE"
    );
    assert_eq!(scene::alerts(&acme.client, "POST_REMOVED").await.len(), 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_link_that_leads_to_something_else_is_no_post_that_went() {
    let web = Receiver::start().await;
    web.answer(302, &["location: https://www.tiktok.com/"]);
    let world = World::new(7).with_frozen_growth();
    let mut app = TestApp::set_up(world, &[], |config| {
        let of_it = config.platforms.iter_mut();
        for (_, setting) in of_it.filter(|(kind, _)| *kind == PlatformKind::TikTok) {
            setting.web_url = web.url.parse().unwrap();
        }
    })
    .await;
    let (acme, ann, campaign) = app.program(&["TIKTOK"]).await;
    let link = "https://vm.tiktok.com/ZMabc123/";
    let ids = submitted(&ann.client, &campaign, link, json!({ "claimedViews": 1 })).await;
    app.start_worker();
    for finality in ["PROVISIONAL", "FINAL"] {
        app.settled().await;
        let seen = ann.client.verdict(&json!(ids.post)).await;
        assert_eq!(seen["status"], "RESOLVING", "{seen}");
        let verdict = &seen["latestReconciliation"];
        assert_eq!(verdict["status"], "UNVERIFIABLE", "{seen}");
        assert_eq!(verdict["finality"], finality, "{seen}");
        let views = on(verdict, "VIEWS");
        assert_eq!(views["reasonCode"], "METRIC_UNAVAILABLE", "{seen}");
        let reason = scene::text(&views["reason"]);
        assert!(
            reason.contains("This link leads to another one"),
            "{reason}"
        );
        // Past the last check.
        app.move_clock(200).await;
    }
    assert!(!web.received().is_empty());
    assert!(scene::alerts(&acme.client, "POST_REMOVED").await.is_empty());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_link_that_leads_to_a_post_again_takes_back_what_was_said_of_it() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let link = "https://www.instagram.com/share/AAAAAAAAAAA";
    let ids = submitted(&ann.client, &campaign, link, json!({ "claimedViews": 1 })).await;
    let named = PostLink::parse(&scene::sample(&app, Platform::Instagram).url).unwrap();
    let gone = Fetched::Gone {
        reason: "The link leads nowhere.".to_owned(),
        raw: json!({}),
    };
    let shown = Fetched::Found(Sighting {
        metrics: Metrics::from_fn(|_| Observed::Unavailable {
            reason: "It is not told.".to_owned(),
        }),
        raw: json!({}),
        context: None,
        author: Some(Account {
            id: Some("1".to_owned()),
            handle: None,
        }),
        published_at: None,
        lacks_permission: false,
        spend: None,
    });
    // It leads nowhere; it leads to a post, which is gone; that post is shown.
    for (fetched, leads_to, post, alert) in [
        (&gone, None, "REMOVED", "OPEN"),
        (&gone, Some(named), "REMOVED", "OPEN"),
        (&shown, None, "TRACKING", "RESOLVED"),
    ] {
        let mut checks = scene::answered(&app, fetched).await;
        for checked in &mut checks {
            if let Outcome::Answered { resolved, .. } = &mut checked.outcome {
                resolved.clone_from(&leads_to);
            }
        }
        verification::settle(&app.app, &checks).await.unwrap();
        let seen = ann.client.verdict(&json!(ids.post)).await;
        assert_eq!(seen["status"], post, "{seen}");
        let alerts = scene::alerts(&acme.client, "POST_REMOVED").await;
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        assert_eq!(alerts[0]["occurrences"], 1);
        assert_eq!(alerts[0]["status"], alert);
    }
    assert_eq!(dashboard::check(&app.app).await.unwrap().len(), 0);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_link_that_leads_to_a_post_already_there_is_not_said_to_be_shown_again() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let one_view = || json!({ "claimedViews": 1 });
    submitted(&ann.client, &campaign, &post.url, one_view()).await;
    let link = "https://www.instagram.com/share/AAAAAAAAAAA";
    let dead = submitted(&ann.client, &campaign, link, one_view()).await;
    let gone = Fetched::Gone {
        reason: "The link leads nowhere.".to_owned(),
        raw: json!({}),
    };
    let named = PostLink::parse(&post.url).unwrap();
    for (leads_to, status) in [(None, "REMOVED"), (Some(named), "DUPLICATE")] {
        let mut checks = scene::answered(&app, &gone).await;
        checks.retain(|checked| checked.task.post.id == scene::row(&dead.post));
        for checked in &mut checks {
            if let Outcome::Answered { resolved, .. } = &mut checked.outcome {
                resolved.clone_from(&leads_to);
            }
        }
        verification::settle(&app.app, &checks).await.unwrap();
        let seen = ann.client.verdict(&json!(dead.post)).await;
        assert_eq!(seen["status"], status, "{seen}");
    }
    let alerts = scene::alerts(&acme.client, "POST_REMOVED").await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["status"], "RESOLVED");
    assert_eq!(
        alerts[0]["resolutionNotes"],
        "This link turned out to be another spelling of a post that is there already."
    );
    assert_eq!(dashboard::check(&app.app).await.unwrap().len(), 0);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_is_found_to_be_another_while_it_is_asked_for_is_a_duplicate_of_it() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let posts = scene::samples(&app, Platform::Instagram, 2, |_| true);
    let one_view = || json!({ "claimedViews": 1 });
    let first = submitted(&ann.client, &campaign, &posts[1].url, one_view()).await;
    let link = short_link(&app, Platform::Instagram, &posts[0].native_id);
    let second = submitted(&ann.client, &campaign, &link, one_view()).await;

    // The first becomes that post, in a transaction that ends after the second was found to be nobody's.
    let mut other = app.database.connect().await;
    let transaction = other.transaction().await.unwrap();
    let take = format!(
        "UPDATE posts SET platform_post_id = '{}' WHERE id = {}",
        posts[0].native_id,
        scene::row(&first.post)
    );
    transaction.batch_execute(&take).await.unwrap();
    let client = ann.client.clone();
    let acme = app.operator.clone();
    let post = second.post.clone();
    let asked = tokio::spawn(async move {
        let query = "mutation($id: ID!) { fetchPlatformMetrics(input: { postId: $id }) { userErrors { code field } } }";
        acme.ok(query, json!({ "id": post })).await
    });
    until("the second waits for the first", async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        app.database.number(waiting).await > 0
    })
    .await;
    transaction.commit().await.unwrap();

    let data = asked.await.unwrap();
    assert_eq!(
        refusals(&data["fetchPlatformMetrics"]),
        ["CONFLICT postId"],
        "{data}"
    );
    let seen = client.verdict(&json!(second.post)).await;
    assert_eq!(seen["status"], "DUPLICATE", "{seen}");
    app.abandon().await;
}
