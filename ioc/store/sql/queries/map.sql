-- trails --
-- Where moving sensors went lately, oldest first; of each minute the first place is enough.
SELECT DISTINCT ON (s.key, date_trunc('minute', p.time)) s.key, p.lon, p.lat, (extract(epoch FROM p.time) * 1000)::bigint AS at
FROM position p JOIN sensor s ON s.id = p.sensor_id
WHERE p.time > now() - make_interval(secs => %(seconds)s) AND p.time <= now() + interval '1 minute'
  AND abs(p.lat) <= 85 AND abs(p.lon) <= 180 AND greatest(abs(p.lat), abs(p.lon)) > 0.001
ORDER BY s.key, date_trunc('minute', p.time), p.time LIMIT %(most)s;

-- areas_on --
-- Areas valid on a day.
SELECT id, key, name, kind, geometry FROM area WHERE valid_from <= %(day)s AND %(day)s < valid_to ORDER BY id;

-- members_on --
-- Which of these areas each fixed sensor is in now, by the map of that day.
SELECT sensor_id, area_id FROM area_members(%(day)s) WHERE from_time <= now() AND now() < to_time;
