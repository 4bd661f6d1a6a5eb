//! Campaigns, their platforms and policies, and their dashboard.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::advertiser::Advertiser;
use super::alert::{Alert, AlertFilter};
use super::connection::{Page, Paging, TimeRange, connection, cost};
use super::dashboard::CampaignDashboard;
use super::enums::{CampaignStatus, DiscrepancyLevel, PlatformKind};
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::{app, viewer};
use super::id::{Kind, NO_ROW};
use super::loader::{
    AdvertiserById, AlertPages, CampaignPages, PlatformsByCampaign, PolicyByCampaign, PostPages,
    load, require,
};
use super::platform::Platform;
use super::post::{Post, PostFilter};
use super::scalars::{Count, DateTime, Decimal};
use super::update::Changes;
use crate::domain::access::Principal;
use crate::domain::{self, campaign, dashboard, read, visible};
use crate::error::Error;
use crate::model;

/// An advertiser's activity on a set of platforms.
pub struct Campaign(pub domain::Campaign);

/// An advertiser's activity on a set of platforms.
#[Object]
impl Campaign {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::Campaign.id(self.0.id)
    }
    /// Its name, 1 to 200 characters.
    async fn name(&self) -> &str {
        &self.0.name
    }
    /// Whose it is.
    async fn advertiser(&self, ctx: &Context<'_>) -> async_graphql::Result<Advertiser> {
        require::<AdvertiserById, _>(ctx, self.0.advertiser_id)
            .await
            .map(Advertiser)
    }
    /// Whether it takes posts.
    async fn status(&self) -> CampaignStatus {
        self.0.status.into()
    }
    /// From when it takes posts.
    async fn starts_at(&self) -> Option<DateTime> {
        self.0.starts_at.map(DateTime)
    }
    /// Until when it takes posts, exclusive.
    async fn ends_at(&self) -> Option<DateTime> {
        self.0.ends_at.map(DateTime)
    }
    /// When it was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
    /// The platforms that it takes posts on.
    async fn platforms(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<CampaignPlatform>> {
        let rows = load::<PlatformsByCampaign, _>(ctx, self.0.id)
            .await?
            .unwrap_or_default();
        Ok(rows.into_iter().map(CampaignPlatform).collect())
    }
    /// The thresholds in force.
    async fn policy(&self, ctx: &Context<'_>) -> async_graphql::Result<Policy> {
        require::<PolicyByCampaign, _>(ctx, self.0.id)
            .await
            .map(Policy)
    }
    /// Its posts that the viewer may see, newest first.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn posts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which posts.")] filter: Option<PostFilter>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<Post>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        let mut filter = filter.unwrap_or_default().rows().top()?;
        if filter.campaign_id.is_some_and(|id| id != self.0.id) {
            filter.affiliate_id = Some(NO_ROW);
        }
        filter.campaign_id = Some(self.0.id);
        connection::<PostPages, _, _, _>(ctx, filter, &paging, |row| row.id, Post).await
    }
    /// Its alerts that the viewer may see, newest first.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which alerts.")] filter: Option<AlertFilter>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Option<Page<Alert>>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        let mut filter = filter.unwrap_or_default().rows().top()?;
        if filter.campaign_id.is_some_and(|id| id != self.0.id) {
            filter.affiliate_id = Some(NO_ROW);
        }
        filter.campaign_id = Some(self.0.id);
        connection::<AlertPages, _, _, _>(ctx, filter, &paging, |row| row.id, Alert)
            .await
            .map(Some)
    }
    /// Its totals; to its advertiser and operators, null to affiliates.
    #[graphql(complexity = "20 + child_complexity")]
    async fn dashboard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only posts submitted and orders received in this range.")] range: Option<
            TimeRange,
        >,
    ) -> async_graphql::Result<Option<CampaignDashboard>> {
        let allowed = match viewer(ctx)?.principal {
            Principal::Operator => true,
            Principal::Advertiser(id) => id == self.0.advertiser_id,
            Principal::Affiliate(_) => false,
        };
        if !allowed {
            return Ok(None);
        }
        let (from, to) = TimeRange::ends(range, "range").top()?;
        let range = dashboard::Range { from, to };
        Ok(Some(CampaignDashboard::new(self.0.id, range)))
    }
}

