-- hours --
-- Folds what commits marked into the hours to work off, a bounded bite at a time. Returns how many marks it took.
WITH taken AS (
    DELETE FROM dirty WHERE id IN (SELECT id FROM dirty ORDER BY id LIMIT %(marks)s FOR UPDATE SKIP LOCKED)
    RETURNING hour, series
), folded AS (
    INSERT INTO dirty_hour (series_id, hour)
    SELECT DISTINCT CASE WHEN %(by_series)s THEN s ELSE 0 END, hour FROM taken CROSS JOIN unnest(series) AS u (s)
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM taken;

-- forget_hours --
-- Hours whose readings retention has taken: a late straggler must not overwrite what the full hour came to.
DELETE FROM dirty_hour WHERE hour < %(oldest)s;

-- chunk --
-- Where one bite of hours is put while it is worked off.
CREATE TEMP TABLE IF NOT EXISTS rollup_chunk (series_id int, hour timestamptz, dense boolean) ON COMMIT DELETE ROWS;

-- take --
-- A bite of whole hours, of one series together so that its days are worked out once.
WITH taken AS (
    DELETE FROM dirty_hour d USING (
        SELECT series_id, hour FROM dirty_hour WHERE hour < %(before)s ORDER BY series_id, hour LIMIT %(hours)s) AS b
    WHERE d.series_id = b.series_id AND d.hour = b.hour RETURNING d.series_id, d.hour)
INSERT INTO rollup_chunk (series_id, hour) SELECT series_id, hour FROM taken;

-- hourly --
-- Whole hours anew from their readings, so that late and backfilled data are right.
INSERT INTO rollup_1h AS o (series_id, bucket, count, sum, min, max, first, last)
SELECT c.series_id, c.hour, a.* FROM rollup_chunk c CROSS JOIN LATERAL (
    SELECT count(*), sum(value), min(value), max(value), (array_agg(value ORDER BY time))[1],
        (array_agg(value ORDER BY time))[count(*)]
    FROM reading r WHERE r.series_id = c.series_id AND r.time >= c.hour AND r.time < c.hour + interval '1 hour') AS a
WHERE a.count > 0
ON CONFLICT (series_id, bucket) DO UPDATE SET count = EXCLUDED.count, sum = EXCLUDED.sum, min = EXCLUDED.min,
    max = EXCLUDED.max, first = EXCLUDED.first, last = EXCLUDED.last
WHERE (o.count, o.sum, o.min, o.max, o.first, o.last) IS DISTINCT FROM
    (EXCLUDED.count, EXCLUDED.sum, EXCLUDED.min, EXCLUDED.max, EXCLUDED.first, EXCLUDED.last);

-- minutely --
-- Minutes only where an hour has more than two readings a minute: elsewhere they would cost more than the readings do.
INSERT INTO rollup_1m AS o (series_id, bucket, count, sum, min, max, first, last)
SELECT c.series_id, date_trunc('minute', r.time), count(*), sum(r.value), min(r.value), max(r.value),
    (array_agg(r.value ORDER BY r.time))[1], (array_agg(r.value ORDER BY r.time))[count(*)]
FROM rollup_chunk c
JOIN rollup_1h h ON h.series_id = c.series_id AND h.bucket = c.hour AND h.count > %(dense)s
JOIN reading r ON r.series_id = c.series_id AND r.time >= c.hour AND r.time < c.hour + interval '1 hour'
WHERE c.hour >= %(oldest)s
GROUP BY 1, 2
ON CONFLICT (series_id, bucket) DO UPDATE SET count = EXCLUDED.count, sum = EXCLUDED.sum, min = EXCLUDED.min,
    max = EXCLUDED.max, first = EXCLUDED.first, last = EXCLUDED.last
WHERE (o.count, o.sum, o.min, o.max, o.first, o.last) IS DISTINCT FROM
    (EXCLUDED.count, EXCLUDED.sum, EXCLUDED.min, EXCLUDED.max, EXCLUDED.first, EXCLUDED.last);

-- daily --
-- Whole days of UTC anew from their hours.
INSERT INTO rollup_1d AS o (series_id, bucket, count, sum, min, max, first, last)
SELECT d.series_id, d.day, sum(h.count), sum(h.sum), min(h.min), max(h.max),
    (array_agg(h.first ORDER BY h.bucket))[1], (array_agg(h.last ORDER BY h.bucket))[count(*)]
FROM (SELECT DISTINCT series_id, date_trunc('day', hour, 'UTC') AS day FROM rollup_chunk) AS d
JOIN rollup_1h h ON h.series_id = d.series_id AND h.bucket >= d.day AND h.bucket < d.day + interval '1 day'
GROUP BY d.series_id, d.day
ON CONFLICT (series_id, bucket) DO UPDATE SET count = EXCLUDED.count, sum = EXCLUDED.sum, min = EXCLUDED.min,
    max = EXCLUDED.max, first = EXCLUDED.first, last = EXCLUDED.last
WHERE (o.count, o.sum, o.min, o.max, o.first, o.last) IS DISTINCT FROM
    (EXCLUDED.count, EXCLUDED.sum, EXCLUDED.min, EXCLUDED.max, EXCLUDED.first, EXCLUDED.last);

-- windows --
-- On timescale: closed hours that commits touched, joined to runs, the newest run first. Small gaps are bridged: a refresh
-- works out only what was touched within its window, and a call costs more than to find that out.
SELECT min(hour), max(hour) + interval '1 hour' FROM (
    SELECT hour, sum(breaks::int) OVER (ORDER BY hour) AS run FROM (
        SELECT hour, hour - lag(hour) OVER (ORDER BY hour) > interval '12 hours' AS breaks
        FROM dirty_hour WHERE series_id = 0 AND hour < %(before)s) AS gaps) AS numbered
GROUP BY run ORDER BY 1 DESC;

-- refresh_1m --
-- Each refresh is its own transaction; what was not touched is not worked out again.
CALL refresh_continuous_aggregate('rollup_1m', %(start)s::timestamptz, %(end)s::timestamptz);

-- refresh_1h --
-- From the readings.
CALL refresh_continuous_aggregate('rollup_1h', %(start)s::timestamptz, %(end)s::timestamptz);

-- refresh_1d --
-- From the hours; the window is widened to whole days.
CALL refresh_continuous_aggregate('rollup_1d', date_trunc('day', %(start)s::timestamptz, 'UTC'),
    date_trunc('day', %(end)s::timestamptz + interval '1 day' - interval '1 microsecond', 'UTC'));

-- refreshed --
-- After the refresh, so that a crash in between repeats it.
DELETE FROM dirty_hour WHERE series_id = 0 AND hour >= %(start)s AND hour < %(end)s;

-- waiting --
-- Hours to work off and marks to fold: what a progress bar shows.
SELECT (SELECT count(*) FROM dirty_hour WHERE hour < %(before)s), (SELECT count(*) FROM dirty);
