"""One evaluator at a time: a session lock, an epoch that fences whoever slept, and the list of ticks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ioc.errors import StoreError
from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from datetime import datetime

    from ioc.store.database import Connection

_LOCK = 0x10C_00A1
STALE = timedelta(seconds=20)  # a leader beats every two


class Deposed(StoreError):  # noqa: N818  it says what happened
    """Another evaluator took over while this one slept."""


def lead(conn: Connection, name: str, holder: str) -> int | None:
    """The epoch in which this session leads; None while another one does. The connection must be its own.

    A leader that has given no sign of life for STALE loses its session, and the lead at the next call.
    """
    with translated():
        locked = conn.execute(_sql("lock"), {"key": _LOCK}).fetchone()
        if not locked or not locked[0]:
            conn.execute(_sql("oust"), {"name": name, "key": _LOCK, "stale": STALE})
            return None
        row = conn.execute(_sql("take"), {"name": name, "holder": holder}).fetchone()
    return None if row is None else int(row[0])


def hold(conn: Connection, name: str, epoch: int) -> None:
    """First thing in a transaction that only the leader may do. Raises Deposed."""
    if conn.execute(_sql("hold"), {"name": name, "epoch": epoch}).fetchone() is None:
        raise Deposed


def beat(conn: Connection, name: str, epoch: int) -> None:
    """Seen alive."""
    with translated():
        conn.execute(_sql("beat"), {"name": name, "epoch": epoch})


def last_tick(conn: Connection, before: datetime) -> datetime | None:
    """The newest tick up to `before` that was finished."""
    row = conn.execute(_sql("last_tick"), {"before": before}).fetchone()
    return row[0] if row else None


def begin_tick(conn: Connection, at: datetime) -> bool:
    """False when this tick was done already."""
    return conn.execute(_sql("begin_tick"), {"at": at}).fetchone() is not None


def end_tick(conn: Connection, at: datetime, *, opened: int, cleared: int, error: str | None) -> None:
    """What came of the tick."""
    row = conn.execute(_sql("pairs")).fetchone()
    pairs = int(row[0]) if row else 0
    conn.execute(_sql("end_tick"), {"at": at, "pairs": pairs, "opened": opened, "cleared": cleared, "error": error})


def forget_ticks(conn: Connection, at: datetime) -> None:
    """Drop ticks older than two days."""
    conn.execute(_sql("forget_ticks"), {"at": at})


def _sql(name: str) -> bytes:
    return queries.load("leader")[name]
