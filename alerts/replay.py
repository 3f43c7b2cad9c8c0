"""The points of a target and what a rule says of them, again and again with other delays and dead-bands. Pure.

The judge is the engine's own (alerts/judge.py). Where nothing can happen, between what is calm and stays calm, samples
are left out before it looks: that changes none of its findings and makes months a matter of a moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from alerts import judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alerts.judge import Episode
    from alerts.walk import Delays, Level
    from ioc.models.clock import Array
    from ioc.records import Micros


class Track(NamedTuple):
    """Everything that one target is judged by. times and values: its points that are known."""

    times: Array
    values: Array
    levels: Sequence[Level | None]
    delays: Delays
    ranks: Sequence[int] = ()

    def within(self, start: Micros) -> Track:
        place = int(np.searchsorted(self.times, start))
        return self._replace(times=self.times[place:], values=self.values[place:])


def episodes(track: Track, *, thinned: bool = True) -> list[Episode]:
    """When the rule would have held."""
    kept = _kept(track) if thinned else np.ones(len(track.times), bool)
    points = list(zip(track.times[kept].tolist(), track.values[kept].tolist(), strict=True))
    return judge.episodes(points, track.levels, track.delays, track.ranks)


def _kept(track: Track) -> Array:
    """All but the inside of calm stretches: their ends are kept, and enough of their beginnings to clear an alarm."""
    if not len(track.times):
        return np.zeros(0, bool)
    calm = _calm(track)
    broken = np.diff(track.times) > track.delays.gap
    edge = np.flatnonzero(broken | (calm[1:] != calm[:-1])) + 1
    first = np.concatenate(([0], edge))
    last = np.concatenate((edge, [len(calm)])) - 1
    run = np.repeat(np.arange(len(first)), last - first + 1)
    begun = track.times[first][run]
    needed = track.times - begun < track.delays.off
    decides = np.concatenate(([True], needed[:-1])) & ~needed  # the first sample at which an off-delay has passed
    place = np.arange(len(calm))
    return np.asarray(~calm | needed | decides | (place == first[run]) | (place == last[run]))


def _calm(track: Track) -> Array:
    """Neither beyond any level, nor short of being back behind it."""
    calm = np.ones(len(track.values), bool)
    for level in track.levels:
        if level is not None:
            distance = (track.values - level.clear_at) * level.direction
            back = (distance < 0) | ((distance == 0) & (level.raise_at == level.clear_at))
            calm &= back & ~((track.values - level.raise_at) * level.direction > 0)
    return calm


def shifted(track: Track, *, on: Micros | None = None, off: Micros | None = None, band: float | None = None) -> Track:
    """With another delay, or another dead-band for every level."""
    delays = track.delays._replace(
        on=track.delays.on if on is None else on, off=track.delays.off if off is None else off
    )
    levels = track.levels if band is None else [_banded(level, band) for level in track.levels]
    return track._replace(delays=delays, levels=levels)


def _banded(level: Level | None, band: float) -> Level | None:
    return None if level is None else level._replace(clear_at=level.raise_at - level.direction * band)


def noise(values: Array) -> float:
    """How much a value differs from the one before it, as a standard deviation that jumps do not move."""
    if len(values) < 3:
        return 0.0
    moved = np.abs(np.diff(values))
    moved = moved[moved > 0]
    return float(1.4826 * np.median(moved) / np.sqrt(2)) if len(moved) else 0.0
