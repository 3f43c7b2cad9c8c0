"""One batch of what the feeds said -> rows. The caller owns the transaction, so a batch and its ledger commit as one.

Each `add_*` says which of its rows were new; the database is the judge: a redelivery is counted, never stored twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import psycopg

from ioc.store import arrays, queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.store.arrays import Array
    from ioc.store.database import Connection

LOCK = 0x10C_0003  # advisory lock: two ingesters that move the same series take turns instead of deadlocking
_CAUTIOUS = 8  # after a batch with duplicates, so many batches take the slower way at once


class Readings(NamedTuple):
    """Parallel columns: series ids int32, times datetime64[us], values float64 (finite)."""

    series: Array
    time: Array
    value: Array

    def take(self, which: Array) -> Readings:
        """The rows of a mask or an index."""
        return Readings(self.series[which], self.time[which], self.value[which])


class Positions(NamedTuple):
    """Parallel columns: sensor ids int32, times datetime64[us], the rest float64 with NaN where unknown."""

    sensor: Array
    time: Array
    lat: Array
    lon: Array
    speed: Array
    heading: Array

    def take(self, which: Array) -> Positions:
        return Positions(*(column[which] for column in self))


@dataclass(slots=True)
class Writer:
    """What one writing connection remembers between its batches."""

    conn: Connection
    cautious: int = 0
    late: bool = False  # the last batch moved nothing in `latest`, as when the past is loaded
    seen: Array = field(default_factory=lambda: np.zeros(0, dtype="M8[us]"))  # the newest time written, by series id

    def __post_init__(self) -> None:
        arrays.adapt(self.conn)


def order(keys: Array, time: Array) -> tuple[Array, Array]:
    """(mask of the rows that are the first with their key and time, index of the newest row of each key).

    The index is in rising order of the key.
    """
    by_key = np.lexsort((time, keys))  # stable: of equal rows the first to arrive stays first
    keys, time = keys[by_key], time[by_key]
    changes = keys[1:] != keys[:-1]
    first = np.ones(len(by_key), dtype=bool)
    first[by_key[1:]] = changes | (time[1:] != time[:-1])
    last_of_key = np.append(changes, np.True_)[: len(by_key)]
    return first, by_key[last_of_key]


def add_readings(writer: Writer, rows: Readings) -> Array:
    """Store readings; returns the mask of those that were new. Rows must be distinct in (series, time).

    Straight COPY is twice as fast as asking about every row, and duplicates are rare: so it is tried first, and a
    batch that holds a duplicate is undone and sent again the careful way, which says row by row what was new.
    """
    if not len(rows.series):
        return np.zeros(0, dtype=bool)
    if writer.cautious:
        writer.cautious -= 1
        return _add_carefully(writer, rows)
    try:
        with writer.conn.transaction():
            _copy(writer.conn, rows)
    except psycopg.errors.UniqueViolation:
        writer.cautious = _CAUTIOUS
        return _add_carefully(writer, rows)
    return np.ones(len(rows.series), dtype=bool)


def _copy(conn: Connection, rows: Readings) -> None:
    with conn.cursor() as cursor, cursor.copy(queries.load("write")["copy_readings"]) as copy:
        copy.write(arrays.copy_rows(*rows))


def _add_carefully(writer: Writer, rows: Readings) -> Array:
    return _new(writer.conn, "add_readings", len(rows.series), **rows._asdict())


def add_suspects(writer: Writer, rows: Readings, reasons: Sequence[str]) -> Array:
    """Keep readings that are not to be trusted; returns the mask of the new ones. Rows must be distinct."""
    return _new(writer.conn, "add_suspects", len(rows.series), **rows._asdict(), reason=list(reasons))


def add_positions(writer: Writer, rows: Positions) -> Array:
    """Store positions and move `latest_position` forward; returns the mask of the new ones. Rows must be distinct."""
    new = _new(writer.conn, "add_positions", len(rows.sensor), **rows._asdict())
    if new.any():
        fresh = rows.take(new)
        newest = fresh.take(order(fresh.sensor, fresh.time)[1])
        writer.conn.execute(queries.load("write")["raise_positions"], newest._asdict())
    return new


def add_events(writer: Writer, rows: Sequence[dict[str, Any]]) -> Array:
    """Store what events became; returns the mask of what was new.

    rows: feed_id, key, kind, title, status, severity, time (ISO 8601), timed (whether that is its own time), lat, lon,
    area, properties. An older change never undoes a newer one.
    """
    if not rows:
        return np.zeros(0, dtype=bool)
    given = orjson.dumps([{**row, "n": n} for n, row in enumerate(rows)]).decode()
    sql = queries.load("write")
    writer.conn.execute(sql["add_events"], {"rows": given})
    found = writer.conn.execute(sql["add_event_changes"], {"rows": given}).fetchall()
    writer.conn.execute(sql["raise_events"], {"rows": given})
    mask = np.zeros(len(rows), dtype=bool)
    mask[[n for n, _ in found]] = True
    return mask


def event_ids(writer: Writer, feed_ids: Sequence[int], keys: Sequence[str]) -> list[int]:
    """The ids of events by feed and key."""
    found = writer.conn.execute(queries.load("write")["event_ids"], {"feeds": list(feed_ids), "keys": list(keys)})
    return [row[0] for row in found]


def raise_latest(writer: Writer, newest: Readings) -> None:
    """Move `latest` forward to these readings, one a series; never back.

    After a batch that moved nothing it looks first: who loads the past must not keep live readings waiting.
    """
    sql, conn = queries.load("write"), writer.conn
    if writer.late and _one(conn, sql["is_past"], series=newest.series, time=newest.time):
        conn.execute(sql["note_past"], newest._asdict())
        return
    conn.execute(sql["lock"], {"key": LOCK})
    moved = conn.execute(sql["raise_latest"], newest._asdict())
    writer.late = moved.rowcount == 0
    if moved.rowcount < len(newest.series):  # new series, or readings that came late
        conn.execute(sql["note_past"], newest._asdict())
        conn.execute(sql["add_latest"], newest._asdict())


def note_late(writer: Writer, rows: Readings, newest: Array) -> None:
    """Remember the series whose readings here are older than what they said before: rules look at that time again.

    newest: index of the newest row of each series. What an earlier process wrote is known to raise_latest alone.
    """
    top = int(rows.series.max()) + 1
    if top > len(writer.seen):
        writer.seen = np.concatenate([writer.seen, np.zeros(max(top - len(writer.seen), 1024), dtype="M8[us]")])
    late = rows.time < writer.seen[rows.series]
    writer.seen[rows.series[newest]] = np.maximum(writer.seen[rows.series[newest]], rows.time[newest])
    if late.any():
        found = rows.take(late)
        writer.conn.execute(queries.load("write")["note_late"], {"series": found.series, "time": found.time})


def add_arrivals(writer: Writer, client: str, mids: Array, digests: Sequence[bytes], time: Array) -> None:
    """Remember when messages without a time of their own arrived, by packet id; distinct ids."""
    if len(mids):
        values = {"client": client, "mid": mids, "digest": list(digests), "time": time}
        writer.conn.execute(queries.load("write")["add_arrivals"], values)


def arrivals(conn: Connection, client: str) -> list[tuple[int, bytes, int]]:
    """(packet id, digest, arrival in microseconds) of the client's last messages without a time, oldest first."""
    found = conn.execute(queries.load("write")["arrivals"], {"client": client})
    return [(mid, bytes(digest), micros) for mid, digest, micros in found]


def tell(conn: Connection, *, series: Array, sensors: Array, events: list[int], registry: bool) -> None:
    """Tell readers what this commit touched."""
    values = {"series": series, "sensors": sensors, "events": events, "registry": registry}
    conn.execute(queries.load("write")["tell"], values)


def mark_hours(conn: Connection, rows: Readings) -> None:
    """Note which rollups these readings leave behind: each hour of UTC with its series."""
    hours = rows.time.astype("M8[h]")
    first, _ = order(rows.series, hours)
    values = {"hour": hours[first].astype("M8[us]"), "series": rows.series[first]}
    conn.execute(queries.load("write")["mark_hours"], values)


def _one(conn: Connection, query: bytes, **values: Any) -> Any:
    row = conn.execute(query, values).fetchone()
    return row and row[0]


def _new(conn: Connection, query: str, count: int, **columns: Any) -> Array:
    mask = np.zeros(count, dtype=bool)
    if count:
        row = conn.execute(queries.load("write")[query], columns).fetchone()
        mask[np.asarray((row and row[0]) or [], dtype=np.int64) - 1] = True
    return mask
