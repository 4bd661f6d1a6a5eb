//! No event is lost and none comes twice: after a pause, in a burst, while new ones arrive, and when transactions overlap.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use serde_json::Value;

use crate::scene::{Watcher, row, text};
use crate::support::{TestApp, until};

/// A statement that raises alerts whose messages are the numbers from `first` to `last`, each with its event.
fn numbered(campaign: &str, first: usize, last: usize) -> String {
    let campaign = row(campaign);
    format!(
        "WITH new AS (INSERT INTO alerts (kind, level, finality, dedupe_key, campaign_id, message, created_at) \
         SELECT 'OVERCLAIM', 'HIGH', 'FINAL', 'OVERCLAIM:numbered ' || n, {campaign}, n::text, \
         countersign_now() FROM generate_series({first}, {last}) n RETURNING id) \
         INSERT INTO alert_events (alert_id, kind, occurred_at) \
         SELECT id, 'RAISED', countersign_now() FROM new ORDER BY id"
    )
}

/// The numbers in the messages of events.
fn numbers(events: &[Value]) -> Vec<usize> {
    events
        .iter()
        .map(|event| text(&event["alert"]["message"]).parse().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_gets_all_that_was_missed_and_then_what_is_new() {
    let app = TestApp::start().await;
    let (acme, _, campaign) = app.program(&["REDDIT"]).await;
    app.database.execute(&numbered(&campaign, 1, 1200)).await;

    let mut from_the_beginning = Watcher::start(&acme.client, "").await;
    let events = from_the_beginning.take(1200).await;
    assert_eq!(numbers(&events), Vec::from_iter(1..=1200));
    let cursor = text(&events[99]["cursor"]);
    let mut from_the_hundredth = Watcher::after(&acme.client, &cursor, "").await;
    let missed = from_the_hundredth.take(1100).await;
    assert_eq!(numbers(&missed), Vec::from_iter(101..=1200));

    app.database.execute(&numbered(&campaign, 1201, 1201)).await;
    for watcher in [&mut from_the_beginning, &mut from_the_hundredth] {
        assert_eq!(numbers(&watcher.take(1).await), [1201]);
    }
    let cursor = text(&events[1199]["cursor"]);
    let mut at_the_end = Watcher::after(&acme.client, &cursor, "").await;
    assert_eq!(numbers(&at_the_end.take(1).await), [1201]);
    drop((from_the_beginning, from_the_hundredth, at_the_end));
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_that_is_larger_than_the_buffer_reaches_a_live_subscriber_whole() {
    let app = TestApp::start().await;
    let (acme, _, campaign) = app.program(&["REDDIT"]).await;
    let mut watcher = Watcher::start(&acme.client, "").await;
    app.database.execute(&numbered(&campaign, 1, 1)).await;
    // From here on the subscriber has caught up, and is live.
    assert_eq!(numbers(&watcher.take(1).await), [1]);
    app.database.execute(&numbered(&campaign, 2, 3000)).await;
    let events = watcher.take(2999).await;
    assert_eq!(numbers(&events), Vec::from_iter(2..=3000));
    drop(watcher);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_arrive_while_a_subscriber_catches_up_come_once_and_in_order() {
    let app = TestApp::start().await;
    let (acme, _, campaign) = app.program(&["REDDIT"]).await;
    app.database.execute(&numbered(&campaign, 1, 1200)).await;
    let sql = app.database.connect().await;
    let arriving = async {
        for batch in 0..80 {
            let first = 1201 + batch * 10;
            sql.batch_execute(&numbered(&campaign, first, first + 9))
                .await
                .unwrap();
        }
    };
    let watching = async {
        let mut watcher = Watcher::start(&acme.client, "").await;
        watcher.take(2000).await
    };
    let ((), events) = tokio::join!(arriving, watching);
    assert_eq!(numbers(&events), Vec::from_iter(1..=2000));
    app.abandon().await;
}

/// Whether a transaction waits for another one's advisory lock.
async fn is_blocked(app: &TestApp) -> bool {
    let waiting = app
        .database
        .number(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = \
             (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .await;
    waiting == 1
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_transactions_that_overlap_are_delivered_whichever_commits_first() {
    let app = TestApp::start().await;
    let (acme, _, campaign) = app.program(&["REDDIT"]).await;
    let mut watcher = Watcher::start(&acme.client, "").await;
    let (slow, fast) = (app.database.connect().await, app.database.connect().await);

    // The slow one has an event and has not committed; one that comes after it waits, so that nobody reads past the first.
    slow.batch_execute("BEGIN").await.unwrap();
    slow.batch_execute(&numbered(&campaign, 1, 1))
        .await
        .unwrap();
    let second = format!("BEGIN; {}; COMMIT", numbered(&campaign, 2, 2));
    let waiting = tokio::spawn(async move {
        fast.batch_execute(&second).await.unwrap();
        fast
    });
    until("the second transaction waits for the first", async || {
        is_blocked(&app).await
    })
    .await;
    slow.batch_execute("COMMIT").await.unwrap();
    let fast = waiting.await.unwrap();
    assert_eq!(numbers(&watcher.take(2).await), [1, 2]);

    // The slow one begins first, and writes and commits last.
    slow.batch_execute("BEGIN; SELECT pg_current_xact_id()")
        .await
        .unwrap();
    fast.batch_execute("BEGIN").await.unwrap();
    fast.batch_execute(&numbered(&campaign, 3, 3))
        .await
        .unwrap();
    let fourth = format!("{}; COMMIT", numbered(&campaign, 4, 4));
    let waiting = tokio::spawn(async move { slow.batch_execute(&fourth).await.unwrap() });
    until("the older transaction waits for the newer", async || {
        is_blocked(&app).await
    })
    .await;
    fast.batch_execute("COMMIT").await.unwrap();
    let third = watcher.next().await;
    waiting.await.unwrap();
    assert_eq!(numbers(&[third.clone(), watcher.next().await]), [3, 4]);
    let mut resumed = Watcher::after(&acme.client, &text(&third["cursor"]), "").await;
    assert_eq!(numbers(&resumed.take(1).await), [4]);
    drop((watcher, resumed));
    app.abandon().await;
}
