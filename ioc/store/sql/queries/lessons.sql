-- keep --
-- A message that taught something, in place of the one before it on its topic.
INSERT INTO lesson (feed_id, topic, payload) VALUES (%(feed_id)s, %(topic)s, %(payload)s)
ON CONFLICT (feed_id, topic) DO UPDATE SET payload = EXCLUDED.payload, number = EXCLUDED.number;

-- bound --
-- The newest stay.
DELETE FROM lesson l USING unnest(%(feeds)s::int[]) AS f (feed_id)
WHERE l.feed_id = f.feed_id AND l.number <= (
    SELECT number FROM lesson o WHERE o.feed_id = f.feed_id ORDER BY number DESC OFFSET %(most)s LIMIT 1);

-- of --
-- A feed's, in the order they came.
SELECT topic, payload FROM lesson WHERE feed_id = %(feed_id)s ORDER BY number;
