"""A value has passed a level: too high or too low, with its own level to clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from alerts.verdict import SECOND, Spec, Verdict, micros, moment
from alerts.walk import Delays, Level, walk
from ioc.config.types import Model
from ioc.store import rules as store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date, datetime, timedelta

    from alerts.verdict import Tick
    from ioc.config.rules import Rule
    from ioc.config.thresholds import Level as PackLevel
    from ioc.config.thresholds import ThresholdPack
    from ioc.records import Micros
    from ioc.store.database import Connection

Ref = float | str  # a number in the metric's unit, or "pack.level" of thresholds/*.toml
_GAP_WITHOUT_CADENCE = 3600 * SECOND
_LATE = 60 * SECOND


class Options(Model):
    """
    above or below: the level to raise at, a number in the metric's unit or "pack.level".
    clear: the level to clear at; or deadband: how far back it must come, in the metric's unit (never percent: that
    breaks at zero). Neither: it clears as soon as it is back.
    """

    above: Ref | None = None
    below: Ref | None = None
    clear: Ref | None = None
    deadband: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Options:
        if (self.above is None) == (self.below is None):
            raise ValueError("give either above or below")
        if self.clear is not None and self.deadband is not None:
            raise ValueError("give either clear or deadband")
        if isinstance(self.level, float) and isinstance(self.clear, float):
            _check_sides(self.level, self.clear, self.direction)
        return self

    @property
    def level(self) -> Ref:
        level = self.above if self.above is not None else self.below
        assert level is not None
        return level

    @property
    def direction(self) -> int:
        return 1 if self.above is not None else -1


def specs(rule: Rule, options: Options, packs: Mapping[str, ThresholdPack], day: date) -> list[Spec]:
    """One Spec a level; levels of a pack for named stations come first. Raises ValueError."""
    if isinstance(options.level, float):
        if not rule.scope.metrics and not rule.scope.sensors:
            raise ValueError("a level that is a number needs scope.metrics (or scope.sensors): a number of what?")
        return [_spec(options.level, options, packs, day, None)]
    found = _levels(options.level, packs, day)
    return [_spec(level.value, options, packs, day, level) for level in found]


def _spec(
    value: float, options: Options, packs: Mapping[str, ThresholdPack], day: date, level: PackLevel | None
) -> Spec:
    clear = value - options.direction * (options.deadband or 0.0)
    if isinstance(options.clear, float):
        clear = options.clear
    elif options.clear is not None:
        clear = _clear(options.clear, packs, day, level)
    _check_sides(value, clear, options.direction)
    sensors, metrics = (tuple(level.sensors), (level.metric,)) if level else ((), ())
    return Spec(value, clear, options.direction, sensors, metrics)


def _levels(ref: str, packs: Mapping[str, ThresholdPack], day: date) -> list[PackLevel]:
    """The levels "pack.level" means on that day, those for named stations first. Raises ValueError."""
    pack, _, key = ref.partition(".")
    if pack not in packs:
        raise ValueError(f"no threshold pack {pack!r} in thresholds/; there are: {', '.join(sorted(packs)) or 'none'}")
    named = [level for level in packs[pack].level if level.key == key]
    if not named:
        known = ", ".join(sorted({level.key for level in packs[pack].level}))
        raise ValueError(f"no level {key!r} in thresholds/{pack}.toml; there are: {known}")
    valid = [
        v for v in named if (v.valid_from is None or v.valid_from <= day) and (v.valid_to is None or day < v.valid_to)
    ]
    return sorted(valid, key=lambda level: not level.sensors)


def _clear(ref: str, packs: Mapping[str, ThresholdPack], day: date, level: PackLevel | None) -> float:
    """The clear level for the same stations as the level it belongs to."""
    found = _levels(ref, packs, day)
    same = [c for c in found if level is None or not c.sensors or set(level.sensors) <= set(c.sensors)]
    if not same:
        raise ValueError(f"{ref} has no value for the stations of the level to raise at")
    return same[0].value


def _check_sides(level: float, clear: float, direction: int) -> None:
    """Raises ValueError where the alarm would clear before it is raised."""
    if (level - clear) * direction < 0:
        raise ValueError(f"clear {clear:g} must not be {'above' if direction > 0 else 'below'} the level {level:g}")


def evaluate(conn: Connection, tick: Tick) -> list[Verdict]:
    """All threshold rules at once; samples are read only for pairs that may change."""
    found = [
        *store.crossed(conn, tick.at, dict(tick.after)),
        *store.rising(conn, tick.at),
        *store.standing(conn, tick.at),
    ]
    pairs = {(c.rule_id, c.series_id): c for c in found if c.rule_id in tick.rules}
    store.follow_peaks(conn)
    spans = {pair: _span(c, tick) for pair, c in pairs.items() if c.fresh}
    samples = store.samples(conn, _merged(spans))
    return [v for pair, c in pairs.items() for v in _judge(c, samples.get(c.series_id, []), spans.get(pair), tick)]


def _delays(candidate: store.Candidate, tick: Tick) -> Delays:
    rule, expected = tick.rules[candidate.rule_id].rule, candidate.expected
    gap = _GAP_WITHOUT_CADENCE if expected is None else round(2 * expected.total_seconds() * SECOND)
    return Delays(_micros(rule.on_delay), _micros(rule.off_delay), max(gap, SECOND))


def _micros(delay: timedelta) -> Micros:
    return round(delay.total_seconds() * SECOND)


def _span(candidate: store.Candidate, tick: Tick) -> tuple[Micros, Micros]:
    """(after, until]: the newest sample, what came since the last tick, and as far back as a delay looks."""
    delays, newest = _delays(candidate, tick), micros(candidate.time)
    longest = max(delays.on, delays.off)
    after = newest - longest - delays.gap if longest else newest - 1
    seen = tick.after.get(candidate.series_id)
    return (after if seen is None else min(after, micros(seen))), newest


def _merged(spans: Mapping[tuple[int, int], tuple[Micros, Micros]]) -> list[tuple[int, datetime, datetime]]:
    """One span a series, wide enough for all its rules."""
    wide: dict[int, tuple[Micros, Micros]] = {}
    for (_, series), (after, until) in spans.items():
        old = wide.get(series, (after, until))
        wide[series] = (min(old[0], after), max(old[1], until))
    return [(series, moment(after), moment(until)) for series, (after, until) in wide.items()]


def _judge(
    c: store.Candidate, samples: list[tuple[Micros, float]], span: tuple[Micros, Micros] | None, tick: Tick
) -> Iterator[Verdict]:
    target = f"series:{c.series_id}"
    if span is None:
        yield Verdict(c.rule_id, target, "nodata", tick.at, threshold=c.raise_at, series_id=c.series_id)
        return
    active = c.condition in ("true", "nodata", "error")
    if c.condition in ("nodata", "error"):
        yield Verdict(c.rule_id, target, "true", c.time, threshold=c.raise_at, series_id=c.series_id)
    inside = [s for s in samples if span[0] < s[0] <= span[1]]
    level = Level(c.raise_at, c.clear_at, c.direction)
    used = None if c.used is None else micros(c.used)
    for crossing in walk(inside, level, _delays(c, tick), active=active, used=used):
        late = micros(tick.at) - crossing.at > _LATE and (tick.replay or crossing.at < span[1])
        yield Verdict(c.rule_id, target, "true" if crossing.active else "false", moment(crossing.at), crossing.value,
                      c.raise_at, moment(crossing.since), crossing.peak, series_id=c.series_id, late=late)  # fmt: skip
