-- now --
-- The database's clock, microseconds.
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;

-- city --
-- The city as its folder says.
SELECT key, name, zone, settings, digest FROM city;

-- sensors --
-- Every sensor that has a place which can be drawn (0, 0 is where receivers without a fix say they are), with the cadence
-- it is held to, seconds. A moving one is where it was last seen, else where it is registered.
SELECT s.id, s.key, s.name, s.domain, coalesce(f.key, '') AS feed, s.kind, at.lat, at.lon, coalesce(s.area, '') AS area,
       s.moves, extract(epoch FROM coalesce(s.cadence, f.cadence, h.cadence))::float8 AS cadence
FROM sensor s
LEFT JOIN feed f ON f.id = s.feed_id
LEFT JOIN latest_position p ON p.sensor_id = s.id
LEFT JOIN (SELECT se.sensor_id, min(sh.cadence) AS cadence FROM series_habit sh JOIN series se ON se.id = sh.series_id
           GROUP BY se.sensor_id) h ON h.sensor_id = s.id
CROSS JOIN LATERAL (
    SELECT c.lat, c.lon FROM (VALUES (1, p.lat, p.lon), (2, s.lat, s.lon)) AS c (choice, lat, lon)
    WHERE abs(c.lat) <= 85 AND abs(c.lon) <= 180 AND greatest(abs(c.lat), abs(c.lon)) > 0.001
    ORDER BY c.choice LIMIT 1) at
WHERE coalesce(f.enabled, true)
ORDER BY s.id;

-- placeless --
-- Sensors that no map can draw: without a place, or with one that is none..
SELECT s.id, s.key, s.name, s.domain, f.name AS feed, coalesce(p.lat, s.lat) AS lat, coalesce(p.lon, s.lon) AS lon,
       count(*) OVER () AS total
FROM sensor s
LEFT JOIN feed f ON f.id = s.feed_id
LEFT JOIN latest_position p ON p.sensor_id = s.id
WHERE coalesce(f.enabled, true) AND NOT EXISTS (
    SELECT FROM (VALUES (p.lat, p.lon), (s.lat, s.lon)) AS c (lat, lon)
    WHERE abs(c.lat) <= 85 AND abs(c.lon) <= 180 AND greatest(abs(c.lat), abs(c.lon)) > 0.001)
ORDER BY s.key LIMIT %(most)s;

-- series --
-- Every series, those of one sensor together.
SELECT id, sensor_id, metric FROM series ORDER BY sensor_id, id;

-- metrics --
-- What is measured, with its map colouring.
SELECT key, name, unit, decimals, settings FROM metric;

-- latest_all --
-- The newest value of every series.
SELECT series_id, (extract(epoch FROM time) * 1000000)::bigint, (extract(epoch FROM received_at) * 1000000)::bigint, value
FROM latest;

-- latest_of --
-- The newest value of these series.
SELECT series_id, (extract(epoch FROM time) * 1000000)::bigint, (extract(epoch FROM received_at) * 1000000)::bigint, value
FROM latest WHERE series_id = ANY(%(series)s);

-- positions_of --
-- Where these sensors are now.
SELECT sensor_id, lat, lon, (extract(epoch FROM time) * 1000000)::bigint FROM latest_position WHERE sensor_id = ANY(%(sensors)s);

-- positions_all --
-- Where every moving sensor is now.
SELECT sensor_id, lat, lon, (extract(epoch FROM time) * 1000000)::bigint FROM latest_position;

-- doubtful --
-- Series whose values must not be believed now: what the view usable_latest keeps from rules.
SELECT DISTINCT series_id FROM quality WHERE active AND kind IN ('stuck', 'skew', 'rate');

-- changes --
-- What these commits touched.
SELECT series, sensors, registry, (extract(epoch FROM at) * 1000000)::bigint FROM change WHERE id = ANY(%(ids)s);

