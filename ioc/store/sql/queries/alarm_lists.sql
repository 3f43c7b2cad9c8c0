-- page_open --
-- A page of what is not over, as the list shows it: the worst and newest first unless asked otherwise; `total` counts all.
WITH fitting AS MATERIALIZED (
    SELECT a.id, a.condition = 'false' AS over, a.suppression <> 'none' AS aside, a.priority, a.opened_at,
        CASE %(sort)s::text WHEN 'newest' THEN -extract(epoch FROM a.opened_at) WHEN 'oldest' THEN extract(epoch FROM a.opened_at) END AS age,
        CASE %(sort)s WHEN 'rule' THEN r.key WHEN 'place' THEN coalesce(e.key, f.key, a.area) WHEN 'state' THEN s.isa END AS word
    FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind <> 'heartbeat' JOIN alarm_state s ON s.id = a.id
    LEFT JOIN sensor e ON e.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id LEFT JOIN contact ct ON ct.id = a.assigned_to
    WHERE a.closed_at IS NULL AND (%(priorities)s::smallint[] IS NULL OR a.priority = ANY (%(priorities)s))
      AND (%(domains)s::text[] IS NULL OR a.domain = ANY (%(domains)s)) AND (%(areas)s::text[] IS NULL OR a.area = ANY (%(areas)s))
      AND (%(rules)s::text[] IS NULL OR r.key = ANY (%(rules)s)) AND (%(isa)s::text[] IS NULL OR s.isa = ANY (%(isa)s))
      AND (%(assigned)s::text IS NULL OR ct.key = %(assigned)s)
      AND (%(sensor)s::int IS NULL OR a.sensor_id = %(sensor)s) AND (%(feed)s::text IS NULL OR f.key = %(feed)s)
      AND (%(text)s::text IS NULL OR concat_ws(' ', '#' || a.id, r.key, r.name::text, e.key, e.name::text, f.key, a.area) ILIKE %(text)s)),
picked AS (
    SELECT id, (SELECT count(*) FROM fitting) AS total,
        row_number() OVER (ORDER BY age, word, over, aside, priority, opened_at DESC, id DESC) AS place
    FROM fitting ORDER BY age, word, over, aside, priority, opened_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s)
SELECT a.id, a.priority, s.isa, a.condition, a.acked_at, a.acked_by, a.ack_note, a.latched, a.suppression, a.suppressed_until,
    a.suppressed_by, a.suppress_reason, a.flapping, a.reopened, a.detected_late, a.value, a.peak, a.threshold, a.event_start,
    a.event_end, a.opened_at, a.cleared_at, a.closed_at, a.close_reason, a.domain, a.area, a.lat, a.lon, a.target, a.series_id,
    a.sensor_id, a.feed_id, a.row_version, a.one_shot, a.parent_id, a.maintenance_id, ct.key AS assigned_to,
    ct.name AS assigned_name, a.assigned_at, a.assigned_by,
    r.key AS rule, r.kind, r.name AS rule_name, e.key AS sensor, e.name AS sensor_name,
    f.key AS feed, f.name AS feed_name, se.metric, m.name AS metric_name, alarm_unit(r.kind, coalesce(m.unit, '')) AS unit,
    coalesce(m.decimals, 1) AS decimals, m.settings->'states' AS states, p.total
FROM picked p JOIN alarm a ON a.id = p.id JOIN alarm_state s ON s.id = a.id JOIN rule r ON r.id = a.rule_id
LEFT JOIN sensor e ON e.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id
LEFT JOIN series se ON se.id = a.series_id LEFT JOIN metric m ON m.key = se.metric
LEFT JOIN contact ct ON ct.id = a.assigned_to
ORDER BY p.place;

