-- raw --
-- Readings as they are, as long as no series has more than %(most)s of them; the one too many says that it has.
SELECT s.id, r.time, r.value AS mean, r.value AS low, r.value AS high
FROM unnest(%(series)s::int[]) AS s (id)
CROSS JOIN LATERAL (
    SELECT time, value FROM reading
    WHERE series_id = s.id AND time >= %(start)s AND time < %(end)s ORDER BY time LIMIT %(most)s + 1) AS r
ORDER BY s.id, r.time;

-- amount --
-- How many readings the busiest of the series has in a long span, by its days; those just being worked out do not count.
SELECT coalesce(max(n), 0)::bigint FROM (
    SELECT sum(count) AS n FROM rollup_1d
    WHERE series_id = ANY (%(series)s) AND bucket >= %(first_day)s AND bucket < %(end)s
    GROUP BY series_id) AS counts;

-- kept --
-- What retention has left of the span: whether the first of each series' days still has hours, and its first hour readings.
SELECT coalesce(bool_and(NOT coalesce(h.bucket >= d.bucket + interval '1 day', d.bucket IS NOT NULL)), true) AS hours,
    coalesce(bool_and(NOT coalesce(r.time >= h.bucket + interval '1 hour', h.bucket IS NOT NULL)), true) AS readings
FROM unnest(%(series)s::int[]) AS s (id)
LEFT JOIN LATERAL (
    SELECT min(bucket) AS bucket FROM rollup_1d WHERE series_id = s.id
      AND bucket >= %(second_day)s AND bucket < %(end)s) AS d ON true
LEFT JOIN LATERAL (
    SELECT min(bucket) AS bucket FROM rollup_1h WHERE series_id = s.id
      AND bucket >= %(second_hour)s AND bucket < %(end)s) AS h ON true
LEFT JOIN LATERAL (
    SELECT min(time) AS time FROM reading WHERE series_id = s.id
      AND time >= %(second_hour)s AND time < %(end)s) AS r ON true;

-- late --
-- Hours of the span whose rollups are still to be worked out, by series: marked by commits, or folded and waiting. Those
-- are read from the readings, all others from their rollups, however many hours wait elsewhere.
SELECT DISTINCT w.id, d.hour FROM dirty_hour d JOIN unnest(%(series)s::int[]) AS w (id) ON d.series_id IN (0, w.id)
WHERE d.hour >= %(first_hour)s AND d.hour < least(%(end)s, %(settled)s)
UNION
SELECT u.id, d.hour FROM dirty d CROSS JOIN LATERAL unnest(d.series) AS u (id)
WHERE d.hour >= %(first_hour)s AND d.hour < least(%(end)s, %(settled)s)
  AND d.series && %(series)s::int[] AND u.id = ANY (%(series)s);

-- readings --
-- Straight from the readings, in steps.
SELECT series_id, date_bin(%(step)s, time, timestamptz '2000-01-01 00:00Z') AS at, avg(value), min(value), max(value)
FROM reading WHERE series_id = ANY (%(series)s) AND time >= %(start)s AND time < %(end)s
GROUP BY 1, 2 ORDER BY 1, 2;

