-- rules --
-- Every rule as loaded.
SELECT id, key, kind, version, priority, enabled, name, settings FROM rule ORDER BY id;

-- top_series --
-- The newest series, to notice that targets may be missing.
SELECT coalesce(max(id), 0) FROM series;

-- spec_table --
-- The specs of all rules, for one rebuild of what they watch.
CREATE TEMPORARY TABLE spec (rule_id int, place int, metrics text[], domains text[], feeds text[], keys text[],
    patterns text[], areas text[], tags text[], raise double precision, clear double precision, direction smallint,
    low double precision, levels jsonb, own boolean, direct boolean, quiet double precision,
    name text, per text, most int) ON COMMIT DROP;

-- spec_fill --
-- One row a spec.
INSERT INTO spec SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (rule_id int, place int, metrics text[],
    domains text[], feeds text[], keys text[], patterns text[], areas text[], tags text[], raise double precision,
    clear double precision, direction smallint, low double precision, levels jsonb, own boolean, direct boolean,
    quiet double precision, name text, per text, most int);

-- target_table --
-- Which series each spec is for: by sensor where named, else by metric (and area, where named), else all. Of the specs of
-- one name the first that fits wins.
CREATE TEMPORARY TABLE fresh_fit ON COMMIT DROP AS
WITH place AS MATERIALIZED (
    SELECT se.id, se.metric, s.id AS sensor_id, s.key, coalesce(nullif(s.domain, ''), m.domain, '') AS domain,
        coalesce(f.key, '') AS feed, coalesce(s.area, '') AS area, coalesce(s.cadence, f.cadence) AS cadence,
        CASE WHEN s.properties ? 'tags' THEN ARRAY(
            SELECT btrim(t) FROM jsonb_array_elements_text(CASE jsonb_typeof(s.properties->'tags')
                WHEN 'array' THEN s.properties->'tags'
                ELSE to_jsonb(string_to_array(coalesce(s.properties->>'tags', ''), ',')) END) t) ELSE '{}' END AS tags
    FROM series se JOIN sensor s ON s.id = se.sensor_id LEFT JOIN feed f ON f.id = se.feed_id
    LEFT JOIN metric m ON m.key = se.metric
    WHERE se.id > %(after)s AND coalesce(f.enabled, true)),
near AS (
    SELECT spec.rule_id, spec.place, spec.name, spec.domains, spec.feeds, spec.tags, spec.patterns, p.id, p.sensor_id, p.key,
        p.domain, p.feed, p.area, p.cadence, p.tags AS own_tags
    FROM spec CROSS JOIN unnest(spec.keys) AS k (named) JOIN place p ON p.key = k.named
    WHERE (spec.metrics = '{}' OR p.metric = ANY (spec.metrics)) AND (spec.areas = '{}' OR p.area = ANY (spec.areas))
    UNION ALL
    SELECT w.rule_id, w.place, w.name, w.domains, w.feeds, w.tags, w.patterns, p.id, p.sensor_id, p.key,
        p.domain, p.feed, p.area, p.cadence, p.tags
    FROM (SELECT spec.*, m.named, i.inside FROM spec CROSS JOIN unnest(spec.metrics) AS m (named)
          CROSS JOIN unnest(spec.areas) AS i (inside) WHERE spec.keys = '{}' OFFSET 0) w
    JOIN place p ON p.metric = w.named AND p.area = w.inside
    UNION ALL
    SELECT w.rule_id, w.place, w.name, w.domains, w.feeds, w.tags, w.patterns, p.id, p.sensor_id, p.key,
        p.domain, p.feed, p.area, p.cadence, p.tags
    FROM (SELECT spec.*, m.named FROM spec CROSS JOIN unnest(spec.metrics) AS m (named)
          WHERE spec.keys = '{}' AND spec.areas = '{}' OFFSET 0) w
    JOIN place p ON p.metric = w.named
    UNION ALL
    SELECT spec.rule_id, spec.place, spec.name, spec.domains, spec.feeds, spec.tags, spec.patterns, p.id, p.sensor_id, p.key,
        p.domain, p.feed, p.area, p.cadence, p.tags
    FROM spec CROSS JOIN place p
    WHERE spec.keys = '{}' AND spec.metrics = '{}' AND (spec.areas = '{}' OR p.area = ANY (spec.areas)))
SELECT DISTINCT ON (n.rule_id, n.id, n.name) n.rule_id, n.id AS series_id, n.place, n.sensor_id, n.area, n.cadence
FROM near n
WHERE (n.domains = '{}' OR n.domain = ANY (n.domains)) AND (n.feeds = '{}' OR n.feed = ANY (n.feeds))
  AND (n.tags = '{}' OR n.own_tags && n.tags) AND (n.patterns = '{}' OR n.key LIKE ANY (n.patterns))
ORDER BY n.rule_id, n.id, n.name, n.place;

-- target_huge --
-- Rules that would watch more than they may watch nothing: said, and the others go on.
WITH huge AS (
    SELECT c.rule_id, c.count, m.most
    FROM (SELECT rule_id, count(*) AS count FROM fresh_fit GROUP BY rule_id) c
    JOIN (SELECT rule_id, min(most) AS most FROM spec GROUP BY rule_id) m ON m.rule_id = c.rule_id AND c.count > m.most),
