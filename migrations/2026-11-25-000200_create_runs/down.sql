DROP INDEX reconciliation_logs_status_idx;
DROP TRIGGER reconciliation_logs_in_order ON reconciliation_logs;
DROP FUNCTION hold_verdict_numbers();
DROP TABLE run_claims;
DROP TABLE reconciliation_runs;
