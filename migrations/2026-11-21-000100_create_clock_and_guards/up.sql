-- The one clock of rules and queue. Everything that compares times calls this function, so a test or a simulated week
-- moves time for the whole database by replacing it. It is inlined: it costs what now() costs.
CREATE FUNCTION countersign_now() RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT now() $$;

-- Evidence is append-only in the database itself: whoever holds a connection, the application included, can add to it
-- and not change it.
CREATE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only, % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_TABLE_NAME || '_append_only';
END
$$;