gone AS (DELETE FROM fresh_fit f USING huge h WHERE f.rule_id = h.rule_id)
SELECT rule_id, count, most FROM huge;

-- target_levels --
-- Levels of each pair: the spec's own, or worked out from the sensor's properties; a sensor that lacks all is no target.
CREATE TEMPORARY TABLE fresh_target ON COMMIT DROP AS
SELECT f.rule_id, f.series_id, f.place::smallint AS place, spec.raise, spec.clear, spec.direction, spec.low, spec.levels,
    CASE WHEN spec.levels IS NULL AND spec.raise IS NULL
        THEN coalesce(make_interval(secs => spec.quiet), greatest(f.cadence * 5, '2 min'), '1 h') END AS quiet_after
FROM fresh_fit f JOIN spec USING (rule_id, place) WHERE spec.per = 'series' AND NOT spec.own
UNION ALL
SELECT f.rule_id, f.series_id, f.place::smallint, CASE WHEN spec.direct THEN coalesce(own.up, own.down) END,
    CASE WHEN own.up IS NULL THEN own.down_clear ELSE own.up_clear END,
    CASE WHEN own.up IS NULL THEN -1 ELSE 1 END::smallint, CASE WHEN own.up IS NOT NULL THEN own.down END, own.levels, NULL
FROM fresh_fit f JOIN spec USING (rule_id, place) JOIN sensor s ON s.id = f.sensor_id
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(r, c, d) ORDER BY n) AS levels, min(r) FILTER (WHERE d > 0) AS up,
        max(r) FILTER (WHERE d < 0) AS down, min(c) FILTER (WHERE d > 0) AS up_clear, max(c) FILTER (WHERE d < 0) AS down_clear
    FROM (
        SELECT n, d, r, CASE WHEN d > 0 THEN least(coalesce(k, r - band), r) ELSE greatest(coalesce(k, r + band), r) END AS c
        FROM (
            SELECT n, (l->>'direction')::int AS d, (l->>'band')::float8 AS band,
                CASE WHEN l->>'raise_from' IS NULL THEN (l->>'raise')::float8
                     WHEN s.properties->>(l->>'raise_from') ~ '^\s*[-+]?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?\s*$'
                     THEN (s.properties->>(l->>'raise_from'))::float8 * (l->>'factor')::float8 + (l->>'offset')::float8 END AS r,
                CASE WHEN l->>'clear_from' IS NULL THEN (l->>'clear')::float8
                     WHEN s.properties->>(l->>'clear_from') ~ '^\s*[-+]?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?\s*$'
                     THEN (s.properties->>(l->>'clear_from'))::float8 * (l->>'factor')::float8 + (l->>'offset')::float8 END AS k
            FROM jsonb_array_elements(spec.levels) WITH ORDINALITY AS e (l, n)) AS given) AS resolved) AS own
WHERE spec.per = 'series' AND spec.own AND (own.up IS NOT NULL OR own.down IS NOT NULL);

-- target_inputs --
-- Inputs of targets that are no series; what is for each of the rule's targets joins those there are.
CREATE TEMPORARY TABLE fresh_input ON COMMIT DROP AS
SELECT DISTINCT f.rule_id, CASE spec.per WHEN 'sensor' THEN 'sensor:' || f.sensor_id WHEN 'area' THEN 'area:' || f.area
    ELSE 'rule:' || f.rule_id END AS target, spec.name, f.series_id
FROM fresh_fit f JOIN spec USING (rule_id, place)
WHERE spec.per IN ('sensor', 'rule') OR spec.per = 'area' AND f.area <> '';

-- target_each --
-- What is an input of every target.
WITH targets AS (
    SELECT rule_id, target FROM fresh_input UNION SELECT rule_id, target FROM rule_input WHERE %(after)s > 0)
INSERT INTO fresh_input (rule_id, target, name, series_id)
SELECT t.rule_id, t.target, spec.name, f.series_id FROM targets t JOIN fresh_fit f USING (rule_id)
JOIN spec ON spec.rule_id = f.rule_id AND spec.place = f.place AND spec.per = 'each';

-- targets_gone --
-- Pairs that are no longer watched.
DELETE FROM rule_target t
WHERE NOT EXISTS (SELECT 1 FROM fresh_target f WHERE f.rule_id = t.rule_id AND f.series_id = t.series_id);

-- inputs_gone --
-- Inputs that are no longer looked at.
DELETE FROM rule_input t WHERE NOT EXISTS (SELECT 1 FROM fresh_input f
    WHERE f.rule_id = t.rule_id AND f.target = t.target AND f.name = t.name AND f.series_id = t.series_id);

-- inputs_put --
-- Inputs that are new.
INSERT INTO rule_input (rule_id, target, name, series_id) SELECT rule_id, target, name, series_id FROM fresh_input
ON CONFLICT DO NOTHING;

