-- area_members(map_day): which area of each kind held each fixed sensor, from when to when.
--
--   sensor_id, kind, area (its key), area_id (the version of it), from_time, to_time     from_time <= t < to_time
--
-- map_day NULL: the map of then. A reading of time t belongs to the area that held the sensor's place of t by the map that
--   was valid on the local day of t.
-- map_day D:    the map of day D for all of history, from before D and after it. The sensor's place is still that of t.
--
-- For each sensor, kind and moment there is at most one row, so a join on sensor_id, kind and time never counts a reading
-- twice. No row: no area of that kind held it then. Times may be -infinity and infinity; map boundaries are midnights of the
-- city's zone, so whole hours of UTC where its offset is, and whole days of UTC nowhere but in UTC: cut days by hours.
-- Sensors that move by nature are in none: ask `position`, as exports do (ioc/store/export.py).
--
--   SELECT m.area, date_bin('1 hour', r.bucket, '2000-01-01Z') AS at, sum(r.sum) / sum(r.count) AS mean, max(r.max)
--   FROM area_members(DATE '2025-06-30') m JOIN series s USING (sensor_id)
--   JOIN rollup_1h r ON r.series_id = s.id AND r.bucket >= m.from_time AND r.bucket < m.to_time
--   WHERE m.kind = 'district' AND s.metric = 'pm2_5' GROUP BY 1, 2
DROP FUNCTION IF EXISTS area_members(date) CASCADE;
CREATE FUNCTION area_members(map_day date DEFAULT NULL)
RETURNS TABLE (sensor_id int, kind text, area text, area_id int, from_time timestamptz, to_time timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT p.sensor_id, m.kind, a.key, m.area_id,
        CASE WHEN map_day IS NULL THEN greatest(p.since, m.map_from::timestamp AT TIME ZONE c.zone) ELSE p.since END,
        CASE WHEN map_day IS NULL THEN least(p.until, m.map_to::timestamp AT TIME ZONE c.zone) ELSE p.until END
    FROM sensor_area m JOIN sensor_place p ON p.id = m.place_id JOIN area a ON a.id = m.area_id CROSS JOIN city c
    WHERE CASE WHEN map_day IS NULL
        THEN greatest(p.since, m.map_from::timestamp AT TIME ZONE c.zone) < least(p.until, m.map_to::timestamp AT TIME ZONE c.zone)
        ELSE m.map_from <= map_day AND map_day < m.map_to END
$$;
