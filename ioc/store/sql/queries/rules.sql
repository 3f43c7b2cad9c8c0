-- rules --
-- Every rule as loaded.
SELECT id, key, kind, version, priority, enabled, name, settings FROM rule ORDER BY id;

-- top_series --
-- The newest series, to notice that targets may be missing.
SELECT coalesce(max(id), 0) FROM series;

-- spec_table --
-- The levels of all rules, for one rebuild of rule_target.
CREATE TEMPORARY TABLE spec (rule_id int, place int, metrics text[], domains text[], feeds text[], keys text[],
    patterns text[], areas text[], raise double precision, clear double precision, direction smallint, quiet double precision)
    ON COMMIT DROP;

-- spec_fill --
-- One row a level.
INSERT INTO spec SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (rule_id int, place int, metrics text[],
    domains text[], feeds text[], keys text[], patterns text[], areas text[], raise double precision,
    clear double precision, direction smallint, quiet double precision);

-- target_table --
-- Which series each level is for: by sensor where named, else by metric (and area, where named), else all. The first level
-- of a rule wins.
CREATE TEMPORARY TABLE fresh_target ON COMMIT DROP AS
WITH place AS MATERIALIZED (
    SELECT se.id, se.metric, s.key, coalesce(nullif(s.domain, ''), m.domain, '') AS domain, coalesce(f.key, '') AS feed,
        coalesce(s.area, '') AS area, coalesce(s.cadence, f.cadence) AS cadence
    FROM series se JOIN sensor s ON s.id = se.sensor_id LEFT JOIN feed f ON f.id = se.feed_id
    LEFT JOIN metric m ON m.key = se.metric
    WHERE se.id > %(after)s AND coalesce(f.enabled, true)),
near AS (
    SELECT spec.rule_id, spec.place, p.id
    FROM spec CROSS JOIN unnest(spec.keys) AS k (key) JOIN place p ON p.key = k.key
    UNION ALL
    SELECT spec.rule_id, spec.place, p.id
    FROM spec CROSS JOIN unnest(spec.metrics) AS w (metric) CROSS JOIN unnest(spec.areas) AS i (area)
    JOIN place p ON p.metric = w.metric AND p.area = i.area WHERE spec.keys = '{}'
    UNION ALL
    SELECT spec.rule_id, spec.place, p.id
    FROM spec CROSS JOIN unnest(spec.metrics) AS w (metric) JOIN place p ON p.metric = w.metric
    WHERE spec.keys = '{}' AND spec.areas = '{}'
    UNION ALL
    SELECT spec.rule_id, spec.place, p.id FROM spec CROSS JOIN place p WHERE spec.keys = '{}' AND spec.metrics = '{}'),
fitting AS (
    SELECT DISTINCT ON (n.rule_id, n.id) n.rule_id, n.place, n.id
    FROM near n JOIN spec ON spec.rule_id = n.rule_id AND spec.place = n.place JOIN place p ON p.id = n.id
    WHERE (metrics = '{}' OR metric = ANY (metrics)) AND (domains = '{}' OR domain = ANY (domains))
      AND (feeds = '{}' OR feed = ANY (feeds)) AND (areas = '{}' OR area = ANY (areas))
      AND (patterns = '{}' OR key LIKE ANY (patterns))
    ORDER BY n.rule_id, n.id, n.place)
SELECT t.rule_id, t.id AS series_id, spec.raise, spec.clear, spec.direction, CASE WHEN spec.raise IS NULL
    THEN coalesce(make_interval(secs => spec.quiet), greatest(p.cadence * 5, '2 min'), '1 h') END AS quiet_after
FROM fitting t JOIN spec ON spec.rule_id = t.rule_id AND spec.place = t.place JOIN place p ON p.id = t.id;

-- targets_gone --
-- Pairs that are no longer watched.
DELETE FROM rule_target t
WHERE NOT EXISTS (SELECT 1 FROM fresh_target f WHERE f.rule_id = t.rule_id AND f.series_id = t.series_id);

-- targets_put --
-- Pairs that are new, or whose level moved.
INSERT INTO rule_target AS t (rule_id, series_id, raise, clear, direction, quiet_after)
SELECT rule_id, series_id, raise, clear, direction, quiet_after FROM fresh_target
ON CONFLICT (rule_id, series_id) DO UPDATE SET raise = EXCLUDED.raise, clear = EXCLUDED.clear,
    direction = EXCLUDED.direction, quiet_after = EXCLUDED.quiet_after
