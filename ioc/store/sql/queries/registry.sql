-- lock --
-- One sync at a time; released at the end of the transaction.
SELECT pg_advisory_xact_lock(%(key)s);

-- known --
-- What the last sync was of: the folder's digest, and the local day its areas were worked out for.
SELECT digest, areas_on, (now() AT TIME ZONE %(zone)s)::date AS today
FROM (SELECT 1) AS always LEFT JOIN city ON true;

-- city --
-- Counts as a change only when what city.toml says changed.
WITH before AS (SELECT settings FROM city), written AS (
    INSERT INTO city (key, name, zone, settings, digest, areas_on)
    SELECT r->>'key', r->'name', r->>'zone', r->'settings', %(digest)s, %(today)s FROM (SELECT %(rows)s::jsonb AS r) AS given
    ON CONFLICT (one) DO UPDATE SET key = EXCLUDED.key, name = EXCLUDED.name, zone = EXCLUDED.zone,
        settings = EXCLUDED.settings, digest = EXCLUDED.digest, areas_on = EXCLUDED.areas_on, loaded_at = now()
    RETURNING settings)
SELECT 1 FROM written WHERE NOT EXISTS (SELECT 1 FROM before WHERE before.settings = written.settings);

-- feed_add --
-- Insert what is missing first and update after it: no identity is used up by rows that exist.
INSERT INTO feed (key, name, cadence, silent_after)
SELECT r.key, r.name, r.cadence, r.silent_after
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, name jsonb, cadence interval, silent_after interval)
WHERE NOT EXISTS (SELECT 1 FROM feed f WHERE f.key = r.key)
ON CONFLICT DO NOTHING;

-- feed_set --
-- Every feed of the folder as it is written there.
UPDATE feed f SET name = r.name, owner = r.owner, domain = r.domain, format = r.format, topics = r.topics,
    cadence = r.cadence, silent_after = r.silent_after, enabled = r.enabled, updated_at = now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, name jsonb, owner text, domain text, format text, topics text[],
    cadence interval, silent_after interval, enabled boolean)
WHERE f.key = r.key
  AND (f.name, f.owner, f.domain, f.format, f.topics, f.cadence, f.silent_after, f.enabled)
      IS DISTINCT FROM (r.name, r.owner, r.domain, r.format, r.topics, r.cadence, r.silent_after, r.enabled);

-- feed_gone --
-- A feed whose file vanished keeps its row and its data.
UPDATE feed SET enabled = false, updated_at = now()
WHERE enabled AND key <> 'unclaimed' AND key <> ALL (%(keys)s);

-- metric_set --
-- Metrics are never removed: old series still need their unit.
INSERT INTO metric AS m (key, name, unit, decimals, domain, kind, low, high, settings)
SELECT r.key, r.name, r.unit, r.decimals, r.domain, r.kind, r.low, r.high, r.settings
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, name jsonb, unit text, decimals smallint, domain text, kind text,
    low double precision, high double precision, settings jsonb)
ON CONFLICT (key) DO UPDATE SET name = EXCLUDED.name, unit = EXCLUDED.unit, decimals = EXCLUDED.decimals,
    domain = EXCLUDED.domain, kind = EXCLUDED.kind, low = EXCLUDED.low, high = EXCLUDED.high, settings = EXCLUDED.settings
WHERE (m.name, m.unit, m.decimals, m.domain, m.kind, m.low, m.high, m.settings) IS DISTINCT FROM
    (EXCLUDED.name, EXCLUDED.unit, EXCLUDED.decimals, EXCLUDED.domain, EXCLUDED.kind, EXCLUDED.low, EXCLUDED.high,
     EXCLUDED.settings);

-- area_add --
-- One row for each time an area was valid.
INSERT INTO area (key, name, kind, valid_from, valid_to, geometry, drawing)
SELECT r.key, r.name, r.kind, coalesce(r.valid_from, '-infinity'), coalesce(r.valid_to, 'infinity'), r.geometry,
    nullif(r.drawing, 'null')
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, name jsonb, kind text, valid_from date, valid_to date, geometry jsonb,
    drawing jsonb)
WHERE NOT EXISTS (SELECT 1 FROM area a WHERE a.key = r.key AND a.valid_from = coalesce(r.valid_from, '-infinity'))
ON CONFLICT DO NOTHING;

-- area_set --
-- Names, kinds, ends and shapes as the folder has them now.
UPDATE area a SET name = r.name, kind = r.kind, valid_to = coalesce(r.valid_to, 'infinity'), geometry = r.geometry,
    drawing = nullif(r.drawing, 'null')
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, name jsonb, kind text, valid_from date, valid_to date, geometry jsonb,
    drawing jsonb)
WHERE a.key = r.key AND a.valid_from = coalesce(r.valid_from, '-infinity')
  AND (a.name, a.kind, a.valid_to, a.geometry, a.drawing)
      IS DISTINCT FROM (r.name, r.kind, coalesce(r.valid_to, 'infinity'), r.geometry, nullif(r.drawing, 'null'));

-- area_gone --
-- An area that vanished from the folder ends today, so that history can still name it.
UPDATE area a SET valid_to = greatest(a.valid_from, %(today)s)
WHERE a.valid_to > greatest(a.valid_from, %(today)s) AND NOT EXISTS (
    SELECT 1 FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, valid_from date)
    WHERE r.key = a.key AND coalesce(r.valid_from, '-infinity') = a.valid_from);

