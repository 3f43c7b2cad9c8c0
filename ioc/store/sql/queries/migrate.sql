-- has_list --
-- Whether anything was ever run here.
SELECT to_regclass('schema_step') IS NOT NULL;

-- offered --
-- A TimescaleDB that is not preloaded cannot be created, and one under the Apache licence has neither columnstore nor
-- continuous aggregates: both count as plain PostgreSQL. A database in which the extension was not made yet does not know
-- the licence, only what the preloaded part says.
SELECT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb')
    AND CASE WHEN current_setting('timescaledb.license', true) IS NOT NULL
        THEN current_setting('timescaledb.license', true) = 'timescale'
        ELSE current_setting('timescaledb.max_background_workers', true) IS NOT NULL END;

-- lock --
-- Held to the end of the transaction.
SELECT pg_advisory_xact_lock(%(key)s);

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
