"""Brings a database to this version's schema: numbered SQL, each run once, forward only; views when they differ."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import psycopg

from ioc.errors import StoreAway, StoreError, StoreTooNew
from ioc.store import queries
from ioc.store.database import transaction, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.resources.abc import Traversable

    from ioc.store.database import Connection

ENGINES = ("timescale", "plain")
_LOCK = 0x10C  # advisory lock: two processes that start together migrate once
_VIEWS = "views"
_OLDEST_POSTGRES = 14  # date_bin


@dataclass(frozen=True, slots=True)
class Step:
    name: str  # 'tables/001_city'
    sql: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do: on which engine, on which PostgreSQL (its major version), which steps in order."""

    engine: str
    postgres: int
    run: tuple[Step, ...]


def steps(engine_name: str) -> list[Step]:
    """Every numbered file for this engine, common ones first within a number, and all views as the last step."""
    found = [(f.name, rank, folder, f) for rank, folder in enumerate(("tables", engine_name)) for f in _sql(folder)]
    ordered = sorted(found, key=lambda item: (item[0][:3], item[1], item[0]))
    numbered = [Step(f"{folder}/{name[:-4]}", f.read_bytes()) for name, _, folder, f in ordered]
    return [*numbered, Step(_VIEWS, b"\n".join(f.read_bytes() for f in _sql("views")))]


def plan(conn: Connection) -> Plan:
    """What `migrate` would run now, changing nothing. Raises StoreTooNew, StoreAway, StoreError."""
    with translated():
        version = conn.info.server_version
        if version < _OLDEST_POSTGRES * 10_000:
            raise StoreError(
                f"this is PostgreSQL {version // 10_000}, IOC needs {_OLDEST_POSTGRES} or newer: upgrade the server, "
                "or let `ioc up` bring its own"
            )
        sound(conn)
        ran = done(conn)
        chosen = _kept_engine(ran) or _offered_engine(conn)
        return Plan(chosen, version // 10_000, tuple(_missing(ran, steps(chosen))))


def sound(conn: Connection) -> None:
    """Before anything is written on a new connection. Raises StoreAway where the server has lost TimescaleDB."""
    with translated():
        lacks = conn.execute(queries.load("migrate")["lacks"]).fetchone() == (True,)
    if lacks:
        raise StoreAway(
            "this database was made with TimescaleDB, and its server now runs without: install the extension again, "
            "set shared_preload_libraries = 'timescaledb' in postgresql.conf and restart PostgreSQL; "
            "nothing is written meanwhile"
        )


def migrate(conn: Connection, tell: Callable[[str], None] = lambda _: None, *, patience: float = 600.0) -> list[str]:
    """Run what is missing; returns the names of the steps that were run. All of it, or nothing at all.

    conn must be in autocommit mode. tell: told once where another process is at it; `patience` seconds it is waited
    for. Raises StoreTooNew, StoreAway, StoreError.
    """
    with alone(conn, tell, patience), transaction(conn):
        todo = plan(conn)
        run(conn, todo.engine, todo.run)
        if todo.engine == "plain":
            _make_weeks(conn)
    return [step.name for step in todo.run]


def run(conn: Connection, engine: str, todo: Sequence[Step]) -> None:
    """Run these steps in the caller's transaction. Raises StoreError that names the step."""
    sql = queries.load("migrate")
    conn.execute(sql["create"])
    if engine == "timescale" and todo:
        conn.execute(sql["extension"])
        _refuse_apache(conn)
    for step in todo:
        _step(conn, step)


def _refuse_apache(conn: Connection) -> None:
    """Only an extension that was made knows its licence."""
    if conn.execute(queries.load("migrate")["licence"]).fetchone() == ("apache",):
        raise StoreError(
            "this TimescaleDB is built under the Apache licence, without columnstore and continuous aggregates: "
            "install its community edition, or take timescaledb out of shared_preload_libraries and restart "
            "PostgreSQL, which then serves as plain PostgreSQL; nothing was changed"
        )


def _step(conn: Connection, step: Step) -> None:
    try:
        with translated():
            conn.execute(step.sql)
            conn.execute(queries.load("migrate")["record"], {"name": step.name, "digest": step.digest})
    except StoreError as error:
        raise type(error)(f"{step.name} failed, and nothing was changed: {error}") from error


@contextmanager
def alone(conn: Connection, tell: Callable[[str], None] = lambda _: None, patience: float = 600.0) -> Iterator[None]:
    """Only one process migrates or restores; the others come after it and find nothing to do."""
    sql, deadline, told = queries.load("migrate"), time.monotonic() + patience, False
    with translated():
        while conn.execute(sql["lock"], {"key": _LOCK}).fetchone() != (True,):
            if time.monotonic() > deadline:
                raise StoreError(
                    f"another process has been migrating this database for {patience:.0f} s: let it end, or end it; "
                    "pg_locks names its session, of the kind 'advisory'. Nothing was changed by this one"
                )
            if not told:
                tell("another process migrates this database: waiting for it")
            told = True
            time.sleep(0.2)
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # a lost connection has let go of it already
            conn.execute(sql["unlock"], {"key": _LOCK})


def _make_weeks(conn: Connection) -> None:
    """Where a backup holds the table, upkeep makes the weeks later; a start does not wait for it."""
    with suppress(psycopg.errors.LockNotAvailable), conn.transaction():
        conn.execute(queries.load("migrate")["weeks"])


def engine(conn: Connection) -> str:
    """'timescale' or 'plain': the engine this database was made with. Raises StoreError where it was not made yet."""
    with translated():
        sound(conn)
        kept = _kept_engine(done(conn))
    if kept is None:
        raise StoreError("the database is empty: run `ioc migrate`")
    return kept


def done(conn: Connection) -> dict[str, str]:
    """Name -> digest of every step already run."""
    has_list = conn.execute(queries.load("migrate")["has_list"]).fetchone() == (True,)
    return dict(conn.execute(queries.load("migrate")["done"]).fetchall()) if has_list else {}


def _missing(done: dict[str, str], wanted: list[Step]) -> list[Step]:
    """The steps to run, in order. Views are one step that is run whenever they differ."""
    unknown = sorted(set(done) - {s.name for s in wanted})
    if unknown:
        raise StoreTooNew(
            f"the database has {', '.join(unknown)}, which this version does not know: upgrade this program, "
            "or use another database or --data folder"
        )
    for step in wanted:
        if step.name != _VIEWS and done.get(step.name, step.digest) != step.digest:
            raise StoreError(
                f"{step.name} is not as it was when this database was made, and released steps are frozen: use the "
                "version that made the database, or another database or --data folder"
            )
    return [step for step in wanted if done.get(step.name) != step.digest]


def _kept_engine(done: dict[str, str]) -> str | None:
    """An existing database keeps the engine it was made with, whatever became available since."""
    return next((name for name in ENGINES if any(step.startswith(f"{name}/") for step in done)), None)


def _offered_engine(conn: Connection) -> str:
    row = conn.execute(queries.load("migrate")["offered"]).fetchone()
    return "timescale" if row == (True,) else "plain"


def _sql(folder: str) -> list[Traversable]:
    root = files("ioc.store") / "sql" / folder
    if not root.is_dir():
        return []
    return sorted((f for f in root.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
