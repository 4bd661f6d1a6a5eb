//! Up to five hundred posts at once: each gets the answer that it would get alone, at the cost of one transaction.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::cost::{affiliate, statements};
use crate::scene::{self, refusals};
use crate::support::{Client, TestApp};

async fn submit(client: &Client, campaign: &str, posts: Value) -> Value {
    let data = client
        .ok(
            "mutation($input: SubmitPostsInput!) { submitPosts(input: $input) { results { post { id url } report { id } \
             userErrors { code message field } } userErrors { code message field } } }",
            json!({ "input": { "campaignId": campaign, "posts": posts } }),
        )
        .await;
    data["submitPosts"].clone()
}

fn url(nth: usize) -> String {
    format!("https://www.reddit.com/r/homeroasters/comments/1b{nth:05}/a_post/")
}

fn claims(from: usize, count: usize) -> Value {
    (from..from + count)
        .map(|nth| json!({ "url": url(nth), "claimedViews": nth }))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_posts_cost_as_many_statements_as_one() {
    let mut app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let query = |posts: &Value| {
        let posts: Vec<String> = posts
            .as_array()
            .unwrap()
            .iter()
            .map(|post| {
                format!(
                    "{{ url: {}, claimedViews: {} }}",
                    post["url"], post["claimedViews"]
                )
            })
            .collect();
        format!(
            "mutation {{ submitPosts(input: {{ campaignId: \"{campaign}\", posts: [{}] }}) {{ \
             results {{ userErrors {{ code }} }} }} }}",
            posts.join(", ")
        )
    };
    let (one, _) = statements(&app, affiliate(&ann), &query(&claims(0, 1))).await;
    let (many, data) = statements(&app, affiliate(&ann), &query(&claims(1, 500))).await;
    assert_eq!(many, one, "statements");
    assert_eq!(
        data["submitPosts"]["results"].as_array().unwrap().len(),
        500
    );
    assert_eq!(app.database.number("SELECT count(*) FROM posts").await, 501);
    assert_eq!(
        app.database
            .number("SELECT count(DISTINCT xmin::text) FROM posts")
            .await,
        2,
        "transactions"
    );
    app.start_worker();
    app.settled().await;
    let checked = "SELECT count(DISTINCT affiliate_report_id) FROM reconciliation_logs";
    assert_eq!(app.database.number(checked).await, 501);
    let kept = countersign::db::rollup::check(&mut app.app.db.get().await.unwrap())
        .await
        .unwrap();
    assert_eq!(kept, []);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_post_has_its_own_answer_in_its_place() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    scene::submitted(
        &ann.client,
        &campaign,
        &url(1),
        json!({ "claimedViews": 1 }),
    )
    .await;
    let payload = submit(
        &ann.client,
        &campaign,
        json!([
            { "url": url(2), "claimedViews": 5 },
            { "url": url(1), "claimedViews": 5 },
            { "url": "nonsense", "claimedViews": 5 },
            { "url": url(3) },
            { "url": url(4), "claimedViews": -1 },
            { "url": "https://www.instagram.com/p/CxYz/", "claimedViews": 5 },
            { "url": url(2), "claimedViews": 6 },
            { "url": url(5), "claimedViews": 9_007_199_254_740_991_u64, "title": "夏" },
            { "url": url(6), "claimedViews": 1, "title": "x".repeat(501) },
        ]),
    )
    .await;
    let said: Vec<Vec<String>> = payload["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(refusals)
        .collect();
    let said: Vec<&str> = said
        .iter()
        .map(|all| all.first().map_or("", |first| first))
        .collect();
    assert_eq!(
        said,
        [
            "",
            "POST_ALREADY_SUBMITTED url",
            "INVALID url",
            "NOTHING_CLAIMED claimedViews",
            "OUT_OF_RANGE claimedViews",
            "PLATFORM_NOT_IN_CAMPAIGN url",
            "POST_ALREADY_SUBMITTED url",
            "",
            "TOO_LONG title",
        ],
        "{payload}"
    );
    assert_eq!(app.database.number("SELECT count(*) FROM posts").await, 3);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_makes_one_of_equal_posts_of_one_batch_and_of_two() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let posts = json!([
        { "url": url(1), "claimedViews": 5, "idempotencyKey": "a" },
        { "url": url(2), "claimedViews": 5, "idempotencyKey": "b" },
        { "url": url(1), "claimedViews": 5, "idempotencyKey": "a" },
        { "url": url(3), "claimedViews": 5, "idempotencyKey": "b" },
    ]);
    let answers = join_all((0..6).map(|_| submit(&ann.client, &campaign, posts.clone()))).await;
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    let results = &answers[0]["results"];
    assert_eq!(results[0], results[2], "one submission, twice");
    assert_eq!(
        refusals(&results[3]),
        ["IDEMPOTENCY_KEY_REUSED idempotencyKey"]
    );
    assert_eq!(app.database.number("SELECT count(*) FROM posts").await, 2);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_are_refused_as_a_whole() {
    let app = TestApp::start().await;
    let (_, ann, campaign) = app.program(&["REDDIT"]).await;
    let payload = submit(&ann.client, &campaign, claims(0, 501)).await;
    assert_eq!(refusals(&payload), ["TOO_MANY posts"], "{payload}");
    assert_eq!(payload["results"], json!([]));
    let payload = submit(&ann.client, &campaign, json!([])).await;
    assert_eq!(
        (&payload["results"], &payload["userErrors"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(app.database.number("SELECT count(*) FROM posts").await, 0);
    app.abandon().await;
}
