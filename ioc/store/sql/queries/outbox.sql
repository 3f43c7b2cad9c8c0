-- pending --
-- Everything still owed to people to whom something is due now, with the alarm as it is now.
SELECT i.id, i.contact_id, i.alarm_id, i.reason, i.group_key, i.not_before, a.priority, a.condition, a.acked_at IS NOT NULL AS acked,
    a.suppression, a.closed_at IS NOT NULL AS closed, c.state AS contact_state
FROM intent i JOIN alarm a ON a.id = i.alarm_id JOIN contact c ON c.id = i.contact_id
WHERE i.state = 'open' AND i.contact_id IN (SELECT contact_id FROM intent WHERE state = 'open' AND not_before <= %(at)s)
ORDER BY i.contact_id, i.id;

-- recent --
-- How many mails each person was sent in ten minutes, when the last table of a flood was, and how many in two minutes.
SELECT contact_id, count(*) FILTER (WHERE state <> 'superseded') AS mails, max(created_at) FILTER (WHERE kind = 'flood') AS flooded_at,
    count(*) FILTER (WHERE state <> 'superseded' AND created_at > %(at)s - interval '2 min') AS lately
FROM outbox WHERE created_at > %(at)s - interval '10 min' GROUP BY contact_id;

-- drop --
-- No longer worth telling.
UPDATE intent SET state = 'dropped' WHERE id = ANY (%(ids)s) AND state = 'open';

-- contact --
-- Who it goes to.
SELECT id, key, name, email, language, zone FROM contact WHERE id = %(id)s;

-- supersede --
-- Mails to this person that never left and say nothing the next one will not say.
UPDATE outbox SET state = 'superseded'
WHERE contact_id = %(contact)s AND state = 'ready' AND NOT ambiguous AND kind <> 'system' AND alarms <@ %(alarms)s::bigint[];

-- thread --
-- The conversation with this person about these alarms: its key, next number, and the ids to refer to.
SELECT thread_key, max(seq) + 1 AS seq, (array_agg(message_id ORDER BY seq))[1] AS root,
    (array_agg(message_id ORDER BY seq DESC))[1] AS previous
FROM outbox WHERE contact_id = %(contact)s AND thread_key = (
    SELECT thread_key FROM outbox WHERE contact_id = %(contact)s AND alarms && %(alarms)s::bigint[] AND state <> 'superseded'
        AND kind IN ('alarm', 'group', 'resolved')
    ORDER BY created_at DESC LIMIT 1)
  AND state <> 'superseded'
GROUP BY thread_key;

-- put --
-- One mail to one person, frozen.
INSERT INTO outbox (id, contact_id, email, kind, thread_key, seq, priority, message_id, subject, mime, plain_mime, alarms, due_at, created_at)
VALUES (%(id)s, %(contact)s, %(email)s, %(kind)s, %(thread)s, coalesce((SELECT max(seq) + 1 FROM outbox
        WHERE contact_id = %(contact)s AND thread_key = %(thread)s), 1),
    %(priority)s, %(message_id)s, %(subject)s, %(mime)s, %(plain)s, %(alarms)s, %(at)s, %(at)s);

-- mailed --
-- These were put into that mail; the caller checks that nobody else was first.
UPDATE intent SET state = 'mailed', outbox_id = %(outbox)s WHERE id = ANY (%(ids)s) AND state = 'open' RETURNING id;

-- claim --
-- Leased to one sender for two minutes. A mail waits while an older one to the same person about the same alarm has not left.
UPDATE outbox o SET state = 'leased', lease_until = %(at)s + interval '2 min', lease_token = gen_random_uuid()
FROM (
    SELECT id FROM outbox q
    WHERE (state = 'ready' AND due_at <= %(at)s OR state = 'leased' AND lease_until < %(at)s) AND NOT EXISTS (
        SELECT 1 FROM outbox p WHERE p.contact_id = q.contact_id AND p.state IN ('ready', 'leased')
            AND p.alarms && q.alarms AND (p.created_at, p.seq, p.id) < (q.created_at, q.seq, q.id))
    ORDER BY priority, due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED) AS next
