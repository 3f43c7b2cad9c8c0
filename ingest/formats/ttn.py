"""The Things Stack v3 (TTN): uplinks, normalized uplinks, solved locations; the rest is ignored by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.formats import _lorawan
from ingest.formats._lorawan import Frames, Options, Uplink, counter
from ingest.formats._pieces import instant, number, place, rows, table, text
from ingest.formats._read import json_object
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Position, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

TOPIC = "v3/{application}/devices/{device}/#"
EXAMPLE = (
    "v3/levels@ttn/devices/canal-7/up",
    (
        b'{"end_device_ids":{"device_id":"canal-7","dev_eui":"70B3D50000000007"},"received_at":"2026-05-04T01:02:03.5Z",'
        b'"uplink_message":{"f_port":2,"f_cnt":9,"decoded_payload":{"level":1.42},"rx_metadata":[{"rssi":-97,"snr":4.5}]}}'
    ),
)

# The units that The Things Stack fixes for normalized payloads.
UNITS = {
    "battery": "V", "air.temperature": "°C", "air.relativeHumidity": "%", "air.pressure": "hPa", "air.co2": "ppm",
    "air.lightIntensity": "lux", "soil.temperature": "°C", "soil.moisture": "%", "soil.ec": "dS/m", "soil.pH": "pH",
    "soil.n": "ppm", "soil.p": "ppm", "soil.k": "ppm", "wind.speed": "m/s", "wind.direction": "deg",
    "water.temperature.min": "°C", "water.temperature.max": "°C", "water.temperature.avg": "°C",
    "rain.intensity": "mm/h", "rain.cumulative": "mm", "metering.water.total": "L",
}  # fmt: skip

_IGNORED = {
    "join_accept": "join", "downlink_ack": "downlink", "downlink_nack": "downlink", "downlink_sent": "downlink",
    "downlink_failed": "downlink", "downlink_queued": "downlink", "downlink_queue_invalidated": "downlink",
    "downlinks": "downlink", "service_data": "service_data",
}  # fmt: skip


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    frames = Frames()

    def decode(payload: bytes, _segments: Mapping[str, str]) -> Iterable[Record]:
        message = _unwrapped(json_object(payload))
        for key, reason in _IGNORED.items():
            if key in message:
                raise Ignored(reason)
        if message.get("simulated") is True:
            raise Ignored("simulated")
        sensor = text(table(message.get("end_device_ids")).get("device_id"))
        if sensor is None:
            raise DecodeError("no_sensor", "no end_device_ids.device_id")
        return _records(options, frames, message, sensor)

    return decode


def _unwrapped(message: dict[str, Any]) -> dict[str, Any]:
    """The event stream and the storage put the message into an envelope."""
    if "end_device_ids" in message:
        return message
    return next((m for k in ("result", "data") if "end_device_ids" in (m := table(message.get(k)))), message)


def _records(options: Options, frames: Frames, message: dict[str, Any], sensor: str) -> Iterable[Record]:
    if "location_solved" in message:
        return _solved(message, sensor)
    if "uplink_normalized" in message:
        return _normalized(message, sensor)
    if "uplink_message" not in message:
        raise DecodeError("unknown_message", f"none of the known messages: {', '.join(list(message)[:8])}")
    uplink = _uplink(message, sensor)
    frames.check(uplink)
    found = list(_lorawan.records(options, uplink, facts(message, sensor)))
    own = any(isinstance(record, Position) for record in found)
    return found if own else [*found, *_seen_at(message, sensor, uplink)]


def _uplink(message: dict[str, Any], sensor: str) -> Uplink:
    up = table(message["uplink_message"])
    return Uplink(
        sensor=sensor,
        time=instant(up.get("received_at")) or instant(message.get("received_at")),
        session=str(up.get("session_key_id", "")),
        counter=counter(up.get("f_cnt")),
        port=counter(up.get("f_port")),
        raw=up["frm_payload"] if isinstance(up.get("frm_payload"), str) else "",
        decoded=up.get("decoded_payload"),
        gateways=rows(up.get("rx_metadata")),
        battery=number(table(up.get("last_battery_percentage")).get("value")),
    )


def facts(message: dict[str, Any], sensor: str) -> SensorFacts:
    """The device's EUI, model and where its owner says it stands."""
    ids, up = table(message.get("end_device_ids")), table(message.get("uplink_message"))
    version = table(up.get("version_ids"))
    properties = {
        "dev_eui": ids.get("dev_eui"),
        "application": table(ids.get("application_ids")).get("application_id"),
        "brand": version.get("brand_id"),
        "model": version.get("model_id"),
    }
    lat, lon = place(table(up.get("locations")).get("user")) or (None, None)
    return SensorFacts(sensor, None, lat, lon, {k: v for k, v in properties.items() if isinstance(v, str)})


def _seen_at(message: dict[str, Any], sensor: str, uplink: Uplink) -> Iterator[Position]:
    """Where the network found the device: every source of location but the registry's."""
    locations = table(table(message["uplink_message"]).get("locations"))
    for source, location in locations.items():
        if source != "user" and (found := place(location)) is not None:
            yield Position(*found, sensor=sensor, time=uplink.time)
            return


def _solved(message: dict[str, Any], sensor: str) -> list[Record]:
    found = place(table(message["location_solved"]).get("location"))
    if found is None:
        raise DecodeError("no_place", "location_solved without a location")
    return [Position(*found, sensor=sensor, time=instant(message.get("received_at")))]


def _normalized(message: dict[str, Any], sensor: str) -> list[Record]:
    body = table(message["uplink_normalized"])
    payload = table(body.get("normalized_payload"))
    time = instant(payload.get("time")) or instant(body.get("received_at")) or instant(message.get("received_at"))
    found = _lorawan.decoded({key: value for key, value in payload.items() if key != "time"})
    if not found:
        raise Ignored("empty_frame")
    return [facts(message, sensor), *(_placed(record, sensor, time) for record in found)]


def _placed(record: Record, sensor: str, time: int | None) -> Record:
    if isinstance(record, Measurement):
        return record._replace(sensor=sensor, time=record.time or time, unit=record.unit or UNITS.get(record.metric))
    return record._replace(sensor=sensor, time=time)  # type: ignore[call-arg]


def recognise(topic: str, payload: bytes) -> float:
    if b'"end_device_ids"' not in payload:
        return 0.0
    return 0.99 if topic.startswith("v3/") else 0.9


__all__ = ["EXAMPLE", "TOPIC", "Options", "compile", "recognise"]
