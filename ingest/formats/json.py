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

from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats._json_parts import Value
from ingest.formats._mapping import Mapping, builders
from ingest.formats._read import json_data
from ingest.formats._scope import filters, present, walker
from ingest.formats._values import own_unit, plain, read_time, text
from ingest.paths import getter, steps
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.formats import Decode, Segments

EXAMPLE = ("city/an_hoi/air/aq-01", b'{"ts": 1767225600, "pm2_5": 31.4, "temperature": 27.9}')


class Options(Mapping):
    """All of a mapping; see the head of this file."""


def compile(options: Options) -> Decode:  # noqa: A001  the contract's name
    when = times.reader(options.time_format, options.zone)
    build = builders(options, when)
    if (fast := _flat(options, when)) is not None:
        return fast
    paths = [options.records] if isinstance(options.records, str) else options.records
    walk, there, wanted = walker(paths), present(paths), filters(options.where)

    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        data = json_data(payload)
        scopes = [scope for scope in walk(data) if wanted(scope)]
        if not scopes:
            if not there(data):
                raise DecodeError("no_records", f"nothing at {', '.join(paths)}; there is {_keys(data)}")
            raise Ignored("no_records")
        return [record for scope in scopes for make in build for record in make(scope)]

    return decode


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
    tops = [str(found[0]) for _, v in fields if (found := steps(v.path))]
    return _nested([(m, getter(v.path), v.unit) for m, v in fields], tops, sensor, time, when)


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
    return who, None if time is None else read_time(time(data), when)


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
                if value.__class__ is str:
                    value, own = own_unit(value)
                    found.append(make(metric, value, who, at, own or unit))
                    continue
            found.append(make(metric, value, who, at, unit))
        return found or _nothing(data, [key for _, key, _ in fields])

    return decode


def _nested(
    fields: list[tuple[str, Any, str | None]], tops: list[str], sensor: Any, time: Any, when: times.Reader
) -> Decode:
    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        data = json_data(payload)
        who, at = _head(data, sensor, time, when)
        found: list[Record] = []
        for metric, read, unit in fields:
            if (value := plain(read(data))) is not None:
                value, own = own_unit(value) if value.__class__ is str else (value, None)
                found.append(Measurement(metric, value, who, at, own or unit))
        return found or _nothing(data, tops)

    return decode


def _nothing(data: Any, wanted: list[str]) -> list[Record]:
    """No value at all: nulls are that, but a message with none of the keys is of another shape, and must be seen."""
    if isinstance(data, dict) and any(key in data for key in wanted):
        return []
    raise DecodeError("no_values", f"none of {', '.join(wanted)} is there, but {_keys(data)}")


def _keys(data: Any) -> str:
    return ", ".join(map(str, list(data)[:20])) if isinstance(data, dict) else type(data).__name__
