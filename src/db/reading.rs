//! Single figures of observations: one metric of a post under one definition, as it moved over time.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::Connection;
use crate::model::{EvidenceGrade, PlatformKind};

/// Which figure it is: one of these has one definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, QueryableByName)]
pub struct Series {
    /// Of which post.
    #[diesel(sql_type = BigInt)]
    pub post_id: i64,
    /// The metric's name, such as VIEWS.
    #[diesel(sql_type = Text)]
    pub metric: String,
    /// What was counted, such as `instagram.views`.
    #[diesel(sql_type = Text)]
    pub definition: String,
}

/// A reported figure.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Reading {
    /// Which figure it is.
    #[diesel(embed)]
    pub series: Series,
    /// The observation that it is from.
    #[diesel(sql_type = BigInt)]
    pub platform_report_id: i64,
    /// The number, never negative.
    #[diesel(sql_type = BigInt)]
    pub value: i64,
}

/// What a series came to.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Highest {
    /// Which figure it is.
    #[diesel(embed)]
    pub series: Series,
    /// The highest number, never negative.
    #[diesel(sql_type = BigInt)]
    pub highest: i64,
    /// The number that was told last.
    #[diesel(sql_type = BigInt)]
    pub latest: i64,
}

/// The reported figures of observations `o`, a row for each.
const FIGURES: &str = "CROSS JOIN LATERAL (VALUES ('VIEWS', o.views_definition, o.views), \
     ('CLICKS', o.clicks_definition, o.clicks), \
     ('CONVERSIONS', o.conversions_definition, o.conversions)) AS f (metric, definition, value)";

/// The highest and the latest figure of each series of these posts, leaving some observations out of account.
pub async fn list_highest(
    connection: &mut Connection,
    post_ids: &[i64],
    without: &[i64],
) -> QueryResult<Vec<Highest>> {
    diesel::sql_query(format!(
        "SELECT o.post_id, f.metric, f.definition, max(f.value) AS highest, \
             (array_agg(f.value ORDER BY o.fetched_at DESC, o.id DESC))[1] AS latest \
         FROM platform_reports o {FIGURES} \
         WHERE o.post_id = ANY ($1) AND o.id <> ALL ($2) AND f.value IS NOT NULL \
         GROUP BY o.post_id, f.metric, f.definition"
    ))
    .bind::<Array<BigInt>, _>(post_ids)
    .bind::<Array<BigInt>, _>(without)
    .get_results(connection)
    .await
}

/// Every figure of these posts, those of each post in the order in which the platform told them.
pub async fn list_by_posts(
    connection: &mut Connection,
    post_ids: &[i64],
) -> QueryResult<Vec<Reading>> {
    diesel::sql_query(format!(
        "SELECT o.post_id, f.metric, f.definition, o.id AS platform_report_id, f.value \
         FROM platform_reports o {FIGURES} \
         WHERE o.post_id = ANY ($1) AND f.value IS NOT NULL \
         ORDER BY o.post_id, o.fetched_at, o.id"
    ))
    .bind::<Array<BigInt>, _>(post_ids)
    .get_results(connection)
    .await
}

/// What clicks and conversions are on a platform; none where it has no such count.
#[derive(Debug, Clone, Copy)]
pub struct Definitions {
    /// Where.
    pub platform: PlatformKind,
    /// What a click is there.
    pub clicks: Option<&'static str>,
    /// What a conversion is there.
    pub conversions: Option<&'static str>,
}

/// What was told of a post in an interval: of each metric the last figure under the one definition that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Grown {
    /// Which post.
    #[diesel(sql_type = BigInt)]
    pub post_id: i64,
    /// When the interval begins.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    /// The last figure of views; none where none was told.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub views: Option<i64>,
    /// What is counted there.
    #[diesel(sql_type = Nullable<Text>)]
    pub views_definition: Option<String>,
    /// How strong the evidence behind the figure is.
    #[diesel(sql_type = Nullable<Text>)]
    pub views_grade: Option<EvidenceGrade>,
    /// The last figure of clicks; none where none was told.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub clicks: Option<i64>,
    /// What is counted there.
    #[diesel(sql_type = Nullable<Text>)]
    pub clicks_definition: Option<String>,
    /// How strong the evidence behind the figure is.
    #[diesel(sql_type = Nullable<Text>)]
    pub clicks_grade: Option<EvidenceGrade>,
    /// The last figure of conversions; none where none was told.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub conversions: Option<i64>,
    /// What is counted there.
    #[diesel(sql_type = Nullable<Text>)]
    pub conversions_definition: Option<String>,
    /// How strong the evidence behind the figure is.
    #[diesel(sql_type = Nullable<Text>)]
    pub conversions_grade: Option<EvidenceGrade>,
}

