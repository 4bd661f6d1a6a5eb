//! The two statements of a submission: what decides whether it is taken, and what writes all of it.
//!
//! Both are written by hand and prepared once per connection: one round trip each is what a submission costs. The second
//! writes idempotency key, post, claim, queued job and the difference to the campaign's totals, or none of them.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::Connection;
use super::affiliate_report::AffiliateReport;
use super::post::Post;
use super::schema::idempotency_keys;
use crate::model::{CampaignStatus, Metrics, PlatformKind, PostStatus, SubmissionMethod};

/// Asks for everything that decides whether an affiliate may submit to a campaign on a platform.
#[derive(Debug)]
struct AdmissionQuery {
    campaign_id: i64,
    affiliate_id: i64,
    platform: PlatformKind,
}

/// What decides whether an affiliate may submit to a campaign on a platform.
#[allow(clippy::struct_excessive_bools, reason = "these are independent facts")]
#[derive(Debug, Clone, Queryable)]
pub struct Admission {
    /// Whose campaign it is.
    pub advertiser_id: i64,
    /// Whether the campaign takes posts.
    pub campaign_status: CampaignStatus,
    /// From when.
    pub starts_at: Option<DateTime<Utc>>,
    /// Until when, exclusive.
    pub ends_at: Option<DateTime<Utc>>,
    /// The policy in force.
    pub policy_id: Option<i64>,
    /// What a view means in the campaign on the platform; none where it takes no posts there.
    pub views_definition: Option<String>,
    /// Whether operators have the platform enabled.
    pub platform_enabled: bool,
    /// Whether the affiliate is active.
    pub affiliate_active: bool,
    /// Whether the affiliate is eligible for the advertiser.
    pub eligible: bool,
    /// Whether the affiliate has an approved application at the advertiser.
    pub approved: bool,
    /// Whether the affiliate has posts in the campaign.
    pub has_posted: bool,
    /// The database's time.
    pub now: DateTime<Utc>,
}

impl QueryId for AdmissionQuery {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for AdmissionQuery {
    type SqlType = (
        BigInt,
        Text,
        Nullable<Timestamptz>,
        Nullable<Timestamptz>,
        Nullable<BigInt>,
        Nullable<Text>,
        Bool,
        Bool,
        Bool,
        Bool,
        Bool,
        Timestamptz,
    );
}

impl QueryFragment<Pg> for AdmissionQuery {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH input (campaign_id, affiliate_id, platform) AS (VALUES (");
        out.push_bind_param::<BigInt, _>(&self.campaign_id)?;
        out.push_sql("::bigint, ");
        out.push_bind_param::<BigInt, _>(&self.affiliate_id)?;
        out.push_sql("::bigint, ");
        out.push_bind_param::<Text, _>(&self.platform)?;
        out.push_sql(
            "::text)) \
             SELECT c.advertiser_id, c.status, c.starts_at, c.ends_at, \
             (SELECT p.id FROM policies p WHERE p.campaign_id = c.id ORDER BY p.version DESC LIMIT 1), \
             (SELECT cp.views_definition FROM campaign_platforms cp WHERE cp.campaign_id = c.id \
                AND cp.platform = i.platform AND cp.withdrawn_at IS NULL), \
             coalesce((SELECT pl.enabled FROM platforms pl WHERE pl.kind = i.platform), false), \
             a.is_active, \
             EXISTS (SELECT FROM eligibility e WHERE e.advertiser_id = c.advertiser_id \
                AND e.affiliate_id = i.affiliate_id), \
             EXISTS (SELECT FROM applications ap WHERE ap.advertiser_id = c.advertiser_id \
                AND ap.affiliate_id = i.affiliate_id AND ap.status = 'APPROVED'), \
             EXISTS (SELECT FROM posts p WHERE p.campaign_id = c.id AND p.affiliate_id = i.affiliate_id \
                AND p.platform = i.platform), \
             countersign_now() \
             FROM input i JOIN campaigns c ON c.id = i.campaign_id JOIN affiliates a ON a.id = i.affiliate_id",
        );
        Ok(())
    }
}

/// What decides whether the affiliate may submit to the campaign on the platform; none where the campaign does not exist.
pub async fn find_admission(
    connection: &mut Connection,
    campaign_id: i64,
    affiliate_id: i64,
    platform: PlatformKind,
) -> QueryResult<Option<Admission>> {
    AdmissionQuery {
        campaign_id,
        affiliate_id,
        platform,
    }
    .get_result::<Admission>(connection)
    .await
    .optional()
}

/// The job that a submission queues.
#[derive(Debug, Clone, Copy)]
pub struct NewJob {
    /// On which channel.
    pub channel: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How often it is tried.
    pub attempts: i32,
}

/// The caller's key for a mutation and what it asked for under it.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// Whose key.
    pub user_id: i64,
    /// For which mutation.
    pub mutation: &'static str,
    /// The key.
    pub key: String,
    /// SHA-256 of the input.
    pub request_hash: Vec<u8>,
}

/// The post that a claim is on.
#[derive(Debug, Clone)]
pub enum Target {
    /// One to be added.
    New {
        /// In which campaign.
        campaign_id: i64,
        /// By whom.
        affiliate_id: i64,
        /// Where it was published.
        platform: PlatformKind,
        /// The link as given.
        url: String,
        /// The link in its one spelling.
        canonical_url: String,
        /// The platform's id, where the link carries it.
        platform_post_id: Option<String>,
        /// The poster's handle.
        account_handle: Option<String>,
        /// What the affiliate calls it.
        title: Option<String>,
        /// What the affiliate says of it.
        description: Option<String>,
        /// What is known of it.
        status: PostStatus,
    },
    /// One that is there.
    Existing {
        /// Which.
        post_id: i64,
    },
}

/// A claim to be written, with its post where that is new, its job, and its key.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The post.
    pub target: Target,
    /// The policy in force.
    pub policy_id: i64,
    /// What a view means.
    pub views_definition: String,
    /// The claimed numbers, none negative.
    pub claimed: Metrics<Option<i64>>,
    /// Links and notes.
    pub evidence: Option<serde_json::Value>,
    /// How it came.
    pub method: SubmissionMethod,
    /// The job to be queued.
    pub job: NewJob,
    /// The caller's key.
    pub idempotency: Option<IdempotencyKey>,
}

