//! Campaigns: on which platforms, from when to when, by which thresholds.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Duration, Utc};
use diesel_async::AsyncConnection as _;

use super::access::Viewer;
use super::input::Checks;
use super::reconciliation::{Policy, PolicyProblem, default_definition};
use super::visible;
use crate::app::App;
use crate::db::campaign::{self, Campaign, CampaignPlatform, NewCampaign, NewPolicy};
use crate::db::{Connection, advertiser};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{CampaignStatus, DiscrepancyLevel, Metric, PlatformKind};
use crate::platform;

/// The thresholds that a caller gives; what is left out is the default, or stays as it is.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct PolicyChoice {
    pub low_below_percent: Option<BigDecimal>,
    pub high_above_percent: Option<BigDecimal>,
    pub absolute_floor: Option<i64>,
    pub alert_from: Option<DiscrepancyLevel>,
    /// None inside: each definition's own.
    pub lag_window_hours: Option<Option<i64>>,
    pub recheck_hours: Option<Vec<i64>>,
}

impl PolicyChoice {
    /// A valid policy, which has what is left out from another; everything that is wrong goes to `checks`.
    pub(super) fn resolve(self, default: Policy, checks: &mut Checks) -> Policy {
        let floor = self.absolute_floor.map(u64::try_from);
        if matches!(floor, Some(Err(_))) {
            let message = "absoluteFloor must not be negative";
            checks.refuse(RefusalCode::OutOfRange, "policy.absoluteFloor", message);
        }
        // Hours beyond what a duration holds are refused by validate like any that are too many.
        let hours = |hours: i64| Duration::try_hours(hours).unwrap_or(Duration::MAX);
        let policy = Policy {
            version: default.version,
            low_below_percent: self.low_below_percent.unwrap_or(default.low_below_percent),
            high_above_percent: self
                .high_above_percent
                .unwrap_or(default.high_above_percent),
            absolute_floor: floor.and_then(Result::ok).unwrap_or(default.absolute_floor),
            alert_from: self.alert_from.unwrap_or(default.alert_from),
            lag_window: self
                .lag_window_hours
                .map_or(default.lag_window, |lag| lag.map(hours)),
            rechecks: self.recheck_hours.map_or(default.rechecks, |ages| {
                ages.into_iter().map(hours).collect()
            }),
        };
        if let Err(errors) = policy.validate() {
            for error in errors {
                let code = match error.problem {
                    PolicyProblem::Invalid => RefusalCode::Invalid,
                    PolicyProblem::OutOfRange => RefusalCode::OutOfRange,
                    PolicyProblem::TooMany => RefusalCode::TooMany,
                };
                let message = error.to_string();
                checks.refuse(code, &format!("policy.{}", error.field), message);
            }
        }
        policy
    }
}

/// A policy as its row keeps it.
///
/// # Errors
/// A number of the row is outside of what the table's checks let in.
pub fn policy_of(row: &campaign::Policy) -> Result<Policy, Error> {
    Ok(Policy {
        version: row.version,
        low_below_percent: row.low_below_percent.clone(),
        high_above_percent: row.high_above_percent.clone(),
        absolute_floor: u64::try_from(row.absolute_floor).map_err(Error::internal)?,
        alert_from: row.alert_from,
        lag_window: row
            .lag_window_hours
            .map(|hours| Duration::hours(hours.into())),
        rechecks: row
            .recheck_hours
            .iter()
            .map(|hours| Duration::hours((*hours).into()))
            .collect(),
    })
}

fn row_of(campaign_id: i64, policy: &Policy) -> Result<NewPolicy, Error> {
    let hours = |duration: &Duration| i32::try_from(duration.num_hours()).map_err(Error::internal);
    Ok(NewPolicy {
        campaign_id,
        version: policy.version,
        low_below_percent: policy.low_below_percent.clone(),
        high_above_percent: policy.high_above_percent.clone(),
        absolute_floor: i64::try_from(policy.absolute_floor).map_err(Error::internal)?,
        alert_from: policy.alert_from,
        lag_window_hours: policy.lag_window.as_ref().map(hours).transpose()?,
        recheck_hours: policy
            .rechecks
            .iter()
            .map(hours)
            .collect::<Result<_, _>>()?,
    })
}

