//! The queue's own statements. Taking jobs is left to sqlxmq; finishing them belongs to the transaction of their effects.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::Connection;
use super::schema::{dead_jobs, mq_msgs};

/// The advisory lock class under which each worker holds a lock on its own id, as in the migration.
const WORKER_LOCK_CLASS: i32 = 1_668_641_134;

/// A job to be queued.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = mq_msgs)]
pub struct NewJob {
    /// On which channel.
    pub channel_name: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Which row it is about.
    pub payload_json: String,
    /// How often it is tried.
    pub attempts: i32,
    /// Not before.
    pub attempt_at: DateTime<Utc>,
}

/// Queues jobs, quietly: whoever commits them says afterwards that there is work.
pub async fn insert(connection: &mut Connection, jobs: &[NewJob]) -> QueryResult<usize> {
    diesel::insert_into(mq_msgs::table)
        .values(jobs)
        .execute(connection)
        .await
}

/// Queues jobs as [`insert`] does, under ids by which they can be taken out again: see [`withdraw`].
pub async fn insert_known(
    connection: &mut Connection,
    jobs: &[(Uuid, NewJob)],
) -> QueryResult<usize> {
    let rows: Vec<_> = jobs
        .iter()
        .map(|(id, job)| (mq_msgs::id.eq(*id), job))
        .collect();
    diesel::insert_into(mq_msgs::table)
        .values(rows)
        .execute(connection)
        .await
}

/// Takes a job that waits out of the queue, and says whether it is out of it: not where a worker has taken it, or is taking or
/// finishing it in this moment, which is not waited for.
pub async fn withdraw(connection: &mut Connection, id: Uuid) -> QueryResult<bool> {
    let left: Number = diesel::sql_query(
        "WITH waiting AS (SELECT id FROM mq_msgs WHERE id = $1 AND worker_id IS NULL FOR UPDATE SKIP LOCKED), \
         gone AS (DELETE FROM mq_msgs m USING waiting WHERE m.id = waiting.id RETURNING m.id) \
         SELECT count(*) AS number FROM mq_msgs m WHERE m.id = $1 AND NOT EXISTS (SELECT FROM gone)",
    )
    .bind::<SqlUuid, _>(id)
    .get_result(connection)
    .await?;
    Ok(left.number == 0)
}

/// Finishes jobs as the first step of the transaction that has their effects, and says which were still there. A job that
/// another worker finished meanwhile is not among them, and must have no effect again.
pub async fn finish(connection: &mut Connection, ids: &[Uuid]) -> QueryResult<Vec<Uuid>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "WITH mine AS (SELECT id FROM mq_msgs WHERE id = ANY ($1) ORDER BY id FOR UPDATE) \
         DELETE FROM mq_msgs m USING mine WHERE m.id = mine.id RETURNING m.id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .get_results(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// A job that is being worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = mq_msgs, check_for_backend(diesel::pg::Pg))]
pub struct Running {
    /// Its id.
    pub id: Uuid,
    /// How many attempts it has left after the present one.
    pub attempts: i32,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
}

/// Those of these jobs that are still there, in no order.
pub async fn list_running(connection: &mut Connection, ids: &[Uuid]) -> QueryResult<Vec<Running>> {
    mq_msgs::table
        .filter(mq_msgs::id.eq_any(ids))
        .select(Running::as_select())
        .load(connection)
        .await
}

