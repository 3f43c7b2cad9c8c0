-- clock --
-- The one clock that counts.
SELECT clock_timestamp();

-- roster_put --
-- Rosters as the folder has them now.
INSERT INTO roster AS r (key, name, settings)
SELECT g.key, g.name, g.settings FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (key text, name jsonb, settings jsonb)
ON CONFLICT (key) DO UPDATE SET name = EXCLUDED.name, settings = EXCLUDED.settings
WHERE (r.name, r.settings) IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.settings);

-- roster_gone --
-- A post that was given up.
DELETE FROM roster WHERE key <> ALL (%(keys)s);

-- chain_put --
-- Chains, in the order of the file.
INSERT INTO chain AS c (key, place, priorities, domains, areas, feeds, families, rules, steps)
SELECT g.key, g.place, g.priorities, g.domains, g.areas, g.feeds, g.families, g.rules, g.steps
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (key text, place int, priorities smallint[], domains text[], areas text[],
    feeds text[], families text[], rules text[], steps jsonb)
ON CONFLICT (key) DO UPDATE SET place = EXCLUDED.place, priorities = EXCLUDED.priorities, domains = EXCLUDED.domains,
    areas = EXCLUDED.areas, feeds = EXCLUDED.feeds, families = EXCLUDED.families, rules = EXCLUDED.rules, steps = EXCLUDED.steps
WHERE (c.place, c.priorities, c.domains, c.areas, c.feeds, c.families, c.rules, c.steps) IS DISTINCT FROM (EXCLUDED.place,
    EXCLUDED.priorities, EXCLUDED.domains, EXCLUDED.areas, EXCLUDED.feeds, EXCLUDED.families, EXCLUDED.rules, EXCLUDED.steps);

-- chain_gone --
-- What is under way keeps its own copy.
DELETE FROM chain WHERE key <> ALL (%(keys)s);

-- holiday_put --
-- Days off.
INSERT INTO holiday AS h (day, name) SELECT g.day, g.name FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (day date, name jsonb)
ON CONFLICT (day) DO UPDATE SET name = EXCLUDED.name WHERE h.name IS DISTINCT FROM EXCLUDED.name;

-- holiday_gone --
-- No longer listed.
DELETE FROM holiday WHERE day <> ALL (%(days)s::date[]);

-- lock --
-- One at a time works out who is on duty.
SELECT pg_advisory_xact_lock(%(key)s);

-- rosters --
-- As written, with whoever stands in, and the zone they are meant in.
SELECT settings FROM roster ORDER BY key;

-- known --
-- What the spans are worked out from.
SELECT (SELECT zone FROM city), (SELECT coalesce(array_agg(day), '{}') FROM holiday);

-- overrides --
-- Who stands in for whom, the oldest first: the newest word counts.
SELECT o.roster, o.starts, o.ends, c.key, i.key
FROM duty_override o JOIN contact c ON c.id = o.contact_id LEFT JOIN contact i ON i.id = o.instead_of
WHERE o.ended_at IS NULL AND o.ends > %(start)s ORDER BY o.id;

-- quiet_of --
-- Quiet hours of each contact, as written.
SELECT key, settings->'quiet', zone FROM contact WHERE state <> 'removed' AND coalesce(settings->'quiet', '[]') <> '[]';

-- duty_clear --
-- The future is worked out anew; what is past stays as it was.
WITH cut AS (UPDATE duty SET ends = %(at)s WHERE starts < %(at)s AND ends > %(at)s)
DELETE FROM duty WHERE starts >= %(at)s;

-- duty_put --
-- Who is on duty from now on. One who was on duty a moment ago goes on.
INSERT INTO duty (roster, contact_id, starts, ends, via)
SELECT g.roster, c.id, g.starts, g.ends, g.via
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (roster text, person text, starts timestamptz, ends timestamptz, via text)
JOIN contact c ON c.key = g.person
ON CONFLICT (roster, starts, contact_id) DO UPDATE SET ends = EXCLUDED.ends, via = EXCLUDED.via;

-- duty_forget --
-- A year of who was on duty is enough.
DELETE FROM duty WHERE ends < %(at)s - interval '400 days';

-- quiet_clear --
-- Quiet hours are worked out anew.
DELETE FROM quiet;

-- quiet_put --
-- Of people and of posts.
INSERT INTO quiet (contact_id, roster, passes, starts, ends)
SELECT c.id, g.roster, g.passes, g.starts, g.ends
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (person text, roster text, passes smallint, starts timestamptz, ends timestamptz)
LEFT JOIN contact c ON c.key = g.person WHERE c.id IS NOT NULL OR g.roster IS NOT NULL;

-- window_put --
-- Each time a window of the folder is open, some weeks ahead. One an operator called off stays off.
INSERT INTO maintenance AS m (key, starts, ends, areas, feeds, sensors, rules, domains, tags, reason, created_by)
SELECT g.key, g.starts, g.ends, g.areas, g.feeds, g.sensors, g.rules, g.domains, g.tags, g.reason, g.created_by
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (key text, starts timestamptz, ends timestamptz, areas text[], feeds text[],
    sensors text[], rules text[], domains text[], tags text[], reason text, created_by text)
