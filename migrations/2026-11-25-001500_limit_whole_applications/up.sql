-- Whether only calls with this program's own credential are held back while the circuit is not closed: the platform answers,
-- and refuses that credential. It means nothing while the circuit is closed.
SET LOCAL lock_timeout = '2s';
ALTER TABLE platform_health ADD COLUMN only_own boolean NOT NULL DEFAULT false;

-- In platform_budgets the credential 'app' stands for this program's registration: what is used up there, and until when it is
-- to be left alone, holds for every credential.

-- The same as before, but that it looks at the registration as well, that affiliates' credentials pass a circuit that holds
-- back this program's own only, and that whoever tries a call passes it (`past_circuit`) with the further requests of the call.
DROP FUNCTION take_platform_call(text, text);
CREATE FUNCTION take_platform_call(for_platform text, for_credential text, past_circuit boolean DEFAULT false)
RETURNS TABLE (is_open boolean, wait double precision)
    LANGUAGE plpgsql
    AS $$
DECLARE
    at_time constant timestamptz := countersign_now() + (clock_timestamp() - now());
    health platform_health;
    budget platform_budgets;
    registration platform_budgets;
    settings platforms;
    free_at timestamptz;
    calls double precision;
BEGIN
    SELECT h.* INTO health FROM platform_health h WHERE h.platform = for_platform;
    is_open := coalesce(
        health.circuit <> 'CLOSED' AND (for_credential = 'own' OR NOT health.only_own) AND NOT past_circuit,
        false);
    IF is_open AND health.probe_at > at_time THEN
        wait := extract(epoch FROM health.probe_at - at_time);
        IF health.circuit = 'HALF_OPEN' THEN
            -- What comes of the call that is being tried is known in a moment.
            wait := least(wait, 5);
        END IF;
        RETURN NEXT;
        RETURN;
    END IF;

    -- Only read: calls of the registration are not counted here.
    SELECT b.* INTO registration FROM platform_budgets b
    WHERE b.platform = for_platform AND b.credential = 'app';
    SELECT b.* INTO budget FROM platform_budgets b
    WHERE b.platform = for_platform AND b.credential = for_credential
    FOR NO KEY UPDATE;
    -- The last of those that lie ahead; null where none does.
    free_at := greatest(
        CASE WHEN registration.remaining = 0 AND registration.resets_at > at_time THEN registration.resets_at END,
        CASE WHEN registration.snoozed_until > at_time THEN registration.snoozed_until END,
        CASE WHEN budget.remaining = 0 AND budget.resets_at > at_time THEN budget.resets_at END,
        CASE WHEN budget.snoozed_until > at_time THEN budget.snoozed_until END);
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
