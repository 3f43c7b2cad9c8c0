-- Time partitions of a week each; `reading_rest` takes what is older than the first of them. Upkeep makes the coming
-- weeks and drops the ones past their retention (ioc/store/upkeep.py).

CREATE TABLE reading (
    series_id   int NOT NULL,
    time        timestamptz NOT NULL,
    value       double precision NOT NULL,
    PRIMARY KEY (series_id, time)
) PARTITION BY RANGE (time);
CREATE TABLE reading_rest PARTITION OF reading DEFAULT;

CREATE TABLE position (
    sensor_id   int NOT NULL,
    time        timestamptz NOT NULL,
    lat         double precision NOT NULL,
    lon         double precision NOT NULL,
    speed       double precision,
    heading     double precision,
    PRIMARY KEY (sensor_id, time)
) PARTITION BY RANGE (time);
CREATE TABLE position_rest PARTITION OF position DEFAULT;

CREATE TABLE dirty (                             -- hours whose rollups are behind
    series_id   int NOT NULL,
    hour        timestamptz NOT NULL,
    PRIMARY KEY (series_id, hour)
);
