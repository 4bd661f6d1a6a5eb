//! Jobs that a worker holds for long, or puts back: its leases are extended while it has them, and never anybody else's.

use chrono::{DateTime, TimeDelta, Utc};
use countersign::db::{self, Pool};
use uuid::Uuid;

use super::Queue;

/// The worker of these tests.
const WORKER: i64 = 77;

impl Queue {
    /// Jobs that the worker has taken for [`super::LEASE`], ten minutes.
    async fn held(&self, count: usize) -> Vec<Uuid> {
        self.execute(&format!(
            "INSERT INTO queue_workers (id) VALUES ({WORKER}) ON CONFLICT DO NOTHING; \
             SELECT set_config('countersign.worker_id', '{WORKER}', false)"
        ))
        .await;
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.spawn("a").await);
        }
        assert_eq!(self.poll(&["a"], 100).await.len(), count);
        ids
    }

    /// In how many seconds a job is due, and who holds it.
    async fn due(&self, id: Uuid) -> (i64, i64) {
        let of = |what: &str| format!("SELECT {what} FROM mq_msgs WHERE id = '{id}'");
        (
            self.number(&of("extract(epoch FROM attempt_at - countersign_now())"))
                .await,
            self.number(&of("coalesce(worker_id, 0)")).await,
        )
    }

    /// The time of the queue.
    async fn now(&self) -> DateTime<Utc> {
        let micros = self
            .number("SELECT extract(epoch FROM countersign_now()) * 1000000")
            .await;
        DateTime::from_timestamp_micros(micros).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_extends_the_leases_that_it_has_and_no_others() {
    let queue = Queue::start().await;
    let db = Pool::new(&queue.database.url, 2).unwrap();
    let mut connection = db.get().await.unwrap();
    let ids = queue.held(4).await;
    let [asked, put_back, others, finished] = ids[..] else {
        panic!("four jobs")
    };

    // A lease that has just begun is long enough.
    let extended = db::queue::extend_leases(&mut connection, WORKER, &ids)
        .await
        .unwrap();
    assert_eq!(extended, 0);

    queue.move_clock("9 minutes").await;
    queue
        .execute(&format!(
            "SELECT queue_snooze(ARRAY['{put_back}'::uuid], interval '30 seconds'); \
             UPDATE mq_msgs SET worker_id = 78 WHERE id = '{others}'; \
             SELECT mq_delete(ARRAY['{finished}'::uuid])"
        ))
        .await;
    let extended = db::queue::extend_leases(&mut connection, WORKER, &ids)
        .await
        .unwrap();
    assert_eq!(extended, 1);
    let (due, holder) = queue.due(asked).await;
    assert!((590..=600).contains(&due), "leased for {due} s");
    assert_eq!(holder, WORKER);
    let (due, holder) = queue.due(put_back).await;
    assert!((20..=30).contains(&due), "put back for {due} s");
    assert_eq!(holder, 0);
    let (due, holder) = queue.due(others).await;
    assert!((50..=60).contains(&due), "another's lease of {due} s");
    assert_eq!(holder, 78);

    // Past the first lease only those that nobody extended are to be had.
    queue.move_clock("15 minutes").await;
    let mut taken = queue.poll(&["a"], 100).await;
    taken.sort_unstable();
    let mut expected = [put_back, others].map(|id| id.to_string());
    expected.sort_unstable();
    assert_eq!(taken, expected);
    drop(connection);
    drop(db);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_put_back_to_times_of_their_own_by_whoever_holds_them() {
    let queue = Queue::start().await;
    let db = Pool::new(&queue.database.url, 2).unwrap();
    let mut connection = db.get().await.unwrap();
    let ids = queue.held(3).await;
    let others = ids[2];
    queue
        .execute(&format!(
            "UPDATE mq_msgs SET worker_id = 78 WHERE id = '{others}'"
        ))
        .await;
    let now = queue.now().await;
    let times: Vec<_> = ids
        .iter()
        .zip([300, 200, 100])
        .map(|(id, seconds)| (*id, now + TimeDelta::seconds(seconds)))
        .collect();
    let put_back = db::queue::snooze_until(&mut connection, WORKER, &times, now)
        .await
        .unwrap();
    assert_eq!(put_back, 2);
    for (id, at) in &times[..2] {
        let kept = format!(
            "SELECT extract(epoch FROM attempt_at) * 1000000 FROM mq_msgs WHERE id = '{id}' AND worker_id IS NULL \
             AND attempts = 5"
        );
        // To the microsecond: that is how far turns are apart.
        assert_eq!(queue.number(&kept).await, at.timestamp_micros());
    }
    assert_eq!(queue.due(others).await.1, 78);

    // A clock that is an hour behind says how long to wait all the same.
    queue
        .execute(&format!(
            "UPDATE mq_msgs SET worker_id = {WORKER} WHERE id = '{others}'"
        ))
        .await;
    let behind = queue.now().await - TimeDelta::hours(1);
    let times = [(others, behind + TimeDelta::seconds(100))];
    let put_back = db::queue::snooze_until(&mut connection, WORKER, &times, behind)
        .await
        .unwrap();
    assert_eq!(put_back, 1);
    let (due, _) = queue.due(others).await;
    assert!((95..=101).contains(&due), "due in {due} s");
    drop(connection);
    drop(db);
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_ended_only_by_whoever_holds_the_job() {
    let queue = Queue::start().await;
    let db = Pool::new(&queue.database.url, 2).unwrap();
    let mut connection = db.get().await.unwrap();
    let ids = queue.held(2).await;
    let [own, others] = ids[..] else {
        panic!("two jobs")
    };
    queue
        .execute(&format!(
            "UPDATE mq_msgs SET worker_id = 78 WHERE id = '{others}'"
        ))
        .await;
    for (id, ended) in [(own, 1), (others, 0)] {
        let put_back = db::queue::retry(&mut connection, WORKER, id, 30.0, "no answer")
            .await
            .unwrap();
        assert_eq!(put_back, ended);
    }
    let (due, holder) = queue.due(own).await;
    assert!((20..=30).contains(&due), "put back for {due} s");
    assert_eq!(holder, 0);
    // It is not freed under the hands of the other one.
    let (due, holder) = queue.due(others).await;
    assert!((590..=600).contains(&due), "another's lease of {due} s");
    assert_eq!(holder, 78);
    drop(connection);
    drop(db);
    queue.end().await;
}
