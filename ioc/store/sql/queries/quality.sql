-- fault --
-- What is wrong at the moment, put together by the queries below.
CREATE TEMP TABLE IF NOT EXISTS fault (series_id int, kind text, since timestamptz, last timestamptz, count bigint, detail text,
    PRIMARY KEY (series_id, kind)) ON COMMIT DELETE ROWS;

-- suspect --
-- Readings that were kept out during the last hour, by reason.
INSERT INTO fault
SELECT series_id, reason, min(received_at), max(received_at), count(*),
    'newest ' || (array_agg(value ORDER BY received_at DESC))[1]::text
FROM suspect WHERE received_at > %(now)s::timestamptz - interval '1 hour' AND received_at <= %(now)s AND reason <> 'rate'
GROUP BY series_id, reason;

-- ahead --
-- A clock that runs ahead: for an hour only readings from the future, and by how much.
INSERT INTO fault
SELECT s.series_id, 'skew', min(s.received_at), max(s.received_at), count(*),
    'clock ahead by ' || round(extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY s.time - s.received_at)) / 60)::text || ' min'
FROM suspect s LEFT JOIN latest l ON l.series_id = s.series_id
WHERE s.reason = 'future' AND s.received_at > %(now)s::timestamptz - interval '1 hour' AND s.received_at <= %(now)s
GROUP BY s.series_id
HAVING count(*) >= 3 AND coalesce(max(l.received_at) < min(s.received_at), true)
ON CONFLICT DO NOTHING;

-- behind --
-- A clock that runs behind, or a feed that delivers hours late: five samples agree.
INSERT INTO fault
SELECT h.series_id, 'skew', l.received_at, l.received_at, d.samples, 'clock behind by ' || round(d.median / 60)::text || ' min'
FROM series_habit h
JOIN latest l ON l.series_id = h.series_id
JOIN series s ON s.id = h.series_id
JOIN sensor e ON e.id = s.sensor_id
JOIN feed f ON f.id = s.feed_id
CROSS JOIN LATERAL (
    SELECT count(*) AS samples, min(v) AS least, percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS median
    FROM unnest(h.delays) AS u (v)) AS d
WHERE d.samples >= 5
  AND d.least > 1800 + 2 * extract(epoch FROM coalesce(e.cadence, f.cadence, h.cadence, interval '0'))
  AND l.received_at > %(now)s::timestamptz - interval '1 day'
ON CONFLICT DO NOTHING;

-- stuck --
-- The same value for longer than the metric allows. Only metrics that say so: a dry rain gauge is right to say 0 for days.
-- The search for another value goes back from the newest reading and ends at the first, so a lively series costs one row.
INSERT INTO fault
SELECT l.series_id, 'stuck', start.time, l.time, run.count, l.value::text || ' since ' || to_char(start.time, 'YYYY-MM-DD HH24:MI "UTC"')
FROM latest l
JOIN series s ON s.id = l.series_id
JOIN metric m ON m.key = s.metric AND m.settings->>'stuck' IS NOT NULL
CROSS JOIN LATERAL (SELECT l.time - (m.settings->>'stuck')::interval AS time) AS since
CROSS JOIN LATERAL (
    SELECT r.time, r.value FROM reading r
    WHERE r.series_id = l.series_id AND r.time <= since.time AND r.time > since.time - (m.settings->>'stuck')::interval
    ORDER BY r.time DESC LIMIT 1) AS start
CROSS JOIN LATERAL (
    SELECT count(*) FROM reading r WHERE r.series_id = l.series_id AND r.time >= start.time AND r.time <= l.time) AS run
WHERE l.time > %(now)s::timestamptz - interval '1 day' AND start.value = l.value AND run.count >= 3
  AND NOT EXISTS (
    SELECT FROM reading r
    WHERE r.series_id = l.series_id AND r.time > since.time AND r.time < l.time AND r.value <> l.value
    ORDER BY r.time DESC);

-- rate --
-- The newest step is steeper than the metric believes possible, as in the view usable_latest.
INSERT INTO fault
SELECT l.series_id, 'rate', l.time, l.time, 1, before.value::text || ' to ' || l.value::text
FROM latest l
JOIN series s ON s.id = l.series_id
JOIN metric m ON m.key = s.metric AND m.settings->>'rate' IS NOT NULL
CROSS JOIN LATERAL (
    SELECT r.time, r.value FROM reading r
    WHERE r.series_id = l.series_id AND r.time < l.time AND r.time > l.time - interval '1 hour'
    ORDER BY r.time DESC LIMIT 1) AS before
WHERE l.time > %(now)s::timestamptz - interval '1 day'
  AND abs(l.value - before.value) > (m.settings->>'rate')::float8
      * greatest(extract(epoch FROM l.time - before.time), 1) / 60;

-- gap --
-- Silent for three times the declared time between readings, or ten times the learned one. Its `last` is when the series
-- was last heard, as with every other kind: silence rules rely on it.
INSERT INTO fault
SELECT l.series_id, 'gap', l.received_at + x.expected, l.received_at,
    floor(extract(epoch FROM %(now)s::timestamptz - l.received_at) / extract(epoch FROM x.expected)),
    'expected every ' || x.expected::text
