"""ChirpStack v3 (LoRa Server): uplinks, status and location; EUIs in hex or base64, objects as JSON or text."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import orjson

from ingest.formats import _lorawan
from ingest.formats._lorawan import Frames, Options, Uplink, counter
from ingest.formats._pieces import instant, number, place, rows, table, text
from ingest.formats._read import json_object
from ingest.formats.chirpstack import gateway, status
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Position, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TOPIC = "application/{application}/device/{device}/event/{event}"
EXAMPLE = (
    "application/1/device/70b3d50000000007/event/up",
    (
        b'{"applicationID":"1","applicationName":"levels","deviceName":"Canal 7","devEUI":"cLPVAAAAAAc=","fCnt":9,'
        b'"fPort":2,'
        b'"rxInfo":[{"gatewayID":"AQ==","time":"2026-05-04T01:02:03.5Z","rssi":-97,"loRaSNR":4.5}],'
        b'"data":"AY4=","objectJSON":"{\\"level\\":1.42}"}'
    ),
)
# Fields that only other events have.
_OTHERS = {"acknowledged": "ack", "integrationName": "integration", "gatewayID": "txack"}


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    frames = Frames()

    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        topic = segments.get("", "")
        if topic.endswith(("/tx", "/command/down", "/down")):
            raise Ignored("downlink")
        message = json_object(payload)
        if "devEUI" not in message:
            return gateway(message, topic)
        return _records(options, frames, message, _eui(message["devEUI"]))

    return decode


def _records(options: Options, frames: Frames, message: dict[str, Any], sensor: str) -> Iterable[Record]:
    time = _time(message)
    facts = _facts(message, sensor)
    if "error" in message:
        raise Ignored("log")
    other = next((k for k in _OTHERS if k in message), None)
    if other is None and {"fPort", "data", "objectJSON", "object"} & set(message):
        uplink = _uplink(message, sensor, time)
        frames.check(uplink)
        return list(_lorawan.records(options, uplink, facts))
    if "margin" in message:
        return list(_status(message, sensor, time))
    if found := place(message.get("location")):
        return [facts, Position(*found, sensor=sensor, time=time)]
    raise Ignored(_OTHERS[other] if other else "join")


def _eui(value: Any) -> str:
    """16 hex digits, from hex or from base64 of 8 bytes. Raises DecodeError `no_sensor`."""
    spelled = text(value) or ""
    if len(spelled) == 16:
        return spelled.lower()
    try:
        found = base64.b64decode(spelled, validate=True).hex()
    except (binascii.Error, ValueError):
        found = ""
    if len(found) != 16:
        raise DecodeError("no_sensor", f"devEUI is neither 16 hex digits nor base64 of 8 bytes: {spelled[:40]!r}")
    return found


def _time(message: dict[str, Any]) -> int | None:
    received = [instant(r.get("time")) for r in rows(message.get("rxInfo"))]
    return instant(message.get("publishedAt")) or next((t for t in received if t), None)


def _uplink(message: dict[str, Any], sensor: str, time: int | None) -> Uplink:
    return Uplink(
        sensor=sensor,
        time=time,
        session=str(message.get("devAddr", "")),
        counter=counter(message.get("fCnt")),
        port=counter(message.get("fPort")),
        raw=message["data"] if isinstance(message.get("data"), str) else "",
        decoded=_decoded(message),
        gateways=[{**r, "snr": r.get("loRaSNR", r.get("snr"))} for r in rows(message.get("rxInfo"))],
    )


def _decoded(message: dict[str, Any]) -> Any:
    spelled = message.get("objectJSON")
    if not isinstance(spelled, str) or not spelled:
        return message.get("object")
    try:
        return orjson.loads(spelled)
    except orjson.JSONDecodeError as error:
        raise DecodeError("not_json", f"objectJSON: {error}") from error


def _facts(message: dict[str, Any], sensor: str) -> SensorFacts:
    kept = {"application": "applicationName", "profile": "deviceProfileName"}
    properties = {ours: message[theirs] for ours, theirs in kept.items() if isinstance(message.get(theirs), str)}
    properties |= {str(k): str(v) for k, v in list(table(message.get("tags")).items())[:20]}
    return SensorFacts(sensor, text(message.get("deviceName")), None, None, properties)


def _status(message: dict[str, Any], sensor: str, time: int | None) -> Iterable[Measurement]:
    """`batteryLevel` in percent; before it there was `battery`: 1 to 254 of 254, 0 mains, 255 unknown."""
    if "batteryLevel" in message:
        return status(message, sensor, time, level="batteryLevel")
    raw = number(message.get("battery"))
    share = {"share": raw / 254 * 100} if raw is not None and 1 <= raw <= 254 else {}
    return status({"margin": message.get("margin"), **share}, sensor, time, level="share")


def recognise(topic: str, payload: bytes) -> float:
    del topic
    return 0.95 if b'"devEUI"' in payload and b'"applicationID"' in payload else 0.0


__all__ = ["EXAMPLE", "TOPIC", "Options", "compile", "recognise"]
