"""How often a rule would have fired on stored history, before it is switched on: readings in, episodes and sums out.

The rule need not be in the store: what it would watch is worked out beside what is watched, and nothing is written.
Screens ask through `ioc.store.rule_tests`; alerts/tester.py answers them with `run`.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from alerts import learned, replay, signals, targets
from alerts.judge import gap
from alerts.learn import model_of
from alerts.verdict import Input, length, micros, moment
from alerts.walk import Delays
from ioc import plugins
from ioc.errors import IocError
from ioc.models import clock
from ioc.store import backtest as store
from ioc.store import models

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType
    from zoneinfo import ZoneInfo

    from alerts.judge import Episode
    from alerts.replay import Track
    from alerts.verdict import Watched
    from ioc.records import Micros
    from ioc.store.backtest import Target
    from ioc.store.database import Connection

MOST = 2000  # targets that are looked at; of more, a part is told
_DELAYS = tuple(timedelta(minutes=m) for m in (0, 1, 5, 15, 60))
_BANDS = (0.0, 3.0, 10.0)  # of the usual difference between two readings


class CannotReplayError(IocError):
    """Rules of this kind judge what is not kept, so that the past cannot be judged again."""


class Fired(NamedTuple):
    """One time it would have fired: from when the condition began until it was over (None: still at the end)."""

    target: str
    name: str
    start: datetime
    raised: datetime
    end: datetime | None
    peak: float
    length: timedelta  # within the span

    def as_json(self) -> dict[str, Any]:
        end = None if self.end is None else self.end.isoformat()
        times = {"start": self.start.isoformat(), "raised": self.raised.isoformat(), "end": end}
        return {**self._asdict(), **times, "length": self.length.total_seconds()}


class Option(NamedTuple):
    """What another delay and dead-band would make of it. band None: the rule's own. current: as the rule is."""

    on_delay: timedelta
    band: float | None
    alarms: int
    hours: float
    current: bool


class Result(NamedTuple):
    """targets: (name, alarms, hours), the worst first; days: local date -> (alarms, hours); clock_hours: alarms by
    local hour of the day; considered: of `watched` targets, with `readings` in all; took: seconds.
    """

    rule: str
    start: datetime
    end: datetime
    watched: int
    considered: int
    readings: int
    fired: list[Fired]
    targets: list[tuple[str, int, float]]
    days: dict[str, tuple[int, float]]
    clock_hours: list[int]
    options: list[Option]
    took: float

    @property
    def hours(self) -> float:
        return sum(f.length.total_seconds() for f in self.fired) / 3600

    @property
    def longest(self) -> timedelta:
        return max((f.length for f in self.fired), default=timedelta(0))

    def as_json(self) -> dict[str, Any]:
        """For pages: times as ISO text, lengths in seconds, the 500 latest alarms."""
        latest = [f.as_json() for f in self.fired[-500:]]
        options = [{**o._asdict(), "on_delay": o.on_delay.total_seconds()} for o in self.options]
        return {**self._asdict(), "start": self.start.isoformat(), "end": self.end.isoformat(), "fired": latest,
                "options": options, "alarms": len(self.fired), "hours": self.hours,
                "longest": self.longest.total_seconds()}  # fmt: skip


def why_not(module: ModuleType, kind: str) -> str:
    """Why rules of this kind cannot be tested on the past; '' where they can."""
    if kind == "threshold" or hasattr(module, "signal"):
        return ""
    said: str = getattr(module, "NO_REPLAY", "it judges what is not kept: only the present state is known")
    return said


def run(conn: Connection, watched: Watched, zone: ZoneInfo, start: datetime, end: datetime) -> Result:
    """What the rule would have said from `start` to `end`. Raises CannotReplayError, StoreAway, StoreError."""
    began = time.perf_counter()
    module = plugins.load(targets.KINDS, watched.rule.kind)
    if why := why_not(module, watched.rule.kind):
        raise CannotReplayError(f"a rule of kind {watched.rule.kind} cannot be tested on the past: {why}")
    asked = store.targets(conn, targets.rows([watched]))
    tests = [(t, track) for t in asked[:MOST] for track in _tracks(conn, watched, module, t, zone, start, end)]
    fired = sorted((f for t, track in tests for f in _fired(t, track, start, end)), key=lambda f: f.raised)
    options = _options(watched, [track for _, track in tests], start, end)
    readings = sum(len(track.times) for _, track in tests)
    by_target, days, hours = _by_target(fired), _by_day(fired, zone, start, end), _by_hour(fired, zone)
    return Result(watched.rule.key, start, end, len(asked), len(tests), readings, fired, by_target, days, hours,
                  options, time.perf_counter() - began)  # fmt: skip


def _tracks(
    conn: Connection,
    watched: Watched,
    module: ModuleType,
    target: Target,
    zone: ZoneInfo,
    start: datetime,
    end: datetime,
) -> Iterator[Track]:
    """Its points from a little before `start`, so that what stood then is known; none where nothing was said."""
    expected = max((i.expected for i in target.inputs if i.expected is not None), default=None)
    delays = Delays(length(watched.rule.on_delay), length(watched.rule.off_delay), gap(expected))
    levels = signals.walked(signals.limits(watched) if target.levels is None else target.levels)
    begin = micros(start) - max(delays.on, delays.off) - delays.gap
    told = watched.specs[target.place].levels if target.levels is not None else _told(watched)
    points = _points(conn, watched, module, target, zone, begin, micros(end), levels)
    if points is not None and len(points[0]):
        delays = delays._replace(gap=_gap(points[0], delays.gap))
        yield replay.Track(*points, levels, delays, signals.ranks(watched, told))


