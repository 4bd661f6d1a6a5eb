-- When a post was published, as its platform or its id told first; null as long as neither did.
ALTER TABLE posts ADD COLUMN published_at timestamptz;

-- One native post, whoever submitted it and to whichever campaign, the first of them first.
CREATE INDEX posts_platform_post_id_idx ON posts (platform, platform_post_id, id) WHERE platform_post_id IS NOT NULL;
