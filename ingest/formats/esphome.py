"""ESPHome: `<node>/<component>/<object>/state` with one plain value; discovery messages teach units and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.formats._devices import Memory, scalar, truth, words
from ingest.formats._pieces import leaves, table, text
from ingest.formats._read import json_data, json_object
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TOPIC = ["{node}/+/+/state", "{node}/status", "homeassistant/+/{node}/+/config"]
LEARNS = True  # from retained messages, which the ingester asks for again when it starts
EXAMPLE = ("pump-house/sensor/water_pressure/state", b"2.41")
COMPONENTS = frozenset({
    "sensor", "binary_sensor", "switch", "text_sensor", "number", "select", "light", "fan", "cover", "climate", "lock",
    "valve", "text", "update", "alarm_control_panel", "button", "datetime", "event",
})  # fmt: skip
_CLIMATE = {"current_temperature": "°C", "target_temperature": "°C", "target_temperature_low": "°C",
            "target_temperature_high": "°C", "current_humidity": "%", "target_humidity": "%"}  # fmt: skip
_PARTS = {"climate": _CLIMATE, "cover": {"position": "%", "tilt": "%"}, "valve": {"position": "%"}}
_TEXTS = ("text_sensor", "text", "datetime")
MOST_TOPICS = 10_000


class Options(Model):
    """Nothing to choose: subscribe to the discovery topics too and units are known."""


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    del options
    units: Memory[str] = Memory(MOST_TOPICS)

    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        topic = segments.get("", "")
        parts = topic.split("/")
        if parts[-1] == "config":
            return [_discovered(payload, units)]
        if parts[-1] == "status" and len(parts) >= 2:
            return [Measurement("online", truth(words(payload)), "/".join(parts[:-1]))]
        if parts[-1] == "debug":
            raise Ignored("log")
        if parts[-1] == "command":
            raise Ignored("command")
        if parts[:2] in (["esphome", "discover"], ["esphome", "ping"]):
            raise Ignored("discovery")
        return _state(payload, parts, units.get(topic))

    return decode


def _state(payload: bytes, parts: list[str], unit: str | None) -> list[Record]:
    at = next((i for i in range(len(parts) - 3, 0, -1) if parts[i] in COMPONENTS), 0)
    if parts[-1] != "state" or not at or at + 2 >= len(parts):
        raise DecodeError("unknown_message", "a topic <node>/<component>/<object>/state is expected")
    sensor, component, name = "/".join(parts[:at]), parts[at], ".".join(parts[at + 1 : -1])
    if component in ("update", "button", "event"):
        raise Ignored(component)
    if payload[:1] == b"{":
        return _object(payload, sensor, name)
    value = words(payload)
    if component in _TEXTS and isinstance(value, str):
        raise Ignored("text")
    return [Measurement(name, value, sensor, None, unit or _PARTS.get(component, {}).get(parts[-2]))]


def _object(payload: bytes, sensor: str, name: str) -> list[Record]:
    """A light tells its state as an object."""
    wanted = ("state", "brightness", "color_temp")
    found: list[Record] = [
        Measurement(f"{name}.{key}", scalar(value), sensor)
        for key, value in leaves(table(json_data(payload)))
        if key in wanted
    ]
    if not found:
        raise Ignored("no_values")
    return found


def _discovered(payload: bytes, units: Memory[str]) -> SensorFacts:
    if not payload:
        raise Ignored("removed")
    message = json_object(payload)
    base = text(message.get("~")) or ""
    topic = text(message.get("stat_t")) or text(message.get("state_topic"))
    unit = text(message.get("unit_of_meas")) or text(message.get("unit_of_measurement"))
    if topic is None:
        raise Ignored("discovery")
    topic = topic.replace("~", base)
    if unit is not None:
        units.keep(topic, unit)
    device: dict[str, Any] = table(message.get("dev")) or table(message.get("device"))
    kept = {"model": device.get("mdl", device.get("model")), "version": device.get("sw", device.get("sw_version"))}
    sensor = "/".join(topic.split("/")[:-3]) or None
    return SensorFacts(
        sensor, text(device.get("name")), None, None, {k: v for k, v in kept.items() if isinstance(v, str)}
    )


def recognise(topic: str, payload: bytes) -> float:
    parts = topic.split("/")
    if (
        parts[0] != "homeassistant"
        and len(parts) >= 4
        and parts[-1] == "state"
        and (parts[-3] in COMPONENTS or parts[-4] in _PARTS)
        and len(payload) < 100
    ):
        return 0.8
    return 0.0
