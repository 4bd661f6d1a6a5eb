SET LOCAL lock_timeout = '2s';
-- More of what operators set by the API, over what the environment says. Null: as the environment says. The account that the
-- access token reads is set for Instagram and Meta, the account that advertises for Meta; the token that reads it is
-- encrypted under the key of key_id.
ALTER TABLE platforms
    ADD COLUMN account_id text CONSTRAINT platforms_account_id_form CHECK (account_id ~ '^[0-9]{1,30}$'),
    ADD COLUMN ad_account_id text CONSTRAINT platforms_ad_account_id_form CHECK (ad_account_id ~ '^act_[0-9]{1,20}$'),
    ADD COLUMN ad_access_token_sealed bytea,
    ADD COLUMN ad_access_token_key_id text,
    ADD CONSTRAINT platforms_ad_access_token_present
        CHECK ((ad_access_token_sealed IS NULL) = (ad_access_token_key_id IS NULL));
