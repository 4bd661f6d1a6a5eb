-- What an advertiser spent on a post at the platform, where the platform tells.
ALTER TABLE platform_reports
    ADD COLUMN spend numeric(20, 6) CONSTRAINT platform_reports_spend_nonnegative CHECK (spend >= 0),
    ADD COLUMN currency text CONSTRAINT platform_reports_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    ADD CONSTRAINT platform_reports_spend_present CHECK ((spend IS NULL) = (currency IS NULL));
