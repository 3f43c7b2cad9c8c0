"""ChirpStack v4: device events up, status and location, gateway statistics; joins, acks, logs are ignored by name."""

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

TOPIC = "application/{application}/device/{device}/event/{event}"
EXAMPLE = (
    "application/8f1c/device/70b3d50000000007/event/up",
    (
        b'{"time":"2026-05-04T01:02:03.5+00:00","deviceInfo":{"deviceName":"C7","devEui":"70b3d50000000007"},"fCnt":9,'
        b'"fPort":2,"data":"AY4=","object":{"level":1.42},"rxInfo":[{"gatewayId":"0a","rssi":-97,"snr":4.5}]}'
    ),
)
_STATISTICS = ("rxPacketsReceived", "rxPacketsReceivedOk", "txPacketsReceived", "txPacketsEmitted")


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    frames = Frames()

    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        topic = segments.get("", "")
        if "/command/" in topic:
            raise Ignored("downlink")
        return records(options, frames, json_object(payload), topic)

    return decode


def records(options: Options, frames: Frames, message: dict[str, Any], topic: str) -> Iterable[Record]:
    """The records of one event. The event is told by what it holds, the topic only helps."""
    if "deviceInfo" not in message:
        return gateway(message, topic)
    info = table(message["deviceInfo"])
    sensor = text(info.get("devEui"))
    if sensor is None:
        raise DecodeError("no_sensor", "no deviceInfo.devEui")
    event = _event(message, topic)
    time = instant(message.get("time"))
    if event == "up":
        uplink = _uplink(message, sensor, time)
        frames.check(uplink)
        return list(_lorawan.records(options, uplink, _facts(info, sensor)))
    if event == "status":
        return list(status(message, sensor, time, level="batteryLevel"))
    if event == "location" and (found := place(message.get("location"))):
        return [_facts(info, sensor), Position(*found, sensor=sensor, time=time)]
    raise Ignored(event)


def _event(message: dict[str, Any], topic: str) -> str:
    if "level" in message and "code" in message:
        return "log"
    for key, event in (("rxInfo", "up"), ("margin", "status"), ("location", "location"), ("acknowledged", "ack")):
        if key in message:
            return event
    for key, event in (("gatewayId", "txack"), ("integrationName", "integration")):
        if key in message:
            return event
    last = topic.rpartition("/")[2]
    return last if last in {"up", "join", "ack", "txack", "log", "status", "integration"} else "join"


def _uplink(message: dict[str, Any], sensor: str, time: int | None) -> Uplink:
    return Uplink(
        sensor=sensor,
        time=time,
        session=str(message.get("devAddr", "")),
        counter=counter(message.get("fCnt")),
        port=counter(message.get("fPort")),
        raw=message["data"] if isinstance(message.get("data"), str) else "",
        decoded=message.get("object"),
        gateways=rows(message.get("rxInfo")),
    )


def _facts(info: dict[str, Any], sensor: str) -> SensorFacts:
    kept = {"application": "applicationName", "profile": "deviceProfileName", "tenant": "tenantName"}
    properties = {ours: info[theirs] for ours, theirs in kept.items() if isinstance(info.get(theirs), str)}
    properties |= {str(k): str(v) for k, v in list(table(info.get("tags")).items())[:20]}
    return SensorFacts(sensor, text(info.get("deviceName")), None, None, properties)


def status(message: dict[str, Any], sensor: str, time: int | None, *, level: str) -> Iterator[Measurement]:
    """Battery in % and radio margin in dB of a status event. Raises Ignored `status` where neither is told."""
    found = []
    battery, margin = number(message.get(level)), number(message.get("margin"))
    if battery is not None and not message.get("batteryLevelUnavailable") and not message.get("externalPowerSource"):
        found.append(Measurement("battery", round(battery, 3), sensor, time, "%"))
    if margin is not None:
        found.append(Measurement("margin", margin, sensor, time, "dB"))
    if not found:
        raise Ignored("status")
    yield from found


def gateway(message: dict[str, Any], topic: str) -> list[Record]:
    """A gateway's statistics. Raises Ignored for its other events, DecodeError for what is neither."""
    if not ("/gateway/" in topic or {"gatewayId", "gatewayID", "phyPayload"} & set(message)):
        raise DecodeError("unknown_message", "neither deviceInfo nor a gateway's message")
    sensor = text(message.get("gatewayId")) or text(message.get("gatewayID"))
    if sensor is None or "rxPacketsReceived" not in message:
        raise Ignored("gateway_frame")
    time = instant(message.get("time"))
    said = {"rxPacketsReceivedOk": message.get("rxPacketsReceivedOK"), **message}  # version 3 writes OK
    found: list[Record] = [
        Measurement(key, value, sensor, time) for key in _STATISTICS if (value := number(said.get(key))) is not None
    ]
    lat, lon = place(message.get("location")) or (None, None)
    return [SensorFacts(sensor, None, lat, lon, {"kind": "gateway"}), *found]


def recognise(topic: str, payload: bytes) -> float:
    if b'"deviceInfo"' in payload and b'"devEui"' in payload:
        return 0.98
    return 0.6 if "/gateway/" in topic and b'"rxPacketsReceived"' in payload else 0.0


__all__ = ["EXAMPLE", "TOPIC", "Options", "compile", "recognise"]
