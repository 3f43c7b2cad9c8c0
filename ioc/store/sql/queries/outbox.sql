-- pending --
-- Everything still owed to people to whom something is due now, with the alarm as it is now.
SELECT i.id, i.contact_id, i.alarm_id, i.reason, i.group_key, i.not_before, a.priority, a.condition, a.acked_at IS NOT NULL AS acked,
    a.suppression, a.closed_at IS NOT NULL AS closed, c.state AS contact_state, a.detected_late AS late
FROM intent i JOIN alarm a ON a.id = i.alarm_id JOIN contact c ON c.id = i.contact_id
WHERE i.state = 'open' AND (%(everybody)s
    OR i.contact_id IN (SELECT contact_id FROM intent WHERE state = 'open' AND not_before <= %(at)s))
ORDER BY i.contact_id, i.id;

-- recent --
-- What each person was written about alarms in the last ten minutes, oldest first; also what was superseded, so that a
-- mail server that is away does not make us write the same table every second.
SELECT contact_id, created_at, kind, groups, cardinality(alarms) AS alarms
FROM outbox WHERE created_at > %(at)s - interval '10 min' AND created_at <= %(at)s AND twin IS NULL
    AND kind IN ('alarm', 'group', 'flood', 'resolved')
ORDER BY contact_id, created_at, id;

-- uncleared --
-- Groups somebody is owed something about, of which alarms they were told still stand.
SELECT DISTINCT t.contact_id, t.group_key
FROM alarm a JOIN intent t ON t.alarm_id = a.id AND t.reason <> 'resolved' AND t.state = 'mailed'
WHERE a.closed_at IS NULL AND a.condition <> 'false' AND a.suppression = 'none' AND EXISTS (
    SELECT 1 FROM intent i WHERE i.state = 'open' AND i.contact_id = t.contact_id AND i.group_key = t.group_key);

-- drop --
-- No longer worth telling.
UPDATE intent SET state = 'dropped' WHERE id = ANY (%(ids)s) AND state = 'open';

-- contact --
-- Who it goes to, over what, and which of these addresses lead to nobody.
SELECT c.id, c.key, c.name, c.email, c.language, c.zone, c.settings, c.state,
    (SELECT coalesce(array_agg(r.channel || ' ' || r.address), '{}') FROM refused r WHERE r.contact_id = c.id) AS refused
FROM contact c WHERE c.id = %(id)s;

-- supersede --
-- Messages to this person that never left and say nothing the next one will not say.
UPDATE outbox SET state = 'superseded'
WHERE contact_id = %(contact)s AND state = 'ready' AND NOT ambiguous AND kind IN ('alarm', 'group', 'flood', 'resolved')
    AND alarms <@ %(alarms)s::bigint[];

-- thread --
-- The conversation with this person about these alarms: its key, next number, the ids to refer to, and how it began.
SELECT thread_key, max(seq) + 1 AS seq, (array_agg(message_id ORDER BY seq))[1] AS root,
    (array_agg(message_id ORDER BY seq DESC))[1] AS previous, (array_agg(subject ORDER BY seq))[1] AS subject,
    (array_agg(priority ORDER BY seq))[1] AS priority, (array_agg(created_at ORDER BY seq))[1] AS begun
FROM outbox WHERE contact_id = %(contact)s AND thread_key = (
    SELECT thread_key FROM outbox WHERE contact_id = %(contact)s AND alarms && %(alarms)s::bigint[] AND state <> 'superseded'
        AND kind IN ('alarm', 'group', 'resolved') AND channel = 'mail'
    ORDER BY created_at DESC LIMIT 1)
  AND state <> 'superseded'
GROUP BY thread_key;

-- put --
-- One message to one person over one channel, frozen.
INSERT INTO outbox (id, contact_id, email, kind, thread_key, seq, priority, message_id, subject, mime, plain_mime, alarms, due_at,
    created_at, channel, twin, groups, reasons, last_reply)
