"""Sparkplug B: births teach names, aliases, types and units; data messages bring values; deaths say who is offline."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest.formats import _sparkplug
from ioc.config.types import Model
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ioc.records import Micros

TOPIC = "spBv1.0/#"
_PUMP = {"name": "Pressure", "timestamp": 1777856523500, "datatype": 10, "double_value": 2.5}
EXAMPLE = ("spBv1.0/water/DDATA/station-1/pump-2", _sparkplug.Payload(metrics=[_PUMP], seq=3).SerializeToString())
MOST_ALIASES = 200_000  # of all edges together
MOST_METRICS = 20_000  # of one message
DEEPEST = 4  # templates in one another

_SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}  # datatype Int8 .. Int64 -> bits
_DATETIME, _DATASET, _BYTES, _FILE, _TEMPLATE = 13, 16, 17, 18, 19
_NO_VALUE = frozenset({_DATETIME, _DATASET, _BYTES, _FILE})
_UNIT_NAMES = frozenset({"engunit", "unit", "units", "engineeringunits", "engineeringunit"})
_CONTROL = ("Node Control/", "Device Control/", "bdSeq", "Properties/", "Node Info/")
_GOOD_QUALITY = 192


class Options(Model):
    """Nothing to choose."""


class Named(NamedTuple):
    """What a birth says of one metric."""

    name: str
    datatype: int
    unit: str | None


class Births:
    """Metrics by edge, then by alias or (device, name); the oldest edge goes when there are too many."""

    def __init__(self) -> None:
        self._edges: OrderedDict[str, dict[Any, Named]] = OrderedDict()
        self._total = 0

    def begin(self, edge: str) -> None:
        self._total -= len(self._edges.pop(edge, {}))

    def keep(self, edge: str, key: Any, named: Named) -> None:
        metrics = self._edges.setdefault(edge, {})
        self._total += key not in metrics
        metrics[key] = named
        self._edges.move_to_end(edge)
        while self._total > MOST_ALIASES and self._edges:
            self._total -= len(self._edges.popitem(last=False)[1])

    def devices(self, edge: str) -> list[str]:
        """Those that were born at an edge, and go with it."""
        keys = (key for key in self._edges.get(edge, {}) if isinstance(key, tuple))
        return sorted({device for device, _ in keys if device})

    def find(self, edge: str, key: Any) -> Named | None:
        return self._edges.get(edge, {}).get(key)


class Origin(NamedTuple):
    edge: str
    device: str
    time: Micros | None
    birth: bool

    @property
    def sensor(self) -> str:
        return f"{self.edge}/{self.device}" if self.device else self.edge


def compile(options: Options) -> Callable[[bytes, Mapping[str, str]], Iterable[Record]]:  # noqa: A001
    del options
    births = Births()

    def decode(payload: bytes, segments: Mapping[str, str]) -> Iterable[Record]:
        kind, edge, device = _address(segments.get("", ""))
        message = _sparkplug.parse(payload)
        origin = Origin(edge, device, _micros(message.timestamp), kind.endswith("BIRTH"))
        if kind.endswith("DEATH"):
            time = origin.time if device else None  # NDEATH is a last will: its time is that of the connection
            gone = [origin, *([] if device else (origin._replace(device=d) for d in births.devices(edge)))]
            return [Measurement("online", False, one.sensor, time) for one in gone]
        if kind == "NBIRTH":
            births.begin(edge)
        found = list(_metrics(message.metrics, "", origin, births, 0))
        if origin.birth:
            return [Measurement("online", True, origin.sensor, origin.time), *found]
        if not found:
            raise Ignored("no_values")
        return found

    return decode


def _address(topic: str) -> tuple[str, str, str]:
    """(message type, group/edge, device) of spBv1.0/<group>/<type>/<edge>[/<device>]."""
    parts = topic.split("/")
    at = next((i for i, part in enumerate(parts) if part.startswith("spBv1.")), 0)
    parts = parts[at:]
    if "STATE" in parts[:2]:
        raise Ignored("host_state")
    if len(parts) not in (4, 5):
        raise DecodeError("unknown_message", "a topic spBv1.0/<group>/<type>/<edge>[/<device>] is expected")
    kind = parts[2]
    if kind in ("NCMD", "DCMD"):
        raise Ignored("command")
    if kind not in ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH"):
        raise DecodeError("unknown_message", f"no Sparkplug message type: {kind[:40]!r}")
    return kind, f"{parts[1]}/{parts[3]}", parts[4] if len(parts) == 5 else ""


def _micros(milliseconds: int) -> Micros | None:
    return milliseconds * 1000 if 0 < milliseconds < 253_402_300_800_000 else None


def _metrics(metrics: Any, stem: str, origin: Origin, births: Births, depth: int) -> Iterator[Measurement]:
    for count, metric in enumerate(metrics):
        if count >= MOST_METRICS:
            raise DecodeError("too_many_values", f"more than {MOST_METRICS} metrics")
        named = _named(metric, stem, origin, births)
        if named.name.startswith(_CONTROL):
            continue
        if metric.HasField("template_value"):
            if depth < DEEPEST and not metric.template_value.is_definition:
                yield from _metrics(metric.template_value.metrics, f"{named.name}/", origin, births, depth + 1)
        elif named.datatype not in _NO_VALUE:
            time = _micros(metric.timestamp) or origin.time
            yield Measurement(named.name, _value(metric, named.datatype), origin.sensor, time, named.unit)


def _named(metric: Any, stem: str, origin: Origin, births: Births) -> Named:
    """The metric's name, type and unit: its own, else what the birth said. Raises DecodeError `no_birth`."""
    alias = metric.alias if metric.HasField("alias") and not stem else None
    if not metric.name:
        found = None if alias is None else births.find(origin.edge, alias)
        if found is None:
            raise DecodeError("no_birth", f"alias {alias} of {origin.sensor} is not known: no birth was seen")
        return found
    name = stem + _text(metric.name)
    unit = next(_units(metric.properties), None) if metric.HasField("properties") else None
    named = Named(name, metric.datatype, unit)
    if origin.birth:
        births.keep(origin.edge, (origin.device, name), named)
        if alias is not None:
            births.keep(origin.edge, alias, named)
        return named
    learnt = births.find(origin.edge, (origin.device, name))
    return Named(name, metric.datatype or (learnt.datatype if learnt else 0), unit or (learnt.unit if learnt else None))


