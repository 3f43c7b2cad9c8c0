"""A past moment in, the whole city as it was then out: what the time machine of the screens shows.

The rows are those of `ioc.store.snapshot`, so that a screen can draw a past minute with the code that draws now. Only
what is known now of then is shown: a reading that came late is there, as if it had come in time.

    with pool.connection() as conn:
        then = asof.city(conn, datetime(2026, 3, 1, 7, 30, tzinfo=UTC))

`latest` looks for each series in widening windows before the moment; where readings are gone by retention it takes the
last of the newest hour, then of the newest day, dated by that hour's or day's start. 10,000 series cost about 100 ms.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import IsolationLevel
from psycopg.rows import dict_row

from ioc.errors import IocError
from ioc.store import migrate, queries
from ioc.store.database import transaction, translated
from ioc.store.snapshot import Latest, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.store.database import Connection
    from ioc.store.snapshot import Row

# How far back to look, by and by: most series spoke within the hour, and a wide window costs more.
_WINDOWS = (timedelta(hours=1), timedelta(hours=26), timedelta(days=32))
_MANY = 2000  # series from which on compressed readings are unpacked for all at once


class NaiveTimeError(IocError):
    """The moment has no time zone, so it is no moment."""


class City(NamedTuple):
    """Everything as of `at` (UTC). day: the city's local day of it.

    latest: newest reading of every series that had one (`received` is the reading's own time). places: where moving
    sensors were, and fixed ones that have moved since. alarms, events, areas: rows as of snapshot's functions.
    """

    at: datetime
    day: date
    latest: list[Latest]
    places: list[Place]
    alarms: list[Row]
    events: list[Row]
    areas: list[Row]


def city(conn: Connection, at: datetime, *, events_most: int = 1000) -> City:
    """The whole city as of `at`, all parts of one moment of the store. Raises NaiveTimeError, StoreAway.

    Must not be called within a transaction. `at` may lie in the future: then it is the city of now.
    """
    at = _moment(at)
    with translated():
        level, conn.isolation_level = conn.isolation_level, IsolationLevel.REPEATABLE_READ
        try:
            with transaction(conn):
                return City(at, day(conn, at), latest(conn, at), places(conn, at), alarms(conn, at),
                            events(conn, at, events_most), areas(conn, at))  # fmt: skip
        finally:
            conn.isolation_level = level


def latest(conn: Connection, at: datetime, series: Sequence[int] | None = None) -> list[Latest]:
    """The newest reading at or before `at` of each series, or of just these; one that had none yet is left out."""
    at, sql = _moment(at), queries.load("asof")
    values = {"at": at, "series": None if series is None else list(series)}
    with translated():
        found = conn.execute(sql["silent_since"], values, binary=True).fetchall()
        missing = [row[0] for row in conn.execute(sql["spoke_since"], values, binary=True)]
        for query, since in _looks(conn, at, len(missing)):
            if missing:
                wanted = set(missing)
                rows = [r for r in _look(conn, sql[query], series=missing, since=since, at=at) if r[0] in wanted]
                missing = sorted(set(missing).difference(row[0] for row in rows))
                found += rows
    return [Latest(id_, time, time, value) for id_, time, value in found]


def places(conn: Connection, at: datetime) -> list[Place]:
    """Where each moving sensor was at `at`, and fixed sensors that stood elsewhere than they stand now."""
    at, sql = _moment(at), queries.load("asof")
    with translated():
        found = conn.execute(sql["still_since"], {"at": at}, binary=True).fetchall()
        missing = [row[0] for row in conn.execute(sql["moved_since"], {"at": at}, binary=True)]
        for window in _WINDOWS:
            if missing:
                rows = _look(conn, sql["positions"], sensors=missing, since=at - window, at=at)
                missing = sorted(set(missing).difference(row[0] for row in rows))
                found += rows
        found += conn.execute(sql["stood"], {"at": at}, binary=True).fetchall()
    return [Place(*row) for row in found]


def alarms(conn: Connection, at: datetime) -> list[Row]:
    """Alarms whose episode was not over at `at`, as they were then, the worst and newest first."""
    return _rows(conn, "alarms", at=_moment(at))


def events(conn: Connection, at: datetime, most: int = 1000) -> list[Row]:
    """Events open at `at` with a place or an area, as they were then, the last changed first."""
    return _rows(conn, "events", at=_moment(at), most=most)


def areas(conn: Connection, at: datetime) -> list[Row]:
    """key, name, kind, geometry (GeoJSON) of the areas valid on the city's local day of `at`."""
    return _rows(conn, "areas", day=day(conn, at))


def day(conn: Connection, at: datetime) -> date:
    """The city's local day of `at`; UTC's before a city was loaded."""
    row = conn.execute(queries.load("asof")["now"], {"at": _moment(at)}).fetchone()
    assert row is not None
    found: date = row[1]
    return found


def _looks(conn: Connection, at: datetime, series: int) -> list[tuple[str, datetime]]:
    near = [("readings", at - window) for window in _WINDOWS]
    if series > _MANY and _packed(conn, *near[0][1:], at):
        near[0] = ("columns", near[0][1])
    return [*near, ("hours", at - _WINDOWS[1]), ("days", at)]


def _packed(conn: Connection, since: datetime, at: datetime) -> bool:
    if migrate.engine(conn) != "timescale":
        return False
    row = conn.execute(queries.load("asof")["packed"], {"since": since, "at": at}).fetchone()
    return row == (True,)


def _look(conn: Connection, query: bytes, **values: Any) -> list[Any]:
    """Never as a prepared statement: only a plan that knows the times looks into one partition instead of all."""
    return conn.execute(query, values, prepare=False, binary=True).fetchall()


def _moment(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise NaiveTimeError
    return at.astimezone(UTC)


def _rows(conn: Connection, name: str, **parameters: object) -> list[Row]:
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(queries.load("asof")[name], parameters).fetchall()
