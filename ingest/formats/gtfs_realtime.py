"""GTFS-realtime 1 and 2: vehicle positions, trip updates and alerts of one feed message, however they are mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError as ProtobufError
from google.transit import gtfs_realtime_pb2 as gtfs

from ingest.formats._pieces import spot
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Event, Measurement, Position, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ioc.records import Micros

TOPIC = "transit/{operator}/realtime"
_BUS = {"vehicle": {"id": "83P-1201"}, "position": {"latitude": 9.6, "longitude": 105.97, "speed": 7.5}}
EXAMPLE = (
    "transit/city/realtime",
    gtfs.FeedMessage(
        header={"gtfs_realtime_version": "2.0", "timestamp": 1777856523}, entity=[{"id": "1", "vehicle": _BUS}]
    ).SerializeToString(),
)
MOST_ENTITIES = 100_000

_SEVERITY = {1: 1, 2: 1, 3: 2, 4: 4}  # UNKNOWN, INFO, WARNING, SEVERE -> ours
_SHARE_FULL = {0: 0, 1: 20, 2: 50, 3: 80, 4: 95, 5: 100}  # EMPTY .. FULL, where no percentage is told


class Options(Model):
    """language: of alert texts, where a feed gives several."""

    language: str = "en"


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        del segments
        message = _parsed(payload)
        time = _micros(message.header.timestamp)
        found = [_in_text(r) for entity in message.entity for r in _entity(entity, time, options.language)]
        if not found:
            raise Ignored("no_entities")
        return found

    return decode


def _in_text(record: Record) -> Record:
    """Protobuf gives what is not UTF-8 as bytes."""
    wrong: dict[str, Any] = {
        k: v.decode("utf-8", "replace") for k, v in record._asdict().items() if isinstance(v, bytes)
    }
    return record._replace(**wrong) if wrong else record


def _parsed(payload: bytes) -> Any:
    message = gtfs.FeedMessage()
    try:
        message.ParseFromString(payload)
    except ProtobufError as error:
        raise DecodeError("not_gtfs_realtime", str(error)) from error
    if not message.header.gtfs_realtime_version or len(message.entity) > MOST_ENTITIES:
        raise DecodeError("not_gtfs_realtime", "no version in the header, or too many entities")
    return message


def _micros(seconds: int) -> Micros | None:
    return seconds * 1_000_000 if 0 < seconds < 253_402_300_800 else None


def _entity(entity: Any, time: Micros | None, language: str) -> Iterator[Record]:
    if entity.HasField("vehicle"):
        yield from _vehicle(entity, time)
    if entity.HasField("trip_update"):
        yield from _trip(entity, time)
    if entity.HasField("alert"):
        yield _alert(entity, time, language)


def _vehicle(entity: Any, header: Micros | None) -> Iterator[Record]:
    vehicle = entity.vehicle
    sensor = vehicle.vehicle.id or vehicle.vehicle.label or entity.id
    time = _micros(vehicle.timestamp) or header
    properties = _trip_facts(vehicle.trip)
    name = vehicle.vehicle.label or None
    if properties or name:
        yield SensorFacts(sensor, name, None, None, properties)
    position = vehicle.position
    place = spot(_real(position.latitude), _real(position.longitude)) if vehicle.HasField("position") else None
    if place is not None:
        speed = _real(position.speed) if position.HasField("speed") else None
        heading = _real(position.bearing) if position.HasField("bearing") else None
        yield Position(*place, sensor=sensor, time=time, speed=speed, heading=heading)
        if speed is not None:
            yield Measurement("speed", speed, sensor, time, "m/s")
    yield from _occupancy(vehicle, sensor, time)


def _real(single: float) -> float:
    """A 32-bit number without the digits it does not have."""
    return float(f"{single:.7g}")


def _occupancy(vehicle: Any, sensor: str, time: Micros | None) -> Iterator[Measurement]:
    if vehicle.HasField("occupancy_percentage"):
        yield Measurement("occupancy", vehicle.occupancy_percentage, sensor, time, "%")
    elif vehicle.HasField("occupancy_status") and vehicle.occupancy_status in _SHARE_FULL:
        yield Measurement("occupancy", _SHARE_FULL[vehicle.occupancy_status], sensor, time, "%")


def _trip_facts(trip: Any) -> dict[str, Any]:
    found = {"route": trip.route_id, "trip": trip.trip_id}
    return {key: value for key, value in found.items() if value}


def _trip(entity: Any, header: Micros | None) -> Iterator[Record]:
    """The delay of a trip: its own, else at the stop it comes to next."""
    update = entity.trip_update
    sensor = update.vehicle.id or update.trip.trip_id or entity.id
    time = _micros(update.timestamp) or header
    if update.trip.schedule_relationship == gtfs.TripDescriptor.CANCELED:
        yield Measurement("cancelled", True, sensor, time)
        return
    delay = update.delay if update.HasField("delay") else _next_delay(update.stop_time_update, time)
    if delay is not None:
        yield Measurement("delay", delay, sensor, time, "s")


def _next_delay(stops: Any, time: Micros | None) -> int | None:
    found = None
    for stop in stops:
        event = stop.arrival if stop.HasField("arrival") else stop.departure
        if event.HasField("delay"):
            found = int(event.delay)
            moment = _micros(event.time)
            if moment is None or time is None or moment >= time:
                return found
    return found


def _alert(entity: Any, header: Micros | None, language: str) -> Event:
    alert = entity.alert
    period = alert.active_period[0] if alert.active_period else None
    ended = period is not None and header is not None and 0 < period.end * 1_000_000 <= header
    affected = {
        "routes": {i.route_id for i in alert.informed_entity},
        "stops": {i.stop_id for i in alert.informed_entity},
    }
    properties: dict[str, Any] = {key: sorted(filter(None, ids))[:200] for key, ids in affected.items()}
    properties |= {
        "cause": gtfs.Alert.Cause.Name(alert.cause).lower(),
        "effect": gtfs.Alert.Effect.Name(alert.effect).lower(),
        "description": _said(alert.description_text, language)[:2000],
        "until": period.end if period is not None else 0,
    }
    return Event(
        key=entity.id,
        kind="transit_alert",
        status="closed" if ended or entity.is_deleted else "open",
        title=_said(alert.header_text, language)[:300],
        time=_micros(period.start) if period is not None else header,
        severity=_SEVERITY.get(alert.severity_level, 1),
        properties={key: value for key, value in properties.items() if value},
    )


def _said(text: Any, language: str) -> str:
    by_language = {t.language.lower()[:2]: t.text for t in text.translation}
    return by_language.get(language) or by_language.get("") or next(iter(by_language.values()), "")


def recognise(topic: str, payload: bytes) -> float:
    del topic
    if payload[:1] != b"\n" or len(payload) > 2_000_000:  # field 1, the header, comes first
        return 0.0
    try:
        message = _parsed(payload)
    except DecodeError:
        return 0.0
    return 0.97 if message.header.gtfs_realtime_version in ("1.0", "2.0") else 0.0
