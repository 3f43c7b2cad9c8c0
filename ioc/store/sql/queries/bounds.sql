-- chains --
-- Every area that each of these alarms lies in, of every kind of map: its own, and those of its sensor's place today.
SELECT a.id, array_remove(array_agg(DISTINCT r.key) || a.area, NULL) AS areas
FROM alarm a
LEFT JOIN sensor_place p ON p.sensor_id = a.sensor_id AND p.until = 'infinity'
LEFT JOIN sensor_area m ON m.place_id = p.id AND m.map_from <= current_date AND current_date < m.map_to
LEFT JOIN area r ON r.id = m.area_id
WHERE a.id = ANY (%(alarms)s::bigint[])
GROUP BY a.id, a.area;

-- feed --
-- The key of a feed.
SELECT key FROM feed WHERE id = %(feed)s;
