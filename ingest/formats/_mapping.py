"""A mapping of nested data to records, shared by JSON, CSV and GeoJSON: options and the builders made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import model_validator

from ingest.formats import _json_parts as parts
from ingest.formats._events import EventFields, events
from ingest.formats._json_parts import Array, Value, ValuesFrom
from ingest.formats._scope import scoped
from ingest.formats._values import number, number_or_text, own_unit, place, place_of, plain, text
from ioc.config.types import Model
from ioc.errors import DecodeError
from ioc.records import Measurement, Position, Record, SensorFacts
from ioc.units import conversion

if TYPE_CHECKING:
    from ingest import times
    from ingest.formats._scope import Get, Scope

Build: TypeAlias = Callable[["Scope"], Iterator[Record]]


class Mapping(Model):
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
    def _complete(self) -> Mapping:
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


def builders(options: Mapping, when: times.Reader) -> list[Build]:
    """What to make of each record, in order."""
    sensor, time = _sensor(options), parts.timed(options.time, when)
    made: list[Build] = []
    where = _placed(options)
    if options.kind == "events" and options.event is not None:
        return [events(options.event, time, where)]
    if options.kind == "positions" and where is not None:
        made.append(_positions(options, sensor, time, where))
    elif options.sensor_name or where is not None:
        made.append(_facts(options, sensor, where))
    if options.values:
        made.append(_values(options, sensor, time))
    if options.values_from is not None:
        made.append(parts.leaves(options.values_from, sensor, time, when, comma=options.decimal == ","))
    if options.array is not None:
        made.append(parts.items(options.array, sensor, time, when, comma=options.decimal == ","))
    return made


def _sensor(options: Mapping) -> Get:
    if options.sensor is None:
        return lambda _: None
    get = scoped(options.sensor)

    def sensor(scope: Scope) -> str:
        found = text(get(scope))
        if found is None:
            raise DecodeError("no_sensor", f"nothing usable at {options.sensor!r}")
        return found

    return sensor


def _placed(options: Mapping) -> Get | None:
    if options.place is not None:
        get = scoped(options.place)
        return lambda scope: place_of(get(scope))
    if options.lat is None or options.lon is None:
        return None
    lat, lon = scoped(options.lat), scoped(options.lon)
    return lambda scope: place(lat(scope), lon(scope))


def _positions(options: Mapping, sensor: Get, time: Get, where: Get) -> Build:
    declared = Value(path=options.speed) if isinstance(options.speed, str) else options.speed
    speed = scoped(declared.path) if declared else lambda _: None
    factor = conversion(declared.unit, "m/s").factor if declared and declared.unit else 1.0
    heading = scoped(options.heading) if options.heading else lambda _: None

    def build(scope: Scope) -> Iterator[Record]:
        if (point := where(scope)) is not None:
            fast = number(speed(scope))
            pace = None if fast is None else fast * factor
            yield Position(point[0], point[1], sensor(scope), time(scope), pace, number(heading(scope)))

    return build


def _facts(options: Mapping, sensor: Get, where: Get | None) -> Build:
    name = scoped(options.sensor_name) if options.sensor_name else lambda _: None

    def build(scope: Scope) -> Iterator[Record]:
        called, point = text(name(scope)), where(scope) if where else None
        if called or point:
            yield SensorFacts(sensor(scope), called, *(point or (None, None)))

    return build


def _values(options: Mapping, sensor: Get, time: Get) -> Build:
    fields = [(metric, *parts.valued(value)) for metric, value in options.values.items()]
    comma = options.decimal == ","

    def build(scope: Scope) -> Iterator[Record]:
        who, at = sensor(scope), time(scope)
        for metric, read, unit in fields:
            value, said = read(scope), unit
            if value.__class__ is str and (value := number_or_text(value, comma=comma)).__class__ is str:
                value, own = own_unit(value)
                said = own or unit
            if value is not None:
                yield Measurement(metric, plain(value), who, at, said)

    return build
