"""Tasmota: SENSOR and STATE telemetry, power states, LWT; Zigbee and LoRaWAN devices behind a Tasmota bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats._devices import scalar, truth, words
from ingest.formats._pieces import instant, leaves, table, text
from ingest.formats._read import json_object
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ioc.records import Micros

TOPIC = ["tele/{device}/+", "stat/{device}/+"]
EXAMPLE = (
    "tele/pump-3/SENSOR",
    b'{"Time":"2026-05-04T08:02:03","ENERGY":{"Total":61.2,"Power":742,"Voltage":228,"Current":3.31,"Factor":0.98}}',
)
PREFIXES = frozenset({"tele", "stat", "cmnd"})

# Fields whose unit Tasmota fixes; "T", "P" and "S" stand for the units the message itself names.
UNITS = {
    "Temperature": "T", "DewPoint": "T", "ReferenceTemperature": "T", "OBJTMP": "T", "AMBTMP": "T", "WaterTemp": "T",
    "Humidity": "%", "Moisture": "%", "Pressure": "P", "SeaPressure": "P", "QNH": "P", "Illuminance": "lux",
    "AS3935.Distance": "km", "CarbonDioxide": "ppm", "eCO2": "ppm", "TVOC": "ppb",
    "PM1": "µg/m³", "PM2.5": "µg/m³", "PM10": "µg/m³", "Distance": "cm", "Speed": "S",
    "Dimmer": "%", "Vcc": "V", "UptimeSec": "s",
    "ENERGY.Total": "kWh", "ENERGY.Today": "kWh", "ENERGY.Yesterday": "kWh", "ENERGY.ExportActive": "kWh",
    "ENERGY.ImportActive": "kWh", "ENERGY.TotalTariff": "kWh", "ENERGY.Period": "Wh", "ENERGY.Power": "W",
    "ENERGY.ExportPower": "W", "ENERGY.ApparentPower": "VA", "ENERGY.ReactivePower": "var", "ENERGY.Voltage": "V",
    "ENERGY.Current": "A", "ENERGY.Frequency": "Hz", "Wifi.RSSI": "%", "Wifi.Signal": "dBm",
    "BatteryPercentage": "%", "Battery": "%", "BatteryVoltage": "V", "TIC.PAPP": "VA", "TIC.IINST": "A",
    "Position": "%", "Tilt": "deg",
}  # fmt: skip
_OWN_UNITS = {"T": ("TempUnit", "°C"), "P": ("PressureUnit", "hPa"), "S": ("SpeedUnit", "km/h")}
_STATE = ("Vcc", "UptimeSec", "Dimmer", "CT", "Wifi.RSSI", "Wifi.Signal")
_NO_METRIC = frozenset({"Time", "Epoch", "TempUnit", "PressureUnit", "SpeedUnit", "TotalStartTime", "END", "Id"})
_BEHIND = ("ZbReceived", "LwReceived")  # devices behind this one, each by name
_IDENTITY = frozenset({"Device", "Name", "Endpoint", "IEEEAddr", "Group", "Node", "Cluster", "FPort"})
_BUSINESS = ("Payload", "Read", "ConfigResponse", "AddGroup", "GetGroup", "RemoveGroup", "GetAllGroups")  # of the radio
_BEHIND_UNITS = {"Dimmer": None, "ActivePower": "W", "RMSVoltage": "V", "RSSI": "dBm", "SNR": "dB"}
_KINDS = frozenset({"LWT", "RESULT", "STATUS", "POWER", "INFO", "SENSOR", "STATE", "ENERGY", "ZbReceived"})
_CHATTER = {
    "ZbInfo": "zigbee_info", "ZbResponse": "zigbee_info", "ZbState": "zigbee_info", "ZbStatus1": "zigbee_info",
    "ZbStatus2": "zigbee_info", "ZbStatus3": "zigbee_info", "RfReceived": "remote_code", "IrReceived": "remote_code",
}  # fmt: skip


class Options(Model):
    """zone: where the devices' clocks stand; the feed's where absent."""

    zone: str | None = None


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    read = times.reader("auto", options.zone)

    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        prefix, sensor, kind = _split(segments.get("", ""))
        if prefix == "cmnd":
            raise Ignored("command")
        if kind == "LWT":
            return [Measurement("online", _online(payload), sensor)]
        if payload[:1] != b"{":
            return _plain(kind, payload, sensor)
        message = json_object(payload)
        if "/discovery/" in segments.get("", ""):
            return _discovery(message)
        return _message(kind, message, sensor, prefix, read)

    return decode


def _split(topic: str) -> tuple[str, str | None, str]:
    """(prefix, device, kind) of tele/<device>/<kind> or <device>/tele/<kind>; a device may hold slashes, or lack."""
    *path, kind = topic.split("/")
    if path and path[0] in PREFIXES:
        return path[0], "/".join(path[1:]) or None, kind
    if path and path[-1] in PREFIXES:
        return path[-1], "/".join(path[:-1]) or None, kind
    return "tele", "/".join(path) or None, kind


def _online(payload: bytes) -> bool:
    found = words(payload)
    if not isinstance(found, bool):
        raise DecodeError("unknown_message", "LWT is neither Online nor Offline")
    return found


def _plain(kind: str, payload: bytes, sensor: str | None) -> list[Record]:
    if not kind.startswith("POWER"):
        raise Ignored("command_result")
    return [Measurement(kind, words(payload), sensor)]


def _message(
    kind: str, message: dict[str, Any], sensor: str | None, prefix: str, read: times.Reader
) -> Iterable[Record]:
    body = table(message.get("StatusSNS")) or table(message.get("StatusSTS")) or message
    time = instant(body.get("Epoch"), read) or instant(body.get("Time"), read)
    for key, reason in _CHATTER.items():
        if key in body:
            raise Ignored(reason)
    if kind.startswith("INFO") or kind == "STATUS":
        return [_facts(message, sensor)]
    if behind := _behind_of(kind, body):
        found = list(_behind(behind, time))
    elif kind == "STATE" or "StatusSTS" in message:
        found = list(_state(body, sensor, time))
    elif kind == "ENERGY":
        found = list(_values({"ENERGY": body}, sensor, time))
    elif prefix == "stat" and "Time" not in body:
        found = [m for m in _state(body, sensor, time) if m.metric.startswith("POWER")]
    else:
        found = list(_values(body, sensor, time))
    if not found:
        raise Ignored("command_result" if prefix == "stat" else "no_values")
    return found


def _values(body: dict[str, Any], sensor: str | None, time: Micros | None) -> Iterator[Measurement]:
    for name, leaf in leaves(body):
        last = name.rpartition(".")[2]
        if last in _NO_METRIC or name in _NO_METRIC:
            continue
        value = scalar(leaf) if not isinstance(leaf, str) else truth(leaf)
        if value is not None:
            yield Measurement(name, value, sensor, time, _unit(name, body))


def _unit(name: str, body: dict[str, Any]) -> str | None:
    """By the whole name, else its last word; phases (`ENERGY.Voltage.0`) count as their parent."""
    base = name.rstrip("0123456789").rstrip(".") if name[-1:].isdigit() and "." in name else name
    for key in (name, name.rpartition(".")[2], base, base.rpartition(".")[2]):
        if key in UNITS:
            found = UNITS[key]
            if found in _OWN_UNITS:
                field, usual = _OWN_UNITS[found]
                own = text(body.get(field)) or usual
                return {"C": "°C", "F": "°F"}.get(own, own)
            return found
    return "µg/m³" if ".PM" in name else None


def _state(body: dict[str, Any], sensor: str | None, time: Micros | None) -> Iterator[Measurement]:
    for name, leaf in leaves(body):
        if name.startswith("POWER") or name in _STATE:
            value = scalar(leaf)
            if value is not None:
                yield Measurement(name, value, sensor, time, UNITS.get(name))


def _behind_of(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """Devices behind a bridge: below their key, or, where the bridge is told so, by the topic or on their own."""
    if kind in _BEHIND:
        return body
    named = {device: values for key in _BEHIND for device, values in table(body.get(key)).items()}
    return named or {device: v for device, v in body.items() if {"LinkQuality", "Endpoint"} <= table(v).keys()}


def _behind(devices: dict[str, Any], time: Micros | None) -> Iterator[Measurement]:
    for key, values in devices.items():
        inner = table(values)
        device = text(inner.get("Name")) or key
        for name, leaf in leaves(inner):
            value = scalar(leaf)
            if name in _IDENTITY or isinstance(value, str) or value is None or not name[:1].isalpha():
                continue
            if name.startswith(_BUSINESS):
                continue
            unit = "V" if name == "Battery" and "SNR" in inner else _BEHIND_UNITS.get(name, _unit(name, {}))
            yield Measurement(name, value, device, time, unit)


def _facts(message: dict[str, Any], sensor: str | None) -> SensorFacts:
    inner = next((table(v) for k, v in message.items() if k in ("Info1", "Info2", "Info3", "Status")), {}) or message
    kept = {"module": "Module", "version": "Version", "hostname": "Hostname", "restart": "RestartReason"}
    properties = {ours: inner[theirs] for ours, theirs in kept.items() if isinstance(inner.get(theirs), str)}
    return SensorFacts(sensor, text(inner.get("DeviceName")), None, None, properties)


def _discovery(message: dict[str, Any]) -> list[Record]:
    """tasmota/discovery/<mac>/config: `t` is the device's topic, `dn` its name."""
    sensor = text(message.get("t"))
    if sensor is None:
        raise Ignored("discovery")
    kept = {"model": "md", "version": "sw", "mac": "mac"}
    properties = {ours: message[theirs] for ours, theirs in kept.items() if isinstance(message.get(theirs), str)}
    return [SensorFacts(sensor, text(message.get("dn")), None, None, properties)]


def recognise(topic: str, payload: bytes) -> float:
    if "tasmota/discovery/" in topic:
        return 0.95
    first, kind = topic.partition("/")[0], topic.rpartition("/")[2]
    if first not in ("tele", "stat") and "/tele/" not in topic and "/stat/" not in topic:
        return 0.0
    if kind in ("SENSOR", "STATE") and payload[:1] == b"{":
        return 0.97
    return 0.85 if kind.rstrip("0123456789") in _KINDS else 0.0