/// A campaign to be created.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct CreateCampaign {
    pub advertiser_id: Option<i64>,
    pub name: String,
    pub platforms: Vec<PlatformKind>,
    pub status: CampaignStatus,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub policy: PolicyChoice,
    pub views_definitions: Vec<(PlatformKind, String)>,
}

/// Creates a campaign with the first version of its policy.
///
/// # Errors
/// A field is not what it must be, or the advertiser is not the caller's.
pub async fn create(app: &App, viewer: &Viewer, input: CreateCampaign) -> Result<Campaign, Error> {
    let advertiser_id = viewer.advertiser(input.advertiser_id)?;
    let mut checks = Checks::default();
    let name = checks.required_text("name", &input.name, 200);
    check_dates(&mut checks, input.starts_at, input.ends_at);
    let platforms = resolve_platforms(&mut checks, &input.platforms, &input.views_definitions, &[]);
    let policy = input.policy.resolve(Policy::default(), &mut checks);
    checks.finish()?;
    let platforms = defined(platforms, &[]);
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            if advertiser::list_by_id(connection, &[advertiser_id])
                .await?
                .is_empty()
            {
                let message = "advertiserId names no advertiser";
                return Err(Refusal::field(RefusalCode::NotFound, "advertiserId", message).into());
            }
            let new = NewCampaign {
                advertiser_id,
                name: &name,
                status: input.status,
                starts_at: input.starts_at,
                ends_at: input.ends_at,
            };
            let campaign = campaign::insert(connection, &new).await?;
            campaign::insert_policy(connection, &row_of(campaign.id, &policy)?).await?;
            write_platforms(connection, campaign.id, &platforms, now).await?;
            Ok(campaign)
        })
        .await
}

/// Makes these the platforms that a campaign takes posts on. Posts that are there stay and are checked on, each claim
/// under the definition that it was made in.
///
/// # Errors
/// A field is not what it must be, or the campaign is not the caller's.
pub async fn update_platforms(
    app: &App,
    viewer: &Viewer,
    campaign_id: i64,
    platforms: &[PlatformKind],
    definitions: &[(PlatformKind, String)],
) -> Result<Campaign, Error> {
    let campaign = own_campaign(app, viewer, campaign_id).await?;
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            campaign::lock(connection, campaign.id).await?;
            let before = campaign::list_platforms_ever(connection, campaign.id).await?;
            let mut checks = Checks::default();
            let platforms = resolve_platforms(&mut checks, platforms, definitions, &before);
            checks.finish()?;
            let platforms = defined(platforms, &before);
            write_platforms(connection, campaign.id, &platforms, now).await
        })
        .await?;
    Ok(campaign)
}

/// The campaign, if it is one that the caller manages.
pub(super) async fn own_campaign(
    app: &App,
    viewer: &Viewer,
    campaign_id: i64,
) -> Result<Campaign, Error> {
    visible::campaigns(app, viewer, &[campaign_id])
        .await?
        .pop()
        .ok_or_else(|| {
            let message = "campaignId names no campaign of yours";
            Refusal::field(RefusalCode::NotFound, "campaignId", message).into()
        })
}

/// What is to be changed of a campaign. None: it stays; none inside: it is taken away.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct UpdateCampaign {
    pub name: Option<String>,
    pub status: Option<CampaignStatus>,
    pub starts_at: Option<Option<DateTime<Utc>>>,
    pub ends_at: Option<Option<DateTime<Utc>>>,
    pub policy: Option<PolicyChoice>,
}