VALUES (%(id)s, %(contact)s, %(email)s, %(kind)s, %(thread)s, coalesce((SELECT max(seq) + 1 FROM outbox
        WHERE contact_id = %(contact)s AND thread_key = %(thread)s), 1),
    %(priority)s, %(message_id)s, %(subject)s, %(mime)s, %(plain)s, %(alarms)s, %(at)s, %(at)s, %(channel)s, %(twin)s,
    %(groups)s, %(reasons)s, %(note)s);

-- mailed --
-- These were put into that mail; the caller checks that nobody else was first.
UPDATE intent SET state = 'mailed', outbox_id = %(outbox)s WHERE id = ANY (%(ids)s) AND state = 'open' RETURNING id;

-- claim --
-- Leased to one sender for five minutes, longer than an attempt may take. A message waits while an older one to the same
-- person about the same alarm has not left over the same channel.
UPDATE outbox o SET state = 'leased', lease_until = %(at)s + interval '5 min', lease_token = gen_random_uuid()
FROM (
    SELECT id FROM outbox q
    WHERE q.channel = %(channel)s AND (state = 'ready' AND due_at <= %(at)s OR state = 'leased' AND lease_until < %(at)s) AND NOT EXISTS (
        SELECT 1 FROM outbox p WHERE p.contact_id = q.contact_id AND p.state IN ('ready', 'leased') AND p.channel = q.channel
            AND p.alarms && q.alarms AND (p.created_at, p.seq, p.id) < (q.created_at, q.seq, q.id))
    ORDER BY priority, due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED) AS next
WHERE o.id = next.id
RETURNING o.id, o.lease_token, o.contact_id, o.email, o.kind, o.priority, o.message_id, o.subject, o.mime, o.plain_mime, o.alarms,
    o.attempts, o.created_at, o.ambiguous, o.reasons;

-- hold --
-- Still ours? Then for five minutes more, so that letters behind a slow one are not taken by somebody else.
UPDATE outbox SET lease_until = %(at)s + interval '5 min' WHERE id = %(id)s AND lease_token = %(token)s AND state = 'leased' RETURNING id;

-- standing --
-- Whether a claimed message is still wanted: its person's state, how many of its alarms nobody put aside, and how many
-- still wait for somebody.
SELECT c.state,
    (SELECT count(*) FROM alarm a WHERE a.id = ANY (o.alarms) AND a.suppression = 'none') AS wanted,
    (SELECT count(*) FROM alarm a WHERE a.id = ANY (o.alarms) AND a.suppression = 'none' AND a.closed_at IS NULL
        AND a.condition <> 'false' AND a.acked_at IS NULL) AS waiting
FROM outbox o JOIN contact c ON c.id = o.contact_id WHERE o.id = %(id)s;

-- finish --
-- The result of an attempt, by whoever still holds the lease. What went wrong while it was written stays beside it.
UPDATE outbox SET state = %(state)s, attempts = attempts + %(count)s, due_at = coalesce(%(due)s, due_at), last_reply = %(reply)s || coalesce(' | ' || substring(last_reply FROM 'written: .*'), ''),
    ambiguous = ambiguous OR %(ambiguous)s, sent_at = CASE WHEN %(state)s IN ('sent', 'maybe_sent') THEN %(at)s END,
    mime = CASE WHEN %(as_text)s THEN plain_mime ELSE mime END, plain_mime = CASE WHEN %(as_text)s THEN NULL ELSE plain_mime END,
    lease_until = NULL, lease_token = NULL
WHERE id = %(id)s AND lease_token = %(token)s RETURNING id;

-- refuse --
-- The server says there is nobody at this address. It is shown and not written to again; who can be reached otherwise is.
WITH known AS (
    INSERT INTO refused (contact_id, channel, address, reply) VALUES (%(contact)s, %(channel)s, %(address)s, left(%(reply)s, 300))
    ON CONFLICT (contact_id, channel, address) DO UPDATE SET reply = EXCLUDED.reply, at = now())
