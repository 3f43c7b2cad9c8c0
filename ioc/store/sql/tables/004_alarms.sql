-- Rules as loaded, alarms and what is owed to people. Semantics: four independent fields (condition, acknowledgement,
-- latch, suppression); the ISA-18.2 state is derived in views/alarm_state.sql.

CREATE TABLE rule (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL UNIQUE,
    version     int NOT NULL DEFAULT 1,
    kind        text NOT NULL,
    name        jsonb NOT NULL,
    settings    jsonb NOT NULL,                  -- the rule as written
    priority    smallint NOT NULL CHECK (priority BETWEEN 1 AND 4),   -- 1 critical .. 4 low
    enabled     boolean NOT NULL DEFAULT true,
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE rule_target (                       -- which series a rule watches, with the levels for that series
    rule_id     int NOT NULL,                    -- no foreign keys: it is worked out from rule and series, of which nothing
    series_id   int NOT NULL,                    -- is ever deleted, and checking 800,000 pairs takes longer than all the rest
    raise       double precision,                -- NULL where the kind has no level
    clear       double precision,
    direction   smallint NOT NULL DEFAULT 1,     -- 1: too high, -1: too low
    quiet_after interval,                        -- silence rules: no reading for this long
    PRIMARY KEY (rule_id, series_id)
);
CREATE INDEX rule_target_series ON rule_target (series_id);

CREATE TABLE tick (                              -- one evaluation; unique, so two evaluators cannot both do it
    at          timestamptz PRIMARY KEY,         -- logical time, aligned
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    pairs       bigint NOT NULL DEFAULT 0,
    opened      int NOT NULL DEFAULT 0,
    cleared     int NOT NULL DEFAULT 0,
    error       text
);

CREATE TABLE alarm (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule_id     int NOT NULL REFERENCES rule (id),
    rule_version int NOT NULL,
    target      text NOT NULL,                   -- 'series:17', 'sensor:4', 'feed:3', 'event:88': what the rule is about
    series_id   int REFERENCES series (id),
    sensor_id   int REFERENCES sensor (id),
    feed_id     int REFERENCES feed (id),
    area        text,
    domain      text NOT NULL DEFAULT '',
    lat         double precision,
    lon         double precision,
    priority    smallint NOT NULL,
    value       double precision,                -- at the last change
    peak        double precision,
    threshold   double precision,
    condition   text NOT NULL DEFAULT 'true' CHECK (condition IN ('true', 'false', 'nodata', 'error')),
    acked_at    timestamptz,
    acked_by    text,
    ack_note    text,
    latched     boolean NOT NULL DEFAULT false,
    suppression text NOT NULL DEFAULT 'none' CHECK (suppression IN ('none', 'shelved', 'by_design', 'out_of_service')),
    suppressed_until timestamptz,
    suppressed_by text,
    suppress_reason text,
    event_start timestamptz NOT NULL,            -- the data's own time
    event_end   timestamptz,                     -- likewise, of the return to normal
    last_event  timestamptz,                     -- the newest sample used: an older one never moves this alarm
    opened_at   timestamptz NOT NULL,
    cleared_at  timestamptz,                     -- condition returned to normal
    closed_at   timestamptz,                     -- episode over
    close_reason text,
    detected_late boolean NOT NULL DEFAULT false,
    reopened    int NOT NULL DEFAULT 0,
    flap        real NOT NULL DEFAULT 0,         -- percent
    flapping    boolean NOT NULL DEFAULT false,  -- notifications are held
    told        text NOT NULL DEFAULT 'none' CHECK (told IN ('none', 'raised', 'resolved')),
    reminded_at timestamptz,
    row_version int NOT NULL DEFAULT 0           -- also the seq of its newest alarm_change
);
CREATE UNIQUE INDEX alarm_one_open ON alarm (rule_id, target) WHERE closed_at IS NULL;
CREATE INDEX alarm_rule_open ON alarm (rule_id, series_id) WHERE closed_at IS NULL;
CREATE INDEX alarm_rule_target ON alarm (rule_id, target, id DESC);
CREATE INDEX alarm_series ON alarm (series_id, opened_at DESC);
CREATE INDEX alarm_opened ON alarm (opened_at DESC);

CREATE TABLE alarm_change (                      -- append-only history
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm_id    bigint NOT NULL REFERENCES alarm (id),
    seq         int NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    event_time  timestamptz,
    kind        text NOT NULL,                   -- raised, cleared, reraised, acked, nodata, closed, shelved, unshelved, ...
    value       double precision,
    actor       text NOT NULL DEFAULT 'ioc',
    note        text NOT NULL DEFAULT '',
    detail      jsonb NOT NULL DEFAULT '{}',
    UNIQUE (alarm_id, seq)
);
CREATE INDEX alarm_change_at ON alarm_change (at DESC);

CREATE TABLE contact (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL UNIQUE,
    name        text NOT NULL,
    email       text NOT NULL,
    language    text NOT NULL DEFAULT 'en',
    zone        text,
    settings    jsonb NOT NULL DEFAULT '{}',
    state       text NOT NULL DEFAULT 'ok' CHECK (state IN ('ok', 'refused', 'removed')),
    state_note  text NOT NULL DEFAULT ''
);

CREATE TABLE intent (                            -- who must know what; made in the transition's own transaction
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id   bigint NOT NULL REFERENCES alarm_change (id),
    alarm_id    bigint NOT NULL REFERENCES alarm (id),
    contact_id  int NOT NULL REFERENCES contact (id),
    reason      text NOT NULL,                   -- raised, resolved, reminder, ...
    group_key   text NOT NULL,
    not_before  timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'mailed', 'dropped')),
    outbox_id   uuid,
    UNIQUE (change_id, contact_id, reason)
);
CREATE INDEX intent_open ON intent (not_before) WHERE state = 'open';
CREATE INDEX intent_alarm ON intent (alarm_id, contact_id);

