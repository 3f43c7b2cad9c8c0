-- note --
-- Deeds of one person, at the end of this transaction in the log.
INSERT INTO audit_pending (who, role, address, entries) VALUES (%(who)s, %(role)s, %(address)s, %(entries)s::jsonb);

-- speak --
-- Who is asking, for what the tables note themselves.
SELECT set_config('ioc.who', %(who)s, %(local)s), set_config('ioc.role', %(role)s, %(local)s),
    set_config('ioc.address', %(address)s, %(local)s);

-- search --
-- The newest that fit. What is not asked for is folded away when this is planned.
SELECT id, at, who, role, address, deed, subject, before::text, after::text, encode(hash, 'hex') FROM audit
WHERE (%(who)s::text IS NULL OR lower(who) LIKE %(who)s) AND (%(deed)s::text IS NULL OR deed LIKE %(deed)s)
    AND (%(subject)s::text IS NULL OR lower(subject) LIKE %(subject)s)
    AND (%(since)s::timestamptz IS NULL OR at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
    AND (%(before)s::bigint IS NULL OR id < %(before)s)
    AND (%(text)s::text IS NULL OR concat_ws(' ', who, role, address, deed, subject, before::text, after::text) ILIKE %(text)s)
ORDER BY id DESC LIMIT %(limit)s;

-- stream --
-- The same from the oldest on, all of it, each with the hash before it.
SELECT a.id, a.at, a.who, a.role, a.address, a.deed, a.subject, a.before::text, a.after::text, encode(a.hash, 'hex'),
    coalesce(encode(p.hash, 'hex'), repeat('0', 64))
FROM audit a LEFT JOIN audit p ON p.id = a.id - 1
WHERE (%(who)s::text IS NULL OR lower(a.who) LIKE %(who)s) AND (%(deed)s::text IS NULL OR a.deed LIKE %(deed)s)
    AND (%(subject)s::text IS NULL OR lower(a.subject) LIKE %(subject)s)
    AND (%(since)s::timestamptz IS NULL OR a.at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR a.at < %(until)s)
    AND (%(before)s::bigint IS NULL OR a.id < %(before)s)
    AND (%(text)s::text IS NULL
        OR concat_ws(' ', a.who, a.role, a.address, a.deed, a.subject, a.before::text, a.after::text) ILIKE %(text)s)
ORDER BY a.id;

-- follow --
-- The chain from a row on.
SELECT id, at, who, role, address, deed, subject, before::text, after::text, encode(hash, 'hex') FROM audit
WHERE id > %(after)s AND id <= %(until)s ORDER BY id;

-- beyond --
-- The first and last number that is none of the chain's; asked for before its end is, so that what comes meanwhile is none.
SELECT coalesce(min(id), 1), coalesce(max(id), 0) FROM audit;

-- hash_of --
-- Of one row.
SELECT encode(hash, 'hex') FROM audit WHERE id = %(id)s;

-- head --
-- Where the chain ends.
SELECT id, encode(hash, 'hex') FROM audit_head;

-- still --
-- One moment for everything that follows in this transaction.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- config_files --
-- The city folder as it was when it was last read.
SELECT path, sha256, content FROM config_file;

-- config_put --
-- As it is now.
INSERT INTO config_file AS f (path, sha256, content)
SELECT g.path, g.sha256, g.content FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (path text, sha256 text, content text)
ON CONFLICT (path) DO UPDATE SET sha256 = EXCLUDED.sha256, content = EXCLUDED.content;

-- config_gone --
-- What it no longer has.
DELETE FROM config_file WHERE path <> ALL (%(paths)s);

-- deeds --
-- Each kind of deed once, from one to the next by the index.
WITH RECURSIVE kinds (deed) AS (
    (SELECT deed FROM audit ORDER BY deed USING ~<~ LIMIT 1)
    UNION ALL
    SELECT (SELECT a.deed FROM audit a WHERE a.deed ~>~ k.deed ORDER BY a.deed USING ~<~ LIMIT 1) FROM kinds k WHERE k.deed IS NOT NULL)
SELECT deed FROM kinds WHERE deed IS NOT NULL;