WHERE (t.raise, t.clear, t.direction, t.quiet_after)
    IS DISTINCT FROM (EXCLUDED.raise, EXCLUDED.clear, EXCLUDED.direction, EXCLUDED.quiet_after);

-- targets_learn --
-- The planner must know the new size.
ANALYZE rule_target;

-- rising --
-- Pairs without an open alarm whose newest value is beyond the level, and fresh: not history, not from the future.
WITH hit AS MATERIALIZED (
    SELECT t.rule_id, t.series_id, t.raise, t.clear, t.direction
    FROM rule_target t JOIN latest l ON l.series_id = t.series_id
    WHERE (t.direction > 0 AND l.value > t.raise OR t.direction < 0 AND l.value < t.raise)
      AND l.value BETWEEN -1e300 AND 1e300
      AND NOT EXISTS (SELECT 1 FROM alarm a
                      WHERE a.rule_id = t.rule_id AND a.series_id = t.series_id AND a.closed_at IS NULL))
SELECT h.rule_id, h.series_id, h.raise, h.clear, h.direction, u.time, u.expected, NULL::text AS condition, true AS fresh,
    (SELECT max(x.last_event) FROM alarm x WHERE x.rule_id = h.rule_id AND x.target = 'series:' || h.series_id) AS used
FROM hit h JOIN usable_latest u ON u.series_id = h.series_id AND u.usable
JOIN rule r ON r.id = h.rule_id AND r.enabled
WHERE u.time > %(at)s - greatest(interval '15 min', 3 * u.expected) AND u.time <= %(at)s + interval '2 min';

-- standing --
-- Open alarms whose newest value says something else than the alarm does, or that no longer hear anything.
WITH open AS (
    SELECT a.rule_id, a.series_id, t.raise, t.clear, t.direction, u.time, u.value, a.condition, a.last_event AS used, u.expected,
        coalesce(u.received_at > %(at)s - greatest(interval '2 min', 3 * coalesce(u.expected, '20 min')), false) AS fresh
    FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind = 'threshold' AND r.enabled
    JOIN rule_target t ON t.rule_id = a.rule_id AND t.series_id = a.series_id
    LEFT JOIN usable_latest u ON u.series_id = a.series_id AND u.usable
    WHERE a.closed_at IS NULL)
SELECT rule_id, series_id, raise, clear, direction, coalesce(time, used) AS time, expected, condition, fresh, used FROM open
WHERE CASE condition
    WHEN 'true' THEN NOT fresh OR (CASE WHEN direction > 0 THEN value < clear ELSE value > clear END
                                   OR value = clear AND clear = raise)
    WHEN 'false' THEN fresh AND time > used AND CASE WHEN direction > 0 THEN value > raise ELSE value < raise END
    ELSE fresh END;

-- crossed --
-- Pairs that a sample between the last tick's newest and this one's moves, though the newest itself may not.
WITH between_ticks AS MATERIALIZED (
    SELECT r.series_id, r.time, r.value
    FROM unnest(%(series)s::int[], %(after)s::timestamptz[]) AS m (series_id, after)
    JOIN latest l ON l.series_id = m.series_id
    JOIN reading r ON r.series_id = m.series_id AND r.time > m.after AND r.time < l.time
    WHERE r.time <= %(at)s AND r.value BETWEEN -1e300 AND 1e300)
SELECT DISTINCT t.rule_id, t.series_id, t.raise, t.clear, t.direction, u.time, u.expected, a.condition, true AS fresh,
    (SELECT max(x.last_event) FROM alarm x WHERE x.rule_id = t.rule_id AND x.target = 'series:' || t.series_id) AS used
FROM between_ticks b JOIN rule_target t ON t.series_id = b.series_id
JOIN rule r ON r.id = t.rule_id AND r.enabled
JOIN usable_latest u ON u.series_id = b.series_id AND u.usable
LEFT JOIN alarm a ON a.rule_id = t.rule_id AND a.series_id = t.series_id AND a.closed_at IS NULL
WHERE CASE WHEN a.id IS NULL OR a.condition = 'false'
    THEN CASE WHEN t.direction > 0 THEN b.value > t.raise ELSE b.value < t.raise END
    ELSE CASE WHEN t.direction > 0 THEN b.value <= t.clear ELSE b.value >= t.clear END END;

