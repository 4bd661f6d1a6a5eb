//! Lists are paged by key, from either end, and stay where they are while rows arrive.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::cost;
use crate::scene::{self, reported, submitted};
use crate::support::{Client, TestApp};

/// Submits `count` posts, from number `offset` on, and gives their ids in the order of the list: newest first.
async fn posts(
    app: &TestApp,
    client: &Client,
    campaign: &str,
    offset: usize,
    count: usize,
) -> Vec<String> {
    let samples = scene::samples(app, Platform::Reddit, offset + count, |_| true);
    let mut ids = Vec::new();
    for sample in &samples[offset..] {
        let claim = json!({ "claimedViews": 1 });
        ids.push(submitted(client, campaign, &sample.url, claim).await.post);
    }
    ids.reverse();
    ids
}

/// One page of the caller's posts, by arguments such as `first: 5`.
async fn page(client: &Client, arguments: &str) -> Value {
    let query = format!(
        "{{ posts({arguments}) {{ edges {{ cursor node {{ id }} }} nodes {{ id }} pageInfo {{ \
         hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    );
    client.ok(&query, json!({})).await["posts"].clone()
}

/// The ids on a page. Its edges, nodes and cursors must be about the same rows.
fn ids(page: &Value) -> Vec<String> {
    let edges = page["edges"].as_array().unwrap();
    let ids: Vec<String> = edges
        .iter()
        .map(|edge| scene::text(&edge["node"]["id"]))
        .collect();
    let nodes = page["nodes"].as_array().unwrap();
    assert!(
        nodes
            .iter()
            .map(|node| scene::text(&node["id"]))
            .eq(ids.iter().cloned())
    );
    let cursor = |edge: Option<&Value>| edge.map_or(Value::Null, |edge| edge["cursor"].clone());
    assert_eq!(page["pageInfo"]["startCursor"], cursor(edges.first()));
    assert_eq!(page["pageInfo"]["endCursor"], cursor(edges.last()));
    ids
}

/// Whether there is a page before and a page after.
fn beyond(page: &Value) -> (bool, bool) {
    let flag = |name: &str| page["pageInfo"][name].as_bool().unwrap();
    (flag("hasPreviousPage"), flag("hasNextPage"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_walked_from_its_beginning_page_by_page() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let all = posts(&app, &ann.client, &campaign, 0, 12).await;
    let first = page(&ann.client, "first: 5").await;
    assert_eq!(ids(&first), all[..5]);
    assert_eq!(beyond(&first), (false, true));
    let after = |page: &Value| format!("first: 5, after: {}", page["pageInfo"]["endCursor"]);
    let second = page(&ann.client, &after(&first)).await;
    assert_eq!(ids(&second), all[5..10]);
    assert_eq!(beyond(&second), (true, true));
    let third = page(&ann.client, &after(&second)).await;
    assert_eq!(ids(&third), all[10..]);
    assert_eq!(beyond(&third), (true, false));
    let beyond_the_end = page(&ann.client, &after(&third)).await;
    assert!(ids(&beyond_the_end).is_empty());
    // A page that ends where the list ends has no next one.
    let exact = page(&ann.client, "first: 12").await;
    assert_eq!(beyond(&exact), (false, false));
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_walked_from_its_end_in_the_same_order() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let all = posts(&app, &ann.client, &campaign, 0, 12).await;
    let last = page(&ann.client, "last: 5").await;
    assert_eq!(ids(&last), all[7..]);
    assert_eq!(beyond(&last), (true, false));
    let before = |page: &Value| format!("last: 5, before: {}", page["pageInfo"]["startCursor"]);
    let middle = page(&ann.client, &before(&last)).await;
    assert_eq!(ids(&middle), all[2..7]);
    assert_eq!(beyond(&middle), (true, true));
    let beginning = page(&ann.client, &before(&middle)).await;
    assert_eq!(ids(&beginning), all[..2]);
    assert_eq!(beyond(&beginning), (false, true));
    // Between two cursors, from either side.
    let between = format!(
        "after: {}, before: {}",
        middle["pageInfo"]["startCursor"], last["pageInfo"]["endCursor"]
    );
    let forwards = page(&ann.client, &format!("first: 3, {between}")).await;
    assert_eq!(ids(&forwards), all[3..6]);
    let backwards = page(&ann.client, &format!("last: 3, {between}")).await;
    assert_eq!(ids(&backwards), all[8..11]);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_arrive_move_nothing_and_repeat_nothing() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let all = posts(&app, &ann.client, &campaign, 0, 10).await;
    let first = page(&ann.client, "first: 4").await;
    assert_eq!(ids(&first), all[..4]);
    let arrived = posts(&app, &ann.client, &campaign, 10, 3).await;
    let rest = format!("first: 50, after: {}", first["pageInfo"]["endCursor"]);
    assert_eq!(ids(&page(&ann.client, &rest).await), all[4..]);
    // They are before everything that was there.
    let newer = format!("last: 50, before: {}", first["pageInfo"]["startCursor"]);
    assert_eq!(ids(&page(&ann.client, &newer).await), arrived);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_come_where_nobody_says_how_many_and_none_where_none_are_wanted() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let all = posts(&app, &ann.client, &campaign, 0, 25).await;
    let data = ann.client.ok("{ posts { nodes { id } } }", json!({})).await;
    assert_eq!(data["posts"]["nodes"].as_array().unwrap().len(), 20);
    let none = page(&ann.client, "first: 0").await;
    assert!(ids(&none).is_empty());
    assert_eq!(beyond(&none), (false, true));
    assert_eq!(ids(&page(&ann.client, "first: 100").await), all);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_cannot_be_is_refused() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    posts(&app, &ann.client, &campaign, 0, 1).await;
    for arguments in [
        "first: 101",
        "first: -1",
        "last: 101",
        "last: -1",
        "first: 1, last: 1",
        "after: \"\"",
        "after: \"no cursor\"",
        "before: \"YWZ0ZXI6\"",
        "before: \"UG9zdDox\"",
    ] {
        for field in ["posts", "campaigns", "alerts", "applications", "affiliates"] {
            let query = format!("{{ {field}({arguments}) {{ nodes {{ id }} }} }}");
            let code = ann.client.code(&query, json!({})).await;
            assert_eq!(code, "BAD_USER_INPUT", "{query}");
        }
    }
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_is_that_of_the_whole_list_that_the_caller_sees() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let of_ann = posts(&app, &ann.client, &campaign, 0, 7).await;
    posts(&app, &bob.client, &campaign, 0, 2).await;
    let claim = json!({ "claimedViews": 2 });
    reported(&ann.client, &of_ann[0], claim).await;
    let by_ann = format!("first: 1, filter: {{ affiliateId: \"{}\" }}", ann.id);
    for (client, arguments, total) in [
        (&ann.client, "first: 2", 7),
        (&ann.client, "first: 0", 7),
        (&bob.client, "last: 1", 2),
        (&acme.client, "first: 1", 9),
        (&acme.client, &*by_ann, 7),
    ] {
        let query = format!(
            "{{ posts({arguments}) {{ nodes {{ id }} ...Length }} }} \
             fragment Length on PostConnection {{ length: totalCount }}"
        );
        let data = client.ok(&query, json!({})).await;
        assert_eq!(data["posts"]["length"], total, "{arguments}");
    }
    let data = ann
        .client
        .ok(
            "query($id: ID!) { post(id: $id) { reports(first: 1) { totalCount nodes { id } } } }",
            json!({ "id": of_ann[0] }),
        )
        .await;
    assert_eq!(data["post"]["reports"]["totalCount"], 2);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_counted_where_no_total_is_asked_for() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    posts(&app, &ann.client, &campaign, 0, 3).await;
    for arguments in ["first: 1", "last: 1", "first: 100"] {
        for viewer in [cost::operator(), cost::affiliate(&ann)] {
            let rows = format!("{{ posts({arguments}) {{ nodes {{ id }} }} }}");
            let counted = format!("{{ posts({arguments}) {{ totalCount nodes {{ id }} }} }}");
            assert_eq!(cost::statements(&app, viewer, &rows).await.0, 1);
            assert_eq!(cost::statements(&app, viewer, &counted).await.0, 2);
        }
    }
    app.abandon().await;
}
