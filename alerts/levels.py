"""Levels as people write them -> limits: numbers with or without a unit, dated packs, a sensor's own attributes."""

from __future__ import annotations

from itertools import pairwise
from math import inf, nextafter
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from alerts.verdict import Limit, Spec
from ioc.config.types import Model
from ioc.units import SAME, UnitError, conversion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alerts.verdict import Known
    from ioc.config.rules import Rule
    from ioc.config.thresholds import Level as PackLevel
    from ioc.units import Conversion

Ref = float | str  # a number, "pack.level" of thresholds/*.toml, or "sensor.name": a property of the sensor
OWN = "sensor."
PRIORITY = {"critical": 1, "high": 2, "medium": 3, "low": 4}


class Side(Model):
    """
    above or below: the level to raise at. clear: the level to clear at; or deadband: how far back it must come, in the
    unit (never percent: that breaks at zero). Neither: it clears as soon as it is back.
    """

    above: Ref | None = None
    below: Ref | None = None
    clear: Ref | None = None
    deadband: float | None = Field(default=None, ge=0)

    @property
    def given(self) -> Ref | None:
        return self.above if self.above is not None else self.below

    @property
    def direction(self) -> int:
        return 1 if self.above is not None else -1

    def check(self) -> None:
        """Raises ValueError."""
        if (self.above is None) == (self.below is None):
            raise ValueError("give either above or below")
        if self.clear is not None and self.deadband is not None:
            raise ValueError("give either clear or deadband")
        if isinstance(self.given, float) and isinstance(self.clear, float):
            check_sides(self.given, self.clear, self.direction)


class Step(Side):
    """One of several levels, with the priority of an alarm at it."""

    priority: Literal["critical", "high", "medium", "low"]

    @model_validator(mode="after")
    def _consistent(self) -> Step:
        self.check()
        return self


class Steps(Side):
    """One level, or several in `levels`: one alarm whose severity moves. unit: of the numbers, else the metric's."""

    levels: list[Step] = []
    unit: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Steps:
        if not self.levels:
            self.check()
            return self
        if (self.above, self.below, self.clear) != (None, None, None):
            raise ValueError("give levels, or one level by above or below, not both")
        _nested(self.levels)
        return self

    def sides(self) -> list[tuple[Side, int | None]]:
        """Each level with its priority, None where it is the rule's."""
        if not self.levels:
            return [(self, None)]
        return [(self._banded(step), PRIORITY[step.priority]) for step in self.levels]

    def _banded(self, step: Step) -> Step:
        """With the deadband of all, where it has none of its own."""
        own = step.clear is not None or step.deadband is not None
        return step if own else step.model_copy(update={"deadband": self.deadband})


def _nested(levels: list[Step]) -> None:
    """A level further out is worse. Raises ValueError."""
    for way in (1, -1):
        side = [s for s in levels if s.direction == way and isinstance(s.given, float)]
        ordered = sorted(side, key=lambda s: float(s.given or 0) * way)
        for near, far in pairwise(ordered):
            if near.given == far.given:
                raise ValueError(f"two levels at {near.given:g}")
            if PRIORITY[far.priority] > PRIORITY[near.priority]:
                raise ValueError(f"the level {far.given:g} is less urgent than {near.given:g}, which comes before it")


def numbers(limits: Sequence[Limit]) -> list[tuple[float, float, int]]:
    """(raise, clear, direction) of levels that are numbers."""
    found = []
    for level in limits:
        if isinstance(level.raise_at, (int, float)) and not isinstance(level.clear_at, str):
            clear = level.raise_at - level.direction * level.band if level.clear_at is None else level.clear_at
            found.append((float(level.raise_at), float(clear), level.direction))
    return found


def check_sides(level: float, clear: float, direction: int) -> None:
    """Raises ValueError where the alarm would clear before it is raised."""
    if (level - clear) * direction < 0:
        raise ValueError(f"clear {clear:g} must not be {'above' if direction > 0 else 'below'} the level {level:g}")


def specs(rule: Rule, options: Steps, known: Known) -> list[Spec]:
    """One Spec for each set of stations that the packs name, those first; else one. Raises ValueError."""
    given = options.sides()
    convert = _conversion(rule, options, known)
    packs = [side for side, _ in given if isinstance(side.given, str) and not side.given.startswith(OWN)]
    if not packs:
        if not rule.scope.metrics and not rule.scope.sensors:
            raise ValueError("a level that is a number needs scope.metrics (or scope.sensors): a number of what?")
        return [Spec(tuple(_limit(side, rank, convert, known, None) for side, rank in given))]
    named = [_levels(side.given, known) for side in packs]
    stations = {(tuple(v.sensors), v.metric): None for found in named for v in found}
    found = []
    for sensors, metric in sorted(stations, key=lambda s: not s[0]):
        limits = tuple(_of_station(given, sensors, metric, convert, known))
        if limits:
            found.append(Spec(limits, sensors, (metric,)))
    return found


def _of_station(
    given: list[tuple[Side, int | None]], sensors: tuple[str, ...], metric: str, convert: Conversion, known: Known
) -> list[Limit]:
    found = []
    for side, rank in given:
        level = None
        if isinstance(side.given, str) and not side.given.startswith(OWN):
            level = _same(_levels(side.given, known), sensors, metric)
            if level is None:
                continue
        found.append(_limit(side, rank, convert, known, level))
    return found


