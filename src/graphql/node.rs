//! Anything by its global id.

use async_graphql::{Context, ID, Interface, Object};

use super::advertiser::Advertiser;
use super::affiliate::Affiliate;
use super::affiliate_report::AffiliateReport;
use super::alert::Alert;
use super::alert_channel::AlertChannel;
use super::alert_delivery::AlertDelivery;
use super::application::Application;
use super::campaign::Campaign;
use super::connection::times;
use super::errors::ToTop as _;
use super::guard::{app, viewer};
use super::id::{Kind, no_id, parse};
use super::order::Order;
use super::platform_report::PlatformReport;
use super::post::Post;
use super::reconciliation::Reconciliation;
use super::run::ReconciliationRun;
use crate::app::App;
use crate::domain::{Viewer, visible};
use crate::error::Error;

/// Something with a global id.
#[allow(
    clippy::large_enum_variant,
    reason = "an answer holds few of them, and none for long"
)]
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global id."))]
pub enum Node {
    /// An advertiser.
    Advertiser(Advertiser),
    /// An affiliate.
    Affiliate(Affiliate),
    /// A claim.
    AffiliateReport(AffiliateReport),
    /// An alert.
    Alert(Alert),
    /// A channel that an advertiser hears of alerts by.
    AlertChannel(AlertChannel),
    /// What such a channel was told.
    AlertDelivery(AlertDelivery),
    /// An application.
    Application(Application),
    /// A campaign.
    Campaign(Campaign),
    /// An order.
    Order(Order),
    /// An observation.
    PlatformReport(PlatformReport),
    /// A post.
    Post(Post),
    /// A verdict.
    Reconciliation(Reconciliation),
    /// A run.
    ReconciliationRun(ReconciliationRun),
}

/// What the ids name, in their order; none where there is nothing that the viewer may see. Things of one kind are read
/// together.
async fn find(
    app: &App,
    viewer: &Viewer,
    parsed: &[(Kind, i64)],
) -> Result<Vec<Option<Node>>, Error> {
    let mut found: Vec<Option<Node>> = parsed.iter().map(|_| None).collect();
    macro_rules! of_kind {
        ($($kind:ident: $visible:ident,)+) => {$(
            let rows: Vec<i64> = parsed
                .iter()
                .filter(|(kind, _)| *kind == Kind::$kind)
                .map(|(_, row)| *row)
                .collect();
            if !rows.is_empty() {
                for row in visible::$visible(app, viewer, &rows).await? {
                    for (place, _) in found.iter_mut().zip(parsed).filter(|(_, wanted)| {
                        **wanted == (Kind::$kind, row.id)
                    }) {
                        *place = Some($kind(row.clone()).into());
                    }
                }
            }
        )+};
    }
    of_kind! {
        Advertiser: advertisers,
        Affiliate: affiliates,
        AffiliateReport: affiliate_reports,
        Alert: alerts,
        AlertChannel: alert_channels,
        AlertDelivery: alert_deliveries,
        Application: applications,
        Campaign: campaigns,
        Order: orders,
        PlatformReport: platform_reports,
        Post: posts,
        Reconciliation: reconciliations,
        ReconciliationRun: runs,
    }
    Ok(found)
}

/// Queries by global id.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything by its global id; null where there is nothing that the viewer may see.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its global id.")] id: ID,
    ) -> async_graphql::Result<Option<Node>> {
        let named = parse(&id).ok_or_else(|| no_id("id")).top()?;
        let mut found = find(app(ctx), viewer(ctx)?, &[named]).await.top()?;
        Ok(found.pop().flatten())
    }

    /// Several things by their global ids, up to 100, in that order; null where there is nothing that the viewer may see.
    #[graphql(complexity = "times(1, ids.len(), child_complexity)")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global ids.")] ids: Vec<ID>,
    ) -> async_graphql::Result<Vec<Option<Node>>> {
        if ids.len() > 100 {
            return Err(Error::BadInput("ids: at most 100".into())).top();
        }
        let named: Vec<(Kind, i64)> = ids
            .iter()
            .enumerate()
            .map(|(nth, id)| parse(id).ok_or_else(|| no_id(&format!("ids.{nth}"))))
            .collect::<Result<_, _>>()
            .top()?;
        find(app(ctx), viewer(ctx)?, &named).await.top()
    }
}
