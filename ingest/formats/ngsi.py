"""FIWARE NGSI-v2 and NGSI-LD entities: normalized, concise and key-values, alone, in lists, batches and notifications.

Numbers and booleans are values, those inside structured ones too (`dayMaximum.temperature`), and the words on, off,
free and occupied; their units come from unitCode. Alerts and the like are events, vehicles move. An id that carries the
time of observation (`Valladolid-2016-11-30T07:00:00`) is cut before it: the station is the sensor.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats import _ngsi as ngsi
from ingest.formats._read import json_data
from ingest.formats._values import number, place_of, read_time, text
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Event, Measurement, Position, SensorFacts
from ioc.units import UnitError, conversion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.formats import Decode, Segments
    from ingest.formats._ngsi import Attribute
    from ioc.records import Micros, Record

TOPIC = ["ngsi/#", "orion/#"]
EXAMPLE = (
    "ngsi/notify",
    b"""{"subscriptionId": "1", "data": [{"id": "air:1", "type": "AirQualityObserved", "pm25": {"type": "Number",
"value": 31.4, "metadata": {"unitCode": {"value": "GQ"}}}, "dateObserved": {"value": "2026-05-01T10:00:00Z"}}]}""",
)
_TIMES = ("TimeInstant", "dateObserved", "observationDateTime", "dateObservedTo", "observedAt", "dateObservedFrom",
          "timestamp", "dateLastReported", "dateLastValueReported", "dateModified", "modifiedAt", "dateIssued",
          "dateCreated")  # fmt: skip
_PLACES = ("location", "position", "geometry", "coordinates", "gps")
_STAMP = re.compile(r"[-_.:]+(19|20)\d\d-?[01]\d-?[0-3]\d[T_ ]\d\d[-:.]?\d\d.*$")
_MOVES = re.compile(r"(^|:|/)(Fleet)?Vehicle$|Bus$|Tram$|Vessel$|Drone$|Tracker$")
_EVENTS = frozenset(
    {"Alert", "WeatherAlert", "RoadAccident", "Anomaly", "CityWork", "Incident", "Event", "Open311Request"}
)
_SWITCHES = {"on": True, "off": False, "occupied": True, "free": False}  # Streetlight.powerState, ParkingSpot.status
_LEVELS = {"informational": 0, "info": 0, "low": 1, "minor": 1, "medium": 2, "moderate": 2, "high": 3, "severe": 3,
           "critical": 4, "extreme": 4}  # fmt: skip
_MARKS = (b"urn:ngsi-ld:", b'"Property"', b'"Number"', b'"geo:json"')
_MODEL = re.compile(r"[A-Z][a-z]+[A-Za-z0-9]*")  # an entity's type: OffStreetParking
_CLOSED = frozenset({"closed", "solved", "resolved", "finished", "cancelled", "canceled", "ended", "done"})


class Options(Model):
    """
    sensor: an attribute that names the sensor, such as refDevice; the entity's id where absent.
    time: attributes that say when, the first that is there; text: text attributes passed on to `states`.
    exclude: attributes that are no measurements. moves, events: entity types, beside the usual ones.
    """

    sensor: str | None = None
    strip_times: bool = True
    time: list[str] = list(_TIMES)
    text: list[str] = []
    exclude: list[str] = []
    moves: list[str] = []
    events: list[str] = []
    types: list[str] = []
    zone: str | None = None


def compile(options: Options) -> Decode:  # noqa: A001
    when = times.reader("auto", options.zone)

    def decode(payload: bytes, _: Segments) -> Iterable[Record]:
        entities = list(ngsi.entities(json_data(payload)))
        if not entities:
            raise Ignored("no_entities")
        wanted = [e for e in entities if not options.types or ngsi.kind(e) in options.types]
        found = [record for entity in wanted for record in _records(entity, when, options)]
        if not found:
            raise Ignored("nothing_measured")
        return found

    return decode


def recognise(_: str, payload: bytes) -> float:
    if b'"subscriptionId"' in payload and b'"data"' in payload:
        return 0.95
    entity = (b'"id"' in payload and b'"type"' in payload) or (b'"@id"' in payload and b'"@type"' in payload)
    strong = any(mark in payload for mark in _MARKS)
    return 0.9 if entity and strong else 0.7 if entity and _is_model(payload) else 0.2 if entity else 0.0


def _is_model(payload: bytes) -> bool:
    """Key-values without any mark but a capitalised type: {"id": "lot-3", "type": "OffStreetParking", ..}."""
    data = json_data(payload)
    first = data[0] if isinstance(data, list) and data else data
    said = first.get("type") if isinstance(first, dict) and isinstance(first.get("id"), str) else None
    known = isinstance(said, str) and _MODEL.fullmatch(said) and not said.startswith("Feature")
    return bool(known) and said not in ngsi.GEOMETRIES


def _records(entity: dict[str, Any], when: times.Reader, options: Options) -> Iterator[Record]:
    held = {ngsi.short(name): a for name, said in entity.items() if (a := ngsi.attribute(name, said)) is not None}
    sensor, kind = _sensor(entity, held, options), ngsi.kind(entity)
    at = _time(held, when, options)
    point = next((p for n in _PLACES if n in held and (p := place_of(held[n].value))), None)
    if kind in _EVENTS or kind in options.events:
        yield _event(entity, held, at, point)
        return
    moves = bool(_MOVES.search(kind)) or kind in options.moves
    if moves and point is not None:
        where = next(held[n] for n in _PLACES if n in held and place_of(held[n].value))
        heading = next((h for n in ("heading", "bearing") if (h := _number(held, n)) is not None), None)
        yield Position(*point, sensor, _own(where, when) or at, _speed(held), heading)
    name = text(held["name"].value) if "name" in held else None
    if name or (point and not moves):
        lat, lon = point if point and not moves else (None, None)
        yield SensorFacts(sensor, name, lat, lon, {"type": kind} if kind else None)
    yield from _measured(held, sensor, at, when, options)


def _sensor(entity: dict[str, Any], held: dict[str, Attribute], options: Options) -> str:
    said = held[options.sensor].value if options.sensor in held else None
    found = text(said[0] if isinstance(said, list) and said else said) or text(entity.get("id") or entity.get("@id"))
    if found is None:
        raise DecodeError("no_sensor", "an entity without id")
    return _STAMP.sub("", found) or found if options.strip_times else found


def _time(held: dict[str, Attribute], when: times.Reader, options: Options) -> Micros | None:
    for name in options.time:
        if name in held and held[name].value not in (None, ""):
            said = held[name].value
            return read_time(said.rsplit("/", 1)[-1] if isinstance(said, str) else said, when)
    return None


def _own(attribute: Attribute, when: times.Reader) -> Micros | None:
    return None if attribute.time is None else read_time(attribute.time, when)


def _measured(
    held: dict[str, Attribute], sensor: str, at: Micros | None, when: times.Reader, options: Options
) -> Iterator[Record]:
    for name, said in held.items():
        if name in options.time or name in options.exclude or name in _PLACES:
            continue
        for inner, found, time in ngsi.values(name, said):
            switch = isinstance(found, str) and name not in options.text
            value = _SWITCHES.get(found.lower()) if switch else found
            if isinstance(value, int | float | str):
                own = read_time(time, when) if time is not None else None
                yield Measurement(inner, value, sensor, own or at, said.unit)


def _number(held: dict[str, Attribute], name: str) -> float | None:
    return number(held[name].value) if name in held else None


def _speed(held: dict[str, Attribute]) -> float | None:
    """m/s; the data models say km/h where the attribute does not."""
    found = _number(held, "speed")
    if found is None or found < 0:
        return None
    try:
        return found * conversion(held["speed"].unit or "KMH", "m/s").factor
    except UnitError:
        return None


def _event(entity: dict[str, Any], held: dict[str, Attribute], at: Micros | None, point: Any) -> Event:
    said = {name: text(held[name].value) or "" for name in held}
    key, kind = text(entity.get("id") or entity.get("@id")), ngsi.kind(entity)
    if key is None:
        raise DecodeError("no_key", "an entity without id")
    words = {said.get(name, "").lower() for name in ("status", "workState", "state")}
    status = "closed" if words & _CLOSED else "changed" if said.get("dateModified", said.get("modifiedAt")) else "open"
    title = said.get("description") or said.get("name") or said.get("subCategory") or kind
    level = max(0, min(4, _LEVELS.get(said.get("severity", "").lower(), int(number(said.get("severity")) or 0))))
    lat, lon = point or (None, None)
    kept = {name: value[:500] for name, value in said.items() if value and name != "description"}
    return Event(key, said.get("subCategory") or kind, status, title[:300], at, lat, lon, level, kept or None)
