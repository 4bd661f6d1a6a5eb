-- What operators set by the API, over what the environment says. Null: as the environment says. Secrets are encrypted under
-- the key of key_id.
ALTER TABLE platforms
    ADD COLUMN base_url text CONSTRAINT platforms_base_url_length CHECK (octet_length(base_url) <= 2048),
    ADD COLUMN client_id text CONSTRAINT platforms_client_id_length CHECK (char_length(client_id) BETWEEN 1 AND 500),
    ADD COLUMN client_secret_sealed bytea,
    ADD COLUMN client_secret_key_id text,
    ADD COLUMN access_token_sealed bytea,
    ADD COLUMN access_token_key_id text,
    ADD COLUMN api_version text CONSTRAINT platforms_api_version_form CHECK (api_version ~ '^[A-Za-z0-9._-]{1,50}$'),
    ADD COLUMN requests_per_minute integer
        CONSTRAINT platforms_requests_per_minute_range CHECK (requests_per_minute BETWEEN 1 AND 1000000),
    -- Counts up with every change, so that each process sees that there is one.
    ADD COLUMN version bigint NOT NULL DEFAULT 0,
    -- The calls that may be made now, and when that was so: they come back with time, up to a minute's worth.
    ADD COLUMN calls_left double precision,
    ADD COLUMN calls_left_at timestamptz,
    ADD CONSTRAINT platforms_client_secret_present
        CHECK ((client_secret_sealed IS NULL) = (client_secret_key_id IS NULL)),
    ADD CONSTRAINT platforms_access_token_present
        CHECK ((access_token_sealed IS NULL) = (access_token_key_id IS NULL));

-- A sign-in ends with the key that it began with.
ALTER TABLE refresh_tokens
    ADD COLUMN api_key_id bigint CONSTRAINT refresh_tokens_api_key_id_fkey REFERENCES api_keys;
CREATE INDEX refresh_tokens_api_key_id_idx ON refresh_tokens (api_key_id) WHERE api_key_id IS NOT NULL;
