//! Loaders: what many objects of one answer ask for is read in one statement. Made anew for each request, so that nothing
//! is carried from one caller to another.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::Context;
use async_graphql::dataloader::{DataLoader, Loader};

use super::batches::{Batches, Punctual};
use super::errors::top_level;
use crate::app::App;
use crate::domain::{
    self, Keyset, Slice, Viewer, credential, dashboard, growth, health, read, run, visible,
};
use crate::error::Error;
use crate::model::PlatformKind;

/// Errors of a loader, shared by all who asked.
pub type Shared = Arc<Error>;

/// A loader that is made when it is first asked for: most requests need few of them.
pub trait Made: Sized + Send + Sync + 'static {
    /// Most keys of a batch.
    const MOST: usize = usize::MAX;

    /// Makes it for who asks.
    fn made(app: &App, viewer: Viewer) -> Self;
}

/// The loaders of one request.
struct Loaders {
    app: App,
    viewer: Viewer,
    batches: Batches,
    made: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Loaders {
    fn get<L: Made>(&self) -> Option<Arc<DataLoader<Punctual<L>>>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let loader = made.entry(TypeId::of::<L>()).or_insert_with(|| {
            let loader = self.batches.loader(L::made(&self.app, self.viewer));
            Arc::new(loader.max_batch_size(L::MOST))
        });
        Arc::clone(loader).downcast().ok()
    }
}

