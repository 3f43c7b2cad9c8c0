"""What a series will probably say in the hours to come: a line and its band for a chart, from what the store holds.

By the tide where it explains the series well, else by what the time of day usually brings, else by the trend of the
last hours; none where none of them fits: a chart without a forecast is better than one with a wrong one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ioc.models import ahead, clock, profile, tide
from ioc.store import models

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from ioc.models.ahead import Ahead
    from ioc.store.arrays import Array
    from ioc.store.database import Connection

BAND = 1.645  # standard errors to either side: nine times of ten the value lies within
TIDE_BACK = timedelta(days=370)  # a year tells every constituent from its neighbours
_FIT = 0.7  # of the variance that a model must explain
_USUAL_BACK = timedelta(days=29)
_TREND = 3 * clock.HOUR


class Forecast(NamedTuple):
    """by: tide, usual or trend. time: datetime64[us] UTC; level with its band of nine in ten, in the metric's unit;
    quality: 0..1, the part of the variance that the model explains. start: the newest reading, where it begins.
    """

    by: str
    time: Array
    level: Array
    low: Array
    high: Array
    quality: float
    start: datetime


def forecast(
    conn: Connection, series: int, now: datetime, zone: ZoneInfo, *, span: timedelta = timedelta(hours=12),
    by: Sequence[str] = ("tide", "usual", "trend"), points: int = 72,
) -> Forecast | None:  # fmt: skip
    """From the newest reading, where it is not older than three hours, over `span`. by: what may be tried, in order.

    Raises StoreAway, StoreError.
    """
    at = _micros(now)
    times, values = models.history(conn, series, at - _TREND, at + clock.SECOND)
    if not len(times):
        return None
    hours = ahead.steps(span // timedelta(microseconds=1), points)
    for name in by:
        found = _WAYS[name](conn, series, zone, (times, values), hours)
        if found is not None and found.quality[0] >= _FIT and np.isfinite(found.level).all():
            return _drawn(name, found, int(times[-1]))
    return None


def _drawn(name: str, found: Ahead, start: int) -> Forecast:
    time = (start + np.round(found.hours * clock.HOUR).astype(np.int64)).astype("M8[us]")
    level, error = found.level[0], BAND * found.error[0]
    began = datetime.fromtimestamp(start / clock.SECOND, UTC)
    return Forecast(name, time, level, level - error, level + error, float(found.quality[0]), began)


def _by_tide(conn: Connection, series: int, zone: ZoneInfo, lately: tuple[Array, Array], hours: Array) -> Ahead | None:
    """The model that rules keep, where there is one of yesterday or today; else one made now."""
    day = clock.day_of(int(lately[0][-1]), zone)
    kept = models.newest(conn, series, "tide")
    if kept is not None and (day - kept[0]).days <= 1:
        model: tide.Tide | None = tide.from_json(kept[1])
    else:
        end = clock.start_of(day - timedelta(days=1), zone)
        start = end - TIDE_BACK // timedelta(microseconds=1)
        model = tide.fit(*models.history(conn, series, start, end, coarse=True))
    return ahead.by_tide(model, *lately, lately[0][-1:], hours) if model else None


def _by_usual(conn: Connection, series: int, zone: ZoneInfo, lately: tuple[Array, Array], hours: Array) -> Ahead | None:
    """What the time of day usually brings, moved by how the last hour differs from it, which halves every two hours."""
    end = int(lately[0][-1])
    day = clock.day_of(end, zone)
    start = clock.start_of(day, zone) - _USUAL_BACK // timedelta(microseconds=1)
    past = models.history(conn, series, start, end, coarse=True)
    model = profile.usual(*past, day, zone, _USUAL_BACK.days - 1, 7, models.holidays(conn))
    return ahead.by_profile(model, zone, past, *lately, lately[0][-1:], hours)


def _by_trend(_: Connection, _series: int, _zone: ZoneInfo, lately: tuple[Array, Array], hours: Array) -> Ahead | None:
    return ahead.by_trend(*lately, _TREND, lately[0][-1:], hours)


def _micros(when: datetime) -> int:
    return round(when.timestamp() * clock.SECOND)


_WAYS = {"tide": _by_tide, "usual": _by_usual, "trend": _by_trend}
