-- The newest reading of each series with all its facts. `usable` is false, with the reason, while a standing fault says
-- the value is not to be believed: rules and figures take only usable ones, screens show why. A step too steep to believe
-- is judged here and now, since a rule may look before upkeep does; the next reading settles it. How old is too old is
-- the reader's to say: `expected` is how often the series should speak, where anything says so.
DROP VIEW IF EXISTS usable_latest;
CREATE VIEW usable_latest AS
SELECT l.series_id, l.time, l.value, l.received_at,
    s.sensor_id, s.metric, s.feed_id,
    e.key AS sensor, e.name AS sensor_name, e.domain, e.kind, e.area, e.lat, e.lon, e.moves, e.registered,
    f.key AS feed, f.enabled AS feed_enabled,
    m.name AS metric_name, coalesce(m.unit, '') AS unit, coalesce(m.decimals, 1) AS decimals,
    coalesce(m.kind, 'gauge') AS metric_kind,
    coalesce(e.cadence, f.cadence, h.cadence) AS expected,
    q.reason IS NULL AND coalesce(NOT step.steep, true) AS usable,
    concat_ws(', ', CASE WHEN step.steep THEN 'rate' END, q.reason) AS reason
FROM latest l
JOIN series s ON s.id = l.series_id
JOIN sensor e ON e.id = s.sensor_id
JOIN feed f ON f.id = s.feed_id
LEFT JOIN metric m ON m.key = s.metric
LEFT JOIN series_habit h ON h.series_id = l.series_id
LEFT JOIN (
    SELECT series_id, string_agg(kind, ', ' ORDER BY kind) AS reason
    FROM quality WHERE active AND kind IN ('stuck', 'skew') GROUP BY series_id) q ON q.series_id = l.series_id
LEFT JOIN LATERAL (
    SELECT abs(l.value - r.value) > (m.settings->>'rate')::float8 * greatest(extract(epoch FROM l.time - r.time), 1) / 60 AS steep
    FROM reading r
    WHERE m.settings->>'rate' IS NOT NULL AND r.series_id = l.series_id AND r.time < l.time AND r.time > l.time - interval '1 hour'
    ORDER BY r.time DESC LIMIT 1) step ON true;
