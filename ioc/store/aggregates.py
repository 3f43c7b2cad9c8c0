"""Many series in, figures of areas and the city out: as of a moment, over time, in calendars, and what moved most.

Areas are those that held each fixed sensor at the time, by the map of then, or (`map_day`) by the map of one day for
all of history. The city, `area` None, counts moving sensors too.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from psycopg.rows import class_row

from ioc.store import asof, queries
from ioc.store.database import translated
from ioc.store.history import Latest
from ioc.store.rollups import hour_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.store.database import Connection

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Beyond(NamedTuple):
    """The level of "k of n": how many of the fresh series are at or past it. above: whether high is bad."""

    level: float
    above: bool = True


class AreaNow(NamedTuple):
    """A metric in an area at a moment, over `fresh` of `known` series; None where none is fresh.

    The worst is `high` or `low`, as the metric goes. beyond: k of `fresh`. total: the sum.
    """

    area: str | None
    mean: float | None
    low: float | None
    high: float | None
    total: float | None
    fresh: int
    known: int
    beyond: int
    newest: datetime | None


class AreaStep(NamedTuple):
    """A metric in an area in one step of time.

    mean: of the series' means, so that a talkative sensor counts no more than a quiet one; total: their sum; low and
    high: the lowest and highest reading; beyond: of `series` so many that reached the level within the step.
    """

    area: str | None
    at: datetime
    mean: float
    low: float
    high: float
    total: float
    series: int
    beyond: int


class Mover(NamedTuple):
    """A series that changed: `score` is the change in units of its usual daily range."""

    series_id: int
    sensor: str
    sensor_name: dict[str, str]
    metric: str
    metric_name: dict[str, str] | None
    unit: str
    decimals: int
    area: str | None
    before: float
    after: float
    change: float
    score: float


class Hour(NamedTuple):
    """A local hour of a local day."""

    day: date
    hour: int
    mean: float
    low: float
    high: float
    readings: int


class Day(NamedTuple):
    """A local day."""

    day: date
    mean: float
    low: float
    high: float
    readings: int


def areas_at(
    conn: Connection, metric: str, at: datetime, *, kind: str = "ward", map_day: date | None = None,
    beyond: Beyond | None = None,
) -> dict[str | None, AreaNow]:  # fmt: skip
    """A metric in each area of a kind as of any moment, now included; None is the city.

    Fresh is what is not older than three cadences at that moment (an hour where nothing says how often it comes).
    """
    rows = asof.latest(conn, at, _series(conn, metric))
    values = {
        **_level(beyond), "series": [r.series for r in rows], "times": [_moment(r.time) for r in rows],
        "values": [r.value for r in rows], "at": at, "kind": kind, "map_day": map_day,
    }  # fmt: skip
    return {row.area: row for row in _rows(conn, AreaNow, "at", **values)}


def areas_over(
    conn: Connection, metric: str, start: datetime, end: datetime, step: timedelta, *, kind: str = "ward",
    areas: Sequence[str] | None = None, map_day: date | None = None, beyond: Beyond | None = None,
    now: datetime | None = None,
) -> list[AreaStep]:  # fmt: skip
    """A metric in areas over time in steps of an hour or more, those of an area together, oldest first.

    areas: only these, and then without the city. Steps of whole days read one row a day and series, finer ones one an
    hour. The running hour is as upkeep last left it, a few minutes behind.
    """
    step, start, end = max(step, _HOUR), hour_of(start.astimezone(UTC)), end.astimezone(UTC)
    chosen = None if areas is None else list(areas)
    today = hour_of((now or datetime.now(UTC)).astimezone(UTC)).replace(hour=0)
    values = {
        **_level(beyond), "start": start, "end": end, "step": step, "by_day": step >= _DAY, "today": today,
        "kind": kind, "areas": chosen, "map_day": map_day, "series": _series(conn, metric, kind, chosen, map_day),
    }  # fmt: skip
    return _rows(conn, AreaStep, "over", **values)


def movers(
    conn: Connection, at: datetime, span: timedelta, *, metric: str | None = None, most: int = 20
) -> list[Mover]:
    """The series that changed most over the `span` before `at`, against what each usually does within a day.

    Without three days of history a series is left out, and so is one that said nothing within the span.
    """
    with translated():
        resolution = {i: float(r) for i, r in conn.execute(queries.load("aggregates")["decimals"], {"metric": metric})}
    ids = list(resolution)
    now = {r.series: r for r in asof.latest(conn, at, ids)}
    then = {r.series: r for r in asof.latest(conn, at - span, ids)}
    since = (at - span - _EPOCH) // timedelta(microseconds=1)
    change = {i: r.value - then[i].value for i, r in now.items() if i in then and r.time > since}
    day = hour_of(at.astimezone(UTC)).replace(hour=0)
    usual = _pairs(conn, "spread", series=list(change), since=day - 28 * _DAY, until=day)
    scores = {i: abs(change[i]) / max(range_, resolution[i]) for i, range_ in usual.items() if change[i]}
    best = sorted(scores, key=lambda i: (-scores[i], i))[:most]
    facts = {row[0]: row for row in conn.execute(queries.load("aggregates")["facts"], {"series": best})}
    found = ((*facts[i], then[i].value, now[i].value, change[i], round(scores[i], 3)) for i in best)
    return [Mover._make(row) for row in found]


def hours_of_days(conn: Connection, series: int, first: date, last: date, zone: str) -> list[Hour]:
    """Day by hour of the city's clock from `first` to `last`, both included; hours without readings are left out."""
    start, end = _span(first, last, zone)
    return _rows(conn, Hour, "calendar_hours", series=series, start=start, end=end, zone=zone)


