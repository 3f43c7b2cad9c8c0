-- Who did what, when, from where, to what: rows that nobody changes, each with a hash over the one before it.
--
-- A deed is noted in audit_pending, in the transaction of the deed itself. At the very end of that transaction all its notes
-- are numbered and chained here, in one place, under the lock of audit_head: however long a transaction lasts, it holds that
-- lock for its commit only. So numbers have no gaps, and the order of the log is the order of the commits; `at` is when it
-- was noted. What is rolled back leaves nothing.
--
-- hash = sha256(UTF-8 of: the hash before it as 64 hexadecimal digits, or 64 zeros; a line feed; the row as audit_text says).

CREATE TABLE audit (
    id          bigint PRIMARY KEY,              -- 1, 2, 3 ... without gaps
    at          timestamptz NOT NULL,
    who         text NOT NULL,                   -- the name of an account, token, display or program
    role        text NOT NULL,
    address     text NOT NULL,                   -- of the network, or 'terminal'
    deed        text NOT NULL,                   -- noun.verb
    subject     text NOT NULL,
    before      jsonb,
    after       jsonb,
    hash        bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX audit_at ON audit (at DESC);
CREATE INDEX audit_who ON audit (lower(who) text_pattern_ops, id DESC);
CREATE INDEX audit_deed ON audit (deed text_pattern_ops, id DESC);
CREATE INDEX audit_subject ON audit (lower(subject) text_pattern_ops, id DESC);

CREATE TABLE audit_head (                        -- the end of the chain: a log that was cut short does not reach it
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    id          bigint NOT NULL,
    hash        bytea NOT NULL
);
INSERT INTO audit_head (id, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE TABLE audit_pending (                     -- empty between transactions
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    who         text NOT NULL,
    role        text NOT NULL DEFAULT '',
    address     text NOT NULL DEFAULT '',
    entries     jsonb NOT NULL                   -- [{"deed": ., "subject": ., "before": ., "after": .}, ...]
);

-- The row's canonical text: a JSON array as jsonb writes it, that is [a, b, {"k": v}], keys shorter ones first and then by
-- their bytes, numbers as they were written, nothing escaped but what must be.
CREATE FUNCTION audit_text(id bigint, at timestamptz, who text, role text, address text, deed text, subject text,
    before jsonb, after jsonb) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), who, role, address, deed,
        subject, before, after)::text
$$;

-- A name or subject as it is kept: one line of printable text.
CREATE FUNCTION audit_line(said text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT left(btrim(regexp_replace(coalesce(said, ''), '[[:cntrl:]\u0080-\u009f\u2028\u2029]+', ' ', 'g')), 300)
$$;

CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head audit_head;
    r record;
BEGIN
    IF NOT EXISTS (SELECT FROM audit_pending p WHERE p.id = NEW.id) THEN
        RETURN NULL;                             -- an earlier note of this transaction took all along
    END IF;
    SELECT * INTO STRICT head FROM audit_head FOR UPDATE;
    FOR r IN
        WITH mine AS (DELETE FROM audit_pending p WHERE p.id >= NEW.id RETURNING p.*)
        SELECT m.at, audit_line(m.who) AS who, audit_line(m.role) AS role, audit_line(m.address) AS address,
            audit_line(e.deed) AS deed, audit_line(e.subject) AS subject,
            nullif(e.before, 'null') AS before, nullif(e.after, 'null') AS after
        FROM mine m, ROWS FROM (jsonb_to_recordset(m.entries) AS (deed text, subject text, before jsonb, after jsonb))
            WITH ORDINALITY AS e (deed, subject, before, after, place)
        ORDER BY m.id, e.place
    LOOP
        head.id := head.id + 1;
        head.hash := sha256(convert_to(encode(head.hash, 'hex') || E'\n' || audit_text(head.id, r.at, r.who, r.role, r.address,
            r.deed, r.subject, r.before, r.after), 'UTF8'));
        INSERT INTO audit VALUES (head.id, r.at, r.who, r.role, r.address, r.deed, r.subject, r.before, r.after, head.hash);
    END LOOP;
    UPDATE audit_head a SET id = head.id, hash = head.hash;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_pending_chain AFTER INSERT ON audit_pending DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audit_chain();

CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit_head') AND pg_trigger_depth() > 1 THEN
        RETURN NEW;                              -- audit_chain
    ELSIF (TG_OP = 'INSERT' OR TG_TABLE_NAME = 'audit_head') AND current_setting('ioc.restoring', true) = 'on' THEN
        RETURN coalesce(NEW, OLD);               -- a backup comes into an empty database, with its hashes
    END IF;
    RAISE EXCEPTION 'the audit is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING HINT = 'deeds are noted in audit_pending; nothing is ever removed';
END $$;
CREATE TRIGGER audit_kept BEFORE INSERT OR UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION keep_audit();
CREATE TRIGGER audit_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();
CREATE TRIGGER audit_head_kept BEFORE INSERT OR UPDATE OR DELETE ON audit_head FOR EACH ROW EXECUTE FUNCTION keep_audit();
CREATE TRIGGER audit_head_whole BEFORE TRUNCATE ON audit_head FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();
