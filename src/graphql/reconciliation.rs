//! Verdicts, metric by metric, with what they rest on.

use async_graphql::{Context, ID, Object};

use super::enums::{DiscrepancyLevel, EvidenceGrade, Finality, Metric, ReconciliationStatus};
use super::errors::{ToTop as _, top_level};
use super::guard::{app, viewer};
use super::id::Kind;
use super::loader::{PlatformReportById, PolicyById, ReportById, load, require};
use super::post::{AffiliateReport, PlatformReport};
use super::scalars::{Count, DateTime, Decimal};
use crate::domain::reconciliation::Comparison;
use crate::domain::{self, visible};
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
        require::<ReportById>(ctx, self.0.affiliate_report_id)
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
        Ok(require::<PolicyById>(ctx, self.0.policy_id).await?.version)
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
        Some(id) => Ok(load::<PlatformReportById>(ctx, id)
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

/// Queries on verdicts.
#[derive(Default)]
pub struct ReconciliationQuery;

#[Object]
impl ReconciliationQuery {
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
