-- Hypertables with a chunk a day, columnstore after a week, and the rollups as continuous aggregates. They are real-time:
-- what is not materialised yet is worked out at read. Hours come from readings and not from minutes, which are dropped
-- earlier. Upkeep refreshes the hours that commits touched, however late, and drops old chunks by the city's retention
-- (ioc/store/upkeep.py).

CREATE TABLE reading (
    series_id   int NOT NULL,
    time        timestamptz NOT NULL,
    value       double precision NOT NULL,
    PRIMARY KEY (series_id, time)
);
SELECT create_hypertable('reading', 'time', chunk_time_interval => interval '1 day', create_default_indexes => false);
ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'series_id',
    timescaledb.compress_orderby = 'time DESC');
SELECT add_compression_policy('reading', interval '7 days');

CREATE TABLE position (
    sensor_id   int NOT NULL,
    time        timestamptz NOT NULL,
    lat         double precision NOT NULL,
    lon         double precision NOT NULL,
    speed       double precision,
    heading     double precision,
    PRIMARY KEY (sensor_id, time)
);
SELECT create_hypertable('position', 'time', chunk_time_interval => interval '1 day', create_default_indexes => false);
ALTER TABLE position SET (timescaledb.compress, timescaledb.compress_segmentby = 'sensor_id',
    timescaledb.compress_orderby = 'time DESC');
SELECT add_compression_policy('position', interval '7 days');

CREATE MATERIALIZED VIEW rollup_1m
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT series_id, time_bucket('1 minute', time) AS bucket, count(*) AS count, sum(value) AS sum, min(value) AS min,
    max(value) AS max, first(value, time) AS first, last(value, time) AS last
FROM reading GROUP BY 1, 2 WITH NO DATA;

CREATE MATERIALIZED VIEW rollup_1h
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT series_id, time_bucket('1 hour', time) AS bucket, count(*) AS count, sum(value) AS sum, min(value) AS min,
    max(value) AS max, first(value, time) AS first, last(value, time) AS last
FROM reading GROUP BY 1, 2 WITH NO DATA;

CREATE MATERIALIZED VIEW rollup_1d
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT series_id, time_bucket('1 day', bucket) AS bucket, sum(count)::bigint AS count, sum(sum) AS sum, min(min) AS min,
    max(max) AS max, first(first, bucket) AS first, last(last, bucket) AS last
FROM rollup_1h GROUP BY 1, time_bucket('1 day', bucket) WITH NO DATA;

-- Refresh of the newest by the server itself: what keeps rollups going while no process of ours does upkeep, and what
-- TimescaleDB wants to see before it compresses them.
SELECT add_continuous_aggregate_policy('rollup_1m', start_offset => interval '6 hours', end_offset => interval '1 hour',
    schedule_interval => interval '30 minutes');
SELECT add_continuous_aggregate_policy('rollup_1h', start_offset => interval '3 days', end_offset => interval '1 hour',
    schedule_interval => interval '1 hour');
SELECT add_continuous_aggregate_policy('rollup_1d', start_offset => interval '7 days', end_offset => interval '1 day',
    schedule_interval => interval '6 hours');

ALTER MATERIALIZED VIEW rollup_1m SET (timescaledb.compress = true);
SELECT add_compression_policy('rollup_1m', interval '7 days');
ALTER MATERIALIZED VIEW rollup_1h SET (timescaledb.compress = true);
SELECT add_compression_policy('rollup_1h', interval '60 days');