def _units(properties: Any) -> Iterator[str]:
    for key, value in zip(properties.keys, properties.values, strict=False):
        if _text(key).lower().replace(" ", "") in _UNIT_NAMES and value.string_value:
            yield _text(value.string_value)


def _text(said: str | bytes) -> str:
    """What is not UTF-8 comes as bytes."""
    return said if isinstance(said, str) else said.decode("utf-8", "replace")


def _value(metric: Any, datatype: int) -> float | bool | str | None:
    if metric.is_null or _bad(metric):
        return None
    if metric.HasField("boolean_value"):
        return bool(metric.boolean_value)
    if metric.HasField("double_value"):
        return float(metric.double_value)
    if metric.HasField("float_value"):
        return float(f"{metric.float_value:.7g}")  # a 32-bit number without the digits it does not have
    for field in ("int_value", "long_value"):
        if metric.HasField(field):
            return _signed(getattr(metric, field), datatype)
    return _text(metric.string_value)[:200] if metric.HasField("string_value") else None


def _signed(raw: int, datatype: int) -> int:
    """Negative integers travel as two's complement in an unsigned field."""
    bits = _SIGNED.get(datatype)
    if bits is None:
        return raw
    raw &= (1 << bits) - 1
    return raw - (1 << bits) if raw >> (bits - 1) else raw


def _bad(metric: Any) -> bool:
    """A `Quality` property that is not good (OPC: 192)."""
    if not metric.HasField("properties"):
        return False
    pairs = zip(metric.properties.keys, metric.properties.values, strict=False)
    return any(
        _text(k).lower() == "quality" and v.HasField("int_value") and v.int_value < _GOOD_QUALITY for k, v in pairs
    )


def teaches(topic: str) -> bool:
    return "/NBIRTH/" in topic or "/DBIRTH/" in topic


def recognise(topic: str, payload: bytes) -> float:
    del payload
    return 0.99 if topic.startswith(("spBv1.0/", "spBv1.1/")) else 0.9 if "/spBv1.0/" in topic else 0.0


__all__ = ["EXAMPLE", "TOPIC", "Options", "compile", "recognise", "teaches"]
