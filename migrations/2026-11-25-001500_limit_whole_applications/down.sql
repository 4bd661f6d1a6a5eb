DROP FUNCTION take_platform_call(text, text, boolean);
-- Takes one of the calls that all processes together may make with a credential. `wait` is null where it was taken, else in
-- how many seconds to ask again. `is_open` says that the circuit is not closed: without a wait a call may then be tried, by
-- whoever claims it.
CREATE FUNCTION take_platform_call(for_platform text, for_credential text)
RETURNS TABLE (is_open boolean, wait double precision)
    LANGUAGE plpgsql
    AS $$
DECLARE
    at_time constant timestamptz := countersign_now() + (clock_timestamp() - now());
    health platform_health;
    budget platform_budgets;
    settings platforms;
    free_at timestamptz;
    calls double precision;
BEGIN
    SELECT h.* INTO health FROM platform_health h WHERE h.platform = for_platform;
    is_open := coalesce(health.circuit <> 'CLOSED', false);
    IF is_open AND health.probe_at > at_time THEN
        wait := extract(epoch FROM health.probe_at - at_time);
        IF health.circuit = 'HALF_OPEN' THEN
            -- What comes of the call that is being tried is known in a moment.
            wait := least(wait, 5);
        END IF;
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT b.* INTO budget FROM platform_budgets b
    WHERE b.platform = for_platform AND b.credential = for_credential
    FOR NO KEY UPDATE;
    free_at := CASE
        WHEN budget.remaining = 0 AND budget.resets_at > at_time
            THEN greatest(budget.resets_at, budget.snoozed_until)
        WHEN budget.snoozed_until > at_time THEN budget.snoozed_until
    END;
    IF free_at IS NOT NULL THEN
        wait := extract(epoch FROM free_at - at_time);
        RETURN NEXT;
        RETURN;
    END IF;

    -- Calls of the operators' limit come back evenly, and what is not used is kept for ten seconds, so that a minute never
    -- sees many more.
    SELECT p.* INTO settings FROM platforms p
    WHERE p.kind = for_platform AND p.requests_per_minute IS NOT NULL
    FOR NO KEY UPDATE;
    IF FOUND THEN
        calls := least(
            greatest(settings.requests_per_minute / 6.0, 1),
            coalesce(
                settings.calls_left + settings.requests_per_minute / 60.0
                    * greatest(extract(epoch FROM at_time - settings.calls_left_at), 0),
                greatest(settings.requests_per_minute / 6.0, 1)));
        UPDATE platforms p SET calls_left = calls - (calls >= 1)::integer, calls_left_at = at_time
        WHERE p.kind = for_platform;
        IF calls < 1 THEN
            wait := (1 - calls) * 60 / settings.requests_per_minute;
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;

    IF budget.remaining > 0 AND budget.resets_at > at_time THEN
        UPDATE platform_budgets b SET remaining = b.remaining - 1, updated_at = at_time
        WHERE b.platform = for_platform AND b.credential = for_credential;
    END IF;
    RETURN NEXT;
END
$$;

DELETE FROM platform_budgets WHERE credential = 'app';
ALTER TABLE platform_health DROP COLUMN only_own;
