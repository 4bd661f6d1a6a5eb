-- What advertising a post has cost belongs to the totals: that of its latest observation that tells it, in its currency.
CREATE INDEX platform_reports_spend_idx ON platform_reports (post_id, fetched_at, id) WHERE spend IS NOT NULL;

-- As before, and one row more for each post whose cost was told.
CREATE OR REPLACE FUNCTION recount_rollups(of_campaign bigint, since timestamptz, until timestamptz) RETURNS SETOF rollup_deltas
    LANGUAGE sql STABLE
    AS $$
    SELECT p.campaign_id, p.platform, p.affiliate_id, date_trunc('hour', p.created_at, 'UTC'), '',
        1, (seen.post_id IS NOT NULL)::integer, claims.reports,
        (latest.claimed_views IS NOT NULL)::integer, (latest.claimed_clicks IS NOT NULL)::integer,
        (latest.claimed_conversions IS NOT NULL)::integer,
        (seen.views IS NOT NULL)::integer, (seen.clicks IS NOT NULL)::integer, (seen.conversions IS NOT NULL)::integer,
        claims.counting, claims.accurate,
        (SELECT count(*) FROM alerts a WHERE a.post_id = p.id AND a.status <> 'RESOLVED'),
        claims.matched, claims.partially_matched, claims.discrepancy, claims.unverifiable, claims.not_comparable,
        claims.failed, claims.level_none, claims.level_low, claims.level_medium, claims.level_high,
        0, 0,
        coalesce(latest.claimed_views, 0), coalesce(latest.claimed_clicks, 0), coalesce(latest.claimed_conversions, 0),
        coalesce(seen.views, 0), coalesce(seen.clicks, 0), coalesce(seen.conversions, 0),
        0, 0, 0
    FROM posts p
    CROSS JOIN LATERAL (
        SELECT r.claimed_views, r.claimed_clicks, r.claimed_conversions FROM affiliate_reports r
        WHERE r.post_id = p.id ORDER BY r.id DESC LIMIT 1) latest
    LEFT JOIN LATERAL (
        SELECT o.post_id, o.views, o.clicks, o.conversions FROM platform_reports o
        WHERE o.post_id = p.id AND num_nonnulls(o.views, o.clicks, o.conversions) > 0
        ORDER BY o.fetched_at DESC, o.id DESC LIMIT 1) seen ON true
    CROSS JOIN LATERAL (
        SELECT count(*) AS reports, count(t.id) AS counting, count(t.id) FILTER (WHERE t.accurate) AS accurate,
            count(*) FILTER (WHERE v.status = 'MATCHED') AS matched,
            count(*) FILTER (WHERE v.status = 'PARTIALLY_MATCHED') AS partially_matched,
            count(*) FILTER (WHERE v.status = 'DISCREPANCY') AS discrepancy,
            count(*) FILTER (WHERE v.status = 'UNVERIFIABLE') AS unverifiable,
            count(*) FILTER (WHERE v.status = 'NOT_COMPARABLE') AS not_comparable,
            count(*) FILTER (WHERE v.status = 'FAILED') AS failed,
            count(*) FILTER (WHERE v.discrepancy_level = 'NONE') AS level_none,
            count(*) FILTER (WHERE v.discrepancy_level = 'LOW') AS level_low,
            count(*) FILTER (WHERE v.discrepancy_level = 'MEDIUM') AS level_medium,
            count(*) FILTER (WHERE v.discrepancy_level = 'HIGH') AS level_high
        FROM affiliate_reports r
        LEFT JOIN LATERAL (
            SELECT l.id, l.status, l.discrepancy_level FROM reconciliation_logs l WHERE l.affiliate_report_id = r.id
            ORDER BY (l.finality = 'FINAL') DESC, l.id DESC LIMIT 1) v ON true
        LEFT JOIN trust_events t ON t.reconciliation_id = v.id
        WHERE r.post_id = p.id) claims
    WHERE (of_campaign IS NULL OR p.campaign_id = of_campaign)
        AND (since IS NULL OR p.created_at >= since) AND (until IS NULL OR p.created_at < until)
    UNION ALL
    SELECT o.campaign_id, '', o.affiliate_id, date_trunc('hour', o.received_at, 'UTC'), o.currency,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        1, (o.status = 'REVERSED')::integer,
        0, 0, 0, 0, 0, 0,
        0,
        CASE o.status WHEN 'ACCEPTED' THEN o.amount ELSE 0 END,
        CASE o.status WHEN 'ACCEPTED' THEN o.commission ELSE 0 END
    FROM orders o
    WHERE o.campaign_id IS NOT NULL AND (of_campaign IS NULL OR o.campaign_id = of_campaign)
        AND (since IS NULL OR o.received_at >= since) AND (until IS NULL OR o.received_at < until)
    UNION ALL
    SELECT p.campaign_id, p.platform, p.affiliate_id, date_trunc('hour', p.created_at, 'UTC'), spent.currency,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
        0, 0, 0, 0, 0, 0,
        spent.spend, 0, 0
    FROM posts p
    CROSS JOIN LATERAL (
        SELECT o.spend, o.currency FROM platform_reports o
        WHERE o.post_id = p.id AND o.spend IS NOT NULL
        ORDER BY o.fetched_at DESC, o.id DESC LIMIT 1) spent
    WHERE (of_campaign IS NULL OR p.campaign_id = of_campaign)
        AND (since IS NULL OR p.created_at >= since) AND (until IS NULL OR p.created_at < until)
$$;
