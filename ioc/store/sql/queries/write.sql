-- copy_readings --
-- The fast way: fails as a whole when one row is there already.
COPY reading (series_id, time, value) FROM STDIN (FORMAT BINARY);

-- add_readings --
-- The careful way: says which rows, by number from 1, were new.
WITH given AS (
    SELECT * FROM unnest(%(series)s::int[], %(time)s::timestamptz[], %(value)s::float8[])
        WITH ORDINALITY AS g (series_id, time, value, n)
), added AS (
    INSERT INTO reading (series_id, time, value) SELECT series_id, time, value FROM given
    ON CONFLICT DO NOTHING RETURNING series_id, time
)
SELECT array_agg(n) FROM given JOIN added USING (series_id, time);

-- add_suspects --
-- As add_readings; the first reason stays.
WITH given AS (
    SELECT * FROM unnest(%(series)s::int[], %(time)s::timestamptz[], %(value)s::float8[], %(reason)s::text[])
        WITH ORDINALITY AS g (series_id, time, value, reason, n)
), added AS (
    INSERT INTO suspect (series_id, time, value, reason) SELECT series_id, time, value, reason FROM given
    ON CONFLICT DO NOTHING RETURNING series_id, time
)
SELECT array_agg(n) FROM given JOIN added USING (series_id, time);

-- add_positions --
-- As add_readings; NaN stands for unknown.
WITH given AS (
    SELECT * FROM unnest(%(sensor)s::int[], %(time)s::timestamptz[], %(lat)s::float8[], %(lon)s::float8[],
        %(speed)s::float8[], %(heading)s::float8[]) WITH ORDINALITY AS g (sensor_id, time, lat, lon, speed, heading, n)
), added AS (
    INSERT INTO position (sensor_id, time, lat, lon, speed, heading)
    SELECT sensor_id, time, lat, lon, nullif(speed, 'NaN'), nullif(heading, 'NaN') FROM given
    ON CONFLICT DO NOTHING RETURNING sensor_id, time
)
SELECT array_agg(n) FROM given JOIN added USING (sensor_id, time);

-- raise_positions --
-- One row a sensor; only forward.
INSERT INTO latest_position AS l (sensor_id, time, lat, lon, speed, heading, received_at)
SELECT sensor_id, time, lat, lon, nullif(speed, 'NaN'), nullif(heading, 'NaN'), clock_timestamp()
FROM unnest(%(sensor)s::int[], %(time)s::timestamptz[], %(lat)s::float8[], %(lon)s::float8[], %(speed)s::float8[],
    %(heading)s::float8[]) AS g (sensor_id, time, lat, lon, speed, heading)
ON CONFLICT (sensor_id) DO UPDATE SET time = EXCLUDED.time, lat = EXCLUDED.lat, lon = EXCLUDED.lon,
    speed = EXCLUDED.speed, heading = EXCLUDED.heading, received_at = EXCLUDED.received_at
WHERE l.time < EXCLUDED.time;

-- add_events --
-- Every event has a row before its changes are added; the oldest change of the batch opens it.
INSERT INTO event (feed_id, key, kind, status, opened_at, changed_at)
SELECT DISTINCT ON (feed_id, key) feed_id, key, kind, 'open', time, '-infinity'
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (feed_id int, key text, kind text, time timestamptz)
ORDER BY feed_id, key, time
ON CONFLICT (feed_id, key) DO NOTHING;

-- add_event_changes --
-- A report without a time of its own is a change only where it says something new. Returns the numbers that were new.
WITH given AS (
    SELECT e.id, e.changed_at, g.* FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (n int, feed_id int, key text, title text,
        status text, severity smallint, time timestamptz, timed boolean, properties jsonb)
    JOIN event e USING (feed_id, key)
    WHERE g.timed OR (e.status, e.severity, e.title, e.properties) IS DISTINCT FROM
        (g.status, g.severity, g.title, g.properties) OR e.changed_at = '-infinity'
), added AS (
    INSERT INTO event_change (event_id, time, status, severity, title, properties)
    SELECT DISTINCT ON (id, time, status) id, time, status, severity, title, properties FROM given ORDER BY id, time, status, n
    ON CONFLICT DO NOTHING RETURNING event_id, time, status
)
SELECT min(n), event_id FROM given JOIN added ON event_id = id AND added.time = given.time AND added.status = given.status
GROUP BY event_id, added.time, added.status;

-- raise_events --
-- An event is as its newest change says; at the same moment, closed comes after changed after open.
UPDATE event e SET kind = g.kind, title = g.title, status = g.status, severity = g.severity, changed_at = g.time,
    opened_at = least(e.opened_at, g.time), closed_at = CASE WHEN g.status = 'closed' THEN g.time END,
    lat = coalesce(g.lat, e.lat), lon = coalesce(g.lon, e.lon), area = coalesce(g.area, e.area),
    properties = e.properties || g.properties, received_at = clock_timestamp()
