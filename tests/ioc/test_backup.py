"""A backup holds every table, and a restore makes the same store of it, or changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
import zipfile
from datetime import timedelta

import psycopg
import pytest

from ioc import cli
from ioc.errors import IocError, StoreError, StoreTooNew
from ioc.store import archive, backup, database, migrate, restore, rollups, upkeep
from tests import timescale as timescales
from tests.ioc.store_parts import add_series, ago, city_folder, clock, store
from tests.services import wait_for

MARKED = {"dirty", "dirty_hour"}  # TimescaleDB marks hours, plain PostgreSQL marks them by series


@pytest.fixture
def empty(postgres):
    """URLs of databases in which nothing was made yet."""
    names, admin = [], postgres.url[: -len("/ioc")] + "/postgres"

    def make():
        names.append(f"r_{uuid.uuid4().hex[:12]}")
        with psycopg.connect(admin, autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {names[-1]}")
        return postgres.url[: -len("/ioc")] + f"/{names[-1]}"

    yield make
    with psycopg.connect(admin, autocommit=True) as conn:
        for name in names:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def whole(url):
    return database.connect(url, autocommit=True, purpose=database.WHOLE)


def fill(conn, folder):
    """A city with years in it: rows in every kind of table, text that COPY must escape, a stray clock, rollups."""
    dense, sparse = add_series(conn), add_series(conn)
    start = ago(days=200)
    rows = [(dense, start + timedelta(seconds=20 * n), n % 7 / 3) for n in range(1500)]
    rows += [(sparse, ago(days=d), -d / 7) for d in range(1, 400, 3)] + [(sparse, ago(days=9000), 1e-300)]
    store(conn, rows)
    span = rollups.Span(rollups.hour_of(clock(conn)), ago(days=9999), ago(days=9999))
    while rollups.run(conn, migrate.engine(conn), span):
        pass
    conn.execute(
        "INSERT INTO rollup_1d SELECT series_id, bucket - interval '3 years', 9, 8, 1, 2, 1, 2 FROM rollup_1d LIMIT 1"
    )
    store(conn, [(dense, ago(days=1), 5.0)])
    sensor = conn.execute("SELECT sensor_id FROM series WHERE id = %s", (dense,)).fetchone()[0]
    feed = conn.execute("SELECT feed_id FROM series WHERE id = %s", (dense,)).fetchone()[0]
    conn.execute("INSERT INTO position (sensor_id, time, lat, lon) VALUES (%s, %s, 9.6, 106), (%s, %s, 9.7, 106)",
                 (sensor, ago(days=3), sensor, ago(hours=1)))  # fmt: skip
    ugly = 'tab\tnew\nline \\N back\\slash "quotes" Sóc Trăng ສະບາຍດີ \x7f'
    conn.execute(
        "UPDATE sensor SET kind = %s, properties = jsonb_build_object('a', %s::text) WHERE id = %s",
        (ugly, ugly, sensor),
    )
    conn.execute("INSERT INTO quarantine (feed_id, received_at, topic, payload, size, reason) VALUES (%s, now(), %s, %s, 4, 'r')",
                 (feed, ugly, b"\x00\xff\n\t"))  # fmt: skip
    event = conn.execute("INSERT INTO event (feed_id, key, kind, status, opened_at, changed_at) VALUES (%s, 'e', 'k', 'open', now(), now()) RETURNING id",
                         (feed,)).fetchone()[0]  # fmt: skip
    conn.execute("INSERT INTO event_change (event_id, time, status, severity) VALUES (%s, now(), 'open', 1)", (event,))
    conn.execute("INSERT INTO rule (key, kind, name, settings, priority) VALUES ('r', 'threshold', '{}', '{}', 1)")
    conn.execute("INSERT INTO contact (key, name, email) VALUES ('c', 'C', 'c@example.org')")
    conn.execute("INSERT INTO alarm (rule_id, rule_version, target, series_id, priority, event_start, opened_at)"
                 " SELECT id, 1, 'x', %s, 1, now(), now() FROM rule", (dense,))  # fmt: skip
    conn.execute("INSERT INTO alarm_change (alarm_id, seq, kind) SELECT id, 1, 'raised' FROM alarm")
    conn.execute(
        "INSERT INTO suspect (series_id, time, value, reason) VALUES (%s, now(), 'NaN', 'not_finite')", (dense,)
    )
    upkeep.run(conn, folder)
    return dense


def contents(conn):
    """Every table of ours -> digest of its rows."""
    found = {}
    for table in backup.tables(conn):
        columns = ", ".join(f'"{c}"' for c in table.columns)
        query = f"SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM (SELECT {columns} FROM {table.name}) t"
        found[table.name] = conn.execute(query).fetchone()
    return found


def test_a_restored_database_equals_the_saved_one_table_by_table(conn, empty, tmp_path):
    fill(conn, city_folder(tmp_path))
    before, file = contents(conn), tmp_path / "city.backup"
    made = backup.save(conn, file)
    assert made.rows == sum(count for count, _ in before.values())
    assert {"reading", "rollup_1d", "alarm", "quarantine"} <= {name for name, (count, _) in before.items() if count}
    with whole(empty()) as other:
        restore.load(other, file)
        assert contents(other) == before
        assert migrate.plan(other).run == ()
        homes = "SELECT tableoid::regclass::text FROM reading GROUP BY 1 ORDER BY 1"
        assert other.execute(homes).fetchall()[0][0].startswith("reading_2"), "the weeks are there again"
        new = add_series(other)
        assert new > max(i for (i,) in other.execute("SELECT id FROM series WHERE id <> %s", (new,)))
        assert store(other, [(new, ago(hours=2), 1.0)]) == 1


def test_the_file_is_of_one_moment_while_rows_come_in(conn, database_url, tmp_path):
    series, start = add_series(conn), ago(days=1)
    store(conn, [(series, start + timedelta(seconds=n), 1.0) for n in range(500)])
    told = []

    def more(rows):
        with psycopg.connect(database_url, autocommit=True) as other:  # after the snapshot, before the table is read
            if not told:
                other.execute("INSERT INTO feed (key, name) VALUES ('late', '{}')")
                store(other, [(series, start - timedelta(seconds=n + 1), 1.0) for n in range(50)])
        told.append(rows)

    made = backup.save(conn, tmp_path / "f", backup.Progress(rows=more))
    rows = {t.name: t.rows for t in made.tables}
    assert told
    assert (rows["reading"], rows["latest"]) == (500, 1)
    assert (tmp_path / "f").stat().st_mode & 0o077 == 0, "people's mail addresses are nobody else's business"


def truncated(data):
    return data[: len(data) * 2 // 3]


def flipped(data):
    at = data.index(b"tables/reading.copy") + 200
    return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


def other_file(data):
    return b"-- PostgreSQL database dump" * 100


@pytest.mark.parametrize("damage", [truncated, flipped, other_file])
def test_a_damaged_file_is_refused_before_anything_is_changed(conn, empty, tmp_path, damage):
    fill(conn, city_folder(tmp_path))
    file = tmp_path / "b"
    backup.save(conn, file)
    file.write_bytes(damage(file.read_bytes()))
    with whole(empty()) as other:
        with pytest.raises(archive.ArchiveError, match=r"damaged|not a whole backup"):
            restore.load(other, file)
        assert backup.tables(other) == []


def rewritten(file, change):
    """The archive with another manifest, its tables as they were."""
    with zipfile.ZipFile(file) as old:
        manifest = archive._manifest(file, old)
        parts = {name: old.read(name) for name in old.namelist() if name != "manifest.json"}
    with zipfile.ZipFile(file, "w") as new:
        for name, data in parts.items():
            new.writestr(name, data)
        archive.Writer(new).finish(manifest.model_copy(update=change(manifest)))


def test_a_file_whose_rows_were_edited_is_refused(conn, empty, tmp_path):
    fill(conn, city_folder(tmp_path))
    backup.save(conn, tmp_path / "b")
    with zipfile.ZipFile(tmp_path / "b") as old, zipfile.ZipFile(tmp_path / "c", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"c@example.org", b"d@example.org"))
    with whole(empty()) as other, pytest.raises(archive.ArchiveError, match="contact is not as it was written"):
        restore.load(other, tmp_path / "c")


def test_a_backup_of_a_newer_version_is_refused(conn, empty, tmp_path):
    file = tmp_path / "b"
    backup.save(conn, file)
    rewritten(file, lambda m: {"steps": [*m.steps, "tables/999_future"]})
    with whole(empty()) as other, pytest.raises(StoreTooNew, match=r"999_future.*upgrade this program"):
        restore.load(other, file)
    rewritten(file, lambda _: {"format": 2})
    with whole(empty()) as other, pytest.raises(archive.ArchiveError, match="newer IOC"):
        restore.load(other, file)


def test_a_backup_of_the_first_version_becomes_one_of_this(empty, tmp_path, monkeypatch):
    real, file = migrate.steps, tmp_path / "old"
    first = lambda e: [s for s in real(e) if s.name != "views" and s.name.partition("/")[2][:3] <= "005"]  # noqa: E731
    monkeypatch.setattr(migrate, "steps", first)
    with whole(empty()) as old:
        migrate.migrate(old)
        series = add_series(old)
        old.execute("INSERT INTO reading VALUES (%s, %s, 4)", (series, ago(days=1)))
        old.execute("INSERT INTO latest VALUES (%s, %s, 4, now())", (series, ago(days=1)))
        backup.save(old, file)
    monkeypatch.setattr(migrate, "steps", real)
    with whole(empty()) as new:
        restore.load(new, file)
        assert migrate.plan(new).run == ()
        assert new.execute("SELECT value FROM usable_latest").fetchall() == [(4.0,)]


@pytest.mark.parametrize("holder", ["a city", "something else"])
def test_only_an_empty_database_is_filled(conn, empty, tmp_path, holder):
    file = tmp_path / "b"
    backup.save(conn, file)
    with whole(empty()) as other:
        if holder == "a city":
            migrate.migrate(other)
            add_series(other)
        else:
            other.execute("CREATE TABLE shop (id int)")
        before = len(backup.tables(other))
        with pytest.raises(StoreError, match=r"not empty.*createdb NEW.*Nothing was changed"):
            restore.load(other, file)
        assert len(backup.tables(other)) == before


def test_a_database_that_was_only_migrated_is_empty(conn, empty, tmp_path):
    fill(conn, city_folder(tmp_path))
    backup.save(conn, tmp_path / "b")
    with whole(empty()) as other:
        migrate.migrate(other)
        restore.load(other, tmp_path / "b")
        assert contents(other) == contents(conn)


def test_a_restore_that_fails_leaves_nothing(conn, empty, tmp_path, monkeypatch):
    fill(conn, city_folder(tmp_path))
    backup.save(conn, tmp_path / "b")

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        migrate, "run", lambda c, e, s, real=migrate.run: fails() if s and s[-1].name == "views" else real(c, e, s)
    )
    with whole(empty()) as other:
        with pytest.raises(OSError, match="No space"):
            restore.load(other, tmp_path / "b")
        assert backup.tables(other) == []


def test_a_backup_that_fails_keeps_the_last_one(conn, tmp_path):
    file = tmp_path / "b"
    backup.save(conn, file)
    good = file.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device", str(file))

    with pytest.raises(OSError, match="No space"):
        backup.save(conn, file, backup.Progress(rows=full))
    assert file.read_bytes() == good
    assert list(tmp_path.iterdir()) == [file]


needs_server = pytest.mark.skipif(
    not timescales.DSN, reason="PGlite takes no COPY; IOC_TEST_TIMESCALE_DSN names a server that does"
)


@needs_server
@pytest.mark.node
def test_a_backup_changes_engines_both_ways(conn, empty, tmp_path):
    fill(conn, city_folder(tmp_path))
    plain = contents(conn)
    backup.save(conn, tmp_path / "plain")
    with timescales.server() as url, whole(url) as hyper:
        restore.load(hyper, tmp_path / "plain")
        assert migrate.engine(hyper) == "timescale"
        there = contents(hyper)
        differ = {name for name in plain if plain[name] != there[name]}
        assert differ <= MARKED | {"rollup_1m", "rollup_1h", "rollup_1d"}
        for table in ("rollup_1h", "rollup_1d"):
            query = f"SELECT series_id, bucket, count, round(sum::numeric, 6), min, max, first, last FROM {table}"
            assert set(conn.execute(query).fetchall()) <= set(hyper.execute(query).fetchall())
        series = add_series(hyper)
        store(hyper, [(series, ago(days=1), 1.0)])
        backup.save(hyper, tmp_path / "hyper")
        rows = {
            t: hyper.execute(f"SELECT count(*) FROM {t}").fetchone()[0]
            for t in ("reading", "rollup_1h", "sensor", "alarm")
        }
    with whole(empty()) as again:
        restore.load(again, tmp_path / "hyper")
        assert migrate.engine(again) == "plain"
        assert rows == {t: again.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in rows}


@needs_server
@pytest.mark.node
def test_a_backup_of_timescale_comes_back_as_it_was(tmp_path):
    with timescales.server() as url, timescales.server() as second, whole(url) as hyper, whole(second) as other:
        migrate.migrate(hyper)
        series = add_series(hyper)
        store(hyper, [(series, ago(days=40) + timedelta(seconds=30 * n), float(n % 5)) for n in range(2000)])
        upkeep.run(hyper, city_folder(tmp_path, rollup_1m="4000d"))
        backup.save(hyper, tmp_path / "b")
        restore.load(other, tmp_path / "b")
        before, after = contents(hyper), contents(other)
        assert {n for n in before if before[n] != after[n]} <= MARKED


def test_both_commands_work_on_data_folders_that_do_not_run(tmp_path, database_url, conn, capsys, monkeypatch):
    fill(conn, city_folder(tmp_path))
    file, home = tmp_path / "f.ioc", tmp_path / "data"
    monkeypatch.setenv("IOC_DATABASE_URL", database_url)
    assert cli.main(["backup", str(file)]) == 0
    said = capsys.readouterr().out
    assert (f"{file}: " in said, "rows of" in said) == (True, True)
    monkeypatch.delenv("IOC_DATABASE_URL")
    assert cli.main(["restore", str(file), "--data", str(home)]) == 0
    second = tmp_path / "g.ioc"
    assert cli.main(["backup", str(second), "--data", str(home)]) == 0
    with archive.reading(file) as one, archive.reading(second) as two:
        rows = [{t.name: t.rows for t in a.manifest.tables if t.name != "audit"} for a in (one, two)]
    assert rows[0] == rows[1]
    assert cli.main(["restore", str(file), "--data", str(home)]) == 1
    assert "not empty" in capsys.readouterr().err


def test_a_killed_backup_leaves_no_file_that_looks_like_one(tmp_path, database_url, conn):
    series = add_series(conn)
    conn.execute(
        "INSERT INTO reading SELECT %s, now() - n * interval '1 s', n FROM generate_series(1, 200000) n", (series,)
    )
    file = tmp_path / "b"
    environment = {**os.environ, "IOC_DATABASE_URL": database_url}
    process = subprocess.Popen([sys.executable, "-m", "ioc", "backup", str(file)], env=environment)
    wait_for(lambda: list(tmp_path.iterdir()), "it begins to write", every=0.001)
    process.kill()
    process.wait()
    assert not file.exists()
    assert backup.save(conn, file).rows > 200_000, "and what it left is in nobody's way"


def test_a_missing_file_is_one_line(capsys, monkeypatch, database_url):
    monkeypatch.setenv("IOC_DATABASE_URL", database_url)
    assert cli.main(["restore", "/nowhere/x.ioc"]) == 1
    assert capsys.readouterr().err == "ioc: /nowhere/x.ioc: No such file or directory\n"


def test_the_errors_are_ours():
    assert issubclass(archive.ArchiveError, IocError)


def test_what_lets_somebody_in_now_is_in_no_backup(conn):
    """A session that ended since would be good again, a link used since could be used again."""
    from ioc.store import backup

    kept = {source.name for source in backup.tables(conn)}
    assert {"person", "token", "audit", "display"} <= kept
    assert kept & {"session", "one_time", "pairing"} == set()