-- targets_put --
-- Pairs that are new, or whose level moved; of hundreds of thousands that did not, none is touched.
INSERT INTO rule_target AS t (rule_id, series_id, raise, clear, direction, quiet_after, place, low, levels)
SELECT f.rule_id, f.series_id, f.raise, f.clear, f.direction, f.quiet_after, f.place, f.low, f.levels
FROM fresh_target f LEFT JOIN rule_target o ON o.rule_id = f.rule_id AND o.series_id = f.series_id
WHERE o.rule_id IS NULL OR (o.raise, o.clear, o.direction, o.quiet_after, o.place, o.low, o.levels)
    IS DISTINCT FROM (f.raise, f.clear, f.direction, f.quiet_after, f.place, f.low, f.levels)
ON CONFLICT (rule_id, series_id) DO UPDATE SET raise = EXCLUDED.raise, clear = EXCLUDED.clear,
    direction = EXCLUDED.direction, quiet_after = EXCLUDED.quiet_after, place = EXCLUDED.place, low = EXCLUDED.low,
    levels = EXCLUDED.levels;

-- reach_gone --
-- Series that no level is for any more.
DELETE FROM series_reach s WHERE NOT EXISTS (
    SELECT 1 FROM fresh_target f WHERE f.series_id = s.series_id AND (f.raise IS NOT NULL OR f.low IS NOT NULL));

-- reach_put --
-- How far each series may go before a rule with a level is true of it, where that is not what is known.
INSERT INTO series_reach (series_id, up, down)
SELECT f.series_id, f.up, f.down
FROM (SELECT series_id, min(raise) FILTER (WHERE direction > 0) AS up,
          greatest(max(raise) FILTER (WHERE direction < 0), max(low)) AS down
      FROM fresh_target WHERE raise IS NOT NULL OR low IS NOT NULL GROUP BY series_id) f
LEFT JOIN series_reach s ON s.series_id = f.series_id
WHERE s.series_id IS NULL OR (s.up, s.down) IS DISTINCT FROM (f.up, f.down)
ON CONFLICT (series_id) DO UPDATE SET up = EXCLUDED.up, down = EXCLUDED.down;

-- targets_learn --
-- The planner must know the new size.
ANALYZE rule_target, series_reach;

-- rising --
-- Pairs without an open alarm whose newest value is beyond a level, and fresh: not history, not from the future. The rules
-- of a series are looked at only where the value is beyond the first of their levels, and what else is known of it only
-- where there is a hit: a join of all pairs, or of the view with them, can take minutes.
WITH beyond AS MATERIALIZED (
    SELECT l.series_id, l.value FROM series_reach s JOIN latest l ON l.series_id = s.series_id
    WHERE (l.value > s.up OR l.value < s.down) AND l.value BETWEEN -1e300 AND 1e300),
hit AS MATERIALIZED (
    SELECT DISTINCT b.series_id FROM beyond b CROSS JOIN LATERAL (
        SELECT t.rule_id FROM rule_target t WHERE t.series_id = b.series_id
          AND (t.direction > 0 AND b.value > t.raise OR t.direction < 0 AND b.value < t.raise OR b.value < t.low) OFFSET 0) t
    WHERE NOT EXISTS (SELECT 1 FROM alarm a
                      WHERE a.rule_id = t.rule_id AND a.series_id = b.series_id AND a.closed_at IS NULL)),
said AS MATERIALIZED (
    SELECT u.* FROM hit h CROSS JOIN LATERAL (
        SELECT u.series_id, u.time, u.expected, u.value FROM usable_latest u WHERE u.series_id = h.series_id AND u.usable OFFSET 0) u
    WHERE u.time > %(at)s - greatest(interval '15 min', 3 * u.expected) AND u.time <= %(at)s + interval '2 min')
SELECT t.rule_id, l.series_id, t.raise, t.clear, t.direction, t.levels, t.place, l.time, l.expected, NULL::text AS condition,
    true AS fresh,
    (SELECT max(x.last_event) FROM alarm x WHERE x.rule_id = t.rule_id AND x.target = 'series:' || l.series_id) AS used, 0 AS held
FROM said l CROSS JOIN LATERAL (
    SELECT * FROM rule_target t WHERE t.series_id = l.series_id
      AND (t.direction > 0 AND l.value > t.raise OR t.direction < 0 AND l.value < t.raise OR l.value < t.low) OFFSET 0) t
JOIN rule r ON r.id = t.rule_id AND r.enabled
WHERE l.value BETWEEN -1e300 AND 1e300
  AND NOT EXISTS (SELECT 1 FROM alarm a
                  WHERE a.rule_id = t.rule_id AND a.series_id = l.series_id AND a.closed_at IS NULL);

-- rising_of --
-- As rising, of series that spoke only.
WITH beyond AS MATERIALIZED (
    SELECT l.series_id, l.value FROM unnest(%(series)s::int[]) AS m (series_id)
    JOIN latest l ON l.series_id = m.series_id JOIN series_reach s ON s.series_id = m.series_id
    WHERE (l.value > s.up OR l.value < s.down) AND l.value BETWEEN -1e300 AND 1e300),
