SET LOCAL lock_timeout = '2s';
-- A poll that is under way while its worker ends or dies must not lease jobs for it after they were given back: nobody would
-- do them until those leases end. So each poll of a worker holds a lock on the worker's number, which it shares with the
-- worker's other polls, and takes jobs only while the worker is on the list; whoever takes it off the list first has that
-- lock alone.
ALTER FUNCTION mq_poll(text[], integer) RENAME TO queue_take;

-- What the crate calls: queue_take for workers that are at work, and for polls that name no worker. A worker that is on the
-- list no more gets nothing.
CREATE FUNCTION mq_poll(channel_names text[], batch_size integer DEFAULT 1)
RETURNS TABLE (
    id uuid,
    is_committed boolean,
    name text,
    payload_json text,
    payload_bytes bytea,
    retry_backoff interval,
    wait_time interval
)
    LANGUAGE plpgsql
    AS $$
DECLARE
    worker constant bigint := nullif(current_setting('countersign.worker_id', true), '')::bigint;
BEGIN
    IF worker IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock_shared(1668641135, worker::integer);
        IF NOT EXISTS (SELECT FROM queue_workers w WHERE w.id = worker) THEN
            RETURN QUERY SELECT NULL::uuid, NULL::boolean, NULL::text, NULL::text, NULL::bytea, NULL::interval,
                interval '60 seconds';
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT * FROM queue_take(channel_names, batch_size);
END
$$;

-- Takes a worker that ends in order off the list, once its polls have ended, and puts the jobs that it holds back as they
-- were. Says how many.
CREATE FUNCTION queue_end_worker(ended bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    released bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(1668641135, ended::integer);
    DELETE FROM queue_workers WHERE id = ended;
    -- In the order in which everybody locks jobs: those of this worker that are done in this moment are written meanwhile.
    WITH mine AS (SELECT m.id FROM mq_msgs m WHERE m.worker_id = ended ORDER BY m.id FOR UPDATE)
    UPDATE mq_msgs m SET attempt_at = countersign_now(), attempts = attempts + 1, worker_id = NULL
    FROM mine WHERE m.id = mine.id;
    GET DIAGNOSTICS released = ROW_COUNT;
    RETURN released;
END
$$;

-- Gives the jobs of workers that died back to the queue, without waiting for their leases; a worker of which a poll is still
-- under way is left to the next call. A worker holds many jobs that it has not begun, so its death costs none of them an
-- attempt; but a last attempt stays the last, and after 20 deaths the attempt stays spent, since a job that kills its worker
-- must come to an end.
CREATE OR REPLACE FUNCTION queue_release_dead_workers() RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    dead bigint[];
    released bigint;
BEGIN
    SELECT array_agg(w.id) INTO dead FROM queue_workers w
    WHERE CASE WHEN pg_try_advisory_xact_lock(1668641134, w.id::integer)
        THEN pg_try_advisory_xact_lock(1668641135, w.id::integer) END;
    IF dead IS NULL THEN
        RETURN 0;
    END IF;
    WITH theirs AS (SELECT m.id FROM mq_msgs m WHERE m.worker_id = ANY (dead) ORDER BY m.id FOR UPDATE)
    UPDATE mq_msgs m SET
        attempt_at = countersign_now(),
        worker_id = NULL,
        crashes = m.crashes + 1,
        attempts = CASE WHEN m.attempts > 0 AND m.crashes < 20 THEN m.attempts + 1 ELSE m.attempts END
    FROM theirs WHERE m.id = theirs.id;
    GET DIAGNOSTICS released = ROW_COUNT;
    DELETE FROM queue_workers WHERE id = ANY (dead);
    RETURN released;
END
$$;
