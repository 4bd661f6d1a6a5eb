//! Platform reports: what a platform said of a post at a time, append-only.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, load_page};
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
        }
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

/// A page of the observations of one post.
pub async fn list_by_post(
    connection: &mut Connection,
    post_id: i64,
    page: Keyset,
) -> QueryResult<Slice<PlatformReport>> {
    load_page!(
        connection,
        platform_reports,
        PlatformReport,
        page,
        of_post(post_id)
    )
}

type Boxed<'a, ST> = platform_reports::BoxedQuery<'a, diesel::pg::Pg, ST>;

fn of_post<ST: 'static>(query: Boxed<'_, ST>, post_id: i64) -> Boxed<'_, ST> {
    query.filter(platform_reports::post_id.eq(post_id))
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
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Seen {
    /// Which post.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub post_id: i64,
    /// When it was last observed.
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    pub last_at: DateTime<Utc>,
    /// Whether its owner's figures were ever told.
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub as_own: bool,
}

/// What was observed of each of these posts before; those that never were are left out.
pub async fn list_seen(connection: &mut Connection, post_ids: &[i64]) -> QueryResult<Vec<Seen>> {
    diesel::sql_query(
        "SELECT post_id, max(fetched_at) AS last_at, \
         coalesce(bool_or(views_grade = 'OWNER_TOKEN'), false) AS as_own \
         FROM platform_reports WHERE post_id = ANY ($1) GROUP BY post_id",
    )
    .bind::<diesel::sql_types::Array<diesel::sql_types::BigInt>, _>(post_ids)
    .get_results(connection)
    .await
}
