SET LOCAL lock_timeout = '2s';
-- The latest job of the delivery, so that it can be taken out of the queue when the delivery is tried by hand. It may be done
-- already. Null where it was queued before this is noted.
ALTER TABLE alert_deliveries ADD COLUMN job_id uuid;
