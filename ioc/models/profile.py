"""A series' past in, what it usually says at each hour of one local day out: a middle and a spread for each hour.

Two ways to work it out: `same_hour` compares with the same local hour of the same weekday in past weeks, by median and
median absolute deviation, which a few odd weeks do not move; `usual` compares with the same time of day in the past
weeks, by mean and standard deviation, which is less nervous about values that are often odd.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ioc.models import clock

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from zoneinfo import ZoneInfo

    from ioc.models.clock import Array

_MAD = 1.4826  # of a normal distribution, its deviation in median absolute deviations
_TOP = 40  # the oddest hours and values that are remembered, to say how rare another one is
_FEWEST = 12  # values, for a mean and a deviation to mean anything
_CLASS_DAYS = 4  # so many days of the same class (workdays or weekends), and the others are not asked


@dataclass(frozen=True, slots=True)
class Profile:
    """What to expect on one local day. middle, spread: 24 values, NaN where too little is known; days: how many days
    each hour was learned from. top: the oddest of the `seen` values it was learned from, in spreads, falling.
    """

    day: date
    middle: Array
    spread: Array
    days: Array
    seen: int = 0
    top: tuple[float, ...] = ()

    @property
    def empty(self) -> bool:
        """Too little is known of every hour."""
        return bool(np.isnan(self.middle).all())

    def at(self, times: Array, zone: ZoneInfo) -> tuple[Array, Array]:
        """(middle, spread) at each time; times of another day ask for the same hour of this one."""
        hour = (clock.local(times, zone)[1] // clock.HOUR).astype(np.intp)
        return self.middle[hour], self.spread[hour]

    def rarity(self, odd: float) -> int:
        """One in how many of the values it was learned from is at least this odd (in spreads)."""
        return (self.seen + 1) // (1 + sum(t >= odd for t in self.top)) if self.seen else 0

    def as_json(self) -> dict[str, Any]:
        return {"day": self.day.isoformat(), "middle": _listed(self.middle), "spread": _listed(self.spread),
                "days": self.days.tolist(), "seen": self.seen, "top": list(self.top)}  # fmt: skip


def from_json(data: Mapping[str, Any], day: date) -> Profile:
    return Profile(day, _array(data["middle"]), _array(data["spread"]), np.array(data["days"]), data["seen"],
                   tuple(data["top"]))  # fmt: skip


def same_hour(
    times: Array, values: Array, day: date, zone: ZoneInfo, weeks: int, least: int, skip: Container[date] = ()
) -> Profile:
    """From the same weekday of the `weeks` weeks before `day`, where at least `least` of them have the hour.

    skip: days that are like no other (holidays) and teach nothing.
    """
    target = clock.number(day)
    days, since = clock.local(times, zone)
    asked = [target - 7 * week for week in range(1, weeks + 1)]
    asked = [d for d in asked if not _skipped(d, skip)]
    wanted = np.isin(days, asked)
    days, hours, values = days[wanted], since[wanted] // clock.HOUR, values[wanted]
    middle, spread, known = _empty()
    for hour in range(24):
        of_hour = hours == hour
        known[hour] = len(np.unique(days[of_hour]))
        if known[hour] >= least:
            found = values[of_hour]
            middle[hour] = np.median(found)
            spread[hour] = _MAD * np.median(np.abs(found - middle[hour]))
    return Profile(day, middle, spread, known)


def usual(
    times: Array, values: Array, day: date, zone: ZoneInfo, back: int, least: int, skip: Container[date] = ()
) -> Profile:
    """From the same time of day, an hour to either side, of the `back` days that ended a day before `day` begins.

    Only from workdays (or weekends, as `day` is one) where four and `least` of them are known, else from all. least:
    days an hour must be known from. The day between lies open: what comes late is still learned, and a model is ready
    early.
    """
    target = clock.number(day)
    days, since = clock.local(times, zone)
    wanted = (days < target - 1) & (days >= target - 1 - back)
    if skip:
        wanted &= ~np.isin(days, [d for d in np.unique(days) if _skipped(int(d), skip)])
    days, since, values = days[wanted], since[wanted], values[wanted]
    alike = clock.weekend(days) == clock.weekend(np.array([target]))[0]
    if len(np.unique(days[alike])) >= max(_CLASS_DAYS, least):
        days, since, values = days[alike], since[alike], values[alike]
    middle, spread, known = _empty()
    for hour in range(24):
        near = (since - hour * clock.HOUR + clock.HOUR) % clock.DAY < 3 * clock.HOUR
        known[hour] = len(np.unique(days[near]))
        if known[hour] >= least and np.count_nonzero(near) >= _FEWEST:
            middle[hour], spread[hour] = np.mean(values[near]), np.std(values[near])
    return Profile(day, middle, spread, known, *_oddest(since, values, middle, spread))


def _oddest(since: Array, values: Array, middle: Array, spread: Array) -> tuple[int, tuple[float, ...]]:
    """(how many values could be judged, the oddest of them in spreads)."""
    hour = (since // clock.HOUR).astype(np.intp)
    with np.errstate(divide="ignore", invalid="ignore"):
        odd = np.abs(values - middle[hour]) / spread[hour]
    odd = odd[np.isfinite(odd)]
    return len(odd), tuple(round(float(v), 3) for v in np.sort(odd)[::-1][:_TOP])


def _skipped(day: int, skip: Container[date]) -> bool:
    return date(1970, 1, 1) + timedelta(days=day) in skip


def _empty() -> tuple[Array, Array, Array]:
    return np.full(24, np.nan), np.full(24, np.nan), np.zeros(24, np.int64)


def _listed(values: Array) -> list[float | None]:
    return [None if np.isnan(v) else float(v) for v in values]


def _array(values: list[float | None]) -> Array:
    return np.array([np.nan if v is None else v for v in values])
