DROP TABLE trust_events;
DROP TABLE reconciliation_logs;
