-- listed --
-- Every rule with how it fares: targets, faults, how often it was raised, what stands, chatters or stands for a day already.
WITH said AS (
    SELECT a.rule_id, a.target, c.at, c.at - lag(c.at, 2) OVER (PARTITION BY a.rule_id, a.target ORDER BY c.at) AS two
    FROM alarm_change c JOIN alarm a ON a.id = c.alarm_id
    WHERE c.at >= %(at)s::timestamptz - interval '30 days' AND c.at <= %(at)s AND c.kind IN ('raised', 'reraised')
      AND (%(key)s::text IS NULL OR a.rule_id = (SELECT id FROM rule WHERE key = %(key)s))),
raised AS (
    SELECT rule_id, count(*) AS month, count(*) FILTER (WHERE at >= %(at)s::timestamptz - interval '7 days') AS week,
        count(DISTINCT target) FILTER (WHERE two <= interval '1 min' AND at >= %(at)s::timestamptz - interval '7 days') AS chattering
    FROM said GROUP BY 1),
standing AS (
    SELECT rule_id, count(*) AS open, count(*) FILTER (WHERE suppression <> 'none') AS aside, count(*) FILTER (WHERE flapping) AS flapping,
        count(*) FILTER (WHERE condition <> 'false' AND suppression = 'none' AND opened_at < %(at)s::timestamptz - interval '24 h') AS stale,
        min(priority) AS worst
    FROM alarm WHERE closed_at IS NULL GROUP BY 1)
SELECT r.id, r.key, r.kind, r.name, r.priority, r.enabled, r.version, r.updated_at, h.evaluated_at,
    CASE WHEN %(key)s::text IS NULL THEN '{}' ELSE r.settings END AS settings, r.settings->>'owner' AS owner, r.settings->>'review_by' AS review_by,
    coalesce(h.targets, 0) AS targets, coalesce(h.warning, '') AS warning, coalesce(h.error, '') AS error, h.error_at,
    coalesce(h.errors, 0) AS errors, coalesce(s.open, 0) AS open, coalesce(s.aside, 0) AS aside, coalesce(s.stale, 0) AS stale,
    coalesce(s.flapping, 0) AS flapping, coalesce(d.week, 0) AS week, coalesce(d.month, 0) AS month,
    coalesce(d.chattering, 0) AS chattering
FROM rule r LEFT JOIN rule_health h ON h.rule_id = r.id LEFT JOIN standing s ON s.rule_id = r.id LEFT JOIN raised d ON d.rule_id = r.id
WHERE %(key)s::text IS NULL OR r.key = %(key)s
ORDER BY NOT r.enabled, coalesce(h.error, '') = '', coalesce(d.chattering, 0) = 0, coalesce(d.week, 0) DESC, r.priority, r.key;

-- days --
-- How often a rule was raised, a row each of the city's days, the days without left out.
SELECT (c.at AT TIME ZONE %(zone)s)::date AS day, count(*) AS raised FROM alarm_change c JOIN alarm a ON a.id = c.alarm_id
WHERE a.rule_id = %(rule)s AND c.at >= %(since)s AND c.kind IN ('raised', 'reraised') GROUP BY 1 ORDER BY 1;

-- actors --
-- What it was raised for most often.
SELECT a.target, s.name AS sensor, s.key AS sensor_key, f.name AS feed, count(*) AS raised, max(c.at) AS last, max(a.id) AS alarm
FROM alarm_change c JOIN alarm a ON a.id = c.alarm_id LEFT JOIN sensor s ON s.id = a.sensor_id LEFT JOIN feed f ON f.id = a.feed_id
WHERE a.rule_id = %(rule)s AND c.at >= %(since)s AND c.kind IN ('raised', 'reraised')
GROUP BY a.target, s.id, f.id ORDER BY 5 DESC, 6 DESC LIMIT %(limit)s;
