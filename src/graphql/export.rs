//! Lists as rows of text, for spreadsheets: the same rights and the same filters as the lists of the API.

use std::collections::{BTreeMap, HashMap};

use async_graphql::{ID, InputType, Name, Value};
use bigdecimal::BigDecimal;
use chrono::{DateTime, SecondsFormat, Utc};

use super::affiliate::AffiliateFilter;
use super::alert::AlertFilter;
use super::application::ApplicationFilter;
use super::campaign::CampaignFilter;
use super::id::Kind;
use super::order::OrderFilter;
use super::post::PostFilter;
use super::reconciliation::DiscrepancyFilter;
use super::scalars::Decimal;
use crate::app::App;
use crate::domain::publication::is_before_campaign;
use crate::domain::read::{self, AffiliateField, AffiliateKey, AffiliatePage};
use crate::domain::reconciliation::Comparison;
use crate::domain::{self, Keyset, Slice, Viewer, visible};
use crate::error::Error;
use crate::model::{Metric, Metrics, Role};

/// Rows that are read at once.
const PAGE: i64 = 1000;

/// A list that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `advertisers`.
    Advertisers,
    /// `affiliates`.
    Affiliates,
    /// `alerts`.
    Alerts,
    /// `applications`.
    Applications,
    /// `campaigns`.
    Campaigns,
    /// `discrepancies`.
    Discrepancies,
    /// `orders`.
    Orders,
    /// `posts`.
    Posts,
}

impl List {
    /// Every list.
    pub const ALL: [Self; 8] = [
        Self::Advertisers,
        Self::Affiliates,
        Self::Alerts,
        Self::Applications,
        Self::Campaigns,
        Self::Discrepancies,
        Self::Orders,
        Self::Posts,
    ];

    /// The list's name, which is that of the field of the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advertisers => "advertisers",
            Self::Affiliates => "affiliates",
            Self::Alerts => "alerts",
            Self::Applications => "applications",
            Self::Campaigns => "campaigns",
            Self::Discrepancies => "discrepancies",
            Self::Orders => "orders",
            Self::Posts => "posts",
        }
    }

    /// The filters that it takes, as the API names them; a range has `.from` and `.to`.
    #[must_use]
    pub const fn filters(self) -> &'static [&'static str] {
        match self {
            Self::Advertisers => &["category", "search"],
            Self::Affiliates => &[
                "campaignId",
                "isActive",
                "minimumTrust",
                "maximumTrust",
                "search",
            ],
            Self::Alerts => &[
                "campaignId",
                "affiliateId",
                "kind",
                "level",
                "status",
                "created.from",
                "created.to",
            ],
            Self::Applications => &["advertiserId", "affiliateId", "status"],
            Self::Campaigns => &["advertiserId", "status", "platform", "search"],
            Self::Discrepancies => &[
                "campaignId",
                "affiliateId",
                "platform",
                "level",
                "status",
                "finality",
                "processed.from",
                "processed.to",
            ],
            Self::Orders => &[
                "advertiserId",
                "affiliateId",
                "campaignId",
                "status",
                "received.from",
                "received.to",
            ],
            Self::Posts => &[
                "campaignId",
                "affiliateId",
                "platform",
                "status",
                "isReconciled",
                "submitted.from",
                "submitted.to",
                "search",
            ],
        }
    }

    /// The headings of its columns.
    #[allow(clippy::too_many_lines, reason = "it is a table")]
    #[must_use]
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Advertisers => &["id", "name", "category", "website", "createdAt"],
            Self::Affiliates => &[
                "id",
                "name",
                "email",
                "isActive",
                "trustScore",
                "totalSubmissions",
                "accurateSubmissions",
                "createdAt",
            ],
            Self::Alerts => &[
                "id",
                "kind",
                "level",
                "finality",
                "status",
                "message",
                "occurrences",
                "campaignId",
                "postId",
                "affiliateId",
                "createdAt",
                "acknowledgedAt",
                "resolvedAt",
                "resolvedBy",
                "resolutionNotes",
            ],
            Self::Applications => &[
                "id",
                "advertiserId",
                "advertiser",
                "affiliateId",
                "affiliate",
                "status",
                "message",
                "reason",
                "createdAt",
                "decidedAt",
            ],
            Self::Campaigns => &[
                "id",
                "name",
                "advertiserId",
                "advertiser",
                "status",
                "startsAt",
                "endsAt",
                "createdAt",
            ],
            Self::Discrepancies => &[
                "id",
                "status",
                "level",
                "finality",
                "affiliateId",
                "affiliate",
                "campaignId",
                "campaign",
                "postId",
                "platform",
                "url",
                "claimedViews",
                "actualViews",
                "viewsPercent",
                "claimedClicks",
                "actualClicks",
                "clicksPercent",
                "claimedConversions",
                "actualConversions",
                "conversionsPercent",
                "explanation",
                "processedAt",
            ],
            Self::Orders => &[
                "id",
                "orderId",
                "advertiserId",
                "advertiser",
                "affiliateId",
                "affiliate",
                "campaignId",
                "campaign",
                "amount",
                "commission",
                "currency",
                "status",
                "revisions",
                "receivedAt",
            ],
            Self::Posts => &[
                "id",
                "campaignId",
                "campaign",
                "affiliateId",
                "affiliate",
                "platform",
                "url",
                "platformPostId",
                "title",
                "status",
                "isReconciled",
                "createdAt",
                "nextCheckAt",
                "publishedAt",
                "publishedBeforeCampaign",
                "claimedViews",
                "claimedClicks",
                "claimedConversions",
                "observedViews",
                "observedClicks",
                "observedConversions",
                "observedAt",
                "verdict",
                "level",
                "finality",
                "explanation",
            ],
        }
    }
}

