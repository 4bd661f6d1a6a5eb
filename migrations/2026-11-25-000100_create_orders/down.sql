DROP INDEX affiliate_reports_conversions_idx;
DROP TABLE order_revisions;
DROP TABLE orders;
DROP TABLE webhook_secrets;
ALTER TABLE advertisers DROP COLUMN require_timestamp, DROP COLUMN reapply_after_days;
