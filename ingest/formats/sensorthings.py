"""OGC SensorThings: Observations (alone, expanded, DataArray), Datastreams and Things with theirs, over MQTT or HTTP.

The sensor is the Thing's name or id where the message has the Thing, else the Datastream's id, which by the topic
`v1.1/Datastreams(19)/Observations` is always known; the metric is the ObservedProperty's name, else the Datastream's,
else `result`.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest import times
from ingest.formats._read import json_data
from ingest.formats._values import place_of, plain, read_time, text
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.formats import Decode, Segments
    from ioc.records import Micros, Record

TOPIC = ["v1.1/#", "v1.0/#"]
EXAMPLE = (
    "v1.1/Datastreams(19)/Observations",
    b'{"result": 21.4, "phenomenonTime": "2026-05-01T10:00:00Z", "@iot.id": 4711}',
)
_ENTITY = re.compile(r"(Things|Datastreams|MultiDatastreams|ObservedProperties|Locations)\(('?)(.+?)\2\)")


class Options(Model):
    """datastreams: id -> "sensor/metric" or "metric", for messages that say no more than an id."""

    datastreams: dict[str, str] = {}
    zone: str | None = None


class Known(NamedTuple):
    """What is known of the series a result belongs to."""

    sensor: str | None = None
    metric: str | None = None
    unit: str | None = None
    stream: str | None = None
    parts: tuple[tuple[str | None, str | None], ...] = ()  # (metric, unit) of each result of a MultiDatastream


def compile(options: Options) -> Decode:  # noqa: A001
    when = times.reader("auto", options.zone)

    def decode(payload: bytes, segments: Segments) -> Iterable[Record]:
        data = json_data(payload)
        known = _of_topic(segments[""])
        held = data.get("value") if isinstance(data, dict) and "result" not in data else None
        listed = held if isinstance(held, list) else data if isinstance(data, list) else [data]
        found = [r for said in listed if isinstance(said, dict) for r in _entity(said, known, when, options)]
        if not found:
            raise Ignored("no_observations") if _is_entity(listed) else DecodeError("not_sensorthings", "no result")
        return found

    return decode


def recognise(topic: str, payload: bytes) -> float:
    if b'"@iot.id"' in payload or b'"@iot.selfLink"' in payload:
        return 0.95
    return 0.9 if re.search(r"(^|/)v1\.[01]/", topic) and b'"result"' in payload else 0.0


def _of_topic(topic: str) -> Known:
    ids = {kind: key for kind, _, key in _ENTITY.findall(topic)}
    return Known(sensor=ids.get("Things"), stream=ids.get("Datastreams") or ids.get("MultiDatastreams"))


def _is_entity(listed: list[Any]) -> bool:
    marks = {"@iot.id", "name", "description", "unitOfMeasurement", "@iot.selfLink"}
    return all(said is None or (isinstance(said, dict) and marks & said.keys()) for said in listed)


def _entity(said: dict[str, Any], known: Known, when: times.Reader, options: Options) -> Iterator[Record]:
    """A Thing, a Datastream, an Observation or a DataArray, whatever its fields say it is."""
    if "dataArray" in said and "components" in said:
        stream = said.get("Datastream") or said.get("MultiDatastream")
        yield from _data_array(said, _stream(stream, _linked(said, known)), when, options)
    elif "result" in said:
        stream = said.get("Datastream") or said.get("MultiDatastream")
        yield from _observation(said, _stream(stream, _linked(said, known)), when, options)
    elif isinstance(said.get("Datastreams"), list) or isinstance(said.get("Locations"), list):
        yield from _thing(said, known, when, options)
    elif isinstance(said.get("Observations"), list):
        inner = _stream(said, known)
        if isinstance(thing := said.get("Thing"), dict):
            yield from _about(thing, inner.sensor)
        for observation in said["Observations"]:
            if isinstance(observation, dict) and "result" in observation:
                yield from _observation(observation, inner, when, options)


def _linked(said: dict[str, Any], known: Known) -> Known:
    """The stream as the links of an Observation or a DataArray name it."""
    links = ("Datastream@iot.navigationLink", "MultiDatastream@iot.navigationLink", "@iot.selfLink")
    linked = _of_topic(str(next((said[link] for link in links if said.get(link)), "")))
    return known._replace(stream=linked.stream or known.stream)


def _about(thing: dict[str, Any], sensor: str | None) -> Iterator[Record]:
    """A Thing's name and the first of its places."""
    places = (place for location in _listed(thing.get("Locations")) if (place := place_of(location.get("location"))))
    lat, lon = next(places, (None, None))
    if (name := text(thing.get("name"))) or lat is not None:
        yield SensorFacts(sensor, name, lat, lon)


