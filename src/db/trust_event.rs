//! Trust events: why a trust score moved, append-only.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, load_pages};
use super::schema::trust_events;
use super::{Connection, Keyset};

/// A trust event to be kept.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = trust_events)]
pub struct NewTrustEvent {
    /// Whose score.
    pub affiliate_id: i64,
    /// The FINAL verdict that counted.
    pub reconciliation_id: i64,
    /// Whether the claim was accurate.
    pub accurate: bool,
    /// The score before, 0.00 to 1.00.
    pub score_before: BigDecimal,
    /// The score after, 0.00 to 1.00.
    pub score_after: BigDecimal,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Keeps trust events.
pub async fn insert(connection: &mut Connection, new: &[NewTrustEvent]) -> QueryResult<usize> {
    diesel::insert_into(trust_events::table)
        .values(new)
        .execute(connection)
        .await
}

/// A trust event.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = trust_events, check_for_backend(diesel::pg::Pg))]
pub struct TrustEvent {
    /// Numeric id.
    pub id: i64,
    /// Whose score.
    pub affiliate_id: i64,
    /// The FINAL verdict that counted.
    pub reconciliation_id: i64,
    /// Whether the claim was accurate.
    pub accurate: bool,
    /// The score before, 0.00 to 1.00.
    pub score_before: BigDecimal,
    /// The score after, 0.00 to 1.00.
    pub score_after: BigDecimal,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// A page of the events of each of these affiliates.
pub async fn list_by_affiliate(
    connection: &mut Connection,
    lists: &[(i64, Keyset)],
) -> QueryResult<Vec<Slice<TrustEvent>>> {
    load_pages!(
        connection,
        trust_events,
        TrustEvent,
        lists,
        |query, affiliate_id| query.filter(trust_events::affiliate_id.eq(*affiliate_id))
    )
}
