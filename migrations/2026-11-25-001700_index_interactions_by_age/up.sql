-- Commands of Discord by when they were given: those of more than a week ago are removed.
CREATE INDEX CONCURRENTLY discord_interactions_age_idx ON discord_interactions (asked_at);
