-- try_lock --
-- One process at a time does the upkeep; the others pass by.
SELECT pg_try_advisory_lock(%(key)s);

-- unlock --
-- Before the connection is used for anything else.
SELECT pg_advisory_unlock(%(key)s);

-- clock --
-- The database's own.
SELECT clock_timestamp();

-- due --
-- Whether a job's time has come; a clock that was set back does not stop it.
SELECT NOT EXISTS (SELECT 1 FROM job WHERE name = %(name)s
    AND ran_at > %(now)s::timestamptz - %(every)s AND ran_at <= %(now)s::timestamptz);

-- ran --
-- When it ran, how long it took and what came of it.
INSERT INTO job (name, ran_at, took, result) VALUES (%(name)s, %(now)s, %(took)s, %(result)s)
ON CONFLICT (name) DO UPDATE SET ran_at = EXCLUDED.ran_at, took = EXCLUDED.took, result = EXCLUDED.result;

-- jobs --
-- For `ioc status`.
SELECT name, ran_at, took, result FROM job ORDER BY name;

-- make_weeks --
-- The coming weeks of one partitioned table.
SELECT make_weeks(%(table)s, %(column)s, %(now)s::timestamptz, %(now)s::timestamptz + interval '4 weeks');

-- drop_weeks --
-- The weeks past their retention.
SELECT drop_weeks(%(table)s, %(column)s, %(oldest)s);

-- drop_chunks --
-- As drop_weeks, on timescale.
SELECT count(*) FROM drop_chunks(%(table)s::regclass, older_than => %(oldest)s::timestamptz);

-- compress_after --
-- The age at which TimescaleDB packs readings and positions, where it is another than the city's.
SELECT count(*) FROM (
    SELECT alter_job(job_id, config => jsonb_set(config, '{compress_after}', to_jsonb(%(after)s::interval::text)))
    FROM timescaledb_information.jobs
    WHERE proc_name = 'policy_compression' AND hypertable_schema = current_schema()
      AND hypertable_name IN ('reading', 'position') AND (config->>'compress_after')::interval <> %(after)s::interval) AS changed;

-- prune_change --
-- Readers that were away longer load everything anew anyway.
DELETE FROM change WHERE at < %(now)s::timestamptz - interval '10 minutes';

-- prune_suspect --
-- Kept as long as quarantined messages.
DELETE FROM suspect WHERE received_at < %(oldest)s;

-- prune_quarantine --
-- By age; the bound on rows is kept by the ingester.
DELETE FROM quarantine WHERE received_at < %(oldest)s;

-- prune_event_change --
-- The event itself stays, as it last was.
DELETE FROM event_change WHERE received_at < %(oldest)s;

-- prune_ledger --
-- Two years of minutes.
DELETE FROM ledger WHERE minute < %(now)s::timestamptz - interval '2 years';

-- prune_ledger_reason --
-- As the ledger.
DELETE FROM ledger_reason WHERE hour < %(now)s::timestamptz - interval '2 years';

-- prune_tick --
-- A week is enough to see how evaluation went.
DELETE FROM tick WHERE at < %(now)s::timestamptz - interval '7 days';

-- prune_outbox --
-- The body goes, the record that it was sent stays.
UPDATE outbox SET mime = NULL, plain_mime = NULL
WHERE (mime IS NOT NULL OR plain_mime IS NOT NULL) AND state NOT IN ('ready', 'leased') AND created_at < %(now)s::timestamptz - interval '30 days';

-- prune_request --
-- What was asked for and done.
DELETE FROM request WHERE done_at < %(now)s::timestamptz - interval '30 days';

-- prune_process --
-- A part that was moved or renamed is not missed for ever.
DELETE FROM process WHERE beat_at < %(now)s::timestamptz - interval '7 days';

-- prune_arrival --
-- Only the minutes before a crash matter.
DELETE FROM arrival WHERE received_at < %(now)s::timestamptz - interval '2 days';

-- prune_rollup_1h --
-- On plain; a bounded bite an hour is far more than comes in.
DELETE FROM rollup_1h WHERE (series_id, bucket) IN (
    SELECT series_id, bucket FROM rollup_1h WHERE bucket < %(oldest)s LIMIT 200000);
