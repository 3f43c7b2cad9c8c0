"""Store rows -> arrays: every sensor on the map with its state, headline value and age. Built for 50,000 points.

Pure: `now` is an argument, nothing here reads a clock or a database. Times are microseconds UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dashboards import layouts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from dashboards.layouts import Layout
    from ioc.records import Micros
    from ioc.store.snapshot import Latest, Place, Registry

    Steps = tuple[list[float], list[int]]  # rising levels, and the severity below the first and from each on

# A point's state, as drawn. Only open alarms warn; a value above a step of its metric is noteworthy, no more.
NO_DATA, NORMAL, WARNING, CRITICAL, STALE, NOTEWORTHY, DOUBTFUL = range(7)
_RANK = np.array([0, 1, 3, 4, 0, 2, 0], np.uint8)  # which of two states matters more
_NEVER = np.iinfo(np.int64).min
_SECOND = 1_000_000
_LAST_SECOND = 0xFFFFFFFF
_DEGREE = 10_000_000
_POLE, _NULL = 85.0, 1e-3  # degrees: what a web map can draw, and how near to 0, 0 nothing of a city is
_CADENCES = 3  # a sensor that missed this many of its own reports is out of date
_LEAST = 60.0  # seconds: nothing is out of date sooner, the path itself takes a moment
_UNTOLD = 6 * 3600.0  # seconds: the patience with a sensor that says no cadence
BY_PRIORITY = {1: CRITICAL, 2: WARNING, 3: WARNING, 4: WARNING}


class Frame(NamedTuple):
    """One moment of the whole map, never changed once made.

    Of each point: state; time of its newest value, seconds, 0 none; lat and lon in 1e-7 degrees, and `at`, when it was
    there, ms, 0 unknown. Of each slot: value, NaN where there is none; since, its time in seconds.
    """

    generation: int
    revision: int
    state: NDArray[np.uint8]
    time: NDArray[np.uint32]
    value: NDArray[np.float64]
    since: NDArray[np.uint32]
    lat: NDArray[np.int32]
    lon: NDArray[np.int32]
    at: NDArray[np.int64]


class Delta(NamedTuple):
    """Slots with another value or time, points with another state, points elsewhere: indices, rising."""

    values: NDArray[np.intp]
    states: NDArray[np.intp]
    moved: NDArray[np.intp]

    def __bool__(self) -> bool:
        return any(map(len, self))


class Snapshot:
    """The city now. A sensor is a point, a series a slot; both keep their index while the generation lasts."""

    def __init__(self, registry: Registry, generation: int, layout: Layout | None = None) -> None:
        layout = layout or layouts.first(registry, generation)
        self.layout, self.generation, self.revision = layout, layout.generation, layout.revision
        self.sensors: Sequence[Any] = layout.sensors
        self.metrics = registry.metrics
        self.index = {row.id: i for i, row in enumerate(layout.sensors) if layout.present[i]}
        shown = layout.slots
        places = {row.id: i for i, row in enumerate(layout.sensors)}
        self.slot = {series: at for at, (series, _, _) in enumerate(shown)}
        self.series = np.array([series for series, _, _ in shown], np.int64)
        self.slots_of = _slots(shown)
        self.point = self._point = np.array([places[s] for _, s, _ in shown], np.intp)
        self._slots_by_metric = _by_metric(shown)
        self._members: dict[tuple[str, str | None, str | None], tuple[NDArray[np.intp], NDArray[np.intp]]] = {}
        self._order = np.argsort(self._point, kind="stable")
        self._owners, self._starts = _runs(self._point[self._order])
        steps = {key: _steps(metric) for key, metric in registry.metrics.items()}
        self._steps = [steps.get(m) for _, _, m in shown]
        self.head = _heads(shown, places, steps)
        self._patience = np.array([_patience(r.cadence) for r in layout.sensors], np.float64) * _SECOND
        self.values = np.full(len(shown), np.nan)
        self.times = np.full(len(shown), _NEVER, np.int64)
        self._severity = np.zeros(len(shown), np.uint8)
        self._doubt = np.zeros(len(shown), np.bool_)
        self._alarm = np.zeros(len(layout.sensors), np.uint8)
        self.alarmed = np.zeros(len(shown), np.uint8)  # a slot's own alarms: NO_DATA where it has none
        self._lat, self._lon = _degrees([r.lat for r in layout.sensors]), _degrees([r.lon for r in layout.sensors])
        self._at = np.zeros(len(layout.sensors), np.int64)
        self._moves = np.array([r.moves for r in layout.sensors], np.bool_)
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
                if row.id in self.index and sensor in (None, row.key) and area in (None, row.area)]  # fmt: skip
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
            if at is not None and placed(row.lat, row.lon):
                self._lat[at], self._lon[at] = round(row.lat * _DEGREE), round(row.lon * _DEGREE)
                self._at[at], self._moves[at] = row.time // 1000, True

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
        state[~self.layout.present] = NO_DATA
        return Frame(self.generation, self.revision, state, _seconds(newest), self.values.copy(), _seconds(self.times),
                     self._lat.copy(), self._lon.copy(), self._at.copy())  # fmt: skip

    def _newest(self) -> NDArray[np.int64]:
        newest = np.full(len(self.sensors), _NEVER, np.int64)
        if len(self._owners):
            newest[self._owners] = np.maximum.reduceat(self.times[self._order], self._starts)
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


def placed(lat: float, lon: float) -> bool:
    """Whether a place can be drawn: on the earth, and not at 0, 0, where receivers without a fix say they are."""
    return abs(lat) <= _POLE and abs(lon) <= 180 and (abs(lat) > _NULL or abs(lon) > _NULL)


def delta(old: Frame, new: Frame) -> Delta:
    """What a screen that shows `old` must be told to show `new`, of the same generation and maybe with more in it."""
    slots, points = len(old.value), len(old.state)
    value, since = new.value[:slots], new.since[:slots]
    same = (old.value == value) | (np.isnan(old.value) & np.isnan(value))
    moved = (old.lat != new.lat[:points]) | (old.lon != new.lon[:points]) | (old.at != new.at[:points])
    return Delta(_with_new((old.since != since) | ~same, len(new.value)),
                 _with_new(old.state != new.state[:points], len(new.state)),
                 _with_new(moved, len(new.state)))  # fmt: skip


def union(parts: Iterable[Delta]) -> Delta:
    """What several deltas together touch."""
    columns = zip(*parts, strict=True)
    return Delta(*(np.unique(np.concatenate(column)).astype(np.intp) for column in columns))


def _with_new(changed: NDArray[np.bool_], count: int) -> NDArray[np.intp]:
    return np.concatenate((np.flatnonzero(changed), np.arange(len(changed), count))).astype(np.intp)


def _seconds(times: NDArray[np.int64]) -> NDArray[np.uint32]:
    return (times // _SECOND).clip(0, _LAST_SECOND).astype(np.uint32)


def _degrees(values: Sequence[float]) -> NDArray[np.int32]:
    return (np.array(values, np.float64) * _DEGREE).round().astype(np.int32)


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
