//! Loaders: what many objects of one answer ask for is read in one statement. Made anew for each request, so that nothing
//! is carried from one caller to another.

use std::collections::HashMap;

use async_graphql::Context;
use async_graphql::dataloader::{DataLoader, Loader};

use super::errors::top_level;
use crate::app::App;
use crate::domain::{self, read};
use crate::error::Error;

/// Errors of a loader, shared by all who asked.
type Shared = std::sync::Arc<Error>;

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
    )+
        /// Puts every loader into a request.
        #[must_use]
        pub fn insert(app: &App, request: async_graphql::Request) -> async_graphql::Request {
            request $(.data(DataLoader::new($name(app.clone()), tokio::spawn)))+
                .data(DataLoader::new(PlatformsByCampaign(app.clone()), tokio::spawn))
        }
    };
}

loaders! {
    /// Advertisers by id.
    AdvertiserById: advertisers_by_id -> domain::Advertiser, |row| row.id;
    /// Affiliates by id.
    AffiliateById: affiliates_by_id -> domain::Affiliate, |row| row.id;
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

/// The platforms of campaigns.
pub struct PlatformsByCampaign(App);

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

/// The row under a key; none where there is none.
///
/// # Errors
/// The database failed.
pub async fn load<L>(ctx: &Context<'_>, key: i64) -> async_graphql::Result<Option<L::Value>>
where
    L: Loader<i64, Error = Shared>,
{
    ctx.data_unchecked::<DataLoader<L>>()
        .load_one(key)
        .await
        .map_err(|shared| {
            // The cause is shared by all who asked: each tells what it is, and keeps its kind.
            let kind = match shared.as_ref() {
                Error::Unavailable(cause) => Error::Unavailable(cause.to_string().into()),
                other => Error::internal(other.to_string()),
            };
            top_level(kind)
        })
}

/// The row under a key that another row names, which is always there.
///
/// # Errors
/// The database failed.
pub async fn require<L>(ctx: &Context<'_>, key: i64) -> async_graphql::Result<L::Value>
where
    L: Loader<i64, Error = Shared>,
{
    load::<L>(ctx, key).await?.ok_or_else(|| {
        top_level(Error::internal(format!(
            "a row {key} that another one names is missing"
        )))
    })
}