/// Defines loaders of one row for each key.
macro_rules! loaders {
    ($($(#[$doc:meta])* $name:ident: $read:ident -> $row:ty, $key:expr;)+) => {$(
        $(#[$doc])*
        pub struct $name(App);

        impl Loader<i64> for $name {
            type Value = $row;
            type Error = Shared;

            async fn load(&self, keys: &[i64]) -> Result<HashMap<i64, $row>, Shared> {
                let key: fn(&$row) -> i64 = $key;
                let rows = read::$read(&self.0, keys).await.map_err(Shared::new)?;
                Ok(rows.into_iter().map(|row| (key(&row), row)).collect())
            }
        }

        impl Made for $name {
            fn made(app: &App, _viewer: Viewer) -> Self {
                Self(app.clone())
            }
        }
    )+};
}

loaders! {
    /// Advertisers by id.
    AdvertiserById: advertisers_by_id -> domain::Advertiser, |row| row.id;
    /// Affiliates by id.
    AffiliateById: affiliates_by_id -> domain::Affiliate, |row| row.id;
    /// Alert events by id.
    AlertEventById: alert_events_by_id -> domain::feed::Event, |row| row.event.id;
    /// Channels by id.
    AlertChannelById: alert_channels_by_id -> domain::AlertChannel, |row| row.id;
    /// Campaigns by id.
    CampaignById: campaigns_by_id -> domain::Campaign, |row| row.id;
    /// Policies in force by campaign.
    PolicyByCampaign: policies_by_campaign -> domain::PolicyRow, |row| row.campaign_id;
    /// Policies by id.
    PolicyById: policies_by_id -> domain::PolicyRow, |row| row.id;
    /// Posts by id.
    PostById: posts_by_id -> domain::Post, |row| row.id;
    /// Claims by id.
    ReportById: reports_by_id -> domain::AffiliateReport, |row| row.id;
    /// Latest claims by post.
    LatestReportByPost: latest_reports_by_post -> domain::AffiliateReport, |row| row.post_id;
    /// Observations by id.
    PlatformReportById: platform_reports_by_id -> domain::PlatformReport, |row| row.id;
    /// Latest observations by post.
    LatestPlatformReportByPost: latest_platform_reports_by_post -> domain::PlatformReport, |row| row.post_id;
    /// Verdicts by id.
    ReconciliationById: reconciliations_by_id -> domain::Reconciliation, |row| row.id;
    /// Latest verdicts by post.
    LatestReconciliationByPost: latest_reconciliations_by_post -> domain::Reconciliation, |row| row.post_id;
    /// Latest verdicts by claim.
    LatestReconciliationByReport: latest_reconciliations_by_report -> domain::Reconciliation,
        |row| row.affiliate_report_id;
}

/// Defines loaders of pages: one for each list that is asked for, all of them in one statement.
macro_rules! page_loaders {
    ($($(#[$doc:meta])* $name:ident($filter:ty) = |$loader:ident, $lists:ident| $read:expr => $row:ty;)+) => {$(
        $(#[$doc])*
        pub struct $name {
            app: App,
            #[allow(dead_code, reason = "some lists are of things whose rights were checked on the way")]
            viewer: Viewer,
        }

        impl Loader<($filter, Keyset)> for $name {
            type Value = Slice<$row>;
            type Error = Shared;

            async fn load(
                &self,
                keys: &[($filter, Keyset)],
            ) -> Result<HashMap<($filter, Keyset), Slice<$row>>, Shared> {
                let ($loader, $lists) = (self, keys);
                let pages = $read.await.map_err(Shared::new)?;
                Ok(keys.iter().cloned().zip(pages).collect())
            }
        }

        impl Made for $name {
            const MOST: usize = MAX_PAGES;

            fn made(app: &App, viewer: Viewer) -> Self {
                Self {
                    app: app.clone(),
                    viewer,
                }
            }
        }
    )+};
}

/// Most lists in one statement: each takes up to twenty of the 65,535 parameters that a statement may have.
const MAX_PAGES: usize = 3000;

page_loaders! {
    /// Pages of campaigns.
    CampaignPages(read::CampaignFilter) =
        |this, lists| read::campaigns(&this.app, &this.viewer, lists) => domain::Campaign;
    /// Pages of posts.
    PostPages(read::PostFilter) =
        |this, lists| read::posts(&this.app, &this.viewer, lists) => domain::Post;
    /// Pages of alerts.
    AlertPages(read::AlertFilter) =
        |this, lists| read::alerts(&this.app, &this.viewer, lists) => domain::Alert;
    /// Pages of advertisers.
    AdvertiserPages(read::AdvertiserFilter) =
        |this, lists| read::advertisers(&this.app, &this.viewer, lists) => domain::Advertiser;
    /// Pages of applications.
    ApplicationPages(read::ApplicationFilter) =
        |this, lists| read::applications(&this.app, &this.viewer, lists) => domain::Application;
    /// Pages of orders.
    OrderPages(read::OrderFilter) =
        |this, lists| read::orders(&this.app, &this.viewer, lists) => domain::Order;
    /// Pages of standing verdicts.
    DiscrepancyPages(read::DiscrepancyFilter) =
        |this, lists| read::discrepancies(&this.app, &this.viewer, lists) => domain::Reconciliation;
    /// Pages of the claims on posts.
    ReportPages(i64) = |this, lists| read::reports_of_posts(&this.app, lists) => domain::AffiliateReport;
    /// Pages of the observations of posts.
    PlatformReportPages(i64) =
        |this, lists| read::platform_reports_of_posts(&this.app, lists) => domain::PlatformReport;
    /// Pages of verdicts.
    ReconciliationPages(read::Of) =
        |this, lists| read::reconciliations(&this.app, lists) => domain::Reconciliation;
    /// Pages of what channels were told.
    AlertDeliveryPages(i64) =
        |this, lists| read::deliveries_of_channels(&this.app, lists) => domain::AlertDelivery;
    /// Pages of trust events.
    TrustEventPages(i64) =
        |this, lists| read::trust_events_of_affiliates(&this.app, lists) => domain::TrustEvent;
}

/// The channels of advertisers.
pub struct AlertChannelsByAdvertiser(App);

impl Made for AlertChannelsByAdvertiser {
    fn made(app: &App, _viewer: Viewer) -> Self {
        Self(app.clone())
    }
}

impl Loader<i64> for AlertChannelsByAdvertiser {
    type Value = Vec<domain::AlertChannel>;
    type Error = Shared;

    async fn load(&self, keys: &[i64]) -> Result<HashMap<i64, Self::Value>, Shared> {
        let mut map: HashMap<i64, Self::Value> = HashMap::new();
        for row in read::alert_channels_by_advertiser(&self.0, keys)
            .await
            .map_err(Shared::new)?
        {
            map.entry(row.advertiser_id).or_default().push(row);
        }
        Ok(map)
    }
}

/// The platforms of campaigns.
pub struct PlatformsByCampaign(App);

impl Made for PlatformsByCampaign {
    fn made(app: &App, _viewer: Viewer) -> Self {
        Self(app.clone())
    }
}

impl Loader<i64> for PlatformsByCampaign {
    type Value = Vec<domain::CampaignPlatform>;
    type Error = Shared;

    async fn load(&self, keys: &[i64]) -> Result<HashMap<i64, Self::Value>, Shared> {
        let mut map: HashMap<i64, Self::Value> = HashMap::new();
        for row in read::platforms_by_campaign(&self.0, keys)
            .await
            .map_err(Shared::new)?
        {
            map.entry(row.campaign_id).or_default().push(row);
        }
        Ok(map)
    }
}

/// The accounts that affiliates have linked.
pub struct CredentialsByAffiliate(App);

impl Made for CredentialsByAffiliate {
    fn made(app: &App, _viewer: Viewer) -> Self {
        Self(app.clone())
    }
}

impl Loader<i64> for CredentialsByAffiliate {
    type Value = Vec<domain::PlatformCredential>;
    type Error = Shared;

    async fn load(&self, keys: &[i64]) -> Result<HashMap<i64, Self::Value>, Shared> {
        let mut map: HashMap<i64, Self::Value> = HashMap::new();
        for row in credential::list(&self.0, keys).await.map_err(Shared::new)? {
            map.entry(row.affiliate_id).or_default().push(row);
        }
        Ok(map)
    }
}

/// Platforms by kind: all of them are read.
pub struct PlatformByKind(App);

impl Made for PlatformByKind {
    fn made(app: &App, _viewer: Viewer) -> Self {
        Self(app.clone())
    }
}

impl Loader<PlatformKind> for PlatformByKind {
    type Value = read::Platform;
    type Error = Shared;

    async fn load(
        &self,
        _keys: &[PlatformKind],
    ) -> Result<HashMap<PlatformKind, read::Platform>, Shared> {
        let all = read::platforms(&self.0).await.map_err(Shared::new)?;
        Ok(all
            .into_iter()
            .map(|platform| (platform.kind, platform))
            .collect())
    }
}

/// How platforms are, by kind: all of them are read.
pub struct HealthByPlatform(App);

impl Made for HealthByPlatform {
    fn made(app: &App, _viewer: Viewer) -> Self {
        Self(app.clone())
    }
}

impl Loader<PlatformKind> for HealthByPlatform {
    type Value = health::Health;
    type Error = Shared;

    async fn load(
        &self,
        _keys: &[PlatformKind],
    ) -> Result<HashMap<PlatformKind, health::Health>, Shared> {
        let all = health::list(&self.0).await.map_err(Shared::new)?;
        Ok(all
            .into_iter()
            .map(|health| (health.platform, health))
            .collect())
    }
}

/// Whether an affiliate is eligible for advertisers: by affiliate and advertiser.
pub struct Eligible(App);

impl Made for Eligible {
    fn made(app: &App, _viewer: Viewer) -> Self {
        Self(app.clone())
    }
}

impl Loader<(i64, i64)> for Eligible {
    type Value = bool;
    type Error = Shared;

    async fn load(&self, keys: &[(i64, i64)]) -> Result<HashMap<(i64, i64), bool>, Shared> {
        let mut map: HashMap<(i64, i64), bool> = keys.iter().map(|key| (*key, false)).collect();
        for (affiliate, advertisers) in by_affiliate(keys) {
            let eligible = read::eligible(&self.0, affiliate, &advertisers)
                .await
                .map_err(Shared::new)?;
            map.extend(eligible.into_iter().map(|id| ((affiliate, id), true)));
        }
        Ok(map)
    }
}

/// The latest application of an affiliate at advertisers: by affiliate and advertiser.
pub struct LatestApplication(App);

impl Made for LatestApplication {
    fn made(app: &App, _viewer: Viewer) -> Self {
        Self(app.clone())
    }
}

impl Loader<(i64, i64)> for LatestApplication {
    type Value = domain::Application;
    type Error = Shared;

    async fn load(
        &self,
        keys: &[(i64, i64)],
    ) -> Result<HashMap<(i64, i64), domain::Application>, Shared> {
        let mut map = HashMap::new();
        for (affiliate, advertisers) in by_affiliate(keys) {
            let rows = read::latest_applications(&self.0, affiliate, &advertisers)
                .await
                .map_err(Shared::new)?;
            map.extend(
                rows.into_iter()
                    .map(|row| ((affiliate, row.advertiser_id), row)),
            );
        }
        Ok(map)
    }
}

/// Keys by affiliate. There is one: the viewer.
fn by_affiliate(keys: &[(i64, i64)]) -> HashMap<i64, Vec<i64>> {
    let mut map: HashMap<i64, Vec<i64>> = HashMap::new();
    for (affiliate, advertiser) in keys {
        map.entry(*affiliate).or_default().push(*advertiser);
    }
    map
}

/// The performance of affiliates: by affiliate and campaign.
pub struct PerformanceOf {
    app: App,
    viewer: Viewer,
}

impl Made for PerformanceOf {
    fn made(app: &App, viewer: Viewer) -> Self {
        Self {
            app: app.clone(),
            viewer,
        }
    }
}

impl Loader<(i64, Option<i64>)> for PerformanceOf {
    type Value = dashboard::Performance;
    type Error = Shared;

    async fn load(
        &self,
        keys: &[(i64, Option<i64>)],
    ) -> Result<HashMap<(i64, Option<i64>), dashboard::Performance>, Shared> {
        let mut by_campaign: HashMap<Option<i64>, Vec<i64>> = HashMap::new();
        for (affiliate, campaign) in keys {
            by_campaign.entry(*campaign).or_default().push(*affiliate);
        }
        let mut map = HashMap::new();
        for (campaign, affiliates) in by_campaign {
            let rows = dashboard::performance(&self.app, &self.viewer, &affiliates, campaign)
                .await
                .map_err(Shared::new)?;
            map.extend(
                rows.into_iter()
                    .map(|row| ((row.affiliate.id, campaign), row)),
            );
        }
        Ok(map)
    }
}

/// Defines loaders of what is told of campaigns or posts over a time: by its id, the range and what else is asked.
macro_rules! timed_loaders {
    ($($(#[$doc:meta])* $name:ident($asked:ty) = $read:path => $value:ty;)+) => {$(
        $(#[$doc])*
        pub struct $name(App);

        impl Made for $name {
            fn made(app: &App, _viewer: Viewer) -> Self {
                Self(app.clone())
            }
        }

        impl Loader<(i64, dashboard::Range, $asked)> for $name {
            type Value = $value;
            type Error = Shared;

            async fn load(
                &self,
                keys: &[(i64, dashboard::Range, $asked)],
            ) -> Result<HashMap<(i64, dashboard::Range, $asked), $value>, Shared> {
                let mut alike: HashMap<(dashboard::Range, $asked), Vec<i64>> = HashMap::new();
                for (id, range, asked) in keys {
                    alike.entry((*range, *asked)).or_default().push(*id);
                }
                let mut map = HashMap::new();
                for ((range, asked), ids) in alike {
                    let found = $read(&self.0, &ids, range, asked).await.map_err(Shared::new)?;
                    map.extend(found.into_iter().map(|(id, value)| ((id, range, asked), value)));
                }
                Ok(map)
            }
        }
    )+};
}

timed_loaders! {
    /// Dashboards.
    DashboardOf(()) = totals => dashboard::Dashboard;
    /// The first so many affiliates.
    TopAffiliatesOf(usize) = dashboard::top_affiliates => Vec<dashboard::Performance>;
    /// Points of an interval.
    SeriesOf(dashboard::Interval) = dashboard::series => Vec<dashboard::Point>;
    /// How posts grew, by an interval.
    GrowthOf(dashboard::Interval) = growth::of_posts => Vec<growth::Point>;
}

async fn totals(
    app: &App,
    campaigns: &[i64],
    range: dashboard::Range,
    (): (),
) -> Result<HashMap<i64, dashboard::Dashboard>, Error> {
    dashboard::of_campaigns(app, campaigns, range).await
}

/// Affiliates that the viewer may see, by id.
pub struct VisibleAffiliate {
    app: App,
    viewer: Viewer,
}

impl Made for VisibleAffiliate {
    fn made(app: &App, viewer: Viewer) -> Self {
        Self {
            app: app.clone(),
            viewer,
        }
    }
}

impl Loader<i64> for VisibleAffiliate {
    type Value = domain::Affiliate;
    type Error = Shared;

    async fn load(&self, keys: &[i64]) -> Result<HashMap<i64, domain::Affiliate>, Shared> {
        let rows = visible::affiliates(&self.app, &self.viewer, keys)
            .await
            .map_err(Shared::new)?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// Campaigns that the viewer may see, by id.
pub struct VisibleCampaign {
    app: App,
    viewer: Viewer,
}

impl Made for VisibleCampaign {
    fn made(app: &App, viewer: Viewer) -> Self {
        Self {
            app: app.clone(),
            viewer,
        }
    }
}

impl Loader<i64> for VisibleCampaign {
    type Value = domain::Campaign;
    type Error = Shared;

    async fn load(&self, keys: &[i64]) -> Result<HashMap<i64, domain::Campaign>, Shared> {
        let rows = visible::campaigns(&self.app, &self.viewer, keys)
            .await
            .map_err(Shared::new)?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// How far runs have come, by id.
pub struct RunProgress(App);

impl Made for RunProgress {
    fn made(app: &App, _viewer: Viewer) -> Self {
        Self(app.clone())
    }
}

impl Loader<i64> for RunProgress {
    type Value = run::Progress;
    type Error = Shared;

    async fn load(&self, keys: &[i64]) -> Result<HashMap<i64, Self::Value>, Shared> {
        let rows = run::progress(&self.0, keys).await.map_err(Shared::new)?;
        Ok(rows.into_iter().map(|row| (row.run_id, row)).collect())
    }
}

/// Puts the loaders into a request. Who is not signed in is refused before a loader is asked for.
#[must_use]
pub fn insert(
    app: &App,
    viewer: Option<Viewer>,
    request: async_graphql::Request,
) -> async_graphql::Request {
    let Some(viewer) = viewer else {
        return request;
    };
    let batches = Batches::default();
    request.data(batches.clone()).data(Loaders {
        app: app.clone(),
        viewer,
        batches,
        made: Mutex::default(),
    })
}

/// The row under a key; none where there is none.
///
/// # Errors
/// The database failed.
pub async fn load<L, K>(ctx: &Context<'_>, key: K) -> async_graphql::Result<Option<L::Value>>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    L: Loader<K, Error = Shared> + Made,
{
    let Some(loader) = ctx.data_opt::<Loaders>().and_then(Loaders::get::<L>) else {
        return Err(top_level(Error::Unauthenticated));
    };
    loader.load_one(key).await.map_err(|shared| {
        // The cause is shared by all who asked: each tells what it is, and keeps its kind.
        let kind = match shared.as_ref() {
            Error::Unavailable(cause) => Error::Unavailable(cause.to_string().into()),
            other => Error::internal(other.with_causes()),
        };
        top_level(kind)
    })
}

/// The row under a key that another row names, which is always there.
///
/// # Errors
/// The database failed.
pub async fn require<L, K>(ctx: &Context<'_>, key: K) -> async_graphql::Result<L::Value>
where
    K: Send + Sync + Hash + Eq + Clone + std::fmt::Debug + 'static,
    L: Loader<K, Error = Shared> + Made,
{
    load::<L, K>(ctx, key.clone()).await?.ok_or_else(|| {
        top_level(Error::internal(format!(
            "a row {key:?} that another one names is missing"
        )))
    })
}
