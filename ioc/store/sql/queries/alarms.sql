-- clock --
-- The clock that counts.
SELECT clock_timestamp();

-- open_for --
-- The open alarms of these rules and targets, locked in one order so that two writers cannot block each other for ever.
SELECT a.id, a.rule_id, a.target, a.condition, a.acked_at IS NOT NULL AS acked, a.latched, a.suppression, a.flapping, a.told,
    a.reopened, a.one_shot, a.row_version, coalesce((r.settings->>'latching')::boolean, false) AS latching, a.priority
FROM unnest(%(rules)s::int[], %(targets)s::text[]) AS w (rule_id, target)
JOIN alarm a ON a.rule_id = w.rule_id AND a.target = w.target AND a.closed_at IS NULL
JOIN rule r ON r.id = a.rule_id
ORDER BY a.id FOR UPDATE OF a;

-- by_id --
-- These alarms, locked, where still open.
SELECT a.id, a.rule_id, a.target, a.condition, a.acked_at IS NOT NULL AS acked, a.latched, a.suppression, a.flapping, a.told,
    a.reopened, a.one_shot, a.row_version, coalesce((r.settings->>'latching')::boolean, false) AS latching, a.priority
FROM alarm a JOIN rule r ON r.id = a.rule_id
WHERE a.id = ANY (%(ids)s) AND a.closed_at IS NULL
ORDER BY a.id FOR UPDATE OF a;

-- note --
-- A comment moves nothing but the version, which is the number of its line in the history.
UPDATE alarm SET row_version = row_version + 1 WHERE id = %(id)s RETURNING row_version;

-- open --
-- New alarms; one that another writer opened first is left alone. What is known of the target is written with it.
INSERT INTO alarm (rule_id, rule_version, target, series_id, sensor_id, feed_id, area, domain, lat, lon, priority, value, peak,
    threshold, latched, suppression, told, flap, flapping, event_start, last_event, opened_at, detected_late, row_version,
    held, detail)
SELECT g.rule_id, r.version, g.target, g.series_id, s.id, coalesce(g.feed_id, se.feed_id), coalesce(g.area, s.area, e.area),
    coalesce(nullif(s.domain, ''), m.domain, f.domain, r.settings->'scope'->'domains'->>0, ''),
    coalesce(g.lat, p.lat, s.lat, e.lat), coalesce(g.lon, p.lon, s.lon, e.lon),
    coalesce(g.priority, r.priority), g.value, g.peak, g.threshold, g.latched, g.suppression, g.told, g.flap, g.flapping, g.event_start, g.last_event,
    g.opened_at, g.late, g.row_version, coalesce(g.held, 1), coalesce(g.detail, '{}')
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (rule_id int, target text, series_id int, sensor_id int, feed_id int,
    event_id bigint, value double precision, peak double precision, threshold double precision, latched boolean,
    suppression text, told text, flap real, flapping boolean, event_start timestamptz, last_event timestamptz,
    opened_at timestamptz, late boolean, row_version int, area text, lat double precision, lon double precision,
    priority smallint, held int, detail jsonb)
JOIN rule r ON r.id = g.rule_id
LEFT JOIN series se ON se.id = g.series_id
LEFT JOIN sensor s ON s.id = coalesce(g.sensor_id, se.sensor_id)
LEFT JOIN latest_position p ON p.sensor_id = s.id
LEFT JOIN metric m ON m.key = se.metric
LEFT JOIN feed f ON f.id = coalesce(g.feed_id, se.feed_id)
LEFT JOIN event e ON e.id = g.event_id
ON CONFLICT (rule_id, target) WHERE closed_at IS NULL DO NOTHING
RETURNING id, rule_id, target;