-- page_past --
-- A page of everything that was opened in a span, newest first. `before` is the last row of the page before: a page that
-- is far back costs no more than the first.
WITH picked AS (
    SELECT a.id FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind <> 'heartbeat' JOIN alarm_state s ON s.id = a.id
    LEFT JOIN sensor e ON e.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id LEFT JOIN contact ct ON ct.id = a.assigned_to
    WHERE (%(since)s::timestamptz IS NULL OR a.opened_at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR a.opened_at < %(until)s)
      AND (%(before_at)s::timestamptz IS NULL OR (a.opened_at, a.id) < (%(before_at)s, %(before_id)s::bigint))
      AND (%(priorities)s::smallint[] IS NULL OR a.priority = ANY (%(priorities)s))
      AND (%(domains)s::text[] IS NULL OR a.domain = ANY (%(domains)s)) AND (%(areas)s::text[] IS NULL OR a.area = ANY (%(areas)s))
      AND (%(rules)s::text[] IS NULL OR r.key = ANY (%(rules)s)) AND (%(isa)s::text[] IS NULL OR s.isa = ANY (%(isa)s))
      AND (%(assigned)s::text IS NULL OR ct.key = %(assigned)s)
      AND (%(sensor)s::int IS NULL OR a.sensor_id = %(sensor)s) AND (%(feed)s::text IS NULL OR f.key = %(feed)s)
      AND (%(text)s::text IS NULL OR concat_ws(' ', '#' || a.id, r.key, r.name::text, e.key, e.name::text, f.key, a.area) ILIKE %(text)s)
      AND (%(over)s::timestamptz IS NULL OR a.closed_at <= %(over)s)
    ORDER BY a.opened_at DESC, a.id DESC LIMIT %(limit)s OFFSET %(offset)s)
SELECT a.id, a.priority, s.isa, a.condition, a.acked_at, a.acked_by, a.ack_note, a.latched, a.suppression, a.suppressed_until,
    a.suppressed_by, a.suppress_reason, a.flapping, a.reopened, a.detected_late, a.value, a.peak, a.threshold, a.event_start,
    a.event_end, a.opened_at, a.cleared_at, a.closed_at, a.close_reason, a.domain, a.area, a.lat, a.lon, a.target, a.series_id,
    a.sensor_id, a.feed_id, a.row_version, a.one_shot, a.parent_id, a.maintenance_id, ct.key AS assigned_to,
    ct.name AS assigned_name, a.assigned_at, a.assigned_by,
    r.key AS rule, r.kind, r.name AS rule_name, e.key AS sensor, e.name AS sensor_name,
    f.key AS feed, f.name AS feed_name, se.metric, m.name AS metric_name, alarm_unit(r.kind, coalesce(m.unit, '')) AS unit,
    coalesce(m.decimals, 1) AS decimals, m.settings->'states' AS states
FROM picked p JOIN alarm a ON a.id = p.id JOIN alarm_state s ON s.id = a.id JOIN rule r ON r.id = a.rule_id
LEFT JOIN sensor e ON e.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id
LEFT JOIN series se ON se.id = a.series_id LEFT JOIN metric m ON m.key = se.metric
LEFT JOIN contact ct ON ct.id = a.assigned_to
ORDER BY a.opened_at DESC, a.id DESC;

-- tally --
-- How many are open, by priority and ISA letter.
SELECT a.priority, s.isa, count(*) AS count FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind <> 'heartbeat'
JOIN alarm_state s ON s.id = a.id WHERE a.closed_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2;

-- time_line --
-- Everything that happened to one alarm with who was told of it, oldest first.
SELECT c.seq, c.at, c.event_time, c.kind, c.value, c.actor, c.note, c.detail, coalesce(t.told, '[]') AS told
FROM alarm_change c LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('contact', p.key, 'name', p.name, 'reason', i.reason, 'via', i.via, 'step', i.step,
        'state', i.state, 'quiet', i.quiet, 'not_before', i.not_before, 'mail', o.state, 'sent_at', o.sent_at, 'reply', o.last_reply,
        'channel', o.channel, 'attempts', o.attempts, 'delivery', o.id, 'twins', (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'channel', w.channel, 'mail', w.state, 'sent_at', w.sent_at, 'reply', w.last_reply, 'delivery', w.id) ORDER BY w.channel), '[]')
            FROM outbox w WHERE w.twin = o.id))
        ORDER BY i.id) AS told
    FROM intent i JOIN contact p ON p.id = i.contact_id LEFT JOIN outbox o ON o.id = i.outbox_id WHERE i.change_id = c.id) t ON true
WHERE c.alarm_id = %(id)s ORDER BY c.seq;

-- next_step --
-- What happens next, if nobody acknowledges it: the chain, how far it is, when the next step is due and whom it tells.
SELECT e.chain, e.step, jsonb_array_length(e.steps) AS steps, e.due_at, e.steps->e.step->'notify' AS notify, e.round, e.stopped
FROM escalation e WHERE e.alarm_id = %(id)s;

