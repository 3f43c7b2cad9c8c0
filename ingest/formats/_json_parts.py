"""The parts of a JSON mapping: scopes of nested records, arrays of named values, events, places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ingest.formats._values import number, number_or_text, place, plain, text
from ingest.paths import getter
from ioc.config.types import Model
from ioc.errors import DecodeError
from ioc.records import Event, Measurement, Micros, Record

if TYPE_CHECKING:
    from ingest.times import Reader


class Scope(NamedTuple):
    """A record with the records around it, outermost first, and the key it stood under."""

    data: Any
    around: tuple[Any, ...] = ()
    key: str | None = None


Get: TypeAlias = Callable[[Scope], Any]


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


class EventFields(Model):
    """Paths; =text is a constant. status: its values in `opened` open, in `closed` close, others change the event."""

    key: str
    kind: str = "=event"
    status: str = "=open"
    opened: list[str] = ["open", "opened", "new", "start", "started", "active", "submitted"]
    closed: list[str] = ["closed", "close", "end", "ended", "resolved", "fixed", "done", "cancelled", "cancel"]
    title: str = "="
    severity: str | None = None
    severities: dict[str, int] = {}  # text -> 0..4; a number is taken as it is
    properties: list[str] = []


def scoped(path: str) -> Get:
    """A path in the record (`a.b`), the one around it (`^.a`), the message (`$.a`), its key (`~`) or a constant."""
    if path.startswith("="):
        return lambda _: path[1:]
    if path == "~":
        return lambda scope: scope.key
    depth = len(path) - len(path.lstrip("^"))
    if depth:
        get = getter(path[depth:].removeprefix("."))
        return lambda scope: get(scope.around[-depth]) if len(scope.around) >= depth else None
    if path == "$" or path.startswith("$."):
        whole = getter(path[1:].removeprefix("."))
        return lambda scope: whole(scope.around[0] if scope.around else scope.data)
    inner = getter(path)
    return lambda scope: inner(scope.data)


def walker(paths: list[str]) -> Callable[[Any], Iterator[Scope]]:
    """All records at `a[].b[]` and `a.*`, each with the records around it."""
    plans = [_levels(path) for path in paths]

    def walk(data: Any) -> Iterator[Scope]:
        for plan in plans:
            yield from _descend(Scope(data), plan)

    return walk


def _levels(path: str) -> list[tuple[Callable[[Any], Any], bool]]:
    """(where, whether an object's values are walked), one a level."""
    found = re.split(r"(\[\]|(?:^|\.)\*(?=$|\.|\[))", path)
    levels = [
        (getter(p.removeprefix(".")), mark.endswith("*")) for p, mark in zip(found[::2], found[1::2], strict=False)
    ]
    last = found[-1].removeprefix(".")
    return [*levels, (getter(last), False)] if last or not levels else levels


def _descend(scope: Scope, plan: list[tuple[Callable[[Any], Any], bool]]) -> Iterator[Scope]:
    if not plan:
        yield scope
        return
    (get, keyed), rest = plan[0], plan[1:]
    found = get(scope.data)
    around = scope.around if found is scope.data and not isinstance(found, list) else (*scope.around, scope.data)
    if keyed and isinstance(found, dict):
        for key, inner in found.items():
            yield from _descend(Scope(inner, around or (scope.data,), key), rest)
    elif isinstance(found, list):
        for inner in found:
            if inner is not None:
                yield from _descend(Scope(inner, around), rest)
    elif found is not None and not keyed:
        yield from _descend(Scope(found, around, scope.key), rest)


def filters(where: dict[str, Any]) -> Callable[[Scope], bool]:
    """True for a record that has each path's value, or one of a list of values."""
    tests = [(scoped(path), value if isinstance(value, list) else [value]) for path, value in where.items()]
    return lambda scope: all(get(scope) in values for get, values in tests)


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


def read_time(said: Any, when: Reader) -> Micros | None:
    """`when(said)`, None for an empty text. Raises DecodeError `bad_time`."""
    if said is None or said == "":
        return None
    try:
        return when(said)
    except (ValueError, OverflowError) as error:
        raise DecodeError("bad_time", str(error)) from error


def valued(value: str | Value) -> tuple[Get, str | None]:
    """The getter of one value and its unit."""
    declared = Value(path=value) if isinstance(value, str) else value
    get = scoped(declared.path)
    if not declared.altered:
        return get, declared.unit
    states, factor, offset = declared.states, declared.factor, declared.offset

    def read(scope: Scope) -> Any:
        said = get(scope)
        if states and (known := states.get(_state(said))) is not None:
            return known
        amount = number(said)
        return said if amount is None else amount * factor + offset

    return read, declared.unit


def _state(said: Any) -> str:
    return str(said).lower() if isinstance(said, bool) else str(said)


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


def events(plan: EventFields, time: Get, where: Get | None) -> Any:
    """One event a record."""
    key, kind, status, title = (scoped(p) for p in (plan.key, plan.kind, plan.status, plan.title))
    severity = scoped(plan.severity) if plan.severity else lambda _: 0
    properties = [(path.rsplit(".", 1)[-1].strip("\"'"), scoped(path)) for path in plan.properties]

    def build(scope: Scope) -> Iterator[Record]:
        if (who := text(key(scope))) is None:
            raise DecodeError("no_key", f"nothing usable at {plan.key!r}")
        point = where(scope) if where else None
        kept = {name: value for name, get in properties if (value := get(scope)) is not None}
        lat, lon = point or (None, None)
        state, level = _status(status(scope), plan), _severity(severity(scope), plan)
        called = text(title(scope)) or ""
        yield Event(who, text(kind(scope)) or "event", state, called, time(scope), lat, lon, level, kept or None)

    return build


def _status(said: Any, plan: EventFields) -> str:
    word = str(said).lower()
    if word in {w.lower() for w in plan.closed}:
        return "closed"
    return "open" if word in {w.lower() for w in plan.opened} else "changed"


def _severity(said: Any, plan: EventFields) -> int:
    known = plan.severities.get(str(said))
    return max(0, min(4, int(known if known is not None else number(said) or 0)))


def place_of(said: Any) -> tuple[float, float] | None:
    """(lat, lon) of a GeoJSON geometry (its first point), [lon, lat], 'lat,lon' or an object with lat and lon."""
    if isinstance(said, str):
        lat, _, lon = said.partition(",")
        return place(lat, lon)
    if isinstance(said, dict):
        return _object_place(said)
    depth = 0
    while isinstance(said, list) and said and isinstance(said[0], list) and depth < 5:
        said, depth = said[0], depth + 1
    return place(said[1], said[0]) if isinstance(said, list) and len(said) >= 2 else None


def _object_place(said: dict[str, Any]) -> tuple[float, float] | None:
    if "geometry" in said:
        return place_of(said["geometry"]) if isinstance(said["geometry"], dict) else None
    if isinstance(said.get("coordinates"), list):
        return place_of(said["coordinates"])
    lat = next((said[k] for k in ("lat", "latitude", "Latitude", "Lat") if k in said), None)
    lon = next((said[k] for k in ("lon", "lng", "long", "longitude", "Longitude", "Lng", "Lon") if k in said), None)
    return place(lat, lon)
