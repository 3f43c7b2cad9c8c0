-- What the feeds say. `reading` itself is made per engine (plain/002, timescale/002) as
--   reading (series_id int, time timestamptz, value double precision, PRIMARY KEY (series_id, time))
-- and so are `position` and the rollups' upkeep.

CREATE TABLE latest (                            -- one row a series; never goes backwards
    series_id   int PRIMARY KEY REFERENCES series (id),
    time        timestamptz NOT NULL,            -- the data's own
    value       double precision NOT NULL,
    received_at timestamptz NOT NULL             -- the database's clock at commit
) WITH (fillfactor = 50);

CREATE TABLE latest_position (
    sensor_id   int PRIMARY KEY REFERENCES sensor (id),
    time        timestamptz NOT NULL,
    lat         double precision NOT NULL,
    lon         double precision NOT NULL,
    speed       double precision,                -- m/s
    heading     double precision,                -- degrees from north
    received_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE suspect (                           -- stored, and kept from charts and rules
    series_id   int NOT NULL REFERENCES series (id),
    time        timestamptz NOT NULL,
    value       double precision NOT NULL,       -- NaN where the payload had no finite number
    reason      text NOT NULL,                   -- range, rate, future, past, not_finite
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (series_id, time)
);
CREATE INDEX suspect_received ON suspect (received_at);

CREATE TABLE quality (                           -- a series' standing faults, one row a kind
    series_id   int NOT NULL REFERENCES series (id),
    kind        text NOT NULL,                   -- range, rate, stuck, skew, duplicate, gap, future, past, not_finite, flood
    since       timestamptz NOT NULL,
    last        timestamptz NOT NULL,
    count       bigint NOT NULL DEFAULT 1,
    detail      text NOT NULL DEFAULT '',
    active      boolean NOT NULL DEFAULT true,
    PRIMARY KEY (series_id, kind)
);

CREATE TABLE event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed_id     int NOT NULL REFERENCES feed (id),
    key         text NOT NULL,
    kind        text NOT NULL,
    title       text NOT NULL DEFAULT '',
    status      text NOT NULL CHECK (status IN ('open', 'changed', 'closed')),
    severity    smallint NOT NULL DEFAULT 0,
    opened_at   timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    closed_at   timestamptz,
    lat         double precision,
    lon         double precision,
    area        text,
    properties  jsonb NOT NULL DEFAULT '{}',
    received_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (feed_id, key)
);
CREATE INDEX event_open ON event (changed_at) WHERE closed_at IS NULL;

CREATE TABLE event_change (
    event_id    bigint NOT NULL REFERENCES event (id),
    time        timestamptz NOT NULL,
    status      text NOT NULL,
    severity    smallint NOT NULL,
    title       text NOT NULL DEFAULT '',
    properties  jsonb NOT NULL DEFAULT '{}',
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, time, status)
);

CREATE TABLE rollup_1m (
    series_id int NOT NULL, bucket timestamptz NOT NULL, count bigint NOT NULL,
    sum double precision NOT NULL, min double precision NOT NULL, max double precision NOT NULL,
    first double precision NOT NULL, last double precision NOT NULL,
    PRIMARY KEY (series_id, bucket)
);
CREATE TABLE rollup_1h (LIKE rollup_1m INCLUDING ALL);
CREATE TABLE rollup_1d (LIKE rollup_1m INCLUDING ALL);  -- days of UTC; local days are summed from hours at read

-- What each commit touched: readers learn of it by NOTIFY ioc_change, '<id>' and fetch only that.
CREATE TABLE change (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    series      int[] NOT NULL DEFAULT '{}',
    sensors     int[] NOT NULL DEFAULT '{}',     -- moved
    events      bigint[] NOT NULL DEFAULT '{}',
    registry    boolean NOT NULL DEFAULT false   -- sensors, series or areas were added or edited
);
CREATE INDEX change_at ON change (at);
