-- readers --
-- Who gets something by schedule, and which of it they asked not to get.
SELECT c.id, c.settings, (SELECT coalesce(array_agg(u.kind), '{}') FROM unsubscribed u WHERE u.contact_id = c.id) AS stopped
FROM contact c
WHERE c.state = 'ok' AND (coalesce(c.settings->>'brief', '') <> '' OR coalesce(c.settings->>'report', '') <> ''
    OR coalesce(c.settings->>'digest', '') <> '' OR c.settings->>'lowest' = 'low'
    OR EXISTS (SELECT 1 FROM intent i JOIN alarm a ON a.id = i.alarm_id
               WHERE i.contact_id = c.id AND i.state = 'open' AND a.priority = 4))
ORDER BY c.id;

-- written --
-- Whether that slot was written already.
SELECT 1 FROM digest_sent WHERE contact_id = %(contact)s AND kind = %(kind)s AND slot = %(slot)s;

-- take --
-- The slot is ours, or somebody else's.
INSERT INTO digest_sent (contact_id, kind, slot, outbox_id) VALUES (%(contact)s, %(kind)s, %(slot)s, %(outbox)s)
ON CONFLICT DO NOTHING RETURNING 1;

-- by_key --
-- A person by the key in contacts.toml.
SELECT c.id, c.key, c.name, c.email, c.language, c.zone, c.settings, c.state, '{}'::text[] AS refused FROM contact c WHERE key = %(key)s;

-- night --
-- What was raised in a span and concerns this person, the worst first.
SELECT a.id, a.priority, a.condition, a.closed_at IS NOT NULL AS closed FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind <> 'heartbeat'
WHERE a.opened_at >= %(start)s AND a.opened_at < %(end)s AND a.suppression NOT IN ('by_design', 'out_of_service')
  AND (%(domains)s::text[] = '{}' OR a.domain = ANY (%(domains)s)) AND (%(areas)s::text[] = '{}' OR a.area = ANY (%(areas)s))
ORDER BY a.priority, a.condition = 'false', a.opened_at DESC;

-- standing --
-- What is open now and concerns this person, the worst first.
SELECT a.id, a.priority, a.acked_at IS NOT NULL AS acked, a.suppression, a.suppressed_until, a.suppressed_by
FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind <> 'heartbeat'
WHERE a.closed_at IS NULL AND a.condition <> 'false' AND a.suppression NOT IN ('by_design', 'out_of_service')
  AND (%(domains)s::text[] = '{}' OR a.domain = ANY (%(domains)s)) AND (%(areas)s::text[] = '{}' OR a.area = ANY (%(areas)s))
ORDER BY a.suppression <> 'none', a.priority, a.acked_at IS NOT NULL, a.opened_at DESC;

-- worst --
-- Of each domain the series that came closest to its level, or farthest beyond it, in a day, and the day before likewise.
WITH levels AS (
    SELECT DISTINCT ON (t.series_id) t.series_id, t.raise, t.direction
    FROM rule_target t JOIN rule r ON r.id = t.rule_id AND r.enabled WHERE t.raise IS NOT NULL AND t.raise <> 0
    ORDER BY t.series_id, r.priority DESC, t.rule_id),
spans AS (
    SELECT r.series_id, max(r.max) FILTER (WHERE r.bucket >= %(day)s) AS high, min(r.min) FILTER (WHERE r.bucket >= %(day)s) AS low,
        max(r.max) FILTER (WHERE r.bucket < %(day)s) AS high_before, min(r.min) FILTER (WHERE r.bucket < %(day)s) AS low_before
    FROM rollup_1h r JOIN levels l ON l.series_id = r.series_id
    WHERE r.bucket >= %(before)s AND r.bucket < %(end)s GROUP BY r.series_id)
SELECT DISTINCT ON (domain) domain, series_id, metric, metric_name, unit, decimals, states, sensor_name, raise, direction, value, before,
    (value - raise) * direction / abs(raise) AS beyond
FROM (
    SELECT coalesce(nullif(e.domain, ''), m.domain, '') AS domain, l.series_id, s.metric, m.name AS metric_name, coalesce(m.unit, '') AS unit,
        coalesce(m.decimals, 1) AS decimals, m.settings->'states' AS states, e.name AS sensor_name, l.raise, l.direction,
        CASE WHEN l.direction > 0 THEN p.high ELSE p.low END AS value, CASE WHEN l.direction > 0 THEN p.high_before ELSE p.low_before END AS before
    FROM levels l JOIN spans p ON p.series_id = l.series_id JOIN series s ON s.id = l.series_id JOIN sensor e ON e.id = s.sensor_id
    LEFT JOIN metric m ON m.key = s.metric) x
WHERE value IS NOT NULL AND value BETWEEN -1e300 AND 1e300 AND (%(domains)s::text[] = '{}' OR domain = ANY (%(domains)s))
ORDER BY domain, beyond DESC;

-- quality --
-- How far the data can be believed: messages of a day, feeds that are silent, series with standing faults, mails.
SELECT (SELECT coalesce(sum(received), 0)::bigint FROM ledger WHERE minute >= %(start)s) AS received,
    (SELECT coalesce(sum(quarantined), 0)::bigint FROM ledger WHERE minute >= %(start)s) AS quarantined,
    (SELECT count(DISTINCT series_id) FROM quality WHERE active) AS doubted,
    (SELECT count(*) FROM outbox WHERE state = 'failed' AND created_at >= %(start)s) AS failed,
    (SELECT count(*) FROM outbox WHERE state = 'maybe_sent' AND created_at >= %(start)s) AS unsure,
    (SELECT coalesce(array_agg(f.name ORDER BY f.key), '{}') FROM feed f LEFT JOIN feed_contact c ON c.feed_id = f.id
     WHERE f.enabled AND f.silent_after IS NOT NULL AND (c.received_at IS NULL OR c.received_at < %(end)s - f.silent_after)) AS silent;