def _gap(times: Any, usual: Micros) -> Micros:
    """What breaks a run of samples: as live, but by its own spacing where the past is coarser than the present."""
    spacing = int(np.median(np.diff(times))) if len(times) > 2 else 0
    return usual if spacing <= usual else gap(spacing)


def _told(watched: Watched) -> Sequence[Any]:
    return next((s.levels for s in watched.specs if s.levels), ())


def _points(
    conn: Connection, watched: Watched, module: ModuleType, target: Target, zone: ZoneInfo, begin: Micros, end: Micros,
    levels: Sequence[Any],
) -> tuple[Any, Any] | None:  # fmt: skip
    """(times, values) of what the levels judge, after `begin`."""
    if not hasattr(module, "signal"):
        return models.history(conn, target.inputs[0].series_id, begin, end)
    inputs = {}
    for name, one in zip(signals.names([(i.name, i.series_id) for i in target.inputs]), target.inputs, strict=True):
        back = begin - length(module.window(watched.options))
        past = learned.Past(*models.history(conn, one.series_id, back, end))
        samples = list(zip(past.times.tolist(), past.values.tolist(), strict=True))
        known = _learned(conn, watched, one.series_id, zone, begin, end) if hasattr(module, "model_of") else None
        inputs[name] = Input(samples, one.expected, learned=known, members=len(target.inputs), levels=levels)
    points = [(at, v) for at, v in module.signal(inputs, watched.options, begin) if isinstance(v, (int, float))]
    table = np.array(points, dtype=[("at", np.int64), ("value", np.float64)])
    return table["at"], table["value"]


def _learned(
    conn: Connection, watched: Watched, series: int, zone: ZoneInfo, begin: Micros, end: Micros
) -> learned.Learned:
    """Models of every day of the span, made of the history that each may look at."""
    model = model_of(watched)
    if model is None:
        return learned.from_past(None, learned.Past(np.zeros(0, np.int64), np.zeros(0)), zone)
    first = model.span(clock.day_of(begin, zone), zone)[0]
    past = learned.Past(*models.history(conn, series, first, end, coarse=model.coarse))
    return learned.from_past(model, past, zone, models.holidays(conn))


def _fired(target: Target, track: Track, start: datetime, end: datetime) -> Iterator[Fired]:
    for episode in _within(replay.episodes(track), micros(start)):
        over = None if episode.end is None else moment(episode.end)
        within = min(over or end, end) - max(moment(episode.start), start)
        yield Fired(
            target.target, target.name, moment(episode.start), moment(episode.decided), over, episode.peak, within
        )


def _within(found: Sequence[Episode], start: Micros) -> list[Episode]:
    return [e for e in found if e.end is None or e.end > start]


def _options(watched: Watched, tracks: Sequence[Track], start: datetime, end: datetime) -> list[Option]:
    """A small table: delays by dead-bands, with the rule as it is among them."""
    current = watched.rule.on_delay
    delays = sorted({current, *_DELAYS})
    bands: list[float | None] = [None]
    if hasattr(plugins.load(targets.KINDS, watched.rule.kind), "window") and tracks and _may_band(watched):
        usual = float(np.median([replay.noise(t.values) for t in tracks]))
        bands += sorted({_round(usual * times) for times in _BANDS})
    return [_option(tracks, d, b, micros(start), micros(end), current=d == current and b is None)
            for d in delays for b in bands]  # fmt: skip


def _may_band(watched: Watched) -> bool:
    """A score's way back is its kind's own affair."""
    return not hasattr(plugins.load(targets.KINDS, watched.rule.kind), "model_of") or watched.rule.kind == "predict"


def _option(
    tracks: Sequence[Track], on: timedelta, band: float | None, start: Micros, end: Micros, *, current: bool
) -> Option:
    alarms, total = 0, 0
    for track in tracks:
        found = _within(replay.episodes(replay.shifted(track, on=length(on), band=band)), start)
        alarms += len(found)
        total += sum(min(e.end or end, end) - max(e.start, start) for e in found)
    return Option(on, band, alarms, total / clock.HOUR, current)


def _round(value: float) -> float:
    """To two digits: nobody sets a dead-band of 0.0312."""
    return float(f"{value:.1g}") if value else 0.0


def _by_target(fired: Sequence[Fired]) -> list[tuple[str, int, float]]:
    count, hours = Counter(f.name for f in fired), Counter[str]()
    for one in fired:
        hours[one.name] += one.length.total_seconds() / 3600  # type: ignore[assignment]
    return [(name, n, round(float(hours[name]), 3)) for name, n in count.most_common()]


def _by_day(fired: Sequence[Fired], zone: ZoneInfo, start: datetime, end: datetime) -> dict[str, tuple[int, float]]:
    """Every local day of the span; an alarm counts on the day it was raised, its hours where they fell."""
    days: dict[str, tuple[int, float]] = {}
    day = start.astimezone(zone).date()
    while day <= (end - timedelta(microseconds=1)).astimezone(zone).date():
        low, high = (moment(clock.start_of(d, zone)) for d in (day, day + timedelta(days=1)))
        low, high = max(low, start), min(high, end)
        raised = sum(low <= max(f.raised, start) < high for f in fired)
        held = sum(max((min(f.end or end, high) - max(f.start, low)).total_seconds(), 0.0) for f in fired)
        days[day.isoformat()] = (raised, round(held / 3600, 3))
        day += timedelta(days=1)
    return days


def _by_hour(fired: Sequence[Fired], zone: ZoneInfo) -> list[int]:
    count = Counter(f.raised.astimezone(zone).hour for f in fired)
    return [count[hour] for hour in range(24)]
