//! Orders that advertisers' signed webhooks told of, with all that was ever told (tables `orders`, `order_revisions`), and
//! the secrets that they are signed with.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Numeric, Text};
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, load_pages};
use super::schema::{advertisers, order_revisions, orders, webhook_secrets};
use super::{Connection, Keyset};
use crate::model::{OrderStatus, Scope};

/// A purchase, as it was last told.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable, PartialEq, Eq)]
#[diesel(table_name = orders, check_for_backend(diesel::pg::Pg))]
pub struct Order {
    /// Numeric id.
    pub id: i64,
    /// Whose order.
    pub advertiser_id: i64,
    /// The advertiser's own name for it.
    pub order_id: String,
    /// To whom it is credited.
    pub affiliate_id: i64,
    /// For which campaign; none: for the advertiser.
    pub campaign_id: Option<i64>,
    /// ISO 4217 code.
    pub currency: String,
    /// What was paid.
    pub amount: BigDecimal,
    /// What the affiliate earns.
    pub commission: BigDecimal,
    /// Whether it counts.
    pub status: OrderStatus,
    /// How often it was told of with other content, the first time included.
    pub revisions: i32,
    /// When it was first told of.
    pub received_at: DateTime<Utc>,
}

/// An order to be kept.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = orders)]
#[allow(missing_docs)]
pub struct NewOrder<'a> {
    pub advertiser_id: i64,
    pub order_id: &'a str,
    pub affiliate_id: i64,
    pub campaign_id: Option<i64>,
    pub currency: &'a str,
    pub amount: &'a BigDecimal,
    pub commission: &'a BigDecimal,
    pub status: OrderStatus,
}

/// What was told of an order at one time, to be kept.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = order_revisions)]
#[allow(missing_docs)]
pub struct NewRevision<'a> {
    pub order_id: i64,
    pub revision: i32,
    pub amount: &'a BigDecimal,
    pub commission: &'a BigDecimal,
    pub status: OrderStatus,
    pub body: &'a str,
    pub signed_at: Option<DateTime<Utc>>,
    pub received_at: DateTime<Utc>,
}

/// Adds an order; none where it is there already. Of equal orders that come at once, one is added and the others wait for it.
pub async fn insert(connection: &mut Connection, new: &NewOrder<'_>) -> QueryResult<Option<Order>> {
    diesel::insert_into(orders::table)
        .values(new)
        .on_conflict((orders::advertiser_id, orders::order_id))
        .do_nothing()
        .returning(Order::as_returning())
        .get_result(connection)
        .await
        .optional()
}

/// Locks an advertiser's order by its own name.
pub async fn lock(
    connection: &mut Connection,
    advertiser_id: i64,
    order_id: &str,
) -> QueryResult<Option<Order>> {
    orders::table
        .filter(orders::advertiser_id.eq(advertiser_id))
        .filter(orders::order_id.eq(order_id))
        .select(Order::as_select())
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// Writes what an order has become.
pub async fn update(connection: &mut Connection, order: &Order) -> QueryResult<usize> {
    diesel::update(orders::table.find(order.id))
        .set((
            orders::campaign_id.eq(order.campaign_id),
            orders::amount.eq(&order.amount),
            orders::commission.eq(&order.commission),
            orders::status.eq(order.status),
            orders::revisions.eq(order.revisions),
        ))
        .execute(connection)
        .await
}

/// Keeps what was told.
pub async fn insert_revision(
    connection: &mut Connection,
    new: &NewRevision<'_>,
) -> QueryResult<usize> {
    diesel::insert_into(order_revisions::table)
        .values(new)
        .execute(connection)
        .await
}

/// When the latest delivery that was kept of an order was signed, of those that say so.
pub async fn latest_signed_at(
    connection: &mut Connection,
    order_id: i64,
) -> QueryResult<Option<DateTime<Utc>>> {
    order_revisions::table
        .filter(order_revisions::order_id.eq(order_id))
        .select(diesel::dsl::max(order_revisions::signed_at))
        .first(connection)
        .await
}

/// The orders with these ids, in no order.
pub async fn list_by_id(connection: &mut Connection, ids: &[i64]) -> QueryResult<Vec<Order>> {
    orders::table
        .filter(orders::id.eq_any(ids))
        .select(Order::as_select())
        .load(connection)
        .await
}

/// What the orders of a list have in common.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct OrderFilter {
    /// Of this advertiser.
    pub advertiser_id: Option<i64>,
    /// Credited to this affiliate.
    pub affiliate_id: Option<i64>,
    /// For this campaign.
    pub campaign_id: Option<i64>,
    /// With this status.
    pub status: Option<OrderStatus>,
    /// Received at or after.
    pub from: Option<DateTime<Utc>>,
    /// Received before.
    pub to: Option<DateTime<Utc>>,
}

