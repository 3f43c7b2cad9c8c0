-- holder --
-- Whose key it is.
SELECT id, name, scenes FROM display WHERE key = %(key)s AND revoked_at IS NULL;

-- pair_lock --
-- One at a time asks: so that they can be counted.
SELECT pg_advisory_xact_lock(%(lock)s);

-- pair_clean --
-- Codes that nobody approved in time.
DELETE FROM pairing WHERE expires_at <= now();

-- pair_ask --
-- A new code, unless too many wait already, in all or from there; nothing too where somebody else has drawn the same.
INSERT INTO pairing (code, hint, secret, address, network, wants, expires_at)
SELECT %(code)s, %(hint)s, %(secret)s, %(address)s, %(network)s, %(wants)s, now() + %(lasts)s
FROM (SELECT count(*) AS everywhere, count(*) FILTER (WHERE network = %(network)s) AS there FROM pairing) AS waiting
WHERE everywhere < %(most)s AND there < %(most_there)s
ON CONFLICT DO NOTHING
RETURNING id, pg_notify('ioc_display', '');

-- pair_standing --
-- Seconds that a browser's code lasts.
SELECT extract(epoch FROM expires_at - now())::float8 FROM pairing WHERE secret = %(secret)s AND expires_at > now();

-- pair_waiting --
-- Who waits, the newest first.
SELECT id, hint, address, wants, asked_at, expires_at FROM pairing WHERE expires_at > now() ORDER BY id DESC;

-- pair_take --
-- The code is used up. Half of it is enough where one screen alone waits with that.
DELETE FROM pairing WHERE expires_at > now() AND (code = %(code)s OR id = (
    SELECT min(id) FROM pairing WHERE hint = %(half)s AND expires_at > now() HAVING count(*) = 1))
RETURNING secret, address;

-- add --
-- What the browser has waited with becomes its key.
INSERT INTO display (name, key, scenes, shows, screen, created_by, address)
VALUES (%(name)s, %(key)s, %(scenes)s, %(shows)s, %(screen)s, %(by)s, %(address)s)
RETURNING id, pg_notify('ioc_display', id::text);

-- listed --
-- Screens that hold a key, by name; with `revoked` the others too.
SELECT id, name, scenes, shows, screen, reloads, created_at, created_by, revoked_at, revoked_by, seen_at, up_since, address,
       width, height, scene, part, since, build, coalesce(seen_at > now() - %(patience)s, false) AS alive
FROM display WHERE %(revoked)s OR revoked_at IS NULL ORDER BY lower(name), id;

-- one --
-- As `listed`, by its number.
SELECT id, name, scenes, shows, screen, reloads, created_at, created_by, revoked_at, revoked_by, seen_at, up_since, address,
       width, height, scene, part, since, build, coalesce(seen_at > now() - %(patience)s, false) AS alive
FROM display WHERE id = %(id)s;

-- lock --
-- One that still holds a key, while it is changed.
SELECT id, name, scenes, shows, screen, reloads FROM display WHERE id = %(id)s AND revoked_at IS NULL FOR UPDATE;

-- named --
-- The number of a screen by its name.
SELECT id FROM display WHERE lower(name) = lower(%(name)s) AND revoked_at IS NULL;

-- change --
-- Its name, and what it may show; other scenes need another page.
UPDATE display SET name = %(name)s, scenes = %(scenes)s, reloads = reloads + (scenes <> %(scenes)s)::int WHERE id = %(id)s
RETURNING pg_notify('ioc_display', id::text);

-- switch --
-- What it shows from now on.
UPDATE display SET shows = %(shows)s, screen = %(screen)s WHERE id = %(id)s RETURNING pg_notify('ioc_display', id::text);

-- reload --
-- It loads itself anew, now or when it comes back.
UPDATE display SET reloads = reloads + 1 WHERE id = %(id)s RETURNING pg_notify('ioc_display', id::text);

-- revoke --
-- Its key opens nothing any more.
UPDATE display SET revoked_at = now(), revoked_by = %(by)s WHERE id = %(id)s RETURNING pg_notify('ioc_display', id::text);

-- orders --
-- What these screens are to do.
SELECT id, revoked_at IS NOT NULL AS revoked, scenes, shows, screen, reloads FROM display WHERE id = ANY (%(ids)s);

-- seen --
-- Every screen of one process at once: it is there, and what it says of itself.
UPDATE display AS d
SET seen_at = now(), address = s.address, width = s.width, height = s.height, scene = s.scene, part = s.part, build = s.build,
    up_since = CASE WHEN d.seen_at > now() - %(patience)s THEN d.up_since ELSE now() END,
    since = CASE WHEN d.seen_at > now() - %(patience)s AND (d.scene, d.part) = (s.scene, s.part) THEN d.since ELSE now() END
FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS s (id int, address text, width int, height int, scene text, part smallint, build text)
WHERE d.id = s.id AND d.revoked_at IS NULL;

-- listen --
-- A screen asks to be paired, or is told something.
LISTEN ioc_display;
