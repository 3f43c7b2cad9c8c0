-- insert --
-- One value, as a first program would.
INSERT INTO reading (series_id, time, value) VALUES (%(series)s, to_timestamp(%(seconds)s), %(value)s) ON CONFLICT DO NOTHING;

-- stored --
-- Every feed, every minute.
SELECT coalesce(sum(readings_stored), 0) FROM ledger;

-- listen --
-- For the commits.
LISTEN ioc_change;

-- times_of --
-- With publish times as data times, this is when each message of the commit was published.
SELECT l.time FROM change c CROSS JOIN unnest(c.series) AS touched (id)
JOIN series s ON s.id = touched.id JOIN latest l ON l.series_id = s.id
WHERE c.id = %(change)s AND s.metric = %(metric)s;
