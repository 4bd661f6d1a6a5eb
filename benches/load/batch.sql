-- What one batch of 200 checks asks of PostgreSQL, set by set: the statements of
-- src/domain/verification/settle.rs in their order, in one transaction. Taking the jobs, fetching,
-- judging and hashing are left out. Run by pgbench -M prepared on a database that seed.sql filled;
-- bench_sample holds one observation and one verdict of the usual size.
SELECT nextval('bench_batch') * 200 AS last \gset
\set first :last - 199

BEGIN;

-- db::queue::finish
WITH mine AS (SELECT id FROM mq_msgs WHERE id = ANY (ARRAY(
    SELECT md5('job ' || n)::uuid FROM generate_series(:first::bigint, :last::bigint) n)) ORDER BY id FOR UPDATE)
DELETE FROM mq_msgs m USING mine WHERE m.id = mine.id RETURNING m.id;

-- db::affiliate::lock, db::post::lock
SELECT a.* FROM affiliates a
WHERE a.id = ANY (ARRAY(SELECT p.affiliate_id FROM posts p WHERE p.id BETWEEN :first::bigint AND :last::bigint))
ORDER BY a.id FOR NO KEY UPDATE;
SELECT p.* FROM posts p WHERE p.id BETWEEN :first::bigint AND :last::bigint ORDER BY p.id FOR NO KEY UPDATE;

-- db::affiliate_report::list_by_posts, db::platform_report::list_since_claims,
-- db::reconciliation::list_standing_by_report, db::platform_report::list_counted
SELECT r.* FROM affiliate_reports r WHERE r.post_id BETWEEN :first::bigint AND :last::bigint ORDER BY r.post_id, r.id;
SELECT r.id, o.* FROM platform_reports o JOIN affiliate_reports r ON r.post_id = o.post_id
WHERE r.id BETWEEN :first::bigint AND :last::bigint AND o.post_id BETWEEN :first::bigint AND :last::bigint
    AND o.fetched_at >= r.submitted_at
ORDER BY r.id, o.fetched_at, o.id;
SELECT DISTINCT ON (l.affiliate_report_id) l.affiliate_report_id, l.id, l.status, l.discrepancy_level, l.finality
FROM reconciliation_logs l WHERE l.affiliate_report_id BETWEEN :first::bigint AND :last::bigint
ORDER BY l.affiliate_report_id, l.id DESC;
SELECT p.id, o.id, o.fetched_at, o.views, o.clicks, o.conversions
FROM generate_series(:first::bigint, :last::bigint) AS p (id)
CROSS JOIN LATERAL (
    SELECT o.id, o.fetched_at, o.views, o.clicks, o.conversions FROM platform_reports o
    WHERE o.post_id = p.id AND num_nonnulls(o.views, o.clicks, o.conversions) > 0
    ORDER BY o.fetched_at DESC, o.id DESC LIMIT 1) o;

-- db::platform_report::insert
INSERT INTO platform_reports (post_id, platform, gone, views, views_availability, views_definition, views_grade,
    views_reason, clicks_availability, clicks_reason, conversions_availability, conversions_reason, raw_data,
    raw_hash, fetched_at)
SELECT p.id, p.platform, false,
    CASE WHEN p.platform <> 'REDDIT' THEN 1000 END,
    CASE WHEN p.platform <> 'REDDIT' THEN 'REPORTED' ELSE 'UNSUPPORTED' END,
    CASE WHEN p.platform <> 'REDDIT' THEN 'instagram.views' END,
    CASE WHEN p.platform <> 'REDDIT' THEN 'OWNER_TOKEN' END,
    CASE WHEN p.platform = 'REDDIT' THEN s.reason END,
    'UNSUPPORTED', s.reason, 'UNSUPPORTED', s.reason,
    s.raw_data, md5(p.id::text) || md5(p.canonical_url), countersign_now()
FROM posts p CROSS JOIN bench_sample s WHERE p.id BETWEEN :first::bigint AND :last::bigint
RETURNING id;

-- db::reconciliation::insert. Of the claims on platforms that report views, a third is above the figure.
INSERT INTO reconciliation_logs (affiliate_report_id, platform_report_id, affiliate_id, post_id, policy_id, status,
    discrepancy_level, finality, comparisons, explanation, chain_position, previous_hash, hash, processed_at)
SELECT r.id, o.id, a.id, p.id, r.policy_id,
    CASE WHEN p.platform = 'REDDIT' THEN 'UNVERIFIABLE' WHEN p.id / 10 % 3 = 0 THEN 'DISCREPANCY' ELSE 'MATCHED' END,
    CASE WHEN p.platform = 'REDDIT' THEN NULL WHEN p.id / 10 % 3 = 0 THEN 'HIGH' ELSE 'NONE' END,
    'FINAL', s.comparisons, s.reason,
    a.chain_length + row_number() OVER (PARTITION BY a.id ORDER BY r.id),
    a.chain_head, md5(r.id::text) || md5(o.id::text), countersign_now()
