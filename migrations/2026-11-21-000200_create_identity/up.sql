CREATE TABLE advertisers (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT advertisers_pkey PRIMARY KEY,
    name text NOT NULL CONSTRAINT advertisers_name_key UNIQUE
        CONSTRAINT advertisers_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    category text CONSTRAINT advertisers_category_length CHECK (char_length(category) BETWEEN 1 AND 100),
    website text CONSTRAINT advertisers_website_length CHECK (char_length(website) <= 2048),
    application_rule text NOT NULL DEFAULT 'AUTOMATIC'
        CONSTRAINT advertisers_application_rule_known CHECK (application_rule IN ('AUTOMATIC', 'ABOVE_TRUST', 'MANUAL')),
    minimum_trust numeric(3, 2) NOT NULL DEFAULT 0.00
        CONSTRAINT advertisers_minimum_trust_range CHECK (minimum_trust BETWEEN 0 AND 1),
    created_at timestamptz NOT NULL DEFAULT countersign_now()
);

CREATE TABLE affiliates (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT affiliates_pkey PRIMARY KEY,
    name text NOT NULL CONSTRAINT affiliates_name_key UNIQUE
        CONSTRAINT affiliates_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    email text CONSTRAINT affiliates_email_key UNIQUE
        CONSTRAINT affiliates_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
    discord_user_id text CONSTRAINT affiliates_discord_user_id_key UNIQUE
        CONSTRAINT affiliates_discord_user_id_form CHECK (discord_user_id ~ '^[0-9]{1,20}$'),
    trust_score numeric(3, 2) NOT NULL DEFAULT 1.00
        CONSTRAINT affiliates_trust_score_range CHECK (trust_score BETWEEN 0 AND 1),
    total_submissions bigint NOT NULL DEFAULT 0
        CONSTRAINT affiliates_total_submissions_nonnegative CHECK (total_submissions >= 0),
    accurate_submissions bigint NOT NULL DEFAULT 0
        CONSTRAINT affiliates_accurate_submissions_range CHECK (accurate_submissions BETWEEN 0 AND total_submissions),
    -- The hash of the affiliate's latest verdict and how many there are: the head of its audit trail.
    chain_head text NOT NULL DEFAULT repeat('0', 64)
        CONSTRAINT affiliates_chain_head_form CHECK (chain_head ~ '^[0-9a-f]{64}$'),
    chain_length bigint NOT NULL DEFAULT 0
        CONSTRAINT affiliates_chain_length_nonnegative CHECK (chain_length >= 0),
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT countersign_now()
);

-- Which affiliates may see an advertiser and apply to it.
CREATE TABLE eligibility (
    advertiser_id bigint NOT NULL CONSTRAINT eligibility_advertiser_id_fkey REFERENCES advertisers,
    affiliate_id bigint NOT NULL CONSTRAINT eligibility_affiliate_id_fkey REFERENCES affiliates,
    created_at timestamptz NOT NULL DEFAULT countersign_now(),
    CONSTRAINT eligibility_pkey PRIMARY KEY (advertiser_id, affiliate_id)
);
CREATE INDEX eligibility_affiliate_id_idx ON eligibility (affiliate_id);

-- Who may sign in. An affiliate has one user, an advertiser may have several.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT users_pkey PRIMARY KEY,
    role text NOT NULL CONSTRAINT users_role_known CHECK (role IN ('OPERATOR', 'ADVERTISER', 'AFFILIATE')),
    advertiser_id bigint CONSTRAINT users_advertiser_id_fkey REFERENCES advertisers,
    affiliate_id bigint CONSTRAINT users_affiliate_id_fkey REFERENCES affiliates,
    email text CONSTRAINT users_email_key UNIQUE,
    password_hash text,
    created_at timestamptz NOT NULL DEFAULT countersign_now(),
    CONSTRAINT users_role_subject CHECK (
        (role = 'OPERATOR' AND advertiser_id IS NULL AND affiliate_id IS NULL)
        OR (role = 'ADVERTISER' AND advertiser_id IS NOT NULL AND affiliate_id IS NULL)
        OR (role = 'AFFILIATE' AND advertiser_id IS NULL AND affiliate_id IS NOT NULL)
    )
);
CREATE INDEX users_advertiser_id_idx ON users (advertiser_id);
CREATE UNIQUE INDEX users_affiliate_id_key ON users (affiliate_id);

-- A key is shown once; only its SHA-256 is kept. The prefix names it in lists and logs.
CREATE TABLE api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT api_keys_pkey PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT api_keys_user_id_fkey REFERENCES users,
    prefix text NOT NULL CONSTRAINT api_keys_prefix_key UNIQUE,
    hash bytea NOT NULL CONSTRAINT api_keys_hash_key UNIQUE
        CONSTRAINT api_keys_hash_length CHECK (octet_length(hash) = 32),
    label text CONSTRAINT api_keys_label_length CHECK (char_length(label) <= 200),
    created_at timestamptz NOT NULL DEFAULT countersign_now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_user_id_idx ON api_keys (user_id);

-- Each refresh token is used once. Using one twice revokes its whole family.
CREATE TABLE refresh_tokens (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT refresh_tokens_pkey PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT refresh_tokens_user_id_fkey REFERENCES users,
    family uuid NOT NULL,
    hash bytea NOT NULL CONSTRAINT refresh_tokens_hash_key UNIQUE
        CONSTRAINT refresh_tokens_hash_length CHECK (octet_length(hash) = 32),
    created_at timestamptz NOT NULL DEFAULT countersign_now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX refresh_tokens_user_id_idx ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_family_idx ON refresh_tokens (family);

CREATE TABLE applications (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT applications_pkey PRIMARY KEY,
    advertiser_id bigint NOT NULL CONSTRAINT applications_advertiser_id_fkey REFERENCES advertisers,
    affiliate_id bigint NOT NULL CONSTRAINT applications_affiliate_id_fkey REFERENCES affiliates,
    status text NOT NULL DEFAULT 'PENDING'
        CONSTRAINT applications_status_known
        CHECK (status IN ('PENDING', 'APPROVED', 'REJECTED', 'WITHDRAWN', 'ENDED')),
    message text CONSTRAINT applications_message_length CHECK (char_length(message) <= 2000),
    reason text CONSTRAINT applications_reason_length CHECK (char_length(reason) <= 2000),
    created_at timestamptz NOT NULL DEFAULT countersign_now(),
    decided_at timestamptz,
    CONSTRAINT applications_decided_at_present CHECK ((status = 'PENDING') = (decided_at IS NULL))
);
CREATE INDEX applications_affiliate_id_idx ON applications (affiliate_id);
CREATE INDEX applications_advertiser_id_idx ON applications (advertiser_id, id);
-- One application at a time is waiting or in force.
CREATE UNIQUE INDEX applications_live_key ON applications (advertiser_id, affiliate_id)
    WHERE status IN ('PENDING', 'APPROVED');
