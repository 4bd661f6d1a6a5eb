//! The number of SQL statements behind a query does not grow with its rows, three levels deep and in every direction.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::app::App;
use countersign::db::Pool;
use countersign::domain::Viewer;
use countersign::domain::access::Principal;
use countersign::graphql::{self, Feeds, insert_loaders};
use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, reported, row, submitted};
use crate::support::{Party, TestApp};

/// An operator.
pub fn operator() -> Viewer {
    Viewer {
        user_id: 1,
        principal: Principal::Operator,
    }
}

/// An affiliate.
pub fn affiliate(party: &Party) -> Viewer {
    Viewer {
        user_id: 2,
        principal: Principal::Affiliate(row(&party.id)),
    }
}

/// An advertiser.
pub fn advertiser(party: &Party) -> Viewer {
    Viewer {
        user_id: 3,
        principal: Principal::Advertiser(row(&party.id)),
    }
}

/// Runs a query over connections of its own, and gives how many statements it took and what it answered.
pub async fn statements(app: &TestApp, viewer: Viewer, query: &str) -> (u64, Value) {
    let own = App {
        db: Pool::new(&app.database.url, 8).unwrap(),
        ..app.app.clone()
    };
    let schema = graphql::build(own.clone(), Feeds::default());
    let request = insert_loaders(&own, Some(viewer), query.into()).data(viewer);
    let answer = schema.execute(request).await;
    assert!(answer.errors.is_empty(), "{query}: {:?}", answer.errors);
    let data = answer.data.into_json().unwrap();
    (own.db.statements(), data)
}

/// Queries that go three levels deep and more.
const QUERIES: &[(&str, &str)] = &[
    (
        "campaigns",
        "{ campaigns(first: 12) { totalCount nodes { name advertiser { name } policy { version } \
         platforms { viewsDefinition platform { kind available } } \
         posts(first: 10) { totalCount nodes { url affiliate { name performance { posts orders } } \
             reports(first: 2) { totalCount nodes { claimed { views } status reconciliation { status policyVersion } \
                 reconciliations(first: 2) { nodes { status platformReport { fetchedAt } } } } } \
             platformReports(first: 2) { nodes { fetchedAt } } reconciliations(first: 2) { nodes { status } } \
             latestReport { submittedAt } latestPlatformReport { fetchedAt } latestReconciliation { status } } } \
         alerts(first: 5) { totalCount nodes { kind post { url campaign { name } } affiliate { name } \
             reconciliation { status affiliateReport { post { url } } } } } } } }",
    ),
    (
        "campaigns",
        "{ campaigns(first: 20) { totalCount nodes { dashboard { totals { posts openAlerts money { currency } } \
         byPlatform { platform totals { posts } } byLevel { count } topAffiliates(first: 3) { posts orders affiliate { name } } \
         series(interval: DAY) { at discrepancies } } } } }",
    ),
    (
        "posts",
        "{ posts(first: 50) { totalCount nodes { publishedAt publishedBeforeCampaign growth { at views } \
         byWeek: growth(interval: WEEK) { at views clicks } } } }",
    ),
    (
        "affiliates",
        "{ affiliates(first: 50) { totalCount nodes { name performance { posts affiliate { name } money { currency } } \
         trustHistory(first: 5) { nodes { accurate reconciliation { status affiliateReport { post { url } } } } } \
         posts(first: 10) { nodes { campaign { name advertiser { name } } latestReconciliation { status } } } } } }",
    ),
    (
        "advertisers",
        "{ advertisers(first: 50) { totalCount nodes { name eligible application { status advertiser { name } } \
         campaigns(first: 5) { nodes { name posts(first: 5) { nodes { url affiliate { name } } } } } } } }",
    ),
    (
        "applications",
        "{ applications(first: 50) { totalCount nodes { status advertiser { name } affiliate { name } } } }",
    ),
    (
        "orders",
        "{ orders(first: 50) { totalCount nodes { orderId advertiser { name } affiliate { name } \
         campaign { name policy { version } } } } }",
    ),
    (
        "discrepancies",
        "{ discrepancies(first: 50) { totalCount nodes { level affiliateReport { claimed { views } post { url \
         campaign { name advertiser { name } } affiliate { name } } } platformReport { fetchedAt } \
         comparisons { platformReport { fetchedAt } } } } }",
    ),
    (
        "alerts",
        "{ alerts(first: 50) { totalCount nodes { kind campaign { name } post { url latestReport { submittedAt } } \
         affiliate { name } reconciliation { policyVersion } } } }",
    ),
];

