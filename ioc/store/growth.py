"""How large the store is, what each feed adds, and the day its disk fills: sampled by upkeep, read by whoever shows it.

The limit is the disk itself where the server runs on this machine, a budget (`[history] disk` in city.toml) where it
does not. Growth ends where retention takes as much as comes in: a forecast beyond that day is none.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from psycopg.rows import class_row

from ioc.store import queries
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.config.city import History
    from ioc.store.database import Connection

LOOKBACK = "look_back"  # what is remembered of the rules: {"rule", "seconds"}
_FEW = 3  # samples that make a trend
_LOOPBACK = ("127.", "::1")
_OF_READINGS = ("reading", "rollup_1m", "rollup_1h", "rollup_1d", "latest", "suspect")
_OF_POSITIONS = ("position", "latest_position")
_OF_EVENTS = ("event", "event_change")


class Table(NamedTuple):
    name: str
    rows: int
    bytes: int


class Added(NamedTuple):
    """Rows of a feed that are still kept, and those of the last seven days."""

    key: str
    readings: int
    positions: int
    events: int
    new_readings: int
    new_positions: int
    new_events: int

    @property
    def kept(self) -> tuple[int, int, int]:
        return self.readings, self.positions, self.events

    @property
    def new(self) -> tuple[int, int, int]:
        return self.new_readings, self.new_positions, self.new_events


class FeedSize(NamedTuple):
    key: str
    bytes: int
    per_day: int  # bytes, the mean of the last seven days


class Forecast(NamedTuple):
    """per_day: bytes, of late. full_on: the day the room is used up; None where that never comes, or is not known.

    held_at: bytes at which retention holds the store, where growth ends before the room does.
    """

    per_day: int
    full_on: date | None = None
    held_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """One look. free: bytes left until the limit, which `source` names ('disk', 'budget', '' where unknown)."""

    bytes: int
    tables: list[Table]
    feeds: list[FeedSize]
    free: int | None
    source: str
    warn: int  # days ahead
    forecast: Forecast

    def days_left(self, today: date) -> int | None:
        """Whole days until it is full; None where no day is foreseen."""
        return None if self.forecast.full_on is None else (self.forecast.full_on - today).days

    def warns(self, today: date) -> bool:
        left = self.days_left(today)
        return left is not None and left <= self.warn


def sample(conn: Connection, now: datetime, history: History) -> Growth:
    """Look at every table, at the feeds' new rows and at the room that is left, and keep it."""
    values = {"now": now}
    with transaction(conn):
        conn.execute(_sql("sample"), values)
        since = conn.execute(_sql("first_day")).fetchone()
        conn.execute(_sql("feed_days"), {**values, "since": since and since[0]})
        conn.execute(_sql("forget"), values)
        used = conn.execute(_sql("database")).fetchone()
        free, source = _room(conn, int(used[0]) if used else 0, history)
        facts = {"free": free, "source": source, "warn": history.disk_warn.days,
                 "readings": history.readings.days, "positions": history.positions.days}  # fmt: skip
        remember(conn, "room", facts, now)
    return look(conn, now)


def look(conn: Connection, now: datetime) -> Growth:
    """What was sampled last, and what follows from it."""
    today = now.astimezone(UTC).date()
    with transaction(conn):
        room = recall(conn, "room") or {"free": None, "source": "", "warn": 30, "readings": 400, "positions": 30}
        samples = [(day, int(size)) for day, size in conn.execute(_sql("samples")).fetchall()]
        tables = _rows(conn, Table, "tables", {})
        kept = {"today": today, "readings_from": today - timedelta(days=room["readings"]),
                "positions_from": today - timedelta(days=room["positions"])}  # fmt: skip
        added = _rows(conn, Added, "feeds", kept)
        first = conn.execute(_sql("days")).fetchone()
        used = conn.execute(_sql("database")).fetchone()
    age = (today - first[0]).days if first and first[0] else 0
    feeds = feed_sizes(tables, added, days=max(min(age, 7), 1))
    found = forecast(samples, sum(f.per_day for f in feeds), room["free"], today, max(room["readings"] - age, 0))
    return Growth(bytes=int(used[0]) if used else 0, tables=tables, feeds=feeds, free=room["free"],
                  source=room["source"], warn=room["warn"], forecast=found)  # fmt: skip


