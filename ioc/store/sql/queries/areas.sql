-- lock_places --
-- The places to join: all of them, or those that are new. Held until they are marked.
SELECT id, lat, lon FROM sensor_place WHERE %(all)s OR NOT joined ORDER BY id FOR UPDATE;

-- waiting --
-- Whether a place is new.
SELECT EXISTS (SELECT 1 FROM sensor_place WHERE NOT joined);

-- versions --
-- Every area that was ever valid for a day; null dates are open ends.
SELECT id, key, kind, CASE WHEN isfinite(valid_from) THEN valid_from END, CASE WHEN isfinite(valid_to) THEN valid_to END, geometry
FROM area WHERE valid_from < valid_to ORDER BY id;

-- drop_members --
-- What no longer holds of these places.
DELETE FROM sensor_area m WHERE m.place_id = ANY (%(places)s::bigint[]) AND NOT EXISTS (
    SELECT 1 FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (place bigint, kind text, map_from date, map_to date, area int)
    WHERE (r.place, r.kind, coalesce(r.map_from, '-infinity'), coalesce(r.map_to, 'infinity'), r.area)
        = (m.place_id, m.kind, m.map_from, m.map_to, m.area_id));

-- add_members --
-- What holds now; what stands already is left.
INSERT INTO sensor_area (place_id, kind, map_from, map_to, area_id)
SELECT r.place, r.kind, coalesce(r.map_from, '-infinity'), coalesce(r.map_to, 'infinity'), r.area
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (place bigint, kind text, map_from date, map_to date, area int)
ON CONFLICT DO NOTHING;

-- mark_joined --
-- They are known now.
UPDATE sensor_place SET joined = true WHERE id = ANY (%(places)s::bigint[]) AND NOT joined;

-- rename --
-- Sensors that the folder gives another key keep their row; says how many there were.
SELECT rename_sensors(%(rows)s::jsonb);

-- sweep --
-- What was written under a name that is gone follows; says how much there was.
SELECT sweep_merges();

-- members --
-- Members of the areas, see views/area_members.sql; null times are open ends.
SELECT m.sensor_id, s.key AS sensor, m.kind, m.area, m.area_id,
    CASE WHEN isfinite(m.from_time) THEN m.from_time END AS from_time, CASE WHEN isfinite(m.to_time) THEN m.to_time END AS to_time
FROM area_members(%(map_day)s) m JOIN sensor s ON s.id = m.sensor_id
WHERE %(areas)s::text[] IS NULL OR m.area = ANY (%(areas)s)
ORDER BY m.kind, m.area, s.key, m.from_time;

-- maps --
-- The days on which the map of a kind changed, oldest first, and how many areas it had from then; null: since ever.
SELECT k.kind, CASE WHEN isfinite(k.day) THEN k.day END AS day, (
    SELECT count(*) FROM area a WHERE a.kind = k.kind AND a.valid_from <= k.day AND k.day < a.valid_to) AS areas
FROM (SELECT kind, valid_from AS day FROM area WHERE valid_from < valid_to
    UNION SELECT kind, valid_to FROM area WHERE valid_from < valid_to AND isfinite(valid_to)) AS k
ORDER BY k.kind, k.day;
