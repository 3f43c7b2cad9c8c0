-- city --
-- The zone and the languages that exports speak.
SELECT zone, settings->'languages'->>0 FROM city;

-- names --
-- Everything that can be asked for by name, as (what, name).
SELECT 'feed', key FROM feed UNION ALL SELECT 'metric', metric FROM (SELECT DISTINCT metric FROM series) AS m
UNION ALL SELECT 'sensor', key FROM sensor UNION ALL SELECT 'sensor', key FROM sensor_alias;

-- areas --
-- Every version of every area, for names, kinds and days; null dates are open ends.
SELECT id, key, kind, CASE WHEN isfinite(valid_from) THEN valid_from END, CASE WHEN isfinite(valid_to) THEN valid_to END
FROM area WHERE valid_from < valid_to ORDER BY kind, key, valid_from;

-- shapes --
-- The versions of one kind with their polygons.
SELECT id, key, kind, CASE WHEN isfinite(valid_from) THEN valid_from END, CASE WHEN isfinite(valid_to) THEN valid_to END, geometry
FROM area WHERE kind = %(kind)s AND valid_from < valid_to ORDER BY id;

-- series --
-- The series asked for with what each of their rows repeats; null asks for all.
SELECT s.id, e.id AS sensor_id, e.key AS sensor, e.name, s.metric, f.key AS feed, coalesce(m.unit, '') AS unit, e.moves
FROM series s JOIN sensor e ON e.id = s.sensor_id JOIN feed f ON f.id = s.feed_id LEFT JOIN metric m ON m.key = s.metric
WHERE (%(feeds)s::text[] IS NULL OR f.key = ANY (%(feeds)s)) AND (%(metrics)s::text[] IS NULL OR s.metric = ANY (%(metrics)s))
  AND (%(sensors)s::text[] IS NULL OR e.key = ANY (%(sensors)s)
       OR e.id IN (SELECT sensor_id FROM sensor_alias WHERE key = ANY (%(sensors)s)))
  AND NOT EXISTS (SELECT 1 FROM series_merge g WHERE g.series_id = s.id)
ORDER BY e.key, s.metric;

-- movers --
-- As series, of sensors: those that have positions.
SELECT e.id, e.id AS sensor_id, e.key AS sensor, e.name, '' AS metric, coalesce(f.key, '') AS feed, '' AS unit, true AS moves
FROM sensor e JOIN latest_position p ON p.sensor_id = e.id LEFT JOIN feed f ON f.id = e.feed_id
WHERE (%(feeds)s::text[] IS NULL OR f.key = ANY (%(feeds)s))
  AND (%(sensors)s::text[] IS NULL OR e.key = ANY (%(sensors)s)
       OR e.id IN (SELECT sensor_id FROM sensor_alias WHERE key = ANY (%(sensors)s)))
ORDER BY e.key;

-- places --
-- Where sensors stood; null times are open ends.
SELECT sensor_id, CASE WHEN isfinite(since) THEN since END, CASE WHEN isfinite(until) THEN until END, lat, lon
FROM sensor_place WHERE sensor_id = ANY (%(sensors)s::int[]) ORDER BY sensor_id, since;

-- members --
-- Which area of the kind held them; null times are open ends.
SELECT sensor_id, CASE WHEN isfinite(from_time) THEN from_time END, CASE WHEN isfinite(to_time) THEN to_time END, area
FROM area_members(%(map_day)s) WHERE kind = %(kind)s AND sensor_id = ANY (%(sensors)s::int[]) ORDER BY sensor_id, from_time;

