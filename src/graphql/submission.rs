//! How posts and claims are submitted.

use async_graphql::{Context, ID, InputObject, Json, Object, SimpleObject};

use super::affiliate_report::AffiliateReport;
use super::connection::times;
use super::errors::{ToTop as _, UserError, outcome};
use super::guard::{app, viewer};
use super::id::Kind;
use super::post::Post;
use super::scalars::{Count, Url};
use crate::domain::submission::{self, Claim, Submitted};
use crate::domain::submission_batch;
use crate::error::{Refusal, RefusalCode};
use crate::model::{self, Metrics};

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
    /// The poster's handle on the platform, up to 100 characters, with or without @; where public figures need it.
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
    /// What the caller can fix.
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
    /// The poster's handle on the platform, up to 100 characters, with or without @; where public figures need it.
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
    /// What the caller can fix of the whole.
    user_errors: Vec<UserError>,
}

/// The claim that was submitted.
#[derive(SimpleObject)]
pub struct SubmitReportPayload {
    /// The claim; null where userErrors says why not.
    report: Option<AffiliateReport>,
    /// What the caller can fix.
    user_errors: Vec<UserError>,
}

/// Mutations on posts.
#[derive(Default)]
pub struct SubmissionMutation;

#[Object]
impl SubmissionMutation {
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
