//! A campaign's totals are what counting its posts again gives, platform by platform; what nobody claims or tells is null.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use chrono::TimeDelta;
use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, reported, submitted};
use crate::support::{Client, TestApp};

const TOTALS: &str = "{ posts postsObserved reports claimed { views clicks conversions } \
    observed { views clicks conversions } matchRate openAlerts }";

const METRICS: [&str; 3] = ["views", "clicks", "conversions"];

/// The dashboard of a campaign, over all of its posts.
async fn dashboard(client: &Client, campaign: &str) -> Value {
    let query = format!(
        "query($id: ID!) {{ campaign(id: $id) {{ dashboard {{ totals {TOTALS} \
         byPlatform {{ platform totals {TOTALS} }} }} }} }}"
    );
    let data = client.ok(&query, json!({ "id": campaign })).await;
    data["campaign"]["dashboard"].clone()
}

/// The totals of some posts, counted one by one.
#[derive(Debug, Default)]
struct Recount {
    posts: u64,
    observed_posts: u64,
    reports: u64,
    claimed: [Option<u64>; 3],
    observed: [Option<u64>; 3],
    counting: u64,
    accurate: u64,
    open_alerts: u64,
}

impl Recount {
    fn add_post(&mut self, post: &Value) {
        self.posts += 1;
        let seen = &post["latestPlatformReport"]["observed"];
        if METRICS
            .iter()
            .any(|metric| seen[metric]["value"].is_number())
        {
            self.observed_posts += 1;
        }
        let claimed = &post["latestReport"]["claimed"];
        for (place, metric) in METRICS.iter().enumerate() {
            plus(&mut self.claimed[place], &claimed[metric]);
            plus(&mut self.observed[place], &seen[metric]["value"]);
        }
        for report in post["reports"]["nodes"].as_array().unwrap() {
            self.reports += 1;
            self.add_verdict(&report["reconciliation"]);
        }
    }

    /// A verdict counts where it is final and a number above 0 was compared.
    fn add_verdict(&mut self, verdict: &Value) {
        let compared = verdict["comparisons"].as_array().is_some_and(|all| {
            all.iter().any(|comparison| {
                comparison["level"].is_string() && comparison["claimed"].as_u64() > Some(0)
            })
        });
        if verdict["finality"] != "FINAL" || !compared {
            return;
        }
        self.counting += 1;
        if verdict["level"] == "NONE" || verdict["level"] == "LOW" {
            self.accurate += 1;
        }
    }

    fn json(&self) -> Value {
        let metrics = |sums: &[Option<u64>; 3]| json!({ "views": sums[0], "clicks": sums[1], "conversions": sums[2] });
        let rate = (self.counting > 0).then(|| {
            let parts = (self.accurate * 20_000 + self.counting) / (2 * self.counting);
            format!("{}.{:04}", parts / 10_000, parts % 10_000)
        });
        json!({
            "posts": self.posts, "postsObserved": self.observed_posts, "reports": self.reports,
            "claimed": metrics(&self.claimed), "observed": metrics(&self.observed),
            "matchRate": rate, "openAlerts": self.open_alerts,
        })
    }
}

/// Adds a number, where there is one, to a sum, where there is one.
fn plus(sum: &mut Option<u64>, number: &Value) {
    if let Some(number) = number.as_u64() {
        *sum = Some(sum.unwrap_or(0) + number);
    }
}

/// The totals of a campaign, counted from its posts and alerts: of all, and by platform.
async fn recount(client: &Client, campaign: &str) -> (Recount, BTreeMap<String, Recount>) {
    let data = client
        .ok(
            "query($id: ID!) { campaign(id: $id) { posts(first: 50) { nodes { platform \
             reports(first: 5) { nodes { reconciliation { status level finality comparisons { claimed level } } } } \
             latestReport { claimed { views clicks conversions } } latestPlatformReport { observed { \
             views { value } clicks { value } conversions { value } } } } } \
             alerts(first: 50) { nodes { status post { platform } } } } }",
            json!({ "id": campaign }),
        )
        .await;
    let mut all = Recount::default();
    let mut by_platform: BTreeMap<String, Recount> = BTreeMap::new();
    for post in data["campaign"]["posts"]["nodes"].as_array().unwrap() {
        all.add_post(post);
        let platform = scene::text(&post["platform"]);
        by_platform.entry(platform).or_default().add_post(post);
    }
    for alert in data["campaign"]["alerts"]["nodes"].as_array().unwrap() {
        if alert["status"] != "RESOLVED" {
            all.open_alerts += 1;
            let platform = scene::text(&alert["post"]["platform"]);
            by_platform.get_mut(&platform).unwrap().open_alerts += 1;
        }
    }
    (all, by_platform)
}