/// A platform that a campaign takes posts on.
pub struct CampaignPlatform(domain::CampaignPlatform);

/// A platform that a campaign takes posts on.
#[Object]
impl CampaignPlatform {
    /// The platform.
    async fn platform(&self, ctx: &Context<'_>) -> async_graphql::Result<Platform> {
        Platform::of(ctx, self.0.platform).await
    }
    /// What a view means in this campaign there, such as instagram.views.
    async fn views_definition(&self) -> &str {
        &self.0.views_definition
    }
}

/// One version of a campaign's thresholds. A claim is judged by the version in force when it was made.
pub struct Policy(domain::PolicyRow);

/// One version of a campaign's thresholds. A claim is judged by the version in force when it was made.
#[Object]
impl Policy {
    /// 1, 2, 3 …
    async fn version(&self) -> i32 {
        self.0.version
    }
    /// An excess below this percentage of the platform's figure is LOW.
    async fn low_below_percent(&self) -> Decimal {
        Decimal(self.0.low_below_percent.normalized())
    }
    /// An excess above this percentage of the platform's figure is HIGH; between the two it is MEDIUM.
    async fn high_above_percent(&self) -> Decimal {
        Decimal(self.0.high_above_percent.normalized())
    }
    /// A difference up to this count is at most LOW.
    async fn absolute_floor(&self) -> i64 {
        self.0.absolute_floor
    }
    /// Alerts are raised from this level up.
    async fn alert_from(&self) -> DiscrepancyLevel {
        self.0.alert_from.into()
    }
    /// Hours after a claim until a platform's figure is taken as settled; null where each definition's own applies.
    async fn lag_window_hours(&self) -> Option<i32> {
        self.0.lag_window_hours
    }
    /// Ages of a claim, in hours, at which it is checked again.
    async fn recheck_hours(&self) -> &[i32] {
        &self.0.recheck_hours
    }
}

/// Which campaigns a list is of.
#[derive(Default, InputObject)]
pub struct CampaignFilter {
    /// Of this advertiser.
    advertiser_id: Option<ID>,
    /// With this status.
    status: Option<CampaignStatus>,
    /// That take posts on this platform.
    platform: Option<PlatformKind>,
    /// With this text in the name, up to 200 characters.
    search: Option<String>,
}

impl CampaignFilter {
    /// The filter in terms of rows.
    ///
    /// # Errors
    /// An id is none, or one of another kind.
    pub fn rows(self) -> Result<read::CampaignFilter, Error> {
        Ok(read::CampaignFilter {
            advertiser_id: Kind::Advertiser
                .optional_row("filter.advertiserId", self.advertiser_id.as_ref())?,
            status: self.status.map(Into::into),
            platform: self.platform.map(Into::into),
            search: read::text("filter.search", self.search)?,
        })
    }
}

/// Queries on campaigns.
#[derive(Default)]
pub struct CampaignQuery;

#[Object]
impl CampaignQuery {
    /// Campaigns, newest first: to operators all, to an advertiser its own, to an affiliate the ACTIVE ones of advertisers
    /// that approved it and those that it posted in.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn campaigns(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which campaigns.")] filter: Option<CampaignFilter>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<Campaign>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        let filter = filter.unwrap_or_default().rows().top()?;
        connection::<CampaignPages, _, _, _>(ctx, filter, &paging, |row| row.id, Campaign).await
    }

    /// One campaign; null where there is none that the viewer may see.
    async fn campaign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its global id.")] id: ID,
    ) -> async_graphql::Result<Option<Campaign>> {
        let row = Kind::Campaign.row("id", &id).top()?;
        Ok(visible::campaigns(app(ctx), viewer(ctx)?, &[row])
            .await
            .top()?
            .pop()
            .map(Campaign))
    }
}

