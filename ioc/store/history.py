"""Lines for charts and figures for tiles, from readings or the rollup that is just fine enough.

A line never has more than a couple of thousand points, whatever the span; a pause in the data is a gap in the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from psycopg.rows import class_row

from ioc.store import queries
from ioc.store.database import translated
from ioc.store.rollups import DENSE, hour_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ioc.store.arrays import Array
    from ioc.store.database import Connection

MOST = 2000  # points of one line
_STEPS = tuple(
    timedelta(seconds=s)
    for s in (
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200,
        86_400, 172_800, 604_800, 2_419_200, 31_536_000,
    )
)  # fmt: skip


_READINGS, _MINUTE, _HOUR, _DAY = timedelta(0), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_LONG = timedelta(days=40)  # a longer span is not counted by its readings


class Line(NamedTuple):
    """One series over a span: times datetime64[us] UTC at each step's start, the rest float64; NaN is a gap.

    step: width of a point; None where the points are the readings themselves, and mean = low = high.
    """

    time: Array
    mean: Array
    low: Array
    high: Array
    step: timedelta | None


class Point(NamedTuple):
    """What one step of a series came to."""

    series_id: int
    at: datetime
    mean: float
    low: float
    high: float


class Latest(NamedTuple):
    """The newest reading of a series; not `usable` while `reason` says it must not be believed."""

    series_id: int
    time: datetime
    value: float
    received_at: datetime
    sensor_id: int
    sensor: str
    sensor_name: dict[str, str]
    metric: str
    metric_name: dict[str, str] | None
    unit: str
    decimals: int
    feed: str
    domain: str
    area: str | None
    expected: timedelta | None
    usable: bool
    reason: str


class Series(NamedTuple):
    """One thing a sensor measures; time and value are None before its first reading."""

    series_id: int
    metric: str
    time_from: str
    feed: str
    metric_name: dict[str, str] | None
    unit: str
    decimals: int
    kind: str
    low: float | None
    high: float | None
    settings: dict[str, Any]
    time: datetime | None
    value: float | None
    received_at: datetime | None
    usable: bool | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Hour:
    """What an hour of a series came to."""

    bucket: datetime
    mean: float
    low: float
    high: float
    count: int


class Figure(NamedTuple):
    """A metric over the city (area None) or an area, from `fresh` of `known` series; None where none is fresh."""

    metric: str
    area: str | None
    mean: float | None
    high: float | None
    low: float | None
    total: float | None
    fresh: int
    known: int
    oldest_age: timedelta | None
    newest: datetime | None


def window(
    conn: Connection,
    series: Sequence[int],
    start: datetime,
    end: datetime,
    points: int = 500,
    now: datetime | None = None,
) -> dict[int, Line]:
    """The series over start <= time < end, each in at most about `points` points; one without readings is left out.

    All lines have the same step, the narrowest that fits; readings themselves where they are few enough. Where
    retention has taken the readings of the span, hours are the finest there is; where it has taken the hours, days.
    """
    points = max(2, min(points, MOST))
    values = {**_values(series, start, end, now), "most": points}
    sql, step = queries.load("history"), step_for(end - start, points)
    with translated():
        expected = dict(conn.execute(sql["expected"], values).fetchall())
        crowded = end - start > _LONG and _run(conn, sql["amount"], values)[0][0] > points
        finest = _READINGS if crowded and step >= _DAY else _kept(conn, values)
        if finest == _READINGS and not crowded:
            rows = _run(conn, sql["raw"], values)
            if _most(rows) <= points:
                return _lines(rows, expected, None)
        step = max(step, finest)
        return _lines(_read(conn, {**values, "step": step}, finest), expected, step)


def stepped(
    conn: Connection,
    series: Sequence[int],
    start: datetime,
    end: datetime,
    step: timedelta,
    now: datetime | None = None,
) -> list[Point]:
    """The series over start <= time < end in equal steps: those of a series together, oldest first, no empty ones.

    From the coarsest rollup that is fine enough, or the finest that retention has left; the hours that are still being
    worked out come from their readings.
    """
    values = {**_values(series, start, end, now), "step": step}
    with translated():
        finest = _READINGS if step >= _DAY else _kept(conn, values)
        return [Point(*row) for row in _read(conn, values, finest)]


def step_for(span: timedelta, points: int) -> timedelta:
    """The narrowest round step that cuts `span` into at most `points`."""
    return next((step for step in _STEPS if step * points >= span), _STEPS[-1])


def latest(conn: Connection, series: Sequence[int]) -> list[Latest]:
    """The newest reading of each of the series that has one."""
    with translated(), conn.cursor(row_factory=class_row(Latest)) as cursor:
        return cursor.execute(queries.load("history")["latest"], {"series": list(series)}).fetchall()


def series_of(conn: Connection, sensor: int) -> list[Series]:
    """Everything a sensor measures, with the metric's facts and the newest value."""
    with translated(), conn.cursor(row_factory=class_row(Series)) as cursor:
        return cursor.execute(queries.load("history")["series_of"], {"sensor": sensor}).fetchall()