-- move --
-- Alarms as the life cycle left them; one that somebody else moved meanwhile is not touched.
UPDATE alarm a SET condition = g.condition, latched = g.latched, suppression = g.suppression, flapping = g.flapping,
    flap = coalesce(g.flap, a.flap), told = g.told, reopened = g.reopened, row_version = g.row_version,
    acked_at = CASE WHEN g.acked THEN coalesce(a.acked_at, g.at) END,
    acked_by = CASE WHEN g.acked THEN coalesce(a.acked_by, g.actor) END,
    ack_note = CASE WHEN g.acked THEN coalesce(a.ack_note, g.note) END,
    one_shot = g.one_shot,
    parent_id = CASE WHEN g.suppression = 'by_design' THEN coalesce(g.parent_id, a.parent_id) END,
    maintenance_id = CASE WHEN g.suppression = 'out_of_service' THEN coalesce(g.maintenance_id, a.maintenance_id) END,
    assigned_to = coalesce(g.person, a.assigned_to), assigned_at = CASE WHEN g.person IS NULL THEN a.assigned_at ELSE g.at END,
    assigned_by = CASE WHEN g.person IS NULL THEN a.assigned_by ELSE g.actor END,
    suppressed_until = CASE WHEN g.suppression = 'none' THEN NULL WHEN g.suppression <> a.suppression THEN g.until
        ELSE coalesce(g.until, a.suppressed_until) END,
    suppressed_by = CASE WHEN g.suppression = 'none' THEN NULL WHEN g.suppression <> a.suppression THEN g.actor ELSE a.suppressed_by END,
    suppress_reason = CASE WHEN g.suppression = 'none' THEN NULL WHEN g.suppression <> a.suppression THEN g.note ELSE a.suppress_reason END,
    value = coalesce(g.value, a.value),
    peak = CASE WHEN coalesce(a.peak, g.peak) < a.threshold THEN least(a.peak, g.peak) ELSE greatest(a.peak, g.peak) END,
    threshold = coalesce(g.threshold, a.threshold),
    event_end = CASE WHEN g.condition <> 'false' THEN NULL ELSE coalesce(a.event_end, g.event_time) END,
    last_event = greatest(a.last_event, g.event_time),
    cleared_at = CASE WHEN g.condition <> 'false' THEN NULL ELSE coalesce(a.cleared_at, g.at) END,
    closed_at = CASE WHEN g.closed <> '' THEN g.at END, close_reason = nullif(g.closed, ''),
    reminded_at = coalesce(g.reminded_at, a.reminded_at), priority = coalesce(g.priority, a.priority),
    held = coalesce(g.held, a.held), detail = coalesce(g.detail, a.detail)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (id bigint, was int, condition text, acked boolean, latched boolean,
    suppression text, flapping boolean, flap real, told text, reopened int, row_version int, closed text, at timestamptz,
    actor text, note text, until timestamptz, value double precision, peak double precision, threshold double precision,
    event_time timestamptz, reminded_at timestamptz, priority smallint, held int, detail jsonb,
    one_shot boolean, parent_id bigint, maintenance_id bigint, person int)
WHERE a.id = g.id AND a.row_version = g.was
RETURNING a.id;

-- record --
-- The history of what was done, appended; returns which row is which.
INSERT INTO alarm_change (alarm_id, seq, at, event_time, kind, value, actor, note, detail)
SELECT alarm_id, seq, at, event_time, kind, value, coalesce(actor, 'ioc'), coalesce(note, ''), coalesce(detail, '{}')
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (alarm_id bigint, seq int, at timestamptz, event_time timestamptz, kind text,
    value double precision, actor text, note text, detail jsonb)
RETURNING id, alarm_id, seq;

-- tell --
-- Screens hear of it when this transaction commits.
SELECT pg_notify('ioc_alarm', id::text) FROM unnest(%(ids)s::bigint[]) AS i (id);

-- flap_times --
-- When the condition of these rules and targets changed within the hour, over all their alarms.
SELECT a.rule_id, a.target, array_agg(c.at) AS times
FROM unnest(%(rules)s::int[], %(targets)s::text[]) AS w (rule_id, target)
JOIN alarm a ON a.rule_id = w.rule_id AND a.target = w.target
    AND (a.closed_at IS NULL OR a.closed_at > %(at)s - interval '1 h')
JOIN alarm_change c ON c.alarm_id = a.id AND c.kind IN ('raised', 'cleared', 'reraised') AND c.at > %(at)s - interval '1 h'
GROUP BY a.rule_id, a.target;

-- due --
-- Open alarms to which time alone does something: a shelf that ends, a reminder, a returned alarm nobody acknowledged for
-- a day, flapping that may be over.
SELECT a.id, a.rule_id, a.target, CASE
    WHEN a.suppression = 'shelved' AND a.suppressed_until <= %(at)s THEN 'unshelve'
    WHEN a.suppression = 'out_of_service' AND a.suppressed_until <= %(at)s THEN 'put_back'
    WHEN a.flapping THEN 'flap'
    WHEN a.condition = 'false' THEN 'expire'
    ELSE 'remind' END AS what
FROM alarm a JOIN rule r ON r.id = a.rule_id
WHERE a.closed_at IS NULL AND (
    a.suppression IN ('shelved', 'out_of_service') AND a.suppressed_until <= %(at)s
    OR a.flapping
    OR a.condition = 'false' AND a.acked_at IS NULL AND NOT a.latched AND a.suppression = 'none'
        AND a.cleared_at <= %(at)s - interval '24 h'
    OR a.condition = 'true' AND a.suppression = 'none' AND r.settings->>'realarm' IS NOT NULL
        AND coalesce(a.reminded_at, a.opened_at) + (r.settings->>'realarm')::interval <= %(at)s
        AND (a.acked_at IS NULL OR coalesce((r.settings->>'realarm_acknowledged')::boolean, true)));

-- orphans --
-- Open alarms whose rule was switched off, or whose target is none of its rule's any more.
WITH standing AS MATERIALIZED (
    SELECT a.id, a.rule_id, a.target, a.series_id, r.enabled, coalesce(h.inputs, false) AS inputs
    FROM alarm a JOIN rule r ON r.id = a.rule_id LEFT JOIN rule_health h ON h.rule_id = a.rule_id
    WHERE a.closed_at IS NULL)
