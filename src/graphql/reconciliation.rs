//! Verdicts, metric by metric, with what they rest on.

use async_graphql::{
    Context, ErrorExtensions as _, ID, InputObject, Object, SimpleObject, Subscription,
};
use futures_util::{Stream, stream};

use super::affiliate_report::AffiliateReport;
use super::connection::{Page, Paging, TimeRange, connection, cost, cursor, parse_cursor};
use super::enums::{
    DiscrepancyLevel, EvidenceGrade, Finality, Metric, PlatformKind, ReconciliationStatus,
};
use super::errors::{ToTop as _, top_level};
use super::guard::{app, viewer};
use super::id::Kind;
use super::loader::{DiscrepancyPages, PlatformReportById, PolicyById, ReportById, load, require};
use super::platform_report::PlatformReport;
use super::scalars::{Count, DateTime, Decimal};
use crate::domain::access::authorise;
use crate::domain::reconciliation::Comparison;
use crate::domain::verdict_feed::VerdictFeed;
use crate::domain::{self, read, visible};
use crate::error::Error;

/// The verdict on one claim. It is never changed: a later check is another verdict, and one of them is FINAL.
pub struct Reconciliation(pub domain::Reconciliation);

/// The verdict on one claim. It is never changed: a later check is another verdict, and one of them is FINAL.
#[Object]
impl Reconciliation {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::Reconciliation.id(self.0.id)
    }
    /// On which claim.
    async fn affiliate_report(&self, ctx: &Context<'_>) -> async_graphql::Result<AffiliateReport> {
        require::<ReportById, _>(ctx, self.0.affiliate_report_id)
            .await
            .map(AffiliateReport)
    }
    /// The latest observation that it rests on; null where there is none.
    async fn platform_report(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<PlatformReport>> {
        observation(ctx, self.0.platform_report_id).await
    }
    /// The verdict on the claim as a whole.
    async fn status(&self) -> ReconciliationStatus {
        self.0.status.into()
    }
    /// The highest level of its metrics; null where nothing was compared.
    async fn level(&self) -> Option<DiscrepancyLevel> {
        self.0.discrepancy_level.map(Into::into)
    }
    /// Whether it may still change.
    async fn finality(&self) -> Finality {
        self.0.finality.into()
    }
    /// Views, clicks and conversions, each with its reason.
    async fn comparisons(&self) -> async_graphql::Result<Vec<MetricComparison>> {
        let broken = || Error::internal(format!("verdict {} has broken comparisons", self.0.id));
        let stored = self.0.comparisons.as_array().ok_or_else(broken).top()?;
        stored
            .iter()
            .map(|value| Comparison::from_json(value).map(MetricComparison))
            .collect::<Result<_, _>>()
            .map_err(|error| top_level(Error::internal(error)))
    }
    /// The sentences of all claimed metrics, and what happens next.
    async fn explanation(&self) -> &str {
        &self.0.explanation
    }
    /// The version of the campaign's policy that it was reached by.
    async fn policy_version(&self, ctx: &Context<'_>) -> async_graphql::Result<i32> {
        Ok(require::<PolicyById, _>(ctx, self.0.policy_id)
            .await?
            .version)
    }
    /// When it was reached.
    async fn processed_at(&self) -> DateTime {
        DateTime(self.0.processed_at)
    }
    /// Hash of the affiliate's verdict before it: 64 hex digits, zeros for the first.
    async fn previous_hash(&self) -> &str {
        &self.0.previous_hash
    }
    /// SHA-256 over the previous hash and this verdict's canonical form: 64 hex digits.
    async fn hash(&self) -> &str {
        &self.0.hash
    }
}

async fn observation(
    ctx: &Context<'_>,
    id: Option<i64>,
) -> async_graphql::Result<Option<PlatformReport>> {
    match id {
        Some(id) => Ok(load::<PlatformReportById, _>(ctx, id)
            .await?
            .map(PlatformReport)),
        None => Ok(None),
    }
}

/// One metric of a verdict.
pub struct MetricComparison(Comparison);

