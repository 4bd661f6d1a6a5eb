//! Claims.

use async_graphql::{Context, ID, Json, Object};

use super::connection::{Page, Paging, connection, cost};
use super::dashboard::ClaimedMetrics;
use super::enums::{ReportStatus, SubmissionMethod};
use super::id::Kind;
use super::loader::{LatestReconciliationByReport, PostById, ReconciliationPages, load, require};
use super::post::Post;
use super::reconciliation::Reconciliation;
use super::scalars::DateTime;
use crate::domain;
use crate::domain::read::Of;
use crate::model;

/// What an affiliate claimed of a post. It is never changed; a newer claim is another report.
pub struct AffiliateReport(pub domain::AffiliateReport);

/// What an affiliate claimed of a post. It is never changed; a newer claim is another report.
#[Object]
impl AffiliateReport {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::AffiliateReport.id(self.0.id)
    }
    /// Of which post.
    async fn post(&self, ctx: &Context<'_>) -> async_graphql::Result<Post> {
        require::<PostById, _>(ctx, self.0.post_id).await.map(Post)
    }
    /// The numbers; null is "not claimed".
    async fn claimed(&self) -> ClaimedMetrics {
        self.0.claimed().into()
    }
    /// Links and notes.
    async fn evidence(&self) -> Option<Json<serde_json::Value>> {
        self.0.evidence.clone().map(Json)
    }
    /// How it came.
    async fn submission_method(&self) -> SubmissionMethod {
        self.0.submission_method.into()
    }
    /// Where it stands.
    async fn status(&self, ctx: &Context<'_>) -> async_graphql::Result<ReportStatus> {
        let latest = load::<LatestReconciliationByReport, _>(ctx, self.0.id).await?;
        Ok(match latest.map(|row| (row.finality, row.status)) {
            None => ReportStatus::Pending,
            Some((model::Finality::Provisional, _)) => ReportStatus::Provisional,
            Some((model::Finality::Final, model::ReconciliationStatus::Failed)) => {
                ReportStatus::Failed
            }
            Some((model::Finality::Final, _)) => ReportStatus::Reconciled,
        })
    }
    /// When it was made.
    async fn submitted_at(&self) -> DateTime {
        DateTime(self.0.submitted_at)
    }
    /// The verdict on it: the FINAL one, or else the latest.
    async fn reconciliation(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<Reconciliation>> {
        Ok(load::<LatestReconciliationByReport, _>(ctx, self.0.id)
            .await?
            .map(Reconciliation))
    }
    /// Every verdict on it, newest first.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn reconciliations(
        &self,
        ctx: &Context<'_>,
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
        connection::<ReconciliationPages, _, _, _>(
            ctx,
            Of::Report(self.0.id),
            &paging,
            |row| row.id,
            Reconciliation,
        )
        .await
    }
}