-- keys --
-- Which rule and feed each of these alarms belongs to.
SELECT a.id, r.key AS rule, f.key AS feed, ct.key AS assigned_to FROM alarm a JOIN rule r ON r.id = a.rule_id
LEFT JOIN feed f ON f.id = a.feed_id LEFT JOIN contact ct ON ct.id = a.assigned_to WHERE a.id = ANY (%(ids)s);

-- rules --
-- Rules to choose from: those with open alarms first.
SELECT r.key, r.name, count(a.id) AS open FROM rule r LEFT JOIN alarm a ON a.rule_id = r.id AND a.closed_at IS NULL
WHERE r.kind <> 'heartbeat' AND (r.enabled OR a.id IS NOT NULL) GROUP BY r.id ORDER BY 3 DESC, 1 LIMIT %(limit)s;

-- delivery_counts --
-- How many deliveries are in each state, by channel.
SELECT channel, state, count(*) AS count FROM outbox GROUP BY 1, 2 ORDER BY 1, 2;

-- aside_since --
-- When what is put aside was put aside.
SELECT alarm_id, max(at) FROM alarm_change WHERE alarm_id = ANY (%(ids)s) AND kind IN ('shelved', 'taken_out', 'hidden') GROUP BY 1;

-- open_ids --
-- All that fits and could be acknowledged, the worst first.
SELECT a.id FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind <> 'heartbeat' JOIN alarm_state s ON s.id = a.id
LEFT JOIN sensor e ON e.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id LEFT JOIN contact ct ON ct.id = a.assigned_to
WHERE a.closed_at IS NULL AND a.acked_at IS NULL AND (%(priorities)s::smallint[] IS NULL OR a.priority = ANY (%(priorities)s))
  AND (%(domains)s::text[] IS NULL OR a.domain = ANY (%(domains)s)) AND (%(areas)s::text[] IS NULL OR a.area = ANY (%(areas)s))
  AND (%(rules)s::text[] IS NULL OR r.key = ANY (%(rules)s)) AND (%(isa)s::text[] IS NULL OR s.isa = ANY (%(isa)s))
  AND (%(assigned)s::text IS NULL OR ct.key = %(assigned)s)
  AND (%(sensor)s::int IS NULL OR a.sensor_id = %(sensor)s) AND (%(feed)s::text IS NULL OR f.key = %(feed)s)
  AND (%(text)s::text IS NULL OR concat_ws(' ', '#' || a.id, r.key, r.name::text, e.key, e.name::text, f.key, a.area) ILIKE %(text)s)
ORDER BY a.priority, a.opened_at DESC LIMIT %(limit)s;

-- people --
-- Everybody who can be told or given something.
SELECT key, name, state FROM contact WHERE state <> 'removed' ORDER BY name, key;

-- deliveries --
-- What was sent to whom and what became of it, newest first; all, of one alarm, of one contact, in one state, over one channel.
SELECT o.id, o.created_at, o.sent_at, o.state, o.kind, o.subject, o.priority, o.attempts, o.due_at, o.last_reply, o.email,
    o.channel, o.message_id, c.key AS contact, c.name AS contact_name, cardinality(o.alarms) AS alarms, o.alarms[1] AS first_alarm
FROM outbox o JOIN contact c ON c.id = o.contact_id
WHERE (%(alarm)s::bigint IS NULL OR o.alarms @> ARRAY[%(alarm)s::bigint]) AND (%(contact)s::text IS NULL OR c.key = %(contact)s)
  AND (%(states)s::text[] IS NULL OR o.state = ANY (%(states)s)) AND (%(channel)s::text IS NULL OR o.channel = %(channel)s)
  AND (%(before_at)s::timestamptz IS NULL OR (o.created_at, o.id) < (%(before_at)s, %(before_id)s::uuid))
ORDER BY o.created_at DESC, o.id DESC LIMIT %(limit)s;

-- waiting --
-- Messages that are owed and not written yet: for a group to fill, or for quiet hours to end.
SELECT i.id, i.alarm_id, i.reason, i.via, i.step, i.quiet, i.not_before, c.key AS contact, c.name AS contact_name
FROM intent i JOIN contact c ON c.id = i.contact_id WHERE i.state = 'open' ORDER BY i.not_before, i.id LIMIT %(limit)s;
