//! Totals that are kept are what counting everything again gives, whoever changed what, folded or not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use chrono::{DateTime, TimeDelta, Utc};
use countersign::db::rollup;
use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, deliver, reported, row, submitted, text, webhook_secret};
use crate::support::{Client, Party, TestApp};

/// What a recount finds to be different.
async fn differences(app: &TestApp) -> Vec<rollup::Difference> {
    let mut connection = app.app.db.get().await.unwrap();
    rollup::check(&mut connection).await.unwrap()
}

/// Folds everything and says how many differences there were.
async fn fold(app: &TestApp) -> i64 {
    let mut connection = app.app.db.get().await.unwrap();
    let mut folded = 0;
    loop {
        let taken = rollup::fold(&mut connection, 7).await.unwrap();
        folded += taken;
        if taken == 0 {
            return folded;
        }
    }
}

/// Sees that the totals are a recount, as they are and when everything is folded.
async fn are_a_recount(app: &TestApp) {
    assert_eq!(differences(app).await, []);
    fold(app).await;
    assert_eq!(differences(app).await, []);
}

struct Program {
    app: TestApp,
    acme: Party,
    ann: Party,
    bob: Party,
    campaign: String,
}

impl Program {
    async fn create() -> Self {
        let app = TestApp::working().await;
        let (acme, ann, campaign) = app.program(&["INSTAGRAM", "REDDIT", "META"]).await;
        let bob = scene::approved(&app, &acme, "Bob").await;
        Self {
            app,
            acme,
            ann,
            bob,
            campaign,
        }
    }

    /// Claims a share of a post's views, in percent.
    async fn claim(&self, who: &Party, sample: &scene::Sample, percent: u64) -> String {
        let claim = json!({ "claimedViews": sample.figures.views * percent / 100 });
        submitted(&who.client, &self.campaign, &sample.url, claim)
            .await
            .post
    }

    async fn order(&self, secret: &str, id: &str, who: &Party, changes: Value) {
        let mut body = json!({
            "order_id": id, "advertiser_id": self.acme.id, "user_id": who.id, "amount": "10.00", "commission": "1.00",
            "currency": "EUR", "campaign_id": self.campaign });
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        let (status, answer) = deliver(&self.app, secret, &body.to_string()).await;
        assert_eq!(status, 200, "{answer}");
    }

    async fn dashboard(&self, client: &Client, range: Value, what: &str) -> Value {
        let query = format!(
            "query($id: ID!, $range: TimeRange) {{ campaign(id: $id) {{ dashboard(range: $range) {{ {what} }} }} }}"
        );
        let data = client
            .ok(&query, json!({ "id": self.campaign, "range": range }))
            .await;
        data["campaign"]["dashboard"].clone()
    }

