CREATE TABLE reading (
    series_id   int NOT NULL,
    time        timestamptz NOT NULL,
    value       double precision NOT NULL,
    PRIMARY KEY (series_id, time)
);
SELECT create_hypertable('reading', 'time', chunk_time_interval => interval '1 day');

CREATE TABLE position (
    sensor_id   int NOT NULL,
    time        timestamptz NOT NULL,
    lat         double precision NOT NULL,
    lon         double precision NOT NULL,
    speed       double precision,
    heading     double precision,
    PRIMARY KEY (sensor_id, time)
);
SELECT create_hypertable('position', 'time', chunk_time_interval => interval '1 day');
