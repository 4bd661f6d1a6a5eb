//! Platform reports: what a platform said of a post at a time, append-only.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, load_pages};
use super::schema::{affiliate_reports, platform_reports};
use super::{Connection, Keyset};
use crate::model::{EvidenceGrade, Metric, Metrics, Observed, PlatformKind};

/// An observation. A metric has a value, a definition and a grade exactly where its availability is REPORTED.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = platform_reports, check_for_backend(diesel::pg::Pg))]
#[allow(missing_docs)]
pub struct PlatformReport {
    pub id: i64,
    pub post_id: i64,
    pub platform: PlatformKind,
    pub gone: bool,
    pub views: Option<i64>,
    pub views_availability: String,
    pub views_definition: Option<String>,
    pub views_grade: Option<EvidenceGrade>,
    pub views_reason: Option<String>,
    pub clicks: Option<i64>,
    pub clicks_availability: String,
    pub clicks_definition: Option<String>,
    pub clicks_grade: Option<EvidenceGrade>,
    pub clicks_reason: Option<String>,
    pub conversions: Option<i64>,
    pub conversions_availability: String,
    pub conversions_definition: Option<String>,
    pub conversions_grade: Option<EvidenceGrade>,
    pub conversions_reason: Option<String>,
    pub raw_data: serde_json::Value,
    pub raw_hash: String,
    pub fetched_at: DateTime<Utc>,
    pub spend: Option<BigDecimal>,
    pub currency: Option<String>,
    pub credential_id: Option<i64>,
}

impl PlatformReport {
    /// What was said of each metric.
    #[must_use]
    pub fn observed(&self) -> Metrics<Observed> {
        Metrics::from_fn(|metric| {
            let (value, availability, definition, grade, reason) = match metric {
                Metric::Views => (
                    self.views,
                    &self.views_availability,
                    &self.views_definition,
                    self.views_grade,
                    &self.views_reason,
                ),
                Metric::Clicks => (
                    self.clicks,
                    &self.clicks_availability,
                    &self.clicks_definition,
                    self.clicks_grade,
                    &self.clicks_reason,
                ),
                Metric::Conversions => (
                    self.conversions,
                    &self.conversions_availability,
                    &self.conversions_definition,
                    self.conversions_grade,
                    &self.conversions_reason,
                ),
            };
            let reason = reason.clone().unwrap_or_default();
            match (
                value.and_then(|value| u64::try_from(value).ok()),
                definition,
                grade,
            ) {
                (Some(value), Some(definition), Some(grade)) => Observed::Reported {
                    value,
                    definition: definition.clone(),
                    grade,
                },
                _ if availability == "UNSUPPORTED" => Observed::Unsupported { reason },
                _ => Observed::Unavailable { reason },
            }
        })
    }
}

/// An observation to be kept.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = platform_reports)]
#[allow(missing_docs)]
pub struct NewPlatformReport {
    pub post_id: i64,
    pub platform: PlatformKind,
    pub gone: bool,
    pub views: Option<i64>,
    pub views_availability: &'static str,
    pub views_definition: Option<String>,
    pub views_grade: Option<EvidenceGrade>,
    pub views_reason: Option<String>,
    pub clicks: Option<i64>,
    pub clicks_availability: &'static str,
    pub clicks_definition: Option<String>,
    pub clicks_grade: Option<EvidenceGrade>,
    pub clicks_reason: Option<String>,
    pub conversions: Option<i64>,
    pub conversions_availability: &'static str,
    pub conversions_definition: Option<String>,
    pub conversions_grade: Option<EvidenceGrade>,
    pub conversions_reason: Option<String>,
    pub raw_data: serde_json::Value,
    pub raw_hash: String,
    pub fetched_at: DateTime<Utc>,
    pub spend: Option<BigDecimal>,
    pub currency: Option<String>,
    pub credential_id: Option<i64>,
}

