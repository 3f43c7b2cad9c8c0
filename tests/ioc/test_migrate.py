from __future__ import annotations

import os
import subprocess
import sys
import uuid

import psycopg
import pytest

from ioc import cli
from ioc.errors import StoreAway, StoreError, StoreTooNew
from ioc.store import database, foresee, migrate, queries
from tests.ioc.store_parts import add_series, clock, store


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


def start(url):
    """`ioc migrate` as a process of its own."""
    environment = {**os.environ, "IOC_DATABASE_URL": url}
    command = [sys.executable, "-m", "ioc", "migrate"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_two_processes_that_start_together_migrate_once(empty_url):
    with database.connect(empty_url, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (migrate._LOCK,))
        both = [start(empty_url) for _ in range(2)]
        said = [p.stdout.readline() for p in both]
        assert said == ["another process migrates this database: waiting for it\n"] * 2
        assert conn.execute("SELECT to_regclass('schema_step')").fetchone() == (None,)
        conn.execute("SELECT pg_advisory_unlock(%s)", (migrate._LOCK,))
        outputs = [p.communicate(timeout=60)[0] for p in both]
        assert [p.returncode for p in both] == [0, 0]
        assert sorted("ran tables/001_city" in out for out in outputs) == [False, True]
        assert any("nothing to do" in out for out in outputs)


def test_a_migration_that_does_not_end_is_not_waited_for_for_ever(conn, database_url):
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (migrate._LOCK,))
        with pytest.raises(StoreError, match=r"another process has been migrating.*Nothing was changed"):
            migrate.migrate(conn, patience=0.3)
    assert migrate.migrate(conn) == [], "and the lock was let go"


def landed(engine):
    """The steps of the first version that was released."""
    return [s for s in REAL_STEPS(engine) if s.name == "views" or s.name.partition("/")[2][:3] <= "005"]


REAL_STEPS = migrate.steps


def test_a_database_of_the_first_version_with_data_upgrades(empty_url, monkeypatch):
    monkeypatch.setattr(migrate, "steps", lambda e: [s for s in landed(e) if s.name != "views"])
    with database.connect(empty_url, autocommit=True) as conn:
        assert migrate.migrate(conn)[-1] == "tables/005_lessons"
        series, now = add_series(conn), clock(conn)
        conn.execute("INSERT INTO reading VALUES (%s, %s, 7)", (series, now))  # as that version's ingester did
        conn.execute("INSERT INTO latest VALUES (%s, %s, 7, now())", (series, now))
        conn.execute("INSERT INTO rule (key, kind, name, settings, priority) VALUES ('r', 'threshold', '{}', '{}', 1)")
        conn.execute(
            "INSERT INTO alarm (rule_id, rule_version, target, priority, event_start, opened_at)"
            " SELECT id, 1, 'series:1', 1, now(), now() FROM rule"
        )
        monkeypatch.setattr(migrate, "steps", REAL_STEPS)
        there, todo = foresee.sizes(conn), migrate.plan(conn).run
        assert "alarm" in {touch.table.name for step in todo for touch in foresee.touches(step, there)}
        assert migrate.migrate(conn)[-1] == "views"
        assert migrate.plan(conn).run == ()
        assert conn.execute("SELECT value FROM usable_latest").fetchall() == [(7.0,)]
        assert conn.execute("SELECT count(*) FROM reading").fetchone() == (1,)
        assert conn.execute("SELECT isa FROM alarm_state").fetchone() is not None
        assert store(conn, [(series, now, 7.0)]) == 0


def test_what_a_step_touches_is_named_with_its_size_and_who_waits(conn):
    step = migrate.Step(
        "tables/999_x",
        b"-- Makes things. And more.\n-- ALTER TABLE series is only a word here\nCREATE TABLE fresh (a int REFERENCES feed (id));\n"
        b"CREATE INDEX x ON latest (time);\nALTER TABLE Reading ADD COLUMN y int;\nUPDATE reading SET y = 1;\nUPDATE sensor SET kind = '';",
    )
    found = {t.table.name: t.lock for t in foresee.touches(step, foresee.sizes(conn))}
    assert found == {
        "feed": "writes wait", "latest": "writes wait", "reading": "reads and writes wait", "sensor": "rows are changed"
    }  # fmt: skip
    assert foresee.about(step) == "Makes things"


def test_the_size_of_a_table_is_that_of_all_its_parts(conn):
    series, now = add_series(conn), clock(conn)
    before = foresee.sizes(conn)["reading"]
    conn.execute(
        "INSERT INTO reading SELECT %s, %s - n * interval '1 min', n FROM generate_series(1, 30000) n", (series, now)
    )
    conn.execute("ANALYZE reading")
    after = foresee.sizes(conn)["reading"]
    assert (before.rows, after.rows) == (0, 30000)
    assert after.bytes - before.bytes > 30000 * 30


def test_a_lock_that_is_not_had_ends_a_migration_with_nothing_changed(conn, database_url, monkeypatch):
    steps = [
        *migrate.steps("plain"),
        migrate.Step("tables/999_x", b"CREATE TABLE early (); ALTER TABLE series ADD COLUMN z int"),
    ]
    monkeypatch.setattr(migrate, "steps", lambda _: steps)
    conn.execute("SET lock_timeout = '200ms'")
    with psycopg.connect(database_url) as other:
        other.execute("SELECT count(*) FROM series")
        with pytest.raises(StoreAway, match="tables/999_x failed, and nothing was changed: a lock was not had in time"):
            migrate.migrate(conn)
    assert conn.execute("SELECT to_regclass('early')").fetchone() == (None,)
    assert migrate.migrate(conn) == ["tables/999_x"]


def test_a_server_that_lost_timescaledb_takes_no_row(conn, monkeypatch):
    lost = {**queries.load("migrate"), "lacks": b"SELECT true"}
    monkeypatch.setattr(queries, "load", lambda noun: lost)
    with pytest.raises(StoreAway, match=r"made with TimescaleDB.*shared_preload_libraries.*nothing is written"):
        migrate.sound(conn)
    with pytest.raises(StoreAway):
        migrate.engine(conn)


def test_a_timescaledb_under_the_apache_licence_is_refused_with_nothing_changed(empty_url, monkeypatch):
    """It has neither columnstore nor continuous aggregates, and only says so once its extension was made."""
    apache = {
        **queries.load("migrate"),
        "offered": b"SELECT true",
        "extension": b"CREATE TABLE made AS SELECT 'apache' AS licence",
        "licence": b"SELECT licence FROM made",
    }
    real = queries.load
    monkeypatch.setattr(queries, "load", lambda noun: apache if noun == "migrate" else real(noun))
    with database.connect(empty_url, autocommit=True) as conn:
        with pytest.raises(StoreError, match=r"Apache licence.*community edition.*nothing was changed"):
            migrate.migrate(conn)
        assert conn.execute("SELECT to_regclass('made'), to_regclass('schema_step')").fetchone() == (None, None)


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
    assert (code, "would run tables/001_city: The registry" in said, "engine plain" in said) == (3, True, True)
    assert "all or nothing" in said
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
