"""A model and the newest readings in, the hours to come out: a line with its band, and when it crosses a level."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ioc.models import clock, trend

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ioc.models.clock import Array
    from ioc.models.profile import Profile
    from ioc.models.tide import Tide
    from ioc.records import Micros

_RECENT = clock.HOUR  # the tide's error of now is a mean over this long


class Ahead(NamedTuple):
    """n forecasts of m steps. hours: (m,) from the reading each starts at; level and error (its standard deviation):
    (n, m); quality: (n,), how far to trust each, 0..1, NaN where there is none.
    """

    hours: Array
    level: Array
    error: Array
    quality: Array


class Crossing(NamedTuple):
    """Hours until the line crosses, and the earliest and latest by the band; inf where it does not."""

    hours: Array
    earliest: Array
    latest: Array


def steps(span: Micros, most: int = 48) -> Array:
    """Hours, from just after now to `span` ahead."""
    return np.linspace(0, span / clock.HOUR, most + 1)[1:]


def by_tide(model: Tide, times: Array, values: Array, ends: Array, hours: Array) -> Ahead:
    """The tide, moved by how far readings differ from it now, which fades as it usually does."""
    difference = _recent(times, values - model.level(times), ends)
    left, error = model.ahead(difference, hours)
    at = ends[:, None] + np.round(hours[None, :] * clock.HOUR).astype(np.int64)
    level = model.level(at.ravel()).reshape(at.shape) + left
    quality = np.where(np.isfinite(difference), model.explained, np.nan)
    return Ahead(hours, level, error, quality)


def by_trend(times: Array, values: Array, window: Micros, ends: Array, hours: Array) -> Ahead:
    """The line through the last `window`, led on; the further, the less certain."""
    line = trend.lines(times, values, window, ends)
    level = line.level[:, None] + line.slope[:, None] * hours[None, :]
    far = np.sqrt(1 + (hours / (window / clock.HOUR)) ** 2 * 12)
    return Ahead(hours, level, line.spread[:, None] * far[None, :], line.quality)


def by_profile(
    model: Profile, zone: ZoneInfo, past: tuple[Array, Array], times: Array, values: Array, ends: Array, hours: Array
) -> Ahead:
    """What the time of day usually brings, moved by how far it is from it now, of which half is left after two hours.

    past: what the model was learned from, to see how much of it the time of day explains.
    """
    middle, _ = model.at(past[0], zone)
    known = np.isfinite(middle)
    whole = float(np.var(past[1][known])) if known.any() else 0.0
    quality = 1 - float(np.var((past[1] - middle)[known])) / whole if whole else np.nan
    left = 0.5 ** (hours / 2)
    at = ends[:, None] + np.round(hours[None, :] * clock.HOUR).astype(np.int64)
    level, spread = (v.reshape(at.shape) for v in model.at(at.ravel(), zone))
    difference = _recent(times, values - model.at(times, zone)[0], ends)
    error = spread * np.sqrt(np.maximum(1 - left**2, 0.01))[None, :]
    return Ahead(hours, level + difference[:, None] * left[None, :], error, np.full(len(ends), quality))


def crossing(ahead: Ahead, level: float, direction: int, width: float = 1.0) -> Crossing:
    """When each first is beyond `level` (direction 1: above it). width: of the band, in standard deviations."""
    beyond = (ahead.level - level) * direction
    first, early, late = (_first(beyond + shift * ahead.error > 0, ahead.hours) for shift in (0, width, -width))
    return Crossing(first, early, late)


def _first(hit: Array, hours: Array) -> Array:
    return np.where(hit.any(axis=1), hours[hit.argmax(axis=1)], np.inf)


def _recent(times: Array, rest: Array, ends: Array) -> Array:
    """Mean of what came within the hour before each end; NaN where nothing did."""
    total = np.concatenate(([0.0], np.cumsum(rest)))
    until, after = np.searchsorted(times, ends, "right"), np.searchsorted(times, ends - _RECENT, "right")
    count = (until - after).astype(np.float64)
    count[count == 0] = np.nan
    found: Array = (total[until] - total[after]) / count
    return found
