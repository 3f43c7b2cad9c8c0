-- The newest reading of each series with all its facts. `usable` is false, with the reason, while a standing fault says
-- the value is not to be believed: rules and figures take only usable ones, screens show why. How old is too old is the
-- reader's to say: `expected` is how often the series should speak, where anything says so.
DROP VIEW IF EXISTS usable_latest;
CREATE VIEW usable_latest AS
SELECT l.series_id, l.time, l.value, l.received_at,
    s.sensor_id, s.metric, s.feed_id,
    e.key AS sensor, e.name AS sensor_name, e.domain, e.kind, e.area, e.lat, e.lon, e.moves, e.registered,
    f.key AS feed, f.enabled AS feed_enabled,
    m.name AS metric_name, coalesce(m.unit, '') AS unit, coalesce(m.decimals, 1) AS decimals,
    coalesce(m.kind, 'gauge') AS metric_kind,
    coalesce(e.cadence, f.cadence, h.cadence) AS expected,
    q.reason IS NULL AS usable, coalesce(q.reason, '') AS reason
FROM latest l
JOIN series s ON s.id = l.series_id
JOIN sensor e ON e.id = s.sensor_id
JOIN feed f ON f.id = s.feed_id
LEFT JOIN metric m ON m.key = s.metric
LEFT JOIN series_habit h ON h.series_id = l.series_id
LEFT JOIN (
    SELECT series_id, string_agg(kind, ', ' ORDER BY kind) AS reason
    FROM quality WHERE active AND kind IN ('stuck', 'skew', 'rate') GROUP BY series_id) q ON q.series_id = l.series_id;
