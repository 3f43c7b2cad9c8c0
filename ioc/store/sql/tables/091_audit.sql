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
    rows audit[];
    rests text[];                                -- each row's text behind its number: made before the lock is taken
    hashes bytea[] := '{}';
    hash bytea;
BEGIN
    IF NOT EXISTS (SELECT FROM audit_pending p WHERE p.id = NEW.id) THEN
        RETURN NULL;                             -- an earlier note of this transaction took all along
    END IF;
    WITH mine AS (DELETE FROM audit_pending p WHERE p.id >= NEW.id RETURNING p.*),
    said AS (
        SELECT m.id, e.place, m.at, audit_line(m.who) AS who, audit_line(m.role) AS role, audit_line(m.address) AS address,
            audit_line(e.deed) AS deed, audit_line(e.subject) AS subject,
            nullif(nullif(e.before, 'null'), '{}') AS before, nullif(nullif(e.after, 'null'), '{}') AS after
        FROM mine m, ROWS FROM (jsonb_to_recordset(m.entries) AS (deed text, subject text, before jsonb, after jsonb))
            WITH ORDINALITY AS e (deed, subject, before, after, place))
    SELECT array_agg(ROW(0, s.at, s.who, s.role, s.address, s.deed, s.subject, s.before, s.after, NULL)::audit ORDER BY s.id, s.place),
        array_agg(substr(audit_text(0, s.at, s.who, s.role, s.address, s.deed, s.subject, s.before, s.after), 3) ORDER BY s.id, s.place)
    INTO rows, rests FROM said s;
    SELECT * INTO head FROM audit_head FOR UPDATE;
    IF NOT FOUND THEN                            -- somebody took it away: work goes on, `ioc audit verify` says so
        INSERT INTO audit_head (id, hash) SELECT a.id, a.hash FROM audit a
            UNION ALL SELECT 0, decode(repeat('00', 32), 'hex') ORDER BY id DESC LIMIT 1 ON CONFLICT DO NOTHING;
        SELECT * INTO STRICT head FROM audit_head FOR UPDATE;
    END IF;
    hash := head.hash;
    FOR n IN 1 .. cardinality(rests) LOOP
        hash := sha256(convert_to(encode(hash, 'hex') || E'\n[' || (head.id + n)::text || rests[n], 'UTF8'));
        hashes[n] := hash;
    END LOOP;
    INSERT INTO audit SELECT head.id + u.n, u.at, u.who, u.role, u.address, u.deed, u.subject, u.before, u.after, u.own
        FROM unnest(rows, hashes) WITH ORDINALITY AS u (id, at, who, role, address, deed, subject, before, after, hash, own, n)
        ORDER BY u.n;
    UPDATE audit_head a SET id = head.id + cardinality(rests), hash = hashes[cardinality(hashes)];
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

