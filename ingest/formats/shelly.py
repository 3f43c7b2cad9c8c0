"""Shelly of the first generation: one plain value a topic, `shellies/<device>/relay/0/power`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.formats._devices import scalar, words
from ingest.formats._pieces import leaves, table, text
from ingest.formats._read import json_object, text_of
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TOPIC = "shellies/{device}/#"
EXAMPLE = ("shellies/shelly1pm-A4CF12F45AB0/relay/0/power", b"118.42")

UNITS = {
    "power": "W", "reactive_power": "var", "voltage": "V", "current": "A", "total": "Wh", "total_returned": "Wh",
    "energy": "W*min", "returned_energy": "W*min", "overpower_value": "W", "temperature": "°C", "ext_temperature": "°C",
    "humidity": "%", "ext_humidity": "%", "battery": "%", "bat": "%", "lux": "lux", "pos": "%", "tC": "°C",
    "brightness": "%", "concentration": "ppm", "tilt": "deg", "hum": "%", "adc": "V",
}  # fmt: skip
_CHATTER = {
    "input_event": "button", "longpush": "button", "info": "info", "act_reasons": "info", "error": "info",
    "temperature_status": "info", "stop_reason": "info", "self_test": "info", "illumination": "info",
}  # fmt: skip
_TWICE = ("temperature_f", "ext_temperature_f", "tF")  # the same in Fahrenheit
_NOT_CONNECTED = 999.0  # what a temperature reads without its probe
_STATUS = frozenset(
    {"hum", "value", "ison", "brightness", "power", "energy", "motion", "lux", "bat", "vibration", "tC", "mode_temp"}
)


class Options(Model):
    """Nothing to choose."""


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    del options

    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        _, _, path = segments.get("", "").partition("/")
        sensor, _, rest = path.partition("/")
        parts = rest.split("/")
        if sensor == "announce" or rest == "announce":
            return [_announced(payload, sensor)]
        if sensor == "command" or "command" in parts or "set" in parts:
            raise Ignored("command")
        if not rest:
            raise DecodeError("unknown_message", "a topic shellies/<device>/<what> is expected")
        for part in parts:
            if part in _CHATTER:
                raise Ignored(_CHATTER[part])
        if any(part in _TWICE for part in parts):
            raise Ignored("fahrenheit_too")
        if payload[:1] == b"{":
            return _status(json_object(payload), sensor, parts)
        return [Measurement(".".join(parts), _value(parts, payload), sensor, None, unit(parts))]

    return decode


def _value(parts: list[str], payload: bytes) -> float | bool | str | None:
    if parts[-1] == "gas":
        return text_of(payload[:60]).strip()  # `none` is an answer: there is none
    found = words(payload)
    if found == _NOT_CONNECTED and unit(parts) == "°C":
        return None
    if parts[0] in ("input", "relay") and found in (0.0, 1.0) and len(parts) == 2:
        return bool(found)
    return found


def unit(parts: list[str]) -> str | None:
    """By the last word that is no number; `overtemperature` and the like have none."""
    named = [part for part in parts if not part.isdigit()]
    return UNITS.get(named[-1]) if named else None


def _status(message: dict[str, Any], sensor: str, parts: list[str]) -> list[Record]:
    stem = ".".join(part for part in parts if part != "status")
    found: list[Record] = []
    for name, leaf in leaves(message):
        last = name.rpartition(".")[2]
        value = scalar(leaf)
        if last in _STATUS and value is not None:
            own = "°C" if last == "value" and _celsius(message, name) else unit([last])
            if value == _NOT_CONNECTED and own == "°C":
                continue
            found.append(Measurement(f"{stem}.{name}" if stem else name, value, sensor, None, own))
    if not found:
        raise Ignored("info")
    return found


def _celsius(message: dict[str, Any], name: str) -> bool:
    return table(message.get(name.partition(".")[0])).get("units") == "C"


def _announced(payload: bytes, sensor: str) -> SensorFacts:
    message = table(json_object(payload))
    kept = {k: message[k] for k in ("model", "mac", "fw_ver") if isinstance(message.get(k), str)}
    return SensorFacts(text(message.get("id")) or sensor, None, None, None, kept)


def recognise(topic: str, payload: bytes) -> float:
    del payload
    parts = topic.split("/")
    return 0.95 if parts[0] == "shellies" and len(parts) > 2 and parts[1] != "ble" else 0.0
