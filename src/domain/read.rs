//! Rows for whoever looks at them: by key and in batches where the rights were checked on the way there, by page within
//! what the viewer may see.

use super::access::{Principal, Viewer};
use super::feed::Event;
use super::platform::PlatformSecret;
use crate::app::App;
use crate::db::{Keyset, keyset::Slice};
use crate::db::{
    advertiser, affiliate, affiliate_report, alert, alert_channel, alert_delivery, application,
    campaign, order, platform, platform_report, post, reconciliation, trust_event,
};
use crate::error::Error;
use crate::model::{PlatformKind, Scope};

pub use crate::db::advertiser::AdvertiserFilter;
pub use crate::db::affiliate::{AffiliateField, AffiliateFilter, AffiliateKey, AffiliatePage};
pub use crate::db::alert::AlertFilter;
pub use crate::db::application::ApplicationFilter;
pub use crate::db::campaign::CampaignFilter;
pub use crate::db::order::OrderFilter;
pub use crate::db::post::PostFilter;
pub use crate::db::reconciliation::{DiscrepancyFilter, Of};

/// Functions that read rows by a batch of keys.
macro_rules! batches {
    ($($(#[$doc:meta])* $name:ident = $module:ident::$query:ident -> $row:ty;)+) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// The database failed.
        pub async fn $name(app: &App, keys: &[i64]) -> Result<Vec<$row>, Error> {
            Ok($module::$query(&mut *app.db.get().await?, keys).await?)
        }
    )+};
}

batches! {
    /// Advertisers by id.
    advertisers_by_id = advertiser::list_by_id -> advertiser::Advertiser;
    /// Affiliates by id.
    affiliates_by_id = affiliate::list_by_id -> affiliate::Affiliate;
    /// Channels by id.
    alert_channels_by_id = alert_channel::list_by_id -> alert_channel::AlertChannel;
    /// The channels of advertisers, oldest first.
    alert_channels_by_advertiser = alert_channel::list_by_advertiser -> alert_channel::AlertChannel;
    /// Campaigns by id.
    campaigns_by_id = campaign::list_by_id -> campaign::Campaign;
    /// The platforms that campaigns take posts on, by campaign.
    platforms_by_campaign = campaign::list_platforms -> campaign::CampaignPlatform;
    /// The policies in force, by campaign.
    policies_by_campaign = campaign::list_policies_in_force -> campaign::Policy;
    /// Policies by id.
    policies_by_id = campaign::list_policies_by_id -> campaign::Policy;
    /// Posts by id.
    posts_by_id = post::list_by_id -> post::Post;
    /// Claims by id.
    reports_by_id = affiliate_report::list_by_id -> affiliate_report::AffiliateReport;
    /// The latest claims, by post.
    latest_reports_by_post = affiliate_report::list_latest -> affiliate_report::AffiliateReport;
    /// Observations by id.
    platform_reports_by_id = platform_report::list_by_id -> platform_report::PlatformReport;
    /// The latest observations, by post.
    latest_platform_reports_by_post = platform_report::list_latest -> platform_report::PlatformReport;
    /// Verdicts by id.
    reconciliations_by_id = reconciliation::list_by_id -> reconciliation::Reconciliation;
    /// The latest verdicts, by post.
    latest_reconciliations_by_post = reconciliation::list_latest_by_post -> reconciliation::Reconciliation;
    /// The latest verdicts, by claim.
    latest_reconciliations_by_report = reconciliation::list_latest_by_report -> reconciliation::Reconciliation;
}

/// Alert events by id, each with its alert as it is now.
///
/// # Errors
/// The database failed.
pub async fn alert_events_by_id(app: &App, keys: &[i64]) -> Result<Vec<Event>, Error> {
    let rows = alert::list_events_by_id(&mut *app.db.get().await?, keys).await?;
    Ok(rows
        .into_iter()
        .map(|(event, alert, advertiser_id)| Event {
            event,
            alert,
            advertiser_id,
        })
        .collect())
}

/// The advertisers, out of these, that an affiliate is eligible for.
///
/// # Errors
/// The database failed.
pub async fn eligible(
    app: &App,
    affiliate_id: i64,
    advertisers: &[i64],
) -> Result<Vec<i64>, Error> {
    Ok(advertiser::list_eligible(&mut *app.db.get().await?, advertisers, affiliate_id).await?)
}

/// An affiliate's latest applications at these advertisers.
///
/// # Errors
/// The database failed.
pub async fn latest_applications(
    app: &App,
    affiliate_id: i64,
    advertisers: &[i64],
) -> Result<Vec<application::Application>, Error> {
    Ok(application::list_latest(&mut *app.db.get().await?, advertisers, affiliate_id).await?)
}

/// Pages of the advertisers that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn advertisers(
    app: &App,
    viewer: &Viewer,
    lists: &[(AdvertiserFilter, Keyset)],
) -> Result<Vec<Slice<advertiser::Advertiser>>, Error> {
    let lists: Vec<(AdvertiserFilter, Keyset)> = lists
        .iter()
        .cloned()
        .map(|(mut filter, page)| {
            match viewer.principal {
                Principal::Operator => {}
                Principal::Advertiser(id) => filter.only = Some(id),
                Principal::Affiliate(id) => filter.eligible = Some(id),
            }
            (filter, page)
        })
        .collect();
    Ok(advertiser::list(&mut *app.db.get().await?, &lists).await?)
}

