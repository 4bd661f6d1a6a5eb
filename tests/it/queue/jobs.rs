//! A job from its making to its end, by the crate's own calls.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use sqlxmq::{Checkpoint, JobBuilder};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{LEASE, Queue};
use crate::support::{PATIENCE, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_spawned_job_comes_as_it_was_built_and_goes_when_it_is_complete() {
    let queue = Queue::start().await;
    let id = JobBuilder::new("greet")
        .set_channel_name("a")
        .set_retry_backoff(LEASE)
        .set_json(&json!({ "whom": "you" }))
        .unwrap()
        .set_raw_bytes(&[0, 255])
        .spawn(&queue.pool)
        .await
        .unwrap();
    assert!(sqlxmq::exists(&queue.pool, id).await.unwrap());

    let mut runner = queue.runner("a").await;
    let mut job = runner.next().await;
    assert_eq!(job.id(), id);
    assert_eq!(job.name(), "greet");
    assert_eq!(job.json::<Value>().unwrap(), Some(json!({ "whom": "you" })));
    assert_eq!(job.raw_bytes(), Some(&[0, 255][..]));
    assert!(sqlxmq::exists(&queue.pool, id).await.unwrap());

    job.complete().await.unwrap();
    assert!(!sqlxmq::exists(&queue.pool, id).await.unwrap());
    assert_eq!(queue.number("SELECT count(*) FROM mq_msgs").await, 0);
    drop(job);
    assert_eq!(runner.handle.num_running_jobs(), 0);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_seen_at_once_by_a_runner_that_found_nothing_before() {
    let queue = Queue::start().await;
    let mut runner = queue.runner("a").await;
    // Without the notification it would look again after 60 seconds.
    queue.polled().await;
    let id = queue.spawn("a").await;
    assert_eq!(runner.next().await.id(), id);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_takes_no_jobs_of_other_channels() {
    let queue = Queue::start().await;
    let other = queue.spawn("b").await;
    let mine = queue.spawn("a").await;
    let mut runner = queue.runner("a").await;
    assert_eq!(runner.next().await.id(), mine);
    assert_eq!(queue.poll(&["b"], 10).await, [other.to_string()]);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_job_waits_for_its_time() {
    let queue = Queue::start().await;
    let id = JobBuilder::new("later")
        .set_channel_name("a")
        .set_delay(Duration::from_hours(1))
        .spawn(&queue.pool)
        .await
        .unwrap();
    queue.move_clock("59 minutes").await;
    assert!(queue.poll(&["a"], 10).await.is_empty());
    queue.move_clock("61 minutes").await;
    let mut runner = queue.runner("a").await;
    assert_eq!(runner.next().await.id(), id);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_dropped_comes_again_after_its_lease_with_an_attempt_less() {
    let queue = Queue::start().await;
    let id = queue.spawn("a").await;
    assert_eq!(queue.attempts().await, 5);
    let mut runner = queue.runner("a").await;
    drop(runner.next().await);
    assert_eq!(queue.attempts().await, 4);

    queue.move_clock("9 minutes").await;
    assert!(queue.poll(&["a"], 10).await.is_empty(), "it is leased");
    queue.move_clock("1 hour").await;
    queue.wake("a").await;
    assert_eq!(runner.next().await.id(), id);
    assert_eq!(queue.attempts().await, 3);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_completed_in_the_transaction_of_its_effects_or_not_at_all() {
    let queue = Queue::start().await;
    queue
        .execute(
            "CREATE TABLE effects (id integer PRIMARY KEY, \
             other integer REFERENCES effects DEFERRABLE INITIALLY DEFERRED)",
        )
        .await;
    let id = queue.spawn("a").await;
    let mut runner = queue.runner("a").await;
    let mut job = runner.next().await;

    // The reference is found broken when the transaction commits, after the job was removed in it.
    let mut broken = queue.pool.begin().await.unwrap();
    sqlx::query("INSERT INTO effects VALUES (1, 2)")
        .execute(&mut *broken)
        .await
        .unwrap();
    assert!(job.complete_with_transaction(broken).await.is_err());
    assert!(sqlxmq::exists(&queue.pool, id).await.unwrap());

    let mut whole = queue.pool.begin().await.unwrap();
    sqlx::query("INSERT INTO effects VALUES (1, 1)")
        .execute(&mut *whole)
        .await
        .unwrap();
    job.complete_with_transaction(whole).await.unwrap();
    assert!(!sqlxmq::exists(&queue.pool, id).await.unwrap());
    assert_eq!(queue.number("SELECT count(*) FROM effects").await, 1);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_kept_alive_is_nobody_elses_for_so_long() {
    let queue = Queue::start().await;
    let id = queue.spawn("a").await;
    let mut runner = queue.runner("a").await;
    let mut job = runner.next().await;
    job.keep_alive(Duration::from_hours(2)).await.unwrap();
    // A shorter wish does not shorten the lease.
    job.keep_alive(Duration::from_secs(1)).await.unwrap();
    queue.move_clock("119 minutes").await;
    assert!(queue.poll(&["a"], 10).await.is_empty());
    queue.move_clock("121 minutes").await;
    assert_eq!(queue.poll(&["a"], 10).await, [id.to_string()]);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_replaces_the_payload_and_adds_attempts() {
    let queue = Queue::start().await;
    JobBuilder::new("steps")
        .set_channel_name("a")
        .set_retry_backoff(LEASE)
        .set_raw_json("1")
        .set_raw_bytes(b"kept")
        .spawn(&queue.pool)
        .await
        .unwrap();
    let mut runner = queue.runner("a").await;
    let mut job = runner.next().await;
    let mut checkpoint = Checkpoint::new_keep_alive(Duration::from_hours(2));
    checkpoint.set_raw_json("2").set_extra_retries(3);
    job.checkpoint(&checkpoint).await.unwrap();
    drop(job);
    assert_eq!(queue.attempts().await, 4 + 3);
    queue.move_clock("119 minutes").await;
    assert!(queue.poll(&["a"], 10).await.is_empty(), "it is kept alive");

    queue.move_clock("121 minutes").await;
    queue.wake("a").await;
    let again = runner.next().await;
    assert_eq!(again.raw_json(), Some("2"));
    assert_eq!(again.raw_bytes(), Some(&b"kept"[..]));
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_part_of_the_transaction_that_it_is_given() {
    let queue = Queue::start().await;
    queue
        .execute(
            "CREATE TABLE effects (id integer PRIMARY KEY, \
             other integer REFERENCES effects DEFERRABLE INITIALLY DEFERRED)",
        )
        .await;
    queue.spawn("a").await;
    let mut runner = queue.runner("a").await;
    let mut job = runner.next().await;
    let mut checkpoint = Checkpoint::new();
    checkpoint.set_raw_json("2");

    let mut broken = queue.pool.begin().await.unwrap();
    sqlx::query("INSERT INTO effects VALUES (1, 2)")
        .execute(&mut *broken)
        .await
        .unwrap();
    let refused = job.checkpoint_with_transaction(broken, &checkpoint).await;
    assert!(refused.is_err());
    let payloads = "SELECT count(*) FROM mq_msgs WHERE payload_json IS NOT NULL";
    assert_eq!(queue.number(payloads).await, 0);

    let whole = queue.pool.begin().await.unwrap();
    job.checkpoint_with_transaction(whole, &checkpoint)
        .await
        .unwrap();
    assert_eq!(queue.number(payloads).await, 1);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_two_phases_runs_when_it_is_committed_and_is_thrown_away_when_not() {
    let queue = Queue::start().await;
    let mut ids = Vec::new();
    for name in ["committed", "forgotten"] {
        let id = JobBuilder::new(name)
            .set_channel_name("a")
            .set_retry_backoff(LEASE)
            .set_commit_interval(Some(Duration::from_mins(1)))
            .spawn(&queue.pool)
            .await
            .unwrap();
        ids.push(id);
    }
    let mut runner = queue.runner("a").await;
    assert!(queue.poll(&["a"], 10).await.is_empty());

    sqlxmq::commit(&queue.pool, &ids[..1]).await.unwrap();
    queue.wake("a").await;
    let mut job = runner.next().await;
    assert_eq!(job.name(), "committed");
    job.complete().await.unwrap();

    queue.move_clock("2 minutes").await;
    queue.wake("a").await;
    until("the job that was not committed is gone", async || {
        queue.number("SELECT count(*) FROM mq_msgs").await == 0
    })
    .await;
    assert!(runner.jobs.try_recv().is_err(), "it ran");
    assert_eq!(queue.number("SELECT count(*) FROM dead_jobs").await, 0);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clearing_removes_the_jobs_of_the_named_channels_or_all() {
    let queue = Queue::start().await;
    for channel in ["a", "b", "c"] {
        queue.spawn(channel).await;
    }
    sqlxmq::clear(&queue.pool, &["a", "b"]).await.unwrap();
    let left = "SELECT string_agg(channel_name, ' ') FROM mq_msgs";
    assert_eq!(queue.text(left).await, "c");

    queue.spawn("a").await;
    sqlxmq::clear_all(&queue.pool).await.unwrap();
    assert_eq!(queue.number("SELECT count(*) FROM mq_msgs").await, 0);
    let id = queue.spawn("a").await;
    assert_eq!(queue.poll(&["a"], 10).await, [id.to_string()]);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ordered_jobs_and_channel_arguments_are_refused_with_an_error() {
    let queue = Queue::start().await;
    let mut ordered = JobBuilder::new("ordered");
    ordered.set_channel_name("a").set_ordered(true);
    let mut with_arguments = JobBuilder::new("with arguments");
    with_arguments.set_channel_name("a").set_channel_args("x");
    for builder in [ordered, with_arguments] {
        let error = builder.spawn(&queue.pool).await.unwrap_err();
        let code = error
            .as_database_error()
            .and_then(|error| Some(error.code()?.into_owned()));
        // feature_not_supported
        assert_eq!(code.as_deref(), Some("0A000"), "{error}");
    }
    assert_eq!(queue.number("SELECT count(*) FROM mq_msgs").await, 0);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runners_share_the_jobs_and_never_have_the_same_one() {
    const JOBS: usize = 300;
    let queue = Queue::start().await;
    queue
        .execute(&format!(
            "INSERT INTO mq_msgs (channel_name, name) SELECT 'a', 'job' FROM generate_series(1, {JOBS})"
        ))
        .await;
    let (sender, mut jobs) = mpsc::unbounded_channel();
    // Few at a time, so that the two poll again and again.
    let runners = [
        queue.runner_into("a", (4, 8), sender.clone()).await,
        queue.runner_into("a", (4, 8), sender).await,
    ];
    let mut seen = HashSet::new();
    while seen.len() < JOBS {
        let mut job = timeout(PATIENCE, jobs.recv()).await.unwrap().unwrap();
        assert!(seen.insert(job.id()), "{} was taken twice", job.id());
        job.complete().await.unwrap();
    }
    assert!(jobs.try_recv().is_err(), "a job came that was done");
    drop(runners);
    queue.end().await;
}
