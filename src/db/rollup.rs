//! Totals of campaigns that are kept, not counted: differences written by the transactions that make them, and what they
//! were folded into (tables `rollup_deltas` and `rollups`).
//!
//! What is read is the folded totals plus the differences that are not folded yet, in one statement and so of one moment.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Numeric, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::Connection;
use crate::model::PlatformKind;

/// Defines the measures: one column each in both tables.
macro_rules! measures {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// What is added up. A measure of nothing is 0; whether a sum stands for anything is told by the `…_posts` beside it.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Measures {
            $($(#[$doc])* pub $name: BigDecimal,)+
        }

        impl Measures {
            /// The columns, in the order of the fields.
            pub const COLUMNS: &[&str] = &[$(stringify!($name)),+];

            /// Adds others to these.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += &other.$name;)+
            }

            /// The measures that are not 0, for a row of differences. As texts, so that no digit is lost.
            fn json(&self) -> serde_json::Map<String, serde_json::Value> {
                let mut row = serde_json::Map::new();
                $(if self.$name != BigDecimal::default() {
                    row.insert(stringify!($name).to_owned(), self.$name.to_plain_string().into());
                })+
                row
            }
        }

        /// Sums as they are read.
        #[derive(Debug, QueryableByName)]
        struct Sums {
            #[diesel(sql_type = BigInt)]
            campaign_id: i64,
            #[diesel(sql_type = Text)]
            platform: String,
            #[diesel(sql_type = Text)]
            currency: String,
            #[diesel(sql_type = BigInt)]
            affiliate_id: i64,
            #[diesel(sql_type = Nullable<Timestamptz>)]
            at: Option<DateTime<Utc>>,
            $(#[diesel(sql_type = Nullable<Numeric>)] $name: Option<BigDecimal>,)+
        }

        impl From<Sums> for Totals {
            fn from(sums: Sums) -> Self {
                Self {
                    campaign_id: sums.campaign_id,
                    platform: sums.platform.parse().ok(),
                    currency: (!sums.currency.is_empty()).then_some(sums.currency),
                    affiliate_id: sums.affiliate_id,
                    at: sums.at,
                    measures: Measures { $($name: sums.$name.unwrap_or_default(),)+ },
                }
            }
        }
    };
}

measures! {
    /// Posts.
    posts,
    /// Posts with an observation that has at least one number.
    posts_observed,
    /// Claims.
    reports,
    /// Posts whose latest claim names views.
    claimed_views_posts,
    /// Posts whose latest claim names clicks.
    claimed_clicks_posts,
    /// Posts whose latest claim names conversions.
    claimed_conversions_posts,
    /// Posts whose latest observation with a number has views.
    observed_views_posts,
    /// Posts whose latest observation with a number has clicks.
    observed_clicks_posts,
    /// Posts whose latest observation with a number has conversions.
    observed_conversions_posts,
    /// FINAL verdicts that count for trust.
    counting,
    /// Those of them that are accurate.
    accurate,
    /// Alerts on posts that are not resolved.
    open_alerts,
    /// Claims whose standing verdict is MATCHED.
    matched,
    /// Claims whose standing verdict is `PARTIALLY_MATCHED`.
    partially_matched,
    /// Claims whose standing verdict is DISCREPANCY.
    discrepancy,
    /// Claims whose standing verdict is UNVERIFIABLE.
    unverifiable,
    /// Claims whose standing verdict is `NOT_COMPARABLE`.
    not_comparable,
    /// Claims whose standing verdict is FAILED.
    failed,
    /// Claims whose standing verdict has the level NONE.
    level_none,
    /// Claims whose standing verdict has the level LOW.
    level_low,
    /// Claims whose standing verdict has the level MEDIUM.
    level_medium,
    /// Claims whose standing verdict has the level HIGH.
    level_high,
    /// Distinct orders, the reversed ones included.
    orders,
    /// Orders that are reversed.
    orders_reversed,
    /// Views of the latest claims.
    claimed_views,
    /// Clicks of the latest claims.
    claimed_clicks,
    /// Conversions of the latest claims.
    claimed_conversions,
    /// Views of the latest observations.
    observed_views,
    /// Clicks of the latest observations.
    observed_clicks,
    /// Conversions of the latest observations.
    observed_conversions,
    /// Money spent at the platform, as it tells.
    spend,
    /// Amounts of orders that are not reversed.
    order_amount,
    /// Commissions of orders that are not reversed.
    commission,
}

