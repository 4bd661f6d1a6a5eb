CREATE TABLE platforms (
    kind text CONSTRAINT platforms_pkey PRIMARY KEY
        CONSTRAINT platforms_kind_known CHECK (kind IN ('REDDIT', 'INSTAGRAM', 'META', 'YOUTUBE', 'TIKTOK', 'X')),
    enabled boolean NOT NULL DEFAULT true
);
INSERT INTO platforms (kind) VALUES ('REDDIT'), ('INSTAGRAM'), ('META'), ('YOUTUBE'), ('TIKTOK'), ('X');

CREATE TABLE campaigns (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT campaigns_pkey PRIMARY KEY,
    advertiser_id bigint NOT NULL CONSTRAINT campaigns_advertiser_id_fkey REFERENCES advertisers,
    name text NOT NULL CONSTRAINT campaigns_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    status text NOT NULL
        CONSTRAINT campaigns_status_known CHECK (status IN ('DRAFT', 'ACTIVE', 'PAUSED', 'ENDED')),
    starts_at timestamptz,
    ends_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT countersign_now(),
    CONSTRAINT campaigns_dates_ordered CHECK (starts_at < ends_at)
);
CREATE INDEX campaigns_advertiser_id_idx ON campaigns (advertiser_id, id);

-- Which platforms a campaign takes posts on, and what a view means on each. A platform that is withdrawn keeps its row:
-- its posts are still checked under the definition they were claimed in.
CREATE TABLE campaign_platforms (
    campaign_id bigint NOT NULL CONSTRAINT campaign_platforms_campaign_id_fkey REFERENCES campaigns,
    platform text NOT NULL CONSTRAINT campaign_platforms_platform_fkey REFERENCES platforms,
    views_definition text NOT NULL
        CONSTRAINT campaign_platforms_views_definition_form CHECK (views_definition ~ '^[A-Za-z0-9._]{1,100}$'),
    withdrawn_at timestamptz,
    CONSTRAINT campaign_platforms_pkey PRIMARY KEY (campaign_id, platform)
);
CREATE INDEX campaign_platforms_platform_idx ON campaign_platforms (platform);

-- The thresholds of a campaign. A change is a new version; a claim keeps the version in force when it was made.
CREATE TABLE policies (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT policies_pkey PRIMARY KEY,
    campaign_id bigint NOT NULL CONSTRAINT policies_campaign_id_fkey REFERENCES campaigns,
    version integer NOT NULL CONSTRAINT policies_version_positive CHECK (version >= 1),
    low_below_percent numeric(13, 6) NOT NULL
        CONSTRAINT policies_low_below_percent_nonnegative CHECK (low_below_percent >= 0),
    high_above_percent numeric(13, 6) NOT NULL,
    absolute_floor bigint NOT NULL
        CONSTRAINT policies_absolute_floor_nonnegative CHECK (absolute_floor >= 0),
    alert_from text NOT NULL
        CONSTRAINT policies_alert_from_known CHECK (alert_from IN ('LOW', 'MEDIUM', 'HIGH')),
    lag_window_hours integer
        CONSTRAINT policies_lag_window_hours_range CHECK (lag_window_hours BETWEEN 0 AND 720),
    recheck_hours integer[] NOT NULL
        CONSTRAINT policies_recheck_hours_length CHECK (cardinality(recheck_hours) <= 16),
    created_at timestamptz NOT NULL DEFAULT countersign_now(),
    CONSTRAINT policies_campaign_id_version_key UNIQUE (campaign_id, version),
    CONSTRAINT policies_percents_ordered CHECK (low_below_percent <= high_above_percent)
);
CREATE TRIGGER policies_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON policies
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
