from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from ioc import cli
from ioc.errors import StoreError, StoreTooNew
from ioc.store import database, migrate


@pytest.fixture
def empty_url(postgres):
    """A database in which nothing was made yet."""
    name = f"e_{uuid.uuid4().hex[:12]}"
    admin = postgres.url[: -len("/ioc")] + "/postgres"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    yield postgres.url[: -len("/ioc")] + f"/{name}"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def ioc(monkeypatch, capsys):
    """`ioc words...` against a database -> (exit code, what it said)."""

    def run(url, *words):
        monkeypatch.setenv("IOC_DATABASE_URL", url)
        code = cli.main(list(words))
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def names(conn):
    return [name for (name,) in conn.execute("SELECT name FROM schema_step ORDER BY run_at, name")]


def test_a_second_migration_runs_nothing(conn):
    assert migrate.migrate(conn) == []


def test_a_newer_database_is_refused(conn):
    conn.execute("INSERT INTO schema_step (name, digest) VALUES ('tables/999_future', 'x')")
    with pytest.raises(StoreTooNew, match="999_future"):
        migrate.migrate(conn)


def test_a_step_that_was_edited_after_its_release_is_refused(conn):
    conn.execute("UPDATE schema_step SET digest = 'x' WHERE name = 'tables/001_city'")
    with pytest.raises(StoreError, match="tables/001_city is not as it was"):
        migrate.migrate(conn)


def test_an_old_postgresql_is_refused_before_anything_is_made(empty_url, monkeypatch):
    monkeypatch.setattr(migrate, "_OLDEST_POSTGRES", 99)
    with database.connect(empty_url, autocommit=True) as conn:
        with pytest.raises(StoreError, match="IOC needs 99 or newer"):
            migrate.migrate(conn)
        assert conn.execute("SELECT to_regclass('schema_step')").fetchone() == (None,)


def test_views_are_made_anew_when_they_differ(conn):
    conn.execute("DROP VIEW usable_latest; UPDATE schema_step SET digest = 'old' WHERE name = 'views'")
    assert migrate.migrate(conn) == ["views"]
    assert conn.execute("SELECT count(*) FROM usable_latest").fetchone() == (0,)
    assert migrate.migrate(conn) == []


def test_a_backup_that_holds_the_table_does_not_stop_a_start(conn, database_url):
    conn.execute(
        "DROP TABLE reading_"
        + conn.execute("SELECT to_char(date_trunc('week', now()) + interval '4 weeks', 'YYYYMMDD')").fetchone()[0]
    )
    with psycopg.connect(database_url) as backup:
        backup.execute("SELECT count(*) FROM reading_rest")
        assert migrate.migrate(conn) == []


def test_processes_that_start_together_migrate_once(empty_url):
    def run(_):
        with database.connect(empty_url, autocommit=True) as conn:
            return migrate.migrate(conn)

    with ThreadPoolExecutor(4) as pool:
        ran = [steps for steps in pool.map(run, range(4)) if steps]
    assert len(ran) == 1


def test_a_step_that_fails_leaves_nothing_behind(empty_url, monkeypatch):
    real = migrate.steps
    monkeypatch.setattr(
        migrate, "steps", lambda e: [*real(e), migrate.Step("tables/005_bad", b"CREATE TABLE half (); SELECT 1/0")]
    )
    with database.connect(empty_url, autocommit=True) as conn:
        with pytest.raises(StoreError, match="division by zero"):
            migrate.migrate(conn)
        assert conn.execute(
            "SELECT count(*) FROM pg_class WHERE relname IN ('half', 'reading', 'schema_step')"
        ).fetchone() == (0,)


def test_an_empty_database_says_what_to_run(empty_url):
    with database.connect(empty_url, autocommit=True) as conn, pytest.raises(StoreError, match="run `ioc migrate`"):
        migrate.engine(conn)


def test_the_command_says_what_would_run_and_then_runs_it(empty_url, ioc):
    code, said = ioc(empty_url, "migrate", "--check")
    assert (code, "would run tables/001_city" in said, "engine plain" in said) == (1, True, True)
    with database.connect(empty_url, autocommit=True) as conn:
        assert conn.execute("SELECT to_regclass('schema_step')").fetchone() == (None,)
    code, said = ioc(empty_url, "migrate")
    assert (code, "ran tables/001_city" in said) == (0, True)
    assert ioc(empty_url, "migrate", "--check") == (
        0,
        "PostgreSQL 18, engine plain\nnothing to do: the database is up to date\n",
    )


def test_the_command_refuses_a_newer_database_in_one_line(conn, database_url, ioc):
    conn.execute("INSERT INTO schema_step (name, digest) VALUES ('tables/999_future', 'x')")
    code, said = ioc(database_url, "migrate", "--check")
    assert code == 1
    assert said.startswith(
        "ioc: the database has tables/999_future, which this version does not know: upgrade this program"
    )
    assert "Traceback" not in said


def test_two_open_alarms_of_one_rule_and_target_are_refused_by_the_database(conn):
    conn.execute("INSERT INTO rule (key, kind, name, settings, priority) VALUES ('r', 'threshold', '{}', '{}', 1)")
    insert = """INSERT INTO alarm (rule_id, rule_version, target, priority, event_start, opened_at)
                SELECT id, 1, 'series:1', 1, now(), now() FROM rule"""
    conn.execute(insert)
    with pytest.raises(Exception, match="alarm_one_open"):
        conn.execute(insert)