-- What people do is noted by the tables themselves, so that a desk, a signed link in a mail and a command are alike. Who is
-- asking is said to the transaction (ioc/store/audit.py, speak); else it is whom the row names, else the program.
CREATE FUNCTION audit_hook(by text, entries jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO audit_pending (who, role, address, entries)
    SELECT coalesce(nullif(current_setting('ioc.who', true), ''), nullif(by, ''), nullif(current_setting('application_name'), ''), 'ioc'),
        coalesce(current_setting('ioc.role', true), ''), coalesce(current_setting('ioc.address', true), ''), entries
$$;

-- The name that was given where it is not the name of who is asking.
CREATE FUNCTION audit_as(by text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN by <> '' AND by <> coalesce(nullif(current_setting('ioc.who', true), ''), by)
        THEN jsonb_build_object('as', by) ELSE '{}' END
$$;

CREATE FUNCTION audit_one(by text, deed text, subject text, before jsonb, after jsonb) RETURNS void LANGUAGE sql AS $$
    SELECT audit_hook(by, jsonb_build_array(jsonb_build_object('deed', deed, 'subject', subject, 'before',
        jsonb_strip_nulls(before), 'after', jsonb_strip_nulls(after) || audit_as(by))))
$$;

-- Alarms: what a person did. What a window or the engine did has no `from` in its detail (ioc/store/alarm_write.py).
CREATE FUNCTION audit_alarms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('ioc.restoring', true) = 'on' OR NOT EXISTS (
        SELECT FROM new_changes n WHERE n.actor <> 'ioc' AND (n.detail ? 'from' OR n.kind = 'comment')) THEN
        RETURN NULL;
    END IF;
    PERFORM audit_hook(d.actor, d.entries) FROM (
        SELECT n.actor, jsonb_agg(jsonb_build_object(
            'deed', 'alarm.' || CASE n.kind WHEN 'acked' THEN 'acknowledge' WHEN 'assigned' THEN 'assign' WHEN 'shelved' THEN 'shelve'
                WHEN 'unshelved' THEN 'unshelve' WHEN 'taken_out' THEN 'take_out' ELSE n.kind END,
            'subject', 'alarm:' || n.alarm_id,
            'before', jsonb_strip_nulls(jsonb_build_object('state', n.detail->'from', 'contact', n.detail->'from_contact')),
            'after', jsonb_strip_nulls(jsonb_build_object('state', n.detail->'to', 'contact', n.detail->'contact',
                'note', nullif(n.note, ''), 'until_normal', n.detail->'until_normal', 'rule', r.key, 'target', a.target, 'until',
                CASE WHEN n.kind IN ('shelved', 'taken_out') THEN a.suppressed_until END)) || audit_as(n.actor)
            ) ORDER BY n.id) AS entries
        FROM new_changes n JOIN alarm a ON a.id = n.alarm_id JOIN rule r ON r.id = a.rule_id
        WHERE n.actor <> 'ioc' AND (n.detail ? 'from' OR n.kind = 'comment') AND n.kind <> 'closed'
        GROUP BY n.actor) d;
    RETURN NULL;
END $$;
CREATE TRIGGER alarm_change_audit AFTER INSERT ON alarm_change REFERENCING NEW TABLE AS new_changes
    FOR EACH STATEMENT EXECUTE FUNCTION audit_alarms();

CREATE FUNCTION audit_duty() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said jsonb := jsonb_build_object('contact', (SELECT key FROM contact WHERE id = NEW.contact_id), 'instead_of',
        (SELECT key FROM contact WHERE id = NEW.instead_of), 'starts', NEW.starts, 'ends', NEW.ends, 'reason', NEW.reason);
BEGIN
    IF current_setting('ioc.restoring', true) = 'on' THEN
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM audit_one(NEW.created_by, 'roster.stand_in', 'roster:' || NEW.roster, NULL, said || jsonb_build_object('number', NEW.id));
    ELSIF OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL THEN
        PERFORM audit_one(NEW.ended_by, 'roster.stand_in_end', 'roster:' || NEW.roster, said, jsonb_build_object('number', NEW.id));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER duty_override_audit AFTER INSERT OR UPDATE ON duty_override FOR EACH ROW EXECUTE FUNCTION audit_duty();

-- Windows that a person opened, and the end that a person made to any; those of the folder are part of its change.
CREATE FUNCTION audit_maintenance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said jsonb := jsonb_strip_nulls(to_jsonb(NEW) - ARRAY['id', 'created_by', 'created_at', 'ended_at', 'ended_by', 'row_version']);
BEGIN
    SELECT jsonb_object_agg(key, value) INTO said FROM jsonb_each(said) WHERE value <> '[]';
    IF current_setting('ioc.restoring', true) = 'on' THEN
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' AND NEW.key IS NULL THEN
        PERFORM audit_one(NEW.created_by, 'maintenance.plan', 'maintenance:' || NEW.id, NULL, said);
    ELSIF TG_OP = 'UPDATE' AND OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL AND NEW.ended_by <> 'maintenance.toml' THEN
        PERFORM audit_one(NEW.ended_by, 'maintenance.end', 'maintenance:' || NEW.id, said, jsonb_build_object('ended_at', NEW.ended_at));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER maintenance_audit AFTER INSERT OR UPDATE ON maintenance FOR EACH ROW EXECUTE FUNCTION audit_maintenance();

CREATE FUNCTION audit_subscription() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r unsubscribed := coalesce(NEW, OLD);
    whom text := (SELECT key FROM contact WHERE id = r.contact_id);
    kinds jsonb := jsonb_build_object('kind', r.kind);
BEGIN
    IF current_setting('ioc.restoring', true) = 'on' THEN
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM audit_one(whom, 'mail.unsubscribe', 'contact:' || whom, kinds, '{}');
    ELSE
        PERFORM audit_one(whom, 'mail.subscribe', 'contact:' || whom, '{}', kinds);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER unsubscribed_audit AFTER INSERT OR DELETE ON unsubscribed FOR EACH ROW EXECUTE FUNCTION audit_subscription();

-- Feeds: a replay of the quarantine that somebody asked for, and what becomes of a proposed feed file.
CREATE FUNCTION audit_request() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    feed text := (SELECT key FROM feed WHERE id = NEW.feed_id);
BEGIN
    IF current_setting('ioc.restoring', true) IS DISTINCT FROM 'on' THEN
        PERFORM audit_one(NEW."by", 'feed.' || NEW.kind, 'feed:' || feed, NULL, jsonb_build_object('number', NEW.id));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER request_audit AFTER INSERT ON request FOR EACH ROW EXECUTE FUNCTION audit_request();

CREATE FUNCTION audit_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit_one('', CASE NEW.request WHEN 'dry_run' THEN 'feed.try' ELSE 'feed.' || NEW.request END, 'feed:' || NEW.key,
        jsonb_build_object('key', OLD.key, 'state', OLD.state, 'toml', CASE WHEN OLD.toml <> NEW.toml THEN left(OLD.toml, 20000) END),
        jsonb_build_object('topics', NEW.topics, 'toml', left(NEW.toml, 20000)));
    RETURN NULL;
END $$;
CREATE TRIGGER proposal_audit AFTER UPDATE ON proposal FOR EACH ROW
    WHEN (NEW.request IS NOT NULL AND OLD.request IS DISTINCT FROM NEW.request) EXECUTE FUNCTION audit_proposal();

-- Warnings that a person issued, with the exact text's fingerprint.
CREATE FUNCTION audit_cap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW."by" <> '' AND current_setting('ioc.restoring', true) IS DISTINCT FROM 'on' THEN
        PERFORM audit_one(NEW."by", 'warning.issue', 'alarm:' || NEW.alarm_id, NULL, jsonb_build_object('identifier', NEW.identifier,
            'type', NEW.msg_type, 'status', NEW.status, 'scope', NEW.scope, 'sha256', encode(sha256(convert_to(NEW.xml, 'UTF8')), 'hex')));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cap_message_audit AFTER INSERT ON cap_message FOR EACH ROW EXECUTE FUNCTION audit_cap();

CREATE TABLE config_file (                       -- the city folder as last read, so that a change can say what was before
    path        text PRIMARY KEY,                -- within the folder
    sha256      text NOT NULL,
    content     text                             -- of text files that are not long
);
