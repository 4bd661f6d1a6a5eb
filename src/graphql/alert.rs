//! Alerts, and the live stream of what happens to them.

use std::sync::Arc;

use async_graphql::{
    Context, ErrorExtensions as _, ID, InputObject, Object, SimpleObject, Subscription,
};
use futures_util::Stream;
use futures_util::stream;

use super::affiliate::Affiliate;
use super::campaign::Campaign;
use super::connection::{Page, Paging, TimeRange, connection, cost, cursor, parse_cursor};
use super::enums::{AlertEventKind, AlertKind, AlertStatus, DiscrepancyLevel, Finality};
use super::errors::{ToTop as _, UserError, outcome, top_level};
use super::guard::{app, viewer};
use super::id::Kind;
use super::loader::{AffiliateById, AlertPages, CampaignById, PostById, ReconciliationById, load};
use super::post::Post;
use super::reconciliation::Reconciliation;
use super::scalars::DateTime;
use crate::domain::access::authorise;
use crate::domain::feed::{AlertFeed, Event};
use crate::domain::{self, alert, read, visible};
use crate::error::Error;
use crate::model;

/// Something that somebody must look at.
pub struct Alert(pub domain::Alert);

/// Something that somebody must look at.
#[Object]
impl Alert {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::Alert.id(self.0.id)
    }
    /// Why it was raised.
    async fn kind(&self) -> AlertKind {
        self.0.kind.into()
    }
    /// How bad; for OVERCLAIM and UNSIGNED_CONVERSIONS, null for others.
    async fn level(&self) -> Option<DiscrepancyLevel> {
        self.0.level.map(Into::into)
    }
    /// Whether the verdict behind it may still change; null where there is none.
    async fn finality(&self) -> Option<Finality> {
        self.0.finality.map(Into::into)
    }
    /// Where it stands.
    async fn status(&self) -> AlertStatus {
        self.0.status.into()
    }
    /// What happened, as a sentence.
    async fn message(&self) -> &str {
        &self.0.message
    }
    /// How often the cause occurred. Another check of the same cause is not another occurrence.
    async fn occurrences(&self) -> i32 {
        self.0.occurrences
    }
    /// In which campaign.
    async fn campaign(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Campaign>> {
        match self.0.campaign_id {
            Some(id) => Ok(load::<CampaignById, _>(ctx, id).await?.map(Campaign)),
            None => Ok(None),
        }
    }
    /// On which post.
    async fn post(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Post>> {
        match self.0.post_id {
            Some(id) => Ok(load::<PostById, _>(ctx, id).await?.map(Post)),
            None => Ok(None),
        }
    }
    /// About whom.
    async fn affiliate(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Affiliate>> {
        match self.0.affiliate_id {
            Some(id) => Ok(load::<AffiliateById, _>(ctx, id).await?.map(Affiliate)),
            None => Ok(None),
        }
    }
    /// The latest verdict behind it.
    async fn reconciliation(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<Reconciliation>> {
        match self.0.reconciliation_id {
            Some(id) => Ok(load::<ReconciliationById, _>(ctx, id)
                .await?
                .map(Reconciliation)),
            None => Ok(None),
        }
    }
    /// When it was raised.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
    /// When somebody took it up.
    async fn acknowledged_at(&self) -> Option<DateTime> {
        self.0.acknowledged_at.map(DateTime)
    }
    /// When it was resolved.
    async fn resolved_at(&self) -> Option<DateTime> {
        self.0.resolved_at.map(DateTime)
    }
    /// By whom; `countersign` where its cause did not hold. Null to affiliates.
    async fn resolved_by(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<&str>> {
        Ok(match viewer(ctx)?.role() {
            model::Role::Affiliate => None,
            _ => self.0.resolved_by.as_deref(),
        })
    }
    /// How it was resolved.
    async fn resolution_notes(&self) -> Option<&str> {
        self.0.resolution_notes.as_deref()
    }
}

/// Something that happened to an alert.
pub struct AlertEvent(pub Arc<Event>);

/// Something that happened to an alert.
#[Object]
impl AlertEvent {
    /// What happened.
    async fn kind(&self) -> AlertEventKind {
        self.0.event.kind.into()
    }
    /// The alert, as it was when the event was read.
    async fn alert(&self) -> Alert {
        Alert(self.0.alert.clone())
    }
    /// When it happened.
    async fn occurred_at(&self) -> DateTime {
        DateTime(self.0.event.occurred_at)
    }
    /// Where to resume: subscribe with `after` set to this, and nothing is missed and nothing comes twice.
    async fn cursor(&self) -> String {
        cursor(self.0.event.id)
    }
}

/// Which alerts a list is of. A list of values that is empty does not narrow.
#[derive(Default, InputObject)]
pub struct AlertFilter {
    /// In this campaign.
    campaign_id: Option<ID>,
    /// About this affiliate.
    affiliate_id: Option<ID>,
    /// Of one of these kinds.
    kind: Option<Vec<AlertKind>>,
    /// Of one of these levels.
    level: Option<Vec<DiscrepancyLevel>>,
    /// With one of these statuses.
    status: Option<Vec<AlertStatus>>,
    /// Raised in this range.
    created: Option<TimeRange>,
}

impl AlertFilter {
    /// The filter in terms of rows.
    ///
    /// # Errors
    /// An id is none, or one of another kind; or a range ends before it begins.
    pub fn rows(&self) -> Result<read::AlertFilter, Error> {
        fn values<A: Copy + Into<B>, B>(list: Option<&Vec<A>>) -> Vec<B> {
            list.map(|list| list.iter().map(|value| (*value).into()).collect())
                .unwrap_or_default()
        }
        let (from, to) = TimeRange::ends(self.created, "filter.created")?;
        Ok(read::AlertFilter {
            campaign_id: Kind::Campaign
                .optional_row("filter.campaignId", self.campaign_id.as_ref())?,
            affiliate_id: Kind::Affiliate
                .optional_row("filter.affiliateId", self.affiliate_id.as_ref())?,
            kinds: values(self.kind.as_ref()),
            levels: values(self.level.as_ref()),
            statuses: values(self.status.as_ref()),
            from,
            to,
        })
    }
}

/// Queries on alerts.
#[derive(Default)]
pub struct AlertQuery;

#[Object]
impl AlertQuery {
    /// Alerts, newest first: to operators all, to an advertiser those in its campaigns, to an affiliate those on its posts
    /// and on itself.
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
    ) -> async_graphql::Result<Page<Alert>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        let filter = filter.unwrap_or_default().rows().top()?;
        connection::<AlertPages, _, _, _>(ctx, filter, &paging, |row| row.id, Alert).await
    }
}

/// An alert to be taken up.
#[derive(InputObject)]
pub struct AcknowledgeAlertInput {
    /// Which alert.
    alert_id: ID,
}

/// An alert to be resolved.
#[derive(InputObject)]
pub struct ResolveAlertInput {
    /// Which alert.
    alert_id: ID,
    /// How it was resolved, 1 to 5000 characters.
    notes: String,
}

/// The alert that was changed.
#[derive(SimpleObject)]
pub struct AlertPayload {
    /// The alert; null where userErrors says why not.
    alert: Option<Alert>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

impl AlertPayload {
    fn of(result: Result<domain::Alert, Error>) -> async_graphql::Result<Self> {
        Ok(match outcome(result)? {
            Ok(row) => Self {
                alert: Some(Alert(row)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => Self {
                alert: None,
                user_errors,
            },
        })
    }
}

/// Mutations on alerts.
#[derive(Default)]
pub struct AlertMutation;

#[Object]
impl AlertMutation {
    /// Takes an alert up. One that was taken up before stays as it is.
    async fn acknowledge_alert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The alert.")] input: AcknowledgeAlertInput,
    ) -> async_graphql::Result<AlertPayload> {
        let id = Kind::Alert.row("alertId", &input.alert_id).top()?;
        AlertPayload::of(alert::acknowledge(app(ctx), viewer(ctx)?, id).await)
    }

    /// Resolves an alert, with notes.
    async fn resolve_alert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The alert and the notes.")] input: ResolveAlertInput,
    ) -> async_graphql::Result<AlertPayload> {
        let id = Kind::Alert.row("alertId", &input.alert_id).top()?;
        AlertPayload::of(alert::resolve(app(ctx), viewer(ctx)?, id, &input.notes).await)
    }
}

/// Subscriptions to alerts.
#[derive(Default)]
pub struct AlertSubscription;

#[Subscription]
impl AlertSubscription {
    /// What happens to alerts that the viewer may see, live and without gaps: with `after` (the cursor of an earlier event)
    /// it first replays what was missed.
    async fn alert_raised(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only alerts in this campaign.")] campaign_id: Option<ID>,
        #[graphql(
            desc = "Only alerts that have, or once had, this level or one above; leaves out alerts that have no level."
        )]
        minimum_level: Option<DiscrepancyLevel>,
        #[graphql(
            desc = "The cursor of the last event that was seen; only new events where left out."
        )]
        after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<AlertEvent>> + use<>> {
        authorise(ctx.data_opt::<domain::Viewer>(), "alertRaised").top()?;
        let viewer = *viewer(ctx)?;
        let campaign = Kind::Campaign
            .optional_row("campaignId", campaign_id.as_ref())
            .top()?;
        if let Some(id) = campaign
            && visible::campaigns(app(ctx), &viewer, &[id])
                .await
                .top()?
                .is_empty()
        {
            return Err(top_level(Error::BadInput(
                "campaignId: there is no such campaign".into(),
            ))
            .extend_with(|_, extensions| extensions.set("code", "NOT_FOUND")));
        }
        let after = after
            .as_deref()
            .map(|cursor| parse_cursor("after", cursor))
            .transpose()
            .top()?;
        let minimum: Option<model::DiscrepancyLevel> = minimum_level.map(Into::into);
        let feed = ctx.data_unchecked::<AlertFeed>();
        let subscription = feed.subscribe(app(ctx), viewer, after).await.top()?;
        Ok(stream::unfold(
            Some(subscription),
            move |subscription| async move {
                let mut subscription = subscription?;
                loop {
                    match subscription.next().await {
                        Ok(Some(event)) => {
                            let wanted = campaign
                                .is_none_or(|id| event.alert.campaign_id == Some(id))
                                && minimum
                                    .is_none_or(|least| event.alert.highest_level() >= Some(least));
                            if wanted {
                                return Some((Ok(AlertEvent(event)), Some(subscription)));
                            }
                        }
                        Ok(None) => return None,
                        // The subscriber resumes from its last cursor.
                        Err(error) => return Some((Err(top_level(error)), None)),
                    }
                }
            },
        ))
    }
}
