"""Chance without memory: numbers that depend only on a seed and on integers, and smooth noise made of them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SCALE = 1.0 / (1 << 53)


def uniform(seed: int, *parts: Any) -> Floats:
    """Numbers in [0, 1), one for each combination of the integer arrays in `parts` (they broadcast)."""
    with np.errstate(over="ignore"):
        state = np.asarray(seed, dtype=np.uint64)
        for part in parts:
            state = _mixed(state + _GOLDEN * (np.asarray(part).astype(np.int64).astype(np.uint64) + np.uint64(1)))
    return np.asarray((state >> np.uint64(11)).astype(np.float64) * _SCALE)


def _mixed(state: Any) -> Any:
    state = (state ^ (state >> np.uint64(30))) * _MIX[0]
    state = (state ^ (state >> np.uint64(27))) * _MIX[1]
    return state ^ (state >> np.uint64(31))


def wobble(seed: int, which: Any, time: Floats, period: float) -> Floats:
    """Smooth noise in about -1..1 that turns over every `period` seconds; its own course for each `which`."""
    at = time / period
    cell = np.floor(at)
    part = at - cell
    ease = part * part * (3.0 - 2.0 * part)
    before, after = uniform(seed, which, cell), uniform(seed, which, cell + 1)
    return 2.0 * (before + (after - before) * ease) - 1.0


def curve(percent: str) -> Floats:
    """24 hourly values in % -> a table for `read`, closed over midnight."""
    points = [float(word) / 100.0 for word in percent.split()]
    return np.array([*points, points[0]], dtype=np.float64)


def read(table: Floats, hour: Floats) -> Floats:
    """The daily curve at hours 0..24, straight between the full hours."""
    low = hour.astype(np.int64) % 24
    part = hour - np.floor(hour)
    return np.asarray(table[low] * (1 - part) + table[low + 1] * part)


def area_under(table: Floats) -> Floats:
    """Hours times value from midnight to each full hour: 25 numbers."""
    return np.concatenate([[0.0], np.cumsum((table[:-1] + table[1:]) / 2)])
