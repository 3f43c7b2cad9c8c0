"""Times in, what the clock on the wall of a zone shows out: local days and hours of whole arrays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ioc.records import Micros

Array: TypeAlias = "np.ndarray[Any, Any]"

SECOND: Micros = 1_000_000
HOUR: Micros = 3600 * SECOND
DAY: Micros = 24 * HOUR
_QUARTER: Micros = 900 * SECOND  # no zone changes its clock but at a quarter of an hour
_EPOCH = date(1970, 1, 1).toordinal()


def start_of(day: date, zone: ZoneInfo) -> Micros:
    """The first moment of a local day."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * SECOND)


def day_of(at: Micros, zone: ZoneInfo) -> date:
    """The local day of a moment."""
    return (datetime.fromtimestamp(at // SECOND, UTC)).astimezone(zone).date()


def local(times: Array, zone: ZoneInfo) -> tuple[Array, Array]:
    """(days since 1970-01-01, microseconds since midnight) as the clock showed them at each time."""
    quarters, which = np.unique(times // _QUARTER, return_inverse=True)
    offsets = np.fromiter((_offset(int(q), zone) for q in quarters), np.int64, len(quarters))
    shown = times + offsets[which]
    return shown // DAY, shown % DAY


def number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH


def weekend(days: Array) -> Array:
    """Whether these days (since 1970-01-01, a Thursday) are Saturdays or Sundays."""
    return np.asarray((days + 3) % 7 >= 5)


@lru_cache(maxsize=200_000)
def _offset(quarter: int, zone: ZoneInfo) -> Micros:
    offset = datetime.fromtimestamp(quarter * 900, zone).utcoffset()
    return (offset or timedelta()) // timedelta(microseconds=1)
