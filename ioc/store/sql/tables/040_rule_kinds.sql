-- What rule kinds need beyond one level a series: several levels, other targets than series, severity that moves, samples
-- that came late, and how each rule fares.

ALTER TABLE rule_target
    ADD COLUMN place smallint NOT NULL DEFAULT 0, -- which of the rule's specs made this pair
    ADD COLUMN low double precision,              -- two-sided: true below this as well
    ADD COLUMN levels jsonb;                      -- all levels where there are several: [[raise, clear, direction], ...]

CREATE TABLE rule_input (                         -- what a target that is no series is judged on
    rule_id     int NOT NULL,                     -- no foreign keys: as rule_target
    target      text NOT NULL,                    -- 'sensor:4', 'area:w1', 'rule:7'
    name        text NOT NULL DEFAULT '',         -- the kind's name for this input
    series_id   int NOT NULL,
    PRIMARY KEY (rule_id, target, name, series_id)
);
CREATE INDEX rule_input_series ON rule_input (series_id);

ALTER TABLE alarm
    ADD COLUMN held int NOT NULL DEFAULT 1,       -- which levels hold, a bit each, the rule's first level the lowest bit
    ADD COLUMN detail jsonb NOT NULL DEFAULT '{}';-- what the kind says of it: members of an area, events near by, ...

CREATE TABLE late_reading (                       -- samples older than their series' newest: rules look at that time again
    series_id   int NOT NULL,
    time        timestamptz NOT NULL,             -- the oldest of its batch
    received_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX late_reading_received ON late_reading (received_at);

CREATE TABLE rule_health (                        -- how each rule fares, for whoever owns it
    rule_id     int PRIMARY KEY,
    evaluated_at timestamptz,                     -- the newest full look that went well
    targets     int NOT NULL DEFAULT 0,
    inputs      boolean NOT NULL DEFAULT false,   -- its targets are in rule_input
    warning     text NOT NULL DEFAULT '',         -- of its definition: watches nothing, not all sensors have the attribute
    error       text NOT NULL DEFAULT '',         -- of its evaluation, '' once it goes well again
    error_at    timestamptz,
    errors      bigint NOT NULL DEFAULT 0         -- how often it turned from well to failing
) WITH (fillfactor = 50);

CREATE TABLE event_deadline (                     -- when steps of a service level are due, worked out once a change
    rule_id     int NOT NULL,
    event_id    bigint NOT NULL,
    stamp       text NOT NULL,                    -- of the rule and the event it was worked out from
    due         timestamptz[] NOT NULL,           -- a step each, NULL while the clock stands still
    next_due    timestamptz,                      -- the first of them
    PRIMARY KEY (rule_id, event_id)
);
CREATE INDEX event_deadline_due ON event_deadline (rule_id, next_due) WHERE next_due IS NOT NULL;
CREATE INDEX event_opened ON event (opened_at DESC);
