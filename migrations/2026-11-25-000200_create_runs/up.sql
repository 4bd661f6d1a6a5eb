-- A check that somebody asked for, of a post or of a campaign's posts.
CREATE TABLE reconciliation_runs (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT reconciliation_runs_pkey PRIMARY KEY,
    requested_by bigint CONSTRAINT reconciliation_runs_requested_by_fkey REFERENCES users,
    campaign_id bigint NOT NULL CONSTRAINT reconciliation_runs_campaign_id_fkey REFERENCES campaigns,
    -- The one post; none where the run is of the campaign.
    post_id bigint CONSTRAINT reconciliation_runs_post_id_fkey REFERENCES posts,
    -- How many claims it checks: the latest of each post that there was when it was asked for.
    total bigint NOT NULL CONSTRAINT reconciliation_runs_total_nonnegative CHECK (total >= 0),
    -- The last post that the run was written for. A run of a large campaign is written in steps.
    reached bigint NOT NULL DEFAULT 0,
    -- The last post of the run.
    through bigint NOT NULL DEFAULT 0,
    requested_at timestamptz NOT NULL DEFAULT countersign_now()
);
CREATE INDEX reconciliation_runs_requested_by_idx ON reconciliation_runs (requested_by);
CREATE INDEX reconciliation_runs_campaign_id_idx ON reconciliation_runs (campaign_id);
CREATE INDEX reconciliation_runs_post_id_idx ON reconciliation_runs (post_id);

-- The claims of a run, and what came of each.
CREATE TABLE run_claims (
    run_id bigint NOT NULL CONSTRAINT run_claims_run_id_fkey REFERENCES reconciliation_runs,
    affiliate_report_id bigint NOT NULL
        CONSTRAINT run_claims_affiliate_report_id_fkey REFERENCES affiliate_reports,
    status text NOT NULL DEFAULT 'PENDING'
        CONSTRAINT run_claims_status_known CHECK (status IN ('PENDING', 'COMPLETED', 'FAILED')),
    reconciliation_id bigint CONSTRAINT run_claims_reconciliation_id_fkey REFERENCES reconciliation_logs,
    CONSTRAINT run_claims_pkey PRIMARY KEY (run_id, affiliate_report_id)
);
CREATE INDEX run_claims_affiliate_report_id_idx ON run_claims (affiliate_report_id);
CREATE INDEX run_claims_reconciliation_id_idx ON run_claims (reconciliation_id) WHERE reconciliation_id IS NOT NULL;
CREATE INDEX run_claims_verdicts_idx ON run_claims (run_id, reconciliation_id) WHERE reconciliation_id IS NOT NULL;

-- Verdicts are numbered by three writers at once, so a lower number may be committed after a higher one. Whoever writes them
-- holds this lock, shared, from before the first number is drawn; a reader that has seen every holder of it end has seen all
-- that was numbered before it looked.
CREATE FUNCTION hold_verdict_numbers() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- 'verdicts' as a number: the same key in every session of this database.
    PERFORM pg_advisory_xact_lock_shared(8531350844713694323);
    RETURN NULL;
END
$$;
CREATE TRIGGER reconciliation_logs_in_order BEFORE INSERT ON reconciliation_logs
    FOR EACH STATEMENT EXECUTE FUNCTION hold_verdict_numbers();

-- Lists of verdicts by time and by status, for whoever looks for discrepancies.
CREATE INDEX reconciliation_logs_status_idx ON reconciliation_logs (status, id);
