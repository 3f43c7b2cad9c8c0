"""Helium: uplinks of the console's MQTT and HTTP integrations; newer networks run ChirpStack v4 and are read so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.formats import _lorawan, chirpstack
from ingest.formats._lorawan import Frames, Options, Uplink, counter
from ingest.formats._pieces import instant, number, place, rows, table, text
from ingest.formats._read import json_object
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Position, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TOPIC = "helium/{device}/rx"
EXAMPLE = (
    "helium/70B3D50000000007/rx",
    (
        b'{"dev_eui":"70B3D50000000007","name":"C7","fcnt":9,"port":2,"payload":"AY4=","reported_at":1777856523500,'
        b'"type":"uplink","decoded":{"payload":{"level":1.42},"status":"success"},'
        b'"hotspots":[{"name":"calm-teal-heron","rssi":-97,"snr":4.5,"reported_at":1777856523400}]}'
    ),
)


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    frames = Frames()

    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        message = json_object(payload)
        if "deviceInfo" in message:
            return chirpstack.records(options, frames, message, segments.get("", ""))
        sensor = text(message.get("dev_eui"))
        if sensor is None:
            raise DecodeError("no_sensor", "no dev_eui")
        kind = message.get("type", "uplink")
        if kind != "uplink":
            raise Ignored((text(kind) or "no_uplink")[:40])
        return _records(options, frames, message, sensor.lower())

    return decode


def _records(options: Options, frames: Frames, message: dict[str, Any], sensor: str) -> list[Record]:
    values = table(message.get("decoded")).get("payload")
    uplink = Uplink(
        sensor=sensor,
        time=instant(message.get("reported_at")),
        session=str(message.get("devaddr", "")),
        counter=counter(message.get("fcnt")),
        port=counter(message.get("port")),
        raw=message["payload"] if isinstance(message.get("payload"), str) else "",
        decoded=None if isinstance(values, list) else values,
        gateways=rows(message.get("hotspots")),
    )
    frames.check(uplink)
    listed = _listed(values, sensor, uplink.time)
    facts = SensorFacts(sensor, text(message.get("name")), None, None, _properties(message))
    if listed:
        return [*_lorawan.records(options, uplink._replace(raw=""), facts), *listed]
    return list(_lorawan.records(options, uplink, facts))


def _listed(values: Any, sensor: str, time: int | None) -> list[Record]:
    """The built-in Cayenne decoder's list of {channel, name, value, unit}; a place is a value of three."""
    places = [Position(*found, sensor=sensor, time=time) for v in rows(values) if (found := place(v.get("value")))]
    return [
        *places,
        *(
            Measurement(_name(v), value, sensor, time, _unit(v))
            for v in rows(values)
            if (value := number(v.get("value"))) is not None
        ),
    ]


def _name(value: dict[str, Any]) -> str:
    spelled = (text(value.get("name")) or text(value.get("type")) or "value").lower().replace(" ", "_")
    return f"{spelled}_{value['channel']}" if counter(value.get("channel")) is not None else spelled


def _unit(value: dict[str, Any]) -> str | None:
    found = text(value.get("unit"))
    return {"c": "°C", "f": "°F", "hpa": "hPa", "v": "V", "pct": "%"}.get((found or "").lower(), found)


def _properties(message: dict[str, Any]) -> dict[str, Any]:
    labels = [text(v.get("name")) for v in rows(table(message.get("metadata")).get("labels"))]
    found = {"dev_eui": message["dev_eui"], "labels": ", ".join(filter(None, labels))}
    return {k: v for k, v in found.items() if v}


def recognise(topic: str, payload: bytes) -> float:
    if b'"hotspots"' in payload and b'"dev_eui"' in payload:
        return 0.98
    return 0.5 if topic.startswith("helium/") and b'"dev_eui"' in payload else 0.0


__all__ = ["EXAMPLE", "TOPIC", "Options", "compile", "recognise"]
