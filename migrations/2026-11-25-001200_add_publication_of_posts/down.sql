DROP INDEX posts_platform_post_id_idx;
ALTER TABLE posts DROP COLUMN published_at;
