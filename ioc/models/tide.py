"""Past water levels in, the level to come out: harmonic constituents by least squares, and what wind and rain add now.

The speeds are those of the Doodson numbers, as in every tide table. Constituents that the length of history cannot tell
from a larger one are left out (Rayleigh's criterion), so that two weeks give a usable tide and two months a good one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ioc.models import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ioc.models.clock import Array
    from ioc.records import Micros

# Degrees an hour, in the order in which they usually matter.
SPEEDS = {
    "M2": 28.9841042, "K1": 15.0410686, "S2": 30.0, "O1": 13.9430356, "N2": 28.4397295, "P1": 14.9589314,
    "K2": 30.0821373, "Q1": 13.3986609, "M4": 57.9682084, "MS4": 58.9841042,
}  # fmt: skip
_RAYLEIGH = 0.8  # of a whole cycle that two neighbours must drift apart
_BIN = clock.HOUR // 3
_LEAST_HOURS = 7 * 24  # shorter, and even M2 and K1 are guesses


@dataclass(frozen=True, slots=True)
class Tide:
    """epoch: the time its phases count from. mean: the level without tide. terms: constituent -> (cosine, sine).
    explained: part of the variance that the tide explains, 0..1. spread: standard deviation of what it does not.
    fading: how much of a difference from the tide is left after an hour, 0..1.
    """

    epoch: Micros
    mean: float
    terms: Mapping[str, tuple[float, float]]
    explained: float
    spread: float
    fading: float

    def level(self, times: Array) -> Array:
        """The tide alone."""
        found = np.full(len(times), self.mean)
        hours = (times - self.epoch) / clock.HOUR
        for name, (cosine, sine) in self.terms.items():
            angle = np.deg2rad(SPEEDS[name]) * hours
            found += cosine * np.cos(angle) + sine * np.sin(angle)
        return found

    def ahead(self, difference: Array, hours: Array) -> tuple[Array, Array]:
        """(what is left of each difference from the tide, its standard error), (n, m) for n differences, m hours on."""
        left = self.fading ** np.asarray(hours)
        error = self.spread * np.sqrt(np.maximum(1 - left**2, 0.01))
        return difference[:, None] * left[None, :], np.broadcast_to(error, (len(difference), len(left)))

    def as_json(self) -> dict[str, Any]:
        whole = {name: getattr(self, name) for name in ("epoch", "mean", "explained", "spread", "fading")}
        return {**whole, "terms": {name: list(pair) for name, pair in self.terms.items()}}


def from_json(data: Mapping[str, Any]) -> Tide:
    return Tide(**{**data, "terms": {name: (c, s) for name, (c, s) in data["terms"].items()}})


def fit(times: Array, values: Array) -> Tide | None:
    """The tide of a history; None where there is less than a week of it, or nothing moves."""
    at, level = _thinned(times, values)
    if (
        len(np.unique(at // clock.HOUR)) < _LEAST_HOURS // 2
        or at[-1] - at[0] < _LEAST_HOURS * clock.HOUR
        or np.ptp(level) == 0
    ):
        return None
    epoch = int(at[0])
    names = constituents((at[-1] - at[0]) / clock.HOUR)
    table = _table((at - epoch) / clock.HOUR, names)
    found, *_ = np.linalg.lstsq(table, level, rcond=1e-6)
    rest = level - table @ found
    terms = {n: (float(found[1 + 2 * i]), float(found[2 + 2 * i])) for i, n in enumerate(names)}
    explained = 1.0 - float(np.var(rest) / np.var(level))
    return Tide(epoch, float(found[0]), terms, explained, float(np.std(rest)), _fading(at, rest))


def constituents(hours: float) -> list[str]:
    """Those that so many hours of history can tell from each one that usually matters more."""
    names = list(SPEEDS)
    apart = {n: min([abs(SPEEDS[n] - SPEEDS[m]) for m in names[:i]], default=SPEEDS[n]) for i, n in enumerate(names)}
    return [name for name in names if apart[name] * hours / 360 >= _RAYLEIGH]


def _thinned(times: Array, values: Array) -> tuple[Array, Array]:
    """Means of each twenty minutes that have readings, at the mean of their times; a longer mean would flatten it."""
    if not len(times):
        return times, values
    bins, which, count = np.unique(times // _BIN, return_inverse=True, return_counts=True)
    within = np.bincount(which, times - bins[which] * _BIN) / count
    return bins * _BIN + within.astype(np.int64), np.bincount(which, values) / count


def _table(hours: Array, names: list[str]) -> Array:
    columns = [np.ones_like(hours)]
    for name in names:
        angle = np.deg2rad(SPEEDS[name]) * hours
        columns += [np.cos(angle), np.sin(angle)]
    return np.column_stack(columns)


def _fading(at: Array, rest: Array) -> float:
    """How alike rests are that lie an hour apart."""
    place = np.minimum(np.searchsorted(at, at + clock.HOUR - _BIN // 2), len(at) - 1)
    apart = np.abs(at[place] - at - clock.HOUR) <= _BIN // 2
    first, then = rest[apart], rest[place[apart]]
    if len(first) < 24 or not np.var(rest):
        return 0.0
    return float(np.clip(np.sum(first * then) / np.sum(first * first), 0.0, 0.995))
