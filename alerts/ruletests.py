"""The city's own tests of its rules, rules/tests/*.toml: samples as a time line in, what a rule says of them out. Pure.

    about = "two hours above level II are an alarm, a wave is not"
    rule = "water_high"
    every = "10min"
    alarms = ["gauge-1 1h..3h peak 1.9"]
    [series]
    gauge-1 = "1.2x6 1.9x12 1.2x6"

Samples are `every` apart (alerts/timeline.py has the notation); `past` is a day of values, repeated for `past_days`
before the start, from which rules learn. Times in `alarms` count from the start: 90 and 1h30min are the same, no end
means it still stands. A series is a sensor's key, or key/metric where the rule looks at several metrics.
"""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field, ValidationError

from alerts import judge, learned, levels, signals, targets, timeline
from alerts.backtest import why_not
from alerts.learn import model_of
from alerts.verdict import Input, Known, length, micros
from alerts.walk import Delays
from ioc import plugins
from ioc.config import report
from ioc.config.types import Duration, Model, parse_duration
from ioc.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from alerts.verdict import Spec, Watched
    from ioc.config.folder import CityFolder
    from ioc.records import Micros

FOLDER = "rules/tests"
_ALARM = re.compile(r"(?P<target>\S+) (?P<start>[^\s.]+)\.\.(?P<end>\S*)(?: peak (?P<peak>-?[0-9.]+))?$")


class RuleTest(Model):
    """One file. start: local time of the first step. areas: of sensors that the folder does not place."""

    about: str
    rule: str
    start: datetime = datetime(2026, 3, 2, 8, tzinfo=UTC).replace(tzinfo=None)
    every: Duration = Field(default=parse_duration("1min"), validate_default=True)
    series: dict[str, str]
    past: dict[str, str] = {}
    past_days: int = Field(default=35, ge=1, le=400)
    areas: dict[str, str] = {}
    holidays: list[date] = []
    alarms: list[str]


class Said(NamedTuple):
    """One alarm, in minutes from the start."""

    target: str
    start: float
    end: float | None
    peak: float | None

    def text(self) -> str:
        end = "" if self.end is None else f"{self.end:g}"
        return f"{self.target} {self.start:g}..{end}" + (f" peak {self.peak:g}" if self.peak is not None else "")


def faults(city: CityFolder) -> list[Fault]:
    """What the tests in the folder find, and what is wrong with the tests."""
    return [f for file in sorted((city.path / FOLDER).glob("*.toml")) for f in _of_file(city, file)]


def _of_file(city: CityFolder, file: Path) -> Iterator[Fault]:
    name, text = f"{FOLDER}/{file.name}", ""
    try:
        text = file.read_text(encoding="utf-8-sig")
        test = RuleTest.model_validate(tomllib.loads(text))
        expected, seen = [_expected(line) for line in test.alarms], run(city, test)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, OSError) as error:
        yield Fault(name, "", f"not TOML: {error}")
    except ValidationError as error:
        yield from (report.fault(name, text, RuleTest, e) for e in error.errors())
    except (ValueError, LookupError) as error:
        yield Fault(name, "", str(error))
    else:
        yield from _compared(report.at(name, text, ("alarms",)), test, expected, seen)


def _compared(place: str, test: RuleTest, expected: list[Said], seen: list[Said]) -> Iterator[Fault]:
    """Peaks count only where they are given."""
    told = [s._replace(peak=None) for s in seen]
    wanted = [s if e.peak is not None else t for e, s, t in zip(expected, seen, told, strict=False)]
    if len(seen) == len(expected) and all(_same(a, b) for a, b in zip(expected, wanted, strict=True)):
        return
    saw = ", ".join(s.text() for s in seen) or "no alarm"
    want = ", ".join(e.text() for e in expected) or "no alarm"
    yield Fault(place, "alarms", f"rule {test.rule!r}: expected {want}; seen {saw}", test.about)


def _same(a: Said, b: Said) -> bool:
    numbers = ((a.start, b.start), (a.end, b.end), (a.peak, b.peak))
    return a.target == b.target and all(
        x is y or (x is not None and y is not None and abs(x - y) < 1e-6 * max(1.0, abs(x))) for x, y in numbers
    )


def _expected(line: str) -> Said:
    match = _ALARM.match(line.strip())
    if match is None:
        raise ValueError(f"not an alarm: {line!r}; write 'gauge-1 5..12', 'gauge-1 1h.. peak 3.5'")
    end, peak = match["end"], match["peak"]
    return Said(
        match["target"], _minutes(match["start"]), _minutes(end) if end else None, float(peak) if peak else None
    )


def _minutes(text: str) -> float:
    if text.isdigit():
        return float(text)
    span: timedelta = parse_duration(text)
    return span / timedelta(minutes=1)


