-- Totals of campaigns, kept in the transactions that change them: each adds rows of differences here, without a lock that
-- another would wait for. A worker folds them into rollups; what is shown is the folded totals plus what is not folded yet.
-- Null in a measure is 0. What a measure counts is said in src/db/rollup.rs.
CREATE TABLE rollup_deltas (
    -- Of a campaign and an affiliate that are there: a foreign key would only look them up once more.
    campaign_id bigint NOT NULL,
    -- Empty for orders, which name none.
    platform text NOT NULL DEFAULT '',
    affiliate_id bigint NOT NULL,
    -- The hour, in UTC, in which the post was submitted or the order received.
    hour timestamptz NOT NULL,
    -- Empty where there is no money.
    currency text NOT NULL DEFAULT '',
    posts bigint,
    posts_observed bigint,
    reports bigint,
    claimed_views_posts bigint,
    claimed_clicks_posts bigint,
    claimed_conversions_posts bigint,
    observed_views_posts bigint,
    observed_clicks_posts bigint,
    observed_conversions_posts bigint,
    counting bigint,
    accurate bigint,
    open_alerts bigint,
    matched bigint,
    partially_matched bigint,
    discrepancy bigint,
    unverifiable bigint,
    not_comparable bigint,
    failed bigint,
    level_none bigint,
    level_low bigint,
    level_medium bigint,
    level_high bigint,
    orders bigint,
    orders_reversed bigint,
    claimed_views numeric,
    claimed_clicks numeric,
    claimed_conversions numeric,
    observed_views numeric,
    observed_clicks numeric,
    observed_conversions numeric,
    spend numeric,
    order_amount numeric,
    commission numeric
)
WITH (
    autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX rollup_deltas_campaign_id_idx ON rollup_deltas (campaign_id);

-- The folded totals, by four grains: of a campaign's platform, of it by hour, by affiliate, and by affiliate and hour. What a
-- grain does not tell apart has no affiliate (0) and no hour (-infinity).
CREATE TABLE rollups (
    campaign_id bigint NOT NULL CONSTRAINT rollups_campaign_id_fkey REFERENCES campaigns,
    grain text NOT NULL
        CONSTRAINT rollups_grain_known CHECK (grain IN ('TOTAL', 'HOUR', 'AFFILIATE', 'AFFILIATE_HOUR')),
    platform text NOT NULL,
    affiliate_id bigint NOT NULL,
    hour timestamptz NOT NULL,
    currency text NOT NULL,
    posts numeric NOT NULL DEFAULT 0,
    posts_observed numeric NOT NULL DEFAULT 0,
    reports numeric NOT NULL DEFAULT 0,
    claimed_views_posts numeric NOT NULL DEFAULT 0,
    claimed_clicks_posts numeric NOT NULL DEFAULT 0,
    claimed_conversions_posts numeric NOT NULL DEFAULT 0,
    observed_views_posts numeric NOT NULL DEFAULT 0,
    observed_clicks_posts numeric NOT NULL DEFAULT 0,
    observed_conversions_posts numeric NOT NULL DEFAULT 0,
    counting numeric NOT NULL DEFAULT 0,
    accurate numeric NOT NULL DEFAULT 0,
    open_alerts numeric NOT NULL DEFAULT 0,
    matched numeric NOT NULL DEFAULT 0,
    partially_matched numeric NOT NULL DEFAULT 0,
    discrepancy numeric NOT NULL DEFAULT 0,
    unverifiable numeric NOT NULL DEFAULT 0,
    not_comparable numeric NOT NULL DEFAULT 0,
    failed numeric NOT NULL DEFAULT 0,
    level_none numeric NOT NULL DEFAULT 0,
    level_low numeric NOT NULL DEFAULT 0,
    level_medium numeric NOT NULL DEFAULT 0,
    level_high numeric NOT NULL DEFAULT 0,
    orders numeric NOT NULL DEFAULT 0,
    orders_reversed numeric NOT NULL DEFAULT 0,
    claimed_views numeric NOT NULL DEFAULT 0,
    claimed_clicks numeric NOT NULL DEFAULT 0,
    claimed_conversions numeric NOT NULL DEFAULT 0,
    observed_views numeric NOT NULL DEFAULT 0,
    observed_clicks numeric NOT NULL DEFAULT 0,
    observed_conversions numeric NOT NULL DEFAULT 0,
    spend numeric NOT NULL DEFAULT 0,
    order_amount numeric NOT NULL DEFAULT 0,
    commission numeric NOT NULL DEFAULT 0,
    CONSTRAINT rollups_pkey PRIMARY KEY (campaign_id, grain, hour, affiliate_id, platform, currency)
)
WITH (fillfactor = 70);
CREATE INDEX rollups_affiliate_id_idx ON rollups (affiliate_id, campaign_id) WHERE grain = 'AFFILIATE';

-- What the measures should be, counted from the rows themselves: one row a post and one an order. For the hours at the ends
-- of a range, and to prove that the rollups are right. Nulls stand for every campaign and for no bound.
CREATE FUNCTION recount_rollups(of_campaign bigint, since timestamptz, until timestamptz) RETURNS SETOF rollup_deltas
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
$$;

-- Folds up to so many differences into the rollups, and says how many there were. One at a time.
CREATE FUNCTION fold_rollups(at_most integer) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    taken bigint;
BEGIN
    -- 'rollups' as a number.
    IF NOT pg_try_advisory_xact_lock(32210658811801715) THEN
        RETURN 0;
    END IF;
    WITH gone AS (
        DELETE FROM rollup_deltas d WHERE d.ctid = ANY (ARRAY(SELECT ctid FROM rollup_deltas LIMIT at_most))
        RETURNING d.*
    ), grained AS (
        SELECT g.grain,
            CASE WHEN g.grain IN ('AFFILIATE', 'AFFILIATE_HOUR') THEN gone.affiliate_id ELSE 0 END AS of_affiliate,
            CASE WHEN g.grain IN ('HOUR', 'AFFILIATE_HOUR') THEN gone.hour ELSE '-infinity' END AS of_hour,
            gone.*
        FROM gone CROSS JOIN (VALUES ('TOTAL'), ('HOUR'), ('AFFILIATE'), ('AFFILIATE_HOUR')) g (grain)
    ), folded AS (
        INSERT INTO rollups AS r (campaign_id, grain, platform, affiliate_id, hour, currency,
            posts, posts_observed, reports, claimed_views_posts, claimed_clicks_posts, claimed_conversions_posts,
            observed_views_posts, observed_clicks_posts, observed_conversions_posts, counting, accurate,
            open_alerts, matched, partially_matched, discrepancy, unverifiable, not_comparable, failed, level_none,
            level_low, level_medium, level_high, orders, orders_reversed, claimed_views, claimed_clicks,
            claimed_conversions, observed_views, observed_clicks, observed_conversions, spend, order_amount,
            commission)
        SELECT campaign_id, grain, platform, of_affiliate, of_hour, currency,
            coalesce(sum(posts), 0), coalesce(sum(posts_observed), 0), coalesce(sum(reports), 0),
            coalesce(sum(claimed_views_posts), 0), coalesce(sum(claimed_clicks_posts), 0),
            coalesce(sum(claimed_conversions_posts), 0), coalesce(sum(observed_views_posts), 0),
            coalesce(sum(observed_clicks_posts), 0), coalesce(sum(observed_conversions_posts), 0),
            coalesce(sum(counting), 0), coalesce(sum(accurate), 0), coalesce(sum(open_alerts), 0),
            coalesce(sum(matched), 0), coalesce(sum(partially_matched), 0), coalesce(sum(discrepancy), 0),
            coalesce(sum(unverifiable), 0), coalesce(sum(not_comparable), 0), coalesce(sum(failed), 0),
            coalesce(sum(level_none), 0), coalesce(sum(level_low), 0), coalesce(sum(level_medium), 0),
            coalesce(sum(level_high), 0), coalesce(sum(orders), 0), coalesce(sum(orders_reversed), 0),
            coalesce(sum(claimed_views), 0), coalesce(sum(claimed_clicks), 0), coalesce(sum(claimed_conversions),
            0), coalesce(sum(observed_views), 0), coalesce(sum(observed_clicks), 0),
            coalesce(sum(observed_conversions), 0), coalesce(sum(spend), 0), coalesce(sum(order_amount), 0),
            coalesce(sum(commission), 0)
        FROM grained
        GROUP BY campaign_id, grain, platform, of_affiliate, of_hour, currency
        ON CONFLICT ON CONSTRAINT rollups_pkey DO UPDATE SET
            posts = r.posts + excluded.posts, posts_observed = r.posts_observed + excluded.posts_observed, reports =
            r.reports + excluded.reports, claimed_views_posts = r.claimed_views_posts +
            excluded.claimed_views_posts, claimed_clicks_posts = r.claimed_clicks_posts +
            excluded.claimed_clicks_posts, claimed_conversions_posts = r.claimed_conversions_posts +
            excluded.claimed_conversions_posts, observed_views_posts = r.observed_views_posts +
            excluded.observed_views_posts, observed_clicks_posts = r.observed_clicks_posts +
            excluded.observed_clicks_posts, observed_conversions_posts = r.observed_conversions_posts +
            excluded.observed_conversions_posts, counting = r.counting + excluded.counting, accurate = r.accurate +
            excluded.accurate, open_alerts = r.open_alerts + excluded.open_alerts, matched = r.matched +
            excluded.matched, partially_matched = r.partially_matched + excluded.partially_matched, discrepancy =
            r.discrepancy + excluded.discrepancy, unverifiable = r.unverifiable + excluded.unverifiable,
            not_comparable = r.not_comparable + excluded.not_comparable, failed = r.failed + excluded.failed,
            level_none = r.level_none + excluded.level_none, level_low = r.level_low + excluded.level_low,
            level_medium = r.level_medium + excluded.level_medium, level_high = r.level_high + excluded.level_high,
            orders = r.orders + excluded.orders, orders_reversed = r.orders_reversed + excluded.orders_reversed,
            claimed_views = r.claimed_views + excluded.claimed_views, claimed_clicks = r.claimed_clicks +
            excluded.claimed_clicks, claimed_conversions = r.claimed_conversions + excluded.claimed_conversions,
            observed_views = r.observed_views + excluded.observed_views, observed_clicks = r.observed_clicks +
            excluded.observed_clicks, observed_conversions = r.observed_conversions + excluded.observed_conversions,
            spend = r.spend + excluded.spend, order_amount = r.order_amount + excluded.order_amount, commission =
            r.commission + excluded.commission
    )
    SELECT count(*) INTO taken FROM gone;
    RETURN taken;
END
$$;

-- A campaign's posts by the time of their submission: the ends of a range, and lists of a time.
CREATE INDEX posts_campaign_id_created_at_idx ON posts (campaign_id, created_at);
CREATE INDEX orders_campaign_id_received_at_idx ON orders (campaign_id, received_at) WHERE campaign_id IS NOT NULL;

-- What is there already.
INSERT INTO rollup_deltas SELECT * FROM recount_rollups(NULL, NULL, NULL);
