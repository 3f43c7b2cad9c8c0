-- open --
-- A session begins.
INSERT INTO session (handle, person_id, value, created_at, turned_at, seen_at, ends_at, how, address)
VALUES (%(handle)s, %(person)s, %(value)s, %(now)s, %(now)s, %(now)s, %(ends)s, %(how)s, %(address)s);

-- find --
-- A session and whose it is.
SELECT s.handle, s.value, s.offer, s.before, s.turned_at, s.offered_at, s.seen_at, s.ends_at, s.address, p.id, p.name,
    p.role, p.areas, p.feeds, p.disabled_at
FROM session s JOIN person p ON p.id = s.person_id WHERE s.handle = %(handle)s;

-- seen --
-- It is in use.
UPDATE session SET seen_at = %(now)s WHERE handle = %(handle)s AND seen_at < %(now)s;

-- offer --
-- A new value, to one request only; again where nobody took the last one.
UPDATE session SET offer = %(offer)s, offered_at = %(now)s
WHERE handle = %(handle)s AND value = %(value)s AND (offered_at IS NULL OR offered_at < %(again)s) RETURNING handle;

-- turn --
-- The offered value came back: it is the one that counts.
UPDATE session SET before = value, value = offer, offer = NULL, offered_at = NULL, turned_at = %(now)s, seen_at = %(now)s
WHERE handle = %(handle)s AND offer = %(value)s;

-- close --
-- One session ends.
DELETE FROM session WHERE handle = %(handle)s RETURNING person_id;

-- close_all --
-- Every session of somebody ends, but perhaps one; links likewise.
WITH links AS (DELETE FROM one_time WHERE person_id = %(person)s AND used_at IS NULL)
DELETE FROM session WHERE person_id = %(person)s AND handle IS DISTINCT FROM %(keep)s RETURNING handle;

-- prune --
-- Sessions and links that are over; and of somebody with very many, the oldest.
WITH links AS (DELETE FROM one_time WHERE ends_at < %(now)s)
DELETE FROM session WHERE seen_at < %(idle)s OR ends_at < %(now)s OR handle IN (
    SELECT handle FROM session WHERE person_id = %(person)s ORDER BY seen_at DESC OFFSET %(most)s);

-- of_person --
-- Where somebody is logged in, the latest first.
SELECT handle, created_at, seen_at, ends_at, how, address FROM session
WHERE person_id = %(person)s AND seen_at >= %(idle)s AND ends_at > %(now)s ORDER BY seen_at DESC, created_at DESC;

-- entered --
-- When somebody was here last.
UPDATE person SET seen_at = %(now)s WHERE id = %(person)s AND disabled_at IS NULL RETURNING name, role;

-- link_add --
-- A link that lets somebody in once; the ones before it are void.
WITH void AS (DELETE FROM one_time WHERE person_id = %(person)s AND purpose = %(purpose)s AND used_at IS NULL)
INSERT INTO one_time (id, person_id, purpose, created_at, ends_at)
VALUES (%(id)s, %(person)s, %(purpose)s, %(now)s, %(ends)s);

-- link_look --
-- Whose link it is, while it is good.
SELECT o.person_id FROM one_time o JOIN person p ON p.id = o.person_id
WHERE o.id = %(id)s AND o.purpose = %(purpose)s AND o.used_at IS NULL AND o.ends_at > %(now)s AND p.disabled_at IS NULL;

-- link_use --
-- Once.
UPDATE one_time o SET used_at = %(now)s FROM person p
WHERE o.id = %(id)s AND o.purpose = %(purpose)s AND o.used_at IS NULL AND o.ends_at > %(now)s AND p.id = o.person_id
    AND p.disabled_at IS NULL RETURNING o.person_id;

-- kept --
-- A secret made here.
SELECT value FROM kept_secret WHERE name = %(name)s;

-- keep --
-- The first to need it makes it.
INSERT INTO kept_secret (name, value) VALUES (%(name)s, %(value)s) ON CONFLICT (name) DO NOTHING;
