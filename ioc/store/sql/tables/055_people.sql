-- People and the life of alarms: who is on duty, along which chain an alarm is told, when somebody may be left in peace,
-- what is being maintained, and a history that nobody can rewrite.
--
-- What the city folder says (rosters, chains, quiet hours, windows) is worked out into plain spans of time here, some weeks
-- ahead, by ioc/store/duty.py. So whoever moves an alarm, engine or screen, finds the people by SQL in its own transaction.

CREATE TABLE roster (                            -- a duty post: somebody holds it at any time
    key         text PRIMARY KEY,
    name        jsonb NOT NULL,
    settings    jsonb NOT NULL                   -- as written in duty.toml
);

CREATE TABLE holiday (
    day         date PRIMARY KEY,                -- a day of the city's own zone
    name        jsonb NOT NULL
);

CREATE TABLE duty (                              -- who holds a post from when to when; worked out, replaced as a whole
    roster      text NOT NULL,
    contact_id  int NOT NULL REFERENCES contact (id),
    starts      timestamptz NOT NULL,
    ends        timestamptz NOT NULL,
    via         text NOT NULL DEFAULT 'rotation' CHECK (via IN ('rotation', 'override')),
    PRIMARY KEY (roster, starts, contact_id),
    CHECK (starts < ends)
);

CREATE TABLE duty_override (                     -- somebody stands in; made at run time, never deleted
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    roster      text NOT NULL,
    contact_id  int NOT NULL REFERENCES contact (id),
    instead_of  int REFERENCES contact (id),     -- NULL: instead of whoever is on duty
    starts      timestamptz NOT NULL,
    ends        timestamptz NOT NULL,
    reason      text NOT NULL CHECK (reason <> ''),
    created_by  text NOT NULL CHECK (created_by <> ''),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at    timestamptz,                     -- taken back
    ended_by    text,
    CHECK (starts < ends)
);

CREATE TABLE quiet (                             -- when a person, or whoever holds a post, is left in peace
    contact_id  int REFERENCES contact (id),
    roster      text,
    passes      smallint NOT NULL,               -- the least priority that comes through all the same; 1 always does
    starts      timestamptz NOT NULL,
    ends        timestamptz NOT NULL,
    CHECK (starts < ends AND (contact_id IS NULL) <> (roster IS NULL))
);
CREATE INDEX quiet_contact ON quiet (contact_id, starts) WHERE contact_id IS NOT NULL;
CREATE INDEX quiet_roster ON quiet (roster, starts) WHERE roster IS NOT NULL;

CREATE TABLE chain (                             -- along which steps an alarm is told; the first that fits counts
    key         text PRIMARY KEY,
    place       int NOT NULL,
    priorities  smallint[] NOT NULL DEFAULT '{}',-- empty: all, as in every list here
    domains     text[] NOT NULL DEFAULT '{}',
    areas       text[] NOT NULL DEFAULT '{}',
    feeds       text[] NOT NULL DEFAULT '{}',
    families    text[] NOT NULL DEFAULT '{}',
    rules       text[] NOT NULL DEFAULT '{}',
    steps       jsonb NOT NULL                   -- [{"notify": ["roster:x", ...], "after": "600s" or null}, ...]
);

-- When step n (0 is the first) of a chain is due, counted from its start. Where nothing is said the steps are spread over
-- the time to respond, the last one falling on its end.
CREATE FUNCTION step_due(steps jsonb, n int, respond interval) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN n >= jsonb_array_length(steps) THEN NULL
        ELSE coalesce((steps->n->>'after')::interval, coalesce(respond, '30 min') * n / greatest(jsonb_array_length(steps) - 1, 1)) END
$$;