/// A page of each of these lists of orders in the scope.
pub async fn list(
    connection: &mut Connection,
    scope: Scope,
    lists: &[(OrderFilter, Keyset)],
) -> QueryResult<Vec<Slice<Order>>> {
    load_pages!(connection, orders, Order, lists, |query, filter| narrowed(
        query, scope, filter
    ))
}

type Boxed<'a, ST> = orders::BoxedQuery<'a, diesel::pg::Pg, ST>;

fn narrowed<'a, ST: 'static>(
    mut query: Boxed<'a, ST>,
    scope: Scope,
    filter: &OrderFilter,
) -> Boxed<'a, ST> {
    match scope {
        Scope::All => {}
        Scope::Advertiser(id) => query = query.filter(orders::advertiser_id.eq(id)),
        Scope::Affiliate(id) => query = query.filter(orders::affiliate_id.eq(id)),
    }
    if let Some(id) = filter.advertiser_id {
        query = query.filter(orders::advertiser_id.eq(id));
    }
    if let Some(id) = filter.affiliate_id {
        query = query.filter(orders::affiliate_id.eq(id));
    }
    if let Some(id) = filter.campaign_id {
        query = query.filter(orders::campaign_id.eq(id));
    }
    if let Some(status) = filter.status {
        query = query.filter(orders::status.eq(status));
    }
    if let Some(from) = filter.from {
        query = query.filter(orders::received_at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(orders::received_at.lt(to));
    }
    query
}

/// Which of these advertisers have ever delivered a signed order.
pub async fn list_delivering(
    connection: &mut Connection,
    advertiser_ids: &[i64],
) -> QueryResult<Vec<i64>> {
    advertisers::table
        .filter(advertisers::id.eq_any(advertiser_ids))
        .filter(diesel::dsl::exists(
            orders::table.filter(orders::advertiser_id.eq(advertisers::id)),
        ))
        .select(advertisers::id)
        .load(connection)
        .await
}

/// How many orders an affiliate has at an advertiser, for one campaign or for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Count {
    /// At whom.
    #[diesel(sql_type = BigInt)]
    pub advertiser_id: i64,
    /// Whose.
    #[diesel(sql_type = BigInt)]
    pub affiliate_id: i64,
    /// For which campaign.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub campaign_id: Option<i64>,
    /// Distinct orders, the reversed ones included.
    #[diesel(sql_type = BigInt)]
    pub signed: i64,
    /// Those that were reversed since.
    #[diesel(sql_type = BigInt)]
    pub reversed: i64,
}

/// The orders of these affiliates at these advertisers, counted by campaign.
pub async fn count(
    connection: &mut Connection,
    affiliate_ids: &[i64],
    advertiser_ids: &[i64],
) -> QueryResult<Vec<Count>> {
    diesel::sql_query(
        "SELECT advertiser_id, affiliate_id, campaign_id, count(*) AS signed, \
         count(*) FILTER (WHERE status = 'REVERSED') AS reversed FROM orders \
         WHERE affiliate_id = ANY ($1) AND advertiser_id = ANY ($2) GROUP BY advertiser_id, affiliate_id, campaign_id",
    )
    .bind::<Array<BigInt>, _>(affiliate_ids)
    .bind::<Array<BigInt>, _>(advertiser_ids)
    .get_results(connection)
    .await
}