/// What a submission wrote.
#[derive(Debug, Clone, Copy, Queryable)]
pub struct Written {
    /// The post.
    pub post_id: i64,
    /// The claim.
    pub affiliate_report_id: i64,
    /// When.
    pub submitted_at: DateTime<Utc>,
}

const CLAIM_INPUT: &str = "policy_id, views_definition, claimed_views, claimed_clicks, claimed_conversions, evidence, \
    method, channel, job, attempts, user_id, mutation, key, request_hash";

/// Binds the columns of `CLAIM_INPUT`.
fn push_claim<'b>(submission: &'b Submission, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    out.push_bind_param::<BigInt, _>(&submission.policy_id)?;
    out.push_sql("::bigint, ");
    out.push_bind_param::<Text, _>(&submission.views_definition)?;
    out.push_sql("::text, ");
    for count in [
        &submission.claimed.views,
        &submission.claimed.clicks,
        &submission.claimed.conversions,
    ] {
        out.push_bind_param::<Nullable<BigInt>, _>(count)?;
        out.push_sql("::bigint, ");
    }
    out.push_bind_param::<Nullable<Jsonb>, _>(&submission.evidence)?;
    out.push_sql("::jsonb, ");
    out.push_bind_param::<Text, _>(&submission.method)?;
    out.push_sql("::text, ");
    out.push_bind_param::<Text, _>(&submission.job.channel)?;
    out.push_sql("::text, ");
    out.push_bind_param::<Text, _>(&submission.job.name)?;
    out.push_sql("::text, ");
    out.push_bind_param::<diesel::sql_types::Integer, _>(&submission.job.attempts)?;
    out.push_sql("::integer, ");
    match &submission.idempotency {
        Some(key) => {
            out.push_bind_param::<Nullable<BigInt>, _>(&key.user_id)?;
            out.push_sql("::bigint, ");
            out.push_bind_param::<Nullable<Text>, _>(&key.mutation)?;
            out.push_sql("::text, ");
            out.push_bind_param::<Nullable<Text>, _>(&key.key)?;
            out.push_sql("::text, ");
            out.push_bind_param::<Nullable<Binary>, _>(&key.request_hash)?;
            out.push_sql("::bytea");
        }
        None => out.push_sql("NULL::bigint, NULL::text, NULL::text, NULL::bytea"),
    }
    Ok(())
}

