CREATE OR REPLACE FUNCTION queue_bury(msg_id uuid, error text) RETURNS void
    LANGUAGE sql
    AS $$
    WITH gone AS (DELETE FROM mq_msgs WHERE id = msg_id RETURNING *)
    INSERT INTO dead_jobs (id, channel_name, name, payload_json, payload_bytes, created_at, last_error)
    SELECT id, channel_name, name, payload_json, payload_bytes, created_at, error FROM gone
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
        INSERT INTO dead_jobs (id, channel_name, name, payload_json, payload_bytes, created_at, last_error)
        SELECT g.id, g.channel_name, g.name, g.payload_json, g.payload_bytes, g.created_at,
            coalesce(g.last_error, 'the worker died during the last attempt')
        FROM gone g
    )
    SELECT g.id, g.name, g.payload_json FROM gone g
$$;

ALTER TABLE dead_jobs DROP COLUMN attempts;
