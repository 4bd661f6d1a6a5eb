//! What channels are told, once for each event, and what became of it (table `alert_deliveries`).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::keyset::{Slice, load_pages};
use super::schema::alert_deliveries;
use super::{Connection, Keyset};
use crate::model::{AlertDeliveryKind, AlertDeliveryStatus};

/// Something that a channel is told.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = alert_deliveries, check_for_backend(diesel::pg::Pg))]
pub struct AlertDelivery {
    /// Numeric id.
    pub id: i64,
    /// Which channel.
    pub channel_id: i64,
    /// What it tells.
    pub kind: AlertDeliveryKind,
    /// Of which alert event.
    pub event_id: Option<i64>,
    /// What a receiver tells repetitions by.
    pub message_id: Uuid,
    /// What every attempt sends.
    pub body: String,
    /// What became of it.
    pub status: AlertDeliveryStatus,
    /// Attempts that have ended.
    pub attempts: i32,
    /// The HTTP status of the last one; none where there was no answer.
    pub last_status_code: Option<i32>,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// When it is sent next; none where it is not.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When the last one ended; none where none has.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// When it arrived.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
    /// Its latest job, which may be done already; none where that was queued before it was noted.
    pub job_id: Option<Uuid>,
}

/// Something that a channel is to be told.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = alert_deliveries)]
#[allow(missing_docs)]
pub struct NewAlertDelivery {
    pub channel_id: i64,
    pub kind: AlertDeliveryKind,
    pub event_id: Option<i64>,
    pub body: String,
    pub next_attempt_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub job_id: Uuid,
}

/// Adds deliveries; they come back in the order given.
pub async fn insert(
    connection: &mut Connection,
    new: &[NewAlertDelivery],
) -> QueryResult<Vec<AlertDelivery>> {
    diesel::insert_into(alert_deliveries::table)
        .values(new)
        .returning(AlertDelivery::as_returning())
        .get_results(connection)
        .await
}

/// Locks a delivery; its channel is locked before it.
pub async fn lock(connection: &mut Connection, id: i64) -> QueryResult<Option<AlertDelivery>> {
    alert_deliveries::table
        .find(id)
        .select(AlertDelivery::as_select())
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// Writes what a delivery has become.
pub async fn update(connection: &mut Connection, delivery: &AlertDelivery) -> QueryResult<usize> {
    diesel::update(alert_deliveries::table.find(delivery.id))
        .set((
            alert_deliveries::status.eq(delivery.status),
            alert_deliveries::attempts.eq(delivery.attempts),
            alert_deliveries::last_status_code.eq(delivery.last_status_code),
            alert_deliveries::last_error.eq(&delivery.last_error),
            alert_deliveries::next_attempt_at.eq(delivery.next_attempt_at),
            alert_deliveries::last_attempt_at.eq(delivery.last_attempt_at),
            alert_deliveries::delivered_at.eq(delivery.delivered_at),
            alert_deliveries::job_id.eq(delivery.job_id),
        ))
        .execute(connection)
        .await
}

/// Gives up what a channel is still to be told, and says how much that was.
pub async fn fail_pending(
    connection: &mut Connection,
    channel_id: i64,
    error: &str,
) -> QueryResult<usize> {
    let pending = alert_deliveries::table
        .filter(alert_deliveries::channel_id.eq(channel_id))
        .filter(alert_deliveries::status.eq(AlertDeliveryStatus::Pending));
    diesel::update(pending)
        .set((
            alert_deliveries::status.eq(AlertDeliveryStatus::Failed),
            alert_deliveries::last_error.eq(error),
            alert_deliveries::next_attempt_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(connection)
        .await
}

/// Removes up to so many deliveries of a channel, the oldest first, and says how many there were.
pub async fn delete_some(
    connection: &mut Connection,
    channel_id: i64,
    most: i64,
) -> QueryResult<usize> {
    let oldest: Vec<i64> = alert_deliveries::table
        .filter(alert_deliveries::channel_id.eq(channel_id))
        .order(alert_deliveries::id.asc())
        .limit(most)
        .select(alert_deliveries::id)
        .load(connection)
        .await?;
    diesel::delete(alert_deliveries::table.filter(alert_deliveries::id.eq_any(oldest)))
        .execute(connection)
        .await
}

/// Removes up to so many deliveries that have ended, and were queued and last tried before a time, the oldest first; says how
/// many there were. Those that somebody else is at are left to it, so nobody waits for anybody in a circle.
pub async fn delete_ended_before(
    connection: &mut Connection,
    before: DateTime<Utc>,
    most: i64,
) -> QueryResult<usize> {
    // As the index has it, so that what stays is not read.
    diesel::sql_query(
        "DELETE FROM alert_deliveries WHERE id IN (SELECT id FROM alert_deliveries WHERE status <> 'PENDING' \
         AND greatest(created_at, last_attempt_at, delivered_at) < $1 \
         ORDER BY greatest(created_at, last_attempt_at, delivered_at) LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind::<Timestamptz, _>(before)
    .bind::<BigInt, _>(most)
    .execute(connection)
    .await
}

/// How many tests a channel was sent since a time. Of one that was tried again since then every attempt counts, since nothing
/// tells when those before the last were made.
pub async fn count_tests(
    connection: &mut Connection,
    channel_id: i64,
    since: DateTime<Utc>,
) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    let row: Row = diesel::sql_query(
        "SELECT coalesce(sum(greatest(attempts + CASE WHEN status = 'PENDING' THEN 1 ELSE 0 END, 1)), 0)::bigint AS number \
         FROM alert_deliveries WHERE channel_id = $1 AND kind = 'TEST' \
         AND (created_at > $2 OR last_attempt_at > $2)",
    )
    .bind::<BigInt, _>(channel_id)
    .bind::<Timestamptz, _>(since)
    .get_result(connection)
    .await?;
    Ok(row.number)
}

/// The deliveries with these ids, in no order.
pub async fn list_by_id(
    connection: &mut Connection,
    ids: &[i64],
) -> QueryResult<Vec<AlertDelivery>> {
    alert_deliveries::table
        .filter(alert_deliveries::id.eq_any(ids))
        .select(AlertDelivery::as_select())
        .load(connection)
        .await
}

/// A page of what each of these channels was told.
pub async fn list_by_channel(
    connection: &mut Connection,
    lists: &[(i64, Keyset)],
) -> QueryResult<Vec<Slice<AlertDelivery>>> {
    load_pages!(
        connection,
        alert_deliveries,
        AlertDelivery,
        lists,
        |query, channel_id| query.filter(alert_deliveries::channel_id.eq(*channel_id))
    )
}
