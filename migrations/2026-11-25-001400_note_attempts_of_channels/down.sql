ALTER TABLE alert_channels DROP COLUMN last_failed_at;
ALTER TABLE alert_deliveries DROP COLUMN last_attempt_at;