/// Thresholds. What is left out is the default, or stays as it is.
#[derive(Default, InputObject)]
pub struct PolicyInput {
    /// An excess below this percentage is LOW; 0 to 1000000, 5 by default.
    low_below_percent: MaybeUndefined<Decimal>,
    /// An excess above this percentage is HIGH; 0 to 1000000, 20 by default.
    high_above_percent: MaybeUndefined<Decimal>,
    /// A difference up to this count is at most LOW; 0 to 9007199254740991, 10 by default.
    absolute_floor: MaybeUndefined<i64>,
    /// Alerts are raised from this level up: LOW, MEDIUM (the default) or HIGH.
    alert_from: MaybeUndefined<DiscrepancyLevel>,
    /// Hours until a platform's figure is taken as settled, 0 to 720; null: each definition's own, which is the default.
    lag_window_hours: MaybeUndefined<i64>,
    /// Ages of a claim, in hours, at which it is checked again: up to 16, each 1 to 8760; 1, 24, 72, 168 by default.
    recheck_hours: MaybeUndefined<Vec<i64>>,
}

impl PolicyInput {
    /// The thresholds of a new policy: null is as if left out.
    fn defaults(self) -> campaign::PolicyChoice {
        campaign::PolicyChoice {
            low_below_percent: self.low_below_percent.take().map(|decimal| decimal.0),
            high_above_percent: self.high_above_percent.take().map(|decimal| decimal.0),
            absolute_floor: self.absolute_floor.take(),
            alert_from: self.alert_from.take().map(Into::into),
            lag_window_hours: self.lag_window_hours.take().map(Some),
            recheck_hours: self.recheck_hours.take(),
        }
    }

    /// What is to be changed of thresholds that are in force; `under` leads to them, with a dot at its end.
    pub fn changes(self, changes: &mut Changes<'_>, under: &str) -> campaign::PolicyChoice {
        let named = |field: &str| format!("{under}{field}");
        campaign::PolicyChoice {
            low_below_percent: changes
                .required(&named("lowBelowPercent"), self.low_below_percent)
                .map(|decimal| decimal.0),
            high_above_percent: changes
                .required(&named("highAbovePercent"), self.high_above_percent)
                .map(|decimal| decimal.0),
            absolute_floor: changes.required(&named("absoluteFloor"), self.absolute_floor),
            alert_from: changes
                .required(&named("alertFrom"), self.alert_from)
                .map(Into::into),
            lag_window_hours: changes.optional(&named("lagWindowHours"), self.lag_window_hours),
            recheck_hours: changes.required(&named("recheckHours"), self.recheck_hours),
        }
    }
}

/// What a view means on a platform in a campaign.
#[derive(InputObject)]
pub struct ViewsDefinitionInput {
    /// The platform.
    platform: PlatformKind,
    /// The definition, such as instagram.views: one under which figures of the platform's views are reported, or the one that
    /// the campaign has there already.
    definition: String,
}

fn definitions(input: Option<Vec<ViewsDefinitionInput>>) -> Vec<(model::PlatformKind, String)> {
    input
        .unwrap_or_default()
        .into_iter()
        .map(|definition| (definition.platform.into(), definition.definition))
        .collect()
}

/// A campaign to be created.
#[derive(InputObject)]
pub struct CreateCampaignInput {
    /// Whose campaign; operators only, an advertiser's own otherwise.
    advertiser_id: Option<ID>,
    /// Its name, 1 to 200 characters.
    name: String,
    /// The platforms that it takes posts on, at least one.
    platforms: Vec<PlatformKind>,
    /// Whether it takes posts.
    #[graphql(default_with = "Some(CampaignStatus::Active)")]
    status: Option<CampaignStatus>,
    /// From when it takes posts; from now on where left out.
    starts_at: Option<DateTime>,
    /// Until when it takes posts, exclusive; without end where left out.
    ends_at: Option<DateTime>,
    /// Its thresholds.
    policy: Option<PolicyInput>,
    /// What a view means where it is not the platform's default.
    views_definitions: Option<Vec<ViewsDefinitionInput>>,
}

/// What is to be changed of a campaign. What is left out stays; what may be missing is taken away by null.
#[derive(InputObject)]
pub struct UpdateCampaignInput {
    /// Which campaign.
    campaign_id: ID,
    /// Its name, 1 to 200 characters.
    name: MaybeUndefined<String>,
    /// Whether it takes posts. Posts that are there are checked on whatever it says.
    status: MaybeUndefined<CampaignStatus>,
    /// From when it takes posts.
    starts_at: MaybeUndefined<DateTime>,
    /// Until when it takes posts, exclusive.
    ends_at: MaybeUndefined<DateTime>,
    /// Other thresholds, over those in force: a new version, for claims that are made from now on.
    policy: MaybeUndefined<PolicyInput>,
}