/// A claim of conversions: of each post the latest that names any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct ConversionClaim {
    /// At whom.
    #[diesel(sql_type = BigInt)]
    pub advertiser_id: i64,
    /// Whose.
    #[diesel(sql_type = BigInt)]
    pub affiliate_id: i64,
    /// In which campaign.
    #[diesel(sql_type = BigInt)]
    pub campaign_id: i64,
    /// On which post.
    #[diesel(sql_type = BigInt)]
    pub post_id: i64,
    /// The claim.
    #[diesel(sql_type = BigInt)]
    pub affiliate_report_id: i64,
    /// When it was made.
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    pub submitted_at: DateTime<Utc>,
    /// How many are claimed.
    #[diesel(sql_type = BigInt)]
    pub conversions: i64,
}

/// The claims of conversions that these affiliates have at these advertisers: of each post the latest that names any. Posts
/// that turned out to be others are left out.
pub async fn list_conversion_claims(
    connection: &mut Connection,
    affiliate_ids: &[i64],
    advertiser_ids: &[i64],
) -> QueryResult<Vec<ConversionClaim>> {
    diesel::sql_query(
        "SELECT c.advertiser_id, p.affiliate_id, p.campaign_id, p.id AS post_id, r.id AS affiliate_report_id, \
         r.submitted_at, r.claimed_conversions AS conversions \
         FROM posts p JOIN campaigns c ON c.id = p.campaign_id \
         CROSS JOIN LATERAL (SELECT r.id, r.submitted_at, r.claimed_conversions FROM affiliate_reports r \
             WHERE r.post_id = p.id AND r.claimed_conversions IS NOT NULL ORDER BY r.id DESC LIMIT 1) r \
         WHERE p.affiliate_id = ANY ($1) AND c.advertiser_id = ANY ($2) AND p.status <> 'DUPLICATE'",
    )
    .bind::<Array<BigInt>, _>(affiliate_ids)
    .bind::<Array<BigInt>, _>(advertiser_ids)
    .get_results(connection)
    .await
}

/// Money of an affiliate's orders in one currency.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Money {
    /// In which campaign; 0 where they are of several.
    #[diesel(sql_type = BigInt)]
    pub campaign_id: i64,
    /// Whose.
    #[diesel(sql_type = BigInt)]
    pub affiliate_id: i64,
    /// ISO 4217 code.
    #[diesel(sql_type = Text)]
    pub currency: String,
    /// Distinct orders, the reversed ones included.
    #[diesel(sql_type = BigInt)]
    pub orders: i64,
    /// Amounts of those that are not reversed.
    #[diesel(sql_type = Numeric)]
    pub amount: BigDecimal,
    /// Commissions of those that are not reversed.
    #[diesel(sql_type = Numeric)]
    pub commission: BigDecimal,
}