/// One row, a text for each column.
pub type Row = Vec<String>;

/// The parameters of an export, read.
enum Filter {
    Advertisers(read::AdvertiserFilter),
    Affiliates(read::AffiliateFilter),
    Alerts(read::AlertFilter),
    Applications(read::ApplicationFilter),
    Campaigns(read::CampaignFilter),
    Discrepancies(read::DiscrepancyFilter),
    Orders(read::OrderFilter),
    Posts(read::PostFilter),
}

/// An export that is under way: page by page, newest first.
pub struct Export {
    app: App,
    viewer: Viewer,
    filter: Filter,
    after: Option<i64>,
    ended: bool,
}

impl Export {
    /// Begins an export with the parameters of a query string.
    ///
    /// # Errors
    /// A parameter that the list does not take, or that is not what it must be.
    pub fn new(
        app: &App,
        viewer: Viewer,
        list: List,
        parameters: &[(String, String)],
    ) -> Result<Self, Error> {
        object(list, parameters)?;
        let filter = match list {
            List::Advertisers => {
                let text = |name: &'static str| {
                    let found = parameters.iter().find(|(key, _)| key == name);
                    read::text(name, found.map(|(_, value)| value.clone()))
                };
                Filter::Advertisers(read::AdvertiserFilter {
                    category: text("category")?,
                    search: text("search")?,
                    ..read::AdvertiserFilter::default()
                })
            }
            List::Affiliates => {
                Filter::Affiliates(parsed::<AffiliateFilter>(list, parameters)?.rows()?)
            }
            List::Alerts => Filter::Alerts(parsed::<AlertFilter>(list, parameters)?.rows()?),
            List::Applications => {
                Filter::Applications(parsed::<ApplicationFilter>(list, parameters)?.rows()?)
            }
            List::Campaigns => {
                Filter::Campaigns(parsed::<CampaignFilter>(list, parameters)?.rows()?)
            }
            List::Discrepancies => {
                Filter::Discrepancies(parsed::<DiscrepancyFilter>(list, parameters)?.rows()?)
            }
            List::Orders => Filter::Orders(parsed::<OrderFilter>(list, parameters)?.rows()?),
            List::Posts => Filter::Posts(parsed::<PostFilter>(list, parameters)?.rows()?),
        };
        Ok(Self {
            app: app.clone(),
            viewer,
            filter,
            after: None,
            ended: false,
        })
    }

    /// The next rows; none where there are no more.
    ///
    /// # Errors
    /// The database failed.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let (app, viewer) = (&self.app, &self.viewer);
        let page = Keyset {
            after: self.after,
            before: None,
            limit: PAGE,
            from_end: false,
            total: false,
        };
        macro_rules! pages {
            ($read:ident, $filter:expr, $rows:ident) => {{
                let mut pages = read::$read(app, viewer, &[($filter.clone(), page)]).await?;
                let slice = pages
                    .pop()
                    .ok_or_else(|| Error::internal("a page was not read"))?;
                let last = slice.rows.last().map(|row| row.id);
                (last, slice.more, $rows(app, viewer, slice.rows).await?)
            }};
        }
        let (last, more, rows) = match &self.filter {
            Filter::Advertisers(filter) => pages!(advertisers, filter, advertisers),
            Filter::Alerts(filter) => pages!(alerts, filter, alerts),
            Filter::Applications(filter) => pages!(applications, filter, applications),
            Filter::Campaigns(filter) => pages!(campaigns, filter, campaigns),
            Filter::Discrepancies(filter) => pages!(discrepancies, filter, discrepancies),
            Filter::Orders(filter) => pages!(orders, filter, orders),
            Filter::Posts(filter) => pages!(posts, filter, posts),
            Filter::Affiliates(filter) => {
                let wanted = AffiliatePage {
                    field: AffiliateField::CreatedAt,
                    descending: true,
                    after: self.after.map(|id| (AffiliateKey::Id, id)),
                    before: None,
                    limit: PAGE,
                    from_end: false,
                    total: false,
                };
                let Slice { rows, more, .. } =
                    read::affiliates(app, viewer, filter, &wanted).await?;
                let last = rows.last().map(|row| row.id);
                (last, more, affiliates(viewer, rows))
            }
        };
        self.after = last;
        self.ended = !more;
        Ok(Some(rows))
    }
}

