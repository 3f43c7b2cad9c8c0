-- feed_ids --
-- Also of feeds that left the folder.
SELECT key, id FROM feed;

-- known_sensors --
-- At start.
SELECT key, feed_id, id FROM sensor;

-- known_series --
-- At start.
SELECT s.key, e.metric, e.id FROM series e JOIN sensor s ON s.id = e.sensor_id;

-- add_sensors --
-- The lookup comes first: no identity is used up by rows that exist.
INSERT INTO sensor (key, name, feed_id, domain, cadence, moves, id_from)
SELECT r.key, jsonb_build_object('', r.key), r.feed_id, r.domain, make_interval(secs => r.cadence), r.moves, r.id_from
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, feed_id int, domain text, cadence float8, moves boolean, id_from text)
WHERE NOT EXISTS (SELECT 1 FROM sensor s WHERE s.key = r.key)
ON CONFLICT (key) DO NOTHING;

-- sensor_ids --
-- Of those just added, by whoever.
SELECT s.key, s.id FROM sensor s JOIN jsonb_to_recordset(%(rows)s::jsonb) AS r (key text) USING (key);

-- add_series --
-- As add_sensors.
INSERT INTO series (sensor_id, metric, feed_id, time_from)
SELECT s.id, r.metric, r.feed_id, r.time_from
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, metric text, feed_id int, time_from text) JOIN sensor s USING (key)
WHERE NOT EXISTS (SELECT 1 FROM series e WHERE e.sensor_id = s.id AND e.metric = r.metric)
ON CONFLICT (sensor_id, metric) DO NOTHING;

-- series_ids --
-- Of those just added, by whoever.
SELECT s.key, e.metric, e.id FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, metric text)
JOIN sensor s USING (key) JOIN series e ON e.sensor_id = s.id AND e.metric = r.metric;

-- add_facts --
-- The folder's word stands; a place it does not give may come from the payload.
UPDATE sensor s SET
    name = CASE WHEN s.registered OR r.name IS NULL THEN s.name ELSE jsonb_build_object('', r.name) END,
    lat = CASE WHEN p.take THEN r.lat ELSE s.lat END, lon = CASE WHEN p.take THEN r.lon ELSE s.lon END,
    area = CASE WHEN p.take THEN r.area ELSE s.area END,
    place_from = CASE WHEN p.take THEN 'payload' ELSE s.place_from END,
    moves = s.moves OR r.moves,
    properties = coalesce(r.properties, '{}') || s.properties || CASE WHEN s.registered THEN '{}' ELSE coalesce(r.properties, '{}') END,
    updated_at = now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, name text, lat float8, lon float8, area text, moves boolean, properties jsonb)
CROSS JOIN LATERAL (SELECT EXISTS (SELECT 1 FROM sensor o WHERE o.key = r.key AND r.lat IS NOT NULL
    AND (o.place_from <> 'registry' OR o.lat IS NULL)) AS take) AS p
WHERE s.key = r.key AND (
    (NOT s.registered AND r.name IS NOT NULL AND s.name IS DISTINCT FROM jsonb_build_object('', r.name))
    OR (p.take AND (s.lat, s.lon) IS DISTINCT FROM (r.lat, r.lon))
    OR (r.moves AND NOT s.moves)
    OR (r.properties IS NOT NULL AND NOT s.properties @> r.properties AND NOT s.registered));
