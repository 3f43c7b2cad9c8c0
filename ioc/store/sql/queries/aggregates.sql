-- series --
-- Series of a metric: all of them, or those whose sensors were ever in one of some areas.
SELECT s.id FROM series s WHERE s.metric = %(metric)s AND (%(areas)s::text[] IS NULL OR EXISTS (
    SELECT 1 FROM area_members(%(map_day)s) m
    WHERE m.sensor_id = s.sensor_id AND m.kind = %(kind)s AND m.area = ANY (%(areas)s)))
ORDER BY s.id;

-- at --
-- Areas of a kind as of a moment from the readings of then, by the map of then or of another day: what each fixed sensor says,
-- over the area that held it. Old values count as known and not as fresh. Area null is the whole city, moving sensors too.
WITH said AS MATERIALIZED (
    SELECT s.sensor_id, g.value, g.time, %(at)s::timestamptz - g.time
        <= greatest(coalesce(3 * coalesce(e.cadence, f.cadence, h.cadence), interval '1 hour'), interval '2 minutes') AS good
    FROM unnest(%(series)s::int[], %(times)s::timestamptz[], %(values)s::float8[]) AS g (series_id, time, value)
    JOIN series s ON s.id = g.series_id JOIN sensor e ON e.id = s.sensor_id JOIN feed f ON f.id = s.feed_id
    LEFT JOIN series_habit h ON h.series_id = s.id
), placed AS (
    SELECT m.area, d.* FROM said d JOIN area_members(%(map_day)s) m ON m.sensor_id = d.sensor_id
    WHERE m.kind = %(kind)s AND m.from_time <= %(at)s AND m.to_time > %(at)s
    UNION ALL SELECT NULL, d.* FROM said d
)
SELECT area, avg(value) FILTER (WHERE good) AS mean, min(value) FILTER (WHERE good) AS low,
    max(value) FILTER (WHERE good) AS high, sum(value) FILTER (WHERE good) AS total, count(*) FILTER (WHERE good) AS fresh,
    count(*) AS known, count(*) FILTER (WHERE good AND CASE WHEN %(above)s THEN value >= %(level)s ELSE value <= %(level)s END)
        AS beyond, max(time) FILTER (WHERE good) AS newest
FROM placed GROUP BY area ORDER BY area NULLS FIRST;

-- over --
-- Areas over time. A whole day that a sensor spent in one area comes from its day (where steps are of days), the rest from
-- its hours; so every hour is in the area that held the sensor at its start.
WITH member AS MATERIALIZED (
    SELECT s.id AS series_id, m.area, greatest(m.from_time, %(start)s) AS since, least(m.to_time, %(end)s) AS until
    FROM area_members(%(map_day)s) m JOIN series s ON s.sensor_id = m.sensor_id
    WHERE s.id = ANY (%(series)s) AND m.kind = %(kind)s AND m.from_time < %(end)s AND m.to_time > %(start)s
      AND (%(areas)s::text[] IS NULL OR m.area = ANY (%(areas)s))
    UNION ALL SELECT s.id, NULL, %(start)s, %(end)s FROM unnest(%(series)s::int[]) AS s (id) WHERE %(areas)s::text[] IS NULL
), bounds AS MATERIALIZED (
    SELECT *, CASE WHEN date_trunc('day', since, 'UTC') = since THEN since
            ELSE date_trunc('day', since, 'UTC') + interval '1 day' END AS first_day,
        date_trunc('day', least(until, %(today)s), 'UTC') AS last_day
    FROM member
), part AS (
    SELECT b.area, d.series_id, d.bucket AS at, d.count, d.sum, d.min, d.max
    FROM bounds b JOIN rollup_1d d ON d.series_id = b.series_id AND d.bucket >= b.first_day AND d.bucket < b.last_day
    WHERE %(by_day)s AND d.series_id = ANY (%(series)s) AND d.bucket >= %(start)s AND d.bucket < %(end)s
    UNION ALL
    SELECT b.area, h.series_id, h.bucket, h.count, h.sum, h.min, h.max
    FROM bounds b CROSS JOIN LATERAL (SELECT %(by_day)s AND b.first_day < b.last_day AS has_days) AS d
    CROSS JOIN LATERAL (VALUES (b.since, CASE WHEN d.has_days THEN b.first_day ELSE b.until END),
        (CASE WHEN d.has_days THEN b.last_day ELSE b.until END, b.until)) AS edge (since, until)
    JOIN rollup_1h h ON h.series_id = b.series_id AND h.bucket >= edge.since AND h.bucket < edge.until
    WHERE edge.since < edge.until AND h.series_id = ANY (%(series)s) AND h.bucket >= %(start)s AND h.bucket < %(end)s
), per_series AS (
    SELECT area, series_id, date_bin(%(step)s, at, timestamptz '2000-01-01 00:00Z') AS step, sum(sum) / sum(count) AS mean,
        min(min) AS low, max(max) AS high
    FROM part GROUP BY 1, 2, 3
)
SELECT area, step AS at, avg(mean) AS mean, min(low) AS low, max(high) AS high, sum(mean) AS total, count(*) AS series,
    count(*) FILTER (WHERE CASE WHEN %(above)s THEN high >= %(level)s ELSE low <= %(level)s END) AS beyond
