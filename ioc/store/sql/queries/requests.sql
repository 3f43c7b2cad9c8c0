-- ask --
-- Somebody wants something done; one that still waits is not asked for twice.
INSERT INTO request (kind, feed_id, by)
SELECT %(kind)s, %(feed)s, %(by)s
WHERE NOT EXISTS (SELECT FROM request WHERE kind = %(kind)s AND feed_id = %(feed)s AND done_at IS NULL)
RETURNING id;

-- waiting --
-- What is still to be done, oldest first; locked, so that two ingesters do not both do it.
SELECT r.id, r.kind, f.key FROM request r JOIN feed f ON f.id = r.feed_id
WHERE r.done_at IS NULL ORDER BY r.id LIMIT 10 FOR UPDATE OF r SKIP LOCKED;

-- done --
-- It was done, and this came of it.
UPDATE request SET done_at = clock_timestamp(), result = %(result)s::jsonb WHERE id = %(id)s;

-- newest --
-- The last requests about one feed.
SELECT id, kind, by, at, done_at, result FROM request WHERE feed_id = %(feed)s ORDER BY id DESC LIMIT 5;