CREATE TABLE outbox (                            -- one row = one mail to one person
    id          uuid PRIMARY KEY,
    contact_id  int NOT NULL REFERENCES contact (id),
    email       text NOT NULL,
    kind        text NOT NULL DEFAULT 'alarm',   -- alarm, group, flood, resolved, system
    thread_key  text NOT NULL,
    seq         int NOT NULL,
    priority    smallint NOT NULL,
    message_id  text NOT NULL UNIQUE,            -- fixed when the row is made, the same in every attempt
    subject     text NOT NULL,
    mime        bytea,                           -- frozen: every attempt sends these bytes
    plain_mime  bytea,                           -- the same mail as text only, tried once where a server refuses the first
    alarms      bigint[] NOT NULL DEFAULT '{}',
    state       text NOT NULL DEFAULT 'ready'
                CHECK (state IN ('ready', 'leased', 'sent', 'maybe_sent', 'failed', 'superseded')),
    due_at      timestamptz NOT NULL,
    attempts    int NOT NULL DEFAULT 0,
    lease_until timestamptz,
    lease_token uuid,
    ambiguous   boolean NOT NULL DEFAULT false,  -- a server may have taken it and not said so
    last_reply  text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    sent_at     timestamptz,
    UNIQUE (contact_id, thread_key, seq)
) WITH (fillfactor = 70);
CREATE INDEX outbox_due ON outbox (priority, due_at) WHERE state IN ('ready', 'leased');
CREATE INDEX outbox_created ON outbox (created_at DESC);
CREATE INDEX outbox_contact ON outbox (contact_id, created_at DESC);

CREATE TABLE mail_channel (                      -- whether mail can leave at all
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    state       text NOT NULL DEFAULT 'ok' CHECK (state IN ('ok', 'down', 'stopped')),
    reason      text NOT NULL DEFAULT '',        -- the server's own words
    server      text NOT NULL DEFAULT '',        -- a digest of the address: another one is tried at once
    failures    int NOT NULL DEFAULT 0,          -- in a row
    since       timestamptz NOT NULL DEFAULT now(),
    probe_at    timestamptz NOT NULL DEFAULT now()
);
INSERT INTO mail_channel DEFAULT VALUES;

CREATE TABLE leader (                            -- fences a paused evaluator that wakes up late
    name        text PRIMARY KEY,
    epoch       bigint NOT NULL,
    holder      text NOT NULL,
    beat_at     timestamptz NOT NULL
);