/// A caller that brings a key gets through once: the key's row is written first, and everything else only if it was new.
/// An equal submission that comes at the same time waits for the first one's commit and then finds the key taken.
const KEY: &str = ", claimed AS (\
    INSERT INTO idempotency_keys (user_id, mutation, key, request_hash, affiliate_report_id) \
    SELECT i.user_id, i.mutation, i.key, i.request_hash, ids.report_id FROM input i, ids WHERE i.key IS NOT NULL \
    ON CONFLICT DO NOTHING RETURNING key), \
    allowed AS (SELECT i.* FROM input i WHERE i.key IS NULL OR EXISTS (SELECT FROM claimed))";

const REPORT_AND_JOB: &str = ", report AS (\
    INSERT INTO affiliate_reports (id, post_id, policy_id, views_definition, claimed_views, claimed_clicks, \
    claimed_conversions, evidence, submission_method) \
    SELECT ids.report_id, post.id, a.policy_id, a.views_definition, a.claimed_views, a.claimed_clicks, \
    a.claimed_conversions, a.evidence, a.method FROM allowed a, ids, post RETURNING id, post_id, submitted_at), \
    job AS (\
    INSERT INTO mq_msgs (channel_name, name, attempts, payload_json) \
    SELECT a.channel, a.job, a.attempts, json_build_object('affiliate_report_id', report.id)::text \
    FROM allowed a, report)";

const WRITTEN: &str = " SELECT report.post_id, report.id, report.submitted_at FROM report";

/// Writes a claim on a new post.
struct NewPostStatement<'a>(&'a Submission);
/// Writes a claim on a post that is there.
struct NewReportStatement<'a>(&'a Submission);

macro_rules! prepared {
    ($statement:ident) => {
        impl QueryId for $statement<'_> {
            type QueryId = $statement<'static>;
            // The two shapes with and without a key are told apart below.
            const HAS_STATIC_QUERY_ID: bool = false;
        }
        impl Query for $statement<'_> {
            type SqlType = (BigInt, BigInt, Timestamptz);
        }
    };
}
prepared!(NewPostStatement);
prepared!(NewReportStatement);

impl QueryFragment<Pg> for NewPostStatement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Target::New {
            campaign_id,
            affiliate_id,
            platform,
            url,
            canonical_url,
            platform_post_id,
            account_handle,
            title,
            description,
            status,
        } = &self.0.target
        else {
            return Err(diesel::result::Error::QueryBuilderError(
                "no new post".into(),
            ));
        };
        out.push_sql("WITH ids AS (SELECT nextval('posts_id_seq') AS post_id, ");
        out.push_sql("nextval('affiliate_reports_id_seq') AS report_id), input (");
        out.push_sql("campaign_id, affiliate_id, platform, url, canonical_url, platform_post_id, account_handle, ");
        out.push_sql("title, description, status, ");
        out.push_sql(CLAIM_INPUT);
        out.push_sql(") AS (VALUES (");
        out.push_bind_param::<BigInt, _>(campaign_id)?;
        out.push_sql("::bigint, ");
        out.push_bind_param::<BigInt, _>(affiliate_id)?;
        out.push_sql("::bigint, ");
        out.push_bind_param::<Text, _>(platform)?;
        out.push_sql("::text, ");
        out.push_bind_param::<Text, _>(url)?;
        out.push_sql("::text, ");
        out.push_bind_param::<Text, _>(canonical_url)?;
        out.push_sql("::text, ");
        for text in [platform_post_id, account_handle, title, description] {
            out.push_bind_param::<Nullable<Text>, _>(text)?;
            out.push_sql("::text, ");
        }
        out.push_bind_param::<Text, _>(status)?;
        out.push_sql("::text, ");
        push_claim(self.0, &mut out)?;
        out.push_sql("))");
        out.push_sql(KEY);
        out.push_sql(
            ", post AS (INSERT INTO posts (id, campaign_id, affiliate_id, platform, url, canonical_url, \
             platform_post_id, account_handle, title, description, status, next_check_at) \
             SELECT ids.post_id, a.campaign_id, a.affiliate_id, a.platform, a.url, a.canonical_url, \
             a.platform_post_id, a.account_handle, a.title, a.description, a.status, countersign_now() \
             FROM allowed a, ids RETURNING id)",
        );
        out.push_sql(REPORT_AND_JOB);
        out.push_sql(
            ", totals AS (INSERT INTO rollup_deltas (campaign_id, platform, affiliate_id, hour, posts, reports, \
             claimed_views, claimed_clicks, claimed_conversions, \
             claimed_views_posts, claimed_clicks_posts, claimed_conversions_posts) \
             SELECT a.campaign_id, a.platform, a.affiliate_id, date_trunc('hour', report.submitted_at, 'UTC'), 1, 1, \
             a.claimed_views, a.claimed_clicks, a.claimed_conversions, num_nonnulls(a.claimed_views), \
             num_nonnulls(a.claimed_clicks), num_nonnulls(a.claimed_conversions) FROM allowed a, report)",
        );
        out.push_sql(WRITTEN);
        Ok(())
    }
}

