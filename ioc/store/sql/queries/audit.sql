-- note --
-- Deeds of one person, at the end of this transaction in the log.
INSERT INTO audit_pending (who, role, address, entries) VALUES (%(who)s, %(role)s, %(address)s, %(entries)s::jsonb);
