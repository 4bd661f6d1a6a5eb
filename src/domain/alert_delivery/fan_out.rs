//! Turns alert events into deliveries, in their order and each once.
//!
//! Of several processes one does it at a time: it locks the one row that says how far that is. Ids of events become visible
//! in their own order, so what is read after that place is everything new. The raising of alerts knows nothing of it.

use std::collections::HashMap;
use std::time::Duration;

use diesel_async::AsyncConnection as _;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::body::{self, Happening};
use super::insert;
use crate::app::App;
use crate::db::alert::{self, Alert, EventRow};
use crate::db::alert_channel::{self, AlertChannel};
use crate::db::alert_delivery::NewAlertDelivery;
use crate::db::{Connection, affiliate, campaign, post, reconciliation};
use crate::domain::listener::Listener;
use crate::domain::task;
use crate::domain::visible;
use crate::error::Error;
use crate::model::{AlertDeliveryKind, Scope};

/// How often events are looked for without a notification.
const EVERY: Duration = Duration::from_secs(1);
/// Most events in one transaction.
const PAGE: i64 = 200;

/// Turns events into deliveries until it is stopped. When the database is away it goes on where it was.
pub async fn follow(app: App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = listen(&app, &stop).await {
            tracing::warn!(%error, "alert events were not turned into deliveries; trying again");
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}

async fn listen(app: &App, stop: &CancellationToken) -> Result<(), Error> {
    let mut listener = Listener::open(app).await?;
    loop {
        while fan_out(app).await? && !stop.is_cancelled() {}
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            waited = listener.wait(EVERY) => waited?,
        }
    }
}

/// Turns the next events into deliveries with their jobs, and says whether there may be more.
///
/// # Errors
/// The database failed; nothing was written then.
pub async fn fan_out(app: &App) -> Result<bool, Error> {
    let mut connection = app.db.get().await?;
    let (read, told) = connection
        .transaction::<_, Error, _>(async |connection| {
            let Some(after) = alert_channel::lock_cursor(connection).await? else {
                return Ok((0, 0));
            };
            let events = alert::list_events_after(connection, after, PAGE).await?;
            let Some((last, ..)) = events.last() else {
                return Ok((0, 0));
            };
            let last = last.id;
            let told = tell(app, connection, &events).await?;
            alert_channel::move_cursor(connection, last).await?;
            Ok((events.len(), told))
        })
        .await?;
    if told > 0 {
        app.events.hint(task::DELIVERIES);
    }
    Ok(read >= usize::try_from(PAGE).unwrap_or(usize::MAX))
}

/// Queues what each of these events is to tell the channels of its advertiser, and says how many deliveries that are.
async fn tell(app: &App, connection: &mut Connection, events: &[EventRow]) -> Result<usize, Error> {
    // What is in nobody's campaign, such as alerts on platforms and on trust, no advertiser sees.
    let mut advertisers: Vec<i64> = events.iter().filter_map(|(.., id)| *id).collect();
    advertisers.sort_unstable();
    advertisers.dedup();
    if advertisers.is_empty() {
        return Ok(0);
    }
    let channels = alert_channel::list_active(connection, &advertisers).await?;
    let wanted: Vec<(&EventRow, &AlertChannel)> = events
        .iter()
        .flat_map(|row| channels.iter().map(move |channel| (row, channel)))
        .filter(|(row, channel)| is_for(row, channel))
        .collect();
    if wanted.is_empty() {
        return Ok(0);
    }
    let around = Around::load(connection, &wanted).await?;
    let now = app.clock.now();
    let new: Vec<NewAlertDelivery> = wanted
        .iter()
        .filter_map(|(row, channel)| {
            Some(NewAlertDelivery {
                channel_id: channel.id,
                kind: AlertDeliveryKind::Alert,
                event_id: Some(row.0.id),
                body: body::of_event(channel.kind, &around.happening(row)?),
                next_attempt_at: now,
                created_at: now,
                job_id: Uuid::new_v4(),
            })
        })
        .collect();
    Ok(insert(connection, &new).await?.len())
}

/// Whether a channel is to be told of an event. What it asks for as the least level is held against the highest that the alert
/// has had, so that whoever was told of an alert is told what becomes of it.
fn is_for((event, alert, advertiser_id): &EventRow, channel: &AlertChannel) -> bool {
    let scope = Scope::Advertiser(channel.advertiser_id);
    visible::is_alert_in(scope, alert, *advertiser_id)
        && event.id > channel.from_event_id
        && channel
            .minimum_level
            .is_none_or(|least| alert.highest_level() >= Some(least))
}

/// What the alerts of events are about.
struct Around {
    campaigns: HashMap<i64, campaign::Campaign>,
    posts: HashMap<i64, post::Post>,
    affiliates: HashMap<i64, affiliate::Affiliate>,
    verdicts: HashMap<i64, reconciliation::Reconciliation>,
}

impl Around {
    async fn load(
        connection: &mut Connection,
        wanted: &[(&EventRow, &AlertChannel)],
    ) -> Result<Self, Error> {
        let ids = |of: fn(&Alert) -> Option<i64>| -> Vec<i64> {
            let mut ids: Vec<i64> = wanted.iter().filter_map(|(row, _)| of(&row.1)).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let campaigns = ids(|alert| alert.campaign_id);
        let posts = ids(|alert| alert.post_id);
        let affiliates = ids(|alert| alert.affiliate_id);
        let verdicts = ids(|alert| alert.reconciliation_id);
        let campaigns = campaign::list_by_id(connection, &campaigns).await?;
        let posts = post::list_by_id(connection, &posts).await?;
        let affiliates = affiliate::list_by_id(connection, &affiliates).await?;
        let verdicts = reconciliation::list_by_id(connection, &verdicts).await?;
        Ok(Self {
            campaigns: campaigns.into_iter().map(|row| (row.id, row)).collect(),
            posts: posts.into_iter().map(|row| (row.id, row)).collect(),
            affiliates: affiliates.into_iter().map(|row| (row.id, row)).collect(),
            verdicts: verdicts.into_iter().map(|row| (row.id, row)).collect(),
        })
    }

    /// An event with what its alert is about; none where the alert is in no campaign.
    fn happening<'a>(&'a self, (event, alert, _): &'a EventRow) -> Option<Happening<'a>> {
        Some(Happening {
            event,
            alert,
            campaign: self.campaigns.get(&alert.campaign_id?)?,
            post: alert.post_id.and_then(|id| self.posts.get(&id)),
            affiliate: alert.affiliate_id.and_then(|id| self.affiliates.get(&id)),
            verdict: alert
                .reconciliation_id
                .and_then(|id| self.verdicts.get(&id)),
        })
    }
}