-- minutes --
-- From minutes where an hour has more of readings than of minutes, from the readings where it has not or where the minutes
-- are past their retention, and from the readings in late and in the newest hours.
WITH late AS MATERIALIZED (
    SELECT * FROM unnest(%(late_series)s::int[], %(late_hours)s::timestamptz[]) AS l (series_id, hour)
), hour AS MATERIALIZED (
    SELECT h.series_id, h.bucket, h.count FROM rollup_1h h
    WHERE h.series_id = ANY (%(series)s) AND h.bucket >= %(first_hour)s
      AND h.bucket < least(%(end)s, %(settled)s)
      AND NOT EXISTS (SELECT 1 FROM late l WHERE l.series_id = h.series_id AND l.hour = h.bucket)
), minute AS MATERIALIZED (
    SELECT m.series_id, m.bucket, m.count, m.sum, m.min, m.max FROM rollup_1m m
    WHERE m.series_id = ANY (%(dense_series)s) AND m.bucket >= %(first_hour)s
      AND m.bucket < least(%(end)s, %(settled)s)
), by_minute AS MATERIALIZED (
    SELECT h.series_id, h.bucket FROM hour h WHERE h.count > %(dense)s AND EXISTS (
        SELECT 1 FROM minute m WHERE m.series_id = h.series_id AND date_trunc('hour', m.bucket, 'UTC') = h.bucket)
)
SELECT series_id, date_bin(%(step)s, at, timestamptz '2000-01-01 00:00Z') AS step, sum(sum) / sum(count), min(min), max(max)
FROM (
    SELECT m.series_id, m.bucket AS at, m.count, m.sum, m.min, m.max
    FROM minute m JOIN by_minute b ON b.series_id = m.series_id AND b.bucket = date_trunc('hour', m.bucket, 'UTC')
    WHERE m.bucket >= %(start)s AND m.bucket < %(end)s
    UNION ALL
    SELECT r.series_id, r.time, 1, r.value, r.value, r.value
    FROM (SELECT series_id, bucket FROM hour EXCEPT SELECT series_id, bucket FROM by_minute
        UNION ALL SELECT series_id, hour FROM late) AS h
    JOIN reading r ON r.series_id = h.series_id AND r.time >= h.bucket AND r.time < h.bucket + interval '1 hour'
    WHERE r.series_id = ANY (%(series)s) AND r.time >= %(start)s AND r.time < %(end)s
    UNION ALL
    SELECT r.series_id, r.time, 1, r.value, r.value, r.value
    FROM reading r WHERE r.series_id = ANY (%(series)s)
      AND r.time >= greatest(%(start)s, %(settled)s) AND r.time < %(end)s) AS parts
GROUP BY 1, 2 ORDER BY 1, 2;

-- hours --
-- From the hours, and from the readings in late and in the newest ones.
WITH late AS MATERIALIZED (
    SELECT * FROM unnest(%(late_series)s::int[], %(late_hours)s::timestamptz[]) AS l (series_id, hour)
)
SELECT series_id, date_bin(%(step)s, at, timestamptz '2000-01-01 00:00Z') AS step, sum(sum) / sum(count), min(min), max(max)
FROM (
    SELECT h.series_id, h.bucket AS at, h.count, h.sum, h.min, h.max FROM rollup_1h h
    WHERE h.series_id = ANY (%(series)s) AND h.bucket >= %(first_hour)s
      AND h.bucket < least(%(end)s, %(settled)s)
      AND NOT EXISTS (SELECT 1 FROM late l WHERE l.series_id = h.series_id AND l.hour = h.bucket)
    UNION ALL
    SELECT l.series_id, r.time, 1, r.value, r.value, r.value
    FROM late l JOIN reading r ON r.series_id = l.series_id AND r.time >= l.hour AND r.time < l.hour + interval '1 hour'
    WHERE r.series_id = ANY (%(series)s) AND r.time >= %(late_from)s AND r.time < %(late_to)s AND r.time < %(end)s
    UNION ALL
    SELECT series_id, time, 1, value, value, value FROM reading
    WHERE series_id = ANY (%(series)s) AND time >= greatest(%(start)s, %(settled)s) AND time < %(end)s) AS parts
GROUP BY 1, 2 ORDER BY 1, 2;

-- days --
-- From the days of UTC; a day with late hours, and today, from their hours and the readings of those that are late or new.
WITH late AS MATERIALIZED (
    SELECT * FROM unnest(%(late_series)s::int[], %(late_hours)s::timestamptz[]) AS l (series_id, hour)
), open AS MATERIALIZED (
    SELECT DISTINCT series_id, date_trunc('day', hour, 'UTC') AS day FROM late
    UNION SELECT s.id, %(today)s FROM unnest(%(series)s::int[]) AS s (id)
)
SELECT series_id, date_bin(%(step)s, at, timestamptz '2000-01-01 00:00Z') AS step, sum(sum) / sum(count), min(min), max(max)
FROM (
    SELECT d.series_id, d.bucket AS at, d.count, d.sum, d.min, d.max FROM rollup_1d d
    WHERE d.series_id = ANY (%(series)s) AND d.bucket >= %(first_day)s
      AND d.bucket < least(%(end)s, %(settled)s)
      AND NOT EXISTS (SELECT 1 FROM open o WHERE o.series_id = d.series_id AND o.day = d.bucket)
    UNION ALL
    SELECT h.series_id, h.bucket, h.count, h.sum, h.min, h.max
    FROM open o JOIN rollup_1h h ON h.series_id = o.series_id AND h.bucket >= o.day AND h.bucket < o.day + interval '1 day'
    WHERE h.series_id = ANY (%(series)s) AND h.bucket >= least(%(late_from_day)s, %(today)s) AND h.bucket < least(%(end)s, %(settled)s) AND o.day >= %(first_day)s
      AND NOT EXISTS (SELECT 1 FROM late l WHERE l.series_id = h.series_id AND l.hour = h.bucket)
    UNION ALL
    SELECT l.series_id, r.time, 1, r.value, r.value, r.value
    FROM late l JOIN reading r ON r.series_id = l.series_id AND r.time >= l.hour AND r.time < l.hour + interval '1 hour'
    WHERE r.series_id = ANY (%(series)s) AND r.time >= %(late_from)s AND r.time < %(late_to)s AND r.time < %(end)s
    UNION ALL
    SELECT series_id, time, 1, value, value, value FROM reading
    WHERE series_id = ANY (%(series)s) AND time >= greatest(%(start)s, %(settled)s) AND time < %(end)s) AS parts