/// One metric of a verdict.
#[Object]
impl MetricComparison {
    /// Which metric.
    async fn metric(&self) -> Metric {
        self.0.metric.into()
    }
    /// What was claimed; null: not claimed.
    async fn claimed(&self) -> Option<Count> {
        self.0.claimed.map(Count)
    }
    /// What it was compared with; null where nothing was compared.
    async fn actual(&self) -> Option<Count> {
        self.0.actual.map(Count)
    }
    /// Claimed minus actual; negative where less was claimed.
    async fn difference(&self) -> Option<Decimal> {
        self.0.difference.map(|number| Decimal(number.into()))
    }
    /// The difference in percent of the actual number, to two places, for display; null where that is 0.
    async fn difference_percent(&self) -> Option<Decimal> {
        self.0.difference_percent.clone().map(Decimal)
    }
    /// How far the claim is above; null where nothing was compared.
    async fn level(&self) -> Option<DiscrepancyLevel> {
        self.0.level.map(Into::into)
    }
    /// How strong the evidence is.
    async fn evidence_grade(&self) -> Option<EvidenceGrade> {
        self.0.evidence_grade.map(Into::into)
    }
    /// The observation that it was compared with.
    async fn platform_report(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<PlatformReport>> {
        observation(ctx, self.0.platform_report_id).await
    }
    /// Why, for programs.
    async fn reason_code(&self) -> &str {
        self.0.reason_code.as_str()
    }
    /// Why, as a sentence with its numbers.
    async fn reason(&self) -> &str {
        &self.0.reason
    }
}

/// Which verdicts a list is of. Lists of values that are empty do not narrow.
#[derive(Default, InputObject)]
pub struct DiscrepancyFilter {
    /// On posts in this campaign.
    campaign_id: Option<ID>,
    /// On claims of this affiliate.
    affiliate_id: Option<ID>,
    /// On posts on this platform.
    platform: Option<PlatformKind>,
    /// Of one of these levels.
    level: Option<Vec<DiscrepancyLevel>>,
    /// With one of these statuses; DISCREPANCY where left out.
    status: Option<Vec<ReconciliationStatus>>,
    /// Provisional or final.
    finality: Option<Finality>,
    /// Reached in this range.
    processed: Option<TimeRange>,
}

impl DiscrepancyFilter {
    /// The filter in terms of rows.
    ///
    /// # Errors
    /// An id is none, or one of another kind; or a range ends before it begins.
    pub fn rows(&self) -> Result<read::DiscrepancyFilter, Error> {
        let (from, to) = TimeRange::ends(self.processed, "filter.processed")?;
        Ok(read::DiscrepancyFilter {
            campaign_id: Kind::Campaign
                .optional_row("filter.campaignId", self.campaign_id.as_ref())?,
            affiliate_id: Kind::Affiliate
                .optional_row("filter.affiliateId", self.affiliate_id.as_ref())?,
            platform: self.platform.map(Into::into),
            levels: self
                .level
                .iter()
                .flatten()
                .map(|level| (*level).into())
                .collect(),
            statuses: self
                .status
                .iter()
                .flatten()
                .map(|status| (*status).into())
                .collect(),
            finality: self.finality.map(Into::into),
            from,
            to,
        })
    }
}

/// A verdict that was reached.
#[derive(SimpleObject)]
pub struct ReconciliationEvent {
    /// The verdict.
    reconciliation: Reconciliation,
    /// Where to resume: subscribe with `after` set to this, and nothing is missed and nothing comes twice.
    cursor: String,
}

/// Subscriptions to verdicts.
#[derive(Default)]
pub struct ReconciliationSubscription;

#[Subscription]
impl ReconciliationSubscription {
    /// Verdicts as they are reached on claims that the viewer may see, provisional ones included, live and without gaps: with
    /// `after` (the cursor of an earlier event) it first replays what was missed.
    async fn report_reconciled(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only on claims on this post.")] post_id: Option<ID>,
        #[graphql(
            desc = "The cursor of the last event that was seen; only new events where left out."
        )]
        after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<ReconciliationEvent>> + use<>>
    {
        authorise(ctx.data_opt::<domain::Viewer>(), "reportReconciled").top()?;
        let viewer = *viewer(ctx)?;
        let post = Kind::Post.optional_row("postId", post_id.as_ref()).top()?;
        if let Some(id) = post
            && visible::posts(app(ctx), &viewer, &[id])
                .await
                .top()?
                .is_empty()
        {
            return Err(
                top_level(Error::BadInput("postId: there is no such post".into()))
                    .extend_with(|_, extensions| extensions.set("code", "NOT_FOUND")),
            );
        }
        let after = after
            .as_deref()
            .map(|cursor| parse_cursor("after", cursor))
            .transpose()
            .top()?;
        let feed = ctx.data_unchecked::<VerdictFeed>();
        let subscription = feed.subscribe(app(ctx), viewer, post, after);
        Ok(stream::unfold(
            Some(subscription),
            |subscription| async move {
                let mut subscription = subscription?;
                match subscription.next().await {
                    Ok(Some(verdict)) => {
                        let event = ReconciliationEvent {
                            cursor: cursor(verdict.id),
                            reconciliation: Reconciliation(verdict),
                        };
                        Some((Ok(event), Some(subscription)))
                    }
                    Ok(None) => None,
                    // The subscriber resumes from its last cursor.
                    Err(error) => Some((Err(top_level(error)), None)),
                }
            },
        ))
    }
}

/// Queries on verdicts.
#[derive(Default)]
pub struct ReconciliationQuery;

#[Object]
impl ReconciliationQuery {
    /// What needs attention: the verdict that stands on each claim, where it is a DISCREPANCY or what the filter asks for, newest
    /// first.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn discrepancies(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which verdicts.")] filter: Option<DiscrepancyFilter>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<Reconciliation>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        let filter = filter.unwrap_or_default().rows().top()?;
        connection::<DiscrepancyPages, _, _, _>(ctx, filter, &paging, |row| row.id, Reconciliation)
            .await
    }

    /// One verdict; null where there is none that the viewer may see.
    async fn reconciliation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its global id.")] id: ID,
    ) -> async_graphql::Result<Option<Reconciliation>> {
        let row = Kind::Reconciliation.row("id", &id).top()?;
        let found = visible::reconciliations(app(ctx), viewer(ctx)?, &[row])
            .await
            .top()?
            .pop();
        Ok(found.map(Reconciliation))
    }
}
