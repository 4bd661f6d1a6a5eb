SET LOCAL lock_timeout = '2s';
CREATE OR REPLACE FUNCTION queue_release_dead_workers() RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    dead bigint[];
    released bigint;
BEGIN
    SELECT array_agg(w.id) INTO dead FROM queue_workers w
    WHERE pg_try_advisory_xact_lock(1668641134, w.id::integer);
    IF dead IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE mq_msgs SET
        attempt_at = countersign_now(),
        worker_id = NULL,
        crashes = crashes + 1,
        attempts = CASE WHEN attempts > 0 AND crashes < 20 THEN attempts + 1 ELSE attempts END
    WHERE worker_id = ANY (dead);
    GET DIAGNOSTICS released = ROW_COUNT;
    DELETE FROM queue_workers WHERE id = ANY (dead);
    RETURN released;
END
$$;

DROP FUNCTION queue_end_worker(bigint);
DROP FUNCTION mq_poll(text[], integer);
ALTER FUNCTION queue_take(text[], integer) RENAME TO mq_poll;
