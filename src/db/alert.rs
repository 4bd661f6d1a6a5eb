//! Alerts, and the events that subscribers get.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, load_pages};
use super::schema::{alert_events, alerts, campaigns};
use super::{Connection, Keyset};
use crate::model::{AlertEventKind, AlertKind, AlertStatus, DiscrepancyLevel, Finality, Scope};

/// Something an advertiser, an operator or an affiliate must look at.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = alerts, check_for_backend(diesel::pg::Pg))]
pub struct Alert {
    /// Numeric id.
    pub id: i64,
    /// Why it was raised.
    pub kind: AlertKind,
    /// How bad; for OVERCLAIM and `UNSIGNED_CONVERSIONS` only.
    pub level: Option<DiscrepancyLevel>,
    /// Whether the verdict behind it may still change; for OVERCLAIM and `UNSIGNED_CONVERSIONS` only.
    pub finality: Option<Finality>,
    /// Where it stands.
    pub status: AlertStatus,
    /// The kind and the cause.
    pub dedupe_key: String,
    /// In which campaign.
    pub campaign_id: Option<i64>,
    /// On which post.
    pub post_id: Option<i64>,
    /// About whom.
    pub affiliate_id: Option<i64>,
    /// The latest verdict behind it.
    pub reconciliation_id: Option<i64>,
    /// What happened, as a sentence.
    pub message: String,
    /// How often the cause occurred.
    pub occurrences: i32,
    /// When it was raised.
    pub created_at: DateTime<Utc>,
    /// When somebody took it up.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub resolved_at: Option<DateTime<Utc>>,
    /// By whom.
    pub resolved_by: Option<String>,
    /// With what notes.
    pub resolution_notes: Option<String>,
    /// The highest level that it has had, where its level ever changed: see [`Alert::highest_level()`].
    highest_level: Option<DiscrepancyLevel>,
}

impl Alert {
    /// The highest level that it has had. Whoever asks for alerts of a level or above goes on hearing of one that fell below it.
    #[must_use]
    pub fn highest_level(&self) -> Option<DiscrepancyLevel> {
        self.highest_level.max(self.level)
    }

    /// Gives it a level, and keeps the highest that it has had.
    pub fn set_level(&mut self, level: DiscrepancyLevel) {
        self.highest_level = self.highest_level().max(Some(level));
        self.level = Some(level);
    }
}

/// An alert to be raised.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = alerts)]
#[allow(missing_docs)]
pub struct NewAlert {
    pub kind: AlertKind,
    pub level: Option<DiscrepancyLevel>,
    pub finality: Option<Finality>,
    pub dedupe_key: String,
    pub campaign_id: Option<i64>,
    pub post_id: Option<i64>,
    pub affiliate_id: Option<i64>,
    pub reconciliation_id: Option<i64>,
    pub message: String,
    pub occurrences: i32,
    pub created_at: DateTime<Utc>,
}

/// What happened to an alert.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = alert_events, check_for_backend(diesel::pg::Pg))]
pub struct AlertEvent {
    /// Numeric id; the cursor of subscriptions.
    pub id: i64,
    /// To which alert.
    pub alert_id: i64,
    /// What.
    pub kind: AlertEventKind,
    /// When.
    pub occurred_at: DateTime<Utc>,
}

/// An event to be kept.
#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = alert_events)]
pub struct NewAlertEvent {
    /// To which alert.
    pub alert_id: i64,
    /// What.
    pub kind: AlertEventKind,
    /// When.
    pub occurred_at: DateTime<Utc>,
}

/// Raises alerts; their ids come back in the order given. None of them may have an unresolved alert of the same key.
pub async fn insert(connection: &mut Connection, new: &[NewAlert]) -> QueryResult<Vec<i64>> {
    diesel::insert_into(alerts::table)
        .values(new)
        .returning(alerts::id)
        .get_results(connection)
        .await
}

/// Raises alerts whose keys may be taken meanwhile by somebody who holds none of the same locks: the keys and ids of those
/// that were not there come back. They are written in the order of their keys, so that two that raise the same ones do not
/// wait for each other in a circle.
pub async fn insert_absent(
    connection: &mut Connection,
    mut new: Vec<NewAlert>,
) -> QueryResult<Vec<(String, i64)>> {
    new.sort_unstable_by(|a, b| a.dedupe_key.cmp(&b.dedupe_key));
    diesel::insert_into(alerts::table)
        .values(new)
        .on_conflict_do_nothing()
        .returning((alerts::dedupe_key, alerts::id))
        .get_results(connection)
        .await
}

