//! Rows for whoever looks at them: by key and in batches where the rights were checked on the way there, by page within
//! what the viewer may see.

use super::access::{Principal, Viewer};
use crate::app::App;
use crate::db::{Keyset, keyset::Slice};
use crate::db::{
    advertiser, affiliate, affiliate_report, alert, application, campaign, platform_report, post,
    reconciliation,
};
use crate::error::Error;
use crate::model::{PlatformKind, Scope};

pub use crate::db::alert::AlertFilter;
pub use crate::db::application::ApplicationFilter;
pub use crate::db::campaign::CampaignFilter;
pub use crate::db::post::PostFilter;
pub use crate::db::reconciliation::Of;

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

/// A page of the advertisers that the viewer may see; only those that an affiliate is eligible for where one is given.
///
/// # Errors
/// The database failed.
pub async fn advertisers(
    app: &App,
    viewer: &Viewer,
    eligible_for: Option<i64>,
    page: Keyset,
) -> Result<Slice<advertiser::Advertiser>, Error> {
    let (only, eligible) = match viewer.principal {
        Principal::Operator => (None, eligible_for),
        Principal::Advertiser(id) => (Some(id), eligible_for),
        Principal::Affiliate(id) => (None, Some(id)),
    };
    Ok(advertiser::list(&mut *app.db.get().await?, only, eligible, page).await?)
}

/// A page of the affiliates that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn affiliates(
    app: &App,
    viewer: &Viewer,
    page: Keyset,
) -> Result<Slice<affiliate::Affiliate>, Error> {
    let (advertiser, only) = match viewer.scope() {
        Scope::All => (None, None),
        Scope::Advertiser(id) => (Some(id), None),
        Scope::Affiliate(id) => (None, Some(id)),
    };
    Ok(affiliate::list(&mut *app.db.get().await?, advertiser, only, page).await?)
}

/// A page of the applications that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn applications(
    app: &App,
    viewer: &Viewer,
    filter: &ApplicationFilter,
    page: Keyset,
) -> Result<Slice<application::Application>, Error> {
    Ok(application::list(&mut *app.db.get().await?, viewer.scope(), filter, page).await?)
}

/// A page of the campaigns that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn campaigns(
    app: &App,
    viewer: &Viewer,
    filter: &CampaignFilter,
    page: Keyset,
) -> Result<Slice<campaign::Campaign>, Error> {
    Ok(campaign::list(&mut *app.db.get().await?, viewer.scope(), filter, page).await?)
}

/// A page of the posts that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn posts(
    app: &App,
    viewer: &Viewer,
    filter: &PostFilter,
    page: Keyset,
) -> Result<Slice<post::Post>, Error> {
    Ok(post::list(&mut *app.db.get().await?, viewer.scope(), filter, page).await?)
}

/// A page of the alerts that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn alerts(
    app: &App,
    viewer: &Viewer,
    filter: &AlertFilter,
    page: Keyset,
) -> Result<Slice<alert::Alert>, Error> {
    Ok(alert::list(&mut *app.db.get().await?, viewer.scope(), filter, page).await?)
}

/// A page of the claims on a post.
///
/// # Errors
/// The database failed.
pub async fn reports_of_post(
    app: &App,
    post_id: i64,
    page: Keyset,
) -> Result<Slice<affiliate_report::AffiliateReport>, Error> {
    Ok(affiliate_report::list_by_post(&mut *app.db.get().await?, post_id, page).await?)
}

/// A page of the observations of a post.
///
/// # Errors
/// The database failed.
pub async fn platform_reports_of_post(
    app: &App,
    post_id: i64,
    page: Keyset,
) -> Result<Slice<platform_report::PlatformReport>, Error> {
    Ok(platform_report::list_by_post(&mut *app.db.get().await?, post_id, page).await?)
}

/// A page of the verdicts on a post or a claim.
///
/// # Errors
/// The database failed.
pub async fn reconciliations(
    app: &App,
    of: Of,
    page: Keyset,
) -> Result<Slice<reconciliation::Reconciliation>, Error> {
    Ok(reconciliation::list(&mut *app.db.get().await?, of, page).await?)
}

/// A platform, and whether posts on it can be submitted.
#[derive(Debug, Clone, Copy)]
pub struct Platform {
    /// Which.
    pub kind: PlatformKind,
    /// Whether this server has access to it.
    pub available: bool,
    /// Whether operators have it enabled.
    pub enabled: bool,
}

/// Every platform.
///
/// # Errors
/// The database failed.
pub async fn platforms(app: &App) -> Result<Vec<Platform>, Error> {
    let mut rows = campaign::list_enabled(&mut *app.db.get().await?).await?;
    rows.sort_unstable();
    Ok(rows
        .into_iter()
        .map(|(kind, enabled)| Platform {
            kind,
            enabled,
            available: app.platforms.available(kind),
        })
        .collect())
}
