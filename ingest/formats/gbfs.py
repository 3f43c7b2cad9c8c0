"""GBFS 1 to 3: station status and information, free vehicles; files that describe the system are ignored by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ingest.formats._pieces import instant, number, place, rows, table, text
from ingest.formats._read import json_object
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Event, Measurement, Position, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ioc.records import Micros

TOPIC = "bikes/{system}/{file}"
EXAMPLE = (
    "bikes/city/station_status",
    (
        b'{"last_updated":1777856523,"ttl":60,"version":"2.3","data":{"stations":[{"station_id":"12","num_bikes_available":5,'
        b'"num_docks_available":9,"is_installed":true,"is_renting":true,"is_returning":true,"last_reported":1777856500}]}}'
    ),
)
MOST = 50_000  # stations or vehicles of one document

# What versions before 3 called differently.
_RENAMED = {"num_bikes_available": "num_vehicles_available", "num_bikes_disabled": "num_vehicles_disabled"}
_COUNTS = frozenset({"num_vehicles_available", "num_vehicles_disabled", "num_docks_available", "num_docks_disabled",
                     "num_ebikes_available", "is_installed", "is_renting", "is_returning"})  # fmt: skip
_SYSTEM = frozenset({"feeds", "datasets", "versions", "vehicle_types", "regions", "plans", "geofencing_zones",
                     "rental_hours", "calendars", "system_id", "global_rules", "en"})  # fmt: skip


class Options(Model):
    """
    vehicles: `count` reports how many free vehicles there are, `positions` where each one is (their ids change
    after every trip, by the specification: each trip makes a new sensor), `both` does both.
    """

    vehicles: Literal["count", "positions", "both"] = "count"
    language: str = "en"


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        message = json_object(payload)
        data = table(message.get("data"))
        time = instant(message.get("last_updated"))
        system = segments.get("system")
        if "stations" in data:
            found = [r for station in rows(data["stations"])[:MOST] for r in _station(station, time, options)]
        elif any("availabilities" in v for v in rows(data.get("vehicles"))):
            raise Ignored("system_file")  # a calendar of future rentals
        elif "bikes" in data or "vehicles" in data:
            found = list(_vehicles(rows(data.get("vehicles", data.get("bikes"))), time, options, system))
        elif "alerts" in data:
            found = [_alert(a, time, options.language) for a in rows(data["alerts"])[:MOST]]
        elif _SYSTEM & data.keys() or any("feeds" in table(v) for v in data.values()):
            raise Ignored("system_file")
        else:
            raise DecodeError("unknown_message", "no GBFS data: " + ", ".join(list(map(str, data))[:8]))
        if not found:
            raise Ignored("empty_list")
        return found

    return decode


def _station(station: dict[str, Any], time: Micros | None, options: Options) -> Iterator[Record]:
    sensor = text(station.get("station_id"))
    if sensor is None:
        return
    if "lat" in station or "name" in station:
        yield _information(station, sensor, options.language)
    reported = instant(station.get("last_reported")) or time
    for key, value in station.items():
        metric = _RENAMED.get(key, key)
        if metric in _COUNTS and (count := _count(metric, value)) is not None:
            yield Measurement(metric, count, sensor, reported)
    for kind, count in _kinds(station):
        if kind is not None and count is not None:
            yield Measurement(f"vehicles_available.{kind}", count, sensor, reported)


def _kinds(station: dict[str, Any]) -> Iterator[tuple[str | None, float | None]]:
    """How many of which type; before 2.1 systems had words of their own for it."""
    for entry in rows(station.get("vehicle_types_available"))[:50]:
        yield text(entry.get("vehicle_type_id")), number(entry.get("count"))
    older = station.get("num_bikes_available_types")
    for entry in [older] if isinstance(older, dict) else rows(older)[:50]:
        yield from ((str(kind), number(count)) for kind, count in list(entry.items())[:50])


def _count(metric: str, value: Any) -> float | bool | None:
    if metric.startswith("is_"):
        return bool(value) if isinstance(value, bool | int) else None
    return number(value)


def _information(station: dict[str, Any], sensor: str, language: str) -> SensorFacts:
    lat, lon = place(station) or (None, None)
    kept = ("capacity", "address", "region_id", "is_virtual_station", "is_charging_station", "short_name")
    properties = {k: station[k] for k in kept if isinstance(station.get(k), str | int | float)}
    return SensorFacts(sensor, said(station.get("name"), language), lat, lon, properties)


def said(value: Any, language: str) -> str | None:
    """A text, or since version 3 a list of texts with their languages."""
    if isinstance(value, str):
        return text(value)
    by_language = {str(t.get("language", ""))[:2]: text(t.get("text")) for t in rows(value)}
    return by_language.get(language) or next(iter(by_language.values()), None)


def _vehicles(
    vehicles: list[dict[str, Any]], time: Micros | None, options: Options, system: str | None
) -> Iterator[Record]:
    free = [v for v in vehicles[:MOST] if not v.get("is_reserved") and not v.get("is_disabled")]
    if options.vehicles in ("count", "both"):
        sensor = system or "free_vehicles"
        yield Measurement("vehicles_free", len(free), sensor, time)
        yield Measurement("vehicles_total", len(vehicles), sensor, time)
        ranges = [r for v in free if (r := number(v.get("current_range_meters"))) is not None]
        if ranges:
            yield Measurement("range_mean", round(sum(ranges) / len(ranges), 1), sensor, time, "m")
    if options.vehicles in ("positions", "both"):
        for vehicle in vehicles[:MOST]:
            yield from _vehicle(vehicle, time)


def _vehicle(vehicle: dict[str, Any], time: Micros | None) -> Iterator[Record]:
    sensor = text(vehicle.get("vehicle_id")) or text(vehicle.get("bike_id"))
    found = place(vehicle)
    if sensor is None or found is None:
        return
    reported = instant(vehicle.get("last_reported")) or time
    yield Position(*found, sensor=sensor, time=reported)
    for key, unit in (("current_range_meters", "m"), ("current_fuel_percent", None)):
        if (value := number(vehicle.get(key))) is not None:
            yield Measurement(key, value, sensor, reported, unit)


def _alert(alert: dict[str, Any], time: Micros | None, language: str) -> Event:
    period = next(iter(rows(alert.get("times"))), {})
    end = instant(period.get("end"))
    kept = {"stations": alert.get("station_ids"), "description": said(alert.get("description"), language)}
    return Event(
        key=text(alert.get("alert_id")) or "",
        kind=text(alert.get("type")) or "alert",
        status="closed" if end and time and end <= time else "open",
        title=said(alert.get("summary"), language) or "",
        time=instant(period.get("start")) or instant(alert.get("last_updated")) or time,
        severity=1,
        properties={k: v for k, v in kept.items() if v},
    )


def recognise(topic: str, payload: bytes) -> float:
    del topic
    if b'"station_id"' in payload and b'"last_updated"' in payload and b'"ttl"' in payload:
        return 0.97
    return 0.9 if b'"ttl"' in payload and b'"last_updated"' in payload and b'"data"' in payload else 0.0