-- sensor_add --
-- As with feeds; a sensor that was discovered before is taken over by sensor_set.
INSERT INTO sensor (key, name, registered)
SELECT r.key, r.name, true
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, name jsonb)
WHERE NOT EXISTS (SELECT 1 FROM sensor s WHERE s.key = r.key)
ON CONFLICT DO NOTHING;

-- sensor_set --
-- The folder wins where it says something; a place or a property that only messages told is kept.
UPDATE sensor s SET name = n.name, domain = n.domain, feed_id = n.feed_id, kind = n.kind, moves = n.moves,
    cadence = n.cadence, lat = n.lat, lon = n.lon, area = n.area, place_from = n.place_from, properties = n.properties,
    registered = true, updated_at = now()
FROM (
    SELECT o.id, r.name, r.domain, coalesce(f.id, o.feed_id) AS feed_id, r.kind, r.moves, r.cadence,
        CASE WHEN r.lat IS NULL THEN o.lat ELSE r.lat END AS lat,
        CASE WHEN r.lat IS NULL THEN o.lon ELSE r.lon END AS lon,
        CASE WHEN r.lat IS NULL THEN o.area ELSE r.area END AS area,
        CASE WHEN r.lat IS NULL THEN o.place_from ELSE 'registry' END AS place_from,
        o.properties || r.properties AS properties
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, name jsonb, domain text, feed text, kind text, moves boolean,
        cadence interval, lat double precision, lon double precision, area text, properties jsonb)
    JOIN sensor o ON o.key = r.key
    LEFT JOIN feed f ON f.key = r.feed) AS n
WHERE s.id = n.id
  AND (s.name, s.domain, s.feed_id, s.kind, s.moves, s.cadence, s.lat, s.lon, s.area, s.place_from, s.properties,
       s.registered)
      IS DISTINCT FROM (n.name, n.domain, n.feed_id, n.kind, n.moves, n.cadence, n.lat, n.lon, n.area, n.place_from,
       n.properties, true);

-- sensor_gone --
-- A sensor that vanished from the folder is treated as discovered.
UPDATE sensor s SET registered = false, updated_at = now()
WHERE registered AND NOT EXISTS (SELECT 1 FROM unnest(%(keys)s::text[]) AS k (key) WHERE k.key = s.key);

-- placed --
-- Sensors whose place only messages told: their areas are worked out anew when areas change.
SELECT id, lat, lon, area FROM sensor WHERE lat IS NOT NULL AND place_from <> 'registry';

-- place_set --
-- Their new areas.
UPDATE sensor s SET area = n.area, updated_at = now()
FROM unnest(%(ids)s::int[], %(areas)s::text[]) AS n (id, area) WHERE s.id = n.id;

-- contact_add --
-- People the folder names for the first time.
INSERT INTO contact (key, name, email)
SELECT r.key, r.name, r.email FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, name text, email text)
WHERE NOT EXISTS (SELECT 1 FROM contact c WHERE c.key = r.key)
ON CONFLICT DO NOTHING;

-- contact_set --
-- A refused address stays refused until the folder has another one.
UPDATE contact c SET name = r.name, email = r.email, language = r.language, zone = r.zone, settings = r.settings,
    state = CASE WHEN c.state = 'refused' AND c.email = r.email THEN 'refused' ELSE 'ok' END,
    state_note = CASE WHEN c.state = 'refused' AND c.email = r.email THEN c.state_note ELSE '' END
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, name text, email text, language text, zone text, settings jsonb)
WHERE c.key = r.key
  AND (c.state = 'removed' OR (c.name, c.email, c.language, c.zone, c.settings)
      IS DISTINCT FROM (r.name, r.email, r.language, r.zone, r.settings));

-- contact_gone --
-- Nobody who left the folder is written to again.
UPDATE contact SET state = 'removed', state_note = 'no longer in contacts.toml'
WHERE state <> 'removed' AND key <> ALL (%(keys)s);

-- rule_add --
-- Rules the folder has for the first time.
INSERT INTO rule (key, kind, name, settings, priority, enabled)
SELECT r.key, r.kind, r.name, r.settings, r.priority, r.enabled
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, kind text, name jsonb, settings jsonb, priority smallint,
    enabled boolean)
WHERE NOT EXISTS (SELECT 1 FROM rule o WHERE o.key = r.key)
ON CONFLICT DO NOTHING;

-- rule_set --
-- The version counts edits of what the rule says; switching it off and on is not one.
UPDATE rule o SET kind = r.kind, name = r.name, settings = r.settings, priority = r.priority, enabled = r.enabled,
    version = o.version + CASE WHEN (o.kind, o.settings) IS DISTINCT FROM (r.kind, r.settings) THEN 1 ELSE 0 END,
    updated_at = now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, kind text, name jsonb, settings jsonb, priority smallint,
    enabled boolean)
WHERE o.key = r.key AND (o.kind, o.name, o.settings, o.priority, o.enabled)
    IS DISTINCT FROM (r.kind, r.name, r.settings, r.priority, r.enabled);

-- rule_gone --
-- A rule that vanished is switched off; its alarms keep pointing at it.
UPDATE rule SET enabled = false, updated_at = now() WHERE enabled AND key <> ALL (%(keys)s);

-- tell --
-- Readers learn of it in the same transaction.
WITH told AS (INSERT INTO change (registry) VALUES (true) RETURNING id)
SELECT pg_notify('ioc_change', id::text) FROM told;
