"""OwnTracks: locations of phones and trackers, region crossings, steps; JSON, and the CSV of small trackers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats._read import json_object, text_of
from ingest.formats._values import number, place, read_time, text
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Event, Measurement, Micros, Position, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.formats import Decode, Segments

TOPIC = "owntracks/{user}/{device}/#"
EXAMPLE = ("owntracks/lan/phone", b'{"_type":"location","tst":1767225600,"lat":9.6,"lon":105.97,"vel":12,"batt":80}')
_METRICS = {"batt": "%", "acc": "m", "alt": "m", "vac": "m", "p": "kPa", "dist": "m", "ubatt": "V"}
_WHEN = times.reader("auto")
_KMH = 1 / 3.6
_CSV = re.compile(rb"\w+,[0-9A-Fa-f]{8},\w,-?\d+,-?\d+,")


class Options(Model):
    """accuracy: a location worse than this many metres is left out. metrics: what else is stored."""

    accuracy: float | None = None
    metrics: list[str] = ["batt", "acc", "alt", "vac", "p", "ubatt", "ign"]


def compile(options: Options) -> Decode:  # noqa: A001
    def decode(payload: bytes, segments: Segments) -> Iterable[Record]:
        data = _tracker(payload) if payload[:1] not in b"{[ \n" else json_object(payload)
        kind = str(data.get("_type"))
        read = _KINDS.get(kind)
        if kind == "encrypted":
            raise DecodeError("encrypted", "the payload is encrypted; IOC has no key for it")
        if read is None:
            raise Ignored(kind if kind in _SILENT else "unknown_type")
        return list(read(data, _sensor(data, segments[""]), options))

    return decode


def recognise(topic: str, payload: bytes) -> float:
    if b'"_type"' not in payload:
        return 0.9 if topic.startswith("owntracks/") and _CSV.match(payload) else 0.0
    return 0.98 if topic.startswith("owntracks/") else 0.6 if b'"tst"' in payload else 0.2


_SILENT = {"lwt", "waypoint", "waypoints", "configuration", "cmd", "beacon", "status", "request", "dump", "action"}


def _sensor(data: dict[str, Any], topic: str) -> str | None:
    parts = (str(data.get("topic") or topic)).split("/")
    at = parts.index("owntracks") if "owntracks" in parts else len(parts)
    if len(parts) >= at + 3:
        return f"{parts[at + 1]}/{parts[at + 2]}"
    return text(data.get("tid"))


def _time(data: dict[str, Any]) -> Micros | None:
    return read_time(data.get("tst"), _WHEN)


def _location(data: dict[str, Any], sensor: str | None, options: Options) -> Iterator[Record]:
    point, at = place(data.get("lat"), data.get("lon")), _time(data)
    if point is None:
        raise DecodeError("bad_place", f"lat {str(data.get('lat'))[:20]}, lon {str(data.get('lon'))[:20]}")
    accuracy = number(data.get("acc"))
    if options.accuracy is not None and accuracy is not None and accuracy > options.accuracy:
        raise Ignored("inaccurate")
    speed, heading = number(data.get("vel")), number(data.get("cog"))
    pace = speed * _KMH if speed is not None and speed >= 0 else None
    yield Position(*point, sensor, at, pace, heading if heading is not None and 0 <= heading <= 360 else None)
    for name in options.metrics:
        if (value := number(data.get(name))) is not None and not (name == "batt" and value < 0):
            yield Measurement(name, value, sensor, at, _METRICS.get(name))


def _transition(data: dict[str, Any], sensor: str | None, _: Options) -> Iterator[Record]:
    """Entering a region opens an event, leaving it closes it."""
    region = text(data.get("rid")) or text(data.get("desc"))
    if region is None or data.get("event") not in ("enter", "leave"):
        raise DecodeError("bad_transition", "a transition needs event enter or leave, and rid or desc")
    status = "open" if data["event"] == "enter" else "closed"
    point = place(data.get("lat"), data.get("lon")) or (None, None)
    yield Event(f"{sensor}:{region}", "region", status, str(data.get("desc") or region)[:200], _time(data), *point)


def _steps(data: dict[str, Any], sensor: str | None, _: Options) -> Iterator[Record]:
    yield Measurement("steps", number(data.get("steps")), sensor, _time(data))


def _card(data: dict[str, Any], sensor: str | None, _: Options) -> Iterator[Record]:
    yield SensorFacts(sensor, text(data.get("name")))


_KINDS = {"location": _location, "transition": _transition, "steps": _steps, "card": _card}


def _tracker(payload: bytes) -> dict[str, Any]:
    """`TID,TST in hex,T,LAT·10^6,LON·10^6,COG,VEL,ALT/10,DIST,TRIP` of trackers that cannot afford JSON."""
    parts = text_of(payload[:400]).strip().split(",")
    try:
        lat, lon, cog, vel, alt = (int(p) for p in parts[3:8])
        return {"_type": "location", "tid": parts[0], "tst": int(parts[1], 16), "lat": lat / 1e6, "lon": lon / 1e6,
                "cog": cog, "vel": vel, "alt": alt * 10}  # fmt: skip
    except ValueError as error:
        raise DecodeError("not_owntracks", "neither JSON nor a tracker's CSV") from error