hit AS MATERIALIZED (
    SELECT DISTINCT b.series_id FROM beyond b CROSS JOIN LATERAL (
        SELECT t.rule_id FROM rule_target t WHERE t.series_id = b.series_id
          AND (t.direction > 0 AND b.value > t.raise OR t.direction < 0 AND b.value < t.raise OR b.value < t.low) OFFSET 0) t
    WHERE NOT EXISTS (SELECT 1 FROM alarm a
                      WHERE a.rule_id = t.rule_id AND a.series_id = b.series_id AND a.closed_at IS NULL)),
said AS MATERIALIZED (
    SELECT u.* FROM hit h CROSS JOIN LATERAL (
        SELECT u.series_id, u.time, u.expected, u.value FROM usable_latest u WHERE u.series_id = h.series_id AND u.usable OFFSET 0) u
    WHERE u.time > %(at)s - greatest(interval '15 min', 3 * u.expected) AND u.time <= %(at)s + interval '2 min')
SELECT t.rule_id, l.series_id, t.raise, t.clear, t.direction, t.levels, t.place, l.time, l.expected, NULL::text AS condition,
    true AS fresh,
    (SELECT max(x.last_event) FROM alarm x WHERE x.rule_id = t.rule_id AND x.target = 'series:' || l.series_id) AS used, 0 AS held
FROM said l CROSS JOIN LATERAL (
    SELECT * FROM rule_target t WHERE t.series_id = l.series_id
      AND (t.direction > 0 AND l.value > t.raise OR t.direction < 0 AND l.value < t.raise OR l.value < t.low) OFFSET 0) t
JOIN rule r ON r.id = t.rule_id AND r.enabled
WHERE l.value BETWEEN -1e300 AND 1e300
  AND NOT EXISTS (SELECT 1 FROM alarm a
                  WHERE a.rule_id = t.rule_id AND a.series_id = l.series_id AND a.closed_at IS NULL);

-- standing --
-- Open alarms whose newest value says something else than the alarm does, that no longer hear anything, or that may move
-- between several levels. All that is known of a series is asked only where the alarm may have to move, or where something
-- may speak against the value: a standing fault, or a step that its metric has a limit for.
WITH open AS MATERIALIZED (
    SELECT a.rule_id, a.series_id, t.raise, t.clear, t.direction, t.levels, t.place, t.low, a.condition, a.last_event AS used, a.held
    FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind = 'threshold' AND r.enabled
    JOIN rule_target t ON t.rule_id = a.rule_id AND t.series_id = a.series_id
    LEFT JOIN latest l ON l.series_id = a.series_id
    JOIN series se ON se.id = a.series_id JOIN sensor e ON e.id = se.sensor_id LEFT JOIN feed f ON f.id = se.feed_id
    LEFT JOIN metric m ON m.key = se.metric LEFT JOIN series_habit h ON h.series_id = a.series_id
    WHERE a.closed_at IS NULL AND CASE a.condition
        WHEN 'true' THEN l.series_id IS NULL OR f.id IS NULL OR t.levels IS NOT NULL AND l.time > a.last_event
            OR CASE WHEN t.direction > 0 THEN l.value < t.clear ELSE l.value > t.clear END OR l.value = t.clear AND t.clear = t.raise
            OR l.received_at <= %(at)s - greatest(interval '2 min', 3 * coalesce(e.cadence, f.cadence, h.cadence, '20 min'))
            OR m.settings->>'rate' IS NOT NULL
            OR EXISTS (SELECT 1 FROM quality q WHERE q.series_id = a.series_id AND q.active AND q.kind IN ('stuck', 'skew'))
        WHEN 'false' THEN l.time > a.last_event AND (CASE WHEN t.direction > 0 THEN l.value > t.raise ELSE l.value < t.raise END
            OR coalesce(l.value < t.low, false))
        ELSE l.received_at > %(at)s - greatest(interval '2 min', 3 * coalesce(e.cadence, f.cadence, h.cadence, '20 min')) END)
SELECT o.rule_id, o.series_id, o.raise, o.clear, o.direction, o.levels, o.place, coalesce(u.time, o.used) AS time, u.expected,
    o.condition, coalesce(u.fresh, false) AS fresh, o.used, o.held
FROM open o LEFT JOIN LATERAL (
    SELECT u.time, u.value, u.expected,
        u.received_at > %(at)s - greatest(interval '2 min', 3 * coalesce(u.expected, '20 min')) AS fresh
    FROM usable_latest u WHERE u.series_id = o.series_id AND u.usable OFFSET 0) u ON true
WHERE CASE o.condition
    WHEN 'true' THEN u.fresh IS NOT TRUE OR o.levels IS NOT NULL AND u.time > o.used
        OR CASE WHEN o.direction > 0 THEN u.value < o.clear ELSE u.value > o.clear END OR u.value = o.clear AND o.clear = o.raise
    ELSE u.fresh END;

