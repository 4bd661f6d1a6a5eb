//! Verdicts reach subscribers as they are reached: none is missed, none comes twice, and nobody gets another's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::simulator::Platform;
use serde_json::json;

use crate::access::socket::Socket;
use crate::scene::{self, row, submitted, text};
use crate::support::{Client, TestApp};

/// Before the first verdict.
const START: &str = "YWZ0ZXI6MA";

/// Subscribes with arguments such as `(after: "…")`, and does not wait for anything.
async fn watch(client: &Client, arguments: &str) -> Socket {
    let authorization = client.token.as_ref().map(|token| format!("Bearer {token}"));
    let payload = json!({ "authorization": authorization });
    let mut socket = Socket::open(&client.url, &payload).await;
    assert_eq!(socket.next().await.unwrap()["type"], "connection_ack");
    let query = format!(
        "subscription {{ reportReconciled{arguments} {{ cursor reconciliation {{ id affiliateReport {{ post {{ id }} }} }} }} }}"
    );
    socket.start(&query).await;
    socket
}

/// The cursor, the verdict and the post of the next event.
async fn next(socket: &mut Socket) -> [String; 3] {
    let message = socket.next().await.unwrap();
    let event = &message["payload"]["data"]["reportReconciled"];
    let verdict = &event["reconciliation"];
    [
        &event["cursor"],
        &verdict["id"],
        &verdict["affiliateReport"]["post"]["id"],
    ]
    .map(text)
}

/// The verdicts that there are, oldest first.
async fn stored(client: &Client) -> Vec<String> {
    let data = client
        .ok(
            "{ discrepancies(last: 100, filter: { status: [MATCHED, PARTIALLY_MATCHED, DISCREPANCY, UNVERIFIABLE, \
             NOT_COMPARABLE, FAILED] }) { nodes { id } } }",
            json!({}),
        )
        .await;
    let newest_first = data["discrepancies"]["nodes"].as_array().unwrap();
    newest_first
        .iter()
        .rev()
        .map(|node| text(&node["id"]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_gets_every_verdict_once_and_resumes_where_it_was() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["REDDIT", "INSTAGRAM"]).await;
    let borg = app.advertiser("Borg").await;
    let mut live = acme
        .client
        .subscribe(
            "subscription { reportReconciled { reconciliation { id } } }",
            json!({}),
        )
        .await;
    let from_start = format!("(after: \"{START}\")");
    let mut strangers = watch(&borg.client, &from_start).await;
    let samples = scene::samples(&app, Platform::Reddit, 12, |_| true);
    let mut posts = Vec::new();
    for sample in &samples {
        let claim = json!({ "claimedViews": 5 });
        posts.push(
            submitted(&ann.client, &campaign, &sample.url, claim)
                .await
                .post,
        );
    }
    let mut got = Vec::new();
    for _ in &samples {
        let event = live.next().await;
        got.push(text(&event["reportReconciled"]["reconciliation"]["id"]));
    }
    app.settled().await;
    assert_eq!(got, stored(&acme.client).await, "all, and in their order");

    // From the beginning, and from a cursor on, as often as one likes; of one post, only its own.
    let mut whole = watch(&acme.client, &from_start).await;
    let mut all = Vec::new();
    for id in &got {
        let event = next(&mut whole).await;
        assert_eq!(&event[1], id);
        all.push(event);
    }
    let mut resumed = watch(&acme.client, &format!("(after: \"{}\")", all[6][0])).await;
    for expected in &all[7..] {
        assert_eq!(&next(&mut resumed).await, expected);
    }
    let of_post = format!("(after: \"{START}\", postId: \"{}\")", posts[3]);
    let mut one = watch(&ann.client, &of_post).await;
    assert_eq!(next(&mut one).await[2], posts[3]);

    // Borg saw nothing of it: what it gets first is its own.
    app.approve(&borg, &ann).await;
    let own = app
        .campaign(&borg, &["REDDIT"], json!({ "lagWindowHours": 0 }))
        .await;
    submitted(
        &ann.client,
        &own,
        &samples[0].url,
        json!({ "claimedViews": 5 }),
    )
    .await;
    let [_, verdict, _] = next(&mut strangers).await;
    assert!(!got.contains(&verdict), "a stranger's verdict");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_that_is_committed_after_a_later_one_is_not_passed_over() {
    let mut app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let sample = scene::sample(&app, Platform::Reddit);
    let ids = submitted(
        &ann.client,
        &campaign,
        &sample.url,
        json!({ "claimedViews": 5 }),
    )
    .await;
    app.settled().await;
    app.stop_worker().await;
    let mut live = watch(&acme.client, &format!("(after: \"{START}\")")).await;
    let [_, first, _] = next(&mut live).await;
    // Two verdicts of two transactions, the first of which is committed last.
    let copy = |position: i64| {
        format!(
            "INSERT INTO reconciliation_logs (affiliate_report_id, platform_report_id, affiliate_id, post_id, policy_id, \
             status, discrepancy_level, finality, comparisons, explanation, chain_position, previous_hash, hash, \
             processed_at) SELECT affiliate_report_id, platform_report_id, affiliate_id, post_id, policy_id, status, \
             discrepancy_level, 'PROVISIONAL', comparisons, explanation, {position}, previous_hash, \
             repeat('{position}', 64), processed_at FROM reconciliation_logs WHERE affiliate_report_id = {} \
             ORDER BY id LIMIT 1 RETURNING id",
            row(&ids.report)
        )
    };
    let (slow, fast) = (app.database.connect().await, app.database.connect().await);
    slow.batch_execute("BEGIN").await.unwrap();
    let early: i64 = slow.query_one(&copy(2), &[]).await.unwrap().get(0);
    let late: i64 = fast.query_one(&copy(3), &[]).await.unwrap().get(0);
    assert!(early < late);
    // The reader has to meet the later one alone before the earlier one is there.
    crate::support::until("the reader waits for the writer", async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
            AND query LIKE '%pg_locks%' AND pid <> pg_backend_pid()";
        app.database.number(waiting).await > 0
    })
    .await;
    slow.batch_execute("COMMIT").await.unwrap();
    let mut got = vec![first];
    for _ in 0..2 {
        let [_, verdict, _] = next(&mut live).await;
        got.push(verdict);
    }
    assert_eq!(
        got[1..],
        [early, late].map(|id| scene::global_id("Reconciliation", id))
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_is_none_and_a_post_of_somebody_else_are_refused() {
    let app = TestApp::start().await;
    let (acme, ..) = app.program(&["REDDIT"]).await;
    for (arguments, code) in [
        ("(after: \"nonsense\")".to_owned(), "BAD_USER_INPUT"),
        (
            format!("(postId: \"{}\")", scene::global_id("Post", 1)),
            "NOT_FOUND",
        ),
        (format!("(postId: \"{}\")", acme.id), "BAD_USER_INPUT"),
    ] {
        let mut events = watch(&acme.client, &arguments).await;
        let message = events.next().await.unwrap();
        let errors = if message["type"] == "error" {
            &message["payload"]
        } else {
            &message["payload"]["errors"]
        };
        assert_eq!(
            errors[0]["extensions"]["code"], code,
            "{arguments}: {message}"
        );
    }
    app.abandon().await;
}
