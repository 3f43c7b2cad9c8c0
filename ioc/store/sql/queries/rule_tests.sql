-- ask --
-- A rule to be tested on the past; whoever evaluates hears of it at once.
WITH asked AS (
    INSERT INTO rule_test (rule, starts, ends, by) VALUES (%(rule)s::jsonb, %(start)s, %(end)s, %(by)s) RETURNING id)
SELECT id, pg_notify('ioc_rule_test', id::text) FROM asked;

-- answer --
-- What came of it so far.
SELECT done_at IS NOT NULL, result, error FROM rule_test WHERE id = %(id)s;

-- take --
-- The oldest that nobody works on, or that whoever took it left lying for two minutes.
UPDATE rule_test SET taken_at = clock_timestamp() WHERE id = (
    SELECT id FROM rule_test WHERE done_at IS NULL AND (taken_at IS NULL OR taken_at < clock_timestamp() - interval '2 min')
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, rule, starts, ends;

-- done --
-- Its result, or why there is none.
UPDATE rule_test SET done_at = clock_timestamp(), result = %(result)s::jsonb, error = %(error)s WHERE id = %(id)s;

-- forget --
-- Those of last week.
DELETE FROM rule_test WHERE at < clock_timestamp() - interval '7 days';

-- zone --
-- Of the city, UTC before one was loaded.
SELECT coalesce((SELECT zone FROM city), 'UTC');

-- rule --
-- A rule as loaded.
SELECT settings, enabled FROM rule WHERE key = %(key)s;