-- standing_of --
-- As standing, of series that spoke only. Whether a value is to be believed is asked only of those that disagree.
WITH open AS MATERIALIZED (
    SELECT a.rule_id, a.series_id, t.raise, t.clear, t.direction, t.levels, t.place, t.low, a.condition, a.last_event AS used, a.held
    FROM unnest(%(series)s::int[]) AS m (series_id)
    CROSS JOIN LATERAL (SELECT * FROM alarm a WHERE a.series_id = m.series_id AND a.closed_at IS NULL OFFSET 0) a
    JOIN latest l ON l.series_id = m.series_id
    JOIN rule r ON r.id = a.rule_id AND r.kind = 'threshold' AND r.enabled
    JOIN rule_target t ON t.rule_id = a.rule_id AND t.series_id = a.series_id
    WHERE CASE a.condition
        WHEN 'true' THEN t.levels IS NOT NULL AND l.time > a.last_event
            OR CASE WHEN t.direction > 0 THEN l.value < t.clear ELSE l.value > t.clear END
            OR l.value = t.clear AND t.clear = t.raise
        WHEN 'false' THEN l.time > a.last_event AND (CASE WHEN t.direction > 0 THEN l.value > t.raise ELSE l.value < t.raise END
            OR coalesce(l.value < t.low, false))
        ELSE true END)
SELECT o.rule_id, o.series_id, o.raise, o.clear, o.direction, o.levels, o.place, coalesce(u.time, o.used) AS time, u.expected,
    o.condition, u.fresh, o.used, o.held
FROM open o CROSS JOIN LATERAL (
    SELECT u.time, u.value, u.expected,
        u.received_at > %(at)s - greatest(interval '2 min', 3 * coalesce(u.expected, '20 min')) AS fresh
    FROM usable_latest u WHERE u.series_id = o.series_id AND u.usable OFFSET 0) u
WHERE u.fresh;

-- crossed --
-- Pairs that a sample between the last tick's newest and this one's moves, though the newest itself may not. After an
-- outage the newest as well: it may be the last word of a sensor that is silent by now.
WITH between_ticks AS MATERIALIZED (
    SELECT m.series_id, r.time, r.value
    FROM unnest(%(series)s::int[], %(after)s::timestamptz[]) AS m (series_id, after)
    JOIN latest l ON l.series_id = m.series_id AND l.time > m.after
    CROSS JOIN LATERAL (
        SELECT r.time, r.value FROM reading r
        WHERE r.series_id = m.series_id AND r.time > m.after AND r.time > %(oldest)s AND r.time <= %(at)s
          AND (r.time < l.time OR %(newest)s) AND r.value BETWEEN -1e300 AND 1e300 OFFSET 0) r),
said AS MATERIALIZED (
    SELECT u.* FROM (SELECT DISTINCT series_id FROM between_ticks) b CROSS JOIN LATERAL (
        SELECT u.series_id, u.time, u.expected FROM usable_latest u WHERE u.series_id = b.series_id AND u.usable OFFSET 0) u)
SELECT DISTINCT t.rule_id, t.series_id, t.raise, t.clear, t.direction, t.levels, t.place, u.time, u.expected, a.condition,
    true AS fresh,
    (SELECT max(x.last_event) FROM alarm x WHERE x.rule_id = t.rule_id AND x.target = 'series:' || t.series_id) AS used,
    coalesce(a.held, 0) AS held
FROM between_ticks b JOIN rule_target t ON t.series_id = b.series_id AND t.raise IS NOT NULL
JOIN rule r ON r.id = t.rule_id AND r.enabled
JOIN said u ON u.series_id = b.series_id
LEFT JOIN alarm a ON a.rule_id = t.rule_id AND a.series_id = t.series_id AND a.closed_at IS NULL
WHERE CASE WHEN a.id IS NULL OR a.condition = 'false'
    THEN (CASE WHEN t.direction > 0 THEN b.value > t.raise ELSE b.value < t.raise END OR b.value < t.low)
    ELSE t.levels IS NOT NULL OR CASE WHEN t.direction > 0 THEN b.value <= t.clear ELSE b.value >= t.clear END END;

-- peaks --
-- The worst value so far of alarms that stand, where the value itself is what is judged.
UPDATE alarm a SET peak = l.value, last_event = greatest(a.last_event, l.time)
FROM rule_target t, latest l
WHERE a.closed_at IS NULL AND a.condition = 'true' AND t.rule_id = a.rule_id AND t.series_id = a.series_id
  AND t.raise IS NOT NULL AND (%(series)s::int[] IS NULL OR a.series_id = ANY (%(series)s::int[]))
  AND l.series_id = a.series_id AND l.time > a.last_event AND l.value BETWEEN -1e300 AND 1e300
  AND CASE WHEN t.direction > 0 THEN l.value > coalesce(a.peak, t.raise) ELSE l.value < coalesce(a.peak, t.raise) END;

-- raise_peaks --
-- The worst value so far of alarms that stand, as their kind works it out.
UPDATE alarm a SET peak = g.peak
FROM unnest(%(rules)s::int[], %(targets)s::text[], %(peaks)s::float8[]) AS g (rule_id, target, peak)
WHERE a.rule_id = g.rule_id AND a.target = g.target AND a.closed_at IS NULL AND a.condition = 'true'
  AND CASE WHEN coalesce(a.peak, g.peak) < a.threshold THEN g.peak < a.peak ELSE g.peak > coalesce(a.peak, g.peak - 1) END;

