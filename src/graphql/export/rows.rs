//! What stands in the columns of each list. Names of others are read for a whole page at once.

use std::collections::HashMap;

use async_graphql::ID;
use bigdecimal::BigDecimal;
use chrono::{DateTime, SecondsFormat, Utc};

use super::Row;
use crate::app::App;
use crate::domain::publication::is_before_campaign;
use crate::domain::read;
use crate::domain::reconciliation::Comparison;
use crate::domain::{self, Viewer, visible};
use crate::error::Error;
use crate::graphql::id::Kind;
use crate::graphql::scalars::Decimal;
use crate::model::{Metric, Metrics, Role};

fn id(kind: Kind, row: i64) -> String {
    let ID(text) = kind.id(row);
    text
}

fn optional_id(kind: Kind, row: Option<i64>) -> String {
    row.map(|row| id(kind, row)).unwrap_or_default()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn optional_time(at: Option<DateTime<Utc>>) -> String {
    at.map(time).unwrap_or_default()
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn money(amount: &BigDecimal) -> String {
    Decimal::money(amount).0.to_plain_string()
}

/// Names of rows by id.
type Names = HashMap<i64, String>;

async fn advertiser_names(app: &App, ids: impl Iterator<Item = i64>) -> Result<Names, Error> {
    let rows = read::advertisers_by_id(app, &distinct(ids)).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

async fn affiliate_names(
    app: &App,
    viewer: &Viewer,
    ids: impl Iterator<Item = i64>,
) -> Result<Names, Error> {
    let rows = visible::affiliates(app, viewer, &distinct(ids)).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// The names of those campaigns that the viewer may see.
async fn campaign_names(
    app: &App,
    viewer: &Viewer,
    ids: impl Iterator<Item = i64>,
) -> Result<Names, Error> {
    let rows = visible::campaigns(app, viewer, &distinct(ids)).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

fn distinct(ids: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn name(names: &Names, id: i64) -> String {
    names.get(&id).cloned().unwrap_or_default()
}

#[allow(clippy::unused_async, reason = "one shape for every list")]
pub(super) async fn advertisers(
    _app: &App,
    _viewer: &Viewer,
    rows: Vec<crate::domain::Advertiser>,
) -> Result<Vec<Row>, Error> {
    Ok(rows
        .into_iter()
        .map(|row| {
            vec![
                id(Kind::Advertiser, row.id),
                row.name,
                optional(row.category),
                optional(row.website),
                time(row.created_at),
            ]
        })
        .collect())
}

pub(super) fn affiliates(viewer: &Viewer, rows: Vec<crate::domain::Affiliate>) -> Vec<Row> {
    rows.into_iter()
        .map(|row| {
            let email = match viewer.role() {
                Role::Advertiser => None,
                Role::Operator | Role::Affiliate => row.email,
            };
            vec![
                id(Kind::Affiliate, row.id),
                row.name,
                optional(email),
                row.is_active.to_string(),
                row.trust_score.to_plain_string(),
                row.total_submissions.to_string(),
                row.accurate_submissions.to_string(),
                time(row.created_at),
            ]
        })
        .collect()
}

#[allow(clippy::unused_async, reason = "one shape for every list")]
pub(super) async fn alerts(
    _app: &App,
    viewer: &Viewer,
    rows: Vec<crate::domain::Alert>,
) -> Result<Vec<Row>, Error> {
    Ok(rows
        .into_iter()
        .map(|row| {
            let resolved_by = match viewer.role() {
                Role::Affiliate => None,
                Role::Operator | Role::Advertiser => row.resolved_by,
            };
            vec![
                id(Kind::Alert, row.id),
                row.kind.to_string(),
                optional(row.level),
                optional(row.finality),
                row.status.to_string(),
                row.message,
                row.occurrences.to_string(),
                optional_id(Kind::Campaign, row.campaign_id),
                optional_id(Kind::Post, row.post_id),
                optional_id(Kind::Affiliate, row.affiliate_id),
                time(row.created_at),
                optional_time(row.acknowledged_at),
                optional_time(row.resolved_at),
                optional(resolved_by),
                optional(row.resolution_notes),
            ]
        })
        .collect())
}

pub(super) async fn applications(
    app: &App,
    viewer: &Viewer,
    rows: Vec<crate::domain::Application>,
) -> Result<Vec<Row>, Error> {
    let advertisers = advertiser_names(app, rows.iter().map(|row| row.advertiser_id)).await?;
    let affiliates = affiliate_names(app, viewer, rows.iter().map(|row| row.affiliate_id)).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            vec![
                id(Kind::Application, row.id),
                id(Kind::Advertiser, row.advertiser_id),
                name(&advertisers, row.advertiser_id),
                id(Kind::Affiliate, row.affiliate_id),
                name(&affiliates, row.affiliate_id),
                row.status.to_string(),
                optional(row.message),
                optional(row.reason),
                time(row.created_at),
                optional_time(row.decided_at),
            ]
        })
        .collect())
}

pub(super) async fn campaigns(
    app: &App,
    _viewer: &Viewer,
    rows: Vec<crate::domain::Campaign>,
) -> Result<Vec<Row>, Error> {
    let advertisers = advertiser_names(app, rows.iter().map(|row| row.advertiser_id)).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            vec![
                id(Kind::Campaign, row.id),
                row.name,
                id(Kind::Advertiser, row.advertiser_id),
                name(&advertisers, row.advertiser_id),
                row.status.to_string(),
                optional_time(row.starts_at),
                optional_time(row.ends_at),
                time(row.created_at),
            ]
        })
        .collect())
}

