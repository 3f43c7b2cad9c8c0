-- alarms --
-- What a mail says about these alarms.
SELECT a.id, a.priority, s.isa, a.condition, a.acked_at, a.acked_by, a.suppression, a.flapping, a.reopened, a.detected_late,
    a.value, a.peak, a.threshold, a.event_start, a.event_end, a.opened_at, a.cleared_at, a.closed_at, a.close_reason,
    a.domain, a.area, ar.name AS area_name, a.lat, a.lon, a.target, a.series_id, a.sensor_id, a.feed_id,
    r.key AS rule, r.kind, r.name AS rule_name, r.settings, e.key AS sensor, e.name AS sensor_name,
    f.name AS feed_name, ev.title AS event_title, se.metric, m.name AS metric_name, coalesce(m.unit, '') AS unit,
    coalesce(m.decimals, 1) AS decimals, m.settings->'states' AS states, l.time AS latest_time, l.value AS latest_value,
    (SELECT c.note FROM alarm_change c WHERE c.alarm_id = a.id AND c.kind IN ('raised', 'reraised') ORDER BY seq DESC LIMIT 1) AS share,
    a.detail, t.raise, t.clear,
    coalesce(t.direction, CASE WHEN a.peak < a.threshold THEN -1 ELSE 1 END) AS direction
FROM alarm a JOIN alarm_state s ON s.id = a.id JOIN rule r ON r.id = a.rule_id
LEFT JOIN sensor e ON e.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id
LEFT JOIN series se ON se.id = a.series_id LEFT JOIN metric m ON m.key = se.metric
LEFT JOIN latest l ON l.series_id = a.series_id
LEFT JOIN rule_target t ON t.rule_id = a.rule_id AND t.series_id = a.series_id
LEFT JOIN event ev ON a.target = 'event:' || ev.id
LEFT JOIN LATERAL (SELECT name FROM area x WHERE x.key = a.area ORDER BY valid_from DESC LIMIT 1) ar ON true
WHERE a.id = ANY (%(ids)s) ORDER BY array_position(%(ids)s, a.id);

-- critical --
-- The critical ones of these that still stand, by rule: enough to name each, however many there are.
SELECT a.id, r.key AS rule, r.name AS rule_name, a.target, coalesce(e.name, f.name) AS name, ev.title
FROM unnest(%(ids)s::bigint[]) AS w (id) JOIN alarm a ON a.id = w.id AND a.priority = 1 AND a.condition <> 'false'
JOIN rule r ON r.id = a.rule_id LEFT JOIN sensor e ON e.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id
LEFT JOIN event ev ON a.target = 'event:' || ev.id
ORDER BY r.key, a.id;

-- changes --
-- The last five things that happened to each.
SELECT alarm_id, at, kind, value, actor, note FROM (
    SELECT *, row_number() OVER (PARTITION BY alarm_id ORDER BY seq DESC) AS back FROM alarm_change WHERE alarm_id = ANY (%(ids)s)) c
WHERE back <= 5 ORDER BY alarm_id, seq;

-- told --
-- Who else knows, or is about to.
SELECT i.alarm_id, array_agg(DISTINCT c.name ORDER BY c.name) FROM intent i JOIN contact c ON c.id = i.contact_id
WHERE i.alarm_id = ANY (%(ids)s) AND i.state <> 'dropped' AND c.id <> %(contact)s GROUP BY i.alarm_id;

-- near --
-- Other open alarms within 5 km, or in the same area, the worst first.
SELECT a.id, a.priority, a.condition, r.name AS rule_name, e.name AS sensor_name, f.name AS feed_name, a.value, a.lat, a.lon,
    coalesce(m.unit, '') AS unit, coalesce(m.decimals, 1) AS decimals
FROM alarm a JOIN rule r ON r.id = a.rule_id LEFT JOIN sensor e ON e.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id
LEFT JOIN series se ON se.id = a.series_id LEFT JOIN metric m ON m.key = se.metric
WHERE a.closed_at IS NULL AND a.condition <> 'false' AND a.suppression = 'none' AND a.id <> %(id)s
  AND (a.area = %(area)s OR abs(a.lat - %(lat)s::float8) < 0.045 AND abs(a.lon - %(lon)s::float8) < 0.045 / cos(radians(%(lat)s::float8)))
ORDER BY a.priority, a.opened_at DESC LIMIT 6;

-- curve --
-- Readings of a span in at most ~600 equal steps; a step without a reading is a gap.
SELECT extract(epoch FROM date_bin(%(step)s::interval, time, %(start)s::timestamptz))::float8, avg(value)::float8,
    min(value), max(value)
FROM reading WHERE series_id = %(series)s AND time > %(start)s AND time <= %(stop)s AND value BETWEEN -1e300 AND 1e300
GROUP BY 1 ORDER BY 1;

-- trend --
-- Change per hour by a straight line over a span, and over how many readings.
SELECT (regr_slope(value, extract(epoch FROM time)) * 3600)::float8, count(*)
FROM reading WHERE series_id = %(series)s AND time > %(start)s AND time <= %(stop)s AND value BETWEEN -1e300 AND 1e300;

-- around --
-- Sensors near a place, each with the priority of its worst open alarm, nearest first.
SELECT e.id, coalesce(p.lat, e.lat) AS lat, coalesce(p.lon, e.lon) AS lon,
    (SELECT min(a.priority) FROM alarm a WHERE a.sensor_id = e.id AND a.closed_at IS NULL AND a.condition <> 'false') AS priority
FROM sensor e LEFT JOIN latest_position p ON p.sensor_id = e.id
WHERE coalesce(p.lat, e.lat) BETWEEN %(south)s AND %(north)s AND coalesce(p.lon, e.lon) BETWEEN %(west)s AND %(east)s
ORDER BY (coalesce(p.lat, e.lat) - %(lat)s) ^ 2 + (coalesce(p.lon, e.lon) - %(lon)s) ^ 2 LIMIT 200;

-- areas --
-- Outlines of the areas valid today.
SELECT key, name, coalesce(drawing, geometry) AS geometry FROM area WHERE valid_from <= current_date AND current_date < valid_to AND kind = 'ward';
