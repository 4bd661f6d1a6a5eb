//! Checks that somebody asked for.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::connection::{Page, Paging, connection, cost};
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::{app, viewer};
use super::id::Kind;
use super::loader::{ReconciliationPages, RunProgress, load};
use super::platform_report::PlatformReport;
use super::reconciliation::Reconciliation;
use super::scalars::DateTime;
use crate::domain::read::Of;
use crate::domain::run::Progress;
use crate::domain::{self, run, verification, visible};
use crate::error::{Refusal, RefusalCode};

/// A check of a post, or of a campaign's posts, that somebody asked for.
pub struct ReconciliationRun(pub domain::Run);

impl ReconciliationRun {
    async fn progress(&self, ctx: &Context<'_>) -> async_graphql::Result<Progress> {
        Ok(load::<RunProgress, _>(ctx, self.0.id)
            .await?
            .unwrap_or_default())
    }
}

/// A check of a post, or of a campaign's posts, that somebody asked for.
#[Object]
impl ReconciliationRun {
    /// Global id.
    pub async fn id(&self) -> ID {
        Kind::ReconciliationRun.id(self.0.id)
    }
    /// When it was asked for.
    async fn requested_at(&self) -> DateTime {
        DateTime(self.0.requested_at)
    }
    /// How many claims it checks: the latest of each post, but of those that turned out to be others.
    async fn total(&self) -> i64 {
        self.0.total
    }
    /// Claims that are not checked yet.
    async fn pending(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        let progress = self.progress(ctx).await?;
        Ok((self.0.total - progress.completed - progress.failed).max(0))
    }
    /// Claims that were checked.
    async fn completed(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        Ok(self.progress(ctx).await?.completed)
    }
    /// Claims whose platform gave no usable answer.
    async fn failed(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        Ok(self.progress(ctx).await?.failed)
    }
    /// The verdicts that it reached, and the FINAL ones that it found, newest first.
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
        let of = Of::Run(self.0.id);
        connection::<ReconciliationPages, _, _, _>(ctx, of, &paging, |row| row.id, Reconciliation)
            .await
    }
}

/// Queries on runs.
#[derive(Default)]
pub struct RunQuery;

#[Object]
impl RunQuery {
    /// One run; null where there is none that the viewer may see.
    async fn reconciliation_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its global id.")] id: ID,
    ) -> async_graphql::Result<Option<ReconciliationRun>> {
        let row = Kind::ReconciliationRun.row("id", &id).top()?;
        Ok(visible::runs(app(ctx), viewer(ctx)?, &[row])
            .await
            .top()?
            .pop()
            .map(ReconciliationRun))
    }
}

/// What is to be checked: exactly one of both.
#[derive(InputObject)]
pub struct RunReconciliationInput {
    /// This post.
    post_id: Option<ID>,
    /// The posts of this campaign.
    campaign_id: Option<ID>,
}

/// The run that was begun.
#[derive(SimpleObject)]
pub struct RunReconciliationPayload {
    /// The run; null where userErrors says why not.
    run: Option<ReconciliationRun>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// A post that is to be observed.
#[derive(InputObject)]
pub struct FetchPlatformMetricsInput {
    /// Which post.
    post_id: ID,
}

/// What the platform says.
#[derive(SimpleObject)]
pub struct FetchPlatformMetricsPayload {
    /// The observation; null where userErrors says why not.
    platform_report: Option<PlatformReport>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// Mutations that check.
#[derive(Default)]
pub struct RunMutation;

#[Object]
impl RunMutation {
    /// Checks the latest claim of a post, or of each post of a campaign, by queued jobs. A claim that has its FINAL verdict keeps
    /// it; the platform is asked all the same, and the run lists that verdict.
    async fn run_reconciliation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The post or the campaign.")] input: RunReconciliationInput,
    ) -> async_graphql::Result<RunReconciliationPayload> {
        let post = Kind::Post
            .optional_row("postId", input.post_id.as_ref())
            .top()?;
        let campaign = Kind::Campaign
            .optional_row("campaignId", input.campaign_id.as_ref())
            .top()?;
        let of = match (post, campaign) {
            (Some(id), None) => Ok(run::Of::Post(id)),
            (None, Some(id)) => Ok(run::Of::Campaign(id)),
            _ => {
                let message = "give postId or campaignId, and not both";
                Err(Refusal::field(RefusalCode::Invalid, "postId", message).into())
            }
        };
        let result = match of {
            Ok(of) => run::begin(app(ctx), viewer(ctx)?, of).await,
            Err(error) => Err(error),
        };
        Ok(match outcome(result)? {
            Ok(row) => RunReconciliationPayload {
                run: Some(ReconciliationRun(row)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => RunReconciliationPayload {
                run: None,
                user_errors,
            },
        })
    }

    /// Asks the platform for a post now and keeps what it says; nothing is judged. An observation younger than a minute is given
    /// as it is.
    async fn fetch_platform_metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The post.")] input: FetchPlatformMetricsInput,
    ) -> async_graphql::Result<FetchPlatformMetricsPayload> {
        let post = Kind::Post.row("postId", &input.post_id).top()?;
        let result = verification::fetch_now(app(ctx), viewer(ctx)?, post).await;
        Ok(match outcome(result)? {
            Ok(row) => FetchPlatformMetricsPayload {
                platform_report: Some(PlatformReport(row)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => FetchPlatformMetricsPayload {
                platform_report: None,
                user_errors,
            },
        })
    }
}
