-- lock --
-- Held by the session for as long as it leads.
SELECT pg_try_advisory_lock(%(key)s);

-- oust --
-- Break the session of a leader that has not been seen for long: a machine that was suspended keeps its lock for ever. Its
-- epoch fences it off, should it wake up.
SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN leader d ON d.name = %(name)s AND d.beat_at < clock_timestamp() - %(stale)s
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = %(key)s::oid AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- take --
-- A new epoch: whoever led before is fenced off, even if it only slept.
INSERT INTO leader (name, epoch, holder, beat_at) VALUES (%(name)s, 1, %(holder)s, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET epoch = leader.epoch + 1, holder = EXCLUDED.holder, beat_at = EXCLUDED.beat_at
RETURNING epoch;

-- hold --
-- One row while this epoch leads; nobody can take over before this transaction ends.
SELECT 1 FROM leader WHERE name = %(name)s AND epoch = %(epoch)s FOR SHARE;

-- beat --
-- Seen alive.
UPDATE leader SET beat_at = clock_timestamp() WHERE name = %(name)s AND epoch = %(epoch)s;

-- last_tick --
-- The newest tick that was finished.
SELECT max(at) FROM tick WHERE finished_at IS NOT NULL AND at <= %(before)s;

-- begin_tick --
-- Unique: a tick is done once. One that was begun and not finished is done again.
INSERT INTO tick (at) VALUES (%(at)s) ON CONFLICT (at) DO UPDATE SET started_at = clock_timestamp()
WHERE tick.finished_at IS NULL RETURNING at;

-- end_tick --
-- What came of it.
UPDATE tick SET finished_at = clock_timestamp(), pairs = %(pairs)s, opened = %(opened)s, cleared = %(cleared)s, error = %(error)s
WHERE at = %(at)s;

-- pairs --
-- How many pairs are watched, as the planner knows it: exact enough for a counter, and free.
SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'rule_target'::regclass;

-- forget_ticks --
-- Two days of ticks are enough to see what happened.
DELETE FROM tick WHERE at < %(at)s - interval '2 days';