impl NewPlatformReport {
    /// An observation of a post. A number above 2^63 − 1 is no count: it is kept as UNAVAILABLE.
    #[must_use]
    pub fn new(
        post_id: i64,
        platform: PlatformKind,
        gone: bool,
        observed: &Metrics<Observed>,
        raw_data: serde_json::Value,
        raw_hash: String,
        fetched_at: DateTime<Utc>,
    ) -> Self {
        let views = columns(&observed.views);
        let clicks = columns(&observed.clicks);
        let conversions = columns(&observed.conversions);
        Self {
            post_id,
            platform,
            gone,
            views: views.0,
            views_availability: views.1,
            views_definition: views.2,
            views_grade: views.3,
            views_reason: views.4,
            clicks: clicks.0,
            clicks_availability: clicks.1,
            clicks_definition: clicks.2,
            clicks_grade: clicks.3,
            clicks_reason: clicks.4,
            conversions: conversions.0,
            conversions_availability: conversions.1,
            conversions_definition: conversions.2,
            conversions_grade: conversions.3,
            conversions_reason: conversions.4,
            raw_data,
            raw_hash,
            fetched_at,
            spend: None,
            currency: None,
            credential_id: None,
        }
    }

    /// The same with what advertising the post has cost so far: an amount of 0 to below 10^14 and its currency, an ISO 4217
    /// code.
    #[must_use]
    pub fn with_spend(mut self, spend: Option<(BigDecimal, String)>) -> Self {
        (self.spend, self.currency) = spend.unzip();
        self
    }

    /// The same, made with the access of an affiliate.
    #[must_use]
    pub const fn with_credential(mut self, id: Option<i64>) -> Self {
        self.credential_id = id;
        self
    }
}

type Columns = (
    Option<i64>,
    &'static str,
    Option<String>,
    Option<EvidenceGrade>,
    Option<String>,
);

fn columns(observed: &Observed) -> Columns {
    let availability = observed.availability().as_str();
    match observed {
        Observed::Reported {
            value,
            definition,
            grade,
        } => match i64::try_from(*value) {
            Ok(value) => (
                Some(value),
                availability,
                Some(definition.clone()),
                Some(*grade),
                None,
            ),
            Err(_) => {
                let reason = format!("The platform's figure {value} is no count.");
                (None, "UNAVAILABLE", None, None, Some(reason))
            }
        },
        Observed::Unavailable { reason } | Observed::Unsupported { reason } => {
            (None, availability, None, None, Some(reason.clone()))
        }
    }
}

/// Keeps observations; their ids come back in the order given.
pub async fn insert(
    connection: &mut Connection,
    new: &[NewPlatformReport],
) -> QueryResult<Vec<i64>> {
    diesel::insert_into(platform_reports::table)
        .values(new)
        .returning(platform_reports::id)
        .get_results(connection)
        .await
}

/// The observations with these ids, in no order.
pub async fn list_by_id(
    connection: &mut Connection,
    ids: &[i64],
) -> QueryResult<Vec<PlatformReport>> {
    platform_reports::table
        .filter(platform_reports::id.eq_any(ids))
        .select(PlatformReport::as_select())
        .load(connection)
        .await
}

/// A page of the observations of each of these posts.
pub async fn list_by_post(
    connection: &mut Connection,
    lists: &[(i64, Keyset)],
) -> QueryResult<Vec<Slice<PlatformReport>>> {
    load_pages!(
        connection,
        platform_reports,
        PlatformReport,
        lists,
        |query, post_id| query.filter(platform_reports::post_id.eq(*post_id))
    )
}

/// The latest observation of each of these posts.
pub async fn list_latest(
    connection: &mut Connection,
    post_ids: &[i64],
) -> QueryResult<Vec<PlatformReport>> {
    platform_reports::table
        .filter(platform_reports::post_id.eq_any(post_ids))
        .distinct_on(platform_reports::post_id)
        .order((
            platform_reports::post_id.asc(),
            platform_reports::fetched_at.desc(),
            platform_reports::id.desc(),
        ))
        .select(PlatformReport::as_select())
        .load(connection)
        .await
}

