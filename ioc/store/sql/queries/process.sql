-- beat --
-- One row a process, by its name.
INSERT INTO process (name, started_at, beat_at, state, detail)
VALUES (%(name)s, %(started_at)s, clock_timestamp(), %(state)s, %(detail)s::jsonb)
ON CONFLICT (name) DO UPDATE SET started_at = EXCLUDED.started_at, beat_at = EXCLUDED.beat_at, state = EXCLUDED.state,
    detail = EXCLUDED.detail;

-- forget --
-- It left in order and nobody need miss it.
DELETE FROM process WHERE name = %(name)s;

-- detail --
-- Of the last beat.
SELECT detail FROM process WHERE name = %(name)s;

-- now --
-- The one clock that counts.
SELECT clock_timestamp();

-- lag --
-- How old what this server shows may be: 0 on a primary; NULL on a standby that has not replayed anything yet.
SELECT CASE WHEN pg_is_in_recovery() THEN greatest(clock_timestamp() - pg_last_xact_replay_timestamp(), interval '0')
    ELSE interval '0' END;