FROM per_series GROUP BY area, step ORDER BY area NULLS FIRST, step;

-- spread --
-- How much each series usually moves within a day: its mean daily range over the month before, from at least three days.
SELECT series_id, avg(max - min)::float8 FROM rollup_1d
WHERE series_id = ANY (%(series)s) AND bucket >= %(since)s AND bucket < %(until)s
GROUP BY series_id HAVING count(*) >= 3;

-- facts --
-- What a list of series is about.
SELECT s.id, e.key AS sensor, e.name AS sensor_name, s.metric, m.name AS metric_name, coalesce(m.unit, '') AS unit,
    coalesce(m.decimals, 1) AS decimals, e.area
FROM series s JOIN sensor e ON e.id = s.sensor_id LEFT JOIN metric m ON m.key = s.metric
WHERE s.id = ANY (%(series)s) ORDER BY s.id;

-- decimals --
-- Series that may be compared (no states, no counters) and the smallest step each can show.
SELECT s.id, 10.0 ^ -coalesce(m.decimals, 1) FROM series s LEFT JOIN metric m ON m.key = s.metric
WHERE (%(metric)s::text IS NULL OR s.metric = %(metric)s) AND coalesce(m.kind, 'gauge') = 'gauge';

-- calendar_hours --
-- Day by hour of the city's clock: one row an hour that has readings. Where clocks were put back an hour is there once, with
-- both hours' readings.
SELECT (bucket AT TIME ZONE %(zone)s)::date AS day, extract(hour FROM bucket AT TIME ZONE %(zone)s)::int AS hour,
    sum(sum) / sum(count) AS mean, min(min) AS low, max(max) AS high, sum(count)::bigint AS readings
FROM rollup_1h WHERE series_id = %(series)s AND bucket >= %(start)s AND bucket < %(end)s
GROUP BY 1, 2 ORDER BY 1, 2;

-- calendar_days --
-- Days of the city's clock from the hours; before the first of them, where retention has taken them, days of UTC, which is
-- all that is left.
SELECT (bucket AT TIME ZONE %(zone)s)::date AS day, sum(sum) / sum(count) AS mean, min(min) AS low, max(max) AS high,
    sum(count)::bigint AS readings
FROM rollup_1h WHERE series_id = %(series)s AND bucket >= %(start)s AND bucket < %(end)s
GROUP BY 1
UNION ALL
SELECT (d.bucket AT TIME ZONE 'UTC')::date, d.sum / d.count, d.min, d.max, d.count
FROM rollup_1d d WHERE d.series_id = %(series)s AND d.bucket >= %(start)s AND d.bucket < %(end)s
  AND d.bucket <= coalesce((SELECT min(bucket) FROM rollup_1h WHERE series_id = %(series)s AND bucket >= %(start)s
      AND bucket < %(end)s), 'infinity') - interval '1 day'
ORDER BY 1;

-- latest_by --
-- The newest readings by area, metric or feed, any of them null; with all facts, the newest first.
SELECT u.series_id, u.time, u.value, u.received_at, u.sensor_id, u.sensor, u.sensor_name, u.metric, u.metric_name, u.unit,
    u.decimals, u.feed, u.domain, u.area, u.expected, u.usable, u.reason
FROM usable_latest u
WHERE (%(metric)s::text IS NULL OR u.metric = %(metric)s) AND (%(feed)s::text IS NULL OR u.feed = %(feed)s)
  AND (%(area)s::text IS NULL OR u.sensor_id IN (
    SELECT m.sensor_id FROM area_members() m WHERE m.area = %(area)s AND m.from_time <= now() AND m.to_time > now()))
ORDER BY u.time DESC, u.series_id LIMIT %(most)s;
