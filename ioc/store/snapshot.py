"""What the live screens hold in memory: read whole once, then only what each commit touched.

Times are microseconds UTC. Functions take a connection; the caller owns the transaction.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import dict_row, namedtuple_row

from ioc.store import history as past
from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ioc.records import Micros
    from ioc.store.database import Connection

Row = dict[str, Any]


class Registry(NamedTuple):
    """sensors: rows with a place, by id; series: (id, sensor id, metric), those of one sensor together."""

    sensors: list[Any]
    series: list[tuple[int, int, str]]
    metrics: dict[str, Row]


class Touched(NamedTuple):
    """What a group of commits changed; at: the newest of them."""

    series: list[int]
    sensors: list[int]
    registry: bool
    at: Micros


class Latest(NamedTuple):
    series: int
    time: Micros
    received: Micros
    value: float


class Place(NamedTuple):
    sensor: int
    lat: float
    lon: float
    time: Micros


def now(conn: Connection) -> Micros:
    """The database's clock."""
    row = conn.execute(queries.load("snapshot")["now"]).fetchone()
    assert row is not None
    return int(row[0])


def city(conn: Connection) -> Row | None:
    """key, name, zone, settings, digest; None before the folder was loaded."""
    found = _rows(conn, "city")
    return found[0] if found else None


def registry(conn: Connection) -> Registry:
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        sensors = cursor.execute(queries.load("snapshot")["sensors"]).fetchall()
    series = [(int(i), int(s), str(m)) for i, s, m in conn.execute(queries.load("snapshot")["series"])]
    return Registry(sensors, series, {row["key"]: row for row in _rows(conn, "metrics")})


def placeless(conn: Connection, most: int = 500) -> list[Row]:
    """Sensors that no map can draw: id, key, name, domain, feed, the lat and lon they give, and how many there are."""
    return _rows(conn, "placeless", most=most)


def latest(conn: Connection, series: list[int] | None = None) -> list[Latest]:
    """The newest value of each series, or of just these."""
    name = "latest_all" if series is None else "latest_of"
    return [Latest(*row) for row in conn.execute(queries.load("snapshot")[name], {"series": series}, binary=True)]


def places(conn: Connection, sensors: list[int] | None = None) -> list[Place]:
    """Where moving sensors are now, all or just these."""
    name = "positions_all" if sensors is None else "positions_of"
    return [Place(*row) for row in conn.execute(queries.load("snapshot")[name], {"sensors": sensors}, binary=True)]


def doubtful(conn: Connection) -> list[int]:
    """Series whose values must not be believed now."""
    return [int(row[0]) for row in conn.execute(queries.load("snapshot")["doubtful"])]


def touched(conn: Connection, changes: Iterable[int]) -> Touched:
    """The union of what these commits changed."""
    series: set[int] = set()
    sensors: set[int] = set()
    again, newest = False, 0
    for some, moved, edited, at in conn.execute(queries.load("snapshot")["changes"], {"ids": list(changes)}):
        series.update(some)
        sensors.update(moved)
        again, newest = again or edited, max(newest, at)
    return Touched(sorted(series), sorted(sensors), again, newest)


def alarms(conn: Connection) -> list[Row]:
    """Alarms whose episode is not over, the worst and newest first."""
    return _rows(conn, "alarms")


def areas(conn: Connection) -> list[Row]:
    """key, name, kind, geometry (GeoJSON) of the areas valid today."""
    return _rows(conn, "areas")


def events(conn: Connection, most: int = 1000) -> list[Row]:
    """Open events with a place or an area; opened in milliseconds, `feed` and `domain` of the feed that tells."""
    return _rows(conn, "events", most=most)


def feeds(conn: Connection) -> list[Row]:
    """key, name, domain, heard (microseconds or None), silent_after (seconds or None)."""
    return _rows(conn, "feeds")


def processes(conn: Connection) -> list[Row]:
    return _rows(conn, "processes")


def judging(conn: Connection) -> Row:
    """judged: when the rules were, microseconds; of the test alarm: since, mailed (microseconds), every (seconds)."""
    return _rows(conn, "judging")[0]


def history(conn: Connection, series: list[int], now: Micros, back: timedelta, step: timedelta) -> list[Row]:
    """Some series over the last `back`, in steps: series, at (microseconds), mean, low, high."""
    if not series:
        return []
    end = datetime.fromtimestamp(now / 1e6, UTC)
    found = past.stepped(conn, series, end - back, end + timedelta(microseconds=1), step, end)
    return [
        {"series": p.series_id, "at": int(p.at.timestamp() * 1e6), "mean": p.mean, "low": p.low, "high": p.high}
        for p in found
    ]


def listen(conn: Connection) -> None:
    """Ask for a notice of every commit. The connection must be in autocommit."""
    with translated():
        conn.execute(queries.load("snapshot")["listen"])


def notices(conn: Connection, seconds: float) -> Iterator[tuple[str, str]]:
    """(channel, payload) of what came within `seconds`; ends early once something came and no more is waiting.

    Raises StoreAway when the connection is lost.
    """
    with translated():
        for notice in conn.notifies(timeout=seconds, stop_after=1):
            yield notice.channel, notice.payload


def _rows(conn: Connection, name: str, **parameters: object) -> list[Row]:
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(queries.load("snapshot")[name], parameters).fetchall()
