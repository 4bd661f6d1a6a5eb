//! Campaigns, the platforms they take posts on, and the versions of their policies.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::keyset::{Slice, containing, load_pages};
use super::schema::{applications, campaign_platforms, campaigns, policies, posts};
use super::{Connection, Keyset};
use crate::model::{ApplicationStatus, CampaignStatus, DiscrepancyLevel, PlatformKind, Scope};

/// An advertiser's activity on a set of platforms.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = campaigns, check_for_backend(diesel::pg::Pg))]
pub struct Campaign {
    /// Numeric id.
    pub id: i64,
    /// Whose it is.
    pub advertiser_id: i64,
    /// Its name.
    pub name: String,
    /// Whether it takes posts.
    pub status: CampaignStatus,
    /// From when it takes posts.
    pub starts_at: Option<DateTime<Utc>>,
    /// Until when it takes posts, exclusive.
    pub ends_at: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// A campaign to be created.
#[derive(Debug, Insertable)]
#[diesel(table_name = campaigns)]
pub struct NewCampaign<'a> {
    /// Whose it is.
    pub advertiser_id: i64,
    /// Its name.
    pub name: &'a str,
    /// Whether it takes posts.
    pub status: CampaignStatus,
    /// From when it takes posts.
    pub starts_at: Option<DateTime<Utc>>,
    /// Until when it takes posts, exclusive.
    pub ends_at: Option<DateTime<Utc>>,
}

/// A platform of a campaign.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = campaign_platforms, check_for_backend(diesel::pg::Pg))]
pub struct CampaignPlatform {
    /// Of which campaign.
    pub campaign_id: i64,
    /// Which platform.
    pub platform: PlatformKind,
    /// What a view means there, such as `instagram.views`.
    pub views_definition: String,
    /// Since when it takes no more posts there.
    pub withdrawn_at: Option<DateTime<Utc>>,
}

/// One version of a campaign's thresholds.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = policies, check_for_backend(diesel::pg::Pg))]
pub struct Policy {
    /// Numeric id.
    pub id: i64,
    /// Of which campaign.
    pub campaign_id: i64,
    /// 1, 2, 3 …
    pub version: i32,
    /// Excesses below this percentage are LOW.
    pub low_below_percent: BigDecimal,
    /// Excesses above this percentage are HIGH.
    pub high_above_percent: BigDecimal,
    /// A difference up to this count is at most LOW.
    pub absolute_floor: i64,
    /// Alerts are raised from this level up.
    pub alert_from: DiscrepancyLevel,
    /// Hours until a platform figure is taken as settled; the definition's own where null.
    pub lag_window_hours: Option<i32>,
    /// Ages of a claim, in hours, at which it is checked again.
    pub recheck_hours: Vec<i32>,
    /// When it came into force.
    pub created_at: DateTime<Utc>,
}

/// A policy to be put into force.
#[derive(Debug, Insertable)]
#[diesel(table_name = policies)]
pub struct NewPolicy {
    /// Of which campaign.
    pub campaign_id: i64,
    /// One more than the version before.
    pub version: i32,
    /// Excesses below this percentage are LOW.
    pub low_below_percent: BigDecimal,
    /// Excesses above this percentage are HIGH.
    pub high_above_percent: BigDecimal,
    /// A difference up to this count is at most LOW.
    pub absolute_floor: i64,
    /// Alerts are raised from this level up.
    pub alert_from: DiscrepancyLevel,
    /// Hours until a platform figure is taken as settled.
    pub lag_window_hours: Option<i32>,
    /// Ages of a claim, in hours, at which it is checked again.
    pub recheck_hours: Vec<i32>,
}

/// Adds a campaign.
pub async fn insert(connection: &mut Connection, new: &NewCampaign<'_>) -> QueryResult<Campaign> {
    diesel::insert_into(campaigns::table)
        .values(new)
        .returning(Campaign::as_returning())
        .get_result(connection)
        .await
}