/// For each of these claims, every observation of its post since it was made.
pub async fn list_since_claims(
    connection: &mut Connection,
    affiliate_report_ids: &[i64],
) -> QueryResult<Vec<(i64, PlatformReport)>> {
    platform_reports::table
        .inner_join(
            affiliate_reports::table.on(affiliate_reports::post_id.eq(platform_reports::post_id)),
        )
        .filter(affiliate_reports::id.eq_any(affiliate_report_ids))
        .filter(platform_reports::fetched_at.ge(affiliate_reports::submitted_at))
        .order((
            affiliate_reports::id,
            platform_reports::fetched_at,
            platform_reports::id,
        ))
        .select((affiliate_reports::id, PlatformReport::as_select()))
        .load(connection)
        .await
}

/// What earlier observations of a post say at a glance.
#[derive(Debug, Clone, QueryableByName)]
pub struct Seen {
    /// Which post.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub post_id: i64,
    /// When it was last observed.
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    pub last_at: DateTime<Utc>,
    /// The credentials to which its owner's figures were told; 0 for this server's own access.
    #[diesel(sql_type = diesel::sql_types::Array<diesel::sql_types::BigInt>)]
    credentials: Vec<i64>,
    /// Whether a figure was told that anybody can see.
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub publicly: bool,
}

impl Seen {
    /// The credentials to which its owner's figures were told; none inside for this server's own access.
    #[must_use]
    pub fn as_own(&self) -> Vec<Option<i64>> {
        let credentials = self.credentials.iter();
        credentials.map(|id| (*id > 0).then_some(*id)).collect()
    }
}

/// What was observed of each of these posts before; those that never were are left out.
pub async fn list_seen(connection: &mut Connection, post_ids: &[i64]) -> QueryResult<Vec<Seen>> {
    diesel::sql_query(
        "SELECT post_id, max(fetched_at) AS last_at, \
         coalesce(array_agg(DISTINCT coalesce(credential_id, 0)) FILTER (WHERE views_grade = 'OWNER_TOKEN'), '{}') \
         AS credentials, coalesce(bool_or(views_grade = 'PUBLIC'), false) AS publicly \
         FROM platform_reports WHERE post_id = ANY ($1) GROUP BY post_id",
    )
    .bind::<diesel::sql_types::Array<diesel::sql_types::BigInt>, _>(post_ids)
    .get_results(connection)
    .await
}

/// The numbers of a post's latest observation that has one, as totals count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Counted {
    /// Which post.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub post_id: i64,
    /// Which observation.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub id: i64,
    /// When it was made.
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    pub fetched_at: DateTime<Utc>,
    /// Views.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::BigInt>)]
    pub views: Option<i64>,
    /// Clicks.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::BigInt>)]
    pub clicks: Option<i64>,
    /// Conversions.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::BigInt>)]
    pub conversions: Option<i64>,
}

impl Counted {
    /// The numbers of an observation that is to be kept; none where it has none.
    #[must_use]
    pub fn of(id: i64, new: &NewPlatformReport) -> Option<Self> {
        (new.views.is_some() || new.clicks.is_some() || new.conversions.is_some()).then_some(Self {
            post_id: new.post_id,
            id,
            fetched_at: new.fetched_at,
            views: new.views,
            clicks: new.clicks,
            conversions: new.conversions,
        })
    }

    /// The numbers by metric.
    #[must_use]
    pub fn metrics(&self) -> Metrics<Option<i64>> {
        Metrics {
            views: self.views,
            clicks: self.clicks,
            conversions: self.conversions,
        }
    }
}

/// The latest observation with a number of each of these posts; those that have none are left out.
pub async fn list_counted(
    connection: &mut Connection,
    post_ids: &[i64],
) -> QueryResult<Vec<Counted>> {
    diesel::sql_query(
        "SELECT p.id AS post_id, o.id, o.fetched_at, o.views, o.clicks, o.conversions \
         FROM unnest($1) AS p (id) CROSS JOIN LATERAL (SELECT o.id, o.fetched_at, o.views, o.clicks, o.conversions \
             FROM platform_reports o WHERE o.post_id = p.id AND num_nonnulls(o.views, o.clicks, o.conversions) > 0 \
             ORDER BY o.fetched_at DESC, o.id DESC LIMIT 1) o",
    )
    .bind::<diesel::sql_types::Array<diesel::sql_types::BigInt>, _>(post_ids)
    .get_results(connection)
    .await
}