/// Ends a worker's attempt without finishing the job: it is tried again after the delay. One that the worker does not hold any
/// more stays as it is. Says how many were put back.
pub async fn retry(
    connection: &mut Connection,
    worker_id: i64,
    id: Uuid,
    delay_seconds: f64,
    error: &str,
) -> QueryResult<usize> {
    diesel::sql_query(
        "WITH mine AS (SELECT id FROM mq_msgs WHERE id = $1 AND worker_id = $4 FOR UPDATE) \
         SELECT queue_retry(id, make_interval(secs => $2), $3) FROM mine",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Double, _>(delay_seconds)
    .bind::<Text, _>(error)
    .bind::<BigInt, _>(worker_id)
    .execute(connection)
    .await
}

/// Puts taken jobs back as they were, to be taken again after the delay; no attempt is lost.
pub async fn snooze(
    connection: &mut Connection,
    ids: &[Uuid],
    delay_seconds: f64,
) -> QueryResult<usize> {
    diesel::sql_query("SELECT queue_snooze($1, make_interval(secs => $2))")
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Double, _>(delay_seconds)
        .execute(connection)
        .await
}

/// Puts jobs that a worker holds back as they were, each to be taken again at its time; no attempt is lost. Those that it does
/// not hold any more stay as they are. The times are by the caller's clock, at which it is `now`: where the database's clock
/// is another one by more than two seconds, the difference is made good.
pub async fn snooze_until(
    connection: &mut Connection,
    worker_id: i64,
    jobs: &[(Uuid, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    let (ids, times): (Vec<Uuid>, Vec<DateTime<Utc>>) = jobs.iter().copied().unzip();
    diesel::sql_query(
        "WITH clock AS (SELECT countersign_now() - $4 AS ahead), \
         mine AS (SELECT id FROM mq_msgs WHERE id = ANY ($1) AND worker_id = $3 ORDER BY id FOR UPDATE) \
         UPDATE mq_msgs m SET attempts = m.attempts + 1, worker_id = NULL, attempt_at = w.at + CASE \
             WHEN clock.ahead NOT BETWEEN interval '-2 seconds' AND interval '2 seconds' THEN clock.ahead \
             ELSE interval '0' END \
         FROM mine, clock, unnest($1, $2) AS w (id, at) WHERE m.id = mine.id AND w.id = mine.id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Timestamptz>, _>(times)
    .bind::<BigInt, _>(worker_id)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}

/// Leases jobs that a worker holds anew, for as long as when they were taken. Those that it does not hold any more stay as they
/// are: finished, put back, or taken by another one. So do those whose lease is younger than ten seconds, and those that are
/// just being written. Says how many were leased anew.
pub async fn extend_leases(
    connection: &mut Connection,
    worker_id: i64,
    ids: &[Uuid],
) -> QueryResult<usize> {
    // Nobody waits for a row here, so there is nobody to wait for in turn.
    diesel::sql_query(
        "WITH mine AS (SELECT id FROM mq_msgs WHERE id = ANY ($1) AND worker_id = $2 \
             AND attempt_at < countersign_now() + retry_backoff - interval '10 seconds' FOR UPDATE SKIP LOCKED) \
         UPDATE mq_msgs m SET attempt_at = countersign_now() + m.retry_backoff FROM mine WHERE m.id = mine.id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<BigInt, _>(worker_id)
    .execute(connection)
    .await
}

/// Gives a job up, whoever holds it: it is kept among the dead ones with the error. For what nobody can do.
pub async fn bury(connection: &mut Connection, id: Uuid, error: &str) -> QueryResult<usize> {
    diesel::sql_query("SELECT queue_bury($1, $2)")
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(error)
        .execute(connection)
        .await
}

/// A job that ran out of attempts.
#[derive(Debug, Clone, QueryableByName)]
pub struct Exhausted {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Which row it was about.
    #[diesel(sql_type = Nullable<Text>)]
    pub payload_json: Option<String>,
}

/// Buries up to 1,000 jobs that ran out of attempts without a word, and says which.
pub async fn bury_exhausted(connection: &mut Connection) -> QueryResult<Vec<Exhausted>> {
    diesel::sql_query("SELECT * FROM queue_bury_exhausted()")
        .get_results(connection)
        .await
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Gives the jobs of workers that died back to the queue and says how many there were.
pub async fn release_dead_workers(connection: &mut Connection) -> QueryResult<i64> {
    let row: Number = diesel::sql_query("SELECT queue_release_dead_workers() AS number")
        .get_result(connection)
        .await?;
    Ok(row.number)
}

/// Registers a worker that lives for as long as this connection: its lock goes with it.
pub async fn register_worker(connection: &mut Connection) -> QueryResult<i64> {
    // The lock comes before the row, so that a row without a lock is always a dead worker's.
    let row: Number = diesel::sql_query("SELECT nextval('queue_workers_id_seq') AS number")
        .get_result(connection)
        .await?;
    diesel::sql_query("SELECT pg_advisory_lock($1, $2::integer)")
        .bind::<Integer, _>(WORKER_LOCK_CLASS)
        .bind::<BigInt, _>(row.number)
        .execute(connection)
        .await?;
    diesel::sql_query("INSERT INTO queue_workers (id) VALUES ($1)")
        .bind::<BigInt, _>(row.number)
        .execute(connection)
        .await?;
    Ok(row.number)
}

/// The PostgreSQL channel on which readers of alert events are woken.
pub const ALERT_EVENTS_CHANNEL: &str = "countersign_alert_events";

/// Wakes whoever waits for jobs on these channels and, if asked, readers of alert events. Call it outside the transactions
/// that queue and raise.
pub async fn notify(
    connection: &mut Connection,
    channels: &[&str],
    alert_events: bool,
) -> QueryResult<usize> {
    let mut names: Vec<String> = channels
        .iter()
        .map(|channel| format!("mq_{channel}"))
        .collect();
    if alert_events {
        names.push(ALERT_EVENTS_CHANNEL.to_owned());
    }
    diesel::sql_query("SELECT pg_notify(c, '') FROM unnest($1) c")
        .bind::<Array<Text>, _>(names)
        .execute(connection)
        .await
}

/// How many jobs are due now or are being worked on.
pub async fn count_unfinished(connection: &mut Connection) -> QueryResult<i64> {
    let row: Number = diesel::sql_query(
        "SELECT count(*) AS number FROM mq_msgs WHERE attempt_at <= countersign_now() OR worker_id IS NOT NULL",
    )
    .get_result(connection)
    .await?;
    Ok(row.number)
}

/// How many jobs of a name there are, due or not.
pub async fn count_named(connection: &mut Connection, name: &str) -> QueryResult<i64> {
    mq_msgs::table
        .filter(mq_msgs::name.eq(name))
        .count()
        .get_result(connection)
        .await
}

/// A job that was not finished yet.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = mq_msgs, check_for_backend(diesel::pg::Pg))]
pub struct Waiting {
    /// Its id.
    pub id: Uuid,
    /// How many attempts it has left; while one is made, after it.
    pub attempts: i32,
    /// Not before; while it is worked on, when its lease ends.
    pub attempt_at: DateTime<Utc>,
}

/// The jobs of a channel, due or not, in no order.
pub async fn list_waiting(
    connection: &mut Connection,
    channel_name: &str,
) -> QueryResult<Vec<Waiting>> {
    mq_msgs::table
        .filter(mq_msgs::channel_name.eq(channel_name))
        .select(Waiting::as_select())
        .load(connection)
        .await
}

/// A job that was given up.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = dead_jobs, check_for_backend(diesel::pg::Pg))]
pub struct DeadJob {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Which row it was about.
    pub payload_json: Option<String>,
    /// The last error.
    pub last_error: String,
    /// When it was given up.
    pub died_at: DateTime<Utc>,
    /// How often it was tried.
    pub attempts: i32,
}

/// Every job that was given up, oldest first.
pub async fn list_dead(connection: &mut Connection) -> QueryResult<Vec<DeadJob>> {
    dead_jobs::table
        .order((dead_jobs::died_at, dead_jobs::id))
        .select(DeadJob::as_select())
        .load(connection)
        .await
}

/// The database's time: the one clock of rules and queue.
pub async fn now(connection: &mut Connection) -> QueryResult<DateTime<Utc>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Timestamptz)]
        now: DateTime<Utc>,
    }
    let row: Row =
        diesel::sql_query("SELECT countersign_now() + (clock_timestamp() - now()) AS now")
            .get_result(connection)
            .await?;
    Ok(row.now)
}

/// Takes a worker that ends in order off the list, once its polls have ended, and puts every job that it holds back as it was;
/// no attempt is lost. Says how many there were.
pub async fn end_worker(connection: &mut Connection, worker_id: i64) -> QueryResult<i64> {
    let row: Number = diesel::sql_query("SELECT queue_end_worker($1) AS number")
        .bind::<BigInt, _>(worker_id)
        .get_result(connection)
        .await?;
    Ok(row.number)
}

/// Whether a job on one of these channels has been due for longer than this.
pub async fn is_overdue(
    connection: &mut Connection,
    channels: &[&str],
    seconds: f64,
) -> QueryResult<bool> {
    let row: Number = diesel::sql_query(
        "SELECT count(*) AS number FROM unnest($1) c WHERE EXISTS (SELECT FROM mq_msgs m \
         WHERE m.channel_name = c AND m.attempts > 0 AND m.attempt_at < countersign_now() - make_interval(secs => $2))",
    )
    .bind::<Array<Text>, _>(channels)
    .bind::<Double, _>(seconds)
    .get_result(connection)
    .await?;
    Ok(row.number > 0)
}

/// What is in the queue, by the name of the job.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct KindStatus {
    /// The job's name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Due, and not taken.
    #[diesel(sql_type = BigInt)]
    pub ready: i64,
    /// Due later.
    #[diesel(sql_type = BigInt)]
    pub delayed: i64,
    /// Taken by a worker.
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    /// Given up.
    #[diesel(sql_type = BigInt)]
    pub dead: i64,
    /// How long the oldest one that is due and not taken has been due, in seconds.
    #[diesel(sql_type = Nullable<Double>)]
    pub oldest_ready_seconds: Option<f64>,
}

/// What is in the queue.
pub async fn status(connection: &mut Connection) -> QueryResult<Vec<KindStatus>> {
    diesel::sql_query(
        "WITH waiting AS (SELECT name, \
             count(*) FILTER (WHERE worker_id IS NULL AND attempt_at <= countersign_now()) AS ready, \
             count(*) FILTER (WHERE worker_id IS NULL AND attempt_at > countersign_now()) AS delayed, \
             count(*) FILTER (WHERE worker_id IS NOT NULL) AS running, \
             extract(epoch FROM countersign_now() - min(attempt_at) FILTER (WHERE worker_id IS NULL \
                 AND attempt_at <= countersign_now()))::double precision AS oldest_ready_seconds \
             FROM mq_msgs GROUP BY name), \
         dead AS (SELECT name, count(*) AS dead FROM dead_jobs GROUP BY name) \
         SELECT name, coalesce(ready, 0) AS ready, coalesce(delayed, 0) AS delayed, coalesce(running, 0) AS running, \
             coalesce(dead, 0) AS dead, oldest_ready_seconds \
         FROM waiting FULL JOIN dead USING (name) ORDER BY name",
    )
    .get_results(connection)
    .await
}

/// A place in the list of dead jobs, which is ordered by when they died, newest first.
pub type DeadKey = (DateTime<Utc>, Uuid);

/// A page of the dead jobs, newest first.
pub async fn list_dead_page(
    connection: &mut Connection,
    after: Option<DeadKey>,
    before: Option<DeadKey>,
    limit: i64,
    from_end: bool,
) -> QueryResult<super::keyset::Slice<DeadJob>> {
    let mut query = dead_jobs::table.select(DeadJob::as_select()).into_boxed();
    if let Some((at, id)) = after {
        query = query.filter(
            dead_jobs::died_at
                .lt(at)
                .or(dead_jobs::died_at.eq(at).and(dead_jobs::id.lt(id))),
        );
    }
    if let Some((at, id)) = before {
        query = query.filter(
            dead_jobs::died_at
                .gt(at)
                .or(dead_jobs::died_at.eq(at).and(dead_jobs::id.gt(id))),
        );
    }
    let query = if from_end {
        query.order((dead_jobs::died_at.asc(), dead_jobs::id.asc()))
    } else {
        query.order((dead_jobs::died_at.desc(), dead_jobs::id.desc()))
    };
    let rows = query.limit(limit + 1).load(connection).await?;
    let mut slice = super::keyset::Slice::cut(rows, None, limit);
    if from_end {
        slice.rows.reverse();
    }
    Ok(slice)
}

/// A dead job that was taken out to be put back into the queue.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = dead_jobs, check_for_backend(diesel::pg::Pg))]
#[allow(missing_docs)]
pub struct TakenDead {
    pub id: Uuid,
    pub channel_name: String,
    pub name: String,
    pub payload_json: Option<String>,
    pub payload_bytes: Option<Vec<u8>>,
}

/// Takes a dead job out, if it is there.
pub async fn take_dead(connection: &mut Connection, id: Uuid) -> QueryResult<Option<TakenDead>> {
    diesel::delete(dead_jobs::table.find(id))
        .returning(TakenDead::as_returning())
        .get_result(connection)
        .await
        .optional()
}

/// Puts a job that was dead back into the queue, as one that is queued now.
pub async fn revive(
    connection: &mut Connection,
    dead: &TakenDead,
    payload_json: Option<&str>,
    attempts: i32,
) -> QueryResult<()> {
    diesel::insert_into(mq_msgs::table)
        .values((
            mq_msgs::id.eq(dead.id),
            mq_msgs::channel_name.eq(&dead.channel_name),
            mq_msgs::name.eq(&dead.name),
            mq_msgs::payload_json.eq(payload_json),
            mq_msgs::payload_bytes.eq(&dead.payload_bytes),
            mq_msgs::attempts.eq(attempts),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets a dead job; says whether it was there.
pub async fn discard_dead(connection: &mut Connection, id: Uuid) -> QueryResult<bool> {
    let gone = diesel::delete(dead_jobs::table.find(id))
        .execute(connection)
        .await?;
    Ok(gone > 0)
}
