-- registry --
-- A city with a feed, five metrics, fixed sensors in fifty wards, and a series for each sensor and metric.
WITH c AS (INSERT INTO city VALUES (true, 'bench', '{}', 'Asia/Ho_Chi_Minh', '{}', 'bench', current_date)),
f AS (INSERT INTO feed (key, name, cadence) VALUES ('bench', '{"": "bench"}', '5 min') RETURNING id),
m AS (INSERT INTO metric (key, name, decimals) SELECT 'm' || k, '{}', CASE k WHEN 0 THEN 2 WHEN 2 THEN 0 ELSE 1 END
      FROM generate_series(0, 4) k),
a AS (INSERT INTO area (key, name, kind, geometry) SELECT 'ward-' || i, '{}', 'ward', '{}' FROM generate_series(0, 49) i),
s AS (INSERT INTO sensor (key, name, feed_id, lat, lon, area) SELECT 'sensor-' || i, '{}', f.id, 9.6, 106, 'ward-' || i %% 50
      FROM f, generate_series(1, %(series)s / 5) i RETURNING id)
INSERT INTO series (sensor_id, metric, feed_id) SELECT s.id, 'm' || k, f.id FROM s, f, generate_series(0, 4) k ORDER BY 1, 2;

-- members --
-- Each sensor stands in its ward.
INSERT INTO sensor_area
SELECT p.id, 'ward', '-infinity', 'infinity', a.id
FROM sensor_place p JOIN sensor s ON s.id = p.sensor_id JOIN area a ON a.key = s.area ON CONFLICT DO NOTHING;

-- more_series --
-- Sensors of which there are years, every ten minutes; returns the ids of their series.
WITH s AS (INSERT INTO sensor (key, name, feed_id, cadence) SELECT 'old-' || gen_random_uuid(), '{}', f.id, interval '10 min'
      FROM feed f, generate_series(1, %(count)s) i WHERE f.key = 'bench' RETURNING id, feed_id)
INSERT INTO series (sensor_id, metric, feed_id) SELECT id, 'm0', feed_id FROM s RETURNING id;

-- weeks --
-- On plain: the partitions of all the years at once.
SELECT make_weeks('reading', 'time', %(start)s, %(end)s);

-- readings --
-- What sensors say, in the order of time as it would come: by series a tide in centimetres, a temperature and dust in tenths,
-- a count of cars, a battery that runs down.
INSERT INTO reading
SELECT s, t, CASE s %% 5
    WHEN 0 THEN round((1.2 * sin(extract(epoch FROM t)::float8 / 7117 + s) + 0.02 * random()) * 100) / 100
    WHEN 1 THEN round((28 + 4 * sin(extract(epoch FROM t)::float8 / 13751 + s) + 0.2 * random()) * 10) / 10
    WHEN 2 THEN floor(40 + 30 * sin(extract(epoch FROM t)::float8 / 13751) + 12 * random())
    WHEN 3 THEN round((25 + 15 * sin(extract(epoch FROM t)::float8 / 40000 + s) + 3 * random()) * 10) / 10
    ELSE round((100 - extract(epoch FROM t)::bigint %% 864000 / 20000.0) * 10) / 10 END
FROM generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 s', %(every)s) t, unnest(%(series)s::int[]) s;

-- latest --
-- As ingest would have left it.
INSERT INTO latest
SELECT DISTINCT ON (series_id) series_id, time, value, clock_timestamp() FROM reading
WHERE time >= %(end)s::timestamptz - interval '1 hour' ORDER BY series_id, time DESC
ON CONFLICT (series_id) DO UPDATE SET time = EXCLUDED.time, value = EXCLUDED.value;

-- roll_hours --
-- On plain: all rollups of a span at once, as rollups.sql makes them by and by.
INSERT INTO rollup_1h
SELECT series_id, date_trunc('hour', time, 'UTC'), count(*), sum(value), min(value), max(value),
    (array_agg(value ORDER BY time))[1], (array_agg(value ORDER BY time))[count(*)]
FROM reading WHERE series_id = ANY (%(series)s) AND time >= %(start)s AND time < %(end)s GROUP BY 1, 2
ON CONFLICT (series_id, bucket) DO UPDATE SET count = EXCLUDED.count, sum = EXCLUDED.sum, min = EXCLUDED.min,
    max = EXCLUDED.max, first = EXCLUDED.first, last = EXCLUDED.last;

-- roll_days --
-- As roll_hours.
INSERT INTO rollup_1d
SELECT series_id, date_trunc('day', bucket, 'UTC'), sum(count), sum(sum), min(min), max(max),
    (array_agg(first ORDER BY bucket))[1], (array_agg(last ORDER BY bucket))[count(*)]
FROM rollup_1h WHERE series_id = ANY (%(series)s) GROUP BY 1, 2
ON CONFLICT (series_id, bucket) DO UPDATE SET count = EXCLUDED.count, sum = EXCLUDED.sum, min = EXCLUDED.min,
    max = EXCLUDED.max, first = EXCLUDED.first, last = EXCLUDED.last;

-- refresh_hours --
-- On timescale.
CALL refresh_continuous_aggregate('rollup_1h', %(start)s::timestamptz, %(end)s::timestamptz);

-- refresh_days --
-- On timescale.
CALL refresh_continuous_aggregate('rollup_1d', %(start)s::timestamptz, %(end)s::timestamptz);

-- settle --
-- On plain: as autovacuum leaves the tables some minutes after a load.
VACUUM (ANALYZE) reading, rollup_1h, rollup_1d, latest, series, sensor, sensor_area;

-- settle_all --
-- On timescale, where rollups are kept in tables of other names.
VACUUM (ANALYZE);

-- rest --
-- On timescale: its policies, so that it does not pack five years beside what is measured, as it would after no week.
SELECT count(*) FROM (
    SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE hypertable_schema IS NOT NULL) AS resting;

-- week --
-- On timescale: the chunk of a moment.
SELECT range_start, range_end FROM timescaledb_information.chunks
WHERE hypertable_schema = current_schema() AND hypertable_name = 'reading'
  AND range_start <= %(at)s::timestamptz AND range_end > %(at)s::timestamptz;

-- compress --
-- On timescale: every chunk that ended before, as the policy does after a week.
SELECT count(compress_chunk(c, true)) FROM show_chunks('reading', older_than => %(end)s::timestamptz) c;

-- chunk_size --
-- On timescale: readings of one chunk and its bytes, with keys.
SELECT (SELECT count(*) FROM reading WHERE time >= %(start)s AND time < %(end)s), d.total_bytes
FROM timescaledb_information.chunks c
JOIN chunks_detailed_size('reading') d ON d.chunk_schema = c.chunk_schema AND d.chunk_name = c.chunk_name
WHERE c.hypertable_schema = current_schema() AND c.hypertable_name = 'reading' AND c.range_start = %(start)s;

-- size --
-- Readings, and bytes with their keys, partitions and chunks included.
SELECT (SELECT count(*) FROM reading), (SELECT bytes FROM table_size WHERE name = 'reading');

-- ids --
-- Every series.
SELECT id FROM series ORDER BY id;
