//! Affiliates, their trust score and the head of their audit trail.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Connection;
use super::keyset::{Slice, containing};
use super::schema::{affiliates, applications, campaigns, posts};

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

/// The affiliate that a member of Discord submits for.
pub async fn find_by_discord_user(
    connection: &mut Connection,
    discord_user_id: &str,
) -> QueryResult<Option<Affiliate>> {
    affiliates::table
        .filter(affiliates::discord_user_id.eq(discord_user_id))
        .select(Affiliate::as_select())
        .first(connection)
        .await
        .optional()
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

/// What the affiliates of a list have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AffiliateFilter {
    /// With a post in this campaign.
    pub campaign_id: Option<i64>,
    /// Whether it may submit and apply.
    pub is_active: Option<bool>,
    /// With this trust score or a higher one.
    pub minimum_trust: Option<BigDecimal>,
    /// With this trust score or a lower one.
    pub maximum_trust: Option<BigDecimal>,
    /// With this text in the name.
    pub search: Option<String>,
}

/// By what affiliates are ordered. What is equal is ordered by id, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AffiliateField {
    /// When they joined.
    CreatedAt,
    /// By name, as bytes are ordered.
    Name,
    /// By trust score.
    TrustScore,
    /// By the number of claims that count.
    TotalSubmissions,
}

/// A value that affiliates are ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AffiliateKey {
    /// None but the id.
    Id,
    /// A name.
    Name(String),
    /// A score.
    Score(BigDecimal),
    /// A number.
    Number(i64),
}

impl AffiliateField {
    /// The value of a row.
    #[must_use]
    pub fn key(self, row: &Affiliate) -> AffiliateKey {
        match self {
            // Ids are given in the order of joining.
            Self::CreatedAt => AffiliateKey::Id,
            Self::Name => AffiliateKey::Name(row.name.clone()),
            Self::TrustScore => AffiliateKey::Score(row.trust_score.clone()),
            Self::TotalSubmissions => AffiliateKey::Number(row.total_submissions),
        }
    }
}

/// A page of a list of affiliates in an order of the caller's.
#[derive(Debug, Clone)]
pub struct AffiliatePage {
    /// By what.
    pub field: AffiliateField,
    /// Whether the highest come first.
    pub descending: bool,
    /// Only rows that come after this one: its value and its id.
    pub after: Option<(AffiliateKey, i64)>,
    /// Only rows that come before this one.
    pub before: Option<(AffiliateKey, i64)>,
    /// At most this many.
    pub limit: i64,
    /// Whether the rows nearest to the end of the list are wanted.
    pub from_end: bool,
    /// Whether the length of the whole list is wanted too.
    pub total: bool,
}

/// A page of the affiliates; only those with an application or a post at the advertiser, and only the one, where these are
/// given.
pub async fn list(
    connection: &mut Connection,
    advertiser_id: Option<i64>,
    only: Option<i64>,
    filter: &AffiliateFilter,
    page: &AffiliatePage,
) -> QueryResult<Slice<Affiliate>> {
    let total = if page.total {
        let all = affiliates::table
            .select(diesel::dsl::count_star())
            .into_boxed();
        let count: i64 = narrowed(all, advertiser_id, only, filter)
            .get_result(connection)
            .await?;
        Some(count)
    } else {
        None
    };
    let mut query = narrowed(
        affiliates::table
            .select(Affiliate::as_select())
            .into_boxed(),
        advertiser_id,
        only,
        filter,
    );
    if let Some((key, id)) = &page.after {
        query = beyond(query, key, *id, page.descending);
    }
    if let Some((key, id)) = &page.before {
        query = beyond(query, key, *id, !page.descending);
    }
    // From the end the list is read backwards.
    let query = match (page.field, page.descending != page.from_end) {
        (AffiliateField::CreatedAt, true) => query.order(affiliates::id.desc()),
        (AffiliateField::CreatedAt, false) => query.order(affiliates::id.asc()),
        (AffiliateField::Name, true) => {
            query.order((bytes(affiliates::name).desc(), affiliates::id.desc()))
        }
        (AffiliateField::Name, false) => {
            query.order((bytes(affiliates::name).asc(), affiliates::id.asc()))
        }
        (AffiliateField::TrustScore, true) => {
            query.order((affiliates::trust_score.desc(), affiliates::id.desc()))
        }
        (AffiliateField::TrustScore, false) => {
            query.order((affiliates::trust_score.asc(), affiliates::id.asc()))
        }
        (AffiliateField::TotalSubmissions, true) => {
            query.order((affiliates::total_submissions.desc(), affiliates::id.desc()))
        }
        (AffiliateField::TotalSubmissions, false) => {
            query.order((affiliates::total_submissions.asc(), affiliates::id.asc()))
        }
    };
    let rows = query.limit(page.limit + 1).load(connection).await?;
    let mut slice = Slice::cut(rows, total, page.limit);
    if page.from_end {
        slice.rows.reverse();
    }
    Ok(slice)
}

