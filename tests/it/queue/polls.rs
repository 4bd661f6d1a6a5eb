//! What a poll takes, what it leaves to others, and what it costs.

use serde_json::Value;
use sqlxmq::JobBuilder;
use tokio_postgres::SimpleQueryMessage;

use super::{LEASE, Queue, poll};

impl Queue {
    /// Adds jobs to a channel, due so long from now.
    async fn fill(&self, channel: &str, jobs: usize, due: &str) {
        self.execute(&format!(
            "INSERT INTO mq_msgs (channel_name, name, attempt_at) \
             SELECT '{channel}', 'job', countersign_now() + interval '{due}' FROM generate_series(1, {jobs})"
        ))
        .await;
    }

    /// How many jobs of a channel are leased.
    async fn leased(&self, channel: &str) -> i64 {
        self.number(&format!(
            "SELECT count(*) FROM mq_msgs WHERE channel_name = '{channel}' AND attempts < 5"
        ))
        .await
    }

    /// How many of the database's pages a statement looks at.
    async fn pages(&self, statement: &str) -> u64 {
        let explain = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}");
        let answer = self.sql.simple_query(&explain).await.unwrap();
        let text = answer
            .iter()
            .find_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            })
            .unwrap();
        let explained: Value = serde_json::from_str(text).unwrap();
        let plan = &explained[0]["Plan"];
        plan["Shared Hit Blocks"].as_u64().unwrap() + plan["Shared Read Blocks"].as_u64().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_takes_the_oldest_of_a_channel_first() {
    let queue = Queue::start().await;
    let mut ids = Vec::new();
    for age in [1, 3, 2] {
        let id = queue.spawn("a").await.to_string();
        queue
            .execute(&format!(
                "UPDATE mq_msgs SET attempt_at = countersign_now() - interval '{age} hours' WHERE id = '{id}'"
            ))
            .await;
        ids.push(id);
    }
    assert_eq!(queue.poll(&["a"], 1).await, [ids[1].clone()]);
    assert_eq!(queue.poll(&["a"], 1).await, [ids[2].clone()]);
    assert_eq!(queue.poll(&["a"], 1).await, [ids[0].clone()]);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_with_many_jobs_does_not_starve_one_with_few() {
    let queue = Queue::start().await;
    queue.fill("crowded", 1000, "-2 hours").await;
    queue.fill("quiet", 3, "-1 hour").await;
    assert_eq!(queue.poll(&["crowded", "quiet"], 10).await.len(), 8);
    assert_eq!(queue.leased("quiet").await, 3);
    assert_eq!(queue.leased("crowded").await, 5);
    // Alone it gets the whole poll.
    assert_eq!(queue.poll(&["crowded", "quiet"], 10).await.len(), 10);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_channels_never_make_a_poll_longer_than_was_asked_for() {
    let queue = Queue::start().await;
    for channel in ["a", "b", "c"] {
        queue.fill(channel, 10, "-1 hour").await;
    }
    assert_eq!(queue.poll(&["a", "b", "c"], 2).await.len(), 2);
    assert_eq!(queue.poll(&["a", "b", "c"], 0).await.len(), 0);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_of_no_named_channel_is_one_of_all() {
    let queue = Queue::start().await;
    for channel in ["a", "b", "c"] {
        queue.fill(channel, 2, "-1 hour").await;
    }
    queue.fill("later", 2, "1 hour").await;
    let (taken, _) = poll(&queue.sql, None, 100).await;
    assert_eq!(taken.len(), 6);
    assert_eq!(queue.leased("later").await, 0);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_polls_at_once_take_different_jobs_and_neither_waits_for_the_other() {
    let queue = Queue::start().await;
    queue.fill("a", 15, "-1 hour").await;
    let first = queue.database.connect().await;
    let second = queue.database.connect().await;
    second
        .batch_execute("SET statement_timeout = '10s'")
        .await
        .unwrap();
    first.batch_execute("BEGIN").await.unwrap();
    let (mut taken, _) = poll(&first, Some(&["a"]), 10).await;
    let (others, _) = poll(&second, Some(&["a"]), 10).await;
    assert_eq!((taken.len(), others.len()), (10, 5));
    taken.extend(others);
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 15, "a job was taken by both");

    // What the first holds is due, so the second is to look again soon.
    let (none, wait) = poll(&second, Some(&["a"]), 10).await;
    assert!(none.is_empty());
    assert!(wait < 1.0, "{wait} s");
    first.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(poll(&second, Some(&["a"]), 20).await.0.len(), 10);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_row_of_a_poll_says_how_long_to_wait() {
    let queue = Queue::start().await;
    // In one transaction, where no time passes.
    queue.execute("BEGIN").await;
    let wait = async |batch| poll(&queue.sql, Some(&["a"]), batch).await.1;
    let exactly = |seconds: f64, expected: f64| (seconds - expected).abs() < 1e-6;
    assert!(exactly(wait(10).await, 60.0), "an empty queue");
    queue.fill("a", 1, "1 hour").await;
    assert!(exactly(wait(10).await, 60.0), "never longer than a minute");
    queue.fill("a", 1, "12 seconds").await;
    assert!(exactly(wait(10).await, 12.0), "until the next job is due");
    queue.fill("b", 1, "1 second").await;
    assert!(exactly(wait(10).await, 12.0), "another channel's jobs");
    queue.fill("a", 3, "-1 second").await;
    assert!(exactly(wait(2).await, 0.0), "there is more now");
    queue.execute("ROLLBACK").await;
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_names_the_worker_that_has_it() {
    let queue = Queue::start().await;
    queue.spawn("a").await;
    let worker = "SELECT coalesce(worker_id, -1) FROM mq_msgs";
    assert_eq!(queue.number(worker).await, -1);
    queue
        .execute(
            "INSERT INTO queue_workers (id) VALUES (77); \
             SELECT set_config('countersign.worker_id', '77', false)",
        )
        .await;
    assert_eq!(queue.poll(&["a"], 10).await.len(), 1);
    assert_eq!(queue.number(worker).await, 77);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_attempt_has_a_lease_like_every_other() {
    let queue = Queue::start().await;
    JobBuilder::new("once")
        .set_channel_name("a")
        .set_retries(0)
        .set_retry_backoff(LEASE)
        .spawn(&queue.pool)
        .await
        .unwrap();
    assert_eq!(queue.poll(&["a"], 10).await.len(), 1);
    assert_eq!(queue.attempts().await, 0);
    let left = "SELECT extract(epoch FROM attempt_at - countersign_now()) FROM mq_msgs";
    let left = queue.number(left).await;
    assert!((540..=600).contains(&left), "leased for {left} s");
    // It is over for polls, whenever they come.
    queue.move_clock("1 year").await;
    assert!(queue.poll(&["a"], 10).await.is_empty());
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_costs_the_same_however_many_jobs_wait() {
    const WAITING: usize = 50_000;
    let queue = Queue::start().await;
    queue.fill("later", WAITING, "1 day").await;
    queue.fill("now", WAITING, "-1 day").await;
    queue.execute("ANALYZE mq_msgs").await;
    let table = "SELECT pg_relation_size('mq_msgs') / 8192";
    let table = queue.number(table).await;
    assert!(table > 1000, "the table has only {table} pages");

    // Once before, so that what is counted is not the planning; then often enough for a plan that is kept.
    for (statement, most) in [
        ("SELECT * FROM mq_poll(ARRAY['later'], 10)", 50),
        ("SELECT * FROM mq_poll(ARRAY['later', 'now'], 10)", 400),
        ("SELECT * FROM mq_poll(NULL, 10)", 400),
    ] {
        queue.pages(statement).await;
        for _ in 0..8 {
            let pages = queue.pages(statement).await;
            assert!(pages <= most, "{statement} looks at {pages} pages");
        }
    }
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn finishing_a_job_costs_the_same_however_many_jobs_wait() {
    let queue = Queue::start().await;
    queue.fill("later", 50_000, "1 day").await;
    queue.execute("ANALYZE mq_msgs").await;
    let statement = "SELECT mq_delete(ARRAY(SELECT id FROM mq_msgs LIMIT 1))";
    queue.pages(statement).await;
    for _ in 0..8 {
        let pages = queue.pages(statement).await;
        assert!(pages <= 50, "removing one job looks at {pages} pages");
    }
    assert_eq!(
        queue.number("SELECT count(*) FROM mq_msgs").await,
        50_000 - 9
    );
    queue.end().await;
}
