//! Which things a viewer may see. What it may not see is left out, exactly as what does not exist.
//!
//! Every lookup by id that a caller gives goes through here, and so does `node`.

use super::access::{Principal, Viewer};
use crate::app::App;
use crate::db::{
    advertiser, affiliate, affiliate_report, alert, alert_channel, alert_delivery, application,
    campaign, order, platform_report, post, reconciliation, run,
};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::Scope;

/// The campaigns out of these that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn campaigns(
    app: &App,
    viewer: &Viewer,
    ids: &[i64],
) -> Result<Vec<campaign::Campaign>, Error> {
    let mut connection = app.db.get().await?;
    let ids = campaign::list_visible(&mut connection, viewer.scope(), ids).await?;
    Ok(campaign::list_by_id(&mut connection, &ids).await?)
}

/// The posts out of these that the viewer may see: an affiliate its own, an advertiser those in its campaigns.
///
/// # Errors
/// The database failed.
pub async fn posts(app: &App, viewer: &Viewer, ids: &[i64]) -> Result<Vec<post::Post>, Error> {
    let mut connection = app.db.get().await?;
    let mut posts = post::list_by_id(&mut connection, ids).await?;
    match viewer.principal {
        Principal::Operator => {}
        Principal::Affiliate(id) => posts.retain(|post| post.affiliate_id == id),
        Principal::Advertiser(_) => {
            let campaigns: Vec<i64> = posts.iter().map(|post| post.campaign_id).collect();
            let own = campaign::list_visible(&mut connection, viewer.scope(), &campaigns).await?;
            posts.retain(|post| own.contains(&post.campaign_id));
        }
    }
    Ok(posts)
}

/// The claims out of these on posts that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn affiliate_reports(
    app: &App,
    viewer: &Viewer,
    ids: &[i64],
) -> Result<Vec<affiliate_report::AffiliateReport>, Error> {
    let mut rows = affiliate_report::list_by_id(&mut *app.db.get().await?, ids).await?;
    let seen = visible_posts(app, viewer, rows.iter().map(|row| row.post_id)).await?;
    rows.retain(|row| seen.contains(&row.post_id));
    Ok(rows)
}

/// The observations out of these of posts that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn platform_reports(
    app: &App,
    viewer: &Viewer,
    ids: &[i64],
) -> Result<Vec<platform_report::PlatformReport>, Error> {
    let mut rows = platform_report::list_by_id(&mut *app.db.get().await?, ids).await?;
    let seen = visible_posts(app, viewer, rows.iter().map(|row| row.post_id)).await?;
    rows.retain(|row| seen.contains(&row.post_id));
    Ok(rows)
}

/// The verdicts out of these on posts that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn reconciliations(
    app: &App,
    viewer: &Viewer,
    ids: &[i64],
) -> Result<Vec<reconciliation::Reconciliation>, Error> {
    let mut rows = reconciliation::list_by_id(&mut *app.db.get().await?, ids).await?;
    let seen = visible_posts(app, viewer, rows.iter().map(|row| row.post_id)).await?;
    rows.retain(|row| seen.contains(&row.post_id));
    Ok(rows)
}

async fn visible_posts(
    app: &App,
    viewer: &Viewer,
    ids: impl Iterator<Item = i64>,
) -> Result<Vec<i64>, Error> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(posts(app, viewer, &ids)
        .await?
        .into_iter()
        .map(|post| post.id)
        .collect())
}

/// The affiliates out of these that the viewer may see: itself, or those with an application or a post at the advertiser.
///
/// # Errors
/// The database failed.
pub async fn affiliates(
    app: &App,
    viewer: &Viewer,
    ids: &[i64],
) -> Result<Vec<affiliate::Affiliate>, Error> {
    let mut connection = app.db.get().await?;
    let mut rows = affiliate::list_by_id(&mut connection, ids).await?;
    match viewer.principal {
        Principal::Operator => {}
        Principal::Affiliate(id) => rows.retain(|row| row.id == id),
        Principal::Advertiser(id) => {
            let known = affiliate::list_known_to(&mut connection, id, ids).await?;
            rows.retain(|row| known.contains(&row.id));
        }
    }
    Ok(rows)
}

/// The advertisers out of these that the viewer may see: itself, or those that the affiliate is eligible for.
///
/// # Errors
/// The database failed.
pub async fn advertisers(
    app: &App,
    viewer: &Viewer,
    ids: &[i64],
) -> Result<Vec<advertiser::Advertiser>, Error> {
    let mut connection = app.db.get().await?;
    let mut rows = advertiser::list_by_id(&mut connection, ids).await?;
    match viewer.principal {
        Principal::Operator => {}
        Principal::Advertiser(id) => rows.retain(|row| row.id == id),
        Principal::Affiliate(id) => {
            let eligible = advertiser::list_eligible(&mut connection, ids, id).await?;
            rows.retain(|row| eligible.contains(&row.id));
        }
    }
    Ok(rows)
}

