-- begin --
-- An alarm is told for the first time, or anew: it starts along the first chain that fits it. Where none fits, those whose
-- wishes fit it are told, and, if it is urgent and nobody acknowledges it in the time to respond, everybody else.
INSERT INTO escalation AS e (alarm_id, chain, steps, respond, began_at, due_at)
SELECT a.id, coalesce(c.key, ''), s.steps, s.respond, g.at, g.at + step_due(s.steps, 1, s.respond)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (alarm_id bigint, at timestamptz)
JOIN alarm a ON a.id = g.alarm_id JOIN rule r ON r.id = a.rule_id LEFT JOIN feed f ON f.id = a.feed_id
LEFT JOIN LATERAL (
    SELECT key, steps FROM chain c
    WHERE r.kind <> 'heartbeat' AND (c.priorities = '{}' OR a.priority = ANY (c.priorities)) AND (c.domains = '{}' OR a.domain = ANY (c.domains))
      AND (c.areas = '{}' OR a.area = ANY (c.areas)) AND (c.feeds = '{}' OR f.key = ANY (c.feeds))
      AND (c.families = '{}' OR r.settings->>'family' = ANY (c.families)) AND (c.rules = '{}' OR r.key LIKE ANY (c.rules))
    ORDER BY c.place LIMIT 1) c ON true
CROSS JOIN LATERAL (
    SELECT (r.settings->>'respond_within')::interval AS respond, coalesce(c.steps, CASE
        WHEN r.kind = 'heartbeat' THEN jsonb_build_array(jsonb_build_object('notify', jsonb_build_array('contact:' || (r.settings->'options'->>'contact'))))
        WHEN a.priority <= 2 THEN '[{"notify": ["subscribers"]}, {"notify": ["everyone"]}]'::jsonb
        ELSE '[{"notify": ["subscribers"]}]' END) AS steps) s
WHERE %(anew)s OR NOT EXISTS (SELECT 1 FROM escalation x WHERE x.alarm_id = a.id)
ON CONFLICT (alarm_id) DO UPDATE SET chain = EXCLUDED.chain, steps = EXCLUDED.steps, respond = EXCLUDED.respond,
    round = e.round + 1, began_at = EXCLUDED.began_at, step = 1, due_at = EXCLUDED.due_at, stopped = '';

-- next_step --
-- One step further along the chain.
UPDATE escalation e SET step = e.step + 1, due_at = CASE WHEN e.step + 1 < jsonb_array_length(e.steps)
    THEN greatest(g.at, e.began_at + step_due(e.steps, e.step + 1, e.respond)) END
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (alarm_id bigint, at timestamptz) WHERE e.alarm_id = g.alarm_id;

-- owe --
-- Who must know, one row a person and change. Nobody is told twice the same: who knows already is reminded, or left alone
-- where there is nothing new; who does not know is told "raised" whatever the others are told.
WITH given AS MATERIALIZED (
    SELECT g.change_id, g.alarm_id, g.reason, g.at, a.priority, a.domain, a.assigned_to, coalesce(a.area, '') AS area,
        e.steps, coalesce(e.step, 1) AS step, coalesce(nullif(r.settings->>'family', ''), nullif(a.domain, ''), r.kind) || '|' || coalesce(a.area, '') AS group_key,
        g.at + CASE WHEN r.kind = 'heartbeat' OR g.reason = 'assigned' THEN interval '1 s' ELSE CASE a.priority
            WHEN 1 THEN interval '1 s' WHEN 2 THEN interval '30 s' WHEN 3 THEN interval '2 min' ELSE interval '10 min' END END AS soonest
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (change_id bigint, alarm_id bigint, reason text, at timestamptz)
    JOIN alarm a ON a.id = g.alarm_id JOIN rule r ON r.id = a.rule_id LEFT JOIN escalation e ON e.alarm_id = a.id),