def _thing(said: dict[str, Any], known: Known, when: times.Reader, options: Options) -> Iterator[Record]:
    sensor = _thing_id(said) or known.sensor
    yield from _about(said, sensor)
    for stream in _listed(said.get("Datastreams")):
        yield from _entity(stream, known._replace(sensor=sensor), when, options)


def _listed(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _thing_id(said: Any) -> str | None:
    return text(said.get("@iot.id")) or text(said.get("name")) if isinstance(said, dict) else None


def _stream(said: Any, known: Known) -> Known:
    """What an expanded Datastream, or only its id, adds."""
    if not isinstance(said, dict):
        return known
    unit = said.get("unitOfMeasurement")
    symbol = text(unit.get("symbol")) if isinstance(unit, dict) else None
    observed = said.get("ObservedProperty")
    metric = text(observed.get("name")) if isinstance(observed, dict) else None
    return Known(
        sensor=_thing_id(said.get("Thing")) or known.sensor,
        metric=metric or text(said.get("name")) or text(said.get("description")) or known.metric,
        unit=symbol or known.unit,
        stream=text(said.get("@iot.id")) or known.stream,
        parts=_parts(said) or known.parts,
    )


def _parts(said: dict[str, Any]) -> tuple[tuple[str | None, str | None], ...]:
    names = [text(p.get("name")) for p in _listed(said.get("ObservedProperties"))]
    units = [text(u.get("symbol")) for u in _listed(said.get("unitOfMeasurements"))]
    return tuple(zip_longest(names, units))


def _observation(said: dict[str, Any], known: Known, when: times.Reader, options: Options) -> Iterator[Record]:
    at = _time(said, when)
    sensor, metric = _names(known, options)
    results = said["result"] if isinstance(said["result"], list) else [said["result"]]
    for number, result in enumerate(results):
        own, unit = known.parts[number] if number < len(known.parts) else (None, known.unit)
        name = own or (metric if len(results) == 1 else f"{metric}_{number + 1}")
        if isinstance(result, dict):
            for key, value in result.items():
                yield Measurement(str(key), plain(value), sensor, at)
        else:
            yield Measurement(name, plain(result), sensor, at, unit)


def _names(known: Known, options: Options) -> tuple[str | None, str]:
    declared = options.datastreams.get(known.stream or "")
    if declared is not None:
        sensor, _, metric = declared.rpartition("/")
        return sensor or known.sensor or known.stream, metric
    return known.sensor or known.stream, known.metric or "result"


def _time(said: dict[str, Any], when: times.Reader) -> Micros | None:
    """phenomenonTime, its end where it is a period; else resultTime."""
    held = next((said[key] for key in ("phenomenonTime", "resultTime") if said.get(key)), None)
    return read_time(held.rsplit("/", 1)[-1] if isinstance(held, str) else held, when)


def _data_array(said: dict[str, Any], known: Known, when: times.Reader, options: Options) -> Iterator[Record]:
    names = [str(name) for name in said["components"]] if isinstance(said["components"], list) else []
    if "result" not in names or not isinstance(said["dataArray"], list):
        raise DecodeError("not_sensorthings", "a DataArray needs the component result")
    for row in said["dataArray"]:
        if isinstance(row, list):
            yield from _observation(dict(zip(names, row, strict=False)) | _missing(row, names), known, when, options)


def _missing(row: list[Any], names: list[str]) -> dict[str, Any]:
    return {"result": None} if len(row) <= names.index("result") else {}
