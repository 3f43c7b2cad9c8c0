-- snapshot --
-- One moment for everything that follows in this transaction.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- lock --
-- Nothing that is to be read may be dropped meanwhile.
SELECT format('LOCK TABLE %%s IN ACCESS SHARE MODE', string_agg(quote_ident(name), ', ')) FROM unnest(%(names)s::text[]) AS t (name);

-- tables --
-- Every table of ours (but not what lets somebody in just now: it must not do so again later) with its columns, the tables it refers to, and the statements that read, count and clear it;
-- rollups are views on timescale.
SELECT c.relname::text AS name,
    (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
    coalesce((SELECT array_agg(DISTINCT k.confrelid::regclass::text) FROM pg_constraint k
     WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid), '{}') AS parents,
    c.relkind = 'v' AS is_view,
    (SELECT format('COPY (SELECT %s FROM %I) TO STDOUT', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), c.relname)
     FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS read,
    format('SELECT count(*) FROM %I', c.relname) AS amount, format('DELETE FROM %I', c.relname) AS clear
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace
  AND c.relname <> ALL (ARRAY['schema_step', 'session', 'one_time', 'pairing'])
  AND (c.relkind IN ('r', 'p') AND NOT c.relispartition OR c.relkind = 'v' AND c.relname LIKE 'rollup\_1_')
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname;

-- weeks --
-- How many rows of the long tables are in which week, for partitions of the same size.
SELECT 'reading', date_trunc('week', time, 'UTC'), count(*) FROM reading GROUP BY 2
UNION ALL
SELECT 'position', date_trunc('week', time, 'UTC'), count(*) FROM position GROUP BY 2
UNION ALL
SELECT 'rollup_1m', date_trunc('week', bucket, 'UTC'), count(*) FROM rollup_1m GROUP BY 2;

-- sequences --
-- Where numbering goes on.
SELECT s.sequencename::text AS name, coalesce(s.last_value, s.start_value) AS last, s.last_value IS NOT NULL AS called
FROM pg_sequences s WHERE s.schemaname = current_schema() ORDER BY 1;

-- city --
-- Whose store it is.
SELECT key FROM city;

-- anything --
-- Whether this database holds a table already, and whether it is of IOC.
SELECT EXISTS (
    SELECT 1 FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')),
    to_regclass('schema_step') IS NOT NULL;

-- holds --
-- Whether a city was ever loaded here, or anything done that is in the audit.
SELECT EXISTS (SELECT 1 FROM city) OR EXISTS (SELECT 1 FROM sensor) OR EXISTS (SELECT 1 FROM rule)
    OR EXISTS (SELECT 1 FROM contact) OR EXISTS (SELECT 1 FROM process)
    OR EXISTS (SELECT 1 FROM pg_sequences s WHERE s.schemaname = current_schema()
        AND s.sequencename = 'audit_pending_id_seq' AND s.last_value IS NOT NULL);  -- somebody did something here

-- restoring --
-- Triggers that follow what is written keep still: all of it comes from the file.
SET LOCAL ioc.restoring = 'on';

-- write --
-- The statement that writes a table; a continuous aggregate's rows go to the table behind it.
SELECT format('COPY %%s (%%s) FROM STDIN', %(target)s::text, string_agg(quote_ident(c), ', ')) FROM unnest(%(columns)s::text[]) AS u (c);

-- name --
-- A table's name as it is written.
SELECT quote_ident(%(name)s);

-- behind --
-- The table behind a continuous aggregate.
SELECT format('%%I.%%I', materialization_hypertable_schema, materialization_hypertable_name)
FROM timescaledb_information.continuous_aggregates WHERE view_schema = current_schema() AND view_name = %(name)s;

-- make_week --
-- One partition.
SELECT make_weeks(%(table)s, %(column)s, %(week)s::timestamptz, %(week)s::timestamptz);

-- go_on --
-- Numbering from where it was.
SELECT setval(quote_ident(%(name)s)::regclass, %(last)s, %(called)s);

-- hours_of_timescale --
-- TimescaleDB refreshes hours of all series: every one with readings, since its rollups are made anew.
WITH old AS (DELETE FROM dirty_hour)
INSERT INTO dirty_hour (series_id, hour) SELECT DISTINCT 0, date_trunc('hour', time, 'UTC') FROM reading
ON CONFLICT DO NOTHING;

-- hours_of_plain --
-- Hours marked for all series, as on timescale, become those of the series that have readings in them.
WITH old AS (DELETE FROM dirty_hour WHERE series_id = 0 RETURNING hour)
INSERT INTO dirty_hour (series_id, hour)
SELECT DISTINCT r.series_id, o.hour FROM old o JOIN reading r ON r.time >= o.hour AND r.time < o.hour + interval '1 hour'
ON CONFLICT DO NOTHING;

-- analyze --
-- So that the planner knows what came.
ANALYZE;
