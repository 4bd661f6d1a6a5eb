//! Advertisers, and which affiliates are eligible for them.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, containing, load_pages};
use super::schema::{advertisers, eligibility};
use super::{Connection, Keyset};
use crate::model::ApplicationRule;

/// Who pays; owns campaigns.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = advertisers, check_for_backend(diesel::pg::Pg))]
pub struct Advertiser {
    /// Numeric id.
    pub id: i64,
    /// Unique name.
    pub name: String,
    /// What it sells.
    pub category: Option<String>,
    /// Its web site.
    pub website: Option<String>,
    /// How its applications are decided.
    pub application_rule: ApplicationRule,
    /// The trust score that `ABOVE_TRUST` asks for, 0 to 1.
    pub minimum_trust: BigDecimal,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Days after a rejection until the affiliate may apply again.
    pub reapply_after_days: i32,
    /// Whether its webhooks must carry the time at which they were signed.
    pub require_timestamp: bool,
}

/// An advertiser to be created.
#[derive(Debug, Insertable)]
#[diesel(table_name = advertisers)]
pub struct NewAdvertiser<'a> {
    /// Unique name.
    pub name: &'a str,
    /// What it sells.
    pub category: Option<&'a str>,
    /// Its web site.
    pub website: Option<&'a str>,
}

/// Adds an advertiser.
pub async fn insert(
    connection: &mut Connection,
    new: &NewAdvertiser<'_>,
) -> QueryResult<Advertiser> {
    diesel::insert_into(advertisers::table)
        .values(new)
        .returning(Advertiser::as_returning())
        .get_result(connection)
        .await
}

/// The advertisers with these ids, in no order.
pub async fn list_by_id(connection: &mut Connection, ids: &[i64]) -> QueryResult<Vec<Advertiser>> {
    advertisers::table
        .filter(advertisers::id.eq_any(ids))
        .select(Advertiser::as_select())
        .load(connection)
        .await
}

/// What the advertisers of a list have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AdvertiserFilter {
    /// This one only.
    pub only: Option<i64>,
    /// Those that this affiliate is eligible for.
    pub eligible: Option<i64>,
    /// Of this category.
    pub category: Option<String>,
    /// With this text in the name, the category or the web site.
    pub search: Option<String>,
}

/// A page of each of these lists of advertisers.
pub async fn list(
    connection: &mut Connection,
    lists: &[(AdvertiserFilter, Keyset)],
) -> QueryResult<Vec<Slice<Advertiser>>> {
    load_pages!(
        connection,
        advertisers,
        Advertiser,
        lists,
        |query, filter| narrowed(query, filter)
    )
}

type Boxed<'a, ST> = advertisers::BoxedQuery<'a, diesel::pg::Pg, ST>;

fn narrowed<'a, ST: 'static>(mut query: Boxed<'a, ST>, filter: &AdvertiserFilter) -> Boxed<'a, ST> {
    if let Some(id) = filter.only {
        query = query.filter(advertisers::id.eq(id));
    }
    if let Some(affiliate) = filter.eligible {
        query = query.filter(diesel::dsl::exists(
            eligibility::table
                .filter(eligibility::advertiser_id.eq(advertisers::id))
                .filter(eligibility::affiliate_id.eq(affiliate)),
        ));
    }
    if let Some(category) = &filter.category {
        query = query.filter(advertisers::category.eq(category.clone()));
    }
    if let Some(text) = &filter.search {
        let pattern = containing(text);
        query = query.filter(
            advertisers::name
                .ilike(pattern.clone())
                .or(advertisers::category.ilike(pattern.clone()))
                .or(advertisers::website.ilike(pattern)),
        );
    }
    query
}

/// Locks an advertiser.
pub async fn lock(connection: &mut Connection, id: i64) -> QueryResult<Option<Advertiser>> {
    advertisers::table
        .find(id)
        .select(Advertiser::as_select())
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// Writes what an advertiser has become.
pub async fn update(connection: &mut Connection, advertiser: &Advertiser) -> QueryResult<usize> {
    diesel::update(advertisers::table.find(advertiser.id))
        .set((
            advertisers::name.eq(&advertiser.name),
            advertisers::category.eq(&advertiser.category),
            advertisers::website.eq(&advertiser.website),
            advertisers::application_rule.eq(advertiser.application_rule),
            advertisers::minimum_trust.eq(&advertiser.minimum_trust),
            advertisers::reapply_after_days.eq(advertiser.reapply_after_days),
            advertisers::require_timestamp.eq(advertiser.require_timestamp),
        ))
        .execute(connection)
        .await
}

/// Makes affiliates eligible, or no longer so. What is so already stays so.
pub async fn update_eligibility(
    connection: &mut Connection,
    advertiser_id: i64,
    affiliate_ids: &[i64],
    eligible: bool,
) -> QueryResult<()> {
    if eligible {
        let rows: Vec<_> = affiliate_ids
            .iter()
            .map(|id| {
                (
                    eligibility::advertiser_id.eq(advertiser_id),
                    eligibility::affiliate_id.eq(id),
                )
            })
            .collect();
        diesel::insert_into(eligibility::table)
            .values(rows)
            .on_conflict_do_nothing()
            .execute(connection)
            .await?;
    } else {
        diesel::delete(
            eligibility::table
                .filter(eligibility::advertiser_id.eq(advertiser_id))
                .filter(eligibility::affiliate_id.eq_any(affiliate_ids)),
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// The pairs (advertiser, affiliate) out of the given ones that are eligible.
pub async fn list_eligible(
    connection: &mut Connection,
    advertiser_ids: &[i64],
    affiliate_id: i64,
) -> QueryResult<Vec<i64>> {
    eligibility::table
        .filter(eligibility::advertiser_id.eq_any(advertiser_ids))
        .filter(eligibility::affiliate_id.eq(affiliate_id))
        .select(eligibility::advertiser_id)
        .load(connection)
        .await
}