/// The orders of each of these affiliates by currency: in each of these campaigns or in all together (then the campaign is 0),
/// of one advertiser or of all, in a time.
pub async fn sum_by_affiliate(
    connection: &mut Connection,
    affiliate_ids: &[i64],
    campaign_ids: Option<&[i64]>,
    advertiser_id: Option<i64>,
    range: super::rollup::Range,
) -> QueryResult<Vec<Money>> {
    diesel::sql_query(
        "SELECT CASE WHEN $2 IS NULL THEN 0 ELSE campaign_id END AS campaign_id, affiliate_id, currency, count(*) AS orders, \
         coalesce(sum(amount) FILTER (WHERE status = 'ACCEPTED'), 0) AS amount, \
         coalesce(sum(commission) FILTER (WHERE status = 'ACCEPTED'), 0) AS commission FROM orders \
         WHERE affiliate_id = ANY ($1) AND ($2 IS NULL OR campaign_id = ANY ($2)) AND ($3 IS NULL OR advertiser_id = $3) \
         AND ($4 IS NULL OR received_at >= $4) AND ($5 IS NULL OR received_at < $5) \
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    )
    .bind::<Array<BigInt>, _>(affiliate_ids)
    .bind::<Nullable<Array<BigInt>>, _>(campaign_ids)
    .bind::<Nullable<BigInt>, _>(advertiser_id)
    .bind::<Nullable<diesel::sql_types::Timestamptz>, _>(range.from)
    .bind::<Nullable<diesel::sql_types::Timestamptz>, _>(range.to)
    .get_results(connection)
    .await
}

/// A secret that an advertiser signs its orders with, encrypted.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = webhook_secrets, check_for_backend(diesel::pg::Pg))]
pub struct WebhookSecret {
    /// Numeric id.
    pub id: i64,
    /// Whose.
    pub advertiser_id: i64,
    /// The secret under the key.
    pub sealed: Vec<u8>,
    /// Which key.
    pub key_id: String,
    /// Until when it holds; none while it is in force.
    pub valid_until: Option<DateTime<Utc>>,
}

/// The advertiser's secrets that hold now, the newest first, and whether its webhooks must carry a time.
pub async fn list_secrets(
    connection: &mut Connection,
    advertiser_id: i64,
    now: DateTime<Utc>,
) -> QueryResult<Vec<(WebhookSecret, bool)>> {
    webhook_secrets::table
        .inner_join(advertisers::table)
        .filter(webhook_secrets::advertiser_id.eq(advertiser_id))
        .filter(
            webhook_secrets::valid_until
                .is_null()
                .or(webhook_secrets::valid_until.gt(now)),
        )
        .order(webhook_secrets::id.desc())
        .select((WebhookSecret::as_select(), advertisers::require_timestamp))
        .load(connection)
        .await
}

/// Puts a secret into force. The one in force before holds until a time, and those before that one no more.
pub async fn rotate_secret(
    connection: &mut Connection,
    advertiser_id: i64,
    sealed: &[u8],
    key_id: &str,
    now: DateTime<Utc>,
    previous_valid_until: DateTime<Utc>,
) -> QueryResult<usize> {
    diesel::update(
        webhook_secrets::table
            .filter(webhook_secrets::advertiser_id.eq(advertiser_id))
            .filter(webhook_secrets::valid_until.gt(now)),
    )
    .set(webhook_secrets::valid_until.eq(now))
    .execute(connection)
    .await?;
    let ended = diesel::update(
        webhook_secrets::table
            .filter(webhook_secrets::advertiser_id.eq(advertiser_id))
            .filter(webhook_secrets::valid_until.is_null()),
    )
    .set(webhook_secrets::valid_until.eq(previous_valid_until))
    .execute(connection)
    .await?;
    diesel::insert_into(webhook_secrets::table)
        .values((
            webhook_secrets::advertiser_id.eq(advertiser_id),
            webhook_secrets::sealed.eq(sealed),
            webhook_secrets::key_id.eq(key_id),
        ))
        .execute(connection)
        .await?;
    Ok(ended)
}

/// Every secret that is not under this key, for moving it there.
pub async fn list_secrets_under_other_keys(
    connection: &mut Connection,
    key_id: &str,
) -> QueryResult<Vec<WebhookSecret>> {
    webhook_secrets::table
        .filter(webhook_secrets::key_id.ne(key_id))
        .order(webhook_secrets::id.asc())
        .select(WebhookSecret::as_select())
        .load(connection)
        .await
}

/// Keeps a secret under another key, where it is still the one that was read.
pub async fn update_sealed(
    connection: &mut Connection,
    read: &WebhookSecret,
    sealed: &[u8],
    key_id: &str,
) -> QueryResult<usize> {
    diesel::update(webhook_secrets::table.find(read.id))
        .filter(webhook_secrets::sealed.eq(&read.sealed))
        .set((
            webhook_secrets::sealed.eq(sealed),
            webhook_secrets::key_id.eq(key_id),
        ))
        .execute(connection)
        .await
}