diesel::postfix_operator!(Bytes, " COLLATE \"C\"", diesel::sql_types::Text, backend: diesel::pg::Pg);

/// A name as its bytes are ordered, so that a cursor means the same on every machine.
fn bytes<E>(name: E) -> Bytes<E> {
    Bytes::new(name)
}

type Boxed<'a, ST> = affiliates::BoxedQuery<'a, diesel::pg::Pg, ST>;

/// Only rows beyond one, in the direction of the order.
fn beyond<'a, ST: 'static>(
    query: Boxed<'a, ST>,
    key: &AffiliateKey,
    id: i64,
    descending: bool,
) -> Boxed<'a, ST> {
    macro_rules! rows {
        ($column:expr, $value:expr) => {
            if descending {
                query.filter(
                    $column
                        .lt($value.clone())
                        .or($column.eq($value).and(affiliates::id.lt(id))),
                )
            } else {
                query.filter(
                    $column
                        .gt($value.clone())
                        .or($column.eq($value).and(affiliates::id.gt(id))),
                )
            }
        };
    }
    match key {
        AffiliateKey::Id if descending => query.filter(affiliates::id.lt(id)),
        AffiliateKey::Id => query.filter(affiliates::id.gt(id)),
        AffiliateKey::Name(name) => rows!(bytes(affiliates::name), name.clone()),
        AffiliateKey::Score(score) => rows!(affiliates::trust_score, score.clone()),
        AffiliateKey::Number(number) => rows!(affiliates::total_submissions, *number),
    }
}

fn narrowed<'a, ST: 'static>(
    mut query: Boxed<'a, ST>,
    advertiser_id: Option<i64>,
    only: Option<i64>,
    filter: &AffiliateFilter,
) -> Boxed<'a, ST> {
    if let Some(advertiser_id) = advertiser_id {
        query = query.filter(known_to(advertiser_id));
    }
    if let Some(id) = only {
        query = query.filter(affiliates::id.eq(id));
    }
    if let Some(id) = filter.campaign_id {
        query = query.filter(diesel::dsl::exists(
            posts::table
                .filter(posts::affiliate_id.eq(affiliates::id))
                .filter(posts::campaign_id.eq(id)),
        ));
        if let Some(advertiser_id) = advertiser_id {
            // In a campaign of somebody else there is nobody.
            query = query.filter(diesel::dsl::exists(
                campaigns::table
                    .filter(campaigns::id.eq(id))
                    .filter(campaigns::advertiser_id.eq(advertiser_id)),
            ));
        }
    }
    if let Some(is_active) = filter.is_active {
        query = query.filter(affiliates::is_active.eq(is_active));
    }
    if let Some(least) = &filter.minimum_trust {
        query = query.filter(affiliates::trust_score.ge(least.clone()));
    }
    if let Some(most) = &filter.maximum_trust {
        query = query.filter(affiliates::trust_score.le(most.clone()));
    }
    if let Some(text) = &filter.search {
        query = query.filter(affiliates::name.ilike(containing(text)));
    }
    query
}

/// Writes what an affiliate's profile has become.
pub async fn update(connection: &mut Connection, affiliate: &Affiliate) -> QueryResult<usize> {
    diesel::update(affiliates::table.find(affiliate.id))
        .set((
            affiliates::name.eq(&affiliate.name),
            affiliates::email.eq(&affiliate.email),
            affiliates::discord_user_id.eq(&affiliate.discord_user_id),
            affiliates::is_active.eq(affiliate.is_active),
        ))
        .execute(connection)
        .await
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
