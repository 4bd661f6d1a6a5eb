//! Many submissions by one affiliate to one campaign, written in one statement.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Jsonb, Nullable};
use diesel_async::RunQueryDsl;
use serde_json::json;

use super::Connection;
use super::post::Post;
use super::schema::{idempotency_keys, posts};
use super::submission::{Submission, Target, Written};

/// The ids of a post and of its first claim, drawn before they are written.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Ids {
    /// The post's.
    #[diesel(sql_type = BigInt)]
    pub post_id: i64,
    /// The claim's.
    #[diesel(sql_type = BigInt)]
    pub report_id: i64,
}

/// Draws ids for so many posts.
pub async fn draw(connection: &mut Connection, count: usize) -> QueryResult<Vec<Ids>> {
    diesel::sql_query(
        "SELECT nextval('posts_id_seq') AS post_id, nextval('affiliate_reports_id_seq') AS report_id \
         FROM generate_series(1, $1)",
    )
    .bind::<Integer, _>(i32::try_from(count).unwrap_or(i32::MAX))
    .get_results(connection)
    .await
}

/// What was written under some of a caller's keys: the key, the claim, and the hash of the input that it was written for.
pub async fn list_by_key(
    connection: &mut Connection,
    user_id: i64,
    mutation: &str,
    keys: &[&str],
) -> QueryResult<Vec<(String, i64, Vec<u8>)>> {
    idempotency_keys::table
        .filter(idempotency_keys::user_id.eq(user_id))
        .filter(idempotency_keys::mutation.eq(mutation))
        .filter(idempotency_keys::key.eq_any(keys))
        .select((
            idempotency_keys::key,
            idempotency_keys::affiliate_report_id,
            idempotency_keys::request_hash,
        ))
        .load(connection)
        .await
}

/// The affiliate's posts in the campaign with one of these links or native ids.
pub async fn list_same(
    connection: &mut Connection,
    campaign_id: i64,
    affiliate_id: i64,
    canonical_urls: &[&str],
    platform_post_ids: &[&str],
) -> QueryResult<Vec<Post>> {
    posts::table
        .filter(posts::campaign_id.eq(campaign_id))
        .filter(posts::affiliate_id.eq(affiliate_id))
        .filter(
            posts::canonical_url
                .eq_any(canonical_urls)
                .or(posts::platform_post_id.eq_any(platform_post_ids)),
        )
        .order(posts::id.asc())
        .select(Post::as_select())
        .load(connection)
        .await
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    post_id: i64,
    #[diesel(sql_type = BigInt)]
    affiliate_report_id: i64,
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    submitted_at: chrono::DateTime<chrono::Utc>,
}