    async fn now(&self) -> DateTime<Utc> {
        let now = self
            .app
            .database
            .text("SELECT to_json(countersign_now()) #>> '{}'")
            .await;
        now.parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recount_finds_nothing_after_all_that_can_happen_to_a_campaign() {
    let program = Program::create().await;
    let app = &program.app;
    let instagram = scene::samples(app, Platform::Instagram, 5, |figures| figures.views >= 1000);
    let reddit = scene::sample(app, Platform::Reddit);
    let meta = scene::samples(app, Platform::Meta, 1, |figures| figures.clicks >= 100).remove(0);
    // Matched, a discrepancy of each level, nothing to compare, and none yet.
    for (who, sample, percent) in [
        (&program.ann, &instagram[0], 100),
        (&program.ann, &instagram[1], 103),
        (&program.bob, &instagram[2], 112),
        (&program.bob, &instagram[3], 300),
        (&program.ann, &reddit, 100),
        (&program.ann, &meta, 100),
    ] {
        program.claim(who, sample, percent).await;
    }
    are_a_recount(app).await;
    app.settled().await;
    are_a_recount(app).await;

    // The same post again by a short link, a newer claim, a removal, a verdict that was provisional.
    let short = scene::short_link(app, Platform::Reddit, &reddit.native_id);
    let claim = json!({ "claimedViews": 9 });
    submitted(&program.ann.client, &program.campaign, &short, claim).await;
    let removed = program.claim(&program.bob, &instagram[4], 200).await;
    app.settled().await;
    reported(&program.bob.client, &removed, json!({ "claimedClicks": 5 })).await;
    app.settled().await;
    assert!(
        app.world
            .vanish(Platform::Instagram, &instagram[4].native_id)
    );
    app.move_clock(30).await;
    app.settled().await;
    are_a_recount(app).await;

    // Orders, revised, reversed, of another currency, of no campaign, with claims of conversions.
    let secret = webhook_secret(&program.acme.client, json!({})).await;
    program.order(&secret, "1", &program.ann, json!({})).await;
    program
        .order(&secret, "1", &program.ann, json!({ "amount": "12.00" }))
        .await;
    program
        .order(
            &secret,
            "2",
            &program.bob,
            json!({ "currency": "JPY", "amount": 100 }),
        )
        .await;
    program
        .order(
            &secret,
            "2",
            &program.bob,
            json!({ "currency": "JPY", "amount": 100, "status": "reversed" }),
        )
        .await;
    program
        .order(&secret, "3", &program.bob, json!({ "campaign_id": null }))
        .await;
    are_a_recount(app).await;

    // A person closes an alert, and another takes one up.
    let alerts = scene::alerts(&program.acme.client, "OVERCLAIM").await;
    assert!(alerts.len() >= 2, "{alerts:?}");
    program
        .acme
        .client
        .ok(
            "mutation($a: ID!, $b: ID!) { acknowledgeAlert(input: { alertId: $a }) { alert { id } } \
             resolveAlert(input: { alertId: $b, notes: \"seen\" }) { alert { id } } }",
            json!({ "a": alerts[0]["id"], "b": alerts[1]["id"] }),
        )
        .await;
    are_a_recount(app).await;
    let figures = app
        .database
        .text(
            "SELECT concat_ws(' ', sum(posts), sum(reports), sum(orders), sum(orders_reversed)) FROM rollups \
             WHERE grain = 'TOTAL'",
        )
        .await;
    assert_eq!(figures, "8 9 2 1");
    program.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recount_finds_what_is_wrong_folded_or_not() {
    let mut program = Program::create().await;
    // A worker would fold what is to stay as it is for a while.
    program.app.stop_worker().await;
    let app = &program.app;
    let sample = scene::sample(app, Platform::Instagram);
    program.claim(&program.ann, &sample, 100).await;
    let database = &app.database;
    database
        .execute("UPDATE rollup_deltas SET reports = reports + 1 WHERE posts = 1")
        .await;
    assert!(!differences(app).await.is_empty(), "not folded");
    fold(app).await;
    let found = differences(app).await;
    assert!(
        !found.is_empty() && found.iter().all(|one| one.measure == "reports"),
        "{found:?}"
    );
    database
        .execute("UPDATE rollups SET reports = reports - 1")
        .await;
    assert_eq!(differences(app).await, []);
    database
        .execute(
            "UPDATE rollups SET observed_views = observed_views + 1 WHERE grain = 'AFFILIATE_HOUR'",
        )
        .await;
    assert_eq!(differences(app).await.len(), 1, "each grain is checked");
    program.app.start_worker();
    program.app.settled().await;
    program.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_holds_the_posts_submitted_and_the_orders_received_in_it() {
    let program = Program::create().await;
    let app = &program.app;
    let samples = scene::samples(app, Platform::Instagram, 4, |figures| figures.views >= 1000);
    let secret = webhook_secret(&program.acme.client, json!({})).await;
    // Two posts now, one after five hours, one after three days: in the middle of hours, to the microsecond.
    let begun = program.now().await;
    program.claim(&program.ann, &samples[0], 100).await;
    program.claim(&program.bob, &samples[1], 100).await;
    program.order(&secret, "1", &program.ann, json!({})).await;
    app.settled().await;
    let after_two = program.now().await;
    app.move_clock(5).await;
    program.claim(&program.ann, &samples[2], 100).await;
    program.order(&secret, "2", &program.bob, json!({})).await;
    app.settled().await;
    app.move_clock(72).await;
    let before_last = program.now().await;
    program.claim(&program.ann, &samples[3], 100).await;
    app.settled().await;
    let ended = program.now().await + TimeDelta::seconds(1);
    let views = |numbers: &[usize]| {
        numbers
            .iter()
            .map(|n| samples[*n].figures.views)
            .sum::<u64>()
    };
    let what = "totals { posts reports orders claimed { views } } byPlatform { platform totals { posts orders } } \
        topAffiliates { affiliate { name } posts orders }";
    for folded in [false, true] {
        if folded {
            assert!(fold(app).await > 0 || differences(app).await.is_empty());
        }
        for (range, posts, orders, claimed) in [
            (json!(null), 4, 2, views(&[0, 1, 2, 3])),
            (json!({}), 4, 2, views(&[0, 1, 2, 3])),
            (
                json!({ "from": begun, "to": after_two }),
                2,
                1,
                views(&[0, 1]),
            ),
            (json!({ "from": after_two }), 2, 1, views(&[2, 3])),
            (
                json!({ "from": after_two, "to": before_last }),
                1,
                1,
                views(&[2]),
            ),
            (
                json!({ "from": begun, "to": ended }),
                4,
                2,
                views(&[0, 1, 2, 3]),
            ),
        ] {
            let shown = program
                .dashboard(&program.acme.client, range.clone(), what)
                .await;
            let expected = json!({ "posts": posts, "reports": posts, "orders": orders, "claimed": { "views": claimed } });
            assert_eq!(shown["totals"], expected, "{range}, folded: {folded}");
            let by_platform =
                json!([{ "platform": "INSTAGRAM", "totals": { "posts": posts, "orders": null } }]);
            assert_eq!(shown["byPlatform"], by_platform, "{range}");
            let top = shown["topAffiliates"].as_array().unwrap();
            let sum = |field: &str| {
                top.iter()
                    .map(|one| one[field].as_i64().unwrap())
                    .sum::<i64>()
            };
            assert_eq!(sum("posts"), posts, "{range}: {top:?}");
        }
    }
    let nothing = json!({ "from": ended });
    let shown = program.dashboard(&program.acme.client, nothing, what).await;
    let empty = json!({ "posts": 0, "reports": 0, "orders": 0, "claimed": { "views": null } });
    assert_eq!(
        (&shown["totals"], &shown["byPlatform"]),
        (&empty, &json!([]))
    );
    program.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_has_a_point_for_each_interval_with_posts() {
    let program = Program::create().await;
    let app = &program.app;
    let samples = scene::samples(app, Platform::Instagram, 3, |figures| figures.views >= 1000);
    program.claim(&program.ann, &samples[0], 100).await;
    program.claim(&program.ann, &samples[1], 300).await;
    app.settled().await;
    app.move_clock(24 * 8).await;
    program.claim(&program.ann, &samples[2], 100).await;
    app.settled().await;
    let views = |n: usize| samples[n].figures.views;
    for interval in ["HOUR", "DAY", "WEEK"] {
        let what = format!(
            "series(interval: {interval}) {{ at claimed {{ views }} observed {{ views }} discrepancies }}"
        );
        let shown = program
            .dashboard(&program.acme.client, json!(null), &what)
            .await;
        let series = shown["series"].as_array().unwrap();
        // The two first posts may lie on both sides of an hour's end.
        let (last, first) = series.split_last().unwrap();
        assert!((1..=2).contains(&first.len()), "{series:?}");
        let sum = |field: &str| {
            first
                .iter()
                .map(|point| point[field]["views"].as_u64().unwrap())
                .sum::<u64>()
        };
        assert_eq!(sum("claimed"), views(0) + views(1) * 3, "{interval}");
        assert_eq!(sum("observed"), views(0) + views(1), "{interval}");
        assert_eq!(
            first
                .iter()
                .map(|point| point["discrepancies"].as_i64().unwrap())
                .sum::<i64>(),
            1
        );
        assert_eq!(last["claimed"]["views"], views(2));
        let at: DateTime<Utc> = text(&last["at"]).parse().unwrap();
        let aligned = match interval {
            "HOUR" => at.timestamp() % 3600,
            "DAY" => at.timestamp() % 86_400,
            // 1970-01-05 was a Monday.
            _ => (at.timestamp() - 4 * 86_400) % (7 * 86_400),
        };
        assert_eq!(aligned, 0, "{interval} begins at {at}");
    }
    program.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn top_affiliates_and_performance_are_in_order_and_of_what_the_viewer_may_see() {
    let program = Program::create().await;
    let app = &program.app;
    let mut samples = scene::samples(app, Platform::Instagram, 4, |figures| figures.views >= 1000);
    samples.sort_unstable_by_key(|sample| sample.figures.views);
    let carl = scene::approved(app, &program.acme, "Carl").await;
    // Bob has the most views, Ann the most posts, Carl none that anybody saw.
    program.claim(&program.bob, &samples[3], 100).await;
    program.claim(&program.ann, &samples[0], 100).await;
    let reddit = scene::sample(app, Platform::Reddit);
    program.claim(&program.ann, &reddit, 100).await;
    let other = scene::samples(app, Platform::Reddit, 3, |_| true).remove(2);
    program.claim(&carl, &other, 100).await;
    // Ann's posts for another advertiser are none of Acme's business.
    let borg = app.advertiser("Borg").await;
    app.approve(&borg, &program.ann).await;
    let elsewhere = app
        .campaign(&borg, &["INSTAGRAM"], json!({ "lagWindowHours": 0 }))
        .await;
    let claim = json!({ "claimedViews": samples[1].figures.views });
    submitted(&program.ann.client, &elsewhere, &samples[1].url, claim).await;
    app.settled().await;
    let shown = program
        .dashboard(
            &program.acme.client,
            json!(null),
            "topAffiliates(first: 2) { affiliate { name } posts matchRate }",
        )
        .await;
    assert_eq!(
        shown["topAffiliates"],
        json!([
            { "affiliate": { "name": "Bob" }, "posts": 1, "matchRate": "1.0000" },
            { "affiliate": { "name": "Ann" }, "posts": 2, "matchRate": "1.0000" },
        ])
    );
    let query = "query($id: ID!, $campaign: ID) { affiliate(id: $id) { performance(campaignId: $campaign) { posts matched \
        unverifiable observed { views { value } } } } }";
    for (client, campaign, posts, seen) in [
        (
            &program.ann.client,
            Value::Null,
            3,
            samples[0].figures.views + samples[1].figures.views,
        ),
        (
            &app.operator,
            Value::Null,
            3,
            samples[0].figures.views + samples[1].figures.views,
        ),
        (
            &program.acme.client,
            Value::Null,
            2,
            samples[0].figures.views,
        ),
        (&borg.client, Value::Null, 1, samples[1].figures.views),
        (
            &program.ann.client,
            json!(elsewhere),
            1,
            samples[1].figures.views,
        ),
    ] {
        let data = client
            .ok(query, json!({ "id": program.ann.id, "campaign": campaign }))
            .await;
        let performance = &data["affiliate"]["performance"];
        assert_eq!(performance["posts"], posts, "{performance}");
        assert_eq!(
            performance["observed"]["views"]["value"], seen,
            "{performance}"
        );
    }
    // A campaign of somebody else is like one that does not exist: nothing was done there.
    for nowhere in [program.campaign.clone(), scene::global_id("Campaign", 99)] {
        let data = borg
            .client
            .ok(query, json!({ "id": program.ann.id, "campaign": nowhere }))
            .await;
        assert_eq!(data["affiliate"]["performance"]["posts"], 0, "{data}");
    }
    let too_many = "topAffiliates(first: 101) { posts }";
    let query = format!("query($id: ID!) {{ campaign(id: $id) {{ dashboard {{ {too_many} }} }} }}");
    let code = program
        .acme
        .client
        .code(&query, json!({ "id": program.campaign }))
        .await;
    assert_eq!(code, "BAD_USER_INPUT");
    assert!(row(&program.campaign) > 0);
    program.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_ends_before_it_begins_is_refused() {
    let program = Program::create().await;
    let inverted = r#"{ from: "2026-11-02T00:00:00Z", to: "2026-11-01T00:00:00Z" }"#;
    for query in [
        format!(
            r#"{{ campaign(id: "{}") {{ dashboard(range: {inverted}) {{ totals {{ posts }} }} }} }}"#,
            program.campaign
        ),
        format!("{{ alerts(filter: {{ created: {inverted} }}) {{ totalCount }} }}"),
        format!("{{ orders(filter: {{ received: {inverted} }}) {{ totalCount }} }}"),
        format!("{{ posts(filter: {{ submitted: {inverted} }}) {{ totalCount }} }}"),
        format!("{{ discrepancies(filter: {{ processed: {inverted} }}) {{ totalCount }} }}"),
    ] {
        let answer = program.acme.client.post(&query, json!({})).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(".to must not be before"), "{message}");
    }
    program.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_checks_of_one_claim_at_once_raise_one_alert() {
    let mut app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let ann = scene::approved(&app, &acme, "Ann").await;
    let policy = json!({ "lagWindowHours": 48 });
    let campaign = app.campaign(&acme, &["INSTAGRAM"], policy).await;
    let sample = scene::sample(&app, Platform::Instagram);
    let claim = json!({ "claimedViews": sample.figures.views * 2 });
    let post = submitted(&ann.client, &campaign, &sample.url, claim)
        .await
        .post;
    for _ in 0..2 {
        scene::run(&acme.client, json!({ "postId": post })).await;
    }
    app.start_worker();
    app.settled().await;
    let alerts = scene::alerts(&acme.client, "OVERCLAIM").await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(
        app.database
            .number("SELECT count(*) FROM alert_events WHERE kind = 'RAISED'")
            .await,
        1
    );
    are_a_recount(&app).await;
    app.finish().await;
}
