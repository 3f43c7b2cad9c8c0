-- role --
-- Whom we are at the database, and what that role may do beyond our tables.
SELECT r.rolname AS name, r.rolsuper AS superuser,
    array_remove(ARRAY[CASE WHEN r.rolcreaterole THEN 'create roles' END, CASE WHEN r.rolcreatedb THEN 'create databases' END,
        CASE WHEN r.rolreplication THEN 'replicate' END, CASE WHEN r.rolbypassrls THEN 'pass row security' END], NULL) AS may,
    ARRAY(SELECT datname::text FROM pg_database d WHERE d.datdba = r.oid AND datname <> current_database() ORDER BY 1) AS others,
    EXISTS (SELECT 1 FROM pg_roles g WHERE g.rolname IN ('pg_read_server_files', 'pg_write_server_files',
        'pg_execute_server_program') AND pg_has_role(r.oid, g.oid, 'MEMBER')) AS files,
    has_schema_privilege('public', current_schema(), 'CREATE') AS public_create,
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted
FROM pg_roles r WHERE r.rolname = current_user;

-- clock --
-- The database's clock now.
SELECT clock_timestamp();

-- last_backup --
-- As the audit has it.
SELECT max(at) FROM audit WHERE deed = 'backup.take';

-- one_time_links --
-- Not used, not over, of accounts that may log in.
SELECT p.name, o.ends_at FROM one_time o JOIN person p ON p.id = o.person_id
WHERE o.used_at IS NULL AND o.ends_at > now() AND p.disabled_at IS NULL ORDER BY o.ends_at DESC;

-- feeds_heard --
-- When each feed's last message came.
SELECT f.key, c.received_at FROM feed f LEFT JOIN feed_contact c ON c.feed_id = f.id ORDER BY f.key;