told AS MATERIALIZED (
    SELECT DISTINCT g.change_id, i.contact_id FROM given g
    JOIN intent i ON i.alarm_id = g.alarm_id AND i.state <> 'dropped' AND i.reason IN ('raised', 'worsened', 'escalated', 'assigned')
    WHERE NOT EXISTS (SELECT 1 FROM intent x WHERE x.alarm_id = i.alarm_id AND x.contact_id = i.contact_id
                      AND x.reason = 'resolved' AND x.id > i.id)),
steps AS (
    SELECT g.change_id, g.priority, g.domain, g.area, g.at, n.step::int - 1 AS step, w.word
    FROM given g CROSS JOIN LATERAL jsonb_array_elements(g.steps) WITH ORDINALITY AS n (said, step)
    CROSS JOIN LATERAL jsonb_array_elements_text(n.said->'notify') AS w (word)
    WHERE CASE g.reason WHEN 'raised' THEN n.step = 1 WHEN 'escalated' THEN n.step = g.step
        WHEN 'worsened' THEN n.step <= g.step WHEN 'reminder' THEN n.step <= g.step WHEN 'catch_up' THEN n.step <= g.step END),
named AS (
    SELECT s.change_id, c.id AS contact_id, s.word AS via, s.step
    FROM steps s JOIN contact c ON s.word = 'contact:' || c.key
    UNION ALL
    SELECT s.change_id, d.contact_id, s.word, s.step
    FROM steps s JOIN duty d ON s.word = 'roster:' || d.roster AND d.starts <= s.at AND s.at < d.ends
    UNION ALL
    SELECT s.change_id, c.id, s.word, s.step
    FROM steps s JOIN contact c ON s.word = 'subscribers'
      AND s.priority <= coalesce(array_position(ARRAY['critical', 'high', 'medium', 'low'], c.settings->>'lowest'), 2)
      AND (coalesce(c.settings->'domains', '[]') = '[]' OR c.settings->'domains' ? s.domain)
      AND (coalesce(c.settings->'areas', '[]') = '[]' OR c.settings->'areas' ? s.area)
    UNION ALL
    SELECT s.change_id, c.id, s.word, s.step
    FROM steps s JOIN contact c ON s.word = 'everyone' AND coalesce(c.settings->>'everyone', 'true') = 'true'
    WHERE NOT EXISTS (SELECT 1 FROM told t WHERE t.change_id = s.change_id AND t.contact_id = c.id)
    UNION ALL
    SELECT g.change_id, g.assigned_to, 'assigned', 0 FROM given g WHERE g.reason = 'assigned' AND g.assigned_to IS NOT NULL
    UNION ALL
    SELECT t.change_id, t.contact_id, 'told', 0 FROM told t JOIN given g ON g.change_id = t.change_id
    WHERE g.reason IN ('worsened', 'flapping', 'resolved')),
reachable AS (SELECT n.* FROM named n JOIN contact c ON c.id = n.contact_id AND c.state = 'ok'),
people AS (
    SELECT * FROM reachable
    UNION ALL
    SELECT g.change_id, c.id, 'everyone', 0 FROM given g JOIN contact c ON c.state = 'ok' AND coalesce(c.settings->>'everyone', 'true') = 'true'
    WHERE g.reason = 'raised' AND g.priority <= 2 AND NOT EXISTS (SELECT 1 FROM reachable x WHERE x.change_id = g.change_id)),
timed AS (
    SELECT g.change_id, g.alarm_id, g.group_key, p.contact_id, p.via, p.step, g.soonest,
        CASE WHEN g.reason IN ('reminder', 'worsened', 'catch_up') AND t.contact_id IS NULL THEN 'raised' ELSE g.reason END AS reason,
        (SELECT max(q.ends) FROM quiet q
         WHERE (q.roster = substr(p.via, 8) AND starts_with(p.via, 'roster:') OR q.contact_id = p.contact_id AND NOT starts_with(p.via, 'roster:'))
           AND q.starts <= g.soonest AND g.soonest < q.ends AND g.priority > q.passes) AS quiet_until
    FROM people p JOIN given g ON g.change_id = p.change_id
    LEFT JOIN told t ON t.change_id = p.change_id AND t.contact_id = p.contact_id
    WHERE g.reason <> 'catch_up' OR t.contact_id IS NULL)