def run(city: CityFolder, test: RuleTest) -> list[Said]:
    """What the rule says of the test's samples, in time order. Raises ValueError, LookupError."""
    if test.rule not in city.rules:
        raise ValueError(f"there is no rule {test.rule!r}; {report.nearest(test.rule, city.rules)}")
    rule, start = city.rules[test.rule], test.start.replace(tzinfo=city.city.tz)
    units = {key: metric.unit for key, metric in city.metrics.items()}
    watched = targets.watch(0, rule, Known(city.thresholds, start.date(), units, city.rules, city.city.tz))
    if why := why_not(plugins.load(targets.KINDS, rule.kind), rule.kind):
        raise ValueError(f"a rule of kind {rule.kind} cannot be tested so: {why}")
    samples = {key: _samples(test, key, start) for key in test.series}
    found = []
    for target, inputs in _targets(watched, city, test).items():
        found += [_said(target, e, micros(start)) for e in _episodes(watched, test, target, inputs, samples, start)]
    return sorted(found, key=lambda s: (s.start, s.target))


def _said(target: str, episode: judge.Episode, start: Micros) -> Said:
    minute = 60_000_000
    end = None if episode.end is None else (episode.end - start) / minute
    return Said(target, (episode.start - start) / minute, end, round(episode.peak, 6))


def _samples(test: RuleTest, key: str, start: datetime) -> list[tuple[Micros, float]]:
    zone: Any = start.tzinfo
    before = timeline.past(test.past[key], start, zone, test.past_days) if key in test.past else []
    found = {micros(at): value for at, value in before}
    for n, (value, shift) in enumerate(timeline.steps(test.series[key])):
        if value is not None:
            found[micros(start) + length(n * test.every + shift)] = value
    return sorted(found.items())


def _targets(watched: Watched, city: CityFolder, test: RuleTest) -> dict[str, list[tuple[Spec, str]]]:
    """Target -> its inputs: the spec that asks for each, and its series. Raises ValueError for one nobody watches."""
    found: dict[str, list[tuple[Spec, str]]] = {}
    everywhere: list[tuple[Spec, str]] = []
    for key in test.series:
        sensor, _, metric = key.partition("/")
        area = test.areas.get(sensor) or getattr(city.sensors.get(sensor), "area", None) or "here"
        fitting = [s for s in watched.specs if _fits(s, watched, sensor, metric)]
        if not fitting:
            raise ValueError(
                f"series {key!r} is not watched by rule {test.rule!r}: check the scope, or write sensor/metric"
            )
        for spec in fitting[:1] if not fitting[0].name else fitting:
            if spec.per == "each":
                everywhere.append((spec, key))
                continue
            target = {"series": key, "sensor": sensor, "area": area}.get(spec.per, "rule")
            found.setdefault(target, []).append((spec, key))
    return {target: [*inputs, *everywhere] for target, inputs in found.items()}


def _fits(spec: Spec, watched: Watched, sensor: str, metric: str) -> bool:
    """As SQL applies the scope, as far as a test knows: sensors by key or pattern, the metric where it is said."""
    scope = watched.rule.scope
    metrics = set(spec.metrics or scope.metrics)
    if metric and metrics and metric not in metrics:
        return False
    if spec.sensors:
        return sensor in spec.sensors
    patterns = scope.sensors
    return not patterns or any(sensor.startswith(p[:-1]) if p.endswith("*") else sensor == p for p in patterns)


def _episodes(
    watched: Watched, test: RuleTest, target: str, inputs: list[tuple[Spec, str]],
    samples: dict[str, list[tuple[Micros, float]]], start: datetime,
) -> list[judge.Episode]:  # fmt: skip
    rule, module = watched.rule, plugins.load(targets.KINDS, watched.rule.kind)
    expected = length(test.every)
    delays = Delays(length(rule.on_delay), length(rule.off_delay), judge.gap(expected))
    limits = next((s.levels for s, _ in inputs if s.levels), None) or next(
        (s.levels for s in watched.specs if s.levels), ()
    )
    if any(limit.own for limit in limits):
        raise ValueError(f"{target}: levels that are the sensors' own cannot be tested without the store")
    walked = signals.walked([list(n) for n in levels.numbers(limits)])
    since = micros(start) - 1
    if not hasattr(module, "signal"):
        points: list[Any] = [s for s in samples[inputs[0][1]] if s[0] > since]
    else:
        names = signals.names([(spec.name, n) for n, (spec, _) in enumerate(inputs)])
        given = {name: _input(watched, test, samples[key], walked, len(inputs), start)
                 for name, (_, key) in zip(names, inputs, strict=True)}  # fmt: skip
        points = list(module.signal(given, watched.options, since))
    return judge.episodes(points, walked, delays, signals.ranks(watched, limits))


def _input(
    watched: Watched,
    test: RuleTest,
    samples: list[tuple[Micros, float]],
    walked: list[Any],
    members: int,
    start: datetime,
) -> Input:
    zone: Any = start.tzinfo
    known = learned.from_past(model_of(watched), learned.past(samples), zone, frozenset(test.holidays))
    return Input(samples, length(test.every), learned=known, members=members, levels=walked)