/// Where a difference belongs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// In which campaign.
    pub campaign_id: i64,
    /// On which platform; none for orders.
    pub platform: Option<PlatformKind>,
    /// Of which affiliate.
    pub affiliate_id: i64,
    /// When the post was submitted, or the order received: its hour counts.
    pub at: DateTime<Utc>,
    /// Of which money; none where there is none.
    pub currency: Option<String>,
}

/// Sums with what they are of; what they are not told apart by is none or 0.
#[derive(Debug, Clone)]
pub struct Totals {
    /// Of which campaign; 0 where they are of several.
    pub campaign_id: i64,
    /// On which platform.
    pub platform: Option<PlatformKind>,
    /// Of which money.
    pub currency: Option<String>,
    /// Of which affiliate.
    pub affiliate_id: i64,
    /// In the time from here on.
    pub at: Option<DateTime<Utc>>,
    /// The sums.
    pub measures: Measures,
}

/// Writes differences, in the transaction that makes them.
pub async fn insert(connection: &mut Connection, deltas: &[(Key, Measures)]) -> QueryResult<usize> {
    let rows: Vec<serde_json::Value> = deltas
        .iter()
        .filter_map(|(key, measures)| {
            let mut row = measures.json();
            if row.is_empty() {
                return None;
            }
            row.insert("campaign_id".into(), key.campaign_id.into());
            row.insert("affiliate_id".into(), key.affiliate_id.into());
            row.insert(
                "platform".into(),
                key.platform.map_or("", PlatformKind::as_str).into(),
            );
            row.insert(
                "currency".into(),
                key.currency.as_deref().unwrap_or_default().into(),
            );
            row.insert("hour".into(), key.at.to_rfc3339().into());
            Some(row.into())
        })
        .collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let columns = Measures::COLUMNS.join(", ");
    diesel::sql_query(format!(
        "INSERT INTO rollup_deltas (campaign_id, platform, affiliate_id, hour, currency, {columns}) \
         SELECT campaign_id, platform, affiliate_id, date_trunc('hour', hour, 'UTC'), currency, {columns} \
         FROM jsonb_populate_recordset(NULL::rollup_deltas, $1)"
    ))
    .bind::<Jsonb, _>(serde_json::Value::Array(rows))
    .execute(connection)
    .await
}

/// Folds up to so many differences, and says how many there were; 0 while another process folds.
pub async fn fold(connection: &mut Connection, at_most: i32) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        taken: i64,
    }
    let row: Row = diesel::sql_query("SELECT fold_rollups($1) AS taken")
        .bind::<Integer, _>(at_most)
        .get_result(connection)
        .await?;
    Ok(row.taken)
}

/// A piece of SQL for each measure, with commas between.
fn each_measure(piece: impl Fn(&str) -> String) -> String {
    let pieces: Vec<String> = Measures::COLUMNS.iter().map(|name| piece(name)).collect();
    pieces.join(", ")
}

/// The time that totals are of, by the submission of posts and the receipt of orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Range {
    /// At or after.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

/// How totals of a campaign are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// By platform and currency.
    Platform,
    /// By affiliate.
    Affiliate,
    /// By interval: `hour`, `day` or `week`.
    Interval(&'static str),
}

