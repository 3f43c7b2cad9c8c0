"""What somebody at a desk asks the ingester to do: asked on a screen, done by the ingester, answered here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from psycopg.rows import dict_row

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ioc.store.database import Connection


class Request(NamedTuple):
    """kind: `replay`, the feed's quarantine is tried again."""

    id: int
    kind: str
    feed: str


def ask(conn: Connection, kind: str, feed: int, by: str) -> bool:
    """False when the same already waits."""
    values = {"kind": kind, "feed": feed, "by": by[:80]}
    with translated():
        return conn.execute(queries.load("requests")["ask"], values).fetchone() is not None


def waiting(conn: Connection) -> list[Request]:
    """What is to be done, oldest first; held by the caller's transaction against other ingesters."""
    with translated():
        return [Request(*row) for row in conn.execute(queries.load("requests")["waiting"])]


def done(conn: Connection, id_: int, result: Mapping[str, Any]) -> None:
    with translated():
        conn.execute(queries.load("requests")["done"], {"id": id_, "result": orjson.dumps(result).decode()})


def newest(conn: Connection, feed: int) -> list[dict[str, Any]]:
    """The last requests about one feed: id, kind, by, at, done_at, result."""
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(queries.load("requests")["newest"], {"feed": feed}).fetchall()