-- peaks --
-- The worst value so far of alarms that stand.
UPDATE alarm a SET peak = l.value, last_event = greatest(a.last_event, l.time)
FROM rule_target t, latest l
WHERE a.closed_at IS NULL AND a.condition = 'true' AND t.rule_id = a.rule_id AND t.series_id = a.series_id
  AND l.series_id = a.series_id AND l.time > a.last_event AND l.value BETWEEN -1e300 AND 1e300
  AND CASE WHEN t.direction > 0 THEN l.value > coalesce(a.peak, t.raise) ELSE l.value < coalesce(a.peak, t.raise) END;

-- touched --
-- Series that were heard since, with their newest time in microseconds.
SELECT series_id, (extract(epoch FROM time) * 1000000)::bigint FROM latest WHERE received_at > %(since)s;

-- samples --
-- What these series said in these spans (after, to], oldest first; microseconds.
SELECT m.series_id, (extract(epoch FROM r.time) * 1000000)::bigint, r.value
FROM unnest(%(series)s::int[], %(after)s::timestamptz[], %(until)s::timestamptz[]) AS m (series_id, after, until)
JOIN reading r ON r.series_id = m.series_id AND r.time > m.after AND r.time <= m.until
WHERE r.value BETWEEN -1e300 AND 1e300
ORDER BY 1, 2;

-- silent_sensors --
-- Sensors whose silence differs from what their alarm says; a sensor counts once, by its most recent message of any kind.
-- Where more than half of a feed is silent and the rule looks at feeds, the sensors' own alarms are hidden by design.
WITH heard AS MATERIALIZED (
    SELECT t.rule_id, se.sensor_id, min(se.feed_id) AS feed_id, max(t.quiet_after) AS quiet,
        max(greatest(coalesce(l.received_at, se.created_at), q.last)) AS heard, max(l.time) AS data_time
    FROM rule_target t JOIN rule r ON r.id = t.rule_id AND r.enabled AND r.kind = 'silence'
    JOIN series se ON se.id = t.series_id LEFT JOIN latest l ON l.series_id = t.series_id
    LEFT JOIN (SELECT series_id, max(last) AS last FROM quality GROUP BY series_id) q ON q.series_id = t.series_id
    GROUP BY t.rule_id, se.sensor_id),
judged AS (
    SELECT h.*, h.heard < %(at)s - h.quiet AS silent,
        h.rule_id = ANY (%(feed_rules)s) AND h.feed_id IS NOT NULL
            AND count(*) OVER w > 1 AND 2 * count(*) FILTER (WHERE h.heard < %(at)s - h.quiet) OVER w > count(*) OVER w AS hidden
    FROM heard h WINDOW w AS (PARTITION BY h.rule_id, h.feed_id))
SELECT j.rule_id, j.sensor_id, j.feed_id, j.heard, extract(epoch FROM j.quiet)::float8 AS quiet, j.silent, j.hidden
FROM judged j LEFT JOIN alarm a ON a.rule_id = j.rule_id AND a.sensor_id = j.sensor_id AND a.series_id IS NULL AND a.closed_at IS NULL
WHERE j.silent AND (a.id IS NULL OR a.condition <> 'true')
   OR NOT j.silent AND a.condition <> 'false'
   OR a.id IS NOT NULL AND (a.suppression = 'by_design') <> j.hidden AND a.suppression IN ('none', 'by_design');

-- silent_feeds --
-- Feeds whose silence differs from what their alarm says.
WITH heard AS MATERIALIZED (
    SELECT t.rule_id, se.feed_id, se.sensor_id, max(t.quiet_after) AS quiet,
        max(greatest(coalesce(l.received_at, se.created_at), q.last)) AS heard
    FROM rule_target t JOIN rule r ON r.id = t.rule_id AND r.enabled AND r.kind = 'silence'
    JOIN series se ON se.id = t.series_id LEFT JOIN latest l ON l.series_id = t.series_id
    LEFT JOIN (SELECT series_id, max(last) AS last FROM quality GROUP BY series_id) q ON q.series_id = t.series_id
    WHERE t.rule_id = ANY (%(feed_rules)s) AND se.feed_id IS NOT NULL
    GROUP BY t.rule_id, se.feed_id, se.sensor_id),