/// A page of the affiliates that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn affiliates(
    app: &App,
    viewer: &Viewer,
    filter: &AffiliateFilter,
    page: &AffiliatePage,
) -> Result<Slice<affiliate::Affiliate>, Error> {
    let (advertiser, only) = match viewer.scope() {
        Scope::All => (None, None),
        Scope::Advertiser(id) => (Some(id), None),
        Scope::Affiliate(id) => (None, Some(id)),
    };
    Ok(affiliate::list(&mut *app.db.get().await?, advertiser, only, filter, page).await?)
}

/// Functions that read pages of lists within what the viewer may see, all of them in one statement.
macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident = $module:ident::$query:ident($filter:ty) -> $row:ty;)+) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// The database failed.
        pub async fn $name(
            app: &App,
            viewer: &Viewer,
            lists: &[($filter, Keyset)],
        ) -> Result<Vec<Slice<$row>>, Error> {
            Ok($module::$query(&mut *app.db.get().await?, viewer.scope(), lists).await?)
        }
    )+};
}

pages! {
    /// Pages of the applications that the viewer may see.
    applications = application::list(ApplicationFilter) -> application::Application;
    /// Pages of the campaigns that the viewer may see.
    campaigns = campaign::list(CampaignFilter) -> campaign::Campaign;
    /// Pages of the posts that the viewer may see.
    posts = post::list(PostFilter) -> post::Post;
    /// Pages of the alerts that the viewer may see.
    alerts = alert::list(AlertFilter) -> alert::Alert;
    /// Pages of the orders that the viewer may see.
    orders = order::list(OrderFilter) -> order::Order;
    /// Pages of the standing verdicts that the viewer may see.
    discrepancies = reconciliation::list_standing(DiscrepancyFilter) -> reconciliation::Reconciliation;
}

/// Functions that read pages of what belongs to things whose rights were checked on the way there.
macro_rules! pages_of {
    ($($(#[$doc:meta])* $name:ident = $module:ident::$query:ident($key:ty) -> $row:ty;)+) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// The database failed.
        pub async fn $name(app: &App, lists: &[($key, Keyset)]) -> Result<Vec<Slice<$row>>, Error> {
            Ok($module::$query(&mut *app.db.get().await?, lists).await?)
        }
    )+};
}

pages_of! {
    /// Pages of the claims on posts.
    reports_of_posts = affiliate_report::list_by_post(i64) -> affiliate_report::AffiliateReport;
    /// Pages of the observations of posts.
    platform_reports_of_posts = platform_report::list_by_post(i64) -> platform_report::PlatformReport;
    /// Pages of the verdicts on posts or claims, or of runs.
    reconciliations = reconciliation::list(Of) -> reconciliation::Reconciliation;
    /// Pages of what channels were told.
    deliveries_of_channels = alert_delivery::list_by_channel(i64) -> alert_delivery::AlertDelivery;
    /// Pages of the trust events of affiliates.
    trust_events_of_affiliates = trust_event::list_by_affiliate(i64) -> trust_event::TrustEvent;
}

/// A platform, and whether posts on it can be submitted.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Which.
    pub kind: PlatformKind,
    /// Whether this server has access of its own to it.
    pub available: bool,
    /// Whether operators have it enabled.
    pub enabled: bool,
    /// The root of its API.
    pub base_url: String,
    /// The version in the path of its API; none where it has none.
    pub api_version: Option<String>,
    /// How many requests all processes together may make of its API in a minute; none: no limit of ours.
    pub requests_per_minute: Option<i32>,
    /// The account that the access token reads; none where none is set.
    pub account_id: Option<String>,
    /// The account whose advertisements are read; none where none is set.
    pub ad_account_id: Option<String>,
    /// The secrets that are set, by the environment or by an operator.
    pub secrets: Vec<PlatformSecret>,
}

/// Every platform.
///
/// # Errors
/// The database failed.
pub async fn platforms(app: &App) -> Result<Vec<Platform>, Error> {
    let mut rows = platform::list(&mut *app.db.get().await?).await?;
    rows.sort_unstable_by_key(|row| row.kind);
    Ok(rows
        .into_iter()
        .map(|row| {
            let setup = app.platforms.setup(row.kind);
            Platform {
                kind: row.kind,
                enabled: row.enabled,
                available: app.platforms.available(row.kind),
                secrets: PlatformSecret::there(&setup),
                base_url: setup.base_url.into(),
                api_version: setup.api_version,
                requests_per_minute: row.requests_per_minute,
                account_id: setup.account_id,
                ad_account_id: setup.ad_account,
            }
        })
        .collect())
}

/// Most characters of a text that lists are narrowed by.
const MAX_SEARCH: usize = 200;

/// A text that a list is narrowed by; one that is empty does not narrow.
///
/// # Errors
/// It is too long, or holds what PostgreSQL cannot.
pub fn text(argument: &str, text: Option<String>) -> Result<Option<String>, Error> {
    let Some(text) = text
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    if text.chars().count() > MAX_SEARCH || text.contains('\0') {
        return Err(Error::BadInput(format!(
            "{argument}: at most {MAX_SEARCH} characters, and not the character U+0000"
        )));
    }
    Ok(Some(text))
}
