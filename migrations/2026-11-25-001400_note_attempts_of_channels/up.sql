SET LOCAL lock_timeout = '2s';
-- When an attempt on the delivery last ended; null where none has, or none since this is noted.
ALTER TABLE alert_deliveries ADD COLUMN last_attempt_at timestamptz;
-- When a delivery to the channel last failed, tests not counted. Failures that lie far apart are not one.
ALTER TABLE alert_channels ADD COLUMN last_failed_at timestamptz;

-- What follows the host may be a secret, and is shown no more. There are ten channels at most to an advertiser.
UPDATE alert_channels SET shown_url = regexp_replace(shown_url, '^([a-z]+://[^/]+)/.*$', '\1/…');
