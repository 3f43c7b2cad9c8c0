"""Store rows -> arrays: every sensor on the map with its state, headline value and age. Built for 50,000 points.

Pure: `now` is an argument, nothing here reads a clock or a database. Times are microseconds UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ioc.records import Micros
    from ioc.store.snapshot import Latest, Place, Registry

    Steps = tuple[list[float], list[int]]  # rising levels, and the severity below the first and from each on

# A point's state, as drawn. Only open alarms warn; a value above a step of its metric is noteworthy, no more.
NO_DATA, NORMAL, WARNING, CRITICAL, STALE, NOTEWORTHY, DOUBTFUL = range(7)
_RANK = np.array([0, 1, 3, 4, 0, 2, 0], np.uint8)  # which of two states matters more
_NEVER = np.iinfo(np.int64).min
_SECOND = 1_000_000
_CADENCES = 3  # a sensor that missed this many of its own reports is out of date
_LEAST = 60.0  # seconds: nothing is out of date sooner, the path itself takes a moment
_UNTOLD = 6 * 3600.0  # seconds: the patience with a sensor that says no cadence
BY_PRIORITY = {1: CRITICAL, 2: WARNING, 3: WARNING, 4: WARNING}


class Frame(NamedTuple):
    """One moment of the whole map, never changed once made. value: NaN where there is none; time: seconds, 0 none."""

    generation: int
    state: NDArray[np.uint8]
    value: NDArray[np.float32]
    time: NDArray[np.uint32]
    lat: NDArray[np.float32]
    lon: NDArray[np.float32]


class Delta(NamedTuple):
    """Indices of points whose state, value or time changed, and of those that moved."""

    changed: NDArray[np.intp]
    moved: NDArray[np.intp]


class Snapshot:
    """The city now. Points are in registry order; a series is a slot, the slots of one point lie together."""

    def __init__(self, registry: Registry, generation: int) -> None:
        self.generation = generation
        self.sensors: Sequence[Any] = registry.sensors
        self.metrics = registry.metrics
        self.index = {row.id: i for i, row in enumerate(registry.sensors)}
        shown = [(i, s, m) for i, s, m in registry.series if s in self.index]
        self.slot = {series: at for at, (series, _, _) in enumerate(shown)}
        self.series = np.array([series for series, _, _ in shown], np.int64)
        self.slots_of = _slots(shown)
        self._point = np.array([self.index[s] for _, s, _ in shown], np.intp)
        self._slots_by_metric = _by_metric(shown)
        self._members: dict[tuple[str, str | None, str | None], tuple[NDArray[np.intp], NDArray[np.intp]]] = {}
        self._owners, self._starts = _runs(self._point)
        steps = {key: _steps(metric) for key, metric in registry.metrics.items()}
        self._steps = [steps.get(m) for _, _, m in shown]
        self.head = _heads(shown, self.index, steps)
        self._patience = np.array([_patience(r.cadence) for r in registry.sensors], np.float64) * _SECOND
        self.values = np.full(len(shown), np.nan)
        self.times = np.full(len(shown), _NEVER, np.int64)
        self._severity = np.zeros(len(shown), np.uint8)
        self._doubt = np.zeros(len(shown), np.bool_)
        self._alarm = np.zeros(len(registry.sensors), np.uint8)
        self.alarmed = np.zeros(len(shown), np.uint8)  # a slot's own alarms: NO_DATA where it has none
        self._lat = np.array([r.lat for r in registry.sensors], np.float32)
        self._lon = np.array([r.lon for r in registry.sensors], np.float32)
        self._moves = np.array([r.moves for r in registry.sensors], np.bool_)
        self.heard: Micros = 0  # the newest commit seen

    def apply(self, rows: Iterable[Latest]) -> None:
        """Take newer values; a slot never goes back in time."""
        for series, time, received, value in rows:
            at = self.slot.get(series)
            self.heard = max(self.heard, received)
            if at is not None and time >= self.times[at]:
                self.times[at], self.values[at] = time, value
                steps = self._steps[at]
                if steps is not None:
                    self._severity[at] = steps[1][bisect_right(steps[0], value)]

    def members(self, metric: str, sensor: str | None, area: str | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Slots and their points that measure a metric: of one sensor, of an area, or of the whole city."""
        key = (metric, sensor, area)
        if key not in self._members:
            self._members[key] = self._find(metric, sensor, area)
        return self._members[key]

    def _find(self, metric: str, sensor: str | None, area: str | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        slots = self._slots_by_metric.get(metric, [])
        owners = [self.sensors[self._point[at]] for at in slots]
        kept = [at for at, row in zip(slots, owners, strict=True)
                if (sensor is None or row.key == sensor) and (area is None or row.area == area)]  # fmt: skip
        found = np.array(kept, np.intp)
        return found, self._point[found]

    def name_of(self, series: int) -> dict[str, str]:
        """What the sensor of a series is called."""
        found: dict[str, str] = self.sensors[self._point[self.slot[series]]].name
        return found

    @property
    def movers(self) -> NDArray[np.intp]:
        """The points that may move, or have."""
        return np.flatnonzero(self._moves)

    def move(self, rows: Iterable[Place]) -> None:
        for row in rows:
            at = self.index.get(row.sensor)
            if at is not None:
                self._lat[at], self._lon[at], self._moves[at] = row.lat, row.lon, True

    def doubt(self, series: Iterable[int]) -> None:
        """Series whose values must not be believed: replaces what was said before."""
        doubt = np.zeros(len(self._doubt), np.bool_)
        doubt[[self.slot[s] for s in series if s in self.slot]] = True
        self._doubt = doubt  # at once: another thread may be looking

    def alarm(self, rows: Iterable[dict[str, Any]]) -> None:
        """Open alarms that count colour their sensor and series: replaces what was said before."""
        self._alarm[:], self.alarmed[:] = NO_DATA, NO_DATA
        for row in filter(counts, rows):
            state = BY_PRIORITY[row["priority"]]
            at, slot = self.index.get(row["sensor_id"]), self.slot.get(row.get("series_id") or 0)
            if at is not None:
                self._alarm[at] = max(self._alarm[at], state)
            if slot is not None:
                self.alarmed[slot] = max(self.alarmed[slot], state)

    def frame(self, now: Micros) -> Frame:
        """Every point's state at `now`: its worst alarm, else old, else doubtful, else by its metric's steps."""
        newest = self._newest()
        heard = newest != _NEVER
        old = heard & (now - np.where(heard, newest, 0) > self._patience)
        state = np.where(self._noteworthy(), NOTEWORTHY, NORMAL).astype(np.uint8)
        state[self._any_doubt()] = DOUBTFUL
        state[old] = STALE
        state[~heard] = NO_DATA
        state = np.where(self._alarm > 0, self._alarm, state).astype(np.uint8)
        value = np.where(self.head >= 0, self.values[self.head], np.nan) if len(self.values) else _nothing(len(state))
        seconds = np.where(heard, newest // _SECOND, 0).clip(0).astype(np.uint32)
        return Frame(self.generation, state, value.astype(np.float32), seconds, self._lat.copy(), self._lon.copy())

    def _newest(self) -> NDArray[np.int64]:
        newest = np.full(len(self.sensors), _NEVER, np.int64)
        if len(self._owners):
            newest[self._owners] = np.maximum.reduceat(self.times, self._starts)
        return newest

    def _noteworthy(self) -> NDArray[np.bool_]:
        found = np.zeros(len(self.sensors), np.bool_)
        found[self._point[(self._severity > 0) & ~self._doubt]] = True
        return found

    def _any_doubt(self) -> NDArray[np.bool_]:
        found = np.zeros(len(self.sensors), np.bool_)
        found[self._point[self._doubt]] = True
        return found


def counts(alarm: dict[str, Any]) -> bool:
    """Whether an open alarm counts: what it says is not over, and nobody put it aside."""
    return bool(alarm["condition"] != "false" and alarm["suppression"] == "none")


def worst(states: NDArray[np.uint8]) -> int:
    """The state that matters most of some; NO_DATA of none."""
    return int(states[np.argmax(_RANK[states])]) if len(states) else NO_DATA


def delta(old: Frame, new: Frame) -> Delta:
    """What a screen that shows `old` must be told to show `new`; both of one generation."""
    same = (old.value == new.value) | (np.isnan(old.value) & np.isnan(new.value))
    changed = (old.state != new.state) | (old.time != new.time) | ~same
    moved = (old.lat != new.lat) | (old.lon != new.lon)
    return Delta(np.flatnonzero(changed), np.flatnonzero(moved))


def _nothing(count: int) -> NDArray[np.float64]:
    return np.full(count, np.nan)


def _slots(shown: list[tuple[int, int, str]]) -> dict[int, list[tuple[int, str]]]:
    found: dict[int, list[tuple[int, str]]] = {}
    for at, (_, sensor, metric) in enumerate(shown):
        found.setdefault(sensor, []).append((at, metric))
    return found


def _by_metric(shown: list[tuple[int, int, str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at, (_, _, metric) in enumerate(shown):
        found.setdefault(metric, []).append(at)
    return found


def _runs(point: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The points that have slots, and where the slots of each begin."""
    if not len(point):
        return point, point
    starts = np.flatnonzero(np.concatenate(([True], point[1:] != point[:-1])))
    return point[starts], starts


def _heads(
    shown: list[tuple[int, int, str]], index: dict[int, int], steps: dict[str, Steps | None]
) -> NDArray[np.intp]:
    """Each point's headline slot: its first metric with a map colouring, else its first; -1 where it has none."""
    head = np.full(len(index), -1, np.intp)
    coloured = np.zeros(len(index), np.bool_)
    for at, (_, sensor, metric) in enumerate(shown):
        point, colours = index[sensor], steps.get(metric) is not None
        if head[point] < 0 or (colours and not coloured[point]):
            head[point], coloured[point] = at, colours
    return head


def _steps(metric: dict[str, Any]) -> Steps | None:
    """Rising levels, and the severity below the first of them and from each of them on."""
    steps = metric.get("settings", {}).get("steps") or []
    if not steps:
        return None
    return [float(level) for level, _ in steps], [0, *(max(0, min(4, int(s))) for _, s in steps)]


def _patience(cadence: float | None) -> float:
    return _UNTOLD if cadence is None else max(_LEAST, cadence * _CADENCES)
