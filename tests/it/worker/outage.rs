//! The database goes away and comes back.

use std::time::{Duration, Instant};

use countersign::simulator::{Fault, FaultKind, Platform};
use serde_json::json;
use tokio_postgres::NoTls;

use super::{count, finals, posts, program, submit_all};
use crate::support::{Client, TestApp, until};

/// Several beats of the worker, which looks each second.
const OUTAGE: Duration = Duration::from_secs(4);

const END_CONNECTIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
    AND datname = ";

/// A connection that stays while the test's database is away.
async fn maintenance() -> tokio_postgres::Client {
    let url = std::env::var("TEST_DATABASE_URL").unwrap();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Submits a post, as often as it takes until it is acknowledged.
async fn submit_until_taken(client: &Client, campaign: &str, url: &str) {
    until("the API takes submissions again", async || {
        let input = json!({ "campaignId": campaign, "url": url, "claimedViews": 1, "idempotencyKey": url });
        let answer = client
            .post(
                "mutation($input: SubmitPostInput!) { submitPost(input: $input) { userErrors { code } } }",
                json!({ "input": input }),
            )
            .await;
        answer["data"]["submitPost"]["userErrors"] == json!([])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_under_way_when_every_connection_breaks_are_done_once() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    submit_all(&affiliate, &campaign, &posts(&app, Platform::Reddit, 150)).await;
    let mut slow = Fault::new(Platform::Reddit, FaultKind::Latency);
    slow.latency_ms = 500;
    app.world.add_fault(slow);
    app.start_worker();
    until("posts are being asked for", async || {
        app.world.calls("reddit.info") > 0
    })
    .await;
    app.database
        .execute(&format!("{END_CONNECTIONS} current_database()"))
        .await;

    until("every claim is checked", async || finals(&app).await == 150).await;
    assert_eq!(count(&app, "platform_reports").await, 150);
    assert_eq!(count(&app, "reconciliation_logs").await, 150);
    submit_until_taken(
        &affiliate.client,
        &campaign,
        &posts(&app, Platform::Reddit, 151)[150].url,
    )
    .await;
    until("a new claim is checked", async || finals(&app).await == 151).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_comes_back_by_itself_when_the_database_was_away_for_a_while() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let posts = posts(&app, Platform::Reddit, 31);
    let name = app.database.text("current_database()").await;
    let maintenance = maintenance().await;
    app.start_worker();
    app.settled().await;
    let takers = app.database.text("SELECT max(id) FROM queue_workers").await;

    submit_all(&affiliate, &campaign, &posts[..30]).await;
    maintenance
        .batch_execute(&format!(
            "ALTER DATABASE {name} ALLOW_CONNECTIONS false; {END_CONNECTIONS} '{name}'"
        ))
        .await
        .unwrap();
    let begun = Instant::now();
    until("the outage is over", async || {
        // Whoever was just connecting goes too.
        maintenance
            .batch_execute(&format!("{END_CONNECTIONS} '{name}'"))
            .await
            .unwrap();
        begun.elapsed() > OUTAGE
    })
    .await;
    maintenance
        .batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        .await
        .unwrap();

    submit_until_taken(&affiliate.client, &campaign, &posts[30].url).await;
    until("every claim is checked", async || finals(&app).await == 31).await;
    assert_eq!(count(&app, "reconciliation_logs").await, 31);
    let others = format!("queue_workers WHERE id > {takers}");
    assert!(count(&app, &others).await > 0, "the worker never noticed");
    app.finish().await;
}