/// The totals of each of these campaigns. Whole hours of a range come from the rollups, the rest of it is counted from the
/// campaigns' posts.
pub async fn of_campaigns(
    connection: &mut Connection,
    campaign_ids: &[i64],
    range: Range,
    by: By,
) -> QueryResult<Vec<Totals>> {
    let whole = range == Range::default();
    let grain = match (by, whole) {
        (By::Platform, true) => "TOTAL",
        (By::Affiliate, true) => "AFFILIATE",
        (By::Affiliate, false) => "AFFILIATE_HOUR",
        (By::Interval(_), _) | (By::Platform, false) => "HOUR",
    };
    let (platform, currency, affiliate, at) = match by {
        By::Platform => (
            "platform",
            "currency",
            "0::bigint",
            "NULL::timestamptz".to_owned(),
        ),
        By::Affiliate => ("''", "''", "affiliate_id", "NULL::timestamptz".to_owned()),
        By::Interval(interval) => (
            "''",
            "''",
            "0::bigint",
            format!("date_trunc('{interval}', hour, 'UTC')"),
        ),
    };
    let columns = Measures::COLUMNS.join(", ");
    let sums = each_measure(|name| format!("sum({name}) AS {name}"));
    // The first and last whole hour of the range. Before and after them posts are counted one by one.
    let hours = "WITH hours AS (SELECT \
         CASE WHEN $2 = date_trunc('hour', $2, 'UTC') THEN $2 ELSE date_trunc('hour', $2, 'UTC') + interval '1 hour' END AS since, \
         date_trunc('hour', $3, 'UTC') AS until)";
    let within = "(h.since IS NULL OR r.hour >= h.since) AND (h.until IS NULL OR r.hour < h.until)";
    let edges = if whole {
        String::new()
    } else {
        // Where the whole range lies within an hour, `since` is after `until`.
        format!(
            " UNION ALL SELECT r.campaign_id, r.platform, r.currency, r.affiliate_id, r.hour, {columns} FROM hours h CROSS JOIN unnest($1) AS c (id) \
             CROSS JOIN LATERAL recount_rollups(c.id, $2, CASE WHEN h.since > h.until THEN $3 ELSE h.since END) r \
             WHERE $2 IS NOT NULL AND $2 < h.since \
             UNION ALL SELECT r.campaign_id, r.platform, r.currency, r.affiliate_id, r.hour, {columns} FROM hours h CROSS JOIN unnest($1) AS c (id) \
             CROSS JOIN LATERAL recount_rollups(c.id, h.until, $3) r \
             WHERE $3 IS NOT NULL AND h.until < $3 AND (h.since IS NULL OR h.since <= h.until)"
        )
    };
    let statement = format!(
        "{hours} SELECT campaign_id, {platform} AS platform, {currency} AS currency, {affiliate} AS affiliate_id, {at} AS at, {sums} \
         FROM (SELECT r.campaign_id, r.platform, r.currency, r.affiliate_id, r.hour, {columns} FROM rollups r, hours h \
             WHERE r.campaign_id = ANY ($1) AND r.grain = '{grain}' AND ({whole} OR {within}) \
             UNION ALL SELECT r.campaign_id, r.platform, r.currency, r.affiliate_id, r.hour, {columns} FROM rollup_deltas r, hours h \
             WHERE r.campaign_id = ANY ($1) AND ({whole} OR {within}){edges}) parts GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
    );
    let rows: Vec<Sums> = diesel::sql_query(statement)
        .bind::<Array<BigInt>, _>(campaign_ids)
        .bind::<Nullable<Timestamptz>, _>(range.from)
        .bind::<Nullable<Timestamptz>, _>(range.to)
        .get_results(connection)
        .await?;
    Ok(rows.into_iter().map(Totals::from).collect())
}

