-- What the feeds say. `reading` itself is made per engine (plain/002, timescale/002) as
--   reading (series_id int, time timestamptz, value double precision, PRIMARY KEY (series_id, time))
-- and so are `position` and the rollups
--   rollup_1m, rollup_1h, rollup_1d (series_id, bucket, count, sum, min, max, first, last).

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

-- Hours whose rollups are behind. The write path adds one `dirty` row for each hour of UTC a commit touched, in the same
-- transaction, and nothing more: one row, however many series. Upkeep folds them into `dirty_hour` and works those off.
CREATE TABLE dirty (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hour        timestamptz NOT NULL,            -- the start of it
    series      int[] NOT NULL                   -- with readings added in that hour; repeats do no harm
);
CREATE TABLE dirty_hour (
    series_id   int NOT NULL,                    -- 0 on timescale, which keeps its own record of series
    hour        timestamptz NOT NULL,
    PRIMARY KEY (series_id, hour)
);

CREATE TABLE job (                               -- when each piece of upkeep last ran, whichever process did it
    name        text PRIMARY KEY,
    ran_at      timestamptz NOT NULL,
    took        interval NOT NULL,
    result      text NOT NULL DEFAULT ''
);

CREATE TABLE series_habit (                      -- what a series usually does, learned by quality.py
    series_id   int PRIMARY KEY REFERENCES series (id),
    cadence     interval,                        -- the usual time between readings
    delays      real[] NOT NULL DEFAULT '{}',    -- received - event, seconds, newest first, at most 7
    learned_at  timestamptz NOT NULL
);

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