-- touched --
-- Series that were heard since, with their newest time in microseconds.
SELECT series_id, (extract(epoch FROM time) * 1000000)::bigint FROM latest WHERE received_at > %(since)s;

-- late --
-- Series with samples that came after newer ones, and the oldest of those that is no history yet.
SELECT series_id, min(time) AS time FROM late_reading WHERE received_at > %(since)s AND time > %(oldest)s GROUP BY series_id;

-- forget_late --
-- What was looked at long ago.
DELETE FROM late_reading WHERE received_at < %(before)s;

-- overdue --
-- Pairs of threshold rules that a sample which came late is beyond a level of.
SELECT DISTINCT t.rule_id, t.series_id, t.raise, t.clear, t.direction, t.levels, t.place, l.time, coalesce(e.cadence, f.cadence) AS expected,
    a.condition, true AS fresh,
    (SELECT max(x.last_event) FROM alarm x WHERE x.rule_id = t.rule_id AND x.target = 'series:' || t.series_id) AS used,
    coalesce(a.held, 0) AS held
FROM unnest(%(series)s::int[], %(since)s::timestamptz[]) AS m (series_id, since)
JOIN latest l ON l.series_id = m.series_id
JOIN series se ON se.id = m.series_id JOIN sensor e ON e.id = se.sensor_id JOIN feed f ON f.id = se.feed_id
JOIN reading b ON b.series_id = m.series_id AND b.time >= m.since AND b.time <= l.time
JOIN rule_target t ON t.series_id = m.series_id AND t.raise IS NOT NULL JOIN rule r ON r.id = t.rule_id AND r.enabled
LEFT JOIN alarm a ON a.rule_id = t.rule_id AND a.series_id = t.series_id AND a.closed_at IS NULL
WHERE CASE WHEN t.direction > 0 THEN b.value > t.raise ELSE b.value < t.raise END OR b.value < t.low;

-- recorded --
-- When these rules were true for these targets, as their alarms say: every turn since, by the data's time, in microseconds.
SELECT a.rule_id, a.target, c.kind <> 'cleared' AS began,
    (extract(epoch FROM CASE WHEN c.kind = 'raised' THEN a.event_start ELSE coalesce(c.event_time, c.at) END) * 1000000)::bigint AS at
FROM unnest(%(rules)s::int[], %(targets)s::text[]) AS w (rule_id, target)
JOIN alarm a ON a.rule_id = w.rule_id AND a.target = w.target AND (a.closed_at IS NULL OR a.closed_at > %(since)s)
JOIN alarm_change c ON c.alarm_id = a.id AND c.kind IN ('raised', 'reraised', 'cleared')
ORDER BY a.rule_id, a.target, a.id, c.seq;

-- hearing --
-- Targets of signal kinds one of whose series spoke, with all their inputs; and those with an open alarm, where asked.
WITH asked AS (
    SELECT t.rule_id, 'series:' || t.series_id AS target, '' AS name, t.series_id, t.place, t.levels
    FROM unnest(%(series)s::int[]) AS m (series_id) JOIN rule_target t ON t.series_id = m.series_id
    WHERE t.rule_id = ANY (%(rules)s)
    UNION
    SELECT i.rule_id, i.target, i.name, i.series_id, 0::smallint, NULL
    FROM (SELECT DISTINCT i.rule_id, i.target FROM unnest(%(series)s::int[]) AS m (series_id)
          JOIN rule_input i ON i.series_id = m.series_id WHERE i.rule_id = ANY (%(rules)s)) AS d
    JOIN rule_input i ON i.rule_id = d.rule_id AND i.target = d.target
    UNION
    SELECT t.rule_id, a.target, '', t.series_id, t.place, t.levels
    FROM alarm a JOIN rule_target t ON t.rule_id = a.rule_id AND t.series_id = a.series_id
    WHERE %(open)s AND a.rule_id = ANY (%(rules)s) AND a.closed_at IS NULL
    UNION
    SELECT i.rule_id, i.target, i.name, i.series_id, 0::smallint, NULL
    FROM alarm a JOIN rule_input i ON i.rule_id = a.rule_id AND i.target = a.target
    WHERE %(open)s AND a.rule_id = ANY (%(rules)s) AND a.closed_at IS NULL)
SELECT rule_id, target, name, series_id, place, levels FROM asked ORDER BY rule_id, target, name, series_id;

-- facts --
-- What is known of these series now. fresh: heard lately; usable: nothing speaks against its values.
SELECT u.series_id, u.sensor_id, u.feed_id, u.area, (extract(epoch FROM u.time) * 1000000)::bigint AS newest,
    (extract(epoch FROM u.expected) * 1000000)::bigint AS expected, u.usable,
    u.received_at > %(at)s - greatest(interval '2 min', 3 * coalesce(u.expected, '20 min')) AS fresh
FROM usable_latest u WHERE u.series_id = ANY (%(series)s::int[]);