/// When which posts are looked at, and how closely.
#[derive(Debug, Clone, Copy)]
pub struct Growth<'a> {
    /// What clicks and conversions are, platform by platform.
    pub definitions: &'a [Definitions],
    /// How long an interval is: `hour`, `day` or `week`, in UTC.
    pub unit: &'a str,
    /// Only observations made at or after.
    pub from: Option<DateTime<Utc>>,
    /// Only observations made before.
    pub to: Option<DateTime<Utc>>,
    /// At most so many intervals of each post.
    pub most: i64,
}

/// How each of these posts grew, or shrank: a row for each interval in which it was observed, in the order of posts and times.
/// Views are those under the campaign's definition.
pub async fn list_grown(
    connection: &mut Connection,
    post_ids: &[i64],
    growth: &Growth<'_>,
) -> QueryResult<Vec<Grown>> {
    let definitions = growth.definitions;
    diesel::sql_query(
        "WITH told AS (SELECT o.post_id, date_trunc($5, o.fetched_at, 'UTC') AS starts, \
             c.views_definition, d.clicks AS clicks_definition, d.conversions AS conversions_definition, \
             array_agg(o.views ORDER BY o.fetched_at DESC, o.id DESC) \
                 FILTER (WHERE o.views_definition = c.views_definition) AS views, \
             array_agg(o.views_grade ORDER BY o.fetched_at DESC, o.id DESC) \
                 FILTER (WHERE o.views_definition = c.views_definition) AS views_grades, \
             array_agg(o.clicks ORDER BY o.fetched_at DESC, o.id DESC) \
                 FILTER (WHERE o.clicks_definition = d.clicks) AS clicks, \
             array_agg(o.clicks_grade ORDER BY o.fetched_at DESC, o.id DESC) \
                 FILTER (WHERE o.clicks_definition = d.clicks) AS clicks_grades, \
             array_agg(o.conversions ORDER BY o.fetched_at DESC, o.id DESC) \
                 FILTER (WHERE o.conversions_definition = d.conversions) AS conversions, \
             array_agg(o.conversions_grade ORDER BY o.fetched_at DESC, o.id DESC) \
                 FILTER (WHERE o.conversions_definition = d.conversions) AS conversions_grades \
             FROM posts p \
             JOIN campaign_platforms c ON c.campaign_id = p.campaign_id AND c.platform = p.platform \
             LEFT JOIN unnest($2, $3, $4) AS d (platform, clicks, conversions) ON d.platform = p.platform \
             JOIN platform_reports o ON o.post_id = p.id \
             WHERE p.id = ANY ($1) AND o.fetched_at >= coalesce($6, '-infinity') \
                 AND o.fetched_at < coalesce($7, 'infinity') \
             GROUP BY o.post_id, starts, c.views_definition, d.clicks, d.conversions), \
         numbered AS (SELECT *, row_number() OVER (PARTITION BY post_id ORDER BY starts) AS nth FROM told) \
         SELECT post_id, starts AS at, views[1] AS views, views_definition, views_grades[1] AS views_grade, \
             clicks[1] AS clicks, clicks_definition, clicks_grades[1] AS clicks_grade, \
             conversions[1] AS conversions, conversions_definition, conversions_grades[1] AS conversions_grade \
         FROM numbered WHERE nth <= $8 ORDER BY post_id, starts",
    )
    .bind::<Array<BigInt>, _>(post_ids)
    .bind::<Array<Text>, _>(
        definitions.iter().map(|known| known.platform.as_str()).collect::<Vec<_>>(),
    )
    .bind::<Array<Nullable<Text>>, _>(
        definitions.iter().map(|known| known.clicks).collect::<Vec<_>>(),
    )
    .bind::<Array<Nullable<Text>>, _>(
        definitions.iter().map(|known| known.conversions).collect::<Vec<_>>(),
    )
    .bind::<Text, _>(growth.unit)
    .bind::<Nullable<Timestamptz>, _>(growth.from)
    .bind::<Nullable<Timestamptz>, _>(growth.to)
    .bind::<BigInt, _>(growth.most)
    .get_results(connection)
    .await
}
