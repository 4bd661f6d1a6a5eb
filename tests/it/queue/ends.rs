//! How a taken job ends without being finished: tried again, put back, given up, or taken from a worker that died. None
//! is lost, and none without its last error.

use countersign::db::{self, Pool};

use super::{Queue, poll};
use crate::support::until;

impl Queue {
    /// Queues a job on channel `a`, leases it, and gives its id.
    async fn taken(&self) -> String {
        let id = self.spawn("a").await.to_string();
        assert_eq!(self.poll(&["a"], 1).await, [id.clone()]);
        id
    }

    /// Queues a job whose one attempt has begun.
    async fn taken_for_the_last_time(&self) -> String {
        let id = self.spawn("a").await.to_string();
        self.execute("UPDATE mq_msgs SET attempts = 1, payload_json = '{\"n\": 1}'")
            .await;
        assert_eq!(self.poll(&["a"], 1).await, [id.clone()]);
        id
    }

    /// The ids of the jobs that `queue_bury_exhausted` buries.
    async fn bury_exhausted(&self) -> Vec<String> {
        let rows = self
            .sql
            .query("SELECT id::text FROM queue_bury_exhausted()", &[])
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Each dead job: its id, channel, name, payload and error.
    async fn dead(&self) -> Vec<String> {
        let rows = self
            .sql
            .query(
                "SELECT concat_ws(' | ', id, channel_name, name, payload_json, last_error) FROM dead_jobs",
                &[],
            )
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_to_be_tried_again_keeps_its_error_and_loses_the_attempt() {
    let queue = Queue::start().await;
    let id = queue.taken().await;
    queue
        .execute(&format!(
            "UPDATE mq_msgs SET worker_id = 1; SELECT queue_retry('{id}', interval '2 hours', 'no answer')"
        ))
        .await;
    assert_eq!(queue.attempts().await, 4);
    assert_eq!(
        queue.text("SELECT last_error FROM mq_msgs").await,
        "no answer"
    );
    assert_eq!(
        queue.number("SELECT count(worker_id) FROM mq_msgs").await,
        0
    );
    queue.move_clock("119 minutes").await;
    assert!(queue.poll(&["a"], 10).await.is_empty(), "it waits");
    queue.move_clock("121 minutes").await;
    assert_eq!(queue.poll(&["a"], 10).await, [id]);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_put_back_loses_no_attempt() {
    let queue = Queue::start().await;
    let id = queue.taken().await;
    queue
        .execute(&format!(
            "UPDATE mq_msgs SET worker_id = 1; SELECT queue_snooze(ARRAY['{id}']::uuid[], interval '2 hours')"
        ))
        .await;
    assert_eq!(queue.attempts().await, 5);
    assert_eq!(
        queue.number("SELECT count(worker_id) FROM mq_msgs").await,
        0
    );
    queue.move_clock("119 minutes").await;
    assert!(queue.poll(&["a"], 10).await.is_empty(), "it waits");
    queue.move_clock("121 minutes").await;
    assert_eq!(queue.poll(&["a"], 10).await, [id]);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_given_up_is_kept_with_why() {
    let queue = Queue::start().await;
    let id = queue.taken().await;
    queue
        .execute(&format!("SELECT queue_bury('{id}', 'it names nothing')"))
        .await;
    assert_eq!(queue.number("SELECT count(*) FROM mq_msgs").await, 0);
    assert_eq!(
        queue.dead().await,
        [format!("{id} | a | job | it names nothing")]
    );
    // Twice is once.
    queue
        .execute(&format!("SELECT queue_bury('{id}', 'again')"))
        .await;
    assert_eq!(queue.dead().await.len(), 1);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_dead_only_when_the_lease_of_its_last_attempt_is_over() {
    let queue = Queue::start().await;
    let living = queue.taken().await;
    let last = queue.taken_for_the_last_time().await;
    queue
        .execute(&format!(
            "UPDATE mq_msgs SET attempts = 4 WHERE id = '{living}'"
        ))
        .await;
    assert!(queue.bury_exhausted().await.is_empty(), "it is running");
    queue.move_clock("1 hour").await;
    assert_eq!(queue.bury_exhausted().await, [last.clone()]);
    assert_eq!(
        queue.dead().await,
        [format!(
            "{last} | a | job | {{\"n\": 1}} | the worker died during the last attempt"
        )]
    );
    assert!(queue.bury_exhausted().await.is_empty());
    assert_eq!(queue.text("SELECT id FROM mq_msgs").await, living);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_in_its_last_attempt_dies_with_that_error() {
    let queue = Queue::start().await;
    let id = queue.taken_for_the_last_time().await;
    queue
        .execute(&format!(
            "SELECT queue_retry('{id}', interval '15 seconds', 'the last word')"
        ))
        .await;
    queue.move_clock("1 minute").await;
    assert!(
        queue.poll(&["a"], 10).await.is_empty(),
        "no attempt is left"
    );
    assert_eq!(queue.bury_exhausted().await, [id.clone()]);
    assert_eq!(
        queue.dead().await,
        [format!("{id} | a | job | {{\"n\": 1}} | the last word")]
    );
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_in_the_last_attempt_is_not_another_attempt() {
    let queue = Queue::start().await;
    let id = queue.taken_for_the_last_time().await;
    queue
        .execute(&format!(
            "SELECT mq_checkpoint('{id}', interval '0', '{{\"n\": 2}}', NULL, 0)"
        ))
        .await;
    queue.move_clock("1 hour").await;
    assert!(queue.poll(&["a"], 10).await.is_empty());
    assert_eq!(queue.bury_exhausted().await, [id]);
    let payload = "SELECT payload_json FROM dead_jobs";
    assert_eq!(queue.text(payload).await, "{\"n\": 2}");
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_bury_a_dead_job_once() {
    let queue = Queue::start().await;
    queue.taken_for_the_last_time().await;
    queue.move_clock("1 hour").await;
    let other = queue.database.connect().await;
    other
        .batch_execute("SET statement_timeout = '10s'; BEGIN; SELECT * FROM queue_bury_exhausted()")
        .await
        .unwrap();
    assert!(queue.bury_exhausted().await.is_empty());
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(queue.dead().await.len(), 1);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jobs_of_a_worker_are_due_at_once_when_it_has_died_and_not_before() {
    let queue = Queue::start().await;
    let db = Pool::new(&queue.database.url, 2).unwrap();
    let mut worker = db.dedicated().await.unwrap();
    let worker_id = db::queue::register_worker(&mut worker).await.unwrap();
    let id = queue.spawn("a").await.to_string();
    let polling = queue.database.connect().await;
    polling
        .batch_execute(&format!(
            "SELECT set_config('countersign.worker_id', '{worker_id}', false)"
        ))
        .await
        .unwrap();
    assert_eq!(poll(&polling, Some(&["a"]), 1).await.0, [id.clone()]);
    let released = "SELECT queue_release_dead_workers()";
    assert_eq!(queue.number(released).await, 0, "it lives");
    assert!(queue.poll(&["a"], 10).await.is_empty(), "it is leased");

    // Its lock goes with its connection.
    drop(worker);
    until("the dead worker's job is given back", async || {
        queue.number(released).await == 1
    })
    .await;
    // A worker holds jobs that it has not begun, so its death costs none of them an attempt.
    assert_eq!(queue.attempts().await, 5);
    assert_eq!(
        queue.number("SELECT count(worker_id) FROM mq_msgs").await,
        0
    );
    assert_eq!(queue.number("SELECT count(*) FROM queue_workers").await, 0);
    assert_eq!(queue.poll(&["a"], 10).await, [id]);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_every_worker_outlives_its_attempts_and_still_comes_to_an_end() {
    let queue = Queue::start().await;
    let id = queue.spawn("a").await.to_string();
    let mut deaths = 0;
    loop {
        // A worker without the lock that goes with a living one.
        let worker = deaths + 1;
        queue
            .execute(&format!(
                "INSERT INTO queue_workers (id) VALUES ({worker}); \
                 SELECT set_config('countersign.worker_id', '{worker}', false)"
            ))
            .await;
        if queue.poll(&["a"], 1).await.is_empty() {
            break;
        }
        let released = "SELECT queue_release_dead_workers()";
        assert_eq!(queue.number(released).await, 1);
        deaths += 1;
        assert!(deaths < 100, "it kills for ever");
    }
    assert!(deaths > 5, "it was given up after {deaths} deaths");
    assert_eq!(queue.bury_exhausted().await, [id]);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_attempt_in_which_the_worker_died_stays_the_last() {
    let queue = Queue::start().await;
    let id = queue.taken_for_the_last_time().await;
    queue
        .execute("INSERT INTO queue_workers (id) VALUES (1); UPDATE mq_msgs SET worker_id = 1")
        .await;
    let released = "SELECT queue_release_dead_workers()";
    assert_eq!(queue.number(released).await, 1);
    assert!(queue.poll(&["a"], 1).await.is_empty());
    // It need not wait for the end of the lease.
    assert_eq!(queue.bury_exhausted().await, [id]);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_in_order_gives_its_jobs_back_with_their_attempts() {
    let queue = Queue::start().await;
    let db = Pool::new(&queue.database.url, 2).unwrap();
    let id = queue.taken().await;
    queue.execute("UPDATE mq_msgs SET worker_id = 7").await;
    let mut connection = db.get().await.unwrap();
    let released = db::queue::end_worker(&mut connection, 7).await.unwrap();
    assert_eq!(released, 1);
    assert_eq!(queue.attempts().await, 5);
    assert_eq!(queue.poll(&["a"], 10).await, [id]);
    queue.end().await;
}

/// A poll of a registered worker that is under way: what it took is not committed before COMMIT is said on this connection.
async fn poll_under_way(queue: &Queue, worker_id: i64) -> tokio_postgres::Client {
    let polling = queue.database.connect().await;
    polling
        .batch_execute(&format!(
            "SELECT set_config('countersign.worker_id', '{worker_id}', false); BEGIN"
        ))
        .await
        .unwrap();
    assert_eq!(poll(&polling, Some(&["a"]), 1).await.0.len(), 1);
    polling
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_poll_takes_while_its_worker_ends_is_given_back_and_it_gets_nothing_afterwards() {
    let queue = Queue::start().await;
    let db = Pool::new(&queue.database.url, 2).unwrap();
    let mut worker = db.dedicated().await.unwrap();
    let worker_id = db::queue::register_worker(&mut worker).await.unwrap();
    let id = queue.spawn("a").await.to_string();
    let polling = poll_under_way(&queue, worker_id).await;
    let ending = tokio::spawn(async move {
        let mut connection = db.get().await.unwrap();
        db::queue::end_worker(&mut connection, worker_id)
            .await
            .unwrap()
    });
    until("the end of the worker waits for its poll", async || {
        queue
            .number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            .await
            == 1
    })
    .await;
    polling.batch_execute("COMMIT").await.unwrap();
    assert_eq!(ending.await.unwrap(), 1);
    assert_eq!(queue.attempts().await, 5);

    // One that reaches the database only now.
    assert!(poll(&polling, Some(&["a"]), 1).await.0.is_empty());
    assert_eq!(queue.poll(&["a"], 10).await, [id]);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_poll_takes_while_its_worker_dies_is_given_back() {
    let queue = Queue::start().await;
    let id = queue.spawn("a").await.to_string();
    // A worker without the lock that goes with a living one.
    queue
        .execute("INSERT INTO queue_workers (id) VALUES (1)")
        .await;
    let polling = poll_under_way(&queue, 1).await;
    let released = "SELECT queue_release_dead_workers()";
    assert_eq!(queue.number(released).await, 0, "not known yet");
    polling.batch_execute("COMMIT").await.unwrap();
    assert_eq!(queue.number(released).await, 1);
    assert!(poll(&polling, Some(&["a"]), 1).await.0.is_empty());
    assert_eq!(queue.poll(&["a"], 10).await, [id]);
    queue.end().await;
}
