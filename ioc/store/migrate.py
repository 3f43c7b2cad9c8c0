"""Brings a database to this version's schema: numbered SQL, each run once, forward only; views every time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from ioc.errors import StoreError, StoreTooNew
from ioc.store import queries
from ioc.store.database import transaction

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from ioc.store.database import Connection

_LOCK = 0x10C  # advisory lock: two processes that start together migrate once


@dataclass(frozen=True, slots=True)
class Step:
    name: str  # 'tables/001_city'
    sql: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql).hexdigest()[:16]


def engine(conn: Connection) -> str:
    """'timescale' where the extension is installed or can be created, else 'plain'."""
    row = conn.execute(queries.load("migrate")["engine"]).fetchone()
    assert row is not None
    return str(row[0])


def steps(engine_name: str) -> list[Step]:
    """Every numbered file for this engine: common ones first within a number."""
    found = [(f.name, rank, folder, f) for rank, folder in enumerate(("tables", engine_name)) for f in _sql(folder)]
    ordered = sorted(found, key=lambda item: (item[0][:3], item[1], item[0]))
    return [Step(f"{folder}/{name[:-4]}", f.read_bytes()) for name, _, folder, f in ordered]


def migrate(conn: Connection) -> list[str]:
    """Run what is missing; returns the names of the steps that were run. Raises StoreTooNew, StoreError."""
    sql = queries.load("migrate")
    with transaction(conn):
        conn.execute(sql["lock"], {"key": _LOCK})
        conn.execute(sql["create"])
        chosen = engine(conn)
        if chosen == "timescale":
            conn.execute(sql["extension"])
        done = {str(name): str(digest) for name, digest in conn.execute(sql["done"])}
        wanted = steps(chosen)
        _refuse_newer(set(done) - {s.name for s in wanted})
        ran = [step.name for step in wanted if _run(conn, step, done)]
        for view in _sql("views"):
            conn.execute(view.read_bytes())
        if chosen == "plain":
            conn.execute(sql["weeks"])
    return ran


def _refuse_newer(unknown: set[str]) -> None:
    if unknown:
        raise StoreTooNew(
            f"the database has {', '.join(sorted(unknown))}, which this version does not know: upgrade this program, "
            "or use another database or --data folder"
        )


def _run(conn: Connection, step: Step, done: dict[str, str]) -> bool:
    if step.name in done:
        if done[step.name] != step.digest:
            raise StoreError(f"{step.name} was edited after it was run: migrations are frozen, add a new one")
        return False
    conn.execute(step.sql)
    conn.execute(queries.load("migrate")["record"], {"name": step.name, "digest": step.digest})
    return True


def _sql(folder: str) -> list[Traversable]:
    root = files("ioc.store") / "sql" / folder
    if not root.is_dir():
        return []
    return sorted((f for f in root.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
