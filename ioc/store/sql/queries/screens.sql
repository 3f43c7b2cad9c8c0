-- sensor --
-- One sensor by id, with its feed and area.
SELECT s.id, s.key, s.name, s.domain, s.kind, coalesce(p.lat, s.lat) AS lat, coalesce(p.lon, s.lon) AS lon, s.area,
       s.moves, s.registered, s.properties, s.id_from, s.place_from, f.key AS feed, f.name AS feed_name, f.owner,
       extract(epoch FROM coalesce(s.cadence, f.cadence))::float8 AS cadence, p.speed, p.heading,
       (SELECT a.name FROM area a WHERE a.key = s.area ORDER BY a.valid_from DESC LIMIT 1) AS area_name
FROM sensor s LEFT JOIN feed f ON f.id = s.feed_id LEFT JOIN latest_position p ON p.sensor_id = s.id
WHERE s.id = %(id)s;

-- sensor_series --
-- What one sensor measures, with the newest value of each and its standing faults.
SELECT se.id, se.metric, coalesce(m.name, jsonb_build_object('', se.metric)) AS name, coalesce(m.unit, '') AS unit,
       coalesce(m.decimals, 1) AS decimals, coalesce(m.kind, 'gauge') AS kind, coalesce(m.settings, '{}') AS settings,
       l.time, l.value, l.received_at, se.time_from,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', q.kind, 'detail', q.detail, 'count', q.count)), '[]')
        FROM quality q WHERE q.series_id = se.id AND q.active) AS faults
FROM series se LEFT JOIN metric m ON m.key = se.metric LEFT JOIN latest l ON l.series_id = se.id
WHERE se.sensor_id = %(id)s ORDER BY (m.settings->'steps' IS NULL OR m.settings->'steps' = '[]'), se.id;

-- levels --
-- The levels rules hold one series to.
SELECT r.name, r.priority, t.raise, t.clear, t.direction
FROM rule_target t JOIN rule r ON r.id = t.rule_id
WHERE t.series_id = %(series)s AND r.enabled AND t.raise IS NOT NULL ORDER BY t.raise;

-- alarms --
-- Alarms, newest first: open or all, one priority or all, one sensor or all, text anywhere in rule or sensor name.
SELECT a.id, a.priority, a.condition, a.acked_at, a.acked_by, a.suppression, st.isa, r.name AS rule, a.value, a.peak,
       a.threshold, a.domain, coalesce(a.area, s.area, '') AS area, s.name AS sensor, s.key AS sensor_key, s.id AS sensor_id,
       f.name AS feed, a.opened_at, a.cleared_at, a.closed_at, alarm_unit(r.kind, coalesce(m.unit, '')) AS unit, coalesce(m.decimals, 1) AS decimals,
       m.settings->'states' AS states, a.suppressed_until
FROM alarm a
JOIN alarm_state st ON st.id = a.id
JOIN rule r ON r.id = a.rule_id
LEFT JOIN sensor s ON s.id = a.sensor_id
LEFT JOIN feed f ON f.id = a.feed_id
LEFT JOIN series se ON se.id = a.series_id
LEFT JOIN metric m ON m.key = se.metric
WHERE (%(which)s::text = 'all' OR (a.closed_at IS NULL) = (%(which)s::text = 'open'))
  AND (%(priority)s::int IS NULL OR a.priority <= %(priority)s)
  AND (%(sensor)s::int IS NULL OR a.sensor_id = %(sensor)s)
  AND (%(text)s::text = '' OR strpos(lower(r.name::text || ' ' || coalesce(s.name::text, '') || ' ' || coalesce(s.key, '')), lower(%(text)s)) > 0)
ORDER BY (a.closed_at IS NOT NULL), CASE WHEN a.closed_at IS NULL THEN a.priority END, a.opened_at DESC LIMIT %(most)s;