/// Sees that the dashboard of a campaign is its recount, and gives the recount of all.
async fn is_its_recount(client: &Client, campaign: &str) -> Recount {
    let (all, by_platform) = recount(client, campaign).await;
    let shown = dashboard(client, campaign).await;
    assert_eq!(shown["totals"], all.json());
    let platforms: Vec<Value> = by_platform
        .iter()
        .map(|(platform, recount)| json!({ "platform": platform, "totals": recount.json() }))
        .collect();
    assert_eq!(shown["byPlatform"], json!(platforms));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_a_recount_of_the_posts_by_platform_and_of_all() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM", "REDDIT", "META"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let instagram = scene::samples(&app, Platform::Instagram, 4, |figures| {
        figures.views >= 1000
    });
    let reddit = scene::samples(&app, Platform::Reddit, 2, |_| true);
    let meta = scene::samples(&app, Platform::Meta, 2, |figures| figures.clicks >= 100);
    let views = |nth: usize| instagram[nth].figures.views;
    let mut last = String::new();
    for (who, url, claim) in [
        (&ann, &instagram[0].url, json!({ "claimedViews": views(0) })),
        (
            &ann,
            &instagram[1].url,
            json!({ "claimedViews": views(1) * 2 }),
        ),
        (
            &bob,
            &instagram[2].url,
            json!({ "claimedViews": views(2) + views(2) * 3 / 100, "claimedClicks": 5 }),
        ),
        (&ann, &reddit[0].url, json!({ "claimedViews": 1000 })),
        (&bob, &reddit[1].url, json!({ "claimedClicks": 0 })),
        (
            &ann,
            &meta[0].url,
            json!({ "claimedViews": 10, "claimedClicks": meta[0].figures.clicks * 2 }),
        ),
        (
            &bob,
            &meta[1].url,
            json!({ "claimedClicks": meta[1].figures.clicks }),
        ),
        (
            &bob,
            &instagram[3].url,
            json!({ "claimedViews": views(3) * 3 }),
        ),
    ] {
        last = submitted(&who.client, &campaign, url, claim).await.post;
    }
    app.settled().await;
    // Of a post with two claims the latest is shown, and both count.
    reported(&bob.client, &last, json!({ "claimedViews": views(3) })).await;
    app.settled().await;

    for client in [&acme.client, &app.operator] {
        let all = is_its_recount(client, &campaign).await;
        assert_eq!((all.posts, all.observed_posts, all.reports), (8, 6, 9));
        assert_eq!((all.counting, all.accurate, all.open_alerts), (7, 4, 3));
        assert_eq!(all.claimed[2], None, "nobody claims conversions");
        assert_eq!(all.observed[2], None, "no platform tells conversions");
    }
    let alert = scene::alerts(&acme.client, "OVERCLAIM").await.remove(0);
    acme.client
        .ok(
            "mutation($input: ResolveAlertInput!) { resolveAlert(input: $input) { alert { id } } }",
            json!({ "input": { "alertId": alert["id"], "notes": "We spoke." } }),
        )
        .await;
    let all = is_its_recount(&acme.client, &campaign).await;
    assert_eq!(all.open_alerts, 2);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_claims_or_tells_is_null_and_a_claimed_zero_is_zero() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let nothing = json!({ "views": null, "clicks": null, "conversions": null });
    let empty = dashboard(&acme.client, &campaign).await;
    assert_eq!(
        empty["totals"],
        json!({
            "posts": 0, "postsObserved": 0, "reports": 0, "claimed": nothing, "observed": nothing,
            "matchRate": null, "openAlerts": 0,
        })
    );
    assert_eq!(empty["byPlatform"], json!([]));

    let post = scene::sample(&app, Platform::Reddit);
    let claim = json!({ "claimedViews": 0 });
    submitted(&ann.client, &campaign, &post.url, claim).await;
    app.settled().await;
    let shown = dashboard(&acme.client, &campaign).await;
    let zero = json!({ "views": 0, "clicks": null, "conversions": null });
    assert_eq!(shown["totals"]["claimed"], zero);
    assert_eq!(shown["totals"]["observed"], nothing);
    assert_eq!(
        shown["totals"]["matchRate"],
        Value::Null,
        "a zero does not count"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_counts_the_posts_that_were_submitted_in_it() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let posts = scene::samples(&app, Platform::Reddit, 3, |_| true);
    let begin = app.app.clock.now();
    for (post, hour) in posts.iter().zip([0, 10, 20]) {
        app.move_clock(hour).await;
        let claim = json!({ "claimedViews": hour });
        submitted(&ann.client, &campaign, &post.url, claim).await;
        app.settled().await;
    }
    let at = |hours| Some((begin + TimeDelta::hours(hours)).to_rfc3339());
    for (from, to, posts, claimed) in [
        (None, None, 3, json!(30)),
        (None, at(5), 1, json!(0)),
        (at(5), None, 2, json!(30)),
        (at(5), at(15), 1, json!(10)),
        (at(25), None, 0, Value::Null),
    ] {
        let query = format!(
            "query($id: ID!, $range: TimeRange) {{ campaign(id: $id) {{ \
             dashboard(range: $range) {{ totals {TOTALS} }} }} }}"
        );
        let variables = json!({ "id": campaign, "range": { "from": from, "to": to } });
        let data = acme.client.ok(&query, variables).await;
        let totals = &data["campaign"]["dashboard"]["totals"];
        assert_eq!(totals["posts"], posts, "{from:?} to {to:?}");
        assert_eq!(totals["reports"], posts, "{from:?} to {to:?}");
        assert_eq!(totals["claimed"]["views"], claimed, "{from:?} to {to:?}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_is_for_the_advertiser_and_operators() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let other = app.advertiser("Other").await;
    let query = "query($id: ID!) { campaign(id: $id) { id dashboard { totals { posts } } } }";
    let variables = json!({ "id": campaign });
    let seen = ann.client.ok(query, variables.clone()).await;
    assert_eq!(seen["campaign"]["id"], campaign.as_str());
    assert_eq!(seen["campaign"]["dashboard"], Value::Null);
    let seen = other.client.ok(query, variables.clone()).await;
    assert_eq!(seen["campaign"], Value::Null);
    let seen = app.operator.ok(query, variables).await;
    assert_eq!(seen["campaign"]["dashboard"]["totals"]["posts"], 0);
    app.abandon().await;
}
