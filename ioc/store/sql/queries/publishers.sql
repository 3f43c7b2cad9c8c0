-- add --
-- A new one; none where the name was given before.
INSERT INTO publisher (name, feeds, topics, bcrypt, pbkdf2, created_by, expires_at)
VALUES (%(name)s, %(feeds)s, %(topics)s, %(bcrypt)s, %(pbkdf2)s, %(by)s, %(expires)s)
ON CONFLICT (name) DO NOTHING RETURNING id;

-- list --
-- Everyone, who may publish first.
SELECT name, feeds, topics, created_by, created_at, expires_at, revoked_at, revoked_by,
    revoked_at IS NULL AND coalesce(expires_at > clock_timestamp(), true)
FROM publisher ORDER BY revoked_at IS NOT NULL, name;

-- valid --
-- Who may publish now, as the broker's files need it.
SELECT name, feeds, topics, bcrypt, pbkdf2 FROM publisher
WHERE revoked_at IS NULL AND coalesce(expires_at > clock_timestamp(), true) ORDER BY name;

-- locked --
-- One, kept from others until the end of the transaction.
SELECT name, feeds, topics, created_by, created_at, expires_at, revoked_at, revoked_by,
    revoked_at IS NULL AND coalesce(expires_at > clock_timestamp(), true)
FROM publisher WHERE name = %(name)s FOR UPDATE;

-- revoke --
-- From now on it may not.
UPDATE publisher SET revoked_at = clock_timestamp(), revoked_by = %(by)s WHERE name = %(name)s;

-- renew --
-- A new password and end; what was revoked stays so.
UPDATE publisher SET bcrypt = %(bcrypt)s, pbkdf2 = %(pbkdf2)s, expires_at = %(expires)s WHERE name = %(name)s;

-- feeds --
-- The feeds of the folder, with their topics.
SELECT key, topics FROM feed WHERE enabled AND key <> 'unclaimed';

-- clock --
-- The one clock that counts.
SELECT clock_timestamp();