UPDATE contact SET state_note = left(CASE WHEN %(channel)s = 'mail' THEN '' ELSE %(channel)s || ': ' END || %(reply)s, 300),
    state = CASE WHEN %(channel)s = 'mail' AND coalesce(settings->'channels', '[]') = '[]' THEN 'refused' ELSE state END
WHERE id = %(contact)s;

-- escalate --
-- Somebody else must know: urgent alarms of a message that cannot reach its person over any channel. Where the city has a
-- chain for them its next step is taken now; else everybody is told whose address works and who does not know.
WITH about AS MATERIALIZED (
    SELECT DISTINCT ON (i.alarm_id) i.change_id, i.alarm_id, i.contact_id, i.group_key
    FROM outbox o JOIN intent i ON i.outbox_id = coalesce(o.twin, o.id)
    JOIN alarm a ON a.id = i.alarm_id AND a.closed_at IS NULL AND a.condition <> 'false' AND a.priority <= 2
    WHERE o.id = %(id)s AND i.reason IN ('raised', 'worsened', 'reminder', 'escalated', 'assigned')
      AND NOT EXISTS (SELECT 1 FROM outbox s WHERE s.state = 'sent' AND s.id <> o.id
                      AND (s.id = coalesce(o.twin, o.id) OR s.twin = coalesce(o.twin, o.id)))
    ORDER BY i.alarm_id, i.id),
stepped AS (
    UPDATE escalation e SET due_at = %(at)s FROM about b
    WHERE e.alarm_id = b.alarm_id AND e.chain <> '' AND e.due_at IS NOT NULL RETURNING e.alarm_id)
INSERT INTO intent (change_id, alarm_id, contact_id, reason, group_key, not_before)
SELECT b.change_id, b.alarm_id, c.id, 'raised', b.group_key, %(at)s
FROM about b JOIN contact c ON c.state = 'ok' AND c.id <> b.contact_id AND coalesce(c.settings->>'everyone', 'true') = 'true'
WHERE b.alarm_id NOT IN (SELECT alarm_id FROM stepped)
  AND (NOT %(otherwise)s OR coalesce(c.settings->'channels', '[]') <> '[]')
  AND NOT EXISTS (SELECT 1 FROM intent t WHERE t.alarm_id = b.alarm_id AND t.contact_id = c.id AND t.reason = 'raised' AND t.state <> 'dropped')
ON CONFLICT DO NOTHING;

-- channel --
-- Whether messages can leave over it.
SELECT state, reason, server, failures, since, probe_at FROM channel WHERE key = %(key)s;

-- channels --
-- All of them, for metrics and health.
SELECT key, state, reason FROM channel ORDER BY key;

-- channel_set --
-- What the server's answer means for every message of the channel.
INSERT INTO channel AS c (key, state, reason, server, failures, since, probe_at)
VALUES (%(key)s, %(state)s, left(%(reason)s, 300), %(server)s, %(failures)s, %(at)s, %(probe_at)s)
ON CONFLICT (key) DO UPDATE SET since = CASE WHEN c.state <> EXCLUDED.state THEN EXCLUDED.since ELSE c.since END,
    state = EXCLUDED.state, reason = EXCLUDED.reason, server = EXCLUDED.server, failures = EXCLUDED.failures, probe_at = EXCLUDED.probe_at;

-- notice --
-- People who are told something about the system itself.
SELECT c.id, c.key, c.name, c.email, c.language, c.zone, c.settings, c.state, '{}'::text[] AS refused FROM contact c
WHERE state = 'ok' ORDER BY coalesce(array_position(ARRAY['low', 'medium', 'high', 'critical'], settings->>'lowest'), 3), id LIMIT 3;

-- counts --
-- For metrics: mails by state.
SELECT state, count(*) FROM outbox WHERE created_at > %(at)s - interval '1 day' GROUP BY state;

-- forget_bodies --
-- A month is enough for the bytes; that it was sent, and when, is kept.
UPDATE outbox SET mime = NULL, plain_mime = NULL
WHERE created_at < %(at)s - interval '30 days' AND mime IS NOT NULL AND state NOT IN ('ready', 'leased');
