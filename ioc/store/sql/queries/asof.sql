-- now --
-- The moment that is asked for, and the city's local day of it.
SELECT %(at)s::timestamptz, (%(at)s::timestamptz AT TIME ZONE coalesce((SELECT zone FROM city), 'UTC'))::date;

-- silent_since --
-- Series that have said nothing since: their newest reading is the one of then, however old.
SELECT series_id, (extract(epoch FROM time) * 1000000)::bigint, value FROM latest
WHERE time <= %(at)s AND (%(series)s::int[] IS NULL OR series_id = ANY (%(series)s));

-- spoke_since --
-- Series whose reading of then has to be looked for.
SELECT series_id FROM latest
WHERE time > %(at)s AND (%(series)s::int[] IS NULL OR series_id = ANY (%(series)s)) ORDER BY series_id;

-- readings --
-- The newest reading of each series within a window that ends then; one look into the key for each.
SELECT s.id, (extract(epoch FROM r.time) * 1000000)::bigint, r.value
FROM unnest(%(series)s::int[]) AS s (id)
CROSS JOIN LATERAL (
    SELECT time, value FROM reading
    WHERE series_id = s.id AND time > %(since)s AND time <= %(at)s ORDER BY time DESC LIMIT 1) AS r;

-- packed --
-- On timescale: whether all that a window looks into is compressed.
SELECT coalesce(bool_and(is_compressed), false) FROM timescaledb_information.chunks
WHERE hypertable_schema = current_schema() AND hypertable_name = 'reading' AND range_start <= %(at)s AND range_end > %(since)s;

-- columns --
-- As readings, of all series at once: what is compressed is unpacked anyway, and by columns that is a third cheaper.
SELECT series_id, (extract(epoch FROM max(time)) * 1000000)::bigint, last(value, time)
FROM reading WHERE time > %(since)s AND time <= %(at)s GROUP BY series_id;

-- hours --
-- Where readings are gone by retention: the last of the newest hour that was over by then, dated by the hour's start so that
-- nothing looks newer than it was.
SELECT s.id, (extract(epoch FROM h.bucket) * 1000000)::bigint, h.last
FROM unnest(%(series)s::int[]) AS s (id)
CROSS JOIN LATERAL (
    SELECT bucket, last FROM rollup_1h
    WHERE series_id = s.id AND bucket > %(since)s AND bucket <= %(at)s::timestamptz - interval '1 hour'
    ORDER BY bucket DESC LIMIT 1) AS h;

-- days --
-- The same from days, for what was silent for longer; an open end of years is cheap, a series has one row a day.
SELECT s.id, (extract(epoch FROM d.bucket) * 1000000)::bigint, d.last
FROM unnest(%(series)s::int[]) AS s (id)
CROSS JOIN LATERAL (
    SELECT bucket, last FROM rollup_1d
    WHERE series_id = s.id AND bucket <= %(at)s::timestamptz - interval '1 day' ORDER BY bucket DESC LIMIT 1) AS d;

-- still_since --
-- Moving sensors that have not been heard since are where they were.
SELECT sensor_id, lat, lon, (extract(epoch FROM time) * 1000000)::bigint FROM latest_position WHERE time <= %(at)s;

-- moved_since --
-- Moving sensors whose place of then has to be looked for.
SELECT sensor_id FROM latest_position WHERE time > %(at)s ORDER BY sensor_id;

-- positions --
-- As readings, for places.
SELECT s.id, p.lat, p.lon, (extract(epoch FROM p.time) * 1000000)::bigint
FROM unnest(%(sensors)s::int[]) AS s (id)
CROSS JOIN LATERAL (
    SELECT time, lat, lon FROM position
    WHERE sensor_id = s.id AND time > %(since)s AND time <= %(at)s ORDER BY time DESC LIMIT 1) AS p;

-- stood --
-- Fixed sensors that stood elsewhere then.
SELECT sensor_id, lat, lon, (extract(epoch FROM greatest(since, '1970-01-01Z')) * 1000000)::bigint
FROM sensor_place WHERE since <= %(at)s AND until > %(at)s AND isfinite(until);

