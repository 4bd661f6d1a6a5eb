//! The affiliates overview in every order, page by page both ways; and the queue, its dead jobs taken up again or thrown away.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, submitted, text};
use crate::support::{Client, TestApp};

/// The names of a whole list, read in pages of two: forwards, or backwards from its end.
async fn names(client: &Client, arguments: &str, forwards: bool) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = if forwards {
            "first: 2, after: $cursor"
        } else {
            "last: 2, before: $cursor"
        };
        let query = format!(
            "query($cursor: String) {{ affiliates({page}, {arguments}) {{ nodes {{ name }} pageInfo {{ hasNextPage \
             hasPreviousPage startCursor endCursor }} }} }}"
        );
        let data = client.ok(&query, json!({ "cursor": cursor })).await;
        let nodes = data["affiliates"]["nodes"].as_array().unwrap();
        let page: Vec<String> = nodes.iter().map(|node| text(&node["name"])).collect();
        let info = &data["affiliates"]["pageInfo"];
        let (more, next) = if forwards {
            names.extend(page);
            (&info["hasNextPage"], &info["endCursor"])
        } else {
            names.splice(0..0, page);
            (&info["hasPreviousPage"], &info["startCursor"])
        };
        if *more != json!(true) {
            return names;
        }
        cursor = next.clone();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn affiliates_are_ordered_filtered_and_paged_both_ways() {
    let app = TestApp::start().await;
    app.database
        .execute(
            "INSERT INTO affiliates (name, trust_score, total_submissions, accurate_submissions, is_active) VALUES \
             ('delta', 0.50, 4, 2, true), ('alpha', 1.00, 0, 0, true), ('Echo', 0.50, 2, 1, true), \
             ('bravo', 0.75, 4, 3, false), ('charlie', 1.00, 9, 9, true)",
        )
        .await;
    for (order, expected) in [
        (
            "field: NAME, direction: ASC",
            "Echo alpha bravo charlie delta",
        ),
        (
            "field: NAME, direction: DESC",
            "delta charlie bravo alpha Echo",
        ),
        (
            "field: CREATED_AT, direction: ASC",
            "delta alpha Echo bravo charlie",
        ),
        (
            "field: CREATED_AT, direction: DESC",
            "charlie bravo Echo alpha delta",
        ),
        (
            "field: TRUST_SCORE, direction: ASC",
            "delta Echo bravo alpha charlie",
        ),
        (
            "field: TRUST_SCORE, direction: DESC",
            "charlie alpha bravo Echo delta",
        ),
        (
            "field: TOTAL_SUBMISSIONS, direction: DESC",
            "charlie bravo delta Echo alpha",
        ),
    ] {
        let expected: Vec<&str> = expected.split(' ').collect();
        let arguments = format!("orderBy: {{ {order} }}");
        for forwards in [true, false] {
            assert_eq!(
                names(&app.operator, &arguments, forwards).await,
                expected,
                "{order}, forwards: {forwards}"
            );
        }
    }
    for (filter, expected) in [
        ("isActive: false", "bravo"),
        ("minimumTrust: \"0.75\"", "alpha bravo charlie"),
        ("minimumTrust: \"0.5\", maximumTrust: \"0.6\"", "Echo delta"),
        ("search: \"ECH\"", "Echo"),
        ("search: \"%\"", ""),
    ] {
        let arguments =
            format!("orderBy: {{ field: NAME, direction: ASC }}, filter: {{ {filter} }}");
        let expected: Vec<&str> = expected.split_whitespace().collect();
        assert_eq!(
            names(&app.operator, &arguments, true).await,
            expected,
            "{filter}"
        );
    }
    // Who comes while one reads is neither missed nor shown twice where one is already past.
    let query = "query($cursor: String) { affiliates(first: 3, after: $cursor, orderBy: { field: TRUST_SCORE, direction: DESC }) \
        { nodes { name } pageInfo { endCursor } } }";
    let first = app.operator.ok(query, json!({})).await;
    app.database
        .execute(
            "INSERT INTO affiliates (name, trust_score) VALUES ('foxtrot', 1.00), ('golf', 0.60)",
        )
        .await;
    let cursor = &first["affiliates"]["pageInfo"]["endCursor"];
    let second = app.operator.ok(query, json!({ "cursor": cursor })).await;
    let nodes = second["affiliates"]["nodes"].as_array().unwrap();
    let rest: Vec<String> = nodes.iter().map(|node| text(&node["name"])).collect();
    assert_eq!(rest, ["golf", "Echo", "delta"]);
    app.finish().await;
}