/// Query parameters as the input object that a list of the API takes.
fn object(list: List, parameters: &[(String, String)]) -> Result<Value, Error> {
    let mut fields: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut ranges: BTreeMap<&str, Vec<(Name, Value)>> = BTreeMap::new();
    for (key, text) in parameters {
        if !list.filters().contains(&key.as_str()) {
            return Err(Error::BadInput(format!(
                "{key}: {} takes {}",
                list.name(),
                list.filters().join(", ")
            )));
        }
        if let Some((range, end)) = key.split_once('.') {
            let entry = (Name::new(end), Value::from(text.as_str()));
            ranges.entry(range).or_default().push(entry);
            continue;
        }
        let is_switch = matches!(key.as_str(), "isActive" | "isReconciled");
        for part in parts(key, text) {
            let value = match part {
                "true" if is_switch => Value::from(true),
                "false" if is_switch => Value::from(false),
                part => Value::from(part),
            };
            fields.entry(key).or_default().push(value);
        }
    }
    let mut object: Vec<(Name, Value)> = ranges
        .into_iter()
        .map(|(range, ends)| (Name::new(range), Value::Object(ends.into_iter().collect())))
        .collect();
    for (key, mut values) in fields {
        let value = match values.pop() {
            Some(value) if values.is_empty() => value,
            Some(value) => {
                values.push(value);
                Value::List(values)
            }
            None => continue,
        };
        object.push((Name::new(key), value));
    }
    Ok(Value::Object(object.into_iter().collect()))
}

/// The values of a parameter: names may be several, separated by commas.
fn parts<'a>(key: &str, text: &'a str) -> Vec<&'a str> {
    match key {
        "kind" | "level" | "status" => text.split(',').map(str::trim).collect(),
        _ => vec![text],
    }
}

/// The filter of a list, or the name of the parameter that is none.
fn parsed<T: InputType>(list: List, parameters: &[(String, String)]) -> Result<T, Error> {
    match T::parse(Some(object(list, parameters)?)) {
        Ok(filter) => Ok(filter),
        Err(error) => {
            // The library does not say which; alone, each of them is a filter or is not.
            let wrong = parameters.iter().find(|(key, _)| {
                let alone: Vec<_> = parameters
                    .iter()
                    .filter(|(other, _)| other == key)
                    .cloned()
                    .collect();
                object(list, &alone).is_ok_and(|value| T::parse(Some(value)).is_err())
            });
            let name = wrong.map_or("", |(key, _)| key.as_str());
            let message = error
                .into_server_error(async_graphql::Pos::default())
                .message;
            Err(Error::BadInput(format!("{name}: {message}")))
        }
    }
}

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
async fn advertisers(
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

fn affiliates(viewer: &Viewer, rows: Vec<crate::domain::Affiliate>) -> Vec<Row> {
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
async fn alerts(
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

async fn applications(
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

async fn campaigns(
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

async fn discrepancies(
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

async fn orders(
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

async fn posts(
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
