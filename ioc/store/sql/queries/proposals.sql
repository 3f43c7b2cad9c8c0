-- newest --
-- The newest message that no feed claims; 0 where there is none.
SELECT coalesce(max(q.id), 0) FROM quarantine q JOIN feed f ON f.id = q.feed_id
WHERE f.key = 'unclaimed' AND q.replayed_at IS NULL;

-- unclaimed --
-- The last messages that no feed claims, whole ones only, oldest first.
SELECT topic, payload, retained FROM (
    SELECT q.id, q.topic, q.payload, q.retained FROM quarantine q JOIN feed f ON f.id = q.feed_id
    WHERE f.key = 'unclaimed' AND q.replayed_at IS NULL AND q.size = length(q.payload)
    ORDER BY q.id DESC LIMIT %(most)s) last
ORDER BY id;

-- save --
-- What a person edited, refused or is waiting for stays; a live one comes back when its feed has left the folder.
INSERT INTO proposal (key, topics, format, toml, confidence, outcome, reasons, samples, messages)
SELECT r.key, r.topics, r.format, r.toml, r.confidence, r.outcome, r.reasons, r.samples, r.messages
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (key text, topics text[], format text, toml text, confidence real,
    outcome text, reasons jsonb, samples jsonb, messages int)
ON CONFLICT (topics) DO UPDATE SET key = excluded.key, format = excluded.format, toml = excluded.toml,
    confidence = excluded.confidence, outcome = excluded.outcome, reasons = excluded.reasons,
    samples = excluded.samples, messages = excluded.messages, state = 'proposed', edited = false, updated_at = now()
WHERE proposal.request IS NULL AND ((proposal.state = 'proposed' AND NOT proposal.edited)
    OR (proposal.state = 'live' AND NOT proposal.key = ANY (%(feeds)s::text[])));

-- forget --
-- Guesses that nobody took up and whose messages have gone, and all beyond the newest.
DELETE FROM proposal WHERE state = 'proposed' AND NOT edited AND request IS NULL AND (
    updated_at < now() - interval '1 day'
    OR id IN (SELECT id FROM proposal WHERE state = 'proposed' ORDER BY updated_at DESC, id DESC OFFSET %(most)s));

-- list --
-- For the Feeds page: what waits for an answer first.
SELECT id, key, topics, format, toml, edited, confidence, outcome, reasons, samples, messages, state, request, result,
    updated_at
FROM proposal ORDER BY state = 'refused', state = 'live', messages DESC, id;

-- ask --
-- A page asks; the text is the page's.
UPDATE proposal SET request = %(request)s, edited = edited OR toml <> %(toml)s, toml = %(toml)s, key = %(key)s,
    result = '{}', updated_at = now()
WHERE id = %(id)s AND state NOT IN ('accepted', 'live') RETURNING id;

-- take --
-- One ingester takes each request.
UPDATE proposal p SET request = NULL FROM (
    SELECT id, request FROM proposal WHERE request IS NOT NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) asked
WHERE p.id = asked.id RETURNING p.id, p.key, p.topics, p.toml, asked.request;

-- answer --
-- What came of it.
UPDATE proposal SET state = %(state)s, result = %(result)s::jsonb, updated_at = now() WHERE id = %(id)s;

-- settle --
-- Accepted files that the folder now has are live; whoever turns one over replays the quarantine.
UPDATE proposal SET state = 'live', updated_at = now()
WHERE state = 'accepted' AND key = ANY (%(feeds)s::text[]) RETURNING id;
