"""A backup's file -> an empty database, on either engine: all of it in one transaction, or nothing.

The file is read once and compared with its manifest before the database is touched. The schema is made as it was when
the backup was, the rows are put in, and then the newer steps run as they would have on the old database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ioc.errors import StoreError, StoreTooNew
from ioc.store import archive, backup, migrate, queries, rollups
from ioc.store.backup import Progress
from ioc.store.database import transaction, translated
from ioc.store.migrate import Step

if TYPE_CHECKING:
    from pathlib import Path

    from ioc.store.archive import Manifest, Reader, Table
    from ioc.store.database import Connection

_WEEKS = {"reading": "time", "position": "time", "rollup_1m": "bucket"}
_WORTH = 1000  # rows in a week that make a partition of it; the few of stray clocks stay together
_NOT_EMPTY = (
    "the database is not empty, and a backup goes into an empty one only: make one (createdb NEW) and name it in "
    "IOC_DATABASE_URL, or give a new folder with --data DIR. Nothing was changed"
)
_SILENT = Progress()
_EVER = datetime(1, 1, 1, tzinfo=UTC)


def load(conn: Connection, path: Path, verify: Progress = _SILENT, progress: Progress = _SILENT) -> Manifest:
    """Restore `path`. conn: in autocommit mode, of purpose WHOLE. Raises ArchiveError, StoreTooNew, StoreError."""
    with archive.reading(path) as reader:
        manifest = reader.manifest
        engine = migrate.plan(conn).engine
        before, after = _steps(manifest, engine)
        with migrate.alone(conn):
            _refuse_full(conn, before)
            verify.start(manifest.rows)
            reader.verify(verify.rows)
            progress.start(manifest.rows)
            with transaction(conn):
                _fill(conn, engine, before, reader, progress)
                migrate.run(conn, engine, after)
        _finish(conn, engine)
    return manifest


def _steps(manifest: Manifest, engine: str) -> tuple[list[Step], list[Step]]:
    """Those to run before the rows come, as the old database had them, and those after. Raises StoreTooNew."""
    known = {s.name for e in migrate.ENGINES for s in migrate.steps(e)}
    if unknown := sorted(set(manifest.steps) - known):
        raise StoreTooNew(
            f"the backup has {', '.join(unknown)}, which this version does not know: upgrade this program"
        )
    newest = max((name.partition("/")[2][:3] for name in manifest.steps if "/" in name), default="")
    before, after = list[Step](), list[Step]()
    for step in migrate.steps(engine):
        folder, _, name = step.name.partition("/")
        was_there = step.name in manifest.steps if folder == "tables" else bool(name) and name[:3] <= newest
        (before if was_there else after).append(step)
    return before, after


def _refuse_full(conn: Connection, before: list[Step]) -> None:
    """Raises StoreError where something is in the database; a schema that was just made is nothing."""
    with translated():
        anything, ours = conn.execute(queries.load("backup")["anything"]).fetchone() or (True, False)
        if not anything:
            return
        if not ours or conn.execute(queries.load("backup")["holds"]).fetchone() == (True,):
            raise StoreError(_NOT_EMPTY)
        if {s.name for s in before} != set(migrate.done(conn)) - {"views"}:
            raise StoreError(
                "the backup is of an older version than this database's empty tables: restore it into a database in "
                "which nothing was made yet (createdb NEW). Nothing was changed"
            )


def _fill(conn: Connection, engine: str, before: list[Step], reader: Reader, progress: Progress) -> None:
    sql = queries.load("backup")
    if not migrate.done(conn):
        migrate.run(conn, engine, before)
    there = {t.name: t for t in backup.tables(conn)}
    conn.execute(sql["restoring"])
    _clear(conn, list(there.values()))
    if engine == "plain":
        _make_weeks(conn, reader.manifest)
    for table in reader.manifest.tables:
        _put(conn, table, there[table.name], reader, progress)
    for sequence in reader.manifest.sequences:
        conn.execute(sql["go_on"], sequence.model_dump())
    if engine == "timescale":
        conn.execute(sql["hours_of_timescale"])
    elif reader.manifest.engine == "timescale":
        conn.execute(sql["hours_of_plain"])


def _clear(conn: Connection, found: list[backup.Source]) -> None:
    """What migration itself put in comes from the file instead; children before parents."""
    for table in reversed(found):
        if not table.is_view and backup.amount(conn, table):
            conn.execute(table.clear.encode())


def _make_weeks(conn: Connection, manifest: Manifest) -> None:
    for table, column in _WEEKS.items():
        for week, rows in manifest.weeks.get(table, ()):
            if rows >= _WORTH:
                values = {"table": table, "column": column, "week": week}
                conn.execute(queries.load("backup")["make_week"], values)


def _put(conn: Connection, table: Table, there: backup.Source, reader: Reader, progress: Progress) -> None:
    sql = queries.load("backup")
    target = conn.execute(sql["behind" if there.is_view else "name"], {"name": table.name}).fetchone()
    assert target is not None
    statement = conn.execute(sql["write"], {"target": target[0], "columns": table.columns}).fetchone()
    assert statement is not None
    with conn.cursor() as cursor, cursor.copy(statement[0].encode()) as copy:
        for block in reader.blocks(table):
            copy.write(block)
            progress.rows(block.count(b"\n"))


def _finish(conn: Connection, engine: str) -> None:
    """What cannot be part of the transaction, and is done by upkeep should it be cut short."""
    with translated():
        conn.execute(queries.load("backup")["analyze"])
        if engine != "plain":
            span = rollups.Span(rollups.hour_of(datetime.now(UTC)), _EVER, _EVER)
            while rollups.run(conn, engine, span):
                pass
