-- find --
-- Whose token this is, if it is good now; that it was used is written at most once a minute.
WITH found AS (
    SELECT id, name, scopes, feeds, used_at FROM token
    WHERE digest = %(digest)s AND revoked_at IS NULL AND expires_at > now()
), seen AS (
    UPDATE token SET used_at = now(), used_from = %(address)s FROM found
    WHERE token.id = found.id AND (found.used_at IS NULL OR found.used_at < now() - interval '1 minute')
)
SELECT name, scopes, feeds FROM found;

-- add --
-- A new token. One of the same name that ran out makes room.
INSERT INTO token (name, digest, head, scopes, feeds, created_by, expires_at)
VALUES (%(name)s, %(digest)s, %(head)s, %(scopes)s, %(feeds)s, %(by)s, now() + make_interval(days => %(days)s))
ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING
RETURNING id, name, head, scopes, feeds, created_by, created_at, expires_at, used_at, used_from, revoked_at, revoked_by;

-- retire --
-- A token that ran out gives its name free.
UPDATE token SET revoked_at = expires_at
WHERE name = %(name)s AND revoked_at IS NULL AND expires_at <= now();

-- revoke --
-- From now on it opens nothing.
UPDATE token SET revoked_at = now(), revoked_by = %(by)s WHERE name = %(name)s AND revoked_at IS NULL
RETURNING id, name, head, scopes, feeds, created_by, created_at, expires_at, used_at, used_from, revoked_at, revoked_by;

-- all --
-- Every token, those that count first, then the newest.
SELECT id, name, head, scopes, feeds, created_by, created_at, expires_at, used_at, used_from, revoked_at, revoked_by
FROM token ORDER BY revoked_at IS NOT NULL, expires_at <= now(), created_at DESC, id DESC;

-- feeds --
-- What a token can be bound to.
SELECT key FROM feed ORDER BY key;