/// One advertiser's program: a campaign, affiliates, and over-claims by each of them.
async fn program(app: &TestApp, number: usize, affiliates: usize) -> (Party, Party) {
    let acme = app.advertiser(&format!("Advertiser {number}")).await;
    let policy = json!({ "lagWindowHours": 0 });
    let campaign = app.campaign(&acme, &["INSTAGRAM"], policy).await;
    let samples = scene::samples(app, Platform::Instagram, 3, |figures| figures.views >= 1000);
    let mut last = None;
    for nth in 0..affiliates {
        let name = format!("Affiliate {number}.{nth}");
        let ann = scene::approved(app, &acme, &name).await;
        for sample in &samples {
            let claim = json!({ "claimedViews": sample.figures.views * 2 });
            let ids = submitted(&ann.client, &campaign, &sample.url, claim).await;
            reported(&ann.client, &ids.post, json!({ "claimedViews": 1 })).await;
        }
        let secret = scene::webhook_secret(&acme.client, json!({})).await;
        let order = json!({
            "order_id": format!("A-{nth}"), "advertiser_id": acme.id, "user_id": ann.id, "amount": 1,
            "commission": 1, "campaign_id": campaign });
        let (status, answer) = scene::deliver(app, &secret, &order.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        last = Some(ann);
    }
    app.settled().await;
    (acme, last.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statements_behind_a_query_do_not_grow_with_its_rows() {
    let app = TestApp::working().await;
    let (acme, ann) = program(&app, 1, 1).await;
    let viewers = [operator(), advertiser(&acme), affiliate(&ann)];
    let mut before = Vec::new();
    for (name, query) in QUERIES {
        for viewer in viewers {
            let (count, data) = statements(&app, viewer, query).await;
            before.push((count, data[name]["totalCount"].clone()));
        }
    }
    // More of everything that is listed: for the operator other programs, for Acme more affiliates, for Ann more advertisers.
    program(&app, 2, 3).await;
    let campaign = app
        .campaign(&acme, &["INSTAGRAM"], json!({ "lagWindowHours": 0 }))
        .await;
    let samples = scene::samples(&app, Platform::Instagram, 8, |figures| {
        figures.views >= 1000
    });
    for number in 0..3 {
        let name = format!("Further {number}");
        let bob = scene::approved(&app, &acme, &name).await;
        for sample in &samples {
            let claim = json!({ "claimedViews": sample.figures.views * 2 });
            submitted(&bob.client, &campaign, &sample.url, claim).await;
        }
    }
    scene::delivered(&app, &acme, &ann, Some(&campaign)).await;
    for sample in &samples {
        let claim = json!({ "claimedViews": sample.figures.views * 2 });
        submitted(&ann.client, &campaign, &sample.url, claim).await;
    }
    for number in 3..6 {
        let other = app.advertiser(&format!("Advertiser {number}")).await;
        app.approve(&other, &ann).await;
        scene::delivered(&app, &other, &ann, None).await;
        app.campaign(&other, &["REDDIT"], json!({})).await;
    }
    app.settled().await;
    let mut before = before.into_iter();
    for (name, query) in QUERIES {
        for viewer in viewers {
            let (few, rows) = before.next().unwrap();
            let (many, data) = statements(&app, viewer, query).await;
            let more = &data[name]["totalCount"];
            assert!(
                few > 0 && many <= few,
                "{name} for {viewer:?}: {few}, then {many}"
            );
            // Of itself there is one, however much there is.
            let alone = matches!(
                (*name, viewer.principal),
                ("affiliates", Principal::Affiliate(_)) | ("advertisers", Principal::Advertiser(_))
            );
            assert!(
                alone || more.as_i64() > rows.as_i64(),
                "{name} for {viewer:?}: {rows}, {more}"
            );
        }
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_one_kind_are_read_together() {
    let app = TestApp::working().await;
    let (_, ann) = program(&app, 1, 1).await;
    let data = app
        .operator
        .ok("{ posts { nodes { id } } }", json!({}))
        .await;
    let ids: Vec<&str> = data["posts"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|post| post["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 3);
    let query = |ids: &[&str]| format!("{{ nodes(ids: {}) {{ id }} }}", json!(ids));
    let (one, _) = statements(&app, affiliate(&ann), &query(&ids[..1])).await;
    // In the order asked for, and as often.
    let asked = [ids[2], ids[0], ids[1], ids[2]];
    let (all, data) = statements(&app, affiliate(&ann), &query(&asked)).await;
    assert_eq!(all, one);
    assert_eq!(data["nodes"], json!(asked.map(|id| json!({ "id": id }))));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_too_large_to_add_up_is_too_complex_as_well() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let query = "{ posts(first: 100) { nodes { campaign { dashboard { topAffiliates(first: 1073741824) { affiliate { \
        posts(first: 100) { nodes { campaign { dashboard { topAffiliates(first: 1073741824) { posts } } } } } } } } } \
        reports(first: 100) { nodes { post { reports(first: 100) { nodes { id } } } } } } } }";
    assert_eq!(ann.client.code(query, json!({})).await, "QUERY_TOO_COMPLEX");
    app.finish().await;
}
