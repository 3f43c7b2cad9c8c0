from __future__ import annotations

import uuid

import psycopg
import pytest

from alerts.painter import Painter
from tests.alerts.mail_server import MailServer

_KEEP = """
    CREATE SCHEMA as_made;
    CREATE TABLE as_made.channel AS TABLE channel;
    CREATE TABLE as_made.feed AS TABLE feed;
    CREATE TABLE as_made.counters AS
        SELECT format('%I', sequencename) AS name, last_value FROM pg_sequences WHERE schemaname = 'public';
"""
_OTHERS = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_EMPTY = """DO $$
DECLARE one record; filled boolean;
BEGIN
    FOR one IN SELECT oid::regclass AS name, pg_relation_size(oid) > 200000 AS big FROM pg_class
        WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace AND relname <> 'schema_step'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s)', one.name) INTO filled;
        IF filled AND one.big THEN EXECUTE format('TRUNCATE %s CASCADE', one.name);
        ELSIF filled THEN EXECUTE format('DELETE FROM %s', one.name); END IF;
    END LOOP;
    FOR one IN SELECT format('%I', sequencename) AS name FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL
    LOOP PERFORM setval(one.name::regclass, 1, false); END LOOP;
    FOR one IN SELECT * FROM as_made.counters WHERE last_value IS NOT NULL
    LOOP PERFORM setval(one.name::regclass, one.last_value); END LOOP;
    INSERT INTO channel OVERRIDING SYSTEM VALUE SELECT * FROM as_made.channel;
    INSERT INTO feed OVERRIDING SYSTEM VALUE SELECT * FROM as_made.feed;
END $$"""


@pytest.fixture(scope="session")
def emptied(postgres):
    """One database for these tests, which is emptied after each: making one anew takes ten times as long."""
    name, server = f"alerts_{uuid.uuid4().hex[:12]}", postgres.url[: -len("/ioc")]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE ioc STRATEGY FILE_COPY")
    with psycopg.connect(f"{server}/{name}", autocommit=True) as conn:
        conn.execute(_KEEP)
    return f"{server}/{name}"


@pytest.fixture
def database_url(emptied):
    """A database as it was made; whoever is still connected afterwards is thrown out."""
    yield emptied
    with psycopg.connect(emptied, autocommit=True) as conn:
        while conn.execute(_OTHERS).fetchone()[0]:
            pass
        conn.execute("SET session_replication_role = replica")  # neither keys nor what forbids to rewrite history
        conn.execute(_EMPTY)


@pytest.fixture
def mail_server():
    server = MailServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def painter():
    """One warm painter for the session: matplotlib takes a second to import."""
    found = Painter(budget=15)
    assert found.warm()
    yield found
    found.close()
