"""NGSI entities and their attributes, whatever the version and representation."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from ingest.formats._pieces import leaves
from ingest.formats._values import number_or_text, text
from ioc.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRAPS = ("data", "entities", "body", "features")
_OWN = frozenset({"id", "@id", "type", "@type", "@context", "scope"})
_VALUES = ("value", "object", "languageMap", "json", "vocab", "valueList", "values", "hasValue")
GEOMETRIES = frozenset({"Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"})
_NO_VALUES = ("address", "owner", "Info")  # how names of structures end whose numbers measure nothing
_MOST = 100  # numbers of one structured value
_NUMERIC = frozenset({"number", "integer", "float", "double"})
_UNITS = ("unitCode", "UnitCode", "unit", "unitcode", "uom", "units")
_TIMES = ("TimeInstant", "timestamp", "observedAt", "dateObserved", "dateModified")


class Attribute(NamedTuple):
    """One attribute: its value, the unit it says, and its own time, as written."""

    value: Any
    unit: str | None = None
    time: Any = None


def entities(data: Any) -> Iterator[dict[str, Any]]:
    """Every entity in a message: an entity, a list, a batch, a notification, or what an MQTT bridge wraps around one.

    Raises DecodeError `not_ngsi`.
    """
    if isinstance(data, list):
        for said in data:
            yield from entities(said)
        return
    if not isinstance(data, dict):
        raise DecodeError("not_ngsi", "an entity is an object")
    inner = next((held for k in _WRAPS if isinstance(held := data.get(k), list | dict)), None)
    wrapped = inner is not None and ("id" not in data or "subscriptionId" in data or data.get("type") == "Notification")
    if wrapped:
        yield from entities(inner)
    elif data.get("type") == "Feature" and isinstance(data.get("properties"), dict):
        yield {"id": data.get("id"), "location": data.get("geometry"), **data["properties"]}
    elif "id" in data or "@id" in data:
        yield data
    else:
        raise DecodeError("not_ngsi", "an entity without id")


def kind(entity: dict[str, Any]) -> str:
    """The entity's type, without the address of its vocabulary."""
    said = entity.get("type") or entity.get("@type") or ""
    return short(str(said[0] if isinstance(said, list) and said else said))


def short(name: str) -> str:
    """A name without the address of its vocabulary."""
    return name.rsplit("#", 1)[-1].rsplit("/", 1)[-1] if "://" in name else name


def attribute(name: str, said: Any) -> Attribute | None:
    """The attribute of that name; None for what is not one."""
    if name in _OWN:
        return None
    if isinstance(said, list) and said and isinstance(said[0], dict) and ("value" in said[0] or "type" in said[0]):
        own = [s for s in said if isinstance(s, dict) and "datasetId" not in s]
        history = [a for s in own if (a := attribute(name, s)) is not None and a.time is not None]
        if len(history) > 1:  # a temporal representation: every value with its time
            return Attribute([[a.value, a.time] for a in history], history[0].unit)
        said = own[0] if own else said[0]
    if not isinstance(said, dict) or str(said.get("type")) in GEOMETRIES:
        return Attribute(said)
    key = next((k for k in _VALUES if k in said), None)
    if key is None:
        return Attribute(said)
    metadata = said.get("metadata")
    notes = [said, metadata] if isinstance(metadata, dict) else [said]
    unit, value = text(_note(notes, _UNITS)), said[key]
    if isinstance(value, dict):  # {"@type": "DateTime", "@value": ".."}, {"type": "DateTime", "value": ".."}
        wrapped = "@value" if "@value" in value else "value"
        value = value[wrapped] if wrapped in value and {"type", "@type"} & value.keys() else value
    if isinstance(value, str) and str(said.get("type")).lower() in _NUMERIC:
        value = number_or_text(value)
    return Attribute(value, unit, _note(notes, _TIMES))


def _note(places: list[dict[str, Any]], names: tuple[str, ...]) -> Any:
    for held in places:
        for name in names:
            if (found := held.get(name)) is not None:
                return found.get("value") if isinstance(found, dict) else found
    return None


def values(name: str, said: Attribute) -> Iterator[tuple[str, Any, Any]]:
    """(name, value, own time): one, each pair of a temporal representation `[[value, time], ...]`, or each number of
    a structured value.
    """
    if isinstance(said.value, list):
        for pair in said.value:
            if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], str):
                yield name, pair[0], pair[1]
    elif isinstance(said.value, dict):
        inner = () if name.endswith(_NO_VALUES) or "type" in said.value else islice(leaves(said.value, name), _MOST)
        yield from ((path, value, said.time) for path, value in inner if not isinstance(value, str))
    elif name == "value" and isinstance(said.value, str) and "=" in unquote(said.value):
        pairs = (pair.partition("=") for pair in unquote(said.value).split(";")[:_MOST])  # a Device: l=0.22;t=21.2
        yield from ((key.strip(), number_or_text(text), said.time) for key, _, text in pairs if key.strip())
    else:
        yield name, said.value, said.time
