"""The whole store -> one file, of one moment, while everything runs; ioc/store/restore.py reads it on either engine."""

from __future__ import annotations

from collections import defaultdict
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row

from ioc import __version__
from ioc.errors import StoreError
from ioc.store import archive, migrate, process, queries
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ioc.store.archive import Manifest, Writer
    from ioc.store.database import Connection


class Source(NamedTuple):
    """A table of ours, as PostgreSQL describes it; parents: the tables it refers to."""

    name: str
    columns: list[str]
    parents: list[str]
    is_view: bool
    read: str
    amount: str
    clear: str


class Progress(NamedTuple):
    """start: told how many rows there are; rows: told how many more were done."""

    start: Callable[[int], None] = lambda _: None
    rows: Callable[[int], None] = lambda _: None


def save(conn: Connection, path: Path, progress: Progress = Progress()) -> Manifest:  # noqa: B008
    """Write everything to `path`. conn in autocommit mode, of purpose WHOLE. Raises StoreAway, StoreError, OSError."""
    sql = queries.load("backup")
    with archive.writing(path) as writer, transaction(conn):
        conn.execute(sql["snapshot"])
        plan = migrate.plan(conn)
        if plan.run:
            raise StoreError(
                "the database is not of this version: run `ioc migrate`, or save it with the IOC that made it"
            )
        found = tables(conn)
        lock = conn.execute(sql["lock"], {"names": [t.name for t in found if not t.is_view]}).fetchone()
        assert lock is not None
        conn.execute(lock[0])
        _copy(conn, found, writer, progress)
        manifest = _manifest(conn, plan, writer)
        writer.finish(manifest)
    return manifest


def tables(conn: Connection) -> list[Source]:
    """What is saved, parents before children."""
    with conn.cursor(row_factory=class_row(Source)) as cursor:
        found = {t.name: t for t in cursor.execute(queries.load("backup")["tables"])}
    order = TopologicalSorter({t.name: [p for p in t.parents if p in found] for t in found.values()})
    return [found[name] for name in order.static_order()]


def _copy(conn: Connection, found: list[Source], writer: Writer, progress: Progress) -> None:
    counts = {t.name: amount(conn, t) for t in found}
    progress.start(sum(counts.values()))
    for table in found:
        writer.table(table.name, table.columns, _rows(conn, table), progress.rows)
        written = writer.tables[-1].rows
        if written != counts[table.name]:
            raise StoreError(f"{table.name} gave {written} rows of {counts[table.name]}: the backup was not kept")


def _rows(conn: Connection, table: Source) -> Iterator[bytes | bytearray | memoryview]:
    with conn.cursor() as cursor, cursor.copy(table.read.encode()) as copy:
        yield from copy


def _manifest(conn: Connection, plan: migrate.Plan, writer: Writer) -> Manifest:
    sql = queries.load("backup")
    weeks = defaultdict[str, list[tuple[str, int]]](list)
    for table, week, rows in conn.execute(sql["weeks"]).fetchall():
        weeks[table].append((week.isoformat(), rows))
    with conn.cursor(row_factory=class_row(archive.Sequence)) as cursor:
        sequences = cursor.execute(sql["sequences"]).fetchall()
    city = conn.execute(sql["city"]).fetchone()
    return archive.Manifest(
        format=archive.FORMAT, made_at=process.now(conn).isoformat(timespec="seconds"), version=__version__,
        engine=plan.engine, postgres=plan.postgres, city=city[0] if city else "", steps=sorted(migrate.done(conn)),
        tables=writer.tables, sequences=sequences, weeks=dict(weeks),
    )  # fmt: skip


def amount(conn: Connection, table: Source) -> int:
    """Its rows."""
    row = conn.execute(table.amount.encode()).fetchone()
    assert row is not None
    return int(row[0])