/// Writes posts that are not there yet, each with its claim, its job, its key and its part of the totals.
///
/// # Errors
/// A violated constraint, where one of the posts or keys is there after all: then nothing was written.
pub async fn insert(
    connection: &mut Connection,
    submissions: &[(Ids, &Submission)],
) -> QueryResult<Vec<Written>> {
    let mut rows = Vec::with_capacity(submissions.len());
    let mut hashes: Vec<Option<&[u8]>> = Vec::with_capacity(submissions.len());
    for (ids, submission) in submissions {
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
        } = &submission.target
        else {
            return Err(diesel::result::Error::QueryBuilderError(
                "no new post".into(),
            ));
        };
        let key = submission.idempotency.as_ref();
        hashes.push(key.map(|key| key.request_hash.as_slice()));
        rows.push(json!({
            "post_id": ids.post_id, "report_id": ids.report_id, "campaign_id": campaign_id,
            "affiliate_id": affiliate_id, "platform": platform.as_str(), "url": url, "canonical_url": canonical_url,
            "platform_post_id": platform_post_id, "account_handle": account_handle, "title": title,
            "description": description, "status": status.as_str(), "policy_id": submission.policy_id,
            "views_definition": submission.views_definition, "claimed_views": submission.claimed.views,
            "claimed_clicks": submission.claimed.clicks, "claimed_conversions": submission.claimed.conversions,
            "method": submission.method.as_str(), "channel": submission.job.channel, "job": submission.job.name,
            "attempts": submission.job.attempts, "user_id": key.map(|key| key.user_id),
            "mutation": key.map(|key| key.mutation), "key": key.map(|key| key.key.as_str()),
        }));
    }
    let evidence: Vec<Option<&serde_json::Value>> = submissions
        .iter()
        .map(|(_, submission)| submission.evidence.as_ref())
        .collect();
    // In one order, so that two batches of the same posts do not wait for each other in a circle.
    let rows: Vec<Row> = diesel::sql_query(
        "WITH input AS (SELECT r.*, e.evidence, h.request_hash FROM \
             ROWS FROM (jsonb_to_recordset($1) AS (post_id bigint, report_id bigint, campaign_id bigint, \
                 affiliate_id bigint, platform text, url text, canonical_url text, platform_post_id text, \
                 account_handle text, title text, description text, status text, policy_id bigint, \
                 views_definition text, claimed_views bigint, claimed_clicks bigint, claimed_conversions bigint, \
                 method text, channel text, job text, attempts integer, user_id bigint, mutation text, key text)) \
                 WITH ORDINALITY AS r \
             JOIN unnest($2) WITH ORDINALITY AS e (evidence, nth) ON e.nth = r.ordinality \
             JOIN unnest($3) WITH ORDINALITY AS h (request_hash, nth) ON h.nth = r.ordinality), \
         post AS (INSERT INTO posts (id, campaign_id, affiliate_id, platform, url, canonical_url, platform_post_id, \
             account_handle, title, description, status, next_check_at) \
             SELECT post_id, campaign_id, affiliate_id, platform, url, canonical_url, platform_post_id, account_handle, \
             title, description, status, countersign_now() FROM input ORDER BY canonical_url), \
         report AS (INSERT INTO affiliate_reports (id, post_id, policy_id, views_definition, claimed_views, \
             claimed_clicks, claimed_conversions, evidence, submission_method) \
             SELECT report_id, post_id, policy_id, views_definition, claimed_views, claimed_clicks, \
             claimed_conversions, evidence, method FROM input ORDER BY report_id RETURNING id, post_id, submitted_at), \
         claimed AS (INSERT INTO idempotency_keys (user_id, mutation, key, request_hash, affiliate_report_id) \
             SELECT user_id, mutation, key, request_hash, report_id FROM input WHERE key IS NOT NULL ORDER BY key), \
         job AS (INSERT INTO mq_msgs (channel_name, name, attempts, payload_json) \
             SELECT channel, job, attempts, json_build_object('affiliate_report_id', report_id)::text FROM input), \
         totals AS (INSERT INTO rollup_deltas (campaign_id, platform, affiliate_id, hour, posts, reports, \
             claimed_views, claimed_clicks, claimed_conversions, \
             claimed_views_posts, claimed_clicks_posts, claimed_conversions_posts) \
             SELECT campaign_id, platform, affiliate_id, date_trunc('hour', countersign_now(), 'UTC'), count(*), count(*), \
             sum(claimed_views), sum(claimed_clicks), sum(claimed_conversions), \
             count(claimed_views), count(claimed_clicks), count(claimed_conversions) \
             FROM input GROUP BY campaign_id, platform, affiliate_id) \
         SELECT post_id, id AS affiliate_report_id, submitted_at FROM report",
    )
    .bind::<Jsonb, _>(serde_json::Value::Array(rows))
    .bind::<Array<Nullable<Jsonb>>, _>(evidence)
    .bind::<Array<Nullable<Binary>>, _>(hashes)
    .get_results(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Written {
            post_id: row.post_id,
            affiliate_report_id: row.affiliate_report_id,
            submitted_at: row.submitted_at,
        })
        .collect())
}
