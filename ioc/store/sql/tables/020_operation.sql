-- How large the store is and how it grows, for the forecast of the day its disk fills; and what upkeep remembers.

CREATE TABLE size_sample (                       -- once a day, the day's last look counts
    day         date NOT NULL,                   -- UTC
    name        text NOT NULL,                   -- a table, or '' for the whole database
    rows        bigint NOT NULL,                 -- as the planner knows them
    bytes       bigint NOT NULL,                 -- with indexes and parts
    PRIMARY KEY (day, name)
);

CREATE TABLE feed_day (                          -- what each feed added, from the ledger, which is too long to sum often
    day         date NOT NULL,                   -- UTC
    feed_id     int NOT NULL REFERENCES feed (id),
    readings    bigint NOT NULL,
    positions   bigint NOT NULL,
    events      bigint NOT NULL,
    PRIMARY KEY (day, feed_id)
);

CREATE TABLE remembered (                        -- small facts that outlive a process: retention as applied, room on the disk
    name        text PRIMARY KEY,
    value       jsonb NOT NULL,
    at          timestamptz NOT NULL DEFAULT now()
);
