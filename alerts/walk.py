"""Samples of one series in, the moments at which its alarm is raised and cleared out. Pure; times in microseconds.

Delays are measured between the samples' own times, never against a clock: a device whose clock is wrong is not
early or late by that. A gap longer than `gap` breaks a run: what happened in it is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ioc.records import Micros


class Level(NamedTuple):
    """Raise strictly beyond `raise_at`, clear strictly back behind `clear_at`; direction 1: too high, -1: too low."""

    raise_at: float
    clear_at: float
    direction: int = 1

    def beyond(self, value: float) -> bool:
        return (value - self.raise_at) * self.direction > 0

    def back(self, value: float) -> bool:
        """Where raise and clear are one level, being at it is being back."""
        distance = (value - self.clear_at) * self.direction
        return distance < 0 or (distance == 0 and self.raise_at == self.clear_at)


class Delays(NamedTuple):
    on: Micros = 0
    off: Micros = 0
    gap: Micros = 3_600_000_000


class Crossing(NamedTuple):
    """active: raised or cleared; at: the sample that decided it; since: when the run began; peak: the worst value."""

    active: bool
    at: Micros
    since: Micros
    value: float
    peak: float


def walk(
    samples: Iterable[tuple[Micros, float]], level: Level, delays: Delays, *, active: bool, used: Micros | None = None
) -> Iterator[Crossing]:
    """Every crossing in time order. A sample at or before `used` may begin a run but never decides."""
    since: Micros | None = None
    last: Micros | None = None
    peak: float | None = None
    for at, value in samples:
        if last is not None and at - last > delays.gap:
            since = None
        last = at
        if not (level.back(value) if active else level.beyond(value)):
            since = None
            peak = _worse(peak, value, level) if active else None
            continue
        since = at if since is None else since
        peak = _worse(peak, value, level)
        if at - since >= (delays.off if active else delays.on) and (used is None or at > used):
            active = not active
            yield Crossing(active, at, since, value, peak if peak is not None else value)
            since, peak = None, (value if active else None)


def _worse(peak: float | None, value: float, level: Level) -> float:
    return value if peak is None or (value - peak) * level.direction > 0 else peak