/// Keeps events. From here to the end of the transaction no other transaction can add any, so this comes last.
pub async fn insert_events(
    connection: &mut Connection,
    new: &[NewAlertEvent],
) -> QueryResult<usize> {
    diesel::insert_into(alert_events::table)
        .values(new)
        .execute(connection)
        .await
}

/// Locks the latest alert under each of these keys, lowest id first.
pub async fn lock_latest(
    connection: &mut Connection,
    dedupe_keys: &[String],
) -> QueryResult<Vec<Alert>> {
    let latest = alerts::table
        .filter(alerts::dedupe_key.eq_any(dedupe_keys))
        .distinct_on(alerts::dedupe_key)
        .order((alerts::dedupe_key.asc(), alerts::id.desc()))
        .select(alerts::id)
        .load::<i64>(connection)
        .await?;
    if latest.is_empty() {
        return Ok(Vec::new());
    }
    alerts::table
        .filter(alerts::id.eq_any(latest))
        .order(alerts::id.asc())
        .select(Alert::as_select())
        .for_update()
        .load(connection)
        .await
}

/// Writes what changed in many alerts, in one statement.
pub async fn update_many(connection: &mut Connection, alerts: &[Alert]) -> QueryResult<usize> {
    use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};
    fn column<'a, T>(alerts: &'a [Alert], get: impl Fn(&'a Alert) -> T) -> Vec<T> {
        alerts.iter().map(get).collect()
    }
    diesel::sql_query(
        "UPDATE alerts a SET level = n.level, finality = n.finality, status = n.status, \
         reconciliation_id = n.reconciliation_id, message = n.message, occurrences = n.occurrences, \
         acknowledged_at = n.acknowledged_at, resolved_at = n.resolved_at, resolved_by = n.resolved_by, \
         resolution_notes = n.resolution_notes, highest_level = n.highest_level \
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS n (id, level, finality, status, \
         reconciliation_id, message, occurrences, acknowledged_at, resolved_at, resolved_by, resolution_notes, \
         highest_level) \
         WHERE a.id = n.id",
    )
    .bind::<Array<BigInt>, _>(column(alerts, |alert| alert.id))
    .bind::<Array<Nullable<Text>>, _>(column(alerts, |alert| alert.level))
    .bind::<Array<Nullable<Text>>, _>(column(alerts, |alert| alert.finality))
    .bind::<Array<Text>, _>(column(alerts, |alert| alert.status))
    .bind::<Array<Nullable<BigInt>>, _>(column(alerts, |alert| alert.reconciliation_id))
    .bind::<Array<Text>, _>(column(alerts, |alert| alert.message.as_str()))
    .bind::<Array<Integer>, _>(column(alerts, |alert| alert.occurrences))
    .bind::<Array<Nullable<Timestamptz>>, _>(column(alerts, |alert| alert.acknowledged_at))
    .bind::<Array<Nullable<Timestamptz>>, _>(column(alerts, |alert| alert.resolved_at))
    .bind::<Array<Nullable<Text>>, _>(column(alerts, |alert| alert.resolved_by.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(column(alerts, |alert| alert.resolution_notes.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(column(alerts, |alert| alert.highest_level))
    .execute(connection)
    .await
}

/// Locks an alert.
pub async fn lock(connection: &mut Connection, id: i64) -> QueryResult<Option<Alert>> {
    alerts::table
        .find(id)
        .select(Alert::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()
}

/// The alerts with these ids, in no order.
pub async fn list_by_id(connection: &mut Connection, ids: &[i64]) -> QueryResult<Vec<Alert>> {
    alerts::table
        .filter(alerts::id.eq_any(ids))
        .select(Alert::as_select())
        .load(connection)
        .await
}

/// Which of these alerts are in the scope.
pub async fn list_visible(
    connection: &mut Connection,
    scope: Scope,
    ids: &[i64],
) -> QueryResult<Vec<i64>> {
    scoped(
        alerts::table
            .filter(alerts::id.eq_any(ids))
            .select(alerts::id)
            .into_boxed(),
        scope,
    )
    .load(connection)
    .await
}

/// What the alerts of a list have in common. Empty lists do not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AlertFilter {
    /// In this campaign.
    pub campaign_id: Option<i64>,
    /// About this affiliate.
    pub affiliate_id: Option<i64>,
    /// Of one of these kinds.
    pub kinds: Vec<AlertKind>,
    /// Of one of these levels.
    pub levels: Vec<DiscrepancyLevel>,
    /// With one of these statuses.
    pub statuses: Vec<AlertStatus>,
    /// Raised at or after.
    pub from: Option<DateTime<Utc>>,
    /// Raised before.
    pub to: Option<DateTime<Utc>>,
}

/// A page of each of these lists of alerts in the scope.
pub async fn list(
    connection: &mut Connection,
    scope: Scope,
    lists: &[(AlertFilter, Keyset)],
) -> QueryResult<Vec<Slice<Alert>>> {
    load_pages!(connection, alerts, Alert, lists, |query, filter| narrowed(
        query, scope, filter
    ))
}

fn narrowed<'a, ST: 'static>(
    query: Boxed<'a, ST>,
    scope: Scope,
    filter: &'a AlertFilter,
) -> Boxed<'a, ST> {
    let mut query = scoped(query, scope);
    if let Some(id) = filter.campaign_id {
        query = query.filter(alerts::campaign_id.eq(id));
    }
    if let Some(id) = filter.affiliate_id {
        query = query.filter(alerts::affiliate_id.eq(id));
    }
    if !filter.kinds.is_empty() {
        query = query.filter(alerts::kind.eq_any(&filter.kinds));
    }
    if !filter.levels.is_empty() {
        query = query.filter(alerts::level.eq_any(&filter.levels));
    }
    if !filter.statuses.is_empty() {
        query = query.filter(alerts::status.eq_any(&filter.statuses));
    }
    if let Some(from) = filter.from {
        query = query.filter(alerts::created_at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(alerts::created_at.lt(to));
    }
    query
}

type Boxed<'a, ST> = alerts::BoxedQuery<'a, diesel::pg::Pg, ST>;

/// An advertiser sees the alerts in its campaigns, which leaves out those of platforms and of trust; an affiliate sees
/// those on its posts and on itself.
fn scoped<ST: 'static>(query: Boxed<'_, ST>, scope: Scope) -> Boxed<'_, ST> {
    match scope {
        Scope::All => query,
        Scope::Affiliate(id) => query.filter(alerts::affiliate_id.eq(id)),
        Scope::Advertiser(id) => query.filter(
            alerts::campaign_id.eq_any(
                campaigns::table
                    .filter(campaigns::advertiser_id.eq(id))
                    .select(campaigns::id.nullable()),
            ),
        ),
    }
}

/// An event with its alert and the advertiser in whose campaign it is.
pub type EventRow = (AlertEvent, Alert, Option<i64>);

/// The events after a cursor, oldest first, in which nothing that is committed later can still appear.
pub async fn list_events_after(
    connection: &mut Connection,
    after: i64,
    limit: i64,
) -> QueryResult<Vec<EventRow>> {
    alert_events::table
        .inner_join(alerts::table.left_join(campaigns::table))
        .filter(alert_events::id.gt(after))
        .order(alert_events::id.asc())
        .limit(limit)
        .select((
            AlertEvent::as_select(),
            Alert::as_select(),
            campaigns::advertiser_id.nullable(),
        ))
        .load(connection)
        .await
}

/// The events with these ids, in no order.
pub async fn list_events_by_id(
    connection: &mut Connection,
    ids: &[i64],
) -> QueryResult<Vec<EventRow>> {
    alert_events::table
        .inner_join(alerts::table.left_join(campaigns::table))
        .filter(alert_events::id.eq_any(ids))
        .select((
            AlertEvent::as_select(),
            Alert::as_select(),
            campaigns::advertiser_id.nullable(),
        ))
        .load(connection)
        .await
}

/// The id of the latest event, 0 where there is none.
pub async fn latest_event_id(connection: &mut Connection) -> QueryResult<i64> {
    alert_events::table
        .select(diesel::dsl::max(alert_events::id))
        .first::<Option<i64>>(connection)
        .await
        .map(Option::unwrap_or_default)
}