SELECT s.id, s.rule_id, s.target, CASE WHEN s.enabled THEN 'close:rule changed' ELSE 'close:rule disabled' END AS what
FROM standing s
LEFT JOIN LATERAL (SELECT true AS there FROM rule_target t WHERE t.rule_id = s.rule_id AND t.series_id = s.series_id
    AND starts_with(s.target, 'series:') OFFSET 0) t ON true
LEFT JOIN LATERAL (SELECT true AS there FROM rule_input i WHERE s.inputs AND i.rule_id = s.rule_id AND i.target = s.target
    LIMIT 1) i ON true
WHERE NOT s.enabled OR starts_with(s.target, 'series:') AND t.there IS NULL OR s.inputs AND i.there IS NULL;

-- open_alarms --
-- Every alarm whose episode is not over, the worst and newest first.
SELECT a.id, a.priority, s.isa, a.condition, a.acked_at, a.acked_by, a.ack_note, a.latched, a.suppression, a.suppressed_until,
    a.suppressed_by, a.suppress_reason, a.flapping, a.reopened, a.detected_late, a.value, a.peak, a.threshold, a.event_start,
    a.event_end, a.opened_at, a.cleared_at, a.closed_at, a.close_reason, a.domain, a.area, a.lat, a.lon, a.target, a.series_id,
    a.sensor_id, a.feed_id, a.row_version, a.one_shot, a.parent_id, a.maintenance_id, ct.key AS assigned_to,
    ct.name AS assigned_name, a.assigned_at, a.assigned_by,
    r.key AS rule, r.kind, r.name AS rule_name, e.key AS sensor, e.name AS sensor_name,
    f.key AS feed, f.name AS feed_name, se.metric, m.name AS metric_name, coalesce(m.unit, '') AS unit,
    coalesce(m.decimals, 1) AS decimals
FROM alarm a JOIN alarm_state s ON s.id = a.id JOIN rule r ON r.id = a.rule_id
LEFT JOIN sensor e ON e.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id
LEFT JOIN series se ON se.id = a.series_id LEFT JOIN metric m ON m.key = se.metric
LEFT JOIN contact ct ON ct.id = a.assigned_to
WHERE a.closed_at IS NULL AND r.kind <> 'heartbeat'
ORDER BY a.condition = 'false', a.suppression <> 'none', a.priority, a.opened_at DESC, a.id DESC;

-- history --
-- Alarms opened in a span, newest first, whatever became of them; filters that are NULL do not apply.
SELECT a.id, a.priority, s.isa, a.condition, a.acked_at, a.acked_by, a.ack_note, a.latched, a.suppression, a.suppressed_until,
    a.suppressed_by, a.suppress_reason, a.flapping, a.reopened, a.detected_late, a.value, a.peak, a.threshold, a.event_start,
    a.event_end, a.opened_at, a.cleared_at, a.closed_at, a.close_reason, a.domain, a.area, a.lat, a.lon, a.target, a.series_id,
    a.sensor_id, a.feed_id, a.row_version, a.one_shot, a.parent_id, a.maintenance_id, ct.key AS assigned_to,
    ct.name AS assigned_name, a.assigned_at, a.assigned_by,
    r.key AS rule, r.kind, r.name AS rule_name, e.key AS sensor, e.name AS sensor_name,
    f.key AS feed, f.name AS feed_name, se.metric, m.name AS metric_name, coalesce(m.unit, '') AS unit,
    coalesce(m.decimals, 1) AS decimals
FROM alarm a JOIN alarm_state s ON s.id = a.id JOIN rule r ON r.id = a.rule_id
LEFT JOIN sensor e ON e.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id
LEFT JOIN series se ON se.id = a.series_id LEFT JOIN metric m ON m.key = se.metric
LEFT JOIN contact ct ON ct.id = a.assigned_to
WHERE (%(since)s::timestamptz IS NULL OR a.opened_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR a.opened_at < %(until)s)
  AND (%(sensor)s::int IS NULL OR a.sensor_id = %(sensor)s)
  AND (%(id)s::bigint IS NULL OR a.id = %(id)s)
ORDER BY a.opened_at DESC, a.id DESC LIMIT %(limit)s;

-- changes --
-- The history of one alarm, oldest first.
SELECT seq, at, event_time, kind, value, actor, note, detail FROM alarm_change WHERE alarm_id = %(id)s ORDER BY seq;

-- version --
-- How often an alarm was written; locks it, so that what is decided on it holds.
SELECT row_version FROM alarm WHERE id = %(id)s FOR UPDATE;

-- contact --
-- Somebody who can be written to.
SELECT id, name FROM contact WHERE key = %(key)s AND state <> 'removed';

-- assignee --
-- Whose it is now.
SELECT a.assigned_to, c.key FROM alarm a LEFT JOIN contact c ON c.id = a.assigned_to WHERE a.id = %(id)s;

-- forget --
-- Whole episodes that closed before.
SELECT forget_alarms(%(before)s);

-- longest_shelf --
-- As the city says, seconds.
SELECT (settings->'alarms'->>'longest_shelf')::interval FROM city;
