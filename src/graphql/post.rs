//! Posts, claims and observations, and how they are submitted.

use async_graphql::{Context, ID, InputObject, Json, Object, SimpleObject};

use super::affiliate::Affiliate;
use super::campaign::Campaign;
use super::connection::{Page, Paging, TimeRange, connection, cost, times};
use super::credential::PostAuthor;
use super::dashboard::ClaimedMetrics;
use super::enums::{
    Availability, EvidenceGrade, PlatformKind, PostStatus, ReportStatus, SeriesInterval,
    SubmissionMethod,
};
use super::errors::{ToTop as _, UserError, outcome};
use super::growth::GrowthPoint;
use super::guard::{app, viewer};
use super::id::Kind;
use super::loader::{
    AffiliateById, CampaignById, GrowthOf, LatestPlatformReportByPost, LatestReconciliationByPost,
    LatestReconciliationByReport, LatestReportByPost, PlatformReportPages, PostById, PostPages,
    ReconciliationPages, ReportPages, load, require,
};
use super::reconciliation::Reconciliation;
use super::scalars::{Count, DateTime, Decimal, Url};
use crate::domain::access::Principal;
use crate::domain::read::{self, Of};
use crate::domain::submission::{self, Claim, Submitted};
use crate::domain::submission_batch;
use crate::domain::{self, dashboard, growth, publication, visible};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{self, Metrics, Observed};

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
        growth::check_length(&points).top()?;
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
    /// What was spent on the post at the platform; null where the platform does not tell.
    async fn spend(&self) -> Option<Decimal> {
        self.0.spend.as_ref().map(Decimal::money)
    }
    /// The currency of the spend, an ISO 4217 code.
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

/// A post with what it is claimed to have done. At least one number is claimed.
#[derive(InputObject)]
pub struct SubmitPostInput {
    /// To which campaign.
    campaign_id: ID,
    /// The link to the post, up to 2048 bytes. Short and share links are accepted and resolved in the background.
    url: Url,
    /// What the affiliate calls it, up to 500 characters.
    title: Option<String>,
    /// What the affiliate says of it, up to 5000 characters.
    description: Option<String>,
    /// The poster's handle on the platform, where public figures need it.
    account_handle: Option<String>,
    /// Views, in the campaign's definition; null: not claimed.
    claimed_views: Option<Count>,
    /// Clicks; null: not claimed.
    claimed_clicks: Option<Count>,
    /// Conversions; null: not claimed.
    claimed_conversions: Option<Count>,
    /// Links and notes, up to 16 KiB; no images.
    evidence: Option<Json<serde_json::Value>>,
    /// Up to 200 characters. The same input under the same key answers with the first result, another input is refused.
    idempotency_key: Option<String>,
}

/// A newer claim on a post. At least one number is claimed.
#[derive(InputObject)]
pub struct SubmitReportInput {
    /// On which post.
    post_id: ID,
    /// Views, in the campaign's definition; null: not claimed.
    claimed_views: Option<Count>,
    /// Clicks; null: not claimed.
    claimed_clicks: Option<Count>,
    /// Conversions; null: not claimed.
    claimed_conversions: Option<Count>,
    /// Links and notes, up to 16 KiB; no images.
    evidence: Option<Json<serde_json::Value>>,
    /// Up to 200 characters. The same input under the same key answers with the first result, another input is refused.
    idempotency_key: Option<String>,
}

