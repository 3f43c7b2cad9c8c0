-- apply --
-- Readings that are stored with another value get this one; what they were is kept, and `latest` follows where it is the
-- newest. Returns the numbers, from 1, of those that changed something.
WITH given AS (
    SELECT * FROM unnest(%(series)s::int[], %(time)s::timestamptz[], %(value)s::float8[])
        WITH ORDINALITY AS g (series_id, time, value, n)
), wrong AS MATERIALIZED (
    SELECT g.*, r.value AS was FROM given g JOIN reading r ON r.series_id = g.series_id AND r.time = g.time
    WHERE r.value IS DISTINCT FROM g.value AND r.series_id = ANY (%(series)s::int[])
      AND r.time >= %(first)s AND r.time <= %(last)s
), put AS (
    INSERT INTO reading (series_id, time, value) SELECT series_id, time, value FROM wrong
    ON CONFLICT (series_id, time) DO UPDATE SET value = EXCLUDED.value
), kept AS (
    INSERT INTO correction (series_id, time, was, value, by, reason)
    SELECT w.series_id, w.time, w.was, w.value, coalesce(%(by)s::text, f.key), %(reason)s
    FROM wrong w JOIN series s ON s.id = w.series_id JOIN feed f ON f.id = s.feed_id
), shown AS (
    UPDATE latest l SET value = w.value, received_at = clock_timestamp() FROM wrong w
    WHERE l.series_id = w.series_id AND l.time = w.time
)
SELECT array_agg(n) FROM wrong;

-- listed --
-- Corrections, the newest first; filters that are null do not apply.
SELECT c.id, c.at, c.by, c.reason, e.key AS sensor, s.metric, c.series_id, c.time, c.was, c.value
FROM correction c JOIN series s ON s.id = c.series_id JOIN sensor e ON e.id = s.sensor_id
WHERE c.at >= %(since)s AND (%(series)s::int IS NULL OR c.series_id = %(series)s)
ORDER BY c.id DESC LIMIT %(most)s;

-- counts --
-- How many readings were put right, by feed or person.
SELECT by, count(*) FROM correction WHERE at >= %(since)s GROUP BY by ORDER BY by;
