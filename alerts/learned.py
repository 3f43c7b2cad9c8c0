"""What the kinds that learn share: a model of each local day of a series, made from what lies well before that day.

Such a kind says with `model_of(options)` what it learns. Its `signal` finds the models in `Input.learned`: live they
come from the store, where alerts/learn.py keeps them; in back-tests and rule tests from the samples themselves. Either
way they are the same, because a model looks only at what came up to the midnight a day before its day: what is late is
still learned, and the model is ready before its day.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ioc.models import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

    from ioc.models.clock import Array
    from ioc.records import Micros


class Past(NamedTuple):
    """Samples of one series: times in microseconds, rising; finite values."""

    times: Array
    values: Array

    def between(self, start: Micros, end: Micros) -> Past:
        """From `start` up to, not including, `end`."""
        a, b = np.searchsorted(self.times, (start, end))
        return Past(self.times[a:b], self.values[a:b])


class Model(NamedTuple):
    """name: what is learned; settings: what tells it from others of that name; back: how far before a day it looks;
    coarse: means of twenty minutes are enough. learn: (past, day, zone, holidays) -> something with `as_json`, or
    None where too little is known; load: (what as_json gave, day) -> the same again.
    """

    name: str
    settings: tuple[Any, ...]
    back: timedelta
    coarse: bool
    learn: Callable[[Past, date, ZoneInfo, Container[date]], Any]
    load: Callable[[Any, date], Any]

    @property
    def key(self) -> str:
        """Short, and the same for the same settings."""
        return hashlib.sha256(repr(self.settings).encode()).hexdigest()[:12]

    def span(self, day: date, zone: ZoneInfo) -> tuple[Micros, Micros]:
        """From when, up to (not including) when a model of `day` may look."""
        end = clock.start_of(day - timedelta(days=1), zone)
        return end - self.back // timedelta(microseconds=1), end


class Learned(NamedTuple):
    """The models of one series, by local day; None where there is none. holidays: days on which nothing is as usual."""

    zone: ZoneInfo
    of: Callable[[date], Any]
    holidays: Container[date] = ()


def past(samples: Sequence[tuple[Micros, float]]) -> Past:
    table = np.array(samples, dtype=[("at", np.int64), ("value", np.float64)])
    return Past(table["at"], table["value"])


def from_past(model: Model | None, history: Past, zone: ZoneInfo, holidays: Container[date] = ()) -> Learned:
    """Models made of `history` when asked for: for back-tests and rule tests."""
    if model is None:
        return Learned(zone, lambda _: None, holidays)

    def of(day: date) -> Any:
        return model.learn(history.between(*model.span(day, zone)), day, zone, holidays)

    return Learned(zone, cache(of), holidays)


def days(times: Array, since: Micros, zone: ZoneInfo) -> Iterator[tuple[date, int, int]]:
    """(local day, first, last + 1) of the samples after `since`."""
    first = int(np.searchsorted(times, since, "right"))
    while first < len(times):
        day = clock.day_of(int(times[first]), zone)
        end = int(np.searchsorted(times, clock.start_of(day + timedelta(days=1), zone)))
        yield day, first, end
        first = end