INSERT INTO intent (change_id, alarm_id, contact_id, reason, group_key, not_before, via, step, quiet)
SELECT DISTINCT ON (change_id, contact_id) change_id, alarm_id, contact_id, reason, group_key,
    coalesce(quiet_until, soonest), via, step, quiet_until IS NOT NULL
FROM timed
ORDER BY change_id, contact_id, coalesce(quiet_until, soonest), step, via
ON CONFLICT DO NOTHING;

-- nobody --
-- A step that reached nobody does not wait for the next: a post without a holder must not cost time.
UPDATE escalation e SET due_at = g.at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (change_id bigint, alarm_id bigint, reason text, at timestamptz)
WHERE e.alarm_id = g.alarm_id AND e.due_at > g.at AND g.reason IN ('raised', 'escalated')
  AND NOT EXISTS (SELECT 1 FROM intent i WHERE i.change_id = g.change_id) AND EXISTS (SELECT 1 FROM contact WHERE state = 'ok');

-- follow --
-- Who acknowledges stops the chain; whatever makes an alarm unacknowledged again, or lets it out of a cover, starts it anew.
UPDATE escalation e SET
    stopped = CASE WHEN w.over THEN 'over' WHEN w.acked THEN 'acknowledged' ELSE '' END,
    due_at = CASE WHEN w.over OR w.acked THEN NULL ELSE %(at)s + step_due(e.steps, 1, e.respond) END,
    began_at = CASE WHEN w.over OR w.acked THEN e.began_at ELSE %(at)s END,
    step = CASE WHEN w.over OR w.acked THEN e.step ELSE 1 END,
    round = CASE WHEN w.over OR w.acked THEN e.round ELSE e.round + 1 END
FROM (SELECT a.id, a.closed_at IS NOT NULL OR a.told = 'resolved' AS over, a.acked_at IS NOT NULL AS acked
      FROM alarm a WHERE a.id = ANY (%(ids)s)) w
WHERE e.alarm_id = w.id AND CASE
    WHEN w.over OR w.acked THEN e.due_at IS NOT NULL OR e.stopped = ''
    ELSE e.stopped = 'acknowledged' OR e.alarm_id = ANY (%(uncovered)s) END;

-- hush --
-- What was about to be said of alarms that are put aside is not said. Returns those of which nobody has heard.
WITH dropped AS (
    UPDATE intent SET state = 'dropped'
    WHERE alarm_id = ANY (%(ids)s) AND state = 'open' AND reason NOT IN ('resolved', 'assigned') RETURNING id)
SELECT w.id FROM unnest(%(ids)s::bigint[]) AS w (id)
WHERE NOT EXISTS (
    SELECT 1 FROM intent i WHERE i.alarm_id = w.id AND i.state = 'mailed' AND i.reason IN ('raised', 'worsened', 'escalated', 'assigned')
      AND NOT EXISTS (SELECT 1 FROM intent x WHERE x.alarm_id = i.alarm_id AND x.contact_id = i.contact_id
                      AND x.reason = 'resolved' AND x.id > i.id))
  AND (SELECT count(*) FROM dropped) >= 0;

-- late --
-- Alarms whose next step is due: nobody acknowledged them in time.
SELECT a.id, a.rule_id, a.target, e.chain, e.step FROM escalation e JOIN alarm a ON a.id = e.alarm_id
WHERE e.due_at <= %(at)s AND a.closed_at IS NULL AND a.acked_at IS NULL AND a.condition <> 'false' AND a.suppression = 'none'
  AND NOT a.flapping AND a.told = 'raised'
ORDER BY e.due_at LIMIT %(most)s;