/// Puts a policy into force.
pub async fn insert_policy(connection: &mut Connection, new: &NewPolicy) -> QueryResult<Policy> {
    diesel::insert_into(policies::table)
        .values(new)
        .returning(Policy::as_returning())
        .get_result(connection)
        .await
}

/// Locks a campaign.
pub async fn lock(connection: &mut Connection, id: i64) -> QueryResult<Option<Campaign>> {
    campaigns::table
        .find(id)
        .select(Campaign::as_select())
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// Writes what a campaign has become.
pub async fn update(connection: &mut Connection, campaign: &Campaign) -> QueryResult<usize> {
    diesel::update(campaigns::table.find(campaign.id))
        .set((
            campaigns::name.eq(&campaign.name),
            campaigns::status.eq(campaign.status),
            campaigns::starts_at.eq(campaign.starts_at),
            campaigns::ends_at.eq(campaign.ends_at),
        ))
        .execute(connection)
        .await
}

/// Makes these the platforms that the campaign takes posts on. A platform that is no longer among them is withdrawn,
/// one that comes back is in force again under the definition given now.
pub async fn update_platforms(
    connection: &mut Connection,
    campaign_id: i64,
    wanted: &[CampaignPlatform],
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let kinds: Vec<PlatformKind> = wanted.iter().map(|platform| platform.platform).collect();
    diesel::update(
        campaign_platforms::table
            .filter(campaign_platforms::campaign_id.eq(campaign_id))
            .filter(campaign_platforms::platform.ne_all(kinds))
            .filter(campaign_platforms::withdrawn_at.is_null()),
    )
    .set(campaign_platforms::withdrawn_at.eq(now))
    .execute(connection)
    .await?;
    diesel::insert_into(campaign_platforms::table)
        .values(wanted)
        .on_conflict((
            campaign_platforms::campaign_id,
            campaign_platforms::platform,
        ))
        .do_update()
        .set((
            campaign_platforms::views_definition.eq(diesel::upsert::excluded(
                campaign_platforms::views_definition,
            )),
            campaign_platforms::withdrawn_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// The platforms that a campaign takes posts on, or took once.
pub async fn list_platforms_ever(
    connection: &mut Connection,
    campaign_id: i64,
) -> QueryResult<Vec<CampaignPlatform>> {
    campaign_platforms::table
        .filter(campaign_platforms::campaign_id.eq(campaign_id))
        .select(CampaignPlatform::as_select())
        .load(connection)
        .await
}

/// The campaigns with these ids, in no order.
pub async fn list_by_id(connection: &mut Connection, ids: &[i64]) -> QueryResult<Vec<Campaign>> {
    campaigns::table
        .filter(campaigns::id.eq_any(ids))
        .select(Campaign::as_select())
        .load(connection)
        .await
}

/// Which of these campaigns are in the scope.
pub async fn list_visible(
    connection: &mut Connection,
    scope: Scope,
    ids: &[i64],
) -> QueryResult<Vec<i64>> {
    scoped(
        campaigns::table
            .filter(campaigns::id.eq_any(ids))
            .select(campaigns::id)
            .into_boxed(),
        scope,
    )
    .load(connection)
    .await
}

/// The campaigns in the scope that have exactly this name, oldest first.
pub async fn list_by_name(
    connection: &mut Connection,
    scope: Scope,
    name: &str,
    limit: i64,
) -> QueryResult<Vec<Campaign>> {
    scoped(
        campaigns::table
            .filter(campaigns::name.eq(name))
            .select(Campaign::as_select())
            .into_boxed(),
        scope,
    )
    .order(campaigns::id.asc())
    .limit(limit)
    .load(connection)
    .await
}

/// What the campaigns of a list have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CampaignFilter {
    /// Of this advertiser.
    pub advertiser_id: Option<i64>,
    /// With this status.
    pub status: Option<CampaignStatus>,
    /// That take posts on this platform.
    pub platform: Option<PlatformKind>,
    /// With this text in the name.
    pub search: Option<String>,
}

/// A page of each of these lists of campaigns in the scope.
pub async fn list(
    connection: &mut Connection,
    scope: Scope,
    lists: &[(CampaignFilter, Keyset)],
) -> QueryResult<Vec<Slice<Campaign>>> {
    load_pages!(connection, campaigns, Campaign, lists, |query, filter| {
        narrowed(query, scope, filter)
    })
}

fn narrowed<'a, ST: 'static>(
    query: Boxed<'a, ST>,
    scope: Scope,
    filter: &CampaignFilter,
) -> Boxed<'a, ST> {
    let mut query = scoped(query, scope);
    if let Some(advertiser_id) = filter.advertiser_id {
        query = query.filter(campaigns::advertiser_id.eq(advertiser_id));
    }
    if let Some(status) = filter.status {
        query = query.filter(campaigns::status.eq(status));
    }
    if let Some(platform) = filter.platform {
        query = query.filter(diesel::dsl::exists(
            campaign_platforms::table
                .filter(campaign_platforms::campaign_id.eq(campaigns::id))
                .filter(campaign_platforms::platform.eq(platform))
                .filter(campaign_platforms::withdrawn_at.is_null()),
        ));
    }
    if let Some(text) = &filter.search {
        query = query.filter(campaigns::name.ilike(containing(text)));
    }
    query
}

type Boxed<'a, ST> = campaigns::BoxedQuery<'a, diesel::pg::Pg, ST>;

/// An affiliate sees the ACTIVE campaigns of advertisers that approved it, and those that it posted in.
fn scoped<ST: 'static>(query: Boxed<'_, ST>, scope: Scope) -> Boxed<'_, ST> {
    match scope {
        Scope::All => query,
        Scope::Advertiser(id) => query.filter(campaigns::advertiser_id.eq(id)),
        Scope::Affiliate(id) => {
            let approved = applications::table
                .filter(applications::affiliate_id.eq(id))
                .filter(applications::status.eq(ApplicationStatus::Approved))
                .select(applications::advertiser_id);
            let posted_in = posts::table
                .filter(posts::affiliate_id.eq(id))
                .select(posts::campaign_id);
            query.filter(
                campaigns::status
                    .eq(CampaignStatus::Active)
                    .and(campaigns::advertiser_id.eq_any(approved))
                    .or(campaigns::id.eq_any(posted_in)),
            )
        }
    }
}