-- health --
-- The alarms of a span as an operator had them, in figures; the test alarm that is always on is none.
WITH alarm AS (SELECT a.* FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind <> 'heartbeat'),
said AS (
    SELECT c.alarm_id, c.at, c.kind, a.rule_id, a.target, a.priority FROM alarm_change c JOIN alarm a ON a.id = c.alarm_id
    WHERE c.at >= %(start)s AND c.at < %(end)s AND c.kind IN ('raised', 'reraised', 'cleared')),
raised AS (
    SELECT s.* FROM said s WHERE s.kind <> 'cleared' AND NOT EXISTS (
        SELECT 1 FROM alarm_change h WHERE h.alarm_id = s.alarm_id AND h.at = s.at AND h.kind IN ('hidden', 'taken_out'))),
tens AS (SELECT date_bin('10 min', at, %(start)s) AS bin, count(*) AS n FROM raised GROUP BY 1),
hours AS (SELECT date_bin('1 hour', at, %(start)s) AS bin, count(*) AS n FROM raised GROUP BY 1),
close AS (
    SELECT rule_id, target, kind, at, at - lag(at, 2) OVER w AS two, at - lag(at) OVER v AS one, lag(kind) OVER v AS was
    FROM said WINDOW w AS (PARTITION BY rule_id, target, kind = 'cleared' ORDER BY at), v AS (PARTITION BY rule_id, target ORDER BY at))
SELECT (SELECT count(*) FROM raised) AS raised,
    (SELECT coalesce(max(n), 0) FROM tens) AS peak, (SELECT count(*) FROM tens WHERE n >= 10) AS floods,
    (SELECT count(*) FROM hours WHERE n > 30) AS busy_hours,
    (SELECT count(DISTINCT (rule_id, target)) FROM close WHERE kind <> 'cleared' AND two <= interval '1 min') AS chattering,
    (SELECT count(*) FROM close WHERE kind = 'cleared' AND was <> 'cleared' AND one < interval '30 s') AS fleeting,
    (SELECT count(*) FROM alarm WHERE opened_at >= %(start)s AND opened_at < %(end)s) AS opened,
    (SELECT count(*) FROM alarm WHERE opened_at >= %(start)s AND opened_at < %(end)s AND acked_at IS NULL
        AND (closed_at IS NOT NULL OR opened_at < %(end)s - interval '24 h')
        AND NOT EXISTS (SELECT 1 FROM alarm_change k WHERE k.alarm_id = alarm.id AND k.kind = 'acked')) AS never_acked,
    (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM k.at - a.opened_at)) FROM alarm_change k JOIN alarm a ON a.id = k.alarm_id
        WHERE k.kind = 'acked' AND k.at >= %(start)s AND k.at < %(end)s) AS ack_s,
    (SELECT count(*) FROM alarm WHERE closed_at IS NULL AND condition <> 'false' AND suppression = 'none' AND opened_at < %(end)s - interval '24 h') AS stale,
    (SELECT count(*) FROM alarm WHERE closed_at IS NULL AND suppression IN ('shelved', 'out_of_service')) AS put_aside,
    (SELECT greatest(count(*), 1) FROM roster) AS positions;

-- priorities --
-- How the alarms of a span divide.
SELECT a.priority, count(*) FROM alarm_change c JOIN alarm a ON a.id = c.alarm_id
JOIN rule r ON r.id = a.rule_id AND r.kind <> 'heartbeat'
WHERE c.at >= %(start)s AND c.at < %(end)s AND c.kind IN ('raised', 'reraised') GROUP BY 1 ORDER BY 1;

-- bad_actors --
-- Which alarms made most of the load.
SELECT max(a.id) AS id, count(*) AS times FROM alarm_change c JOIN alarm a ON a.id = c.alarm_id
JOIN rule r ON r.id = a.rule_id AND r.kind <> 'heartbeat'
WHERE c.at >= %(start)s AND c.at < %(end)s AND c.kind IN ('raised', 'reraised') GROUP BY a.rule_id, a.target ORDER BY 2 DESC, 1 LIMIT 10;

-- longest --
-- Which alarms have stood longest.
SELECT a.id FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind <> 'heartbeat'
WHERE a.closed_at IS NULL AND a.condition <> 'false' AND a.suppression = 'none' ORDER BY a.opened_at, a.id LIMIT 5;

-- mails --
-- What became of the messages of a span, and how long they took, seconds.
SELECT count(*) AS written, count(*) FILTER (WHERE state = 'sent') AS sent, count(*) FILTER (WHERE state = 'failed') AS failed,
    count(*) FILTER (WHERE state = 'maybe_sent') AS unsure, count(*) FILTER (WHERE ambiguous) AS ambiguous,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - created_at)) FILTER (WHERE state = 'sent') AS median_s,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - created_at)) FILTER (WHERE state = 'sent') AS p95_s
FROM outbox WHERE created_at >= %(start)s AND created_at < %(end)s;

-- unreachable --
-- People whose address leads to nobody.
SELECT name FROM contact WHERE state = 'refused' UNION SELECT c.name FROM refused r JOIN contact c ON c.id = r.contact_id AND c.state = 'ok' ORDER BY 1;
