"""Reads of the past -> a replica, as long as it lags only a little; else the primary. What is live never comes here.

The lag is measured at each read: the age of the newest commit that the replica has. The parts say every few seconds
that they live, so a replica that follows is never older than that.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from ioc.errors import StoreAway
from ioc.store import database, queries

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg_pool import ConnectionPool

    from ioc.store.database import Connection

P = ParamSpec("P")
T = TypeVar("T")
MOST = timedelta(seconds=30)  # older than this a replica is not asked


def lag(conn: Connection) -> timedelta:
    """How old what this server shows may be; 0 on a primary."""
    row = conn.execute(queries.load("process")["lag"]).fetchone()
    assert row is not None
    return row[0] if row[0] is not None else timedelta.max


class Past:
    """lag: of the replica at the last read; None where the primary was asked."""

    def __init__(self, primary: ConnectionPool[Connection], url: str = "", *, most: timedelta = MOST) -> None:
        self._primary, self._most = primary, most
        self._replica = database.pool(url, name="ioc past", size=2, attrs="prefer-standby") if url else None
        self.lag: timedelta | None = None

    def read(self, what: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`what(conn, ...)` in a transaction on the replica, or on the primary. Raises StoreAway, StoreError."""
        if self._replica is not None:
            try:
                with database.transaction(self._replica) as conn:
                    self.lag = lag(conn)
                    if self.lag <= self._most:
                        return what(conn, *args, **kwargs)
            except StoreAway:  # away, or it gave up a long query because it must follow
                pass
        self.lag = None
        with database.transaction(self._primary) as conn:
            return what(conn, *args, **kwargs)

    def close(self) -> None:
        if self._replica is not None:
            self._replica.close(timeout=2)
