ALTER TABLE alert_deliveries DROP COLUMN job_id;