ON CONFLICT (key, starts) DO UPDATE SET ends = EXCLUDED.ends, areas = EXCLUDED.areas, feeds = EXCLUDED.feeds,
    sensors = EXCLUDED.sensors, rules = EXCLUDED.rules, domains = EXCLUDED.domains, tags = EXCLUDED.tags,
    reason = EXCLUDED.reason, created_by = EXCLUDED.created_by, row_version = m.row_version + 1
WHERE m.ended_at IS NULL AND (m.ends, m.areas, m.feeds, m.sensors, m.rules, m.domains, m.tags, m.reason, m.created_by)
    IS DISTINCT FROM (EXCLUDED.ends, EXCLUDED.areas, EXCLUDED.feeds, EXCLUDED.sensors, EXCLUDED.rules, EXCLUDED.domains,
    EXCLUDED.tags, EXCLUDED.reason, EXCLUDED.created_by);

-- window_gone --
-- Times that the folder no longer has: those to come vanish, the one that is open ends.
WITH wanted AS (SELECT g.key, g.starts FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (key text, starts timestamptz)),
stale AS (SELECT m.id, m.starts FROM maintenance m WHERE m.key IS NOT NULL AND m.ended_at IS NULL AND m.ends > %(at)s
          AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.key = m.key AND w.starts = m.starts)),
over AS (UPDATE maintenance m SET ended_at = %(at)s, ended_by = 'maintenance.toml', row_version = m.row_version + 1
         FROM stale s WHERE m.id = s.id AND s.starts <= %(at)s)
DELETE FROM maintenance m USING stale s WHERE m.id = s.id AND s.starts > %(at)s;

-- stand_in --
-- Somebody stands in; the people must be in the folder.
INSERT INTO duty_override (roster, contact_id, instead_of, starts, ends, reason, created_by)
SELECT r.key, c.id, i.id, %(starts)s, %(ends)s, %(reason)s, %(by)s
FROM roster r JOIN contact c ON c.key = %(person)s AND c.state <> 'removed'
LEFT JOIN contact i ON i.key = %(instead_of)s
WHERE r.key = %(roster)s AND (%(instead_of)s::text IS NULL OR i.id IS NOT NULL)
RETURNING id;

-- stand_in_end --
-- Taken back.
UPDATE duty_override SET ended_at = clock_timestamp(), ended_by = %(by)s WHERE id = %(id)s AND ended_at IS NULL RETURNING id;

-- now_next --
-- Each post: who holds it now and until when, and who comes after.
SELECT r.key, r.name, c.key AS person, c.name AS person_name, d.starts, d.ends, d.via, d.starts <= %(at)s AS now,
    c.state AS person_state
FROM roster r LEFT JOIN LATERAL (
    SELECT * FROM duty d WHERE d.roster = r.key AND d.ends > %(at)s ORDER BY d.starts LIMIT 6) d ON true
LEFT JOIN contact c ON c.id = d.contact_id
ORDER BY r.key, d.starts, c.key;

-- stand_ins --
-- Who stands in now or later.
SELECT o.id, o.roster, c.key AS person, c.name AS person_name, i.key AS instead_of, o.starts, o.ends, o.reason, o.created_by, o.created_at
FROM duty_override o JOIN contact c ON c.id = o.contact_id LEFT JOIN contact i ON i.id = o.instead_of
WHERE o.ended_at IS NULL AND o.ends > %(at)s ORDER BY o.starts, o.id;

-- plan_maintenance --
-- An operator opens a window.
INSERT INTO maintenance (starts, ends, areas, feeds, sensors, rules, domains, tags, reason, created_by)
VALUES (%(starts)s, %(ends)s, %(areas)s, %(feeds)s, %(sensors)s, %(rules)s, %(domains)s, %(tags)s, %(reason)s, %(by)s) RETURNING id;

-- end_maintenance --
-- Over before its time, or called off. Once.
UPDATE maintenance SET ended_at = clock_timestamp(), ended_by = %(by)s, row_version = row_version + 1
WHERE id = %(id)s AND ended_at IS NULL AND ends > clock_timestamp() AND (%(version)s::int IS NULL OR row_version = %(version)s)
RETURNING id;

-- maintenance --
-- Windows that are open or to come, and how many alarms each puts aside.
SELECT m.id, m.key, m.starts, m.ends, m.areas, m.feeds, m.sensors, m.rules, m.domains, m.tags, m.reason, m.created_by, m.created_at,
    m.row_version, m.starts <= %(at)s AS open,
    (SELECT count(*) FROM alarm a WHERE a.closed_at IS NULL AND a.suppression = 'out_of_service' AND a.maintenance_id = m.id) AS alarms
FROM maintenance m WHERE m.ended_at IS NULL AND m.ends > %(at)s AND m.starts < %(until)s ORDER BY m.starts, m.id;

-- spans --
-- Who holds which post within a span of time.
SELECT r.key, r.name, c.key AS person, c.name AS person_name, c.state AS person_state, d.starts, d.ends, d.via
FROM roster r LEFT JOIN duty d ON d.roster = r.key AND d.ends > %(start)s AND d.starts < %(stop)s
LEFT JOIN contact c ON c.id = d.contact_id
ORDER BY r.key, d.starts, c.key;

-- holidays --
-- Days off to come.
SELECT day, name FROM holiday WHERE day >= %(day)s ORDER BY day LIMIT %(limit)s;

-- chains --
-- Along which steps alarms are told, the first that fits counts.
SELECT key, priorities, domains, areas, feeds, families, rules, steps FROM chain ORDER BY place;