CREATE TABLE escalation (                        -- how far an alarm was told along its chain
    alarm_id    bigint PRIMARY KEY REFERENCES alarm (id),
    chain       text NOT NULL DEFAULT '',        -- '': none fitted
    steps       jsonb NOT NULL,                  -- the chain as it was then: an edit does not bend what is under way
    respond     interval,
    round       int NOT NULL DEFAULT 1,
    began_at    timestamptz NOT NULL,
    step        int NOT NULL DEFAULT 1,          -- steps taken
    due_at      timestamptz,                     -- of the next step; NULL: none is left, or it was stopped
    stopped     text NOT NULL DEFAULT ''         -- '', acknowledged, over
);
CREATE INDEX escalation_due ON escalation (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE maintenance (                       -- what is being worked on: its alarms are out of service meanwhile
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text,                            -- of maintenance.toml; NULL: made by an operator
    starts      timestamptz NOT NULL,
    ends        timestamptz NOT NULL,
    areas       text[] NOT NULL DEFAULT '{}',
    feeds       text[] NOT NULL DEFAULT '{}',
    sensors     text[] NOT NULL DEFAULT '{}',    -- LIKE patterns
    rules       text[] NOT NULL DEFAULT '{}',
    domains     text[] NOT NULL DEFAULT '{}',
    tags        text[] NOT NULL DEFAULT '{}',    -- of the sensor's properties.tags
    reason      text NOT NULL CHECK (reason <> ''),
    created_by  text NOT NULL CHECK (created_by <> ''),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at    timestamptz,                     -- called off, or over before its time
    ended_by    text,
    row_version int NOT NULL DEFAULT 0,
    UNIQUE (key, starts),
    CHECK (starts < ends AND areas || feeds || sensors || rules || domains || tags <> '{}')
);
CREATE INDEX maintenance_now ON maintenance (ends) WHERE ended_at IS NULL;

ALTER TABLE alarm ADD COLUMN one_shot boolean NOT NULL DEFAULT false;   -- shelved until it returns to normal, or its end
ALTER TABLE alarm ADD COLUMN parent_id bigint;                          -- the alarm it is hidden behind
ALTER TABLE alarm ADD COLUMN maintenance_id bigint;
ALTER TABLE alarm ADD COLUMN assigned_to int REFERENCES contact (id);
ALTER TABLE alarm ADD COLUMN assigned_at timestamptz;
ALTER TABLE alarm ADD COLUMN assigned_by text;
CREATE INDEX alarm_covered ON alarm (suppression) WHERE closed_at IS NULL AND suppression <> 'none';
CREATE INDEX alarm_assigned ON alarm (assigned_to) WHERE closed_at IS NULL AND assigned_to IS NOT NULL;
CREATE INDEX alarm_listed ON alarm ((condition = 'false'), (suppression <> 'none'), priority, opened_at DESC, id DESC)
    WHERE closed_at IS NULL;

-- The contract with whoever writes messages. reason:
--   raised     this person hears of it for the first time in this episode
--   worsened   it was told before and reached a worse level
--   reminder   it was told before and still stands
--   escalated  nobody acknowledged it in time; `step` is the step of the chain, 1 the second
--   assigned   it was given to this person
--   flapping   it comes and goes and is held now
--   resolved   it is over; owed to everybody who got one of the above since the last resolution
-- via: why this person: 'subscribers', 'everyone', 'roster:KEY', 'contact:KEY', 'assigned', 'told' (because told before).
-- quiet: not_before was put off to the end of quiet hours.
ALTER TABLE intent ADD COLUMN via text NOT NULL DEFAULT '';
ALTER TABLE intent ADD COLUMN step smallint NOT NULL DEFAULT 0;
ALTER TABLE intent ADD COLUMN quiet boolean NOT NULL DEFAULT false;
CREATE INDEX outbox_alarms ON outbox USING gin (alarms);

-- What happened stays written. Only forget_alarms may remove, and only whole episodes that are long over.
CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('ioc.forgetting', true) = pg_current_xact_id()::text THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the history of alarms is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING HINT = 'retention goes through forget_alarms(before)';
END $$;
CREATE TRIGGER alarm_change_kept BEFORE UPDATE OR DELETE ON alarm_change FOR EACH ROW EXECUTE FUNCTION keep_history();
CREATE TRIGGER alarm_change_whole BEFORE TRUNCATE ON alarm_change FOR EACH STATEMENT EXECUTE FUNCTION keep_history();

-- Episodes that closed before the given time, with all that was told of them; at most `most` a call. Returns how many.
CREATE FUNCTION forget_alarms(before timestamptz, most int DEFAULT 5000) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    gone bigint[];
BEGIN
    gone := ARRAY(SELECT id FROM alarm a WHERE closed_at < before
        AND NOT EXISTS (SELECT 1 FROM cap_message c WHERE c.alarm_id = a.id)  -- what was said in public is kept
        ORDER BY id LIMIT most FOR UPDATE SKIP LOCKED);
    PERFORM set_config('ioc.forgetting', pg_current_xact_id()::text, true);
    DELETE FROM intent WHERE alarm_id = ANY (gone);
    DELETE FROM escalation WHERE alarm_id = ANY (gone);
    DELETE FROM alarm_change WHERE alarm_id = ANY (gone);
    DELETE FROM alarm WHERE id = ANY (gone);
    PERFORM set_config('ioc.forgetting', '', true);
    RETURN cardinality(gone);
END $$;
