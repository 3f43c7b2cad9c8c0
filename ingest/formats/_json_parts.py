"""The parts of a JSON mapping: values by path, values by key, arrays of named values."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from ingest.formats._scope import scoped
from ingest.formats._values import number, number_or_text, plain, read_time, text
from ingest.paths import getter
from ioc.config.types import Model
from ioc.errors import DecodeError
from ioc.records import Measurement, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.formats._scope import Get, Scope
    from ingest.times import Reader
    from ioc.records import Micros


class Value(Model):
    """One value: its path, unit, text states, and value * factor + offset for scaled integers."""

    path: str
    unit: str | None = None
    states: dict[str, float] = {}
    factor: float = 1.0
    offset: float = 0.0

    @property
    def altered(self) -> bool:
        return bool(self.states) or self.factor != 1.0 or self.offset != 0.0


class ValuesFrom(Model):
    """Every key of an object is a metric. value, unit, time: paths below each key where it holds an object.

    numbers: leave out what is neither number nor bool.
    """

    path: str = ""
    include: list[str] = ["*"]
    exclude: list[str] = []
    numbers: bool = False
    value: str | None = None
    unit: str | None = None
    time: str | None = None


class Array(Model):
    r"""`[{id, value, time, quality}]`, or one such object. An item whose quality is not `good` is counted as no value.

    pattern: splits the name: '(?P<sensor>.+)\.(?P<metric>[^.]+)' for 'Plant.Pump1.Level'.
    """

    items: str = ""
    name: str = "id"
    value: str = "value"
    time: str | None = None
    unit: str | None = None
    sensor: str | None = None
    quality: str | None = None
    good: list[bool | int | str] = [True, 192, "good", "ok"]
    pattern: str | None = None


def timed(path: str | list[str] | None, when: Reader) -> Get:
    """The record's time, None where it says none. The getter raises DecodeError `bad_time`."""
    if path is None:
        return lambda _: None
    gets = [scoped(p) for p in ([path] if isinstance(path, str) else path)]

    def time(scope: Scope) -> Micros | None:
        said = [get(scope) for get in gets]
        if any(part is None for part in said):
            return None
        return read_time(said[0] if len(said) == 1 else " ".join(map(str, said)), when)

    return time


def valued(value: str | Value) -> tuple[Get, str | None]:
    """The getter of one value and its unit."""
    declared = Value(path=value) if isinstance(value, str) else value
    get = scoped(declared.path)
    if not declared.altered:
        return get, declared.unit
    states, factor, offset = {_state(k): v for k, v in declared.states.items()}, declared.factor, declared.offset

    def read(scope: Scope) -> Any:
        said = get(scope)
        if states and (known := states.get(_state(said))) is not None:
            return known
        amount = number(said)
        return said if amount is None else amount * factor + offset

    return read, declared.unit


def _state(said: Any) -> str:
    return str(said).strip().casefold()


def leaves(declared: str | ValuesFrom, sensor: Get, time: Get, when: Reader, *, comma: bool) -> Any:
    """Every key of an object that the patterns let through is a metric."""
    plan = ValuesFrom(path=declared) if isinstance(declared, str) else declared
    where = scoped(plan.path)
    value, unit, own = (getter(p) if p else None for p in (plan.value, plan.unit, plan.time))

    def build(scope: Scope) -> Iterator[Record]:
        found = where(scope)
        if not isinstance(found, dict):
            return
        who, at = sensor(scope), time(scope)
        for name, held in found.items():
            if not _wanted(name, plan):
                continue
            said = value(held) if value else held
            if value is None and isinstance(held, dict | list):
                continue
            moment = read_time(own(held), when) if own else None
            cleaned = number_or_text(said, comma=comma) if isinstance(said, str) else plain(said)
            if cleaned is not None and not (plan.numbers and isinstance(cleaned, str)):
                yield Measurement(name, cleaned, who, moment or at, text(unit(held)) if unit else None)

    return build


def _wanted(name: str, plan: ValuesFrom) -> bool:
    included = any(fnmatchcase(name, p) for p in plan.include)
    return included and not any(fnmatchcase(name, p) for p in plan.exclude)


def items(plan: Array, sensor: Get, time: Get, when: Reader, *, comma: bool) -> Any:
    """Each item of an array is one value with its own name, and maybe its own time, unit, sensor and quality."""
    where = scoped(plan.items)
    name, value = getter(plan.name), getter(plan.value)
    unit, own, quality = (getter(p) if p else None for p in (plan.unit, plan.time, plan.quality))
    who = getter(plan.sensor) if plan.sensor else None
    split = re.compile(plan.pattern) if plan.pattern else None
    good = {_quality(g) for g in plan.good}

    def build(scope: Scope) -> Iterator[Record]:
        found = where(scope)
        for item in found if isinstance(found, list) else (found,) if isinstance(found, dict) else ():
            called = text(name(item))
            if called is None:
                raise DecodeError("no_name", f"an item has no {plan.name!r}")
            owner, metric = _parted(called, split)
            owner = (text(who(item)) if who else owner) or sensor(scope)
            said = value(item)
            if quality is not None and _quality(quality(item)) not in good:
                said = None
            cleaned = number_or_text(said, comma=comma) if isinstance(said, str) else plain(said)
            moment = read_time(own(item), when) if own else None
            yield Measurement(metric, cleaned, owner, moment or time(scope), text(unit(item)) if unit else None)

    return build


def _parted(called: str, split: re.Pattern[str] | None) -> tuple[str | None, str]:
    if split is None or not (match := split.fullmatch(called)):
        return None, called
    named = match.groupdict()
    return named.get("sensor"), named.get("metric") or called


def _quality(value: Any) -> str:
    return str(value).lower()
