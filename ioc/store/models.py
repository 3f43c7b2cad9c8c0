"""Models of series kept and found again, and the history they are learned from. Times in microseconds UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from ioc.records import Micros
    from ioc.store.arrays import Array
    from ioc.store.database import Connection

# PostgreSQL's binary COPY of two columns that are never null: months of readings in a moment.
_ROW = np.dtype([("columns", ">i2"), ("l1", ">i4"), ("at", ">i8"), ("l2", ">i4"), ("value", ">f8")])
_HEAD, _TAIL = 19, 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Wanted(NamedTuple):
    """Which model: of what series, what is learned, with which settings, for which local day."""

    series_id: int
    name: str
    key: str
    day: date


def get(conn: Connection, wanted: Sequence[Wanted]) -> dict[Wanted, Any]:
    """What is kept of those that were learned; None where too little was known then."""
    if not wanted:
        return {}
    columns = dict(zip(("series", "names", "keys", "days"), map(list, zip(*wanted, strict=True)), strict=True))
    with translated():
        return {Wanted(*row[:4]): row[4] for row in conn.execute(_sql("get"), columns)}


def put(conn: Connection, wanted: Wanted, state: dict[str, Any] | None) -> None:
    told = None if state is None else orjson.dumps(state).decode()
    with translated():
        conn.execute(_sql("put"), {"series": wanted.series_id, "name": wanted.name, "key": wanted.key,
                                   "day": wanted.day, "state": told})  # fmt: skip


def missing(
    conn: Connection, asked: Sequence[tuple[int, str, str]], day: date, now: datetime, limit: int
) -> list[tuple[int, int]]:
    """(rule id, series id) that have no model for the day. asked: (rule id, name, key)."""
    if not asked:
        return []
    rules, names, keys = (list(column) for column in zip(*asked, strict=True))
    values = {"rules": rules, "names": names, "keys": keys, "day": day, "now": now, "limit": limit}
    with translated():
        return conn.execute(_sql("missing"), values).fetchall()


def newest(conn: Connection, series: int, name: str) -> tuple[date, Any] | None:
    """(day, state) of the newest model of that name."""
    with translated():
        return conn.execute(_sql("newest"), {"series": series, "name": name}).fetchone()


def forget(conn: Connection, before: date) -> None:
    with translated():
        conn.execute(_sql("forget"), {"before": before})


def holidays(conn: Connection) -> frozenset[date]:
    with translated():
        return frozenset(row[0] for row in conn.execute(_sql("holidays")))


def history(conn: Connection, series: int, start: Micros, end: Micros, *, coarse: bool = False) -> tuple[Array, Array]:
    """(times, values) with start <= time < end; coarse: means of twenty minutes."""
    span = {"series": series, "start": _moment(start), "end": _moment(end)}
    with translated(), conn.cursor() as cursor, cursor.copy(_sql("coarse" if coarse else "readings"), span) as copy:
        table = np.frombuffer(b"".join(copy)[_HEAD:-_TAIL], dtype=_ROW)
    return table["at"].astype(np.int64), table["value"].astype(np.float64)


def _moment(at: Micros) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def _sql(name: str) -> bytes:
    return queries.load("models")[name]