FROM latest l
JOIN series s ON s.id = l.series_id
JOIN sensor e ON e.id = s.sensor_id
JOIN feed f ON f.id = s.feed_id AND f.enabled
LEFT JOIN series_habit h ON h.series_id = l.series_id
CROSS JOIN LATERAL (SELECT coalesce(e.cadence, f.cadence) AS declared, coalesce(e.cadence, f.cadence, h.cadence) AS expected) AS x
WHERE x.expected > interval '0' AND l.received_at < %(now)s::timestamptz
    - greatest(x.expected * CASE WHEN x.declared IS NULL THEN 10 ELSE 3 END, interval '1 minute');

-- apply --
-- Sets and clears the standing faults of the kinds above, and tells readers about the series whose faults came or went.
WITH toggled AS (
    SELECT f.series_id FROM fault f LEFT JOIN quality q ON q.series_id = f.series_id AND q.kind = f.kind
    WHERE q.active IS NOT TRUE
    UNION
    SELECT q.series_id FROM quality q WHERE q.active AND q.kind = ANY (%(kinds)s)
      AND NOT EXISTS (SELECT 1 FROM fault f WHERE f.series_id = q.series_id AND f.kind = q.kind)
), raised AS (
    INSERT INTO quality AS q (series_id, kind, since, last, count, detail)
    SELECT series_id, kind, since, last, count, detail FROM fault
    ON CONFLICT (series_id, kind) DO UPDATE SET active = true, last = EXCLUDED.last, count = EXCLUDED.count,
        detail = EXCLUDED.detail, since = CASE WHEN q.active THEN least(q.since, EXCLUDED.since) ELSE EXCLUDED.since END
    WHERE NOT q.active OR (q.last, q.count, q.detail) IS DISTINCT FROM (EXCLUDED.last, EXCLUDED.count, EXCLUDED.detail)
), cleared AS (
    UPDATE quality q SET active = false WHERE q.active AND q.kind = ANY (%(kinds)s)
      AND NOT EXISTS (SELECT 1 FROM fault f WHERE f.series_id = q.series_id AND f.kind = q.kind)
), calm AS (
    UPDATE quality SET active = false WHERE active AND kind = 'flood' AND last < %(now)s::timestamptz - interval '10 minutes'
), told AS (
    INSERT INTO change (series) SELECT array_agg(series_id) FROM toggled HAVING count(*) > 0 RETURNING id
)
SELECT (SELECT count(*) FROM toggled), (SELECT count(pg_notify('ioc_change', id::text)) FROM told);

-- delays --
-- How late the newest readings came: a sample each time this runs, seven kept.
INSERT INTO series_habit AS h (series_id, delays, learned_at)
SELECT series_id, ARRAY[extract(epoch FROM received_at - time)::real], %(now)s
FROM latest WHERE received_at > %(now)s::timestamptz - interval '10 minutes' AND received_at <= %(now)s
ON CONFLICT (series_id) DO UPDATE SET delays = (EXCLUDED.delays || h.delays)[1:7], learned_at = EXCLUDED.learned_at;

-- cadences --
-- The usual time between readings, from three days of hours: by the median hour, or by the whole where hours stay empty.
INSERT INTO series_habit AS h (series_id, cadence, learned_at)
SELECT series_id, CASE WHEN median >= 2 THEN interval '1 hour' / median ELSE span / total END, %(now)s
FROM (
    SELECT series_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY count) AS median, sum(count)::float8 AS total,
        max(bucket) - min(bucket) + interval '1 hour' AS span
    FROM rollup_1h
    WHERE bucket >= %(now)s::timestamptz - interval '3 days' AND bucket < date_trunc('hour', %(now)s::timestamptz, 'UTC')
    GROUP BY series_id HAVING sum(count) >= 5) AS habit
ON CONFLICT (series_id) DO UPDATE SET cadence = EXCLUDED.cadence, learned_at = EXCLUDED.learned_at;

-- worst --
-- Standing faults, those that keep a series from the rules first, then the longest.
SELECT q.series_id, q.kind, q.kind IN ('stuck', 'skew', 'rate') AS blocking, q.since, q.last, q.count, q.detail,
    s.metric, s.sensor_id, e.key AS sensor, e.name AS sensor_name, e.domain, coalesce(e.area, '') AS area, f.key AS feed
FROM quality q
JOIN series s ON s.id = q.series_id
JOIN sensor e ON e.id = s.sensor_id
JOIN feed f ON f.id = s.feed_id
WHERE q.active
ORDER BY blocking DESC, q.since, q.series_id, q.kind LIMIT %(limit)s;

-- tally --
-- How many series have each standing fault.
SELECT kind, count(*) FROM quality WHERE active GROUP BY kind ORDER BY 2 DESC, 1;

-- repeats --
-- Feeds that send much of what they send twice: duplicates among the readings of the last hour.
SELECT f.key AS feed, sum(l.readings_duplicate)::bigint AS duplicates, sum(l.readings)::bigint AS readings
FROM ledger l JOIN feed f ON f.id = l.feed_id
WHERE l.minute > %(now)s::timestamptz - interval '1 hour' AND l.minute <= %(now)s
GROUP BY f.key HAVING sum(l.readings_duplicate) > %(share)s * sum(l.readings) ORDER BY duplicates DESC;
