-- How an advertiser runs its program: when somebody whom it rejected may apply again, and whether its webhooks must carry
-- a time.
ALTER TABLE advertisers
    ADD COLUMN reapply_after_days integer NOT NULL DEFAULT 0
        CONSTRAINT advertisers_reapply_after_days_range CHECK (reapply_after_days BETWEEN 0 AND 3650),
    ADD COLUMN require_timestamp boolean NOT NULL DEFAULT false;

-- The secrets that an advertiser signs its orders with, encrypted. The newest is in force; older ones hold until valid_until.
CREATE TABLE webhook_secrets (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT webhook_secrets_pkey PRIMARY KEY,
    advertiser_id bigint NOT NULL CONSTRAINT webhook_secrets_advertiser_id_fkey REFERENCES advertisers,
    sealed bytea NOT NULL,
    key_id text NOT NULL CONSTRAINT webhook_secrets_key_id_length CHECK (char_length(key_id) BETWEEN 1 AND 64),
    created_at timestamptz NOT NULL DEFAULT countersign_now(),
    valid_until timestamptz
);
CREATE INDEX webhook_secrets_advertiser_id_idx ON webhook_secrets (advertiser_id, id);
-- One of them is in force.
CREATE UNIQUE INDEX webhook_secrets_in_force_key ON webhook_secrets (advertiser_id) WHERE valid_until IS NULL;

-- Purchases, as an advertiser's signed webhook last told them. What it told before is in order_revisions.
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT orders_pkey PRIMARY KEY,
    advertiser_id bigint NOT NULL CONSTRAINT orders_advertiser_id_fkey REFERENCES advertisers,
    -- The advertiser's own name for the order.
    order_id text NOT NULL CONSTRAINT orders_order_id_length CHECK (char_length(order_id) BETWEEN 1 AND 200),
    affiliate_id bigint NOT NULL CONSTRAINT orders_affiliate_id_fkey REFERENCES affiliates,
    campaign_id bigint CONSTRAINT orders_campaign_id_fkey REFERENCES campaigns,
    currency text NOT NULL CONSTRAINT orders_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    amount numeric(20, 6) NOT NULL CONSTRAINT orders_amount_nonnegative CHECK (amount >= 0),
    commission numeric(20, 6) NOT NULL CONSTRAINT orders_commission_nonnegative CHECK (commission >= 0),
    status text NOT NULL CONSTRAINT orders_status_known CHECK (status IN ('ACCEPTED', 'REVERSED')),
    revisions integer NOT NULL DEFAULT 1 CONSTRAINT orders_revisions_positive CHECK (revisions >= 1),
    received_at timestamptz NOT NULL DEFAULT countersign_now(),
    CONSTRAINT orders_order_id_key UNIQUE (advertiser_id, order_id)
);
CREATE INDEX orders_advertiser_id_idx ON orders (advertiser_id, id);
CREATE INDEX orders_affiliate_id_idx ON orders (affiliate_id, advertiser_id, campaign_id);
CREATE INDEX orders_campaign_id_idx ON orders (campaign_id, id);

-- Everything that was told of an order, append-only.
CREATE TABLE order_revisions (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT order_revisions_pkey PRIMARY KEY,
    order_id bigint NOT NULL CONSTRAINT order_revisions_order_id_fkey REFERENCES orders,
    revision integer NOT NULL CONSTRAINT order_revisions_revision_positive CHECK (revision >= 1),
    amount numeric(20, 6) NOT NULL,
    commission numeric(20, 6) NOT NULL,
    status text NOT NULL CONSTRAINT order_revisions_status_known CHECK (status IN ('ACCEPTED', 'REVERSED')),
    -- The signed body as it came, for whoever has to prove it.
    body text NOT NULL,
    -- When it was signed, where it says so.
    signed_at timestamptz,
    received_at timestamptz NOT NULL DEFAULT countersign_now(),
    CONSTRAINT order_revisions_revision_key UNIQUE (order_id, revision)
);
CREATE TRIGGER order_revisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON order_revisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Claims of conversions, which signed orders are credited to.
CREATE INDEX affiliate_reports_conversions_idx ON affiliate_reports (post_id, id)
    WHERE claimed_conversions IS NOT NULL;