/// Changes a campaign. Another policy is a new version: claims that are there keep the one that they were made under.
///
/// # Errors
/// A field is not what it must be, or the campaign is not the caller's.
pub async fn update(
    app: &App,
    viewer: &Viewer,
    campaign_id: i64,
    input: UpdateCampaign,
) -> Result<Campaign, Error> {
    own_campaign(app, viewer, campaign_id).await?;
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            let internal = || Error::internal("a campaign that is there is not there");
            // With the campaign's row locked, versions come one after the other.
            let mut row = campaign::lock(connection, campaign_id)
                .await?
                .ok_or_else(internal)?;
            let in_force = campaign::list_policies_in_force(connection, &[campaign_id])
                .await?
                .pop()
                .ok_or_else(internal)?;
            let mut checks = Checks::default();
            if let Some(name) = &input.name {
                row.name = checks.required_text("name", name, 200);
            }
            row.status = input.status.unwrap_or(row.status);
            row.starts_at = input.starts_at.unwrap_or(row.starts_at);
            row.ends_at = input.ends_at.unwrap_or(row.ends_at);
            check_dates(&mut checks, row.starts_at, row.ends_at);
            let before = policy_of(&in_force)?;
            let policy = input
                .policy
                .map(|choice| choice.resolve(before.clone(), &mut checks));
            checks.finish()?;
            campaign::update(connection, &row).await?;
            if let Some(mut policy) = policy.filter(|policy| *policy != before) {
                policy.version = before.version + 1;
                campaign::insert_policy(connection, &row_of(campaign_id, &policy)?).await?;
            }
            Ok(row)
        })
        .await
}

fn check_dates(
    checks: &mut Checks,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
) {
    if let (Some(starts_at), Some(ends_at)) = (starts_at, ends_at)
        && starts_at >= ends_at
    {
        let message = "endsAt must be after startsAt";
        checks.refuse(RefusalCode::OutOfRange, "endsAt", message);
    }
}

/// Each platform with what a view is to mean there, where that is given. What the campaign had `before` may be given again,
/// whatever it is.
fn resolve_platforms(
    checks: &mut Checks,
    platforms: &[PlatformKind],
    definitions: &[(PlatformKind, String)],
    before: &[CampaignPlatform],
) -> Vec<(PlatformKind, Option<String>)> {
    let mut kinds = platforms.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        checks.refuse(
            RefusalCode::Invalid,
            "platforms",
            "platforms must name at least one platform",
        );
    }
    for (nth, (kind, definition)) in definitions.iter().enumerate() {
        let field = |name: &str| format!("viewsDefinitions.{nth}.{name}");
        if !kinds.contains(kind) {
            let message = format!("{} is not among platforms", kind.brand());
            checks.refuse(RefusalCode::Invalid, &field("platform"), message);
        }
        let had = before
            .iter()
            .any(|had| had.platform == *kind && had.views_definition == *definition);
        let reported = platform::definitions(*kind, Metric::Views);
        if !had && !reported.contains(&definition.as_str()) {
            let message = format!(
                "views on {} are never reported under this definition, so that no claim could be checked: it can be {}",
                kind.brand(),
                reported.join(" or ")
            );
            checks.refuse(RefusalCode::Invalid, &field("definition"), message);
        }
    }
    kinds
        .into_iter()
        .map(|kind| {
            let chosen = definitions.iter().find(|(named, _)| *named == kind);
            (kind, chosen.map(|(_, definition)| definition.clone()))
        })
        .collect()
}

/// Each platform with what a view means there: as given, else as it was in the campaign, else the platform's default.
fn defined(
    platforms: Vec<(PlatformKind, Option<String>)>,
    before: &[CampaignPlatform],
) -> Vec<(PlatformKind, String)> {
    platforms
        .into_iter()
        .map(|(kind, given)| {
            let kept = before.iter().find(|platform| platform.platform == kind);
            let definition = given
                .or_else(|| kept.map(|platform| platform.views_definition.clone()))
                .or_else(|| default_definition(kind, Metric::Views).map(ToOwned::to_owned))
                .unwrap_or_else(|| "views".to_owned());
            (kind, definition)
        })
        .collect()
}

async fn write_platforms(
    connection: &mut Connection,
    campaign_id: i64,
    platforms: &[(PlatformKind, String)],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let rows: Vec<CampaignPlatform> = platforms
        .iter()
        .map(|(platform, definition)| CampaignPlatform {
            campaign_id,
            platform: *platform,
            views_definition: definition.clone(),
            withdrawn_at: None,
        })
        .collect();
    campaign::update_platforms(connection, campaign_id, &rows, now).await?;
    Ok(())
}