FROM (
    SELECT DISTINCT ON (feed_id, key) * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (n int, feed_id int, key text,
        kind text, title text, status text, severity smallint, time timestamptz, timed boolean, lat float8, lon float8,
        area text, properties jsonb)
    ORDER BY feed_id, key, time DESC, array_position(ARRAY['closed', 'changed', 'open'], status), n DESC
) g
WHERE e.feed_id = g.feed_id AND e.key = g.key
  AND (e.changed_at, array_position(ARRAY['open', 'changed', 'closed'], e.status))
      < (g.time, array_position(ARRAY['open', 'changed', 'closed'], g.status))
  AND (g.timed OR (e.status, e.severity, e.title, e.properties) IS DISTINCT FROM (g.status, g.severity, g.title, g.properties));

-- event_ids --
-- For the change row.
SELECT e.id FROM event e JOIN unnest(%(feeds)s::int[], %(keys)s::text[]) AS g (feed_id, key)
    ON e.feed_id = g.feed_id AND e.key = g.key;

-- lock --
-- Held to the end of the transaction.
SELECT pg_advisory_xact_lock(%(key)s);

-- is_past --
-- Whether `latest` is past all of these; it never goes back, so the answer needs no lock.
SELECT NOT EXISTS (
    SELECT FROM unnest(%(series)s::int[], %(time)s::timestamptz[]) AS g (series_id, time)
    LEFT JOIN latest l USING (series_id) WHERE l.time IS NULL OR l.time < g.time);

-- raise_latest --
-- Only forward. A join is half the price of ON CONFLICT, and all but new series are there already.
UPDATE latest l SET time = g.time, value = g.value, received_at = clock_timestamp()
FROM unnest(%(series)s::int[], %(time)s::timestamptz[], %(value)s::float8[]) AS g (series_id, time, value)
WHERE l.series_id = g.series_id AND l.time < g.time;

-- add_latest --
-- What raise_latest did not find.
INSERT INTO latest AS l (series_id, time, value, received_at)
SELECT series_id, time, value, clock_timestamp()
FROM unnest(%(series)s::int[], %(time)s::timestamptz[], %(value)s::float8[]) AS g (series_id, time, value)
WHERE NOT EXISTS (SELECT 1 FROM latest o WHERE o.series_id = g.series_id)
ON CONFLICT (series_id) DO UPDATE SET time = EXCLUDED.time, value = EXCLUDED.value, received_at = EXCLUDED.received_at
WHERE l.time < EXCLUDED.time;

-- note_past --
-- Newest readings that `latest` is past: no news of now, but rules look at that time again. What is long ago is history.
INSERT INTO late_reading (series_id, time)
SELECT g.series_id, g.time FROM unnest(%(series)s::int[], %(time)s::timestamptz[], %(value)s::float8[]) AS g (series_id, time, value)
JOIN latest l USING (series_id)
WHERE g.time < l.time AND g.time > clock_timestamp() - interval '20 min';

-- note_late --
-- The oldest of each series that came after newer ones.
INSERT INTO late_reading (series_id, time)
SELECT series_id, min(time) FROM unnest(%(series)s::int[], %(time)s::timestamptz[]) AS g (series_id, time)
WHERE time > clock_timestamp() - interval '20 min' GROUP BY series_id;

-- add_arrivals --
-- A packet id is free again once its message was acknowledged, so the newest holder of an id is the only one of interest.
INSERT INTO arrival (client, mid, digest, received_at)
SELECT %(client)s, mid, digest, time FROM unnest(%(mid)s::int[], %(digest)s::bytea[], %(time)s::timestamptz[]) AS g (mid, digest, time)
ON CONFLICT (client, mid) DO UPDATE SET digest = EXCLUDED.digest, received_at = EXCLUDED.received_at;

-- arrivals --
-- What a crash may have left unacknowledged: the last hour before the client's last commit, as the database may have been away.
SELECT mid, digest, (extract(epoch FROM received_at) * 1000000)::bigint
FROM arrival WHERE client = %(client)s
  AND received_at > (SELECT max(received_at) FROM arrival WHERE client = %(client)s) - interval '1 h'
ORDER BY received_at;

-- tell --
-- Readers fetch what the row names.
WITH made AS (
    INSERT INTO change (series, sensors, events, registry)
    VALUES (%(series)s::int[], %(sensors)s::int[], %(events)s::bigint[], %(registry)s) RETURNING id
)
SELECT pg_notify('ioc_change', id::text) FROM made;

-- mark_hours --
-- One row an hour that got readings, however many series.
INSERT INTO dirty (hour, series)
SELECT hour, array_agg(series_id) FROM unnest(%(hour)s::timestamptz[], %(series)s::int[]) AS g (hour, series_id) GROUP BY hour;