-- states --
-- The open alarm of each rule and target, and the newest sample that ever moved one of theirs, in microseconds.
SELECT w.rule_id, w.target, a.condition, coalesce(a.held, 0) AS held,
    (extract(epoch FROM (SELECT max(x.last_event) FROM alarm x WHERE x.rule_id = w.rule_id AND x.target = w.target)) * 1000000)::bigint
FROM unnest(%(rules)s::int[], %(targets)s::text[]) AS w (rule_id, target)
LEFT JOIN alarm a ON a.rule_id = w.rule_id AND a.target = w.target AND a.closed_at IS NULL;

-- health_targets --
-- How much each rule watches, and what is odd about what it says.
INSERT INTO rule_health AS h (rule_id, targets, inputs, warning)
SELECT g.rule_id, coalesce(t.count, i.count, 0), i.count IS NOT NULL OR g.inputs,
    CASE WHEN g.warning = '' AND g.asks AND t.count IS NULL AND i.count IS NULL
        THEN 'watches nothing: no series is in its scope' ELSE g.warning END
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (rule_id int, warning text, inputs boolean, asks boolean)
LEFT JOIN (SELECT rule_id, count(*) AS count FROM rule_target GROUP BY 1) t ON t.rule_id = g.rule_id
LEFT JOIN (SELECT rule_id, count(DISTINCT target) AS count FROM rule_input GROUP BY 1) i ON i.rule_id = g.rule_id
ON CONFLICT (rule_id) DO UPDATE SET targets = EXCLUDED.targets, inputs = EXCLUDED.inputs, warning = EXCLUDED.warning
WHERE (h.targets, h.inputs, h.warning) IS DISTINCT FROM (EXCLUDED.targets, EXCLUDED.inputs, EXCLUDED.warning);

-- health_errors --
-- What went wrong with which rule; one that goes well again says nothing.
WITH now_wrong AS (
    SELECT key::int AS rule_id, value AS error FROM jsonb_each_text(%(errors)s::jsonb)),
well AS (
    UPDATE rule_health h SET error = '' WHERE h.error <> '' AND NOT EXISTS (SELECT 1 FROM now_wrong n WHERE n.rule_id = h.rule_id)
      AND %(all)s)
INSERT INTO rule_health AS h (rule_id, error, error_at, errors) SELECT rule_id, left(error, 500), %(at)s, 1 FROM now_wrong
ON CONFLICT (rule_id) DO UPDATE SET error = EXCLUDED.error, error_at = EXCLUDED.error_at,
    errors = h.errors + CASE WHEN h.error = '' THEN 1 ELSE 0 END;

-- health_well --
-- A full look at all rules went well but for those named.
UPDATE rule_health h SET evaluated_at = %(at)s FROM rule r
WHERE r.id = h.rule_id AND r.enabled AND h.rule_id <> ALL (%(failed)s::int[]);

-- metric_units --
-- The unit of each metric.
SELECT key, unit FROM metric;

-- samples --
-- What these series said in these spans (after, to], oldest first; microseconds.
SELECT m.series_id, (extract(epoch FROM r.time) * 1000000)::bigint, r.value
FROM unnest(%(series)s::int[], %(after)s::timestamptz[], %(until)s::timestamptz[]) AS m (series_id, after, until)
JOIN reading r ON r.series_id = m.series_id AND r.time > m.after AND r.time <= m.until
WHERE r.value BETWEEN -1e300 AND 1e300
ORDER BY 1, 2;

-- silent_sensors --
-- Sensors whose silence differs from what their alarm says; a sensor counts once, by its most recent message of any kind.
-- Where more than half of a feed, or of what hangs on one gateway, is silent and the rule looks at those, the sensors' own
-- alarms are hidden by design.
WITH heard AS MATERIALIZED (
    SELECT t.rule_id, se.sensor_id, min(se.feed_id) AS feed_id, max(t.quiet_after) AS quiet,
        max(greatest(coalesce(l.received_at, se.created_at), q.last, p.received_at)) AS heard, max(l.time) AS data_time
    FROM rule_target t JOIN rule r ON r.id = t.rule_id AND r.enabled AND r.kind = 'silence'
    JOIN series se ON se.id = t.series_id LEFT JOIN latest l ON l.series_id = t.series_id
    LEFT JOIN latest_position p ON p.sensor_id = se.sensor_id
    LEFT JOIN (SELECT series_id, max(last) AS last FROM quality GROUP BY series_id) q ON q.series_id = t.series_id
    GROUP BY t.rule_id, se.sensor_id),
judged AS (
    SELECT h.*, h.heard < %(at)s - h.quiet AS silent, nullif(s.properties->>'gateway', '') AS gateway, s.area, s.lat, s.lon,
        h.rule_id = ANY (%(feed_rules)s) AND h.feed_id IS NOT NULL
            AND count(*) OVER w > 1 AND 2 * count(*) FILTER (WHERE h.heard < %(at)s - h.quiet) OVER w > count(*) OVER w AS feed_silent
    FROM heard h JOIN sensor s ON s.id = h.sensor_id WINDOW w AS (PARTITION BY h.rule_id, h.feed_id)),