-- alarms --
-- Alarms whose episode is not over, but for the test alarm, the worst and newest first.
SELECT a.id, a.priority, a.condition, a.acked_at IS NOT NULL AS acked, a.suppression, st.isa, r.name AS rule, a.value,
       a.threshold, a.series_id, a.sensor_id, a.domain, coalesce(a.area, s.area, '') AS area, s.name AS sensor,
       s.key AS sensor_key, f.name AS feed, coalesce(a.lat, s.lat) AS lat, coalesce(a.lon, s.lon) AS lon,
       alarm_unit(r.kind, m.unit) AS unit, m.decimals, m.settings->'states' AS states, (extract(epoch FROM a.opened_at) * 1000000)::bigint AS opened
FROM alarm a
JOIN alarm_state st ON st.id = a.id
JOIN rule r ON r.id = a.rule_id
LEFT JOIN sensor s ON s.id = a.sensor_id
LEFT JOIN feed f ON f.id = a.feed_id
LEFT JOIN series se ON se.id = a.series_id
LEFT JOIN metric m ON m.key = se.metric
WHERE a.closed_at IS NULL AND r.kind <> 'heartbeat'
ORDER BY a.condition = 'false', a.suppression <> 'none', a.priority, a.opened_at DESC;

-- areas --
-- Areas valid today.
SELECT key, name, kind, coalesce(drawing, geometry) AS geometry FROM area WHERE valid_from <= current_date AND current_date < valid_to ORDER BY id;

-- events --
-- Events that are not closed and have a place or an area, the newest first; the year bounds what nobody ever closes.
SELECT e.id, e.kind, e.title, e.status, e.severity, f.name AS feed, f.domain, e.lat, e.lon, e.area,
       (extract(epoch FROM e.opened_at) * 1000)::bigint AS opened
FROM event e JOIN feed f ON f.id = e.feed_id
WHERE e.closed_at IS NULL AND f.enabled AND e.changed_at > now() - interval '1 year'
  AND (e.lat IS NOT NULL AND e.lon IS NOT NULL OR e.area IS NOT NULL)
ORDER BY e.changed_at DESC LIMIT %(most)s;

-- feeds --
-- When each feed was last heard, microseconds, and the silence it is allowed, seconds.
SELECT f.key, f.name, f.domain, (extract(epoch FROM c.received_at) * 1000000)::bigint AS heard,
       extract(epoch FROM coalesce(f.silent_after, f.cadence * 5))::float8 AS silent_after
FROM feed f LEFT JOIN feed_contact c ON c.feed_id = f.id
WHERE f.enabled AND f.key <> 'unclaimed' ORDER BY f.key;

-- processes --
-- What each running part says of itself.
SELECT name, state, (extract(epoch FROM beat_at) * 1000000)::bigint AS beat FROM process ORDER BY name;

-- judging --
-- When the rules were judged last; when the test alarm was first owed, and when a server took a mail to its mailbox last.
SELECT (SELECT (extract(epoch FROM max(at)) * 1000000)::bigint FROM tick WHERE finished_at IS NOT NULL) AS judged,
    (extract(epoch FROM t.opened_at) * 1000000)::bigint AS since, (extract(epoch FROM m.sent_at) * 1000000)::bigint AS mailed,
    extract(epoch FROM (r.settings->>'realarm')::interval)::float8 AS every
FROM (SELECT 1) AS always
LEFT JOIN rule r ON r.kind = 'heartbeat' AND r.enabled
LEFT JOIN alarm t ON t.rule_id = r.id AND t.closed_at IS NULL
LEFT JOIN contact c ON c.key = r.settings->'options'->>'contact'
LEFT JOIN LATERAL (SELECT sent_at FROM outbox o WHERE o.contact_id = c.id AND o.state = 'sent' ORDER BY created_at DESC LIMIT 1) m ON true
LIMIT 1;

-- listen --
-- Be told of every commit and every alarm.
LISTEN ioc_change; LISTEN ioc_alarm;
