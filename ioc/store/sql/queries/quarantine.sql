-- keep --
-- One message with its reason.
INSERT INTO quarantine (feed_id, received_at, topic, payload, size, retained, reason, detail)
VALUES (%(feed_id)s, %(received_at)s, %(topic)s, %(payload)s, %(size)s, %(retained)s, %(reason)s, %(detail)s);

-- bound --
-- The newest stay; everything was counted in the ledger.
DELETE FROM quarantine q USING unnest(%(feeds)s::int[]) AS f (feed_id)
WHERE q.feed_id = f.feed_id AND q.id <= (
    SELECT id FROM quarantine o WHERE o.feed_id = f.feed_id ORDER BY id DESC OFFSET %(most)s LIMIT 1);

-- waiting --
-- One page.
SELECT q.feed_id, q.received_at, q.topic, q.payload, q.size, q.retained, q.reason, q.detail, q.id
FROM quarantine q JOIN feed f ON f.id = q.feed_id
WHERE f.key = %(feed)s AND q.replayed_at IS NULL AND q.size = length(q.payload) AND q.id > %(after)s
ORDER BY q.id LIMIT %(size)s;

-- replayed --
-- Kept for the record until retention takes them.
UPDATE quarantine SET replayed_at = now() WHERE id = ANY (%(ids)s::bigint[]);
