-- What one submitPost asks of PostgreSQL: the two statements of src/db/submission.rs, word for word,
-- each a transaction of its own. Run by pgbench, prepared, which is told campaign and policy, and the
-- first and last of the affiliates that submit.
\set affiliate random(:first, :last)
\set post random(1, 9007199254740991)
\set views random(1, 100000)

WITH input (campaign_id, affiliate_id, platform) AS (VALUES (:campaign::bigint, :affiliate::bigint, 'REDDIT'::text))
SELECT c.advertiser_id, c.status, c.starts_at, c.ends_at,
(SELECT p.id FROM policies p WHERE p.campaign_id = c.id ORDER BY p.version DESC LIMIT 1),
(SELECT cp.views_definition FROM campaign_platforms cp WHERE cp.campaign_id = c.id
   AND cp.platform = i.platform AND cp.withdrawn_at IS NULL),
coalesce((SELECT pl.enabled FROM platforms pl WHERE pl.kind = i.platform), false),
a.is_active,
EXISTS (SELECT FROM eligibility e WHERE e.advertiser_id = c.advertiser_id
   AND e.affiliate_id = i.affiliate_id),
EXISTS (SELECT FROM applications ap WHERE ap.advertiser_id = c.advertiser_id
   AND ap.affiliate_id = i.affiliate_id AND ap.status = 'APPROVED'),
EXISTS (SELECT FROM posts p WHERE p.campaign_id = c.id AND p.affiliate_id = i.affiliate_id
   AND p.platform = i.platform),
countersign_now()
FROM input i JOIN campaigns c ON c.id = i.campaign_id JOIN affiliates a ON a.id = i.affiliate_id;

WITH ids AS (SELECT nextval('posts_id_seq') AS post_id, nextval('affiliate_reports_id_seq') AS report_id), input (
campaign_id, affiliate_id, platform, url, canonical_url, platform_post_id, account_handle,
title, description, status,
policy_id, views_definition, claimed_views, claimed_clicks, claimed_conversions, evidence,
method, channel, job, attempts, user_id, mutation, key, request_hash) AS (VALUES (
:campaign::bigint, :affiliate::bigint, 'REDDIT'::text,
('https://www.reddit.com/comments/' || :post)::text, ('https://www.reddit.com/comments/' || :post)::text,
(:post)::text, NULL::text, NULL::text, NULL::text, 'TRACKING'::text,
:policy::bigint, 'reddit.view_count'::text, :views::bigint, NULL::bigint, NULL::bigint, NULL::jsonb,
'API'::text, 'reconcile.reddit.1'::text, 'reconcile'::text, 5::integer,
NULL::bigint, NULL::text, NULL::text, NULL::bytea))
, claimed AS (
INSERT INTO idempotency_keys (user_id, mutation, key, request_hash, affiliate_report_id)
SELECT i.user_id, i.mutation, i.key, i.request_hash, ids.report_id FROM input i, ids WHERE i.key IS NOT NULL
ON CONFLICT DO NOTHING RETURNING key),
allowed AS (SELECT i.* FROM input i WHERE i.key IS NULL OR EXISTS (SELECT FROM claimed))
, post AS (INSERT INTO posts (id, campaign_id, affiliate_id, platform, url, canonical_url,
platform_post_id, account_handle, title, description, status, next_check_at)
SELECT ids.post_id, a.campaign_id, a.affiliate_id, a.platform, a.url, a.canonical_url,
a.platform_post_id, a.account_handle, a.title, a.description, a.status, countersign_now()
FROM allowed a, ids RETURNING id)
, report AS (
INSERT INTO affiliate_reports (id, post_id, policy_id, views_definition, claimed_views, claimed_clicks,
claimed_conversions, evidence, submission_method)
SELECT ids.report_id, post.id, a.policy_id, a.views_definition, a.claimed_views, a.claimed_clicks,
a.claimed_conversions, a.evidence, a.method FROM allowed a, ids, post RETURNING id, post_id, submitted_at),
job AS (
INSERT INTO mq_msgs (channel_name, name, attempts, payload_json)
SELECT a.channel, a.job, a.attempts, json_build_object('affiliate_report_id', report.id)::text
FROM allowed a, report)
, totals AS (INSERT INTO rollup_deltas (campaign_id, platform, affiliate_id, hour, posts, reports,
claimed_views, claimed_clicks, claimed_conversions,
claimed_views_posts, claimed_clicks_posts, claimed_conversions_posts)
SELECT a.campaign_id, a.platform, a.affiliate_id, date_trunc('hour', report.submitted_at, 'UTC'), 1, 1,
a.claimed_views, a.claimed_clicks, a.claimed_conversions, num_nonnulls(a.claimed_views),
num_nonnulls(a.claimed_clicks), num_nonnulls(a.claimed_conversions) FROM allowed a, report)
SELECT report.post_id, report.id, report.submitted_at FROM report;
