"""Sentilo (Barcelona): published observations, and what its subscriptions push; alarms become events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats._read import json_object
from ingest.formats._values import place, plain, read_time, text
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Event, Measurement, Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.formats import Decode, Segments
    from ioc.records import Micros, Record

TOPIC = ["/data/{provider}/{sensor}", "/alarm/{alert}"]
EXAMPLE = (
    "/data/city/RE0012",
    b'{"sensors":[{"sensor":"RE0012","observations":[{"value":"11.2","timestamp":"01/05/2026T10:00:00"}]}]}',
)
_ZONES = {"CET": "+0100", "CEST": "+0200", "UTC": "+0000", "GMT": "+0000"}


class Options(Model):
    """metric: what a sensor's values are called; a Sentilo sensor measures one thing. zone: Sentilo means UTC."""

    metric: str = "value"
    unit: str | None = None
    zone: str | None = "UTC"


def compile(options: Options) -> Decode:  # noqa: A001
    when = times.reader("day_first", options.zone or "UTC")

    def decode(payload: bytes, segments: Segments) -> Iterable[Record]:
        data = json_object(payload)
        topic = str(data.get("topic") or segments[""]).strip("/").split("/")
        kind = str(data.get("type") or topic[0]).upper()
        if kind in ("ALARM", "ALERT"):
            return [_alarm(data, topic, when)]
        if kind == "ORDER":
            raise Ignored("order")
        found = list(_observations(data, _sensor(data, topic), when, options))
        if not found:
            raise Ignored("no_values")
        return found

    return decode


def recognise(topic: str, payload: bytes) -> float:
    published = b'"observations"' in payload and (b'"sensors"' in payload or topic.strip("/").startswith("data/"))
    pushed = b'"message"' in payload and b'"provider"' in payload and b'"sensor"' in payload
    return 0.9 if published or pushed else 0.0


def _sensor(data: dict[str, Any], topic: list[str]) -> str | None:
    said = text(data.get("sensor"))
    return said or (topic[2] if len(topic) >= 3 and topic[0] == "data" else None)


def _observations(data: dict[str, Any], sensor: str | None, when: times.Reader, options: Options) -> Iterator[Record]:
    if isinstance(sensors := data.get("sensors", data.get("providers")), list):
        for inner in sensors:
            if isinstance(inner, dict):
                own = {"location": data.get("location"), **inner}
                yield from _observations(own, text(inner.get("sensor")), when, options)
        return
    held = data.get("observations")
    if held is None and "message" in data:
        held = [{**data, "value": data["message"]}]
    if not isinstance(held, list):
        raise DecodeError("not_sentilo", "neither sensors, observations nor a message")
    for item in held:
        if not isinstance(item, dict):
            raise DecodeError("not_sentilo", "an observation is not an object")
        at = _time(item, when)
        yield Measurement(options.metric, plain(item.get("value")), sensor, at, options.unit)
        if point := _place(item.get("location") or data.get("location")):
            yield Position(*point, sensor, at)


def _time(item: dict[str, Any], when: times.Reader) -> Micros | None:
    said = item.get("timestamp")
    if isinstance(said, str):  # 17/02/2026T11:43:45CET
        name = said[19:].strip()
        said = said[:19].replace("T", " ") + _ZONES.get(name, name)
    return read_time(said if said is not None else item.get("time"), when)


def _place(said: Any) -> tuple[float, float] | None:
    lat, _, lon = said.strip().partition(" ") if isinstance(said, str) else ("", "", "")
    return place(lat, lon)


def _alarm(data: dict[str, Any], topic: list[str], when: times.Reader) -> Event:
    key = text(data.get("alert")) or text(data.get("alarm")) or topic[-1]
    kept: dict[str, Any] = {k: data[k] for k in ("sensor", "provider", "alertType") if k in data}
    return Event(key, "alarm", "open", str(data.get("message", ""))[:300], _time(data, when), properties=kept or None)
