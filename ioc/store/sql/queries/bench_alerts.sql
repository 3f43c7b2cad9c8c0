-- registry --
-- A feed, ten metrics, sensors over sixty areas, a series for each sensor and metric.
WITH f AS (INSERT INTO feed (key, name, cadence) VALUES ('bench', '{"": "bench"}', '1 min') RETURNING id),
s AS (INSERT INTO sensor (key, name, feed_id, area) SELECT 'sensor-' || i, jsonb_build_object('', 'sensor-' || i), f.id, 'area-' || i %% 60
      FROM f, generate_series(1, %(sensors)s) i RETURNING id)
INSERT INTO series (sensor_id, metric, feed_id) SELECT s.id, 'm' || k, f.id FROM s, f, generate_series(0, 9) k;

-- latest --
-- A fresh value from 0 to 100 for each.
INSERT INTO latest SELECT id, %(at)s, random() * 100, %(at)s FROM series;

-- readings --
-- And the reading it came from.
INSERT INTO reading SELECT series_id, time, value FROM latest ON CONFLICT DO NOTHING;

-- speak --
-- Some series say something new; %(storm)s of them something beyond every level.
WITH picked AS (SELECT id FROM series ORDER BY hashint4(id + %(turn)s) LIMIT %(count)s),
said AS (UPDATE latest l SET time = %(at)s, received_at = %(at)s, value = CASE WHEN %(storm)s THEN 100 ELSE random() * 99 END
         FROM picked p WHERE p.id = l.series_id RETURNING l.series_id, l.time, l.value)
INSERT INTO reading SELECT * FROM said ON CONFLICT DO NOTHING;

-- settle --
-- The planner knows the tables, as it would after an hour.
ANALYZE;

-- counts --
-- Pairs watched, and alarms open.
SELECT (SELECT count(*) FROM rule_target), (SELECT count(*) FROM alarm WHERE closed_at IS NULL);

-- rule --
-- Each rule watches one metric in one area.
INSERT INTO rule (key, kind, name, settings, priority)
SELECT r->>'key', r->>'kind', r->'name', r, CASE r->>'priority' WHEN 'critical' THEN 1 ELSE 3 END FROM jsonb_array_elements(%(rules)s::jsonb) r;

-- gauges --
-- A gauge in each domain; their series.
WITH s AS (INSERT INTO sensor (key, name, domain, feed_id)
    SELECT 'gauge-' || n, '{}', 'd' || n, f.id FROM feed f, generate_series(0, %(count)s - 1) n WHERE f.key = 'gauges' RETURNING id, feed_id)
INSERT INTO series (sensor_id, metric, feed_id) SELECT id, 'level', feed_id FROM s ORDER BY id RETURNING id;

-- people --
-- Who wants to know of everything.
INSERT INTO contact (key, name, email, settings)
SELECT 'p' || n, 'p' || n, 'p' || n || '@bench.test', '{"lowest": "low"}' FROM generate_series(1, %(count)s) n RETURNING email;

-- swell --
-- One part of all series says something beyond every level.
WITH said AS (UPDATE latest SET time = %(at)s, received_at = %(at)s, value = 100 WHERE series_id %% %(parts)s = %(part)s
              RETURNING series_id, time, value)
INSERT INTO reading SELECT * FROM said ON CONFLICT DO NOTHING;

-- say --
-- One series says something.
WITH said AS (UPDATE latest SET time = %(at)s, received_at = %(at)s, value = %(value)s WHERE series_id = %(series)s
              RETURNING series_id, time, value)
INSERT INTO reading SELECT * FROM said ON CONFLICT DO NOTHING;

-- series_of --
-- The first series of a metric.
SELECT min(id) FROM series WHERE metric = %(metric)s;

-- sensors_of --
-- Sensors with an open alarm of a rule.
SELECT DISTINCT e.key FROM alarm a JOIN rule r ON r.id = a.rule_id JOIN series s ON s.id = a.series_id JOIN sensor e ON e.id = s.sensor_id
WHERE r.key = %(rule)s AND a.closed_at IS NULL;
