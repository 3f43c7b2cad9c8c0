"""What `ioc bench ingest` compares with, and how it looks at a commit from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ioc.store import queries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ioc.store.database import Connection


def series(conn: Connection) -> Iterator[tuple[tuple[str, str], int]]:
    """((sensor key, metric), series id) of all."""
    for key, metric, id_ in conn.execute(queries.load("series")["known_series"]):
        yield (key, metric), id_


def insert(conn: Connection, series_id: int, micros: int, value: float) -> None:
    """One reading by one INSERT."""
    values = {"series": series_id, "seconds": micros / 1e6, "value": value}
    conn.execute(queries.load("baseline")["insert"], values)


def stored(conn: Connection) -> int:
    """Readings the ledger says were stored."""
    row = conn.execute(queries.load("baseline")["stored"]).fetchone()
    return int(row[0]) if row else 0


def listen(conn: Connection) -> None:
    """Hear of commits on this autocommit connection."""
    conn.execute(queries.load("baseline")["listen"])


def times_of(conn: Connection, change: int, metric: str) -> list[datetime]:
    """The times of the newest readings of this metric that a commit touched."""
    found = conn.execute(queries.load("baseline")["times_of"], {"change": change, "metric": metric})
    return [row[0] for row in found]