-- alarm --
-- One alarm with everything that explains it.
SELECT a.*, st.isa, r.key AS rule_key, r.kind AS rule_kind, r.name AS rule, r.settings, s.name AS sensor, s.key AS sensor_key,
       f.name AS feed, f.key AS feed_key, coalesce(a.lat, p.lat, s.lat) AS at_lat, coalesce(a.lon, p.lon, s.lon) AS at_lon,
       coalesce(a.area, s.area) AS area_key, m.key AS metric, m.name AS metric_name, coalesce(m.unit, '') AS unit, alarm_unit(r.kind, coalesce(m.unit, '')) AS judged_unit,
       coalesce(m.decimals, 1) AS decimals, m.settings->'states' AS states, l.value AS value_now, l.time AS value_at,
       (SELECT ar.name FROM area ar WHERE ar.key = coalesce(a.area, s.area) ORDER BY ar.valid_from DESC LIMIT 1) AS area_name,
       (SELECT c.name FROM contact c WHERE c.id = a.assigned_to) AS assigned_name
FROM alarm a
JOIN alarm_state st ON st.id = a.id
JOIN rule r ON r.id = a.rule_id
LEFT JOIN sensor s ON s.id = a.sensor_id
LEFT JOIN latest_position p ON p.sensor_id = s.id
LEFT JOIN feed f ON f.id = a.feed_id
LEFT JOIN series se ON se.id = a.series_id
LEFT JOIN metric m ON m.key = se.metric
LEFT JOIN latest l ON l.series_id = a.series_id
WHERE a.id = %(id)s;

-- alarm_changes --
-- The history of one alarm.
SELECT seq, at, event_time, kind, value, actor, note FROM alarm_change WHERE alarm_id = %(id)s ORDER BY seq;

-- event --
-- One event by id.
SELECT e.*, f.key AS feed, f.name AS feed_name, f.owner, f.domain,
       (SELECT a.name FROM area a WHERE a.key = e.area ORDER BY a.valid_from DESC LIMIT 1) AS area_name
FROM event e JOIN feed f ON f.id = e.feed_id WHERE e.id = %(id)s;

-- event_changes --
-- What became of one event, newest first.
SELECT time, status, severity, title FROM event_change WHERE event_id = %(id)s ORDER BY time DESC LIMIT 20;

-- feeds --
-- Every feed with what became of its messages in the last 24 hours, and per minute in the last hour.
SELECT f.id, f.key, f.name, f.owner, f.domain, f.format, f.topics, f.enabled, c.received_at, c.stored_at,
       coalesce(f.silent_after, f.cadence * 5) AS silent_after,
       coalesce(d.received, 0)::bigint AS received, coalesce(d.stored, 0)::bigint AS stored,
       coalesce(d.duplicate, 0)::bigint AS duplicate, coalesce(d.quarantined, 0)::bigint AS quarantined,
       coalesce(d.ignored, 0)::bigint AS ignored, coalesce(d.readings, 0)::bigint AS readings,
       coalesce(d.suspect, 0)::bigint AS suspect, coalesce(d.rate, '{}') AS rate,
       (SELECT count(*) FROM sensor s WHERE s.feed_id = f.id) AS sensors
FROM feed f
LEFT JOIN feed_contact c ON c.feed_id = f.id
LEFT JOIN LATERAL (
    SELECT sum(l.received) AS received, sum(l.stored) AS stored, sum(l.duplicate) AS duplicate,
           sum(l.quarantined) AS quarantined, sum(l.ignored) AS ignored, sum(l.readings) AS readings,
           sum(l.readings_suspect) AS suspect,
           jsonb_object_agg((extract(epoch FROM now() - l.minute) / 60)::int, l.received)
               FILTER (WHERE l.minute > now() - interval '1 hour') AS rate
    FROM ledger l WHERE l.feed_id = f.id AND l.minute > now() - interval '24 hours'
) d ON true
WHERE f.enabled OR coalesce(d.received, 0) > 0
ORDER BY (f.key = 'unclaimed'), f.key;

-- feed_reasons --
-- Why messages or readings of one feed were not stored, the last seven days.
SELECT fate, reason, sum(count)::bigint AS count, max(hour) AS last FROM ledger_reason
WHERE feed_id = %(id)s AND hour > now() - interval '7 days' GROUP BY fate, reason ORDER BY count DESC LIMIT 30;

-- quarantined --
-- Messages of one feed that could not be used, newest first.
SELECT id, received_at, topic, payload, size, retained, reason, detail, replayed_at FROM quarantine
WHERE feed_id = %(feed)s AND (%(reason)s::text = '' OR reason = %(reason)s) ORDER BY id DESC LIMIT %(most)s;