/// The totals of each of these affiliates, of one campaign or of all, or of all of one advertiser.
pub async fn of_affiliates(
    connection: &mut Connection,
    affiliate_ids: &[i64],
    campaign_id: Option<i64>,
    advertiser_id: Option<i64>,
) -> QueryResult<Vec<Totals>> {
    let columns = Measures::COLUMNS.join(", ");
    let sums = each_measure(|name| format!("sum({name}) AS {name}"));
    let wanted = "r.affiliate_id = ANY ($1) AND ($2 IS NULL OR r.campaign_id = $2) AND ($3 IS NULL \
         OR r.campaign_id IN (SELECT c.id FROM campaigns c WHERE c.advertiser_id = $3))";
    let rows: Vec<Sums> = diesel::sql_query(format!(
        "SELECT 0::bigint AS campaign_id, '' AS platform, '' AS currency, affiliate_id, NULL::timestamptz AS at, {sums} FROM ( \
         SELECT r.affiliate_id, {columns} FROM rollups r WHERE r.grain = 'AFFILIATE' AND {wanted} \
         UNION ALL SELECT r.affiliate_id, {columns} FROM rollup_deltas r WHERE {wanted}) parts GROUP BY affiliate_id"
    ))
    .bind::<Array<BigInt>, _>(affiliate_ids)
    .bind::<Nullable<BigInt>, _>(campaign_id)
    .bind::<Nullable<BigInt>, _>(advertiser_id)
    .get_results(connection)
    .await?;
    Ok(rows.into_iter().map(Totals::from).collect())
}

/// A total that is not what counting again gives.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Difference {
    /// In which campaign.
    #[diesel(sql_type = BigInt)]
    pub campaign_id: i64,
    /// By which grain.
    #[diesel(sql_type = Text)]
    pub grain: String,
    /// On which platform; empty for orders.
    #[diesel(sql_type = Text)]
    pub platform: String,
    /// Of which affiliate; 0 for all.
    #[diesel(sql_type = BigInt)]
    pub affiliate_id: i64,
    /// Which measure.
    #[diesel(sql_type = Text)]
    pub measure: String,
    /// What is kept.
    #[diesel(sql_type = Numeric)]
    pub kept: BigDecimal,
    /// What counting gives.
    #[diesel(sql_type = Numeric)]
    pub counted: BigDecimal,
}

/// Counts everything again and gives up to 100 totals that are not what is kept.
pub async fn check(connection: &mut Connection) -> QueryResult<Vec<Difference>> {
    let columns = each_measure(|name| format!("d.{name}"));
    let sums = each_measure(|name| {
        format!("sum({name} * sign) AS {name}, sum({name}) FILTER (WHERE sign = 1) AS {name}_kept")
    });
    let measures =
        each_measure(|name| format!("('{name}', coalesce({name}, 0), coalesce({name}_kept, 0))"));
    // Differences that are not folded yet, and what is counted, are brought to the four grains.
    let grained = |rows: &str, sign: i32| {
        format!(
            "SELECT d.campaign_id, g.grain, d.platform, d.currency, \
             CASE WHEN g.grain IN ('AFFILIATE', 'AFFILIATE_HOUR') THEN d.affiliate_id ELSE 0 END AS affiliate_id, \
             CASE WHEN g.grain IN ('HOUR', 'AFFILIATE_HOUR') THEN d.hour ELSE '-infinity' END AS hour, \
             {sign} AS sign, {columns} FROM {rows} d \
             CROSS JOIN (VALUES ('TOTAL'), ('HOUR'), ('AFFILIATE'), ('AFFILIATE_HOUR')) g (grain)"
        )
    };
    let statement = format!(
        "WITH parts AS (SELECT d.campaign_id, d.grain, d.platform, d.currency, d.affiliate_id, d.hour, 1 AS sign, {columns} \
             FROM rollups d \
             UNION ALL {} UNION ALL {}), \
         sums AS (SELECT campaign_id, grain, platform, currency, affiliate_id, hour, {sums} FROM parts \
             GROUP BY campaign_id, grain, platform, currency, affiliate_id, hour) \
         SELECT s.campaign_id, s.grain, s.platform, s.affiliate_id, m.measure, m.kept, m.kept - m.wrong AS counted \
         FROM sums s CROSS JOIN LATERAL (VALUES {measures}) m (measure, wrong, kept) WHERE m.wrong <> 0 \
         ORDER BY s.campaign_id, s.grain, s.platform, s.affiliate_id, m.measure LIMIT 100",
        grained("rollup_deltas", 1),
        grained("recount_rollups(NULL, NULL, NULL)", -1),
    );
    diesel::sql_query(statement).get_results(connection).await
}
