-- The affiliates' own access to the platforms. A token is encrypted under the key of token_key_id, and is gone once the
-- credential is unlinked; the row stays, because observations cite it.
CREATE TABLE platform_credentials (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT platform_credentials_pkey PRIMARY KEY,
    affiliate_id bigint NOT NULL CONSTRAINT platform_credentials_affiliate_id_fkey REFERENCES affiliates,
    platform text NOT NULL CONSTRAINT platform_credentials_platform_fkey REFERENCES platforms,
    -- Whose token it is, as the platform said when it was linked.
    account_id text CONSTRAINT platform_credentials_account_id_length CHECK (char_length(account_id) BETWEEN 1 AND 200),
    account_handle text
        CONSTRAINT platform_credentials_account_handle_length CHECK (char_length(account_handle) BETWEEN 1 AND 200),
    token_sealed bytea,
    token_key_id text CONSTRAINT platform_credentials_token_key_id_length CHECK (char_length(token_key_id) BETWEEN 1 AND 64),
    -- What the platform said of the token when it was last used. That it is past its time is not a state.
    state text NOT NULL DEFAULT 'WORKING'
        CONSTRAINT platform_credentials_state_known CHECK (state IN ('WORKING', 'EXPIRED', 'REVOKED', 'INSUFFICIENT')),
    expires_at timestamptz,
    last_used_at timestamptz,
    -- Counts the tokens of this account: what is learnt of one says nothing of the next.
    version integer NOT NULL DEFAULT 1 CONSTRAINT platform_credentials_version_range CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT countersign_now(),
    unlinked_at timestamptz,
    CONSTRAINT platform_credentials_token_present
        CHECK (num_nulls(token_sealed, token_key_id) = CASE WHEN unlinked_at IS NULL THEN 0 ELSE 2 END)
);
CREATE INDEX platform_credentials_affiliate_id_idx ON platform_credentials (affiliate_id, id);
CREATE INDEX platform_credentials_platform_idx ON platform_credentials (platform);
-- An affiliate has one account linked on a platform.
CREATE UNIQUE INDEX platform_credentials_linked_key ON platform_credentials (affiliate_id, platform) WHERE unlinked_at IS NULL;

-- Whose access an observation was made with; null: this server's own.
ALTER TABLE platform_reports
    ADD COLUMN credential_id bigint CONSTRAINT platform_reports_credential_id_fkey REFERENCES platform_credentials;
CREATE INDEX platform_reports_credential_id_idx ON platform_reports (credential_id) WHERE credential_id IS NOT NULL;

-- The account that posted, as the platform last said.
ALTER TABLE posts
    ADD COLUMN author_id text CONSTRAINT posts_author_id_length CHECK (char_length(author_id) BETWEEN 1 AND 200),
    ADD COLUMN author_handle text CONSTRAINT posts_author_handle_length CHECK (char_length(author_handle) BETWEEN 1 AND 200);