/// What advertising a post has cost, by its latest observation that tells it.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Spent {
    /// Which post.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub post_id: i64,
    /// Which observation.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub id: i64,
    /// When it was made.
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    pub fetched_at: DateTime<Utc>,
    /// How much.
    #[diesel(sql_type = diesel::sql_types::Numeric)]
    pub spend: BigDecimal,
    /// Its currency.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub currency: String,
}

impl Spent {
    /// What an observation that is to be kept tells; none where it tells nothing.
    #[must_use]
    pub fn of(id: i64, new: &NewPlatformReport) -> Option<Self> {
        Some(Self {
            post_id: new.post_id,
            id,
            fetched_at: new.fetched_at,
            spend: new.spend.clone()?,
            currency: new.currency.clone()?,
        })
    }
}

/// What advertising each of these posts has cost; those of which it was never told are left out.
pub async fn list_spent(connection: &mut Connection, post_ids: &[i64]) -> QueryResult<Vec<Spent>> {
    if post_ids.is_empty() {
        return Ok(Vec::new());
    }
    diesel::sql_query(
        "SELECT p.id AS post_id, o.id, o.fetched_at, o.spend, o.currency \
         FROM unnest($1) AS p (id) CROSS JOIN LATERAL (SELECT o.id, o.fetched_at, o.spend, o.currency \
             FROM platform_reports o WHERE o.post_id = p.id AND o.spend IS NOT NULL \
             ORDER BY o.fetched_at DESC, o.id DESC LIMIT 1) o",
    )
    .bind::<diesel::sql_types::Array<diesel::sql_types::BigInt>, _>(post_ids)
    .get_results(connection)
    .await
}

/// What advertising the posts of an affiliate has cost in one currency.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct SpentByAffiliate {
    /// In which campaign; 0 for all together.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub campaign_id: i64,
    /// Whose posts.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub affiliate_id: i64,
    /// The currency.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub currency: String,
    /// How much.
    #[diesel(sql_type = diesel::sql_types::Numeric)]
    pub spend: BigDecimal,
}

/// What advertising the posts of each of these affiliates has cost, by currency: in each of these campaigns or in all together
/// (then the campaign is 0), of one advertiser or of all, of the posts submitted in a time.
pub async fn sum_spend_by_affiliate(
    connection: &mut Connection,
    affiliate_ids: &[i64],
    campaign_ids: Option<&[i64]>,
    advertiser_id: Option<i64>,
    range: super::rollup::Range,
) -> QueryResult<Vec<SpentByAffiliate>> {
    use diesel::sql_types::{Array, BigInt, Nullable, Timestamptz};
    diesel::sql_query(
        "SELECT CASE WHEN $2 IS NULL THEN 0 ELSE o.campaign_id END AS campaign_id, o.affiliate_id, o.currency, \
         sum(o.spend) AS spend FROM (SELECT DISTINCT ON (o.post_id) o.spend, o.currency, p.campaign_id, p.affiliate_id \
         FROM platform_reports o JOIN posts p ON p.id = o.post_id \
         WHERE o.spend IS NOT NULL AND p.affiliate_id = ANY ($1) AND ($2 IS NULL OR p.campaign_id = ANY ($2)) \
         AND ($3 IS NULL OR EXISTS (SELECT FROM campaigns c WHERE c.id = p.campaign_id AND c.advertiser_id = $3)) \
         AND ($4 IS NULL OR p.created_at >= $4) AND ($5 IS NULL OR p.created_at < $5) \
         ORDER BY o.post_id, o.fetched_at DESC, o.id DESC) o \
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    )
    .bind::<Array<BigInt>, _>(affiliate_ids)
    .bind::<Nullable<Array<BigInt>>, _>(campaign_ids)
    .bind::<Nullable<BigInt>, _>(advertiser_id)
    .bind::<Nullable<Timestamptz>, _>(range.from)
    .bind::<Nullable<Timestamptz>, _>(range.to)
    .get_results(connection)
    .await
}