def _same(levels: list[PackLevel], sensors: tuple[str, ...], metric: str) -> PackLevel | None:
    """The level for the same stations, else the one for all."""
    mine = [v for v in levels if v.metric == metric]
    exact = [v for v in mine if set(sensors) <= set(v.sensors) and v.sensors]
    return next(iter(exact if sensors and exact else [v for v in mine if not v.sensors]), None)


def _limit(side: Side, rank: int | None, convert: Conversion, known: Known, level: PackLevel | None) -> Limit:
    value, name = side.given, ""
    band = (side.deadband or 0.0) * abs(convert.factor)
    own = isinstance(value, str) and value.startswith(OWN)
    if isinstance(value, str):
        name = value
        value = value.removeprefix(OWN) if own else None if level is None else level.value
    else:
        value = None if value is None else convert(value)
    clear = _clear(side, convert, known, level)
    assert value is not None
    if isinstance(value, float) and isinstance(clear, float):
        check_sides(value, clear, side.direction)
    factor, offset = convert if own or _owned(side.clear) else SAME
    return Limit(value, clear, side.direction, band, rank, name, factor, offset)


def _clear(side: Side, convert: Conversion, known: Known, level: PackLevel | None) -> float | str | None:
    if side.clear is None:
        return None
    if isinstance(side.clear, float):
        return convert(side.clear)
    if _owned(side.clear):
        return side.clear.removeprefix(OWN)
    found = _levels(side.clear, known)
    same = [c for c in found if level is None or not c.sensors or set(level.sensors) <= set(c.sensors)]
    if not same:
        raise ValueError(f"{side.clear} has no value for the stations of the level to raise at")
    return same[0].value


def _owned(ref: Ref | None) -> bool:
    return isinstance(ref, str) and ref.startswith(OWN)


def _levels(ref: Any, known: Known) -> list[PackLevel]:
    """The levels "pack.level" means on that day, those for named stations first. Raises ValueError."""
    pack, _, key = str(ref).partition(".")
    if pack not in known.packs:
        there = ", ".join(sorted(known.packs)) or "none"
        raise ValueError(f"no threshold pack {pack!r} in thresholds/; there are: {there}")
    named = [level for level in known.packs[pack].level if level.key == key]
    if not named:
        there = ", ".join(sorted({level.key for level in known.packs[pack].level}))
        raise ValueError(f"no level {key!r} in thresholds/{pack}.toml; there are: {there}")
    day = known.day
    valid = [
        v for v in named if (v.valid_from is None or v.valid_from <= day) and (v.valid_to is None or day < v.valid_to)
    ]
    return sorted(valid, key=lambda level: not level.sensors)


def _conversion(rule: Rule, options: Steps, known: Known) -> Conversion:
    """From the unit of the options to that of the metrics. Raises ValueError where they measure different things."""
    return to_metric(options.unit, rule.scope.metrics, known)


def to_metric(unit: str | None, metrics: list[str], known: Known) -> Conversion:
    """From `unit` to the unit of these metrics, which must be one. Raises ValueError."""
    if unit is None:
        return SAME
    units = {known.units[m] for m in metrics if m in known.units}
    if len(units) != 1:
        said = ", ".join(sorted(units)) or "none"
        raise ValueError(f"unit {unit!r} needs scope.metrics of one unit; theirs: {said}")
    try:
        return conversion(unit, units.pop())
    except UnitError as error:
        raise ValueError(str(error)) from None


def one_side(above: Ref | None, below: Ref | None) -> None:
    """Raises ValueError unless exactly one is given."""
    if (above is None) == (below is None):
        raise ValueError("give either above or below")


def side(above: Ref | None, below: Ref | None) -> tuple[float, int]:
    """(level, direction) of levels that are numbers by now, see `resolved`."""
    return (float(above), 1) if above is not None else (float(below or 0.0), -1)


def number(ref: Ref, rule: Rule, unit: str | None, known: Known) -> float:
    """The one number it is, in the metric's unit. Raises ValueError where it differs from station to station."""
    if isinstance(ref, float):
        if not rule.scope.metrics and not rule.scope.sensors:
            raise ValueError("a level that is a number needs scope.metrics (or scope.sensors): a number of what?")
        return to_metric(unit, rule.scope.metrics, known)(ref)
    if ref.startswith(OWN):
        raise ValueError(f"{ref}: only the kind `threshold` takes levels from a sensor's properties")
    found = [v for v in _levels(ref, known) if not rule.scope.metrics or v.metric in rule.scope.metrics]
    values = {v.value for v in found}
    if len(values) != 1 or any(v.sensors for v in found):
        raise ValueError(f"{ref} differs from station to station or day to day: only the kind `threshold` follows that")
    return values.pop()


def resolved(rule: Rule, options: Any, known: Known, *names: str) -> Any:
    """The options with these levels as numbers in the metric's unit. Raises ValueError."""
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    numbers = {name: number(ref, rule, options.unit, known) for name, ref in given.items()}
    return options.model_copy(update={**numbers, "unit": None})


def at_least(value: float) -> float:
    """A level that is reached, not passed: raised strictly beyond the number just before it."""
    return nextafter(value, -inf)
