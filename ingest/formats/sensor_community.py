"""Sensor.Community (formerly luftdaten): `sensordatavalues` as stations push them and as the API gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats._read import json_data
from ingest.formats._values import place, read_time, text, with_unit
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.formats import Decode, Segments
    from ioc.records import Record

TOPIC = "airrohr/{sensor}"
EXAMPLE = (
    "airrohr/1844542",
    b'{"esp8266id":"1844542","sensordatavalues":[{"value_type":"SDS_P1","value":"4.37"}]}',
)
_UTC = times.reader("auto", "UTC")  # the API's times have no zone and are UTC
_HOUSEKEEPING = frozenset({"samples", "min_micro", "max_micro", "interval"})
_GPS = frozenset({"GPS_lat", "GPS_lon", "GPS_height", "GPS_timestamp", "GPS_date", "GPS_time"})
_UNITS = (
    ("noise", "dBA"), ("signal", "dBm"), ("pressure", "Pa"), ("temperature", "°C"), ("humidity", "%"),
    ("co2_ppm", "ppm"), ("counts_per_minute", "1/min"), ("height", "m"),
)  # fmt: skip
_PARTICLES = frozenset({"P0", "P1", "P2", "P4"})  # PM1, PM10, PM2.5, PM4, in µg/m³; N05 .. N10 are counts per cm³


class Options(Model):
    """housekeeping: also store samples, min_micro, max_micro and interval."""

    housekeeping: bool = False


def compile(options: Options) -> Decode:  # noqa: A001
    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        data = json_data(payload)
        stations = data if isinstance(data, list) else [data]
        found = [record for station in stations for record in _station(station, options)]
        if not found:
            raise Ignored("no_values")
        return found

    return decode


def recognise(_: str, payload: bytes) -> float:
    return 0.98 if b'"sensordatavalues"' in payload else 0.0


def _station(data: Any, options: Options) -> Iterator[Record]:
    if not isinstance(data, dict) or not isinstance(data.get("sensordatavalues"), list):
        raise DecodeError("not_sensor_community", "sensordatavalues is missing")
    sensor, at = _sensor(data), read_time(data.get("timestamp"), _UTC)
    if point := _place(data):
        yield SensorFacts(sensor, None, *point)
    for item in data["sensordatavalues"]:
        name = text(item.get("value_type")) if isinstance(item, dict) else None
        if name is None:
            raise DecodeError("no_name", "a value without value_type")
        if name not in _GPS and (options.housekeeping or name not in _HOUSEKEEPING):
            value, unit = with_unit(item.get("value"))
            yield Measurement(name, value, sensor, at, unit or _unit(name))


def _place(data: dict[str, Any]) -> tuple[float, float] | None:
    """The API's location, or what a station's own receiver says."""
    where = data.get("location")
    if isinstance(where, dict):
        return place(where.get("latitude"), where.get("longitude"))
    said = {str(i.get("value_type")): i.get("value") for i in data["sensordatavalues"] if isinstance(i, dict)}
    return place(said.get("GPS_lat"), said.get("GPS_lon"))


def _sensor(data: dict[str, Any]) -> str | None:
    held = data.get("sensor")
    inner = held.get("id") if isinstance(held, dict) else held
    ids = (data.get("esp8266id"), data.get("esp32id"), data.get("raspiid"), inner)
    return next((found for value in ids if (found := text(value))), None)


def _unit(name: str) -> str | None:
    if name.rsplit("_", 1)[-1] in _PARTICLES:
        return "µg/m3"
    return next((unit for mark, unit in _UNITS if mark in name.lower()), None)