feeds AS (
    SELECT rule_id, feed_id, count(*) AS sensors, count(*) FILTER (WHERE heard < %(at)s - quiet) AS silent, max(heard) AS heard,
        extract(epoch FROM max(quiet))::float8 AS quiet
    FROM heard GROUP BY rule_id, feed_id)
SELECT f.rule_id, f.feed_id, f.heard, f.quiet, f.sensors, f.silent AS count, f.sensors > 1 AND 2 * f.silent > f.sensors AS silent
FROM feeds f LEFT JOIN alarm a ON a.rule_id = f.rule_id AND a.feed_id = f.feed_id AND a.sensor_id IS NULL
    AND a.target = 'feed:' || f.feed_id AND a.closed_at IS NULL
WHERE (f.sensors > 1 AND 2 * f.silent > f.sensors) AND (a.id IS NULL OR a.condition <> 'true')
   OR NOT (f.sensors > 1 AND 2 * f.silent > f.sensors) AND a.condition <> 'false';

-- started --
-- When an ingester started last, and when one was last alive: silence is not judged while nobody listens.
SELECT max(started_at) AS started, max(beat_at) AS beat FROM process WHERE starts_with(name, 'ingest');

-- faulty --
-- Series with a standing fault of data quality that a rule counts, where the alarm says something else.
WITH fault AS (
    SELECT t.rule_id, t.series_id, min(q.since) AS since, max(q.last) AS last
    FROM rule_target t JOIN rule r ON r.id = t.rule_id AND r.enabled AND r.kind = 'stuck'
    JOIN quality q ON q.series_id = t.series_id AND q.active
        AND coalesce(r.settings->'options'->'faults', '["stuck"]') ? q.kind
    GROUP BY t.rule_id, t.series_id),
now_open AS (
    SELECT a.* FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind = 'stuck' AND r.enabled WHERE a.closed_at IS NULL)
SELECT coalesce(f.rule_id, a.rule_id) AS rule_id, coalesce(f.series_id, a.series_id) AS series_id,
    f.since, f.series_id IS NOT NULL AS active, l.value
FROM fault f FULL JOIN now_open a ON a.rule_id = f.rule_id AND a.series_id = f.series_id
LEFT JOIN latest l ON l.series_id = coalesce(f.series_id, a.series_id)
WHERE f.series_id IS NOT NULL AND (a.id IS NULL OR a.condition <> 'true') OR f.series_id IS NULL AND a.condition = 'true';

-- open_events --
-- Events that a rule counts and that are open, where the alarm says something else.
WITH wanted AS (
    SELECT r.rule_id, e.id AS event_id, e.feed_id, e.opened_at, e.severity
    FROM jsonb_to_recordset(%(rules)s::jsonb) AS r (rule_id int, kinds text[], severity int, overdue double precision,
        feeds text[], areas text[], domains text[])
    JOIN event e ON e.closed_at IS NULL AND e.severity >= r.severity
        AND (r.kinds = '{}' OR e.kind LIKE ANY (r.kinds))
        AND (r.areas = '{}' OR e.area = ANY (r.areas))
        AND e.opened_at <= %(at)s - make_interval(secs => coalesce(r.overdue, 0))
    JOIN feed f ON f.id = e.feed_id AND (r.feeds = '{}' OR f.key = ANY (r.feeds)) AND (r.domains = '{}' OR f.domain = ANY (r.domains))
    WHERE e.opened_at > %(at)s - interval '30 days'),
now_open AS (
    SELECT a.* FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind = 'events' AND r.enabled WHERE a.closed_at IS NULL)
SELECT coalesce(w.rule_id, a.rule_id) AS rule_id, coalesce('event:' || w.event_id, a.target) AS target,
    w.feed_id, w.opened_at, w.event_id IS NOT NULL AS active, w.severity
FROM wanted w FULL JOIN now_open a ON a.rule_id = w.rule_id AND a.target = 'event:' || w.event_id
WHERE w.event_id IS NOT NULL AND (a.id IS NULL OR a.condition <> 'true') OR w.event_id IS NULL AND a.condition = 'true';
