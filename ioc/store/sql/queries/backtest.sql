-- pairs --
-- Series that the rule would watch, with their levels; as rules.sql's target_levels worked them out beside the real ones.
SELECT 'series:' || t.series_id, e.key || ' ' || se.metric, t.place,
    coalesce(t.levels, CASE WHEN t.raise IS NOT NULL THEN jsonb_build_array(jsonb_build_array(t.raise, t.clear, t.direction)) END),
    '', t.series_id, (extract(epoch FROM coalesce(e.cadence, f.cadence, h.cadence)) * 1000000)::bigint
FROM fresh_target t JOIN series se ON se.id = t.series_id JOIN sensor e ON e.id = se.sensor_id
LEFT JOIN feed f ON f.id = se.feed_id LEFT JOIN series_habit h ON h.series_id = se.id
ORDER BY 2;

-- inputs --
-- Inputs of targets that are no series.
SELECT i.target, CASE WHEN i.target LIKE 'sensor:%%' THEN max(e.key) OVER (PARTITION BY i.target)
        ELSE split_part(i.target, ':', 2) END, 0, NULL::jsonb,
    i.name, i.series_id, (extract(epoch FROM coalesce(e.cadence, f.cadence, h.cadence)) * 1000000)::bigint
FROM fresh_input i JOIN series se ON se.id = i.series_id JOIN sensor e ON e.id = se.sensor_id
LEFT JOIN feed f ON f.id = se.feed_id LEFT JOIN series_habit h ON h.series_id = se.id
ORDER BY i.target, i.name, i.series_id;
