"""The last readings in, where they lead out: a robust line through each window, which one wild value does not turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ioc.models import clock

if TYPE_CHECKING:
    from ioc.models.clock import Array
    from ioc.records import Micros

_PARTS = 16  # of a window, each a mean
_WILD = 2  # parts of it that may be far from the line
_LEAST_PARTS = 10  # with readings, for a line
_AT_ONCE = 4000  # windows, so that memory stays small
_PAIRS = np.triu_indices(_PARTS, 1)


class Line(NamedTuple):
    """A line through the window that ends at each time: its level then, its slope per hour, the deviation from it (in
    the metric's unit), and how good it is: 1 all on it, 0 no better than none. NaN where the window holds too little.
    """

    level: Array
    slope: Array
    spread: Array
    quality: Array


def lines(times: Array, values: Array, window: Micros, ends: Array) -> Line:
    """Of the readings in (end - window, end] for each end. Theil and Sen's slope over the means of 16 equal parts."""
    parts = [_lines(times, values, window, ends[i : i + _AT_ONCE]) for i in range(0, len(ends), _AT_ONCE)]
    if not parts:
        return Line(*(np.zeros(0) for _ in range(4)))
    return Line(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _lines(times: Array, values: Array, window: Micros, ends: Array) -> Line:
    at, means = _means(times, values, window, ends)
    known = np.isfinite(means).sum(axis=1) >= _LEAST_PARTS
    found = np.full((4, len(ends)), np.nan)
    if known.any():
        found[:, known] = _robust(at[known], means[known])
    return Line(*found)


def _robust(at: Array, means: Array) -> Array:
    """Level, slope, spread and quality of each row."""
    slopes = (means[:, _PAIRS[1]] - means[:, _PAIRS[0]]) / (at[:, _PAIRS[1]] - at[:, _PAIRS[0]])
    slope = np.nanmedian(slopes, axis=1)
    level = np.nanmedian(means - slope[:, None] * at, axis=1)
    rest = means - slope[:, None] * at - level[:, None]
    spread = 1.4826 * np.nanmedian(np.abs(rest), axis=1)
    return np.array([level, slope, spread, _quality(rest, means)])


def _quality(rest: Array, means: Array) -> Array:
    """The part of the variance that the line explains, without the two parts that are furthest from it."""
    place = np.argsort(np.abs(rest), axis=1)  # NaN last
    kept = np.arange(_PARTS)[None, :] < (np.isfinite(rest).sum(axis=1) - _WILD)[:, None]
    left, was = (np.where(kept, np.take_along_axis(v, place, 1), np.nan) for v in (rest, means))
    whole = np.nansum((was - np.nanmean(was, axis=1)[:, None]) ** 2, axis=1)
    quality = 1 - np.nansum(left**2, axis=1) / np.where(whole > 0, whole, 1)
    return np.where(whole > 0, quality, 1.0)


def _means(times: Array, values: Array, window: Micros, ends: Array) -> tuple[Array, Array]:
    """(hours before the end, below zero; mean) of the readings in each part of each window, NaN where none."""
    edges = ends[:, None] - window + np.arange(_PARTS + 1) * (window // _PARTS)
    edges[:, -1] = ends
    place = np.searchsorted(times, edges, side="right")
    count = np.diff(place, axis=1).astype(np.float64)
    total = np.diff(np.concatenate(([0.0], np.cumsum(values)))[place], axis=1)
    hours = np.concatenate(([0.0], np.cumsum((times - times[0]) / clock.HOUR))) if len(times) else np.zeros(1)
    moment = np.diff(hours[place], axis=1)
    count[count == 0] = np.nan
    shift = ((ends - times[0]) / clock.HOUR)[:, None] if len(times) else np.zeros((len(ends), 1))
    return moment / count - shift, total / count
