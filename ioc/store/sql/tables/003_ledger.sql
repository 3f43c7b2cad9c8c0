-- What became of every message, by feed and minute of arrival (the database's clock).
--   received = stored + duplicate + quarantined + ignored                       messages, one fate each
--   readings = readings_stored + readings_duplicate + readings_suspect + readings_ignored
-- A message is stored when it added at least one row, duplicate when all its rows were there already.

CREATE TABLE ledger (
    feed_id     int NOT NULL REFERENCES feed (id),
    minute      timestamptz NOT NULL,
    received    bigint NOT NULL DEFAULT 0,
    stored      bigint NOT NULL DEFAULT 0,
    duplicate   bigint NOT NULL DEFAULT 0,
    quarantined bigint NOT NULL DEFAULT 0,
    ignored     bigint NOT NULL DEFAULT 0,
    readings    bigint NOT NULL DEFAULT 0,
    readings_stored    bigint NOT NULL DEFAULT 0,
    readings_duplicate bigint NOT NULL DEFAULT 0,
    readings_suspect   bigint NOT NULL DEFAULT 0,
    readings_ignored   bigint NOT NULL DEFAULT 0,
    positions   bigint NOT NULL DEFAULT 0,
    events      bigint NOT NULL DEFAULT 0,
    bytes       bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (feed_id, minute),
    CONSTRAINT messages_balance CHECK (received = stored + duplicate + quarantined + ignored),
    CONSTRAINT readings_balance CHECK (readings = readings_stored + readings_duplicate + readings_suspect + readings_ignored)
);

CREATE TABLE ledger_reason (                     -- why messages or readings were not stored
    feed_id     int NOT NULL REFERENCES feed (id),
    hour        timestamptz NOT NULL,
    fate        text NOT NULL CHECK (fate IN ('quarantined', 'ignored', 'suspect', 'reading_ignored')),
    reason      text NOT NULL,
    count       bigint NOT NULL,
    PRIMARY KEY (feed_id, hour, fate, reason)
);

-- Messages that no feed claims belong to this feed.
INSERT INTO feed (key, name, format) VALUES ('unclaimed', '{"en": "Unclaimed topics", "vi": "Chủ đề chưa khai báo"}', '');

CREATE TABLE quarantine (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed_id     int NOT NULL REFERENCES feed (id),
    received_at timestamptz NOT NULL,
    topic       text NOT NULL,
    payload     bytea NOT NULL,                  -- the first 64 KiB
    size        int NOT NULL,                    -- of the whole payload, bytes
    retained    boolean NOT NULL DEFAULT false,
    reason      text NOT NULL,
    detail      text NOT NULL DEFAULT '',
    replayed_at timestamptz                      -- set once a replay stored it
);
CREATE INDEX quarantine_feed ON quarantine (feed_id, id DESC);

CREATE TABLE arrival (                           -- arrival time of messages without a time of their own, so that a
    client      text NOT NULL,                   -- redelivery after a crash is the same reading, not a new one
    mid         int NOT NULL,                    -- MQTT packet id: at most 65,535 rows a client
    digest      bytea NOT NULL,                  -- of topic and payload
    received_at timestamptz NOT NULL,
    PRIMARY KEY (client, mid)
);

-- What an ingester, an evaluator or a screen server says of itself.
CREATE TABLE process (
    name        text PRIMARY KEY,                -- 'ingest', 'alerts', 'dashboards', 'simulate', with /N for a second one
    started_at  timestamptz NOT NULL,
    beat_at     timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'ok',      -- ok, waiting, refused
    detail      jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE feed_contact (                      -- last message of a feed, whatever became of it
    feed_id     int PRIMARY KEY REFERENCES feed (id),
    received_at timestamptz NOT NULL,
    stored_at   timestamptz
) WITH (fillfactor = 50);

CREATE TABLE request (                           -- what somebody at a desk asks the ingester to do
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('replay')),
    feed_id     int NOT NULL REFERENCES feed (id),
    by          text NOT NULL DEFAULT '',
    at          timestamptz NOT NULL DEFAULT now(),
    done_at     timestamptz,
    result      jsonb                            -- {"tried", "stored", "duplicate", "left"} or {"error"}
);
CREATE INDEX request_waiting ON request (id) WHERE done_at IS NULL;

CREATE TABLE proposal (                          -- a feed file the ingester would write for topics nobody declared
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL,                   -- the file's name
    topics      text[] NOT NULL UNIQUE,          -- its filters
    format      text NOT NULL,
    toml        text NOT NULL,                   -- the file; the Feeds page may have edited it
    edited      boolean NOT NULL DEFAULT false,
    confidence  real NOT NULL,
    outcome     text NOT NULL DEFAULT '',        -- what a trial on its own messages said, one line
    reasons     jsonb NOT NULL DEFAULT '[]',     -- [{what, said, sure, why}]
    samples     jsonb NOT NULL DEFAULT '[]',     -- [{topic, payload}], the last few
    messages    int NOT NULL DEFAULT 0,
    state       text NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'dry_run', 'accepted', 'live', 'refused')),
    request     text CHECK (request IN ('dry_run', 'accept', 'refuse')),  -- asked by a page, taken by an ingester
    result      jsonb NOT NULL DEFAULT '{}',     -- of the last request: {summary, lines, faults, error, replayed}
    updated_at  timestamptz NOT NULL DEFAULT now()
);