def feed_sizes(tables: Sequence[Table], added: Sequence[Added], days: int) -> list[FeedSize]:
    """Each feed's share of the tables its rows are in, largest first; `days`: how many the new rows came in."""
    size = {table.name: table.bytes for table in tables}
    groups = (_OF_READINGS, _OF_POSITIONS, _OF_EVENTS)
    held = [sum(size.get(name, 0) for name in group) for group in groups]
    counts = [max(sum(feed.kept[n] for feed in added), 1) for n in range(len(groups))]
    each = [total / count for total, count in zip(held, counts, strict=True)]
    found = [FeedSize(feed.key, _shares(feed.kept, each), _shares(feed.new, each) // days) for feed in added]
    return sorted(found, key=lambda feed: -feed.bytes)


def _shares(rows: Sequence[int], each: Sequence[float]) -> int:
    """Bytes of so many rows of each group."""
    return round(sum(count * size for count, size in zip(rows, each, strict=True)))


def forecast(samples: Sequence[tuple[date, int]], gross: float, free: int | None, today: date, still: int) -> Forecast:
    """The day `free` bytes are used up at the pace of the samples, or at `gross` bytes a day while these are few.

    still: days until retention takes as much as comes in.
    """
    per_day = _slope(samples) if len(samples) >= _FEW else gross
    if free is None:
        return Forecast(round(per_day))
    if free <= 0:
        return Forecast(round(per_day), today)
    if per_day <= 0 or free / per_day > 36_500:
        return Forecast(round(per_day))
    days = free / per_day
    if days > still:
        return Forecast(round(per_day), held_at=(samples[-1][1] if samples else 0) + round(per_day * still))
    return Forecast(round(per_day), today + timedelta(days=int(days)))


def _slope(samples: Sequence[tuple[date, int]]) -> float:
    """Bytes a day: the line of least squares."""
    days = [(day - samples[0][0]).days for day, _ in samples]
    middle, mean = sum(days) / len(days), sum(size for _, size in samples) / len(samples)
    spread = sum((day - middle) ** 2 for day in days)
    return sum((day - middle) * (size - mean) for day, (_, size) in zip(days, samples, strict=True)) / spread


def _room(conn: Connection, used: int, history: History) -> tuple[int | None, str]:
    """Bytes left and what limits them: the nearer of the budget and the disk, where they are known."""
    found = [] if history.disk is None else [(int(history.disk) - used, "budget")]
    if (free := _disk(conn)) is not None:
        found.append((free, "disk"))
    return min(found) if found else (None, "")


def _disk(conn: Connection) -> int | None:
    """Bytes free where a server on this machine keeps its files; None for another machine's."""
    if conn.info.host and not (conn.info.hostaddr or conn.info.host).startswith((*_LOOPBACK, "/", "localhost")):
        return None
    row = conn.execute(_sql("data_directory")).fetchone()
    try:
        return shutil.disk_usage(row[0]).free if row and row[0] else None
    except OSError:  # in a container of its own
        return None


def size(count: int) -> str:
    """1.23 GB, and the like."""
    value, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while abs(value) >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.3g} {units[0]}"


def remember(conn: Connection, name: str, value: Any, now: datetime) -> None:
    conn.execute(_sql("remember"), {"name": name, "value": orjson.dumps(value).decode(), "now": now})


def recall(conn: Connection, name: str) -> Any:
    """What was remembered under that name, or None."""
    row = conn.execute(_sql("recall"), {"name": name}).fetchone()
    return row[0] if row else None


def forget(conn: Connection, name: str) -> None:
    conn.execute(_sql("forget_fact"), {"name": name})


def _rows(conn: Connection, kind: Any, query: str, values: dict[str, Any]) -> list[Any]:
    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(_sql(query), values).fetchall()


def _sql(name: str) -> bytes:
    return queries.load("growth")[name]
