-- How often a job was tried before it was given up. Jobs of this program have five attempts (`task::ATTEMPTS`).
ALTER TABLE dead_jobs
    ADD COLUMN attempts integer NOT NULL DEFAULT 5
        CONSTRAINT dead_jobs_attempts_nonnegative CHECK (attempts >= 0);

CREATE OR REPLACE FUNCTION queue_bury(msg_id uuid, error text) RETURNS void
    LANGUAGE sql
    AS $$
    WITH gone AS (DELETE FROM mq_msgs WHERE id = msg_id RETURNING *)
    INSERT INTO dead_jobs (id, channel_name, name, payload_json, payload_bytes, created_at, last_error, attempts)
    SELECT id, channel_name, name, payload_json, payload_bytes, created_at, error,
        greatest(0, 5 - attempts) FROM gone
$$;

CREATE OR REPLACE FUNCTION queue_bury_exhausted() RETURNS TABLE (id uuid, name text, payload_json text)
    LANGUAGE sql
    AS $$
    WITH due AS (
        SELECT m.id FROM mq_msgs m WHERE m.attempts = 0 AND m.attempt_at <= countersign_now()
        ORDER BY m.attempt_at LIMIT 1000
        FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM mq_msgs m USING due WHERE m.id = due.id RETURNING m.*
    ), buried AS (
        INSERT INTO dead_jobs (id, channel_name, name, payload_json, payload_bytes, created_at, last_error, attempts)
        SELECT g.id, g.channel_name, g.name, g.payload_json, g.payload_bytes, g.created_at,
            coalesce(g.last_error, 'the worker died during the last attempt'), 5
        FROM gone g
    )
    SELECT g.id, g.name, g.payload_json FROM gone g
$$;
