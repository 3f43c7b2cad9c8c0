-- all --
-- Every account, who may do most last.
SELECT id, name, address, role, areas, feeds, password, password_at, totp, totp_step, cardinality(recovery) AS recovery,
    failures, locked_until, issuer, created_at, seen_at, disabled_at
FROM person ORDER BY disabled_at IS NOT NULL, login;

-- by_id --
-- One account.
SELECT id, name, address, role, areas, feeds, password, password_at, totp, totp_step, cardinality(recovery) AS recovery,
    failures, locked_until, issuer, created_at, seen_at, disabled_at
FROM person WHERE id = %(id)s;

-- by_login --
-- Whoever logs in by this name, or as a local account by this address; a name goes before an address.
SELECT id, name, address, role, areas, feeds, password, password_at, totp, totp_step, cardinality(recovery) AS recovery,
    failures, locked_until, issuer, created_at, seen_at, disabled_at
FROM person WHERE login = %(login)s OR (issuer = '' AND address <> '' AND lower(address) = %(login)s)
ORDER BY (login = %(login)s) DESC LIMIT 1;

-- by_subject --
-- Whom a provider means.
SELECT id, name, address, role, areas, feeds, password, password_at, totp, totp_step, cardinality(recovery) AS recovery,
    failures, locked_until, issuer, created_at, seen_at, disabled_at
FROM person WHERE issuer = %(issuer)s AND subject = %(subject)s FOR UPDATE;

-- first --
-- The administrator who has been one for longest.
SELECT id, name, address, role, areas, feeds, password, password_at, totp, totp_step, cardinality(recovery) AS recovery,
    failures, locked_until, issuer, created_at, seen_at, disabled_at
FROM person WHERE role = 'administrator' AND disabled_at IS NULL ORDER BY id LIMIT 1;

-- alone --
-- One change of accounts at a time: nobody can be the last but one administrator twice.
SELECT pg_advisory_xact_lock(7090);

-- any --
-- Whether there is an account at all.
SELECT EXISTS (SELECT 1 FROM person);

-- others --
-- How many administrators there are besides this account.
SELECT count(*) FROM person WHERE role = 'administrator' AND disabled_at IS NULL AND id <> %(id)s;

-- taken --
-- Whether another account has this name to log in with.
SELECT EXISTS (SELECT 1 FROM person WHERE login = %(login)s AND id <> %(id)s);

-- address_taken --
-- Whether another local account has this address.
SELECT EXISTS (SELECT 1 FROM person WHERE lower(address) = lower(%(address)s) AND address <> '' AND issuer = '' AND id <> %(id)s);

-- add --
-- A new account.
INSERT INTO person (name, login, address, role, areas, feeds, password, password_at, issuer, subject)
VALUES (%(name)s, %(login)s, %(address)s, %(role)s, %(areas)s::text[], %(feeds)s::text[], %(password)s,
    CASE WHEN %(password)s = '' THEN NULL ELSE now() END, %(issuer)s, %(subject)s) RETURNING id;

-- change --
-- Who it is and what it may do.
UPDATE person SET name = %(name)s, login = %(login)s, address = %(address)s, role = %(role)s, areas = %(areas)s::text[],
    feeds = %(feeds)s::text[] WHERE id = %(id)s;

-- set_password --
-- Another password; what was locked for wrong ones is open again.
UPDATE person SET password = %(password)s, password_at = %(now)s, failures = 0, locked_until = NULL WHERE id = %(id)s;

-- rehash --
-- The same password, hashed as we do now; not if it was changed meanwhile.
UPDATE person SET password = %(password)s WHERE id = %(id)s AND password = %(old)s;

-- disable --
-- Nobody logs in to it any more.
UPDATE person SET disabled_at = %(now)s WHERE id = %(id)s;

-- enable --
-- As before.
UPDATE person SET disabled_at = NULL, failures = 0, locked_until = NULL WHERE id = %(id)s;

-- remove --
-- With its sessions and links; what it did stays in the audit.
DELETE FROM person WHERE id = %(id)s;

-- failed --
-- One more wrong attempt. Returns how many there were in a row, what lies long back not counted.
UPDATE person SET failures = CASE WHEN failed_at > %(since)s THEN least(failures + 1, 1000) ELSE 1 END, failed_at = %(now)s
WHERE id = %(id)s RETURNING failures;

-- lock --
-- Nothing is tried before this.
UPDATE person SET locked_until = %(until)s WHERE id = %(id)s;

-- passed --
-- All that was asked for was right.
UPDATE person SET failures = 0, locked_until = NULL WHERE id = %(id)s AND failures > 0;

-- set_codes --
-- From now on a code is asked for.
UPDATE person SET totp = %(totp)s, totp_step = %(step)s, recovery = %(recovery)s::bytea[] WHERE id = %(id)s;

-- clear_codes --
-- No code is asked for.
UPDATE person SET totp = NULL, totp_step = 0, recovery = '{}' WHERE id = %(id)s;

-- use_step --
-- A code's interval, once. Returns a row if this was the first use.
UPDATE person SET totp_step = %(step)s WHERE id = %(id)s AND totp_step < %(step)s RETURNING id;

-- use_recovery --
-- A recovery code, once. Returns a row if it was one.
UPDATE person SET recovery = array_remove(recovery, %(code)s::bytea) WHERE id = %(id)s AND %(code)s::bytea = ANY (recovery)
RETURNING id;

-- areas --
-- Areas that are valid now or will be, by key.
SELECT DISTINCT ON (key) key, name FROM area WHERE valid_to > current_date ORDER BY key, valid_from DESC;

-- feeds --
-- Every feed, by key.
SELECT key, name FROM feed ORDER BY key;
