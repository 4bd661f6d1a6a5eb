ALTER TABLE platform_reports
    DROP CONSTRAINT platform_reports_spend_present,
    DROP COLUMN currency,
    DROP COLUMN spend;