def same_hour(conn: Connection, series: int, at: datetime, zone: str, weeks: int = 4) -> list[Hour]:
    """The same local hour of the same weekday in past weeks, the newest first; weeks without data are left out."""
    values = {"series": series, "at": at, "zone": zone, "weeks": weeks}
    with translated(), conn.cursor(row_factory=class_row(Hour)) as cursor:
        return cursor.execute(queries.load("history")["same_hour"], values).fetchall()


def figures(conn: Connection, metrics: Iterable[str], now: datetime) -> dict[tuple[str, str | None], Figure]:
    """(metric, area) -> figure; area None is the whole city. Only fresh, usable values count, and it says how many."""
    with translated(), conn.cursor(row_factory=class_row(Figure)) as cursor:
        rows = cursor.execute(queries.load("history")["figures"], {"metrics": list(metrics), "now": now}).fetchall()
    return {(row.metric, row.area): row for row in rows}


def _values(series: Sequence[int], start: datetime, end: datetime, now: datetime | None) -> dict[str, Any]:
    """What the queries need. settled: rollups of the hours before it are there, or marked as late.

    All bounds are worked out here: only plain values let the planner leave partitions out.
    """
    settled = hour_of((now or datetime.now(UTC)).astimezone(UTC)) - _HOUR
    hour = hour_of(start.astimezone(UTC))
    day = hour.replace(hour=0)
    return {
        "series": list(series), "start": start, "end": end, "dense": DENSE, "settled": settled,
        "today": settled.replace(hour=0), "first_hour": hour, "second_hour": hour + _HOUR, "first_day": day,
        "second_day": day + _DAY,
    }  # fmt: skip


def _read(conn: Connection, values: dict[str, Any], finest: timedelta) -> list[Any]:
    """In steps of values["step"], from what is as coarse as that, or as `finest`."""
    sql, step = queries.load("history"), max(values["step"], finest)
    if step < _MINUTE:
        return _run(conn, sql["readings"], values)
    late = _run(conn, sql["late"], values)
    hours = [row[1] for row in late]
    values = {
        **values, "late_series": [row[0] for row in late], "late_hours": hours,
        "late_from": (first := min(hours, default=values["settled"])), "late_from_day": first.replace(hour=0),
        "late_to": max(hours, default=first - _HOUR) + _HOUR,
    }  # fmt: skip
    if step >= _HOUR:
        return _run(conn, sql["days" if step >= _DAY else "hours"], values)
    dense = [row[0] for row in _run(conn, sql["dense"], values)]
    return _run(conn, sql["minutes"], {**values, "dense_series": dense})


def _kept(conn: Connection, values: dict[str, Any]) -> timedelta:
    """How fine all of the span still is: what retention has left of it."""
    ((hours, readings),) = _run(conn, queries.load("history")["kept"], values)
    return _DAY if not hours else _READINGS if readings else _HOUR


def _run(conn: Connection, query: bytes, values: dict[str, Any]) -> list[Any]:
    """Never as a prepared statement: only a plan that knows the times looks into few partitions instead of all."""
    return conn.execute(query, values, prepare=False).fetchall()


def _most(rows: list[Any]) -> int:
    return max((sum(1 for _ in group) for _, group in groupby(rows, itemgetter(0))), default=0)


def _lines(rows: list[Any], expected: dict[int, timedelta | None], step: timedelta | None) -> dict[int, Line]:
    """Rows (series, time, mean, low, high), those of a series together and in order."""
    return {id_: _line(list(group), expected.get(id_), step) for id_, group in groupby(rows, itemgetter(0))}


def _line(rows: list[Any], expected: timedelta | None, step: timedelta | None) -> Line:
    time = np.array([row[1].replace(tzinfo=None) for row in rows], dtype="M8[us]")
    columns = np.array([row[2:5] for row in rows], dtype=np.float64).T
    at = gaps(time, expected, step)
    with_gaps = np.insert(columns, at, np.nan, axis=1)
    middles = time[at - 1] + (time[at] - time[at - 1]) // 2
    return Line(np.insert(time, at, middles), with_gaps[0], with_gaps[1], with_gaps[2], step)


def gaps(time: Array, expected: timedelta | None, step: timedelta | None) -> Array:
    """Indexes before which the line pauses: over three cadences, two steps, and three times what is usual near by.

    Near by, because a series that came every second may have come every half hour a year ago.
    """
    between = np.diff(time)
    if not len(between):
        return np.zeros(0, dtype=np.intp)
    allowed = 3 * _near_by(between)
    if expected is not None:
        allowed = np.maximum(allowed, 3 * np.timedelta64(expected))
    if step is not None:
        allowed = np.maximum(allowed, np.timedelta64(2 * step))
    return np.flatnonzero(between > allowed) + 1


def _near_by(between: Array) -> Array:
    """The median of the intervals around each: of nine, fewer at the ends and in short lines."""
    wide = min(9, len(between) if len(between) % 2 else len(between) - 1) or 1
    half = wide // 2
    around = np.lib.stride_tricks.sliding_window_view(between, wide)
    middle = np.sort(around, axis=1)[:, half]
    return np.concatenate(
        [np.repeat(middle[:1], half), middle, np.repeat(middle[-1:], len(between) - len(middle) - half)]
    )
