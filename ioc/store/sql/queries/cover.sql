-- any --
-- Whether anything covers alarms now, or did until now.
SELECT EXISTS (SELECT 1 FROM maintenance WHERE ended_at IS NULL AND starts <= %(at)s AND ends > %(at)s)
    OR EXISTS (SELECT 1 FROM rule WHERE enabled AND settings->'suppressed_by' <> '[]')
    OR EXISTS (SELECT 1 FROM alarm WHERE closed_at IS NULL AND suppression <> 'none' AND (maintenance_id IS NOT NULL OR parent_id IS NOT NULL));

-- changes --
-- Open alarms whose cover is not what it should be: all of them, or just some. A window of maintenance that names several
-- things means what they have in common; a parent covers what it says it has in common with its child.
WITH standing AS MATERIALIZED (
    SELECT a.id, a.sensor_id, a.suppression, a.parent_id, a.maintenance_id, a.area, a.domain, s.key AS sensor, s.properties,
        coalesce(a.feed_id, s.feed_id) AS feed_id, f.key AS feed, r.key AS rule, coalesce(r.settings->'suppressed_by', '[]') AS parents
    FROM alarm a JOIN rule r ON r.id = a.rule_id AND r.kind <> 'heartbeat'
    LEFT JOIN sensor s ON s.id = a.sensor_id LEFT JOIN feed f ON f.id = coalesce(a.feed_id, s.feed_id)
    WHERE a.closed_at IS NULL AND (%(ids)s::bigint[] IS NULL OR a.id = ANY (%(ids)s))),
worked AS (
    SELECT DISTINCT ON (o.id) o.id, m.id AS maintenance_id, m.ends, m.reason, m.created_by
    FROM standing o JOIN maintenance m ON m.ended_at IS NULL AND m.starts <= %(at)s AND m.ends > %(at)s
        AND (m.areas = '{}' OR o.area = ANY (m.areas)) AND (m.feeds = '{}' OR o.feed = ANY (m.feeds))
        AND (m.sensors = '{}' OR o.sensor LIKE ANY (m.sensors)) AND (m.rules = '{}' OR o.rule LIKE ANY (m.rules))
        AND (m.domains = '{}' OR o.domain = ANY (m.domains)) AND (m.tags = '{}' OR o.properties->'tags' ?| m.tags)
    ORDER BY o.id, m.ends DESC, m.id),
hidden AS (
    SELECT DISTINCT ON (o.id) o.id, p.id AS parent_id, pr.key AS parent_rule
    FROM standing o CROSS JOIN LATERAL jsonb_array_elements(o.parents) AS w (said)
    JOIN rule pr ON pr.key = w.said->>'rule'
    JOIN alarm p ON p.rule_id = pr.id AND p.closed_at IS NULL AND p.condition <> 'false' AND p.id <> o.id
    LEFT JOIN sensor ps ON ps.id = p.sensor_id
    WHERE CASE w.said->>'same'
        WHEN 'sensor' THEN p.sensor_id = o.sensor_id
        WHEN 'feed' THEN coalesce(p.feed_id, ps.feed_id) = o.feed_id
        WHEN 'area' THEN p.area = o.area
        WHEN 'domain' THEN p.domain = o.domain
        WHEN 'city' THEN true
        ELSE o.properties->>(w.said->>'same') IN (ps.key, ps.properties->>(w.said->>'same')) END
    ORDER BY o.id, p.id)
SELECT o.id, CASE
        WHEN m.id IS NOT NULL THEN 'take_out'
        WHEN o.suppression = 'out_of_service' THEN 'put_back'
        WHEN h.id IS NOT NULL THEN 'hide'
        ELSE 'unhide' END AS what,
    m.maintenance_id, m.ends, m.reason, m.created_by, h.parent_id, h.parent_rule
FROM standing o LEFT JOIN worked m ON m.id = o.id LEFT JOIN hidden h ON h.id = o.id
WHERE m.id IS NOT NULL AND o.suppression <> 'out_of_service'
   OR m.id IS NULL AND o.suppression = 'out_of_service' AND o.maintenance_id IS NOT NULL
   OR h.id IS NOT NULL AND o.suppression = 'none'
   OR h.id IS NULL AND o.suppression = 'by_design' AND o.parent_id IS NOT NULL
ORDER BY o.id;