pub(super) async fn discrepancies(
    app: &App,
    viewer: &Viewer,
    rows: Vec<crate::domain::Reconciliation>,
) -> Result<Vec<Row>, Error> {
    let posts: HashMap<i64, crate::domain::Post> =
        read::posts_by_id(app, &distinct(rows.iter().map(|row| row.post_id)))
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
    let affiliates = affiliate_names(app, viewer, rows.iter().map(|row| row.affiliate_id)).await?;
    let campaigns =
        campaign_names(app, viewer, posts.values().map(|post| post.campaign_id)).await?;
    rows.into_iter()
        .map(|row| {
            let post = posts
                .get(&row.post_id)
                .ok_or_else(|| Error::internal("a verdict on a post that is not there"))?;
            let mut cells = vec![
                id(Kind::Reconciliation, row.id),
                row.status.to_string(),
                optional(row.discrepancy_level),
                row.finality.to_string(),
                id(Kind::Affiliate, row.affiliate_id),
                name(&affiliates, row.affiliate_id),
                id(Kind::Campaign, post.campaign_id),
                name(&campaigns, post.campaign_id),
                id(Kind::Post, post.id),
                post.platform.to_string(),
                post.canonical_url.clone(),
            ];
            let stored = row.comparisons.as_array().map_or(&[][..], Vec::as_slice);
            let comparisons: Vec<Comparison> = stored
                .iter()
                .map(|stored| Comparison::from_json(stored).map_err(Error::internal))
                .collect::<Result<_, _>>()?;
            for metric in Metric::ALL {
                let found = comparisons.iter().find(|found| found.metric == metric);
                cells.push(optional(found.and_then(|found| found.claimed)));
                cells.push(optional(found.and_then(|found| found.actual)));
                cells.push(optional(found.and_then(|found| {
                    let percent = found.difference_percent.as_ref()?;
                    Some(percent.to_plain_string())
                })));
            }
            cells.push(row.explanation);
            cells.push(time(row.processed_at));
            Ok(cells)
        })
        .collect()
}

