"""Homie 3, 4 and 5: attributes ($unit, $datatype, $name, or 5's $description) teach what the property topics mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ingest.formats._devices import Memory, scalar
from ingest.formats._pieces import table, text
from ingest.formats._read import json_object, text_of
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Record, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TOPIC = "homie/#"
LEARNS = True  # from retained messages, which the ingester asks for again when it starts
EXAMPLE = ("homie/weir-2/gauge/level", b"1.87")
MOST_PROPERTIES = 20_000
MOST_OF_A_DEVICE = 2000

_ALIVE = {"ready": True, "alert": True, "sleeping": True, "disconnected": False, "lost": False}
_STATISTICS = {
    "signal": "%",
    "cputemp": "°C",
    "cpuload": "%",
    "battery": "%",
    "supply": "V",
    "uptime": "s",
    "freeheap": "byte",
}
_NO_VALUE = frozenset({"color", "datetime", "duration", "json"})


class Options(Model):
    """base: the first word of the topics, which a bridge may have put further down: `site/homie`."""

    base: str = "homie"


class Property(NamedTuple):
    unit: str | None = None
    datatype: str = ""


Known = Memory[Property]  # by device/node/property


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    known: Known = Memory(MOST_PROPERTIES)
    base = options.base.strip("/") + "/"

    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        topic = segments.get("", "")
        parts = topic.removeprefix(base).split("/") if topic.startswith(base) else topic.split("/")[1:]
        five = bool(parts) and parts[0] == "5"
        device, *rest = parts[1:] if five else parts or [""]
        if not device or not rest or device.startswith("$"):
            raise Ignored("broadcast")
        if rest[-1] in ("set", "$target"):
            raise Ignored("command")
        if rest[0].startswith("$"):
            return _device(device, rest, payload, known)
        if rest[-1].startswith("$"):
            return _attribute("/".join([device, *rest[:-1]]), rest, payload, known)
        if len(rest) != 2:
            raise DecodeError("unknown_message", "a topic <device>/<node>/<property> is expected")
        return [_value(device, rest, payload, known)]

    return decode


def _device(device: str, rest: list[str], payload: bytes, known: Known) -> list[Record]:
    what = rest[0]
    if what == "$state":
        state = text_of(payload).strip().lower()
        if state not in _ALIVE:
            raise Ignored("init" if state == "init" else "attribute")
        return [Measurement("online", _ALIVE[state], device)]
    if what == "$name":
        return [SensorFacts(device, text_of(payload).strip() or None)]
    if what == "$description":
        return [_description(device, payload, known)]
    if what == "$stats" and len(rest) == 2 and rest[1] in _STATISTICS:
        return [Measurement(f"stats.{rest[1]}", scalar(text_of(payload)), device, None, _STATISTICS[rest[1]])]
    raise Ignored("attribute")


def _attribute(path: str, rest: list[str], payload: bytes, known: Known) -> list[Record]:
    word = text_of(payload[:200]).strip()
    learnt = known.get(path, Property())
    if rest[-1] == "$unit":
        known.keep(path, learnt._replace(unit=_unit(word)))
    elif rest[-1] == "$datatype":
        known.keep(path, learnt._replace(datatype=word.lower()))
    raise Ignored("attribute")


def _unit(word: str | None) -> str | None:
    """`#` counts."""
    return None if word in (None, "", "#") else word


def _description(device: str, payload: bytes, known: Known) -> SensorFacts:
    """Version 5 says everything in one document."""
    if not payload:
        raise Ignored("removed")
    message = json_object(payload)
    count = 0
    for node, inner in table(message.get("nodes")).items():
        for name, value in table(table(inner).get("properties")).items():
            found = table(value)
            known.keep(
                f"{device}/{node}/{name}", Property(_unit(text(found.get("unit"))), str(found.get("datatype", "")))
            )
            count += 1
            if count >= MOST_OF_A_DEVICE:
                break
    kept = {"type": message.get("type"), "homie": message.get("homie")}
    return SensorFacts(
        device, text(message.get("name")), None, None, {k: v for k, v in kept.items() if isinstance(v, str)}
    )


def _value(device: str, rest: list[str], payload: bytes, known: Known) -> Measurement:
    learnt = known.get("/".join([device, *rest]), Property())
    if learnt.datatype in _NO_VALUE:
        raise Ignored("no_number")
    word = text_of(payload[:1000]).strip()
    value = word if learnt.datatype == "enum" and word else scalar(word)
    if learnt.datatype == "string" and isinstance(value, str):
        raise Ignored("text")
    unit = learnt.unit or ("%" if learnt.datatype == "percent" else None)
    return Measurement(".".join(rest), value, device, None, unit)


def recognise(topic: str, payload: bytes) -> float:
    del payload
    parts = topic.split("/")
    if parts[0] != "homie" or len(parts) < 3:
        return 0.0
    return 0.95 if any(p.startswith("$") for p in parts) or len(parts) >= 4 else 0.6
