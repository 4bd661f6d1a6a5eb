DROP TABLE idempotency_keys;
DROP TABLE platform_reports;
DROP TABLE affiliate_reports;
DROP TABLE posts;
