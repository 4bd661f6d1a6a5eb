//! Anything by its global id.

use async_graphql::{Context, ID, Interface, Object};

use super::advertiser::Advertiser;
use super::affiliate::Affiliate;
use super::alert::Alert;
use super::application::Application;
use super::campaign::Campaign;
use super::errors::ToTop as _;
use super::guard::{app, viewer};
use super::id::{Kind, parse};
use super::post::{AffiliateReport, PlatformReport, Post};
use super::reconciliation::Reconciliation;
use crate::app::App;
use crate::domain::{Viewer, visible};
use crate::error::Error;

/// Something with a global id.
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
    /// An application.
    Application(Application),
    /// A campaign.
    Campaign(Campaign),
    /// An observation.
    PlatformReport(PlatformReport),
    /// A post.
    Post(Post),
    /// A verdict.
    Reconciliation(Reconciliation),
}

async fn find(app: &App, viewer: &Viewer, id: &ID) -> Result<Option<Node>, Error> {
    let Some((kind, row)) = parse(id) else {
        return Err(Error::BadInput(
            "id: this is not an id of this server".into(),
        ));
    };
    let rows = &[row];
    Ok(match kind {
        Kind::Advertiser => visible::advertisers(app, viewer, rows)
            .await?
            .pop()
            .map(|row| Advertiser(row).into()),
        Kind::Affiliate => visible::affiliates(app, viewer, rows)
            .await?
            .pop()
            .map(|row| Affiliate(row).into()),
        Kind::AffiliateReport => visible::affiliate_reports(app, viewer, rows)
            .await?
            .pop()
            .map(|row| AffiliateReport(row).into()),
        Kind::Alert => visible::alerts(app, viewer, rows)
            .await?
            .pop()
            .map(|row| Alert(row).into()),
        Kind::Application => visible::applications(app, viewer, rows)
            .await?
            .pop()
            .map(|row| Application(row).into()),
        Kind::Campaign => visible::campaigns(app, viewer, rows)
            .await?
            .pop()
            .map(|row| Campaign(row).into()),
        Kind::PlatformReport => visible::platform_reports(app, viewer, rows)
            .await?
            .pop()
            .map(|row| PlatformReport(row).into()),
        Kind::Post => visible::posts(app, viewer, rows)
            .await?
            .pop()
            .map(|row| Post(row).into()),
        Kind::Reconciliation => visible::reconciliations(app, viewer, rows)
            .await?
            .pop()
            .map(|row| Reconciliation(row).into()),
    })
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
        find(app(ctx), viewer(ctx)?, &id).await.top()
    }

    /// Several things by their global ids, up to 100, in that order; null where there is nothing that the viewer may see.
    #[graphql(complexity = "1 + ids.len() * child_complexity")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global ids.")] ids: Vec<ID>,
    ) -> async_graphql::Result<Vec<Option<Node>>> {
        if ids.len() > 100 {
            return Err(Error::BadInput("ids: at most 100".into())).top();
        }
        let (app, viewer) = (app(ctx), viewer(ctx)?);
        let mut found = Vec::with_capacity(ids.len());
        for id in &ids {
            found.push(find(app, viewer, id).await.top()?);
        }
        Ok(found)
    }
}