impl QueryFragment<Pg> for NewReportStatement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Target::Existing { post_id } = &self.0.target else {
            return Err(diesel::result::Error::QueryBuilderError(
                "no existing post".into(),
            ));
        };
        out.push_sql("WITH ids AS (SELECT nextval('affiliate_reports_id_seq') AS report_id), input (post_id, ");
        out.push_sql(CLAIM_INPUT);
        out.push_sql(") AS (VALUES (");
        out.push_bind_param::<BigInt, _>(post_id)?;
        out.push_sql("::bigint, ");
        push_claim(self.0, &mut out)?;
        out.push_sql("))");
        out.push_sql(KEY);
        out.push_sql(
            ", post AS (UPDATE posts p SET is_reconciled = false, next_check_at = countersign_now() \
             FROM allowed a WHERE p.id = a.post_id RETURNING p.id)",
        );
        out.push_sql(REPORT_AND_JOB);
        out.push_sql(WRITTEN);
        Ok(())
    }
}

/// Writes the submission; none where the caller's key was used before, and then nothing is written. The totals of a claim on
/// an existing post depend on the claim before it, and are for the caller to write.
///
/// # Errors
/// A violated constraint: [`super::post::URL_KEY`] or [`super::post::NATIVE_ID_KEY`] where the post is there already.
pub async fn insert(
    connection: &mut Connection,
    submission: &Submission,
) -> QueryResult<Option<Written>> {
    match submission.target {
        Target::New { .. } => NewPostStatement(submission).get_result(connection).await,
        Target::Existing { .. } => NewReportStatement(submission).get_result(connection).await,
    }
    .optional()
}

/// What was written under a caller's key, and the hash of the input that it was written for.
pub async fn find_by_key(
    connection: &mut Connection,
    user_id: i64,
    mutation: &str,
    key: &str,
) -> QueryResult<Option<(i64, Vec<u8>)>> {
    idempotency_keys::table
        .find((user_id, mutation, key))
        .select((
            idempotency_keys::affiliate_report_id,
            idempotency_keys::request_hash,
        ))
        .first(connection)
        .await
        .optional()
}

impl Submission {
    /// The claim's row as it was written.
    #[must_use]
    pub fn report(&self, written: Written) -> AffiliateReport {
        AffiliateReport {
            id: written.affiliate_report_id,
            post_id: written.post_id,
            policy_id: self.policy_id,
            claimed_views: self.claimed.views,
            claimed_clicks: self.claimed.clicks,
            claimed_conversions: self.claimed.conversions,
            views_definition: self.views_definition.clone(),
            evidence: self.evidence.clone(),
            submission_method: self.method,
            submitted_at: written.submitted_at,
        }
    }

    /// The post's row as it was written; none where the claim is on a post that was there.
    #[must_use]
    pub fn post(&self, written: Written) -> Option<Post> {
        let Target::New {
            campaign_id,
            affiliate_id,
            platform,
            url,
            canonical_url,
            platform_post_id,
            account_handle,
            title,
            description,
            status,
        } = &self.target
        else {
            return None;
        };
        Some(Post {
            id: written.post_id,
            campaign_id: *campaign_id,
            affiliate_id: *affiliate_id,
            platform: *platform,
            url: url.clone(),
            canonical_url: canonical_url.clone(),
            platform_post_id: platform_post_id.clone(),
            account_handle: account_handle.clone(),
            title: title.clone(),
            description: description.clone(),
            status: *status,
            duplicate_of: None,
            is_reconciled: false,
            next_check_at: Some(written.submitted_at),
            created_at: written.submitted_at,
            author_id: None,
            author_handle: None,
            published_at: None,
        })
    }
}