/// The platforms that these campaigns take posts on.
pub async fn list_platforms(
    connection: &mut Connection,
    campaign_ids: &[i64],
) -> QueryResult<Vec<CampaignPlatform>> {
    campaign_platforms::table
        .filter(campaign_platforms::campaign_id.eq_any(campaign_ids))
        .filter(campaign_platforms::withdrawn_at.is_null())
        .order((
            campaign_platforms::campaign_id,
            campaign_platforms::platform,
        ))
        .select(CampaignPlatform::as_select())
        .load(connection)
        .await
}

/// The policy in force of each of these campaigns.
pub async fn list_policies_in_force(
    connection: &mut Connection,
    campaign_ids: &[i64],
) -> QueryResult<Vec<Policy>> {
    policies::table
        .filter(policies::campaign_id.eq_any(campaign_ids))
        .distinct_on(policies::campaign_id)
        .order((policies::campaign_id.asc(), policies::version.desc()))
        .select(Policy::as_select())
        .load(connection)
        .await
}

/// The policies with these ids, in no order.
pub async fn list_policies_by_id(
    connection: &mut Connection,
    ids: &[i64],
) -> QueryResult<Vec<Policy>> {
    policies::table
        .filter(policies::id.eq_any(ids))
        .select(Policy::as_select())
        .load(connection)
        .await
}
