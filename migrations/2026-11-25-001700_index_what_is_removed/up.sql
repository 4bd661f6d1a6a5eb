SET LOCAL lock_timeout = '2s';
-- Commands of Discord by when they were given: those of more than a week ago are removed.
CREATE INDEX discord_interactions_age_idx ON discord_interactions (asked_at);
-- Deliveries that arrived or failed, by when they were queued or last tried: those of more than 90 days ago are removed. Of
-- deliveries from before attempts were noted, the time of their arrival is all that is known of the last one.
CREATE INDEX alert_deliveries_ended_idx ON alert_deliveries ((greatest(created_at, last_attempt_at, delivered_at)))
    WHERE status <> 'PENDING';