async fn queue(app: &TestApp) -> Value {
    let data = app
        .operator
        .ok(
            "{ queue { ready delayed running oldestReadySeconds byKind { name ready dead } \
             deadJobs(first: 10) { totalCount nodes { id name attempts lastError payload } } } }",
            json!({}),
        )
        .await;
    data["queue"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_job_is_shown_and_taken_up_again_or_thrown_away() {
    let mut app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    app.start_worker();
    app.settled().await;
    app.stop_worker().await;
    let sample = scene::sample(&app, Platform::Reddit);
    let ids = submitted(
        &ann.client,
        &campaign,
        &sample.url,
        json!({ "claimedViews": 5 }),
    )
    .await;
    let shown = queue(&app).await;
    assert_eq!(
        (&shown["ready"], &shown["running"]),
        (&json!(1), &json!(0)),
        "{shown}"
    );
    assert!(shown["oldestReadySeconds"].is_number());
    // Given up, as after its last attempt.
    app.database
        .execute(
            "INSERT INTO dead_jobs (id, channel_name, name, created_at, last_error, payload_json) \
             SELECT id, channel_name, name, created_at, 'it broke', payload_json FROM mq_msgs WHERE name = 'reconcile'; \
             DELETE FROM mq_msgs WHERE name = 'reconcile'",
        )
        .await;
    let shown = queue(&app).await;
    let dead = &shown["deadJobs"]["nodes"][0];
    assert_eq!(
        (&shown["ready"], &shown["deadJobs"]["totalCount"]),
        (&json!(0), &json!(1)),
        "{shown}"
    );
    assert_eq!(
        (&dead["name"], &dead["lastError"]),
        (&json!("reconcile"), &json!("it broke"))
    );
    let mutation = |name: &str| {
        format!(
            "mutation($id: ID!) {{ {name}(input: {{ jobId: $id }}) {{ done userErrors {{ code field }} }} }}"
        )
    };
    let data = app
        .operator
        .ok(&mutation("retryJob"), json!({ "id": dead["id"] }))
        .await;
    assert_eq!(data["retryJob"]["done"], true, "{data}");
    app.start_worker();
    app.settled().await;
    let verdict = ann.client.verdict(&json!(ids.post)).await;
    assert!(
        verdict["latestReconciliation"]["id"].is_string(),
        "{verdict}"
    );
    for name in ["retryJob", "discardJob"] {
        let data = app
            .operator
            .ok(&mutation(name), json!({ "id": dead["id"] }))
            .await;
        assert_eq!(scene::refusals(&data[name]), ["NOT_FOUND jobId"], "{data}");
    }
    app.database
        .execute(
            "INSERT INTO dead_jobs (id, channel_name, name, created_at, last_error) VALUES \
             (gen_random_uuid(), 'nowhere', 'nothing', now(), 'none')",
        )
        .await;
    let dead = queue(&app).await["deadJobs"]["nodes"][0]["id"].clone();
    let data = app
        .operator
        .ok(&mutation("discardJob"), json!({ "id": dead }))
        .await;
    assert_eq!(data["discardJob"]["done"], true, "{data}");
    assert_eq!(queue(&app).await["deadJobs"]["totalCount"], 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advertiser_does_not_learn_who_works_in_anothers_campaign() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let borg = app.advertiser("Borg").await;
    app.approve(&borg, &ann).await;
    let sample = scene::sample(&app, Platform::Reddit);
    submitted(
        &ann.client,
        &campaign,
        &sample.url,
        json!({ "claimedViews": 5 }),
    )
    .await;
    for (client, expected) in [(&acme.client, 1), (&app.operator, 1), (&borg.client, 0)] {
        let query = "query($id: ID) { affiliates(filter: { campaignId: $id }) { totalCount } }";
        let data = client.ok(query, json!({ "id": campaign })).await;
        assert_eq!(data["affiliates"]["totalCount"], expected);
    }
    app.abandon().await;
}