WHERE o.id = next.id
RETURNING o.id, o.lease_token, o.contact_id, o.email, o.kind, o.priority, o.message_id, o.subject, o.mime, o.plain_mime, o.alarms,
    o.attempts, o.created_at, o.ambiguous;

-- standing --
-- Whether a claimed mail is still wanted: its person's state, and how many of its alarms still deserve it.
SELECT c.state, (SELECT count(*) FROM alarm a WHERE a.id = ANY (o.alarms) AND a.suppression = 'none') AS wanted
FROM outbox o JOIN contact c ON c.id = o.contact_id WHERE o.id = %(id)s;

-- finish --
-- The result of an attempt, by whoever still holds the lease.
UPDATE outbox SET state = %(state)s, attempts = attempts + %(count)s, due_at = coalesce(%(due)s, due_at), last_reply = %(reply)s,
    ambiguous = ambiguous OR %(ambiguous)s, sent_at = CASE WHEN %(state)s IN ('sent', 'maybe_sent') THEN %(at)s END,
    mime = CASE WHEN %(as_text)s THEN plain_mime ELSE mime END, plain_mime = CASE WHEN %(as_text)s THEN NULL ELSE plain_mime END,
    lease_until = NULL, lease_token = NULL
WHERE id = %(id)s AND lease_token = %(token)s RETURNING id;

-- refuse --
-- The server says there is no such address: shown, and no longer written to.
UPDATE contact SET state = 'refused', state_note = left(%(reply)s, 300) WHERE id = %(contact)s;

-- escalate --
-- Somebody else must know: urgent alarms of a mail that cannot reach its person, to everybody whose address works and who
-- has not been told.
INSERT INTO intent (change_id, alarm_id, contact_id, reason, group_key, not_before)
SELECT DISTINCT ON (i.alarm_id, c.id) i.change_id, i.alarm_id, c.id, 'raised', i.group_key, %(at)s
FROM intent i JOIN alarm a ON a.id = i.alarm_id AND a.closed_at IS NULL AND a.condition <> 'false' AND a.priority <= 2
JOIN contact c ON c.state = 'ok' AND c.id <> i.contact_id
WHERE i.outbox_id = %(id)s AND i.reason IN ('raised', 'reminder')
  AND NOT EXISTS (SELECT 1 FROM intent t WHERE t.alarm_id = i.alarm_id AND t.contact_id = c.id AND t.reason = 'raised' AND t.state <> 'dropped')
ORDER BY i.alarm_id, c.id, i.id
ON CONFLICT DO NOTHING;

-- channel --
-- Whether mail can leave.
SELECT state, reason, server, failures, since, probe_at FROM mail_channel;

-- channel_set --
-- What the server's answer means for every mail.
UPDATE mail_channel SET since = CASE WHEN state <> %(state)s THEN %(at)s ELSE since END, state = %(state)s, reason = left(%(reason)s, 300),
    server = %(server)s, failures = %(failures)s, probe_at = %(probe_at)s;

-- notice --
-- A person is told something about the system itself.
SELECT id, key, name, email, language, zone FROM contact
WHERE state = 'ok' ORDER BY coalesce(array_position(ARRAY['low', 'medium', 'high', 'critical'], settings->>'lowest'), 3), id LIMIT 3;

-- counts --
-- For metrics: mails by state.
SELECT state, count(*) FROM outbox WHERE created_at > %(at)s - interval '1 day' GROUP BY state;

-- forget_bodies --
-- A month is enough for the bytes; that it was sent, and when, is kept.
UPDATE outbox SET mime = NULL, plain_mime = NULL
WHERE created_at < %(at)s - interval '30 days' AND mime IS NOT NULL AND state NOT IN ('ready', 'leased');
