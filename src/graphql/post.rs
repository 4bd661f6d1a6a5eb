//! Posts.

use async_graphql::{Context, ID, InputObject, Object};

use super::affiliate::Affiliate;
use super::affiliate_report::AffiliateReport;
use super::campaign::Campaign;
use super::connection::{Page, Paging, TimeRange, connection, cost, times};
use super::credential::PostAuthor;
use super::enums::{PlatformKind, PostStatus, SeriesInterval};
use super::errors::ToTop as _;
use super::growth::GrowthPoint;
use super::guard::{app, viewer};
use super::id::Kind;
use super::loader::{
    AffiliateById, CampaignById, GrowthOf, LatestPlatformReportByPost, LatestReconciliationByPost,
    LatestReportByPost, PlatformReportPages, PostPages, ReconciliationPages, ReportPages, load,
    require,
};
use super::platform_report::PlatformReport;
use super::reconciliation::Reconciliation;
use super::scalars::{DateTime, Url};
use crate::domain::read::{self, Of};
use crate::domain::{self, dashboard, growth, publication, visible};
use crate::error::Error;

/// One piece of content by one affiliate in one campaign on one platform.
pub struct Post(pub domain::Post);

/// One piece of content by one affiliate in one campaign on one platform.
#[Object]
impl Post {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::Post.id(self.0.id)
    }
    /// In which campaign.
    async fn campaign(&self, ctx: &Context<'_>) -> async_graphql::Result<Campaign> {
        require::<CampaignById, _>(ctx, self.0.campaign_id)
            .await
            .map(Campaign)
    }
    /// By whom.
    async fn affiliate(&self, ctx: &Context<'_>) -> async_graphql::Result<Affiliate> {
        require::<AffiliateById, _>(ctx, self.0.affiliate_id)
            .await
            .map(Affiliate)
    }
    /// Where it was published.
    async fn platform(&self) -> PlatformKind {
        self.0.platform.into()
    }
    /// The link as it was given.
    async fn url(&self) -> Url {
        Url(self.0.url.clone())
    }
    /// The platform's own id; for Instagram the shortcode. Null while the link is not resolved.
    async fn platform_post_id(&self) -> Option<&str> {
        self.0.platform_post_id.as_deref()
    }
    /// What the affiliate calls it.
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }
    /// What the affiliate says of it.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }
    /// What is known of it.
    async fn status(&self) -> PostStatus {
        self.0.status.into()
    }
    /// Whether its latest claim has its FINAL verdict.
    async fn is_reconciled(&self) -> bool {
        self.0.is_reconciled
    }
    /// When it was submitted.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
    /// The account that posted it, as the platform last said; null where it did not.
    async fn author(&self) -> Option<PostAuthor> {
        PostAuthor::of(&self.0)
    }
    /// When it was published, as its platform or its id told first; null as long as neither did.
    async fn published_at(&self) -> Option<DateTime> {
        self.0.published_at.map(DateTime)
    }
    /// Whether it was published before its campaign began; null where nobody told when it was published.
    async fn published_before_campaign(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<bool>> {
        if self.0.published_at.is_none() {
            return Ok(None);
        }
        let campaign = require::<CampaignById, _>(ctx, self.0.campaign_id).await?;
        Ok(publication::is_before_campaign(&self.0, &campaign))
    }
    /// When it is checked next; in the past while that check waits for its turn or its platform, null where no check is left.
    async fn next_check_at(&self) -> Option<DateTime> {
        self.0.next_check_at.map(DateTime)
    }
    /// The claims on it, newest first.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn reports(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<AffiliateReport>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        connection::<ReportPages, _, _, _>(ctx, self.0.id, &paging, |row| row.id, AffiliateReport)
            .await
    }
    /// What the platform said of it, newest first.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn platform_reports(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<PlatformReport>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        connection::<PlatformReportPages, _, _, _>(
            ctx,
            self.0.id,
            &paging,
            |row| row.id,
            PlatformReport,
        )
        .await
    }
    /// The verdicts on its claims, newest first.
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
            Of::Post(self.0.id),
            &paging,
            |row| row.id,
            Reconciliation,
        )
        .await
    }
    /// How it grew, or shrank: of each metric the last number that its platform reported in each interval, under one
    /// definition, which for views is the campaign's. Intervals without an observation are left out. At most 1000 points.
    #[graphql(complexity = "times(50, 10, child_complexity)")]
    async fn growth(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How long a point is.",
            default_with = "Some(SeriesInterval::Day)"
        )]
        interval: Option<SeriesInterval>,
        #[graphql(desc = "Only intervals with an observation in this range.")] range: Option<
            TimeRange,
        >,
    ) -> async_graphql::Result<Vec<GrowthPoint>> {
        let interval: dashboard::Interval = interval.unwrap_or(SeriesInterval::Day).into();
        let (from, to) = TimeRange::ends(range, "range").top()?;
        let key = (self.0.id, dashboard::Range { from, to }, interval);
        let points = require::<GrowthOf, _>(ctx, key).await?;
        dashboard::check_length(&points, growth::MAX_POINTS).top()?;
        Ok(points.into_iter().map(GrowthPoint::from).collect())
    }
    /// The latest claim.
    async fn latest_report(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<AffiliateReport>> {
        Ok(load::<LatestReportByPost, _>(ctx, self.0.id)
            .await?
            .map(AffiliateReport))
    }
    /// The latest observation.
    async fn latest_platform_report(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<PlatformReport>> {
        Ok(load::<LatestPlatformReportByPost, _>(ctx, self.0.id)
            .await?
            .map(PlatformReport))
    }
    /// The latest verdict on any of its claims.
    async fn latest_reconciliation(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<Reconciliation>> {
        Ok(load::<LatestReconciliationByPost, _>(ctx, self.0.id)
            .await?
            .map(Reconciliation))
    }
}

/// Which posts a list is of.
#[derive(Default, InputObject)]
pub struct PostFilter {
    /// In this campaign.
    campaign_id: Option<ID>,
    /// By this affiliate.
    affiliate_id: Option<ID>,
    /// On this platform.
    platform: Option<PlatformKind>,
    /// With this status.
    status: Option<PostStatus>,
    /// Whose latest claim has, or has not, its FINAL verdict.
    is_reconciled: Option<bool>,
    /// Submitted in this range.
    submitted: Option<TimeRange>,
    /// With this text in the link, the native id, the title or the description, up to 200 characters.
    search: Option<String>,
}

impl PostFilter {
    /// The filter in terms of rows.
    ///
    /// # Errors
    /// An id is none, or one of another kind; or a range ends before it begins.
    pub fn rows(&self) -> Result<read::PostFilter, Error> {
        let (from, to) = TimeRange::ends(self.submitted, "filter.submitted")?;
        Ok(read::PostFilter {
            campaign_id: Kind::Campaign
                .optional_row("filter.campaignId", self.campaign_id.as_ref())?,
            affiliate_id: Kind::Affiliate
                .optional_row("filter.affiliateId", self.affiliate_id.as_ref())?,
            platform: self.platform.map(Into::into),
            status: self.status.map(Into::into),
            is_reconciled: self.is_reconciled,
            from,
            to,
            search: read::text("filter.search", self.search.clone())?,
        })
    }
}

/// Queries on posts.
#[derive(Default)]
pub struct PostQuery;

#[Object]
impl PostQuery {
    /// Posts, newest first: to operators all, to an advertiser those in its campaigns, to an affiliate its own.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn posts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which posts.")] filter: Option<PostFilter>,
        #[graphql(
            desc = "How many from the beginning, 0 to 100; 20 where neither this nor last is given."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 0 to 100.")] last: Option<i64>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Page<Post>> {
        let paging = Paging {
            first,
            after,
            last,
            before,
        };
        let filter = filter.unwrap_or_default().rows().top()?;
        connection::<PostPages, _, _, _>(ctx, filter, &paging, |row| row.id, Post).await
    }

    /// One post; null where there is none that the viewer may see.
    async fn post(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its global id.")] id: ID,
    ) -> async_graphql::Result<Option<Post>> {
        let row = Kind::Post.row("id", &id).top()?;
        Ok(visible::posts(app(ctx), viewer(ctx)?, &[row])
            .await
            .top()?
            .pop()
            .map(Post))
    }
}