-- alarms --
-- Alarms whose episode was not over then, as they were then: condition, acknowledgement and suppression are read from what
-- is written of each up to that moment. Columns as of snapshot.alarms.
WITH found AS (
    SELECT a.* FROM alarm a WHERE lasting(a.opened_at, a.closed_at) @> %(at)s::timestamptz
), told AS (
    SELECT f.id,
        (array_agg(c.kind ORDER BY c.seq DESC) FILTER (
            WHERE c.kind IN ('raised', 'reraised', 'data_back', 'cleared', 'nodata', 'error')))[1] AS condition,
        max(c.seq) FILTER (WHERE c.kind = 'acked') AS acked,
        max(c.seq) FILTER (WHERE c.kind IN ('raised', 'reraised', 'reminded', 'unhidden', 'unshelved', 'put_back')) AS again,
        max(c.seq) FILTER (WHERE c.kind = 'reset') AS reset,
        max(c.seq) FILTER (WHERE c.kind IN ('raised', 'reraised')) AS raised,
        (array_agg(c.kind ORDER BY c.seq DESC) FILTER (
            WHERE c.kind IN ('hidden', 'shelved', 'taken_out', 'unhidden', 'unshelved', 'put_back')))[1] AS suppression,
        (array_agg(c.value ORDER BY c.seq DESC) FILTER (WHERE c.value IS NOT NULL))[1] AS value
    FROM found f JOIN alarm_change c ON c.alarm_id = f.id AND c.at <= %(at)s GROUP BY f.id
), state AS (
    SELECT f.*, t.value AS value_then,
        CASE WHEN t.condition = 'cleared' THEN 'false' WHEN t.condition IN ('nodata', 'error') THEN t.condition ELSE 'true' END
            AS condition_then,
        t.acked IS NOT NULL AND t.acked > coalesce(t.again, 0) AS acked_then,
        CASE t.suppression WHEN 'hidden' THEN 'by_design' WHEN 'shelved' THEN 'shelved' WHEN 'taken_out' THEN 'out_of_service'
            ELSE 'none' END AS suppression_then,
        coalesce((r.settings->>'latching')::boolean, false) AND coalesce(t.reset, 0) < coalesce(t.raised, 0) AS latched_then,
        r.name AS rule, r.kind AS rule_kind
    FROM found f JOIN told t ON t.id = f.id JOIN rule r ON r.id = f.rule_id AND r.kind <> 'heartbeat'
)
SELECT a.id, a.priority, a.condition_then AS condition, a.acked_then AS acked, a.suppression_then AS suppression,
    CASE a.suppression_then WHEN 'shelved' THEN 'G' WHEN 'by_design' THEN 'H' WHEN 'out_of_service' THEN 'I'
        ELSE CASE WHEN a.condition_then <> 'false' THEN CASE WHEN a.acked_then THEN 'C' ELSE 'B' END
            WHEN a.latched_then THEN CASE WHEN a.acked_then THEN 'F' ELSE 'E' END ELSE 'D' END END AS isa,
    a.rule, a.value_then AS value, a.threshold, a.series_id, a.sensor_id, a.domain, coalesce(a.area, s.area, '') AS area,
    s.name AS sensor, s.key AS sensor_key, f.name AS feed, coalesce(a.lat, s.lat) AS lat, coalesce(a.lon, s.lon) AS lon,
    alarm_unit(a.rule_kind, m.unit) AS unit, m.decimals, m.settings->'states' AS states,
    (extract(epoch FROM a.opened_at) * 1000000)::bigint AS opened
FROM state a
LEFT JOIN sensor s ON s.id = a.sensor_id
LEFT JOIN feed f ON f.id = a.feed_id
LEFT JOIN series se ON se.id = a.series_id
LEFT JOIN metric m ON m.key = se.metric
ORDER BY a.condition_then = 'false', a.suppression_then <> 'none', a.priority, a.opened_at DESC;

-- events --
-- Events that were open then and have a place or an area, as their newest change up to that moment says.
SELECT e.id, e.kind, c.title, c.status, c.severity, f.name AS feed, f.domain, e.lat, e.lon, e.area,
    (extract(epoch FROM e.opened_at) * 1000)::bigint AS opened
FROM event e JOIN feed f ON f.id = e.feed_id
CROSS JOIN LATERAL (
    SELECT time, status, severity, title FROM event_change WHERE event_id = e.id AND time <= %(at)s
    ORDER BY time DESC, array_position(ARRAY['closed', 'changed', 'open'], status) LIMIT 1) AS c
WHERE lasting(e.opened_at, e.closed_at) @> %(at)s::timestamptz AND c.status <> 'closed'
  AND c.time > %(at)s::timestamptz - interval '1 year'
  AND (e.lat IS NOT NULL AND e.lon IS NOT NULL OR e.area IS NOT NULL)
ORDER BY c.time DESC LIMIT %(most)s;

-- areas --
-- Areas valid on a day.
SELECT key, name, kind, coalesce(drawing, geometry) AS geometry FROM area
WHERE valid_from <= %(day)s::date AND %(day)s::date < valid_to ORDER BY id;