GROUP BY 1, 2 ORDER BY 1, 2;

-- dense --
-- Which of the series have hours worth reading by the minute.
SELECT DISTINCT series_id FROM rollup_1h
WHERE series_id = ANY (%(series)s) AND bucket >= %(first_hour)s AND bucket < %(end)s
  AND count > %(dense)s;

-- expected --
-- How often each series should speak.
SELECT s.id, coalesce(e.cadence, f.cadence, h.cadence)
FROM series s JOIN sensor e ON e.id = s.sensor_id JOIN feed f ON f.id = s.feed_id
LEFT JOIN series_habit h ON h.series_id = s.id
WHERE s.id = ANY (%(series)s);

-- latest --
-- The newest reading of each series, with its facts.
SELECT series_id, time, value, received_at, sensor_id, sensor, sensor_name, metric, metric_name, unit, decimals, feed, domain, area,
    expected, usable, reason
FROM usable_latest WHERE series_id = ANY (%(series)s) ORDER BY series_id;

-- series_of --
-- What a sensor measures, whether it ever did or not.
SELECT s.id AS series_id, s.metric, s.time_from, f.key AS feed, m.name AS metric_name, coalesce(m.unit, '') AS unit,
    coalesce(m.decimals, 1) AS decimals, coalesce(m.kind, 'gauge') AS kind, m.low, m.high, coalesce(m.settings, '{}') AS settings,
    u.time, u.value, u.received_at, u.usable, u.reason
FROM series s
JOIN feed f ON f.id = s.feed_id
LEFT JOIN metric m ON m.key = s.metric
LEFT JOIN usable_latest u ON u.series_id = s.id
WHERE s.sensor_id = %(sensor)s ORDER BY s.id;

-- same_hour --
-- The same local hour of the same weekday, some weeks back, newest first; daylight saving is the zone's business.
SELECT h.bucket, h.sum / h.count AS mean, h.min AS low, h.max AS high, h.count
FROM generate_series(1, %(weeks)s) AS w (back)
CROSS JOIN LATERAL (
    SELECT date_trunc('hour', ((%(at)s::timestamptz AT TIME ZONE %(zone)s) - w.back * interval '7 days') AT TIME ZONE %(zone)s, 'UTC')
        AS hour) AS t
JOIN rollup_1h h ON h.series_id = %(series)s AND h.bucket = t.hour
ORDER BY h.bucket DESC;

-- figures --
-- Metrics over the city (area is null) and over each area, from values that are usable and fresh: not older than three
-- times their cadence, or an hour where nothing says how often they come. total counts the stale and the doubted, too.
SELECT metric, area, avg(value) FILTER (WHERE good) AS mean, max(value) FILTER (WHERE good) AS high,
    min(value) FILTER (WHERE good) AS low, sum(value) FILTER (WHERE good) AS total,
    count(*) FILTER (WHERE good) AS fresh, count(*) AS known,
    %(now)s::timestamptz - min(time) FILTER (WHERE good) AS oldest_age, max(time) FILTER (WHERE good) AS newest
FROM (
    SELECT metric, area, time, value, usable AND time > %(now)s::timestamptz
        - greatest(coalesce(3 * expected, interval '1 hour'), interval '2 minutes') AS good
    FROM usable_latest WHERE metric = ANY (%(metrics)s) AND feed_enabled) AS judged
GROUP BY GROUPING SETS ((metric), (metric, area)) HAVING GROUPING(area) = 1 OR area IS NOT NULL
ORDER BY metric, area NULLS FIRST;
