ALTER TABLE platforms
    DROP CONSTRAINT platforms_ad_access_token_present,
    DROP COLUMN ad_access_token_key_id,
    DROP COLUMN ad_access_token_sealed,
    DROP COLUMN ad_account_id,
    DROP COLUMN account_id;
