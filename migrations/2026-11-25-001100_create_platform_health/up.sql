-- Whether each platform answers. The rule that opens a circuit is `domain::health`.
CREATE TABLE platform_health (
    platform text CONSTRAINT platform_health_pkey PRIMARY KEY
        CONSTRAINT platform_health_platform_fkey REFERENCES platforms,
    circuit text NOT NULL DEFAULT 'CLOSED'
        CONSTRAINT platform_health_circuit_known CHECK (circuit IN ('CLOSED', 'OPEN', 'HALF_OPEN')),
    -- Since when the circuit is not closed, and when a call may be tried next. While one is being tried (HALF_OPEN), this is
    -- when whoever tries it is taken for dead.
    opened_at timestamptz,
    probe_at timestamptz,
    -- How many calls were tried in vain since the circuit opened.
    failed_probes bigint NOT NULL DEFAULT 0
        CONSTRAINT platform_health_failed_probes_nonnegative CHECK (failed_probes >= 0),
    -- The calls of the current window. They count from its beginning; null before the first call.
    window_started_at timestamptz,
    successes bigint NOT NULL DEFAULT 0 CONSTRAINT platform_health_successes_nonnegative CHECK (successes >= 0),
    failures bigint NOT NULL DEFAULT 0 CONSTRAINT platform_health_failures_nonnegative CHECK (failures >= 0),
    last_success_at timestamptz,
    -- What the latest call that failed was told.
    last_error text CONSTRAINT platform_health_last_error_length CHECK (char_length(last_error) <= 500),
    CONSTRAINT platform_health_circuit_complete CHECK (
        num_nonnulls(opened_at, probe_at) = CASE circuit WHEN 'CLOSED' THEN 0 ELSE 2 END)
)
WITH (fillfactor = 50);
INSERT INTO platform_health (platform) SELECT kind FROM platforms;

-- What the platforms say of how much may still be asked, for each credential: 'own' is this program's.
CREATE TABLE platform_budgets (
    platform text CONSTRAINT platform_budgets_platform_fkey REFERENCES platforms,
    credential text CONSTRAINT platform_budgets_credential_length CHECK (char_length(credential) BETWEEN 1 AND 100),
    -- The calls that are left until resets_at, less those under way; null where the platform does not say.
    remaining bigint CONSTRAINT platform_budgets_remaining_nonnegative CHECK (remaining >= 0),
    resets_at timestamptz,
    -- Until when the platform asked to be left alone.
    snoozed_until timestamptz,
    updated_at timestamptz NOT NULL DEFAULT countersign_now(),
    CONSTRAINT platform_budgets_pkey PRIMARY KEY (platform, credential),
    CONSTRAINT platform_budgets_remaining_present CHECK ((remaining IS NULL) = (resets_at IS NULL))
)
WITH (fillfactor = 50);

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
