-- Commands that members of Discord gave, a row for each interaction, since Discord may deliver one twice. The token is what
-- Discord lets answer with for 15 minutes; it is encrypted under the key of token_key_id, and erased when all is said.
CREATE TABLE discord_interactions (
    -- Discord's own ids are kept as it writes them.
    id text CONSTRAINT discord_interactions_pkey PRIMARY KEY
        CONSTRAINT discord_interactions_id_form CHECK (id ~ '^[0-9]{1,20}$'),
    application_id text NOT NULL
        CONSTRAINT discord_interactions_application_id_form CHECK (application_id ~ '^[0-9]{1,20}$'),
    discord_user_id text NOT NULL
        CONSTRAINT discord_interactions_discord_user_id_form CHECK (discord_user_id ~ '^[0-9]{1,20}$'),
    -- The command with its options.
    command jsonb NOT NULL,
    token_sealed bytea,
    token_key_id text,
    -- The claim that it made.
    affiliate_report_id bigint CONSTRAINT discord_interactions_affiliate_report_id_fkey REFERENCES affiliate_reports,
    -- When Discord signed it. The token's life counts from here.
    asked_at timestamptz NOT NULL,
    -- When it was done, whether or not the member could be told.
    answered_at timestamptz,
    CONSTRAINT discord_interactions_token_present CHECK ((token_sealed IS NULL) = (token_key_id IS NULL))
);
CREATE INDEX discord_interactions_affiliate_report_id_idx ON discord_interactions (affiliate_report_id)
    WHERE affiliate_report_id IS NOT NULL;
-- Tokens that are still there, for erasing those that have ended.
CREATE INDEX discord_interactions_asked_at_idx ON discord_interactions (asked_at) WHERE token_sealed IS NOT NULL;
