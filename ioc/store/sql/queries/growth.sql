-- sample --
-- Today's size of every table and of the whole database.
INSERT INTO size_sample (day, name, rows, bytes)
SELECT (%(now)s::timestamptz AT TIME ZONE 'UTC')::date, name, rows, bytes FROM table_size
UNION ALL
SELECT (%(now)s::timestamptz AT TIME ZONE 'UTC')::date, '', 0, pg_database_size(current_database())
ON CONFLICT (day, name) DO UPDATE SET rows = EXCLUDED.rows, bytes = EXCLUDED.bytes;

-- first_day --
-- The last day whose feeds were counted; it is counted again, since it went on.
SELECT max(day) FROM feed_day;

-- feed_days --
-- What feeds added since that day (in the last 400 where there is none), from the ledger.
INSERT INTO feed_day (day, feed_id, readings, positions, events)
SELECT (minute AT TIME ZONE 'UTC')::date, feed_id, sum(readings_stored + readings_suspect), sum(positions), sum(events)
FROM ledger
WHERE minute >= coalesce(%(since)s::date, (%(now)s::timestamptz AT TIME ZONE 'UTC')::date - 400)::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2
ON CONFLICT (day, feed_id) DO UPDATE SET readings = EXCLUDED.readings, positions = EXCLUDED.positions, events = EXCLUDED.events;

-- forget --
-- Two years are enough.
DELETE FROM size_sample WHERE day < (%(now)s::timestamptz AT TIME ZONE 'UTC')::date - 730;

-- remember --
-- One small fact.
INSERT INTO remembered (name, value, at) VALUES (%(name)s, %(value)s::jsonb, %(now)s)
ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value, at = EXCLUDED.at;

-- recall --
-- It, or nothing.
SELECT value FROM remembered WHERE name = %(name)s;

-- forget_fact --
-- It is no longer so.
DELETE FROM remembered WHERE name = %(name)s;

-- data_directory --
-- Where the server keeps its files; NULL where we may not know.
SELECT current_setting('data_directory', true)
WHERE pg_has_role(current_user, 'pg_read_all_settings', 'USAGE');

-- samples --
-- The database's size on the last days it was looked at, oldest first.
SELECT day, bytes FROM (
    SELECT day, bytes FROM size_sample WHERE name = '' ORDER BY day DESC LIMIT 15) AS newest ORDER BY day;

-- tables --
-- The tables on the last day they were looked at, largest first.
SELECT name, rows, bytes FROM size_sample
WHERE day = (SELECT max(day) FROM size_sample) AND name <> '' ORDER BY bytes DESC, name;

-- feeds --
-- What each feed added that is still kept, and in the last seven whole days.
SELECT f.key, coalesce(sum(d.readings) FILTER (WHERE d.day >= %(readings_from)s::date), 0)::bigint AS readings,
    coalesce(sum(d.positions) FILTER (WHERE d.day >= %(positions_from)s::date), 0)::bigint AS positions,
    coalesce(sum(d.events) FILTER (WHERE d.day >= %(readings_from)s::date), 0)::bigint AS events,
    coalesce(sum(d.readings) FILTER (WHERE d.day >= %(today)s::date - 7), 0)::bigint AS new_readings,
    coalesce(sum(d.positions) FILTER (WHERE d.day >= %(today)s::date - 7), 0)::bigint AS new_positions,
    coalesce(sum(d.events) FILTER (WHERE d.day >= %(today)s::date - 7), 0)::bigint AS new_events
FROM feed f JOIN feed_day d ON d.feed_id = f.id GROUP BY f.key ORDER BY f.key;

-- days --
-- The first day anything was counted.
SELECT min(day) FROM feed_day WHERE readings + positions + events > 0;

-- database --
-- Its size now.
SELECT pg_database_size(current_database());
