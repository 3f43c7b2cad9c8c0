-- alarms_of --
-- Alarms of these rules that hold, or ended since; `until` is when, by the data's time.
SELECT a.id, r.key AS rule, a.condition, a.event_start, coalesce(a.event_end, a.cleared_at, a.closed_at) AS until,
    a.area, a.sensor_id, a.feed_id, a.lat, a.lon
FROM alarm a JOIN rule r ON r.id = a.rule_id
WHERE r.key = ANY (%(rules)s) AND (a.closed_at IS NULL AND a.condition <> 'false'
    OR a.condition = 'false' AND a.cleared_at > %(since)s AND (a.closed_at IS NULL OR a.closed_at > %(since)s));

-- open_targets --
-- Targets of the open alarms of these rules, with their conditions and what their kind said of them.
SELECT rule_id, target, condition, detail FROM alarm WHERE rule_id = ANY (%(rules)s) AND closed_at IS NULL;

-- movers --
-- Moving sensors of each rule that were heard since, or whose alarm is open; with the alarm, and whether heard lately.
WITH asked AS (
    SELECT * FROM jsonb_to_recordset(%(rules)s::jsonb) AS r (rule_id int, feeds text[], domains text[], keys text[],
        patterns text[], tags text[])),
placed AS (
    SELECT s.id, s.key, s.feed_id, coalesce(nullif(s.domain, ''), f.domain, '') AS domain, f.key AS feed, s.properties,
        coalesce(s.cadence, f.cadence) AS expected, p.time, p.received_at
    FROM latest_position p JOIN sensor s ON s.id = p.sensor_id JOIN feed f ON f.id = s.feed_id AND f.enabled
    WHERE p.time <= %(at)s + interval '2 min')
SELECT r.rule_id, p.id AS sensor_id, p.feed_id, p.time AS newest, extract(epoch FROM p.expected)::float8 AS expected,
    a.condition, (SELECT max(x.last_event) FROM alarm x WHERE x.rule_id = r.rule_id AND x.target = 'sensor:' || p.id) AS used,
    p.received_at > %(at)s - greatest(interval '2 min', 3 * coalesce(p.expected, '20 min')) AS fresh
FROM asked r JOIN placed p ON (r.feeds = '{}' OR p.feed = ANY (r.feeds)) AND (r.domains = '{}' OR p.domain = ANY (r.domains))
    AND (r.patterns = '{}' OR p.key LIKE ANY (r.patterns))
    AND (r.tags = '{}' OR p.properties->'tags' ?| r.tags
        OR string_to_array(replace(coalesce(p.properties->>'tags', ''), ' ', ''), ',') && r.tags)
LEFT JOIN alarm a ON a.rule_id = r.rule_id AND a.target = 'sensor:' || p.id AND a.closed_at IS NULL
WHERE p.received_at > %(since)s OR %(full)s AND a.id IS NOT NULL;

-- track --
-- Where these sensors were in these spans (after, to], oldest first; microseconds.
SELECT m.sensor_id, (extract(epoch FROM p.time) * 1000000)::bigint, p.lat, p.lon
FROM unnest(%(sensors)s::int[], %(after)s::timestamptz[], %(until)s::timestamptz[]) AS m (sensor_id, after, until)
JOIN position p ON p.sensor_id = m.sensor_id AND p.time > m.after AND p.time <= m.until
ORDER BY 1, 2;

-- shapes --
-- Outlines of these areas on a day, as GeoJSON.
SELECT key, geometry FROM area WHERE key = ANY (%(areas)s) AND valid_from <= %(day)s AND %(day)s < valid_to;

-- reports --
-- Events of each rule that were opened since and told of by now, oldest first, with whoever told of them.
WITH asked AS (
    SELECT * FROM jsonb_to_recordset(%(rules)s::jsonb) AS r (rule_id int, kinds text[], severity int, feeds text[],
        domains text[], areas text[], seconds double precision, reporter text))
SELECT r.rule_id, e.id, (extract(epoch FROM e.opened_at) * 1000000)::bigint AS at, e.lat, e.lon, e.area, e.feed_id,
    e.closed_at IS NULL AS open, coalesce(nullif(e.properties->>r.reporter, ''), 'event ' || e.id) AS reporter
