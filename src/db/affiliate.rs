//! Affiliates, their trust score and the head of their audit trail.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, load_page};
use super::schema::{affiliates, applications, campaigns, posts};
use super::{Connection, Keyset};

/// Who posts and claims.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = affiliates, check_for_backend(diesel::pg::Pg))]
pub struct Affiliate {
    /// Numeric id.
    pub id: i64,
    /// Unique name.
    pub name: String,
    /// Unique address; only the affiliate and operators see it.
    pub email: Option<String>,
    /// The Discord member who may submit for it, a snowflake.
    pub discord_user_id: Option<String>,
    /// Accurate verdicts over counting verdicts, 0.00 to 1.00.
    pub trust_score: BigDecimal,
    /// Claims whose final verdict counts.
    pub total_submissions: i64,
    /// Those of them that were accurate.
    pub accurate_submissions: i64,
    /// Hash of the latest verdict, 64 hex digits; zeros where there is none.
    pub chain_head: String,
    /// Number of verdicts.
    pub chain_length: i64,
    /// Whether it may submit and apply.
    pub is_active: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// An affiliate to be created.
#[derive(Debug, Insertable)]
#[diesel(table_name = affiliates)]
pub struct NewAffiliate<'a> {
    /// Unique name.
    pub name: &'a str,
    /// Unique address.
    pub email: Option<&'a str>,
    /// The Discord member who may submit for it, a snowflake.
    pub discord_user_id: Option<&'a str>,
}

/// Adds an affiliate.
pub async fn insert(connection: &mut Connection, new: &NewAffiliate<'_>) -> QueryResult<Affiliate> {
    diesel::insert_into(affiliates::table)
        .values(new)
        .returning(Affiliate::as_returning())
        .get_result(connection)
        .await
}

/// The affiliates with these ids, in no order.
pub async fn list_by_id(connection: &mut Connection, ids: &[i64]) -> QueryResult<Vec<Affiliate>> {
    affiliates::table
        .filter(affiliates::id.eq_any(ids))
        .select(Affiliate::as_select())
        .load(connection)
        .await
}

/// Which of these affiliates have an application or a post at the advertiser.
pub async fn list_known_to(
    connection: &mut Connection,
    advertiser_id: i64,
    ids: &[i64],
) -> QueryResult<Vec<i64>> {
    affiliates::table
        .filter(affiliates::id.eq_any(ids))
        .filter(known_to(advertiser_id))
        .select(affiliates::id)
        .load(connection)
        .await
}

/// A page of the affiliates; only those with an application or a post at the advertiser where one is given.
pub async fn list(
    connection: &mut Connection,
    advertiser_id: Option<i64>,
    only: Option<i64>,
    page: Keyset,
) -> QueryResult<Slice<Affiliate>> {
    load_page!(
        connection,
        affiliates,
        Affiliate,
        page,
        narrowed(advertiser_id, only)
    )
}

type Boxed<'a, ST> = affiliates::BoxedQuery<'a, diesel::pg::Pg, ST>;

fn narrowed<ST: 'static>(
    mut query: Boxed<'_, ST>,
    advertiser_id: Option<i64>,
    only: Option<i64>,
) -> Boxed<'_, ST> {
    if let Some(advertiser_id) = advertiser_id {
        query = query.filter(known_to(advertiser_id));
    }
    if let Some(id) = only {
        query = query.filter(affiliates::id.eq(id));
    }
    query
}

#[diesel::dsl::auto_type(no_type_alias)]
fn known_to(advertiser_id: i64) -> _ {
    let applied = applications::table
        .filter(applications::affiliate_id.eq(affiliates::id))
        .filter(applications::advertiser_id.eq(advertiser_id));
    let posted = posts::table
        .filter(posts::affiliate_id.eq(affiliates::id))
        .filter(
            posts::campaign_id.eq_any(
                campaigns::table
                    .filter(campaigns::advertiser_id.eq(advertiser_id))
                    .select(campaigns::id),
            ),
        );
    diesel::dsl::exists(applied).or(diesel::dsl::exists(posted))
}

/// Locks the affiliates' rows, lowest id first, so that two batches never wait for each other in a circle.
pub async fn lock(connection: &mut Connection, ids: &[i64]) -> QueryResult<Vec<Affiliate>> {
    affiliates::table
        .filter(affiliates::id.eq_any(ids))
        .order(affiliates::id.asc())
        .select(Affiliate::as_select())
        .for_no_key_update()
        .load(connection)
        .await
}

/// The new state of an affiliate after a batch of verdicts.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Which affiliate.
    pub id: i64,
    /// Its score.
    pub trust_score: BigDecimal,
    /// Its counters.
    pub total_submissions: i64,
    /// Those that were accurate.
    pub accurate_submissions: i64,
    /// Hash of its latest verdict.
    pub chain_head: String,
    /// Number of its verdicts.
    pub chain_length: i64,
}

/// Writes the new state of many affiliates in one statement.
pub async fn update_progress(
    connection: &mut Connection,
    progress: &[Progress],
) -> QueryResult<usize> {
    use diesel::sql_types::{Array, BigInt, Numeric, Text};
    diesel::sql_query(
        "UPDATE affiliates a SET trust_score = n.score, total_submissions = n.total, \
         accurate_submissions = n.accurate, chain_head = n.head, chain_length = n.length \
         FROM unnest($1, $2, $3, $4, $5, $6) AS n (id, score, total, accurate, head, length) WHERE a.id = n.id",
    )
    .bind::<Array<BigInt>, _>(progress.iter().map(|p| p.id).collect::<Vec<_>>())
    .bind::<Array<Numeric>, _>(progress.iter().map(|p| p.trust_score.clone()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(progress.iter().map(|p| p.total_submissions).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(progress.iter().map(|p| p.accurate_submissions).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(progress.iter().map(|p| p.chain_head.clone()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(progress.iter().map(|p| p.chain_length).collect::<Vec<_>>())
    .execute(connection)
    .await
}