def days_of_year(conn: Connection, series: int, year: int, zone: str) -> list[Day]:
    """The days of a year by the city's clock; days of UTC where retention has taken the hours."""
    return days(conn, series, date(year, 1, 1), date(year, 12, 31), zone)


def days(conn: Connection, series: int, first: date, last: date, zone: str) -> list[Day]:
    """The days from `first` to `last`, both included; days without readings are left out.

    By the city's clock from the hours; days of UTC before the first hour that retention has left.
    """
    start, end = _span(first, last, zone)
    return _rows(conn, Day, "calendar_days", series=series, start=start, end=end, zone=zone)


def latest_by(
    conn: Connection, *, area: str | None = None, metric: str | None = None, feed: str | None = None, most: int = 10_000
) -> list[Latest]:
    """The newest reading of every series of an area, a metric or a feed (or of all given), the newest first."""
    return _rows(conn, Latest, "latest_by", area=area, metric=metric, feed=feed, most=most)


def _series(
    conn: Connection, metric: str, kind: str = "", areas: list[str] | None = None, map_day: date | None = None
) -> list[int]:
    values = {"metric": metric, "kind": kind, "areas": areas, "map_day": map_day}
    with translated():
        return [row[0] for row in conn.execute(queries.load("aggregates")["series"], values)]


def _level(beyond: Beyond | None) -> dict[str, Any]:
    level = beyond or Beyond(float("inf"))
    return {"level": level.level, "above": level.above}


def _span(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    """From the local midnight at which `first` begins to that at which `last` ends."""
    after = last + _DAY
    begins = (datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)).astimezone(UTC) for d in (first, after))
    return next(begins), next(begins)


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _pairs(conn: Connection, name: str, **values: object) -> dict[int, float]:
    with translated():
        return dict(conn.execute(queries.load("aggregates")[name], values, prepare=False).fetchall())


def _rows(conn: Connection, row: Any, name: str, /, **values: object) -> list[Any]:
    """Never as a prepared statement: only a plan that knows the times leaves partitions out."""
    with translated(), conn.cursor(row_factory=class_row(row)) as cursor:
        return cursor.execute(queries.load("aggregates")[name], values, prepare=False).fetchall()
