-- registry --
-- A feed, ten metrics, sensors over sixty areas, a series for each sensor and metric.
WITH f AS (INSERT INTO feed (key, name, cadence) VALUES ('bench', '{"": "bench"}', '1 min') RETURNING id),
s AS (INSERT INTO sensor (key, name, feed_id, area) SELECT 'sensor-' || i, '{}', f.id, 'area-' || i %% 60
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
SELECT r->>'key', r->>'kind', r->'name', r, 3 FROM jsonb_array_elements(%(rules)s::jsonb) r;
