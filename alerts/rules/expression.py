"""Arithmetic over several metrics passes a level: outside - inside, flow / capacity, max(a, b); units are checked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator, model_validator

from alerts import formula as arithmetic
from alerts import levels
from alerts.judge import gap
from alerts.verdict import Limit, Spec, Wrong, length
from ioc.config.types import Duration, Model
from ioc.units import UnitError, conversion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alerts.verdict import Inputs, Known, Point, Value
    from ioc.config.rules import Rule
    from ioc.records import Micros

MOST = 20_000


class Source(Model):
    """metric: of the sensor the target is, or of this one sensor for all targets."""

    metric: str
    sensor: str | None = None


class Options(Model):
    """
    formula: numbers, names of inputs, + - * / ( ) min max abs sqrt. inputs: name -> metric (of the same sensor), or
    { metric, sensor } for one gauge that all share; a name that is none of these is the metric itself. above or below,
    with clear or deadband: in `unit`, or as the formula comes out. tolerance: values are taken together when each is at
    most this old (2 x its cadence); older is no data.
    """

    formula: str = Field(min_length=1)
    inputs: dict[str, str | Source] = {}
    above: float | None = None
    below: float | None = None
    clear: float | None = None
    deadband: float | None = Field(default=None, ge=0)
    unit: str | None = None
    tolerance: Duration | None = None

    @field_validator("formula")
    @classmethod
    def _readable(cls, value: str) -> str:
        arithmetic.parse(value)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Options:
        levels.Side(above=self.above, below=self.below, clear=self.clear, deadband=self.deadband).check()
        if unused := set(self.inputs) - arithmetic.names(arithmetic.parse(self.formula)):
            raise ValueError(f"inputs that the formula does not use: {', '.join(sorted(unused))}")
        return self


class Ready(Options):
    """With the tree in which units agree."""

    tree: Any


def sources(options: Options) -> dict[str, Source]:
    """Every name of the formula and what it stands for."""
    found = {}
    for name in sorted(arithmetic.names(arithmetic.parse(options.formula))):
        given = options.inputs.get(name, name)
        found[name] = Source(metric=given) if isinstance(given, str) else given
    return found


def specs(_rule: Rule, options: Options, known: Known) -> list[Spec]:
    """One Spec an input; a target is a sensor, or the rule where every input names its own. Raises ValueError."""
    wanted = sources(options)
    if not wanted:
        raise ValueError("the formula has no input")
    _checked(options, known)
    way = 1 if options.above is not None else -1
    level = Limit(levels.side(options.above, options.below)[0], options.clear, way, options.deadband or 0.0)
    alone = all(source.sensor for source in wanted.values())
    found = []
    for name, source in wanted.items():
        per = "rule" if alone else "each" if source.sensor else "sensor"
        found.append(Spec((level,), (source.sensor,) if source.sensor else (), (source.metric,), name=name, per=per))  # type: ignore[arg-type]
    return found


def resolve(_rule: Rule, options: Options, known: Known) -> Options:
    """Raises ValueError."""
    return Ready.model_construct(**options.__dict__, tree=_checked(options, known))


def _checked(options: Options, known: Known) -> arithmetic.Node:
    units = {}
    for name, source in sources(options).items():
        if source.metric not in known.units:
            raise ValueError(f"{name}: there is no metric {source.metric!r}")
        units[name] = known.units[source.metric]
    found = arithmetic.check(arithmetic.parse(options.formula), units)
    if options.unit is None or found.unit is None:
        return found.node
    try:
        factor, offset = conversion(found.unit, options.unit)
    except UnitError as error:
        raise ValueError(f"the formula is in {found.unit or 'no unit'}: {error}") from None
    scaled = arithmetic.Node("*", parts=(found.node, arithmetic.Node("number", value=factor)))
    return arithmetic.Node("+", parts=(scaled, arithmetic.Node("number", value=offset)))


def window(options: Options) -> timedelta:
    return options.tolerance or timedelta(hours=1)


def signal(inputs: Inputs, options: Options, since: Micros) -> Iterator[Point]:
    """The formula at each moment at which an input says something, of the newest value of each that is not too old."""
    node = options.tree if isinstance(options, Ready) else arithmetic.parse(options.formula)
    wanted = arithmetic.names(node)
    oldest = {n: gap(i.expected) if options.tolerance is None else length(options.tolerance) for n, i in inputs.items()}
    moments = sorted((at, name, value) for name in wanted & set(inputs) for at, value in inputs[name].samples)
    now: dict[str, tuple[Micros, float]] = {}
    for n, (at, name, value) in enumerate(moments):
        now[name] = (at, value)
        if at <= since or (n + 1 < len(moments) and moments[n + 1][0] == at):
            continue
        fresh = {k: v for k, (when, v) in now.items() if at - when <= oldest[k]}
        yield at, _value(node, fresh) if len(fresh) == len(wanted) else None


def _value(node: arithmetic.Node, values: dict[str, float]) -> Value:
    try:
        return arithmetic.work_out(node, values)
    except (ArithmeticError, ValueError) as error:
        return Wrong(f"{error}, with " + ", ".join(f"{k} = {v:g}" for k, v in sorted(values.items())))


def describe(inputs: Inputs, options: Options, at: Micros) -> dict[str, object]:
    """What went in."""
    newest = {n: v for n, i in inputs.items() for when, v in i.samples if when <= at}
    return {
        "formula": options.formula,
        "inputs": newest,
        "note": ", ".join(f"{k} = {v:g}" for k, v in sorted(newest.items())),
    }