/// The post and claim that were submitted.
#[derive(SimpleObject)]
pub struct SubmitPostPayload {
    /// The post; with POST_ALREADY_SUBMITTED the caller's post that is there.
    post: Option<Post>,
    /// The claim; null where userErrors says why not.
    report: Option<AffiliateReport>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

impl SubmitPostPayload {
    fn of(outcome: Result<Submitted, Vec<UserError>>) -> Self {
        match outcome {
            Ok(Submitted::Accepted { post, report }) => Self {
                post: Some(Post(*post)),
                report: Some(AffiliateReport(*report)),
                user_errors: Vec::new(),
            },
            Ok(Submitted::AlreadySubmitted(post)) => {
                let message = "you have submitted this post to this campaign before; use submitReport for a newer claim";
                let refusal = Refusal::field(RefusalCode::PostAlreadySubmitted, "url", message);
                Self {
                    post: Some(Post(*post)),
                    report: None,
                    user_errors: vec![refusal.into()],
                }
            }
            Err(user_errors) => Self {
                post: None,
                report: None,
                user_errors,
            },
        }
    }
}

/// Posts with what they are claimed to have done, to one campaign.
#[derive(InputObject)]
pub struct SubmitPostsInput {
    /// To which campaign.
    campaign_id: ID,
    /// The posts, up to 500.
    posts: Vec<SubmitPostsItem>,
}

/// A post with what it is claimed to have done. At least one number is claimed.
#[derive(InputObject)]
pub struct SubmitPostsItem {
    /// The link to the post, up to 2048 bytes. Short and share links are accepted and resolved in the background.
    url: Url,
    /// What the affiliate calls it, up to 500 characters.
    title: Option<String>,
    /// What the affiliate says of it, up to 5000 characters.
    description: Option<String>,
    /// The poster's handle on the platform, where public figures need it.
    account_handle: Option<String>,
    /// Views, in the campaign's definition; null: not claimed.
    claimed_views: Option<Count>,
    /// Clicks; null: not claimed.
    claimed_clicks: Option<Count>,
    /// Conversions; null: not claimed.
    claimed_conversions: Option<Count>,
    /// Links and notes, up to 16 KiB; no images.
    evidence: Option<Json<serde_json::Value>>,
    /// Up to 200 characters. The same input under the same key answers with the first result, another input is refused.
    idempotency_key: Option<String>,
}

/// What became of each post.
#[derive(SimpleObject)]
pub struct SubmitPostsPayload {
    /// In the order given; empty where userErrors says why.
    results: Vec<SubmitPostPayload>,
    /// What the caller can mend of the whole.
    user_errors: Vec<UserError>,
}

/// The claim that was submitted.
#[derive(SimpleObject)]
pub struct SubmitReportPayload {
    /// The claim; null where userErrors says why not.
    report: Option<AffiliateReport>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

/// Mutations on posts.
#[derive(Default)]
pub struct PostMutation;

#[Object]
impl PostMutation {
    /// Submits a post with its first claim. What is answered is durable: the claim will be checked, whatever happens next.
    async fn submit_post(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The post and the claim.")] input: SubmitPostInput,
    ) -> async_graphql::Result<SubmitPostPayload> {
        let submit = submission::SubmitPost {
            campaign_id: Kind::Campaign.row("campaignId", &input.campaign_id).top()?,
            url: input.url.0,
            title: input.title,
            description: input.description,
            account_handle: input.account_handle,
            claim: Claim {
                claimed: metrics(
                    input.claimed_views,
                    input.claimed_clicks,
                    input.claimed_conversions,
                ),
                evidence: input.evidence.map(|json| json.0),
                idempotency_key: input.idempotency_key,
                method: model::SubmissionMethod::Api,
            },
        };
        let result = submission::submit_post(app(ctx), viewer(ctx)?, submit).await;
        Ok(SubmitPostPayload::of(outcome(result)?))
    }

    /// Submits up to 500 posts to one campaign at the cost of one. Each gets the answer that it would get alone, in the order
    /// given.
    #[graphql(complexity = "times(10, input.posts.len(), child_complexity)")]
    async fn submit_posts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The campaign and the posts.")] input: SubmitPostsInput,
    ) -> async_graphql::Result<SubmitPostsPayload> {
        let campaign_id = Kind::Campaign.row("campaignId", &input.campaign_id).top()?;
        let posts = input
            .posts
            .into_iter()
            .map(|post| submission::SubmitPost {
                campaign_id,
                url: post.url.0,
                title: post.title,
                description: post.description,
                account_handle: post.account_handle,
                claim: Claim {
                    claimed: metrics(
                        post.claimed_views,
                        post.claimed_clicks,
                        post.claimed_conversions,
                    ),
                    evidence: post.evidence.map(|json| json.0),
                    idempotency_key: post.idempotency_key,
                    method: model::SubmissionMethod::Api,
                },
            })
            .collect();
        let result = submission_batch::submit_posts(app(ctx), viewer(ctx)?, posts).await;
        Ok(match outcome(result)? {
            Ok(outcomes) => SubmitPostsPayload {
                results: outcomes
                    .into_iter()
                    .map(|outcome| {
                        SubmitPostPayload::of(outcome.map_err(|refusals| {
                            refusals.into_iter().map(UserError::from).collect()
                        }))
                    })
                    .collect(),
                user_errors: Vec::new(),
            },
            Err(user_errors) => SubmitPostsPayload {
                results: Vec::new(),
                user_errors,
            },
        })
    }

    /// Makes a newer claim on a post of the caller's.
    async fn submit_report(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The post and the claim.")] input: SubmitReportInput,
    ) -> async_graphql::Result<SubmitReportPayload> {
        let post = Kind::Post.row("postId", &input.post_id).top()?;
        let claim = Claim {
            claimed: metrics(
                input.claimed_views,
                input.claimed_clicks,
                input.claimed_conversions,
            ),
            evidence: input.evidence.map(|json| json.0),
            idempotency_key: input.idempotency_key,
            method: model::SubmissionMethod::Api,
        };
        match outcome(submission::submit_report(app(ctx), viewer(ctx)?, post, claim).await)? {
            Ok(report) => Ok(SubmitReportPayload {
                report: Some(AffiliateReport(report)),
                user_errors: Vec::new(),
            }),
            Err(user_errors) => Ok(SubmitReportPayload {
                report: None,
                user_errors,
            }),
        }
    }
}

fn metrics(
    views: Option<Count>,
    clicks: Option<Count>,
    conversions: Option<Count>,
) -> Metrics<Option<u64>> {
    Metrics {
        views: views.map(|count| count.0),
        clicks: clicks.map(|count| count.0),
        conversions: conversions.map(|count| count.0),
    }
}
