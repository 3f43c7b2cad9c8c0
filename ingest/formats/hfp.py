"""Helsinki's High-Frequency Positioning, v2: vehicles' positions, delays, doors, passenger counts, by event type.

The sensor is `operator/vehicle` of the topic, the fleet's own key; a payload may name the operator of the line instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats._read import json_object
from ingest.formats._values import number, place, read_time, text
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Position

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.formats import Decode, Segments
    from ioc.records import Record

TOPIC = "/hfp/v2/journey/#"
EXAMPLE = (
    "/hfp/v2/journey/ongoing/vp/bus/0012/02244/1098/1/Centre/19:03/1453126/5/60;25/20/07/96",
    b'{"VP":{"veh":2244,"oper":12,"tst":"2026-02-02T17:00:15.231Z","spd":4.5,"hdg":244,"lat":60.2,"long":25.07,"dl":-17}}',
)
_WHEN = times.reader("auto")
_METRICS = {"dl": "s", "drst": None, "occu": "%", "odo": "m", "acc": "m/s2"}
_NOT_NEGATIVE = {"drst", "occu", "odo"}


class Options(Model):
    """metrics: which of dl (delay), drst (doors), occu, odo, acc are stored. events: these types only, e.g. ["vp"]."""

    metrics: list[str] = ["dl", "drst", "occu"]
    events: list[str] = []


def compile(options: Options) -> Decode:  # noqa: A001
    wanted = {name.upper() for name in options.events}

    def decode(payload: bytes, segments: Segments) -> Iterable[Record]:
        data = json_object(payload)
        kind, body = next(iter(data.items()), ("", None))
        if not isinstance(body, dict) or not 2 <= len(kind) <= 8:
            raise DecodeError("not_hfp", "an event type with an object is expected")
        if wanted and kind.upper() not in wanted:
            raise Ignored("other_event")
        return _records(body, _sensor(segments[""], body), options.metrics)

    return decode


def recognise(topic: str, payload: bytes) -> float:
    marks = sum(mark in payload for mark in (b'"tst"', b'"veh"', b'"oper"', b'"long"'))
    return 0.98 if "/hfp/v2/" in topic and marks else 0.2 * marks


def _sensor(topic: str, body: dict[str, Any]) -> str | None:
    parts = topic.strip("/").split("/")
    if len(parts) >= 8 and parts[:2] == ["hfp", "v2"] and parts[6].isdigit() and parts[7].isdigit():
        return f"{int(parts[6])}/{int(parts[7])}"
    operator, vehicle = text(body.get("oper")), text(body.get("veh"))
    return f"{operator}/{vehicle}" if operator and vehicle else None


def _records(body: dict[str, Any], sensor: str | None, metrics: list[str]) -> list[Record]:
    if sensor is None:
        raise DecodeError("no_sensor", "neither the topic nor the payload names operator and vehicle")
    at = read_time(body.get("tst"), _WHEN)
    found: list[Record] = []
    if point := place(body.get("lat"), body.get("long")):
        found.append(Position(*point, sensor, at, _at_least_zero(body.get("spd")), _at_least_zero(body.get("hdg"))))
    for name in metrics:
        value = number(body.get(name))
        if value is not None and not (value < 0 and name in _NOT_NEGATIVE):
            found.append(Measurement(name, value, sensor, at, _METRICS.get(name)))
    if isinstance(counts := body.get("vehiclecounts"), dict):
        found += [Measurement(name, value, sensor, at) for name in ("vehicleload", "vehicleloadratio")
                  if (value := number(counts.get(name))) is not None]  # fmt: skip
    if not found:
        raise Ignored("nothing_measured")
    return found


def _at_least_zero(value: Any) -> float | None:
    found = number(value)
    return found if found is not None and found >= 0 else None
