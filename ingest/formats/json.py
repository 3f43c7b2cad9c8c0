"""Any JSON, by a mapping: records -> sensor, time, place and values by path.

    records = "stations[].sensors[]"     one record an element; "" is the message itself, ".*" walks an object's values
    sensor = "id"                        a path in the record; ^.id in the record around it, $.id in the whole message,
                                         ~ the key of a walked object, =text that very text
    time = "ts"                          or ["date", "clock"], joined by a blank
    values = { pm2_5 = "data.pm25", temperature = { path = "t", unit = "°F" } }
    values = { gate = { path = "g", states = { open = 1, shut = 0 } }, level = { path = "mm", factor = 0.001 } }
    values_from = { path = "data", include = ["*"], exclude = ["*_raw"] }
    array = { items = "values", name = "id", value = "v", time = "t", quality = "q" }

A key that is missing is a value that was not sent; null is no value. Numbers may be text, with a decimal comma.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import model_validator

from ingest import times
from ingest.formats import _json_parts as parts
from ingest.formats._json_parts import Array, EventFields, Value, ValuesFrom
from ingest.formats._read import json_data
from ingest.formats._values import number, number_or_text, place, plain, text
from ingest.paths import getter, steps
from ingest.units import conversion
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Position, Record, SensorFacts

if TYPE_CHECKING:
    from ingest.formats import Decode, Segments
    from ingest.formats._json_parts import Get, Scope

EXAMPLE = ("city/an_hoi/air/aq-01", b'{"ts": 1767225600, "pm2_5": 31.4, "temperature": 27.9}')
Build: TypeAlias = Callable[["Scope"], Iterator[Record]]


class Options(Model):
    kind: Literal["readings", "positions", "events"] = "readings"
    records: str | list[str] = ""
    where: dict[str, Any] = {}  # path -> the value it must have, or a list of such
    sensor: str | None = None
    sensor_name: str | None = None
    time: str | list[str] | None = None
    time_format: str = "auto"
    zone: str | None = None
    lat: str | None = None
    lon: str | None = None
    place: str | None = None  # path of a GeoJSON geometry, [lon, lat], "lat,lon" or {lat, lon}
    speed: str | Value | None = None  # m/s, or with its unit
    heading: str | None = None
    values: dict[str, str | Value] = {}
    values_from: str | ValuesFrom | None = None
    array: Array | None = None
    event: EventFields | None = None
    decimal: Literal[".", ","] = "."

    @model_validator(mode="after")
    def _complete(self) -> Options:
        placed = self.place or (self.lat and self.lon)
        if self.kind == "readings" and not (self.values or self.values_from is not None or self.array):
            raise ValueError("nothing to read: give values, values_from or array")
        if self.kind == "positions" and not placed:
            raise ValueError("positions need lat and lon, or place")
        if self.kind == "events" and self.event is None:
            raise ValueError("events need the table event with at least key")
        if bool(self.lat) != bool(self.lon):
            raise ValueError("lat and lon come together")
        return self


def compile(options: Options) -> Decode:  # noqa: A001  the contract's name
    when = times.reader(options.time_format, options.zone)
    build = _builders(options, when)
    if (fast := _flat(options, when)) is not None:
        return fast
    walk = parts.walker([options.records] if isinstance(options.records, str) else options.records)
    wanted = parts.filters(options.where)

    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        data = json_data(payload)
        scopes = [scope for scope in walk(data) if wanted(scope)]
        if not scopes:
            raise Ignored("no_records")
        return [record for scope in scopes for make in build for record in make(scope)]

    return decode


def _builders(options: Options, when: times.Reader) -> list[Build]:
    sensor, time = _sensor(options), parts.timed(options.time, when)
    builders: list[Build] = []
    where = _placed(options)
    if options.kind == "events" and options.event is not None:
        return [parts.events(options.event, time, where)]
    if options.kind == "positions" and where is not None:
        builders.append(_positions(options, sensor, time, where))
    elif options.sensor_name or where is not None:
        builders.append(_facts(options, sensor, where))
    if options.values:
        builders.append(_values(options, sensor, time))
    if options.values_from is not None:
        builders.append(parts.leaves(options.values_from, sensor, time, when, comma=options.decimal == ","))
    if options.array is not None:
        builders.append(parts.items(options.array, sensor, time, when, comma=options.decimal == ","))
    return builders


def _sensor(options: Options) -> Get:
    if options.sensor is None:
        return lambda _: None
    get = parts.scoped(options.sensor)

    def sensor(scope: Scope) -> str:
        found = text(get(scope))
        if found is None:
            raise DecodeError("no_sensor", f"nothing usable at {options.sensor!r}")
        return found

    return sensor


def _placed(options: Options) -> Get | None:
    if options.place is not None:
        get = parts.scoped(options.place)
        return lambda scope: parts.place_of(get(scope))
    if options.lat is None or options.lon is None:
        return None
    lat, lon = parts.scoped(options.lat), parts.scoped(options.lon)
    return lambda scope: place(lat(scope), lon(scope))


def _positions(options: Options, sensor: Get, time: Get, where: Get) -> Build:
    declared = Value(path=options.speed) if isinstance(options.speed, str) else options.speed
    speed = parts.scoped(declared.path) if declared else lambda _: None
    factor = conversion(declared.unit, "m/s").factor if declared and declared.unit else 1.0
    heading = parts.scoped(options.heading) if options.heading else lambda _: None

    def build(scope: Scope) -> Iterator[Record]:
        if (point := where(scope)) is not None:
            fast = number(speed(scope))
            pace = None if fast is None else fast * factor
            yield Position(point[0], point[1], sensor(scope), time(scope), pace, number(heading(scope)))

    return build


def _facts(options: Options, sensor: Get, where: Get | None) -> Build:
    name = parts.scoped(options.sensor_name) if options.sensor_name else lambda _: None

    def build(scope: Scope) -> Iterator[Record]:
        called, point = text(name(scope)), where(scope) if where else None
        if called or point:
            yield SensorFacts(sensor(scope), called, *(point or (None, None)))

    return build


def _values(options: Options, sensor: Get, time: Get) -> Build:
    fields = [(metric, *parts.valued(value)) for metric, value in options.values.items()]
    comma = options.decimal == ","

    def build(scope: Scope) -> Iterator[Record]:
        who, at = sensor(scope), time(scope)
        for metric, read, unit in fields:
            value = read(scope)
            if value.__class__ is str:
                value = number_or_text(value, comma=comma)
            if value is not None:
                yield Measurement(metric, plain(value), who, at, unit)

    return build


def _flat(options: Options, when: times.Reader) -> Decode | None:
    """The usual message, one object with values by plain paths, without scopes and generators: a third of the time."""
    fields = [(m, Value(path=v) if isinstance(v, str) else v) for m, v in options.values.items()]
    paths = [v.path for _, v in fields] + [p for p in (options.sensor, options.time) if isinstance(p, str)]
    usual = {"values", "sensor", "time", "time_format", "zone"}
    rare = [n for n, f in Options.model_fields.items() if n not in usual and getattr(options, n) != f.default]
    if rare or isinstance(options.time, list) or any(v.altered for _, v in fields) or not all(map(_direct, paths)):
        return None
    sensor = getter(options.sensor) if options.sensor else None
    time = getter(str(options.time)) if options.time else None
    keys = [(m, _direct(v.path), v.unit) for m, v in fields]
    if all(isinstance(key, str) for _, key, _ in keys):
        return _flattest(keys, sensor, time, when)
    return _nested([(m, getter(v.path), v.unit) for m, v in fields], sensor, time, when)


def _direct(path: str) -> str | bool:
    """The key of a one-step path, True for a longer simple path, False for what needs a scope."""
    found = steps(path)
    if found is None or path[0] in "^$~=@" or path == "":
        return False
    return found[0] if len(found) == 1 and isinstance(found[0], str) else True


def _head(data: Any, sensor: Any, time: Any, when: times.Reader) -> tuple[str | None, int | None]:
    who = None
    if sensor is not None and (who := text(sensor(data))) is None:
        raise DecodeError("no_sensor", "the sensor's id is missing")
    return who, None if time is None else parts.read_time(time(data), when)


def _flattest(fields: list[tuple[str, Any, str | None]], sensor: Any, time: Any, when: times.Reader) -> Decode:
    make = Measurement

    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        data = json_data(payload)
        if data.__class__ is not dict:
            raise DecodeError("not_an_object", f"a JSON object is expected, not {type(data).__name__}")
        who, at = _head(data, sensor, time, when)
        get = data.get
        found: list[Record] = []
        for metric, key, unit in fields:
            value = get(key)
            if value.__class__ is not float:
                value = plain(value)
                if value is None:
                    continue
            found.append(make(metric, value, who, at, unit))
        return found

    return decode


def _nested(fields: list[tuple[str, Any, str | None]], sensor: Any, time: Any, when: times.Reader) -> Decode:
    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        data = json_data(payload)
        who, at = _head(data, sensor, time, when)
        return [
            Measurement(metric, value, who, at, unit)
            for metric, read, unit in fields
            if (value := plain(read(data))) is not None
        ]

    return decode
