-- get --
-- Models of these series, settings and days; state is NULL where too little was known.
SELECT m.series_id, m.name, m.key, m.day, m.state
FROM unnest(%(series)s::int[], %(names)s::text[], %(keys)s::text[], %(days)s::date[]) AS w (series_id, name, key, day)
JOIN series_model m ON m.series_id = w.series_id AND m.name = w.name AND m.key = w.key AND m.day = w.day;

-- put --
-- A model just learned.
INSERT INTO series_model (series_id, name, key, day, state)
VALUES (%(series)s, %(name)s, %(key)s, %(day)s, %(state)s::jsonb)
ON CONFLICT (series_id, name, key, day) DO UPDATE SET state = EXCLUDED.state, learned_at = EXCLUDED.learned_at;

-- missing --
-- Series that a rule watches without a model for the day, those that spoke last first; where too little was known, it is
-- tried again after an hour.
SELECT w.rule_id, t.series_id
FROM unnest(%(rules)s::int[], %(names)s::text[], %(keys)s::text[]) AS w (rule_id, name, key)
JOIN rule_target t ON t.rule_id = w.rule_id
JOIN latest l ON l.series_id = t.series_id
LEFT JOIN series_model m ON m.series_id = t.series_id AND m.name = w.name AND m.key = w.key AND m.day = %(day)s
WHERE m.series_id IS NULL OR m.state IS NULL AND m.learned_at < %(now)s - interval '1 hour'
ORDER BY l.received_at DESC LIMIT %(limit)s;

-- newest --
-- The newest model of that name of a series, whatever its settings.
SELECT day, state FROM series_model WHERE series_id = %(series)s AND name = %(name)s AND state IS NOT NULL
ORDER BY day DESC LIMIT 1;

-- forget --
-- Models of days that are over, and that nothing late will ask for any more.
DELETE FROM series_model WHERE day < %(before)s;

-- readings --
-- What a series said, oldest first; microseconds.
COPY (SELECT (extract(epoch FROM time) * 1000000)::bigint, value FROM reading
    WHERE series_id = %(series)s AND time >= %(start)s AND time < %(end)s AND value BETWEEN -1e300 AND 1e300 ORDER BY time)
TO STDOUT (FORMAT binary);

-- coarse --
-- Means of each twenty minutes, at the mean of their times.
COPY (SELECT (avg(extract(epoch FROM time)) * 1000000)::bigint, avg(value) FROM reading
    WHERE series_id = %(series)s AND time >= %(start)s AND time < %(end)s AND value BETWEEN -1e300 AND 1e300
    GROUP BY date_bin('20 min', time, timestamptz '2000-01-01 00:00Z') ORDER BY 1)
TO STDOUT (FORMAT binary);

-- holidays --
-- Days on which nothing is as usual.
SELECT day FROM holiday;
