-- has_list --
-- Whether anything was ever run here.
SELECT to_regclass('schema_step') IS NOT NULL;

-- offered --
-- A TimescaleDB that is not preloaded cannot be created, and one under the Apache licence has neither columnstore nor
-- continuous aggregates: both count as plain PostgreSQL. A database in which the extension was not made yet does not know
-- the licence, only that something is preloaded: then `licence` is asked once it was made.
SELECT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb')
    AND CASE WHEN current_setting('timescaledb.license', true) IS NOT NULL
        THEN current_setting('timescaledb.license', true) = 'timescale'
        ELSE current_setting('timescaledb.max_background_workers', true) IS NOT NULL END;

-- licence --
-- Of the extension that was made: 'timescale', or 'apache'.
SELECT current_setting('timescaledb.license', true);

-- lacks --
-- Whether this database was made with TimescaleDB and the server runs without: its tables would take rows that nobody
-- finds again.
SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb')
    AND coalesce(current_setting('timescaledb.license', true), current_setting('timescaledb.max_background_workers', true)) IS NULL;

-- lock --
-- Held by the session until it is let go: one process at a time migrates.
SELECT pg_try_advisory_lock(%(key)s);

-- unlock --
-- The next one may.
SELECT pg_advisory_unlock(%(key)s);

-- sizes --
-- Every table of ours with its rows as the planner knows them and its bytes on disk, partitions and chunks together.
WITH RECURSIVE part (root, oid) AS (
    SELECT c.oid, c.oid FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    UNION ALL
    SELECT p.root, i.inhrelid FROM part p JOIN pg_inherits i ON i.inhparent = p.oid)
SELECT root.relname AS name, coalesce(sum(greatest(c.reltuples, 0)) FILTER (WHERE c.relkind = 'r'), 0)::bigint AS rows, sum(pg_total_relation_size(c.oid))::bigint AS bytes
FROM part p JOIN pg_class root ON root.oid = p.root JOIN pg_class c ON c.oid = p.oid
GROUP BY root.relname ORDER BY root.relname;

-- create --
-- The list of what was run.
CREATE TABLE IF NOT EXISTS schema_step (
    name text PRIMARY KEY, digest text NOT NULL, run_at timestamptz NOT NULL DEFAULT now());

-- extension --
-- Needs the right to create extensions, once.
CREATE EXTENSION IF NOT EXISTS timescaledb;

-- done --
-- Every step already run.
SELECT name, digest FROM schema_step;

-- record --
-- One step was run.
INSERT INTO schema_step (name, digest) VALUES (%(name)s, %(digest)s)
ON CONFLICT (name) DO UPDATE SET digest = EXCLUDED.digest, run_at = now();

-- weeks --
-- Partitions around now, on the plain engine: two months back for history that is filled in, four weeks ahead.
SELECT make_weeks('reading', 'time', now() - interval '8 weeks', now() + interval '4 weeks')
     + make_weeks('position', 'time', now() - interval '8 weeks', now() + interval '4 weeks')
     + make_weeks('rollup_1m', 'bucket', now() - interval '8 weeks', now() + interval '4 weeks');