/// The applications out of these that the viewer may see: those of its own side.
///
/// # Errors
/// The database failed.
pub async fn applications(
    app: &App,
    viewer: &Viewer,
    ids: &[i64],
) -> Result<Vec<application::Application>, Error> {
    let mut rows = application::list_by_id(&mut *app.db.get().await?, ids).await?;
    match viewer.principal {
        Principal::Operator => {}
        Principal::Advertiser(id) => rows.retain(|row| row.advertiser_id == id),
        Principal::Affiliate(id) => rows.retain(|row| row.affiliate_id == id),
    }
    Ok(rows)
}

/// The alerts out of these that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn alerts(app: &App, viewer: &Viewer, ids: &[i64]) -> Result<Vec<alert::Alert>, Error> {
    let mut connection = app.db.get().await?;
    let ids = alert::list_visible(&mut connection, viewer.scope(), ids).await?;
    Ok(alert::list_by_id(&mut connection, &ids).await?)
}

/// The channels out of these that the viewer may see: an advertiser its own, an affiliate none.
///
/// # Errors
/// The database failed.
pub async fn alert_channels(
    app: &App,
    viewer: &Viewer,
    ids: &[i64],
) -> Result<Vec<alert_channel::AlertChannel>, Error> {
    let mut rows = alert_channel::list_by_id(&mut *app.db.get().await?, ids).await?;
    match viewer.principal {
        Principal::Operator => {}
        Principal::Advertiser(id) => rows.retain(|row| row.advertiser_id == id),
        Principal::Affiliate(_) => rows.clear(),
    }
    Ok(rows)
}

/// The deliveries out of these to channels that the viewer may see.
///
/// # Errors
/// The database failed.
pub async fn alert_deliveries(
    app: &App,
    viewer: &Viewer,
    ids: &[i64],
) -> Result<Vec<alert_delivery::AlertDelivery>, Error> {
    let mut rows = alert_delivery::list_by_id(&mut *app.db.get().await?, ids).await?;
    let mut channels: Vec<i64> = rows.iter().map(|row| row.channel_id).collect();
    channels.sort_unstable();
    channels.dedup();
    let seen = alert_channels(app, viewer, &channels).await?;
    rows.retain(|row| seen.iter().any(|channel| channel.id == row.channel_id));
    Ok(rows)
}

/// Whether an event of an alert is for this viewer.
#[must_use]
pub fn sees_alert(viewer: &Viewer, alert: &alert::Alert, advertiser_id: Option<i64>) -> bool {
    is_alert_in(viewer.scope(), alert, advertiser_id)
}

/// Whether an alert in a campaign of an advertiser, or in none, is within a scope.
#[must_use]
pub fn is_alert_in(scope: Scope, alert: &alert::Alert, advertiser_id: Option<i64>) -> bool {
    match scope {
        Scope::All => true,
        Scope::Advertiser(id) => advertiser_id == Some(id),
        Scope::Affiliate(id) => alert.affiliate_id == Some(id),
    }
}

/// The orders out of these that the viewer may see: an advertiser its own, an affiliate those credited to it.
///
/// # Errors
/// The database failed.
pub async fn orders(app: &App, viewer: &Viewer, ids: &[i64]) -> Result<Vec<order::Order>, Error> {
    let mut rows = order::list_by_id(&mut *app.db.get().await?, ids).await?;
    match viewer.principal {
        Principal::Operator => {}
        Principal::Advertiser(id) => rows.retain(|row| row.advertiser_id == id),
        Principal::Affiliate(id) => rows.retain(|row| row.affiliate_id == id),
    }
    Ok(rows)
}

/// The runs out of these that the viewer may see: an advertiser those in its campaigns, an affiliate those of its posts.
///
/// # Errors
/// The database failed.
pub async fn runs(app: &App, viewer: &Viewer, ids: &[i64]) -> Result<Vec<run::Run>, Error> {
    Ok(run::list_visible(&mut *app.db.get().await?, viewer.scope(), ids).await?)
}

/// The advertiser that the viewer acts for by a mutation: its own, or the one that an operator names. Another's answers as
/// one that does not exist.
///
/// # Errors
/// It is another's, or an operator names none.
pub fn own_advertiser(viewer: &Viewer, named: Option<i64>) -> Result<i64, Error> {
    match (viewer.principal, named) {
        (Principal::Advertiser(own), Some(named)) if own != named => {
            Err(no_such_advertiser().into())
        }
        _ => viewer.advertiser(named),
    }
}

/// What there is to say of an advertiser that is not the viewer's, or not there.
#[must_use]
pub fn no_such_advertiser() -> Refusal {
    Refusal::field(
        RefusalCode::NotFound,
        "advertiserId",
        "advertiserId names no advertiser of yours",
    )
}