/// The platforms that a campaign takes posts on from now on.
#[derive(InputObject)]
pub struct UpdateCampaignPlatformsInput {
    /// Which campaign.
    campaign_id: ID,
    /// All the platforms, at least one. One that is left out takes no more posts; those that are there stay.
    platforms: Vec<PlatformKind>,
    /// What a view means on a platform. Where that is left out it stays what it was in this campaign, or is the platform's
    /// default. Claims that are there keep theirs.
    views_definitions: Option<Vec<ViewsDefinitionInput>>,
}

/// The campaign that was made or changed.
#[derive(SimpleObject)]
pub struct CampaignPayload {
    /// The campaign; null where userErrors says why not.
    campaign: Option<Campaign>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

impl CampaignPayload {
    fn of(result: Result<domain::Campaign, Error>) -> async_graphql::Result<Self> {
        Ok(match outcome(result)? {
            Ok(row) => Self {
                campaign: Some(Campaign(row)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => Self {
                campaign: None,
                user_errors,
            },
        })
    }
}

/// Mutations on campaigns.
#[derive(Default)]
pub struct CampaignMutation;

#[Object]
impl CampaignMutation {
    /// Creates a campaign.
    async fn create_campaign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The campaign.")] input: CreateCampaignInput,
    ) -> async_graphql::Result<CampaignPayload> {
        let create = campaign::CreateCampaign {
            advertiser_id: Kind::Advertiser
                .optional_row("advertiserId", input.advertiser_id.as_ref())
                .top()?,
            name: input.name,
            platforms: input.platforms.into_iter().map(Into::into).collect(),
            status: input.status.unwrap_or(CampaignStatus::Active).into(),
            starts_at: input.starts_at.map(|at| at.0),
            ends_at: input.ends_at.map(|at| at.0),
            policy: input.policy.unwrap_or_default().defaults(),
            views_definitions: definitions(input.views_definitions),
        };
        CampaignPayload::of(campaign::create(app(ctx), viewer(ctx)?, create).await)
    }

    /// Changes a campaign: its name, whether and when it takes posts, and the thresholds for the claims to come.
    async fn update_campaign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be changed.")] input: UpdateCampaignInput,
    ) -> async_graphql::Result<CampaignPayload> {
        let id = Kind::Campaign.row("campaignId", &input.campaign_id).top()?;
        let mut changes = Changes::of(ctx);
        let time = |at: Option<Option<DateTime>>| at.map(|at| at.map(|at| at.0));
        let update = campaign::UpdateCampaign {
            name: changes.required("name", input.name),
            status: changes.required("status", input.status).map(Into::into),
            starts_at: time(changes.optional("startsAt", input.starts_at)),
            ends_at: time(changes.optional("endsAt", input.ends_at)),
            policy: changes
                .required("policy", input.policy)
                .map(|policy| policy.changes(&mut changes, "policy.")),
        };
        let result = match changes.finish() {
            Ok(()) => campaign::update(app(ctx), viewer(ctx)?, id, update).await,
            Err(error) => Err(error),
        };
        CampaignPayload::of(result)
    }

    /// Makes these the platforms that a campaign takes posts on.
    async fn update_campaign_platforms(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The campaign and its platforms.")] input: UpdateCampaignPlatformsInput,
    ) -> async_graphql::Result<CampaignPayload> {
        let id = Kind::Campaign.row("campaignId", &input.campaign_id).top()?;
        let platforms: Vec<model::PlatformKind> =
            input.platforms.into_iter().map(Into::into).collect();
        let definitions = definitions(input.views_definitions);
        CampaignPayload::of(
            campaign::update_platforms(app(ctx), viewer(ctx)?, id, &platforms, &definitions).await,
        )
    }
}

/// A count that may be missing.
pub(super) fn count(value: Option<u64>) -> Option<Count> {
    value.map(Count)
}