-- readings --
-- Piece by piece in the order given, each from the key's own index: nothing is sorted, nothing is kept.
SELECT u.n, r.time, r.value
FROM unnest(%(series)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY AS u (id, start, stop, n)
CROSS JOIN LATERAL (
    SELECT time, value FROM reading WHERE series_id = u.id AND time >= u.start AND time < u.stop ORDER BY time) AS r;

-- moving_readings --
-- As readings, with where the sensor was: its newest position of the quarter of an hour before.
SELECT u.n, r.time, r.value, p.lat, p.lon
FROM unnest(%(series)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(sensors)s::int[])
    WITH ORDINALITY AS u (id, start, stop, sensor, n)
CROSS JOIN LATERAL (
    SELECT time, value FROM reading WHERE series_id = u.id AND time >= u.start AND time < u.stop ORDER BY time) AS r
LEFT JOIN LATERAL (
    SELECT lat, lon FROM position WHERE sensor_id = u.sensor AND time <= r.time AND time > r.time - interval '15 minutes'
    ORDER BY time DESC LIMIT 1) AS p ON true;

-- minutes --
-- Straight from the readings, by the minute.
SELECT u.n, r.at, r.count, r.sum, r.min, r.max, r.first, r.last
FROM unnest(%(series)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY AS u (id, start, stop, n)
CROSS JOIN LATERAL (
    SELECT date_trunc('minute', time) AS at, count(*) AS count, sum(value) AS sum, min(value) AS min, max(value) AS max,
        (array_agg(value ORDER BY time))[1] AS first, (array_agg(value ORDER BY time DESC))[1] AS last
    FROM reading WHERE series_id = u.id AND time >= u.start AND time < u.stop GROUP BY 1 ORDER BY 1) AS r;

-- hours --
-- From the hours, and from the readings where an hour is still being worked out. Pieces begin and end within hours only
-- where a sensor moved house: such an hour counts where it begins.
SELECT u.n, r.at, r.count, r.sum, r.min, r.max, r.first, r.last
FROM unnest(%(series)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY AS u (id, start, stop, n)
CROSS JOIN LATERAL (
    SELECT bucket AS at, h.count, sum, min, max, first, last FROM rollup_1h h
    WHERE series_id = u.id AND bucket >= u.start AND bucket < u.stop AND bucket <> ALL (%(behind)s::timestamptz[])
    UNION ALL
    SELECT b.hour, w.* FROM unnest(%(behind)s::timestamptz[]) AS b (hour) CROSS JOIN LATERAL (
        SELECT count(*), sum(value), min(value), max(value), (array_agg(value ORDER BY time))[1],
            (array_agg(value ORDER BY time DESC))[1]
        FROM reading WHERE series_id = u.id AND time >= b.hour AND time < b.hour + interval '1 hour') AS w
    WHERE b.hour >= u.start AND b.hour < u.stop AND w.count > 0 AND cardinality(%(behind)s::timestamptz[]) <= 50
    UNION ALL  -- very many hours, as after a backfill: one look at the whole span
    SELECT date_trunc('hour', time, 'UTC'), count(*), sum(value), min(value), max(value), (array_agg(value ORDER BY time))[1],
        (array_agg(value ORDER BY time DESC))[1]
    FROM reading
    WHERE series_id = u.id AND time >= u.start AND time < u.stop + interval '1 hour' AND cardinality(%(behind)s::timestamptz[]) > 50
      AND time >= (%(behind)s::timestamptz[])[1] AND date_trunc('hour', time, 'UTC') = ANY (%(behind)s::timestamptz[])
      AND date_trunc('hour', time, 'UTC') >= u.start AND date_trunc('hour', time, 'UTC') < u.stop
    GROUP BY 1
    ORDER BY 1) AS r;

-- days --
-- As hours, summed to days of the city's zone; a piece's days are its own.
SELECT n, date_trunc('day', at, %(zone)s) AS day, sum(count)::bigint, sum(sum), min(min), max(max),
    (array_agg(first ORDER BY at))[1], (array_agg(last ORDER BY at DESC))[1]
FROM (
    SELECT u.n, r.* FROM unnest(%(series)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        WITH ORDINALITY AS u (id, start, stop, n)
    CROSS JOIN LATERAL (
        SELECT bucket AS at, h.count, sum, min, max, first, last FROM rollup_1h h
        WHERE series_id = u.id AND bucket >= u.start AND bucket < u.stop AND bucket <> ALL (%(behind)s::timestamptz[])
        UNION ALL
        SELECT b.hour, w.* FROM unnest(%(behind)s::timestamptz[]) AS b (hour) CROSS JOIN LATERAL (
            SELECT count(*), sum(value), min(value), max(value), (array_agg(value ORDER BY time))[1],
                (array_agg(value ORDER BY time DESC))[1]
            FROM reading WHERE series_id = u.id AND time >= b.hour AND time < b.hour + interval '1 hour') AS w
        WHERE b.hour >= u.start AND b.hour < u.stop AND w.count > 0 AND cardinality(%(behind)s::timestamptz[]) <= 50
        UNION ALL  -- very many hours, as after a backfill: one look at the whole span
        SELECT date_trunc('hour', time, 'UTC'), count(*), sum(value), min(value), max(value), (array_agg(value ORDER BY time))[1],
            (array_agg(value ORDER BY time DESC))[1]
        FROM reading
        WHERE series_id = u.id AND time >= u.start AND time < u.stop + interval '1 hour' AND cardinality(%(behind)s::timestamptz[]) > 50
          AND time >= (%(behind)s::timestamptz[])[1] AND date_trunc('hour', time, 'UTC') = ANY (%(behind)s::timestamptz[])
          AND date_trunc('hour', time, 'UTC') >= u.start AND date_trunc('hour', time, 'UTC') < u.stop
        GROUP BY 1) AS r) AS hours
GROUP BY n, day ORDER BY n, day;

-- behind --
-- Hours of the span whose rollups of these series are still to be worked out, oldest first.
SELECT hour FROM dirty_hour
WHERE hour >= %(start)s::timestamptz - interval '1 hour' AND hour < %(end)s AND series_id = ANY (0 || %(series)s::int[])
UNION SELECT hour FROM dirty
WHERE hour >= %(start)s::timestamptz - interval '1 hour' AND hour < %(end)s AND series && %(series)s::int[]
ORDER BY 1;

-- positions --
-- As readings, of sensors.
SELECT u.n, r.time, r.lat, r.lon, r.speed, r.heading
FROM unnest(%(series)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY AS u (id, start, stop, n)
CROSS JOIN LATERAL (
    SELECT time, lat, lon, speed, heading FROM position
    WHERE sensor_id = u.id AND time >= u.start AND time < u.stop ORDER BY time) AS r;

-- events --
-- Events that lived in the span, by when they opened.
SELECT f.key, e.key, e.kind, e.title, e.status, e.severity, e.opened_at, e.changed_at, e.closed_at, e.lat, e.lon, e.area,
    e.properties::text
FROM event e JOIN feed f ON f.id = e.feed_id
WHERE e.opened_at < %(end)s AND (e.closed_at IS NULL OR e.closed_at >= %(start)s)
  AND (%(feeds)s::text[] IS NULL OR f.key = ANY (%(feeds)s))
ORDER BY e.opened_at, e.id;

-- alarms --
-- Alarms that were open in the span, by when they opened.
SELECT a.id, r.key, coalesce(r.name->>%(language)s, r.name->>'', r.name->>'en', r.key), a.priority, a.target, coalesce(s.key, ''),
    coalesce(e.metric, ''), coalesce(f.key, g.key, ''), a.domain, a.condition, a.value, a.peak, a.threshold, a.event_start, a.event_end,
    a.opened_at, a.acked_at, coalesce(a.acked_by, ''), coalesce(a.ack_note, ''), a.cleared_at, a.closed_at,
    coalesce(a.close_reason, ''), a.lat, a.lon, a.area
FROM alarm a JOIN rule r ON r.id = a.rule_id LEFT JOIN sensor s ON s.id = a.sensor_id LEFT JOIN series e ON e.id = a.series_id
LEFT JOIN feed f ON f.id = a.feed_id LEFT JOIN feed g ON g.id = e.feed_id
WHERE a.opened_at < %(end)s AND (a.closed_at IS NULL OR a.closed_at >= %(start)s)
  AND (%(feeds)s::text[] IS NULL OR coalesce(f.key, g.key) = ANY (%(feeds)s))
  AND (%(metrics)s::text[] IS NULL OR e.metric = ANY (%(metrics)s))
  AND (%(sensors)s::text[] IS NULL OR s.key = ANY (%(sensors)s)
       OR s.id IN (SELECT sensor_id FROM sensor_alias WHERE key = ANY (%(sensors)s)))
ORDER BY a.opened_at, a.id;

-- extent --
-- From when to when there is anything of these series.
SELECT min(r.first), max(r.last) FROM unnest(%(series)s::int[]) AS u (id) CROSS JOIN LATERAL (
    SELECT (SELECT time FROM reading WHERE series_id = u.id ORDER BY time LIMIT 1) AS first,
        (SELECT time FROM reading WHERE series_id = u.id ORDER BY time DESC LIMIT 1) AS last) AS r;
