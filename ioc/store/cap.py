"""CAP messages that people confirmed: what was issued about an alarm, by whom, and the exact text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import dict_row

from ioc.store import queries

if TYPE_CHECKING:
    from datetime import datetime

    from ioc.store.database import Connection


class Earlier(NamedTuple):
    """A message that later ones about the same alarm refer to."""

    identifier: str
    msg_type: str
    status: str
    sent: datetime


def earlier(conn: Connection, alarm: int, status: str, scope: str) -> list[Earlier]:
    """Oldest first, of the same status and scope: an exercise never updates a real warning."""
    values = {"alarm": alarm, "status": status, "scope": scope}
    return [Earlier(*row) for row in conn.execute(_sql("earlier"), values)]


def put(conn: Connection, **message: Any) -> None:
    """identifier, alarm, msg_type, status, scope, sent, refs, xml, by. Nothing actual or public without a name."""
    conn.execute(_sql("put"), message)


def issued(conn: Connection, most: int = 1000) -> list[dict[str, Any]]:
    """Newest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_sql("all"), {"most": most}).fetchall()


def _sql(name: str) -> bytes:
    return queries.load("cap")[name]