FROM asked r JOIN event e ON e.opened_at > %(at)s - make_interval(secs => r.seconds) AND e.opened_at <= %(at)s + interval '2 min'
    AND e.severity >= r.severity AND e.lat IS NOT NULL AND e.lon IS NOT NULL
    AND (r.kinds = '{}' OR e.kind LIKE ANY (r.kinds)) AND (r.areas = '{}' OR e.area = ANY (r.areas))
JOIN feed f ON f.id = e.feed_id AND (r.feeds = '{}' OR f.key = ANY (r.feeds)) AND (r.domains = '{}' OR f.domain = ANY (r.domains))
ORDER BY r.rule_id, e.opened_at, e.id;

-- spots --
-- Where these sensors are.
SELECT s.id, s.key, coalesce(p.lat, s.lat) AS lat, coalesce(p.lon, s.lon) AS lon, s.area
FROM sensor s LEFT JOIN latest_position p ON p.sensor_id = s.id
WHERE s.key LIKE ANY (%(patterns)s) AND coalesce(p.lat, s.lat) IS NOT NULL;

-- deadlines_stale --
-- Open events of each rule whose deadlines are not worked out, or not since they or the rule changed; with what happened
-- to them.
WITH asked AS (
    SELECT * FROM jsonb_to_recordset(%(rules)s::jsonb) AS r (rule_id int, kinds text[], feeds text[], domains text[], areas text[],
        severity int, stamp text))
SELECT r.rule_id, e.id AS event_id, e.opened_at, e.severity, e.received_at, (
    SELECT jsonb_agg(jsonb_build_array((extract(epoch FROM c.time) * 1000000)::bigint, c.status, c.properties) ORDER BY c.time)
    FROM event_change c WHERE c.event_id = e.id) AS changes
FROM asked r JOIN event e ON e.closed_at IS NULL AND e.severity >= r.severity
    AND (r.kinds = '{}' OR e.kind LIKE ANY (r.kinds)) AND (r.areas = '{}' OR e.area = ANY (r.areas))
JOIN feed f ON f.id = e.feed_id AND (r.feeds = '{}' OR f.key = ANY (r.feeds)) AND (r.domains = '{}' OR f.domain = ANY (r.domains))
LEFT JOIN event_deadline d ON d.rule_id = r.rule_id AND d.event_id = e.id
WHERE (d.event_id IS NULL OR d.stamp <> r.stamp || '|' || e.received_at) AND e.opened_at > %(at)s - interval '400 days'
    AND (%(full)s OR e.received_at > %(since)s)
LIMIT 5000;

-- deadlines_put --
-- When each step is due; NULL while the clock stands still.
INSERT INTO event_deadline (rule_id, event_id, stamp, due, next_due)
SELECT g.rule_id, g.event_id, g.stamp || '|' || e.received_at, g.due, (SELECT min(d) FROM unnest(g.due) d)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (rule_id int, event_id bigint, stamp text, due timestamptz[])
JOIN event e ON e.id = g.event_id
ON CONFLICT (rule_id, event_id) DO UPDATE SET stamp = EXCLUDED.stamp, due = EXCLUDED.due, next_due = EXCLUDED.next_due;

-- deadlines_due --
-- Events of these rules with a step that is due, and open alarms of theirs, whatever they say.
WITH passed AS (
    SELECT d.rule_id, d.event_id, d.due FROM event_deadline d JOIN event e ON e.id = d.event_id AND e.closed_at IS NULL
    WHERE d.rule_id = ANY (%(rules)s) AND d.next_due <= %(at)s),
standing AS (
    SELECT a.rule_id, split_part(a.target, ':', 2)::bigint AS event_id, a.condition, a.held FROM alarm a
    WHERE a.rule_id = ANY (%(rules)s) AND a.closed_at IS NULL)
SELECT coalesce(p.rule_id, a.rule_id) AS rule_id, coalesce(p.event_id, a.event_id) AS event_id, p.due, a.condition,
    coalesce(a.held, 0) AS held, e.feed_id, e.opened_at
FROM passed p FULL JOIN standing a ON a.rule_id = p.rule_id AND a.event_id = p.event_id
JOIN event e ON e.id = coalesce(p.event_id, a.event_id);

-- deadlines_gone --
-- Closed events, and rules that are no more, need no deadline.
DELETE FROM event_deadline d WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.id = d.event_id AND e.closed_at IS NULL)
    OR d.rule_id <> ALL (%(rules)s);
