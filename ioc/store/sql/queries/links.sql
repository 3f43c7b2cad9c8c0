-- contact --
-- Whose link it is, while we still write to this person.
SELECT id, key, name, email, language, zone, settings, state, '{}'::text[] AS refused FROM contact WHERE id = %(id)s AND state <> 'removed';

-- episodes --
-- How each alarm is now, and in which episode.
SELECT id, reopened, condition, acked_at, acked_by, closed_at FROM alarm WHERE id = ANY (%(ids)s);

-- unsubscribed --
-- Which kinds of mail this person asked not to get.
SELECT kind FROM unsubscribed WHERE contact_id = %(contact)s;

-- unsubscribe --
-- Asked by the link in such a mail.
INSERT INTO unsubscribed (contact_id, kind) VALUES (%(contact)s, %(kind)s) ON CONFLICT DO NOTHING;

-- subscribe --
-- Asked for again, on the page of that link.
DELETE FROM unsubscribed WHERE contact_id = %(contact)s AND kind = %(kind)s;
