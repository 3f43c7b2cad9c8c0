"""Digitraffic of Finland: road weather and traffic stations, vessels (AIS), trains, smart marks at sea."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats._read import json_object
from ingest.formats._values import number, place, place_of, plain, read_time, text
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Position, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ingest.formats import Decode, Segments
    from ioc.records import Record

TOPIC = ["weather-v2/#", "tms-v2/#", "vessels-v2/#", "sse-v2/#", "train-locations/#", "trains/#"]
EXAMPLE = ("tms-v2/23001/5122", b'{"value": 108, "time": 1767225600}')
_WHEN = times.reader("auto")
_VESSEL = ("callSign", "imo", "type", "destination", "draught")
_KNOT = 1852 / 3600
_SSE_UNITS = {"temperature": "°C", "windWaveDir": "deg", "heelAngle": "deg"}


class Options(Model):
    """text: which text values of smart marks (seaState, trend, lightStatus, confidence) are passed on to `states`."""

    text: list[str] = []


def compile(options: Options) -> Decode:  # noqa: A001
    def decode(payload: bytes, segments: Segments) -> Iterable[Record]:
        parts = segments[""].strip("/").split("/")
        data = json_object(payload)
        if parts[-1] == "status" or data.keys() == {"updated"}:
            raise Ignored("status")
        read = _KINDS.get(parts[0].split("-v")[0])
        if read is None:
            raise DecodeError("unknown_topic", f"{segments[''][:80]} is not known of Digitraffic")
        found = list(read(parts, data, options))
        if not found:
            raise Ignored("nothing_measured")
        return found

    return decode


def recognise(topic: str, payload: bytes) -> float:
    head = topic.split("/", maxsplit=1)[0]
    versioned = head.split("-v")[0] in _KINDS and "-v" in head
    return 0.9 if payload[:1] == b"{" and (versioned or (head in _RAIL and b'"trainNumber"' in payload)) else 0.0


def _station(parts: list[str], data: dict[str, Any], _: Options) -> Iterator[Record]:
    """weather-v2/<station>/<sensor> and tms-v2/<station>/<sensor>: the metric is the sensor's number."""
    if len(parts) < 3:
        raise DecodeError("unknown_topic", "station and sensor are missing")
    at = read_time(data.get("time", data.get("measuredTime")), _WHEN)
    value = data.get("value", data.get("sensorValue"))
    yield Measurement(parts[2], number(value), parts[1], at)


def _vessel(parts: list[str], data: dict[str, Any], _: Options) -> Iterator[Record]:
    sensor = parts[1] if len(parts) > 1 else None
    if parts[-1] in ("metadata", "metadatas"):
        kept: dict[str, Any] = {k: data[k] for k in _VESSEL if k in data}
        yield SensorFacts(sensor, text(data.get("name")), properties=kept)
        return
    inner = data.get("properties", data)
    if not isinstance(inner, dict):
        raise DecodeError("bad_place", "a location without properties")
    point = place(inner.get("lat"), inner.get("lon")) or place_of(data.get("geometry"))
    if point is None:
        raise DecodeError("bad_place", "a location without lat and lon")
    said = next((inner[k] for k in ("timestampExternal", "time") if k in inner and inner[k] != 0), None)
    unsaid = isinstance(said, int | float) and said <= 59  # seconds of a minute, as AIS itself says them
    at = read_time(None if unsaid else said, _WHEN)
    speed, course = _below(inner.get("sog"), 102.2), _below(inner.get("cog"), 360)
    yield Position(*point, sensor, at, None if speed is None else speed * _KNOT, course)


def _below(value: Any, limit: float) -> float | None:
    """AIS says "not available" with the first value out of range: 102.3 kn, 360°."""
    found = number(value)
    return found if found is not None and 0 <= found < limit else None


def _smart_mark(parts: list[str], data: dict[str, Any], options: Options) -> Iterator[Record]:
    at = read_time(data.get("timestamp"), _WHEN)
    sensor = parts[-1]
    for name, value in data.items():
        if name in ("timestamp", "siteNumber"):
            continue
        if isinstance(value, int | float) or name in options.text:
            yield Measurement(name, plain(value), sensor, at, _SSE_UNITS.get(name))


def _train(_: list[str], data: dict[str, Any], __: Options) -> Iterator[Record]:
    sensor, point = text(data.get("trainNumber")), place_of(data.get("location"))
    if point is None:
        raise DecodeError("bad_place", "a train without location")
    speed = number(data.get("speed"))
    at = read_time(data.get("timestamp"), _WHEN)
    yield Position(*point, sensor, at, None if speed is None else speed / 3.6)


def _timetable(_: list[str], data: dict[str, Any], __: Options) -> Iterator[Record]:
    """trains/..: how late a train was at the last stop it passed."""
    rows = data.get("timeTableRows")
    passed = [r for r in rows if isinstance(r, dict) and r.get("actualTime")] if isinstance(rows, list) else []
    if passed:
        last = max(passed, key=lambda row: str(row["actualTime"]))
        late = number(last.get("differenceInMinutes"))
        yield Measurement("delay", late, text(data.get("trainNumber")), read_time(last["actualTime"], _WHEN), "min")


def _unmeasured(_: list[str], __: dict[str, Any], ___: Options) -> Iterator[Record]:
    raise Ignored("nothing_measured")  # which section a train is on, its route, its wagons


def _maintenance(_: list[str], __: dict[str, Any], ___: Options) -> Iterator[Record]:
    raise Ignored("anonymous")  # a point of some machine's route: nothing says which


_KINDS: dict[str, Callable[[list[str], dict[str, Any], Options], Iterator[Record]]] = {
    "weather": _station, "tms": _station, "vessels": _vessel, "sse": _smart_mark, "train-locations": _train,
    "maintenance": _maintenance, "trains": _timetable, "train-tracking": _unmeasured, "routesets": _unmeasured,
    "compositions": _unmeasured, "trains-by-station": _unmeasured,
}  # fmt: skip
_RAIL = frozenset({"train-locations", "trains"})
