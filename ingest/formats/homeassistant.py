"""Home Assistant discovery: retained config messages say which topics hold which values; those topics are then read.

The feed lists both in `topic`, e.g. ["homeassistant/#", "zigbee2mqtt/#"].
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest.formats._devices import Memory, scalar
from ingest.formats._discovery_keys import DEVICE_KEYS, KEYS, STATES, SWITCHING, UNITS, spelled_out
from ingest.formats._pieces import number, place, rows, table, text
from ingest.formats._read import json_object, text_of
from ingest.formats._template import TemplateError, compile_template, parsed
from ioc.config.types import Model
from ioc.errors import Ignored
from ioc.records import Measurement, Position, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

TOPIC = ["homeassistant/#", "zigbee2mqtt/+"]
LEARNS = True  # from retained messages, which the ingester asks for again when it starts
EXAMPLE = (
    "homeassistant/sensor/gate4/level/config",
    (
        b'{"~":"gates/4","name":"Level","stat_t":"~/state","val_tpl":"{{ value_json.lvl | round(2) }}",'
        b'"unit_of_meas":"m","dev_cla":"distance","dev":{"ids":["gate4"],"name":"Sluice gate 4"}}'
    ),
)
MOST_TOPICS = 20_000
MOST_A_TOPIC = 300  # entities that read one topic; availability of a bridge is shared by all its devices
COMPOSED = frozenset({"climate", "water_heater"})  # have no state of their own, only those of their parts
SILENT = frozenset({"button", "scene", "tag", "device_automation", "event", "camera", "image", "notify", "update"})


class Options(Model):
    """prefix: Home Assistant's discovery prefix."""

    prefix: str = "homeassistant"


class Entity(NamedTuple):
    """One value to be read from a topic."""

    sensor: str
    metric: str
    unit: str | None
    template: Callable[[str, Any], Any] | None  # None: the payload itself
    supported: bool
    on: frozenset[str]
    off: frozenset[str]
    place: bool = False  # the payload holds the coordinates of a tracker


Known = Memory[dict[str, Entity]]  # by topic, then by discovery topic and what is read


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    known: Known = Memory(MOST_TOPICS)
    configured: Memory[list[str]] = Memory(MOST_TOPICS)  # the topics that a discovery topic set up
    prefix = options.prefix.strip("/") + "/"

    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        topic = segments.get("", "")
        if topic.startswith(prefix) and topic.endswith("/config"):
            return _configure(topic.removeprefix(prefix), payload, known, configured)
        entities = known.get(topic)  # of any topic: many devices keep their states below the prefix
        if entities is None:
            raise Ignored("status" if topic == prefix + "status" else "not_configured")
        return _values(payload, entities)

    return decode


def _values(payload: bytes, entities: dict[str, Entity]) -> list[Record]:
    spelled = text_of(payload)
    json_value = parsed(spelled)
    found: list[Record] = []
    for entity in entities.values():
        if entity.place:
            found += _tracked(entity, json_value)
        elif entity.supported:
            value = entity.template(spelled, json_value) if entity.template else _bare(spelled)
            word = _word(entity, value)
            if word is not None:
                found.append(Measurement(entity.metric, word, entity.sensor, None, entity.unit))
    if not found:
        raise Ignored("no_values" if any(e.supported for e in entities.values()) else "template")
    return found


def _tracked(entity: Entity, attributes: Any) -> Iterator[Record]:
    """A device tracker's attributes: where it is, how sure it is of that, its battery."""
    found, held = place(attributes), table(attributes)
    if found is not None:
        yield Position(*found, sensor=entity.sensor)
    for metric, (key, unit) in {"accuracy": ("gps_accuracy", "m"), "battery": ("battery_level", "%")}.items():
        if (value := number(held.get(key))) is not None:
            yield Measurement(f"{entity.metric}.{metric}", value, entity.sensor, None, unit)


def _bare(spelled: str) -> str | None:
    return None if spelled.lstrip()[:1] in ("{", "[") else spelled.strip()


def _word(entity: Entity, value: Any) -> float | bool | str | None:
    spelled = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if spelled.lower() in entity.on:
        return True
    if spelled.lower() in entity.off:
        return False
    return scalar(value) if isinstance(value, str | int | float | bool) else None


def _configure(path: str, payload: bytes, known: Known, configured: Memory[list[str]]) -> list[Record]:
    """<component>/[<node>/]<object>/config. An empty payload removes; a new one replaces."""
    for topic in configured.pop(path, []):
        for key in [k for k in known.get(topic, {}) if k.startswith(path + " ")]:
            known[topic].pop(key, None)
        if not known.get(topic):
            known.pop(topic, None)
    if not payload:
        raise Ignored("removed")
    message = spelled_out(json_object(payload))
    parts = path.split("/")
    node, name = (parts[1] if len(parts) == 4 else ""), parts[-2]
    device = {DEVICE_KEYS.get(k, k): v for k, v in table(message.get("device")).items()}
    sensor = _identity(device) or node or text(message.get("unique_id")) or name
    topics: set[str] = set()
    for component, metric, config in _components(parts[0], name, message):
        stems = (node, sensor) if node or parts[0] == "device" else (text(device.get("name")) or "", sensor)
        named = _metric(metric, stems, text(config.get("device_class")))
        for topic, key, entity in _entities(component, sensor, named, config):
            entities = known.get(topic, {})
            if len(entities) < MOST_A_TOPIC:
                known.keep(topic, {**entities, f"{path} {key}": entity})
                topics.add(topic)
    configured.keep(path, sorted(topics))
    if not topics:
        raise Ignored("no_state")
    return [_facts(sensor, device)]


