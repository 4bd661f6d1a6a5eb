//! Observations: what a platform said of a post.

use async_graphql::{Context, ID, Json, Object, SimpleObject};

use super::enums::{Availability, EvidenceGrade};
use super::guard::viewer;
use super::id::Kind;
use super::loader::{PostById, require};
use super::post::Post;
use super::scalars::{Count, DateTime, Decimal};
use crate::domain;
use crate::domain::access::Principal;
use crate::model::Observed;

/// What a platform said of a post at a time.
pub struct PlatformReport(pub domain::PlatformReport);

/// What a platform said of a post at a time.
#[Object]
impl PlatformReport {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::PlatformReport.id(self.0.id)
    }
    /// Of which post.
    async fn post(&self, ctx: &Context<'_>) -> async_graphql::Result<Post> {
        require::<PostById, _>(ctx, self.0.post_id).await.map(Post)
    }
    /// Each metric: a number, or why there is none.
    async fn observed(&self) -> UnifiedMetrics {
        let observed = self.0.observed();
        UnifiedMetrics {
            views: MetricValue(observed.views),
            clicks: MetricValue(observed.clicks),
            conversions: MetricValue(observed.conversions),
        }
    }
    /// What advertising the post has cost in the 37 months before, in `currency`; null where the platform does not tell.
    async fn spend(&self) -> Option<Decimal> {
        self.0.spend.as_ref().map(Decimal::money)
    }
    /// The currency of `spend`, an ISO 4217 code; null where that is.
    async fn currency(&self) -> Option<&str> {
        self.0.currency.as_deref()
    }
    /// The part of the platform's answer that the numbers come from; null to affiliates.
    async fn raw_data(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<Json<serde_json::Value>>> {
        Ok(match viewer(ctx)?.principal {
            Principal::Affiliate(_) => None,
            Principal::Operator | Principal::Advertiser(_) => Some(Json(self.0.raw_data.clone())),
        })
    }
    /// When the platform said so.
    async fn fetched_at(&self) -> DateTime {
        DateTime(self.0.fetched_at)
    }
}

/// The metrics of every platform in one shape.
#[derive(SimpleObject)]
pub struct UnifiedMetrics {
    /// How often the post was seen.
    pub views: MetricValue,
    /// How often its link was followed.
    pub clicks: MetricValue,
    /// How many purchases followed.
    pub conversions: MetricValue,
}

/// A number, or why there is none. A missing number is never 0.
pub struct MetricValue(pub Observed);

/// A number, or why there is none. A missing number is never 0.
#[Object]
impl MetricValue {
    /// The number; null unless it is REPORTED.
    async fn value(&self) -> Option<Count> {
        self.0.value().map(Count)
    }
    /// Whether the platform told it.
    async fn availability(&self) -> Availability {
        self.0.availability().into()
    }
    /// What was counted, such as instagram.views.
    async fn definition(&self) -> Option<&str> {
        match &self.0 {
            // A sum over campaigns has none.
            Observed::Reported { definition, .. } if !definition.is_empty() => Some(definition),
            _ => None,
        }
    }
    /// How strong the evidence is.
    async fn evidence_grade(&self) -> Option<EvidenceGrade> {
        match &self.0 {
            Observed::Reported {
                grade, definition, ..
            } if !definition.is_empty() => Some((*grade).into()),
            _ => None,
        }
    }
    /// Why there is no number.
    async fn reason(&self) -> Option<&str> {
        match &self.0 {
            Observed::Unavailable { reason } | Observed::Unsupported { reason } => Some(reason),
            Observed::Reported { .. } => None,
        }
    }
}
