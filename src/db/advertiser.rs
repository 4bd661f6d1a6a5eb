//! Advertisers, and which affiliates are eligible for them.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, load_page};
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

/// A page of the advertisers; only the one, and only those the affiliate is eligible for, where these are given.
pub async fn list(
    connection: &mut Connection,
    only: Option<i64>,
    eligible: Option<i64>,
    page: Keyset,
) -> QueryResult<Slice<Advertiser>> {
    load_page!(
        connection,
        advertisers,
        Advertiser,
        page,
        narrowed(only, eligible)
    )
}

type Boxed<'a, ST> = advertisers::BoxedQuery<'a, diesel::pg::Pg, ST>;

fn narrowed<ST: 'static>(
    mut query: Boxed<'_, ST>,
    only: Option<i64>,
    eligible: Option<i64>,
) -> Boxed<'_, ST> {
    if let Some(id) = only {
        query = query.filter(advertisers::id.eq(id));
    }
    if let Some(affiliate) = eligible {
        query = query.filter(diesel::dsl::exists(
            eligibility::table
                .filter(eligibility::advertiser_id.eq(advertisers::id))
                .filter(eligibility::affiliate_id.eq(affiliate)),
        ));
    }
    query
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
