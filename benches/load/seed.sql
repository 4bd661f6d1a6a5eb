-- Posts, claims and due jobs by the thousand, as the API would have written them. A job's id follows
-- from its number, so that the reference finds the same jobs without asking the queue.
-- {…} is filled in by seed.rs; numbers run from {from} to {to} and are the ids of posts and claims.

-- Foreign keys of rows that are right by construction are not looked up again, where that is allowed.
SELECT set_config('session_replication_role', 'replica', false)
FROM pg_roles WHERE rolname = current_user AND rolsuper;

-- One in ten on Instagram and one on Meta where {mixed}; only there a claim can be wrong, and a third is.
CREATE TEMPORARY TABLE seeded ON COMMIT PRESERVE ROWS AS
SELECT
    n.n,
    n.platform,
    CASE n.platform
        WHEN 'REDDIT' THEN {first_affiliate} + abs(hashint8(n.n) % {affiliates})
        ELSE {first_affiliate} + (n.n / 10) % {affiliates}
    END AS affiliate_id,
    coalesce(m.native_id, '1' || lpad(to_hex(n.n), 6, '0')) AS native_id,
    CASE
        WHEN n.platform = 'REDDIT' THEN 1000 + n.n % 5000
        WHEN (n.n / 10) % 3 = 0 THEN m.views * 10 + 1000
        ELSE m.views / 2
    END AS claimed_views
FROM (
    SELECT
        i AS n,
        CASE
            WHEN {mixed} AND i % 10 = 0 THEN 'INSTAGRAM'
            WHEN {mixed} AND i % 10 = 1 THEN 'META'
            ELSE 'REDDIT'
        END AS platform
    FROM generate_series({from}::bigint, {to}::bigint) i) n
LEFT JOIN bench_media m
    ON m.platform = n.platform AND m.place = (n.n / 10) % {media};

INSERT INTO posts (id, campaign_id, affiliate_id, platform, url, canonical_url, platform_post_id, status,
    next_check_at, created_at)
SELECT s.n, {campaign}, s.affiliate_id, s.platform, p.url, p.url, s.native_id, 'TRACKING', countersign_now(),
    countersign_now() - s.n % ({days} * 24) * interval '1 hour'
FROM seeded s
CROSS JOIN LATERAL (SELECT CASE s.platform
    WHEN 'REDDIT' THEN 'https://www.reddit.com/comments/' || s.native_id
    WHEN 'INSTAGRAM' THEN 'https://www.instagram.com/p/' || s.native_id
    ELSE 'https://www.facebook.com/' || replace(s.native_id, '_', '/posts/')
    END AS url) p
ORDER BY s.n;

INSERT INTO affiliate_reports (id, post_id, policy_id, claimed_views, views_definition, submission_method)
SELECT s.n, s.n, {policy}, s.claimed_views, cp.views_definition, 'API'
FROM seeded s JOIN campaign_platforms cp ON cp.campaign_id = {campaign} AND cp.platform = s.platform
ORDER BY s.n;

-- A microsecond apart and in the past: they are taken in the order of their numbers.
INSERT INTO mq_msgs (id, channel_name, name, attempts, payload_json, attempt_at)
SELECT
    md5('job ' || s.n)::uuid, 'reconcile.' || lower(s.platform) || '.1', 'reconcile', 5,
    json_build_object('affiliate_report_id', s.n)::text,
    countersign_now() - interval '1 hour' + s.n * interval '1 microsecond'
FROM seeded s ORDER BY s.n;

DROP TABLE seeded;
SELECT setval('posts_id_seq', {to}), setval('affiliate_reports_id_seq', {to});
SELECT set_config('session_replication_role', 'origin', false)
FROM pg_roles WHERE rolname = current_user AND rolsuper;