def _components(component: str, name: str, message: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(component, entity's name, its config): one, or those of a device's message, each with what they share."""
    if component != "device":
        yield component, name, message
        return
    shared = {k: v for k, v in message.items() if k not in ("components", "device", "origin")}
    for key, value in list(table(message.get("components")).items())[:MOST_A_TOPIC]:
        own = spelled_out(table(value), message.get("~"))
        yield text(own.get("platform")) or "sensor", str(key), {**shared, **own}


def _entities(component: str, sensor: str, metric: str, config: dict[str, Any]) -> Iterator[tuple[str, str, Entity]]:
    """(topic, key, entity) of everything one config lets us read."""
    if component not in SILENT and text(config.get("device_class")) not in ("timestamp", "date"):
        for topic_key, template_keys, suffix in STATES:
            topic = text(config.get(topic_key))
            if topic is not None and (suffix or component not in COMPOSED):
                template = next((t for k in template_keys if (t := text(config.get(k)))), None)
                named = f"{metric}.{suffix}" if suffix else metric
                if component == "light" and config.get("schema") == "json":
                    template = "{{ value_json.state }}"
                yield topic, named, _entity(component, sensor, named, suffix, template, config)
    attributes = text(config.get("json_attributes_topic"))
    if component == "device_tracker" and attributes is not None:
        yield attributes, "place", Entity(sensor, metric, None, None, True, frozenset(), frozenset(), place=True)
    for topic, template, on, off in _availability(config):
        words = frozenset({on.lower()}), frozenset({off.lower()})
        yield topic, "availability", Entity(sensor, "online", None, *_compiled(template), *words)


def _entity(
    component: str, sensor: str, metric: str, suffix: str, template: str | None, config: dict[str, Any]
) -> Entity:
    kind = suffix or text(config.get("device_class")) or ""
    unit = text(config.get("unit_of_measurement"))
    if unit is None and (suffix or component in ("sensor", "number")):
        unit = UNITS.get(kind)
    if unit == "°C" and config.get("temperature_unit") == "F":
        unit = "°F"
    on, off = frozenset[str](), frozenset[str]()
    if component in SWITCHING and not suffix:
        on, off = (_spellings(config, *words) for words in SWITCHING[component])
    return Entity(sensor, metric, None if unit == "lqi" else unit, *_compiled(template), on, off)


def _spellings(config: dict[str, Any], usual: str, *keys: str) -> frozenset[str]:
    found = next((config[k] for k in keys if isinstance(config.get(k), str | int | float | bool)), usual)
    return frozenset({str(found).lower()})


def _compiled(template: str | None) -> tuple[Callable[[str, Any], Any] | None, bool]:
    if template is None:
        return None, True
    try:
        return compile_template(template), True
    except TemplateError:
        return None, False


def _availability(config: dict[str, Any]) -> Iterator[tuple[str, str | None, str, str]]:
    """(topic, template, word for online, word for offline)."""
    single = {"topic": config.get("availability_topic"), "value_template": config.get("availability_template")}
    for source in [single, *rows(config.get("availability"))[:10]]:
        full = {KEYS.get(k, k): v for k, v in source.items()}
        topic = text(full.get("topic"))
        if topic is not None:
            on = text(full.get("payload_available")) or text(config.get("payload_available")) or "online"
            off = text(full.get("payload_not_available")) or text(config.get("payload_not_available")) or "offline"
            yield topic, text(full.get("value_template")), on, off


def _identity(device: dict[str, Any]) -> str | None:
    identifiers = device.get("identifiers")
    first = identifiers[0] if isinstance(identifiers, list) and identifiers else identifiers
    if (found := text(first)) is not None:
        return found
    connections = device.get("connections")
    pair = connections[0] if isinstance(connections, list) and connections else None
    return text(pair[1]) if isinstance(pair, list) and len(pair) == 2 else None


def _metric(name: str, stems: tuple[str, ...], device_class: str | None) -> str:
    """The entity's own part of an object id: `roof_temperature` of the device `Roof` is `temperature`.

    Where an identifier is glued to it (`a1b2c3T`), the device class says more than what is left.
    """
    spelled = _slug(name)
    for stem in filter(None, map(_slug, stems)):
        if spelled.startswith(stem + "_"):
            return name[len(stem) + 1 :]
        if spelled == stem or (spelled.startswith(stem) and len(stem) > 4):
            return device_class or name[len(stem) :] or name
    return name


def _slug(spelled: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", spelled.lower()).strip("_")


def _facts(sensor: str, device: dict[str, Any]) -> SensorFacts:
    kept = ("manufacturer", "model", "model_id", "sw_version", "suggested_area", "serial_number")
    properties = {k: str(device[k])[:200] for k in kept if isinstance(device.get(k), str | int | float)}
    return SensorFacts(sensor, text(device.get("name")), None, None, properties)


def recognise(topic: str, payload: bytes) -> float:
    if topic.endswith("/config") and (b"_topic" in payload or b'"stat_t"' in payload or b'"cmps"' in payload):
        return 0.97 if topic.startswith("homeassistant/") else 0.8
    return 0.0


__all__ = ["EXAMPLE", "TOPIC", "Options", "compile", "recognise"]
