ALTER TABLE posts
    DROP COLUMN author_handle,
    DROP COLUMN author_id;
ALTER TABLE platform_reports DROP COLUMN credential_id;
DROP TABLE platform_credentials;
