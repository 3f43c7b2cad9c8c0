-- note --
-- Deeds of one person, at the end of this transaction in the log.
INSERT INTO audit_pending (who, role, address, entries) VALUES (%(who)s, %(role)s, %(address)s, %(entries)s::jsonb);

-- speak --
-- Who is asking, for what the tables note themselves.
SELECT set_config('ioc.who', %(who)s, %(local)s), set_config('ioc.role', %(role)s, %(local)s),
    set_config('ioc.address', %(address)s, %(local)s);