found AS (
    SELECT j.*, feed_silent OR j.rule_id = ANY (%(gateway_rules)s) AND gateway IS NOT NULL
        AND count(*) OVER g > 1 AND 2 * count(*) FILTER (WHERE silent) OVER g > count(*) OVER g AS hidden
    FROM judged j WINDOW g AS (PARTITION BY j.rule_id, j.gateway))
SELECT j.rule_id, j.sensor_id, j.feed_id, j.heard, extract(epoch FROM j.quiet)::float8 AS quiet, j.silent, j.hidden
FROM found j LEFT JOIN alarm a ON a.rule_id = j.rule_id AND a.sensor_id = j.sensor_id AND a.series_id IS NULL AND a.closed_at IS NULL
WHERE j.silent AND (a.id IS NULL OR a.condition <> 'true')
   OR NOT j.silent AND a.condition <> 'false'
   OR a.id IS NOT NULL AND (a.suppression = 'by_design') <> j.hidden AND a.suppression IN ('none', 'by_design');

-- silent_gateways --
-- Gateways whose silence differs from what their alarm says: more than half of the sensors that hang on one are silent.
-- Hidden while the feeds of all its silent sensors are silent as a whole.
WITH heard AS MATERIALIZED (
    SELECT t.rule_id, se.sensor_id, min(se.feed_id) AS feed_id, max(t.quiet_after) AS quiet,
        max(greatest(coalesce(l.received_at, se.created_at), q.last, p.received_at)) AS heard, max(l.time) AS data_time
    FROM rule_target t JOIN rule r ON r.id = t.rule_id AND r.enabled AND r.kind = 'silence'
    JOIN series se ON se.id = t.series_id LEFT JOIN latest l ON l.series_id = t.series_id
    LEFT JOIN latest_position p ON p.sensor_id = se.sensor_id
    LEFT JOIN (SELECT series_id, max(last) AS last FROM quality GROUP BY series_id) q ON q.series_id = t.series_id
    GROUP BY t.rule_id, se.sensor_id),
judged AS (
    SELECT h.*, h.heard < %(at)s - h.quiet AS silent, nullif(s.properties->>'gateway', '') AS gateway, s.area, s.lat, s.lon,
        h.rule_id = ANY (%(feed_rules)s) AND h.feed_id IS NOT NULL
            AND count(*) OVER w > 1 AND 2 * count(*) FILTER (WHERE h.heard < %(at)s - h.quiet) OVER w > count(*) OVER w AS feed_silent
    FROM heard h JOIN sensor s ON s.id = h.sensor_id WINDOW w AS (PARTITION BY h.rule_id, h.feed_id)),
gateways AS (
    SELECT rule_id, gateway, count(*) AS sensors, count(*) FILTER (WHERE silent) AS count, max(heard) AS heard,
        extract(epoch FROM max(quiet))::float8 AS quiet, coalesce(bool_and(feed_silent) FILTER (WHERE silent), false) AS hidden,
        CASE WHEN count(DISTINCT area) = 1 THEN min(area) END AS area, avg(lat) AS lat, avg(lon) AS lon
    FROM judged WHERE gateway IS NOT NULL AND rule_id = ANY (%(gateway_rules)s) GROUP BY rule_id, gateway HAVING count(*) > 1)
SELECT g.rule_id, g.gateway, g.heard, g.quiet, g.sensors, g.count, 2 * g.count > g.sensors AS silent, g.hidden, g.area, g.lat, g.lon
FROM gateways g LEFT JOIN alarm a ON a.rule_id = g.rule_id AND a.target = 'gateway:' || g.gateway AND a.closed_at IS NULL
WHERE 2 * g.count > g.sensors AND (a.id IS NULL OR a.condition <> 'true')
   OR 2 * g.count <= g.sensors AND a.condition <> 'false'
   OR a.id IS NOT NULL AND (a.suppression = 'by_design') <> g.hidden AND a.suppression IN ('none', 'by_design');

-- silent_feeds --
-- Feeds whose silence differs from what their alarm says.
WITH heard AS MATERIALIZED (
    SELECT t.rule_id, se.feed_id, se.sensor_id, max(t.quiet_after) AS quiet,
        max(greatest(coalesce(l.received_at, se.created_at), q.last, p.received_at)) AS heard
    FROM rule_target t JOIN rule r ON r.id = t.rule_id AND r.enabled AND r.kind = 'silence'
    JOIN series se ON se.id = t.series_id LEFT JOIN latest l ON l.series_id = t.series_id
    LEFT JOIN latest_position p ON p.sensor_id = se.sensor_id
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
WITH asked AS (SELECT key::int AS rule_id, value AS faults FROM jsonb_each(%(rules)s::jsonb)),
fault AS (
    SELECT t.rule_id, t.series_id, min(q.since) AS since, max(q.last) AS last
    FROM asked JOIN rule_target t ON t.rule_id = asked.rule_id
    JOIN quality q ON q.series_id = t.series_id AND q.active AND asked.faults ? q.kind
    GROUP BY t.rule_id, t.series_id),
now_open AS (SELECT a.* FROM alarm a JOIN asked ON asked.rule_id = a.rule_id WHERE a.closed_at IS NULL)
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
