DROP INDEX refresh_tokens_api_key_id_idx;
ALTER TABLE refresh_tokens DROP COLUMN api_key_id;
ALTER TABLE platforms
    DROP CONSTRAINT platforms_access_token_present,
    DROP CONSTRAINT platforms_client_secret_present,
    DROP COLUMN calls_left_at,
    DROP COLUMN calls_left,
    DROP COLUMN version,
    DROP COLUMN requests_per_minute,
    DROP COLUMN api_version,
    DROP COLUMN access_token_key_id,
    DROP COLUMN access_token_sealed,
    DROP COLUMN client_secret_key_id,
    DROP COLUMN client_secret_sealed,
    DROP COLUMN client_id,
    DROP COLUMN base_url;