FROM affiliate_reports r
JOIN posts p ON p.id = r.post_id
JOIN affiliates a ON a.id = p.affiliate_id
JOIN platform_reports o ON o.post_id = p.id
CROSS JOIN bench_sample s
WHERE r.id BETWEEN :first::bigint AND :last::bigint AND p.id BETWEEN :first::bigint AND :last::bigint
    AND o.post_id BETWEEN :first::bigint AND :last::bigint
RETURNING id;

-- db::trust_event::insert
INSERT INTO trust_events (affiliate_id, reconciliation_id, accurate, score_before, score_after, created_at)
SELECT l.affiliate_id, l.id, l.status = 'MATCHED', 1.00, 0.75, countersign_now()
FROM reconciliation_logs l
WHERE l.affiliate_report_id BETWEEN :first::bigint AND :last::bigint AND l.status IN ('MATCHED', 'DISCREPANCY');

-- db::affiliate::update_progress
UPDATE affiliates a SET trust_score = 0.75, total_submissions = a.total_submissions + n.total,
    accurate_submissions = a.accurate_submissions + n.accurate, chain_head = n.head, chain_length = n.length
FROM (
    SELECT l.affiliate_id, count(*) AS total, count(*) FILTER (WHERE l.status = 'MATCHED') AS accurate,
        max(l.hash) AS head, max(l.chain_position) AS length
    FROM reconciliation_logs l WHERE l.affiliate_report_id BETWEEN :first::bigint AND :last::bigint
    GROUP BY l.affiliate_id) n
WHERE a.id = n.affiliate_id;

-- db::post::update_checked
UPDATE posts p SET status = 'TRACKING', is_reconciled = true, next_check_at = countersign_now() + interval '1 hour'
WHERE p.id BETWEEN :first::bigint AND :last::bigint;

-- db::queue::insert
INSERT INTO mq_msgs (channel_name, name, attempts, payload_json, attempt_at)
SELECT 'reconcile.' || lower(p.platform) || '.1', 'reconcile', 5,
    json_build_object('affiliate_report_id', p.id)::text, countersign_now() + interval '1 hour'
FROM posts p WHERE p.id BETWEEN :first::bigint AND :last::bigint;

-- db::alert::lock_latest, db::alert::insert. Every second one costs trust a threshold.
SELECT DISTINCT ON (a.dedupe_key) a.id FROM alerts a
WHERE a.dedupe_key = ANY (ARRAY(SELECT 'OVERCLAIM ' || n FROM generate_series(:first::bigint, :last::bigint) n))
ORDER BY a.dedupe_key, a.id DESC;
INSERT INTO alerts (kind, level, finality, dedupe_key, campaign_id, post_id, affiliate_id, reconciliation_id,
    message, created_at)
SELECT k.kind, 'HIGH', 'FINAL', k.kind || ' ' || l.affiliate_report_id, p.campaign_id, p.id, p.affiliate_id, l.id,
    l.explanation, countersign_now()
FROM reconciliation_logs l
JOIN posts p ON p.id = l.post_id
JOIN (VALUES ('OVERCLAIM', 1), ('TRUST_DROP', 2)) k (kind, every) ON l.affiliate_report_id / 30 % k.every = 0
WHERE l.affiliate_report_id BETWEEN :first::bigint AND :last::bigint AND l.status = 'DISCREPANCY'
    AND p.id BETWEEN :first::bigint AND :last::bigint
RETURNING id;

-- db::rollup::insert, a row for each affiliate and platform. (The worker's are folded by what is no part of a batch.)
INSERT INTO rollup_deltas (campaign_id, platform, affiliate_id, hour, posts_observed, observed_views_posts,
    observed_views, counting, accurate, matched, discrepancy, unverifiable, level_none, level_high, open_alerts)
SELECT p.campaign_id, p.platform, p.affiliate_id, date_trunc('hour', p.created_at, 'UTC'), count(o.views),
    count(o.views), sum(o.views), count(l.discrepancy_level), count(*) FILTER (WHERE l.status = 'MATCHED'),
    count(*) FILTER (WHERE l.status = 'MATCHED'), count(*) FILTER (WHERE l.status = 'DISCREPANCY'),
    count(*) FILTER (WHERE l.status = 'UNVERIFIABLE'), count(*) FILTER (WHERE l.discrepancy_level = 'NONE'),
    count(*) FILTER (WHERE l.discrepancy_level = 'HIGH'), count(*) FILTER (WHERE l.status = 'DISCREPANCY')
FROM reconciliation_logs l
JOIN posts p ON p.id = l.post_id
JOIN platform_reports o ON o.id = l.platform_report_id
WHERE l.affiliate_report_id BETWEEN :first::bigint AND :last::bigint
    AND p.id BETWEEN :first::bigint AND :last::bigint AND o.post_id BETWEEN :first::bigint AND :last::bigint
GROUP BY 1, 2, 3, 4;

-- db::alert::insert_events
INSERT INTO alert_events (alert_id, kind, occurred_at)
SELECT a.id, 'RAISED', countersign_now()
FROM alerts a JOIN reconciliation_logs l ON l.id = a.reconciliation_id
WHERE l.affiliate_report_id BETWEEN :first::bigint AND :last::bigint;

COMMIT;