-- mails --
-- Mails, newest first.
SELECT o.id, o.subject, o.email, c.name AS contact, o.priority, o.state, o.attempts, o.last_reply, o.created_at, o.sent_at,
       o.due_at FROM outbox o JOIN contact c ON c.id = o.contact_id
WHERE %(state)s::text = '' OR o.state = %(state)s ORDER BY o.created_at DESC LIMIT %(most)s;

-- mail --
-- One mail with its text.
SELECT o.*, c.name AS contact FROM outbox o JOIN contact c ON c.id = o.contact_id WHERE o.id = %(id)s::uuid;

-- mail_counts --
-- How many mails are in each state.
SELECT state, count(*) FROM outbox GROUP BY state;

-- worst --
-- Series with standing faults, the worst first.
SELECT se.id, se.metric, coalesce(m.name, jsonb_build_object('', se.metric)) AS metric_name, s.name AS sensor, s.key AS sensor_key,
       s.id AS sensor_id, f.key AS feed, q.kind, q.since, q.last, q.count, q.detail, q.active
FROM quality q JOIN series se ON se.id = q.series_id JOIN sensor s ON s.id = se.sensor_id
JOIN feed f ON f.id = se.feed_id LEFT JOIN metric m ON m.key = se.metric
WHERE (%(kind)s::text = '' OR q.kind = %(kind)s) AND (q.active OR q.last > now() - interval '7 days')
ORDER BY q.active DESC, q.count DESC, q.last DESC LIMIT %(most)s;

-- quality_counts --
-- Standing faults by kind.
SELECT kind, count(*) FROM quality WHERE active GROUP BY kind ORDER BY 2 DESC;

-- processes --
-- What each running part says of itself.
SELECT name, state, started_at, beat_at, detail FROM process ORDER BY name;

-- size --
-- How much the store holds.
SELECT pg_database_size(current_database()) AS bytes, (SELECT count(*) FROM sensor) AS sensors,
       (SELECT count(*) FROM series) AS series, (SELECT greatest(0, sum(reltuples))::bigint FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'
        AND (c.relname LIKE 'reading\_%%')) AS readings,
       (SELECT max(at) FROM tick) AS ticked, clock_timestamp() AS now;

-- now --
-- The database's clock.
SELECT clock_timestamp();

-- named_series --
-- Some series with the names of their sensors and metrics, in the order asked for.
SELECT se.id, s.id AS sensor_id, s.key AS sensor_key, s.name AS sensor, se.metric,
       coalesce(m.name, jsonb_build_object('', se.metric)) AS name, coalesce(m.unit, '') AS unit,
       coalesce(m.decimals, 1) AS decimals, coalesce(m.settings, '{}') AS settings
FROM unnest(%(ids)s::int[]) WITH ORDINALITY AS asked (id, place)
JOIN series se ON se.id = asked.id JOIN sensor s ON s.id = se.sensor_id LEFT JOIN metric m ON m.key = se.metric
ORDER BY asked.place;

-- sensor_keyed --
-- The number of a sensor by its key.
SELECT id FROM sensor WHERE key = %(key)s;

-- find_series --
-- Series whose sensor or metric is named like all of some plain words (without marks, small), the shortest names first.
SELECT se.id, s.name AS sensor, s.key AS sensor_key, coalesce(m.name, jsonb_build_object('', se.metric)) AS name
FROM series se JOIN sensor s ON s.id = se.sensor_id LEFT JOIN metric m ON m.key = se.metric
CROSS JOIN LATERAL (SELECT replace(lower(regexp_replace(normalize(concat_ws(' ', s.name, s.key, m.name, se.metric), NFD),
    '[\u0300-\u036f]', '', 'g')), 'đ', 'd') AS plain) x
WHERE x.plain LIKE ALL (%(words)s::text[])
ORDER BY length(s.name::text), s.key, se.id LIMIT %(most)s;

-- series_alarms --
-- Alarms on some series whose condition was true within a span, the newest first.
SELECT a.id, a.series_id, a.priority, r.name AS rule, a.event_start AS start, coalesce(a.event_end, a.cleared_at) AS stop
FROM alarm a JOIN rule r ON r.id = a.rule_id
WHERE a.series_id = ANY(%(series)s) AND a.event_start < %(stop)s
  AND (a.cleared_at IS NULL OR coalesce(a.event_end, a.cleared_at) > %(start)s)
ORDER BY a.event_start DESC LIMIT %(most)s;