pub(super) async fn orders(
    app: &App,
    viewer: &Viewer,
    rows: Vec<crate::domain::Order>,
) -> Result<Vec<Row>, Error> {
    let advertisers = advertiser_names(app, rows.iter().map(|row| row.advertiser_id)).await?;
    let affiliates = affiliate_names(app, viewer, rows.iter().map(|row| row.affiliate_id)).await?;
    let campaigns =
        campaign_names(app, viewer, rows.iter().filter_map(|row| row.campaign_id)).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let known = affiliates.contains_key(&row.affiliate_id);
            vec![
                id(Kind::Order, row.id),
                row.order_id,
                id(Kind::Advertiser, row.advertiser_id),
                name(&advertisers, row.advertiser_id),
                optional_id(Kind::Affiliate, known.then_some(row.affiliate_id)),
                name(&affiliates, row.affiliate_id),
                optional_id(
                    Kind::Campaign,
                    row.campaign_id.filter(|id| campaigns.contains_key(id)),
                ),
                row.campaign_id
                    .map(|id| name(&campaigns, id))
                    .unwrap_or_default(),
                money(&row.amount),
                money(&row.commission),
                row.currency,
                row.status.to_string(),
                row.revisions.to_string(),
                time(row.received_at),
            ]
        })
        .collect())
}

pub(super) async fn posts(
    app: &App,
    viewer: &Viewer,
    rows: Vec<crate::domain::Post>,
) -> Result<Vec<Row>, Error> {
    let ids = distinct(rows.iter().map(|row| row.id));
    let affiliates = affiliate_names(app, viewer, rows.iter().map(|row| row.affiliate_id)).await?;
    let campaigns = campaign_names(app, viewer, rows.iter().map(|row| row.campaign_id)).await?;
    let ids_of_campaigns = distinct(rows.iter().map(|row| row.campaign_id));
    let begun = read::campaigns_by_id(app, &ids_of_campaigns).await?;
    let begun: HashMap<i64, _> = begun.into_iter().map(|row| (row.id, row)).collect();
    let claims = read::latest_reports_by_post(app, &ids).await?;
    let claims: HashMap<i64, _> = claims.into_iter().map(|row| (row.post_id, row)).collect();
    let seen = read::latest_platform_reports_by_post(app, &ids).await?;
    let seen: HashMap<i64, _> = seen.into_iter().map(|row| (row.post_id, row)).collect();
    let verdicts = read::latest_reconciliations_by_post(app, &ids).await?;
    let verdicts: HashMap<i64, _> = verdicts.into_iter().map(|row| (row.post_id, row)).collect();
    Ok(rows
        .into_iter()
        .map(|row| {
            let claimed = claims.get(&row.id).map(domain::AffiliateReport::claimed);
            let claimed: Metrics<Option<u64>> = claimed.unwrap_or_default();
            let observation = seen.get(&row.id);
            let observed = observation.map(domain::PlatformReport::observed);
            let verdict = verdicts.get(&row.id);
            let campaign = begun.get(&row.campaign_id);
            let is_older = campaign.and_then(|campaign| is_before_campaign(&row, campaign));
            let mut cells = vec![
                id(Kind::Post, row.id),
                id(Kind::Campaign, row.campaign_id),
                name(&campaigns, row.campaign_id),
                id(Kind::Affiliate, row.affiliate_id),
                name(&affiliates, row.affiliate_id),
                row.platform.to_string(),
                row.url,
                optional(row.platform_post_id),
                optional(row.title),
                row.status.to_string(),
                row.is_reconciled.to_string(),
                time(row.created_at),
                optional_time(row.next_check_at),
                optional_time(row.published_at),
                optional(is_older),
            ];
            for metric in Metric::ALL {
                cells.push(optional(*claimed.get(metric)));
            }
            for metric in Metric::ALL {
                let value = observed.as_ref().and_then(|seen| seen.get(metric).value());
                cells.push(optional(value));
            }
            cells.push(optional_time(observation.map(|seen| seen.fetched_at)));
            cells.push(optional(verdict.map(|verdict| verdict.status)));
            cells.push(optional(
                verdict.and_then(|verdict| verdict.discrepancy_level),
            ));
            cells.push(optional(verdict.map(|verdict| verdict.finality)));
            cells.push(optional(verdict.map(|verdict| verdict.explanation.clone())));
            cells
        })
        .collect())
}
