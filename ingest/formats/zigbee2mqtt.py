"""Zigbee2MQTT 1.x and 2.x: states as JSON or one attribute a topic; bridge/devices teaches units and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ingest import times
from ingest.formats._devices import Memory, scalar, truth, words
from ingest.formats._pieces import instant, leaves, number, rows, table, text
from ingest.formats._read import json_data
from ioc.config.types import Model
from ioc.errors import Ignored
from ioc.records import Measurement, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ioc.records import Micros

TOPIC = "zigbee2mqtt/#"
LEARNS = True  # from retained messages, which the ingester asks for again when it starts
EXAMPLE = (
    "zigbee2mqtt/school 3/room 12",
    b'{"temperature":27.4,"humidity":66,"battery":91,"voltage":3005,"linkquality":120}',
)
MOST_DEVICES = 5000

# What a property is measured in where bridge/devices was not seen.
UNITS = {
    "temperature": "°C", "device_temperature": "°C", "local_temperature": "°C", "soil_temperature": "°C",
    "current_heating_setpoint": "°C", "occupied_heating_setpoint": "°C", "humidity": "%", "soil_moisture": "%",
    "pressure": "hPa", "battery": "%", "position": "%", "pi_heating_demand": "%",
    "power": "W", "power_apparent": "VA", "power_reactive": "var",
    "current": "A", "energy": "kWh", "produced_energy": "kWh", "illuminance": "lux", "illuminance_lux": "lux",
    "co2": "ppm", "pm25": "µg/m³", "pm10": "µg/m³", "pm1": "µg/m³", "formaldehyd": "mg/m³", "noise": "dB",
    "ac_frequency": "Hz", "water_consumed": "m³",
}  # fmt: skip
_DROPPED = frozenset(
    {
        "device",
        "update",
        "update_available",
        "last_seen",
        "elapsed",
        "color",
        "color_options",
        "action",
        "temperature_unit",
        "color_mode",
        "level_config",
        "power_on_behavior",
        "linkquality_unit",
    }
)
_FACTS = {
    "ieee_address": ("ieee_address", "ieeeAddr"),
    "model": ("model", "model_id"),
    "vendor": ("vendor", "manufacturer"),
    "description": ("description",),
    "power": ("power_source", "powerSource"),
}
_COMMANDS = ("/set", "/get")


class Options(Model):
    """base: the `base_topic` of the bridge. zone: for `last_seen` written in local time; the feed's where absent."""

    base: str = "zigbee2mqtt"
    zone: str | None = None


class Property(NamedTuple):
    """What bridge/devices says of one property: its unit, and the words of a binary one."""

    unit: str | None
    on: Any = None
    off: Any = None


Known = Memory[dict[str, Property]]  # by friendly name


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    known: Known = Memory(MOST_DEVICES)
    read = times.reader("auto", options.zone)
    base = options.base.strip("/") + "/"

    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        topic = segments.get("", "")
        name = topic.removeprefix(base) if topic.startswith(base) else topic.partition("/")[2] or topic
        if name == "bridge/devices":
            return _devices(rows(json_data(payload)), known)
        if name.startswith("bridge/") or name == "bridge":
            raise Ignored("bridge")
        if name.endswith(_COMMANDS) or "/set/" in name or "/get/" in name:
            raise Ignored("command")
        if not payload:
            raise Ignored("removed")
        if name.endswith("/availability"):
            return [_available(name.removesuffix("/availability"), payload)]
        if payload[:1] != b"{":
            return _attribute(name, payload, known)
        return _state(name, table(json_data(payload)), known, read)

    return decode


def _available(sensor: str, payload: bytes) -> Measurement:
    found = table(json_data(payload)).get("state") if payload[:1] == b"{" else words(payload)
    return Measurement("online", truth(found), sensor)


def _attribute(name: str, payload: bytes, known: Known) -> list[Record]:
    """output: attribute, one value a topic."""
    sensor, _, metric = name.rpartition("/")
    if not sensor or metric in _DROPPED:
        raise Ignored("no_values")
    value = words(payload)
    return [Measurement(metric, value, sensor, None, _unit(metric, value, known.get(sensor, {})))]


def _state(sensor: str, message: dict[str, Any], known: Known, read: times.Reader) -> list[Record]:
    time = instant(message.get("last_seen"), read)
    properties = known.get(sensor, {})
    found: list[Record] = list(_values(sensor, message, properties, time))
    if not found:
        raise Ignored("no_values")
    device = table(message.get("device"))
    return [_facts(sensor, device), *found] if device else found


def _values(
    sensor: str, message: dict[str, Any], properties: dict[str, Property], time: Micros | None
) -> Iterator[Measurement]:
    degrees = {"fahrenheit": "°F"}.get(str(message.get("temperature_unit", "")).lower())
    raw_light = {"illuminance"} if "illuminance_lux" in message else set()  # version 1 sends both; only one is lux
    for name, leaf in leaves({k: v for k, v in message.items() if k not in _DROPPED | raw_light}):
        value = _word(leaf, properties.get(name))
        if value is not None:
            unit = _unit(name, value, properties)
            yield Measurement(name, value, sensor, time, degrees if degrees and unit == "°C" else unit)


def _word(leaf: Any, learnt: Property | None) -> float | bool | str | None:
    if isinstance(leaf, bool):
        return leaf  # a closed contact is `true` whether the device list was seen or not
    if learnt is not None and learnt.on is not None and leaf in (learnt.on, learnt.off):
        return bool(leaf == learnt.on)
    return scalar(leaf)


def _unit(name: str, value: Any, properties: dict[str, Property]) -> str | None:
    if name in properties:
        return properties[name].unit
    stem = name.partition("_phase_")[0].removeprefix("total_")
    if stem == "voltage":  # of a battery in mV, of the mains in V
        found = number(value)
        return "mV" if found is not None and found >= 1000 else "V"
    return UNITS.get(name) or UNITS.get(stem)


def _devices(devices: list[dict[str, Any]], known: Known) -> list[Record]:
    found: list[Record] = []
    for device in devices[:MOST_DEVICES]:
        sensor = text(device.get("friendly_name"))
        if sensor is None or device.get("type") == "Coordinator":
            continue
        definition = table(device.get("definition"))
        known.keep(sensor, dict(_exposed(definition.get("exposes"), 0)))
        found.append(_facts(sensor, {**device, **definition}))
    if not found:
        raise Ignored("bridge")
    return found


def _exposed(exposes: Any, depth: int) -> Iterator[tuple[str, Property]]:
    for expose in rows(exposes)[:200]:
        name = text(expose.get("property"))
        if name is not None:
            unit = text(expose.get("unit"))
            yield name, Property(None if unit == "lqi" else unit, expose.get("value_on"), expose.get("value_off"))
        if depth < 3:
            yield from _exposed(expose.get("features"), depth + 1)


def _facts(sensor: str, device: dict[str, Any]) -> SensorFacts:
    found = {k: next((device[t] for t in theirs if isinstance(device.get(t), str)), "") for k, theirs in _FACTS.items()}
    return SensorFacts(sensor, None, None, None, {k: v for k, v in found.items() if v})


def recognise(topic: str, payload: bytes) -> float:
    if topic.startswith("zigbee2mqtt/"):
        return 0.97
    return 0.6 if b'"linkquality"' in payload and payload[:1] == b"{" else 0.0
