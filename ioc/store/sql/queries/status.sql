-- processes --
-- What each part said last of itself.
SELECT name, state, %(now)s::timestamptz - started_at AS up, %(now)s::timestamptz - beat_at AS age, detail->>'why' AS why
FROM process ORDER BY name;

-- feeds --
-- When each feed was last heard, how long it may be silent, and what became of its messages in the last hour.
SELECT f.key, %(now)s::timestamptz - c.received_at AS age, f.silent_after, coalesce(l.received, 0)::bigint AS received,
    coalesce(l.stored, 0)::bigint AS stored, coalesce(l.duplicate, 0)::bigint AS duplicate,
    coalesce(l.quarantined, 0)::bigint AS quarantined, coalesce(l.ignored, 0)::bigint AS ignored,
    coalesce(l.readings, 0)::bigint AS readings, coalesce(l.suspect, 0)::bigint AS suspect
FROM feed f
LEFT JOIN feed_contact c ON c.feed_id = f.id
LEFT JOIN (
    SELECT feed_id, sum(received) AS received, sum(stored) AS stored, sum(duplicate) AS duplicate,
        sum(quarantined) AS quarantined, sum(ignored) AS ignored, sum(readings) AS readings, sum(readings_suspect) AS suspect
    FROM ledger WHERE minute > %(now)s::timestamptz - interval '1 hour' GROUP BY feed_id) l ON l.feed_id = f.id
WHERE f.enabled AND (f.key <> 'unclaimed' OR l.received > 0) ORDER BY f.key;

-- alarms --
-- Open alarms by priority, and how many nobody has acknowledged.
SELECT priority, count(*), count(*) FILTER (WHERE acked_at IS NULL) AS unacknowledged
FROM alarm WHERE closed_at IS NULL GROUP BY priority ORDER BY priority;

-- mails --
-- Waiting, how long the oldest of them is overdue, and failed in the last day.
SELECT count(*) FILTER (WHERE state IN ('ready', 'leased')) AS waiting,
    %(now)s::timestamptz - min(due_at) FILTER (WHERE state IN ('ready', 'leased') AND due_at <= %(now)s) AS overdue,
    count(*) FILTER (WHERE state = 'failed' AND created_at > %(now)s::timestamptz - interval '1 day') AS failed,
    count(*) FILTER (WHERE state = 'sent' AND created_at > %(now)s::timestamptz - interval '1 day') AS sent
FROM outbox;

-- store --
-- Its size and what it holds.
SELECT pg_database_size(current_database()) AS bytes, (SELECT count(*) FROM sensor) AS sensors,
    (SELECT count(*) FROM series) AS series, (SELECT count(*) FROM dirty_hour WHERE hour < date_trunc('hour', %(now)s::timestamptz)) AS hours_behind,
    (SELECT count(DISTINCT series_id) FROM quality WHERE active) AS doubted;

-- jobs --
-- Upkeep that failed, or that nobody has done for an hour.
SELECT name, %(now)s::timestamptz - ran_at AS age, result FROM job
WHERE result LIKE 'failed%%' OR (name = 'rollups' AND ran_at < %(now)s::timestamptz - interval '1 hour') ORDER BY name;
