"""What a codec made of a device's bytes -> named values, units, times and places, whatever shape its author chose."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ingest.formats._pieces import DEEPEST, MOST, instant, spot, text
from ingest.formats._values import plain
from ioc.records import Measurement, Position, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc.records import Micros

MOST_PLACES = 3
_TIMES = ("timestamp", "time", "datetime", "date")
_NAMES = ("variable", "measurement", "parameter", "name", "label", "type")
_VALUES = ("value", "measurementValue")
_IDS = ("measurementId", "channel", "id")
_ECHOES = frozenset({"bytes", "payload", "raw", "rawbytes", "raw_bytes", "rawpayload", "raw_payload", "hex"})
_LATITUDE, _LONGITUDE = ("latitude", "lat"), ("longitude", "long", "lng", "lon")
_SCALARS = (str, bool, int, float)


def decoded(value: Any) -> list[Record]:
    """The values of a payload that a codec decoded, and its positions.

    Besides nested objects: {value, unit}; lists of {name, value, unit, time} under the names that codecs use for
    these; lists of readings with their own times. The payload's own bytes, echoed, are no values.
    """
    found = [m for _, m in zip(range(MOST), _walk(value, "", None, 0), strict=False)]
    places: dict[Position, set[str]] = {}
    for position, names in _places(found):
        if position in places or len(places) < MOST_PLACES:
            places.setdefault(position, set()).update(names)
    gone = set().union(*places.values())
    return [*places, *(m for m in found if m.metric not in gone)]


def _walk(value: Any, name: str, time: Micros | None, depth: int) -> Iterator[Measurement]:
    if isinstance(value, _SCALARS):
        yield Measurement(name, plain(value), None, time)
    elif depth < DEEPEST and isinstance(value, list):
        yield from _list(value, name, time, depth + 1)
    elif depth < DEEPEST and isinstance(value, dict):
        yield from _object(value, name, time, depth + 1)


def _object(value: dict[str, Any], name: str, time: Micros | None, depth: int) -> Iterator[Measurement]:
    unit = text(value.get("unit"))
    if name and isinstance(value.get("value"), _SCALARS) and (unit or len(value) == 1):
        yield Measurement(name, plain(value["value"]), None, time, unit)
        return
    for key, inner in value.items():
        if str(key).lower() not in _ECHOES:
            yield from _walk(inner, f"{name}.{key}" if name else str(key), time, depth)


def _list(values: list[Any], name: str, time: Micros | None, depth: int) -> Iterator[Measurement]:
    objects = [v for v in values if isinstance(v, dict)]
    named = Counter(label for v in objects if (label := _label(v)))
    past = bool(objects) and all(_time(v) for v in objects)
    for number, inner in enumerate(values):
        label = _label(inner) if isinstance(inner, dict) else None
        if label is None and past and isinstance(inner, dict):
            yield from _reading(inner, name.rpartition(".")[0], depth)
        elif label is None:
            nested = isinstance(inner, list) and any(isinstance(v, dict) for v in inner)
            yield from _walk(inner, name if nested else f"{name}.{number}" if name else str(number), time, depth)
        else:
            own = label if named[label] == 1 else f"{label}_{_id(inner, number)}"
            yield from _row(inner, own, name, _time(inner) or time, depth)


def _reading(row: dict[str, Any], stem: str, depth: int) -> Iterator[Measurement]:
    """One of several that were kept while there was no network."""
    time = _time(row)
    for key, inner in row.items():
        if key not in _TIMES:
            yield from _walk(inner, f"{stem}.{key}" if stem else key, time, depth)


def _row(row: dict[str, Any], label: str, stem: str, time: Micros | None, depth: int) -> Iterator[Measurement]:
    """An object of a list that says its own name: with a value it is one, else the name stands for its number."""
    key = next((k for k in _VALUES if k in row), None)
    if key is None:
        rest = {k: v for k, v in row.items() if k not in _TIMES + _IDS and v != _label(row)}
        yield from _walk(rest, f"{stem}.{label}" if stem else label, time, depth)
    elif isinstance(row[key], _SCALARS):
        yield Measurement(label, plain(row[key]), None, time, text(row.get("unit")))
    elif isinstance(row[key], dict):
        yield from _object(row[key], label, time, depth)


def _label(row: dict[str, Any]) -> str | None:
    return next((row[k].strip() for k in _NAMES if isinstance(row.get(k), str) and row[k].strip()), None)


def _id(row: dict[str, Any], number: int) -> str:
    return next((found for k in _IDS if (found := text(row.get(k)))), str(number))


def _time(row: dict[str, Any]) -> Micros | None:
    return next((found for k in _TIMES if (found := instant(row.get(k)))), None)


def _places(found: list[Measurement]) -> Iterator[tuple[Position, tuple[str, str]]]:
    """Pairs of values that are called latitude and longitude, whatever stands around these words."""
    by_name = {(m.metric.lower(), m.time): m for m in found}
    for m in found:
        other = next((by_name[key] for key in _partners(m) if key in by_name), None)
        point = spot(m.value, other.value) if other is not None else None
        if other is not None and point is not None:
            yield Position(*point, time=m.time), (m.metric, other.metric)


def _partners(m: Measurement) -> Iterator[tuple[str, Micros | None]]:
    """How the longitude that belongs to this latitude may be called."""
    name = m.metric.lower()
    stem, dot, last = name.rpartition(".")
    bare = last.removesuffix("deg").removesuffix("_")
    for word in _LATITUDE:
        start = bare.removesuffix(word)
        if start != bare and (word == "latitude" or start == "" or start.endswith("_")):
            for counterpart in _LONGITUDE:
                yield f"{stem}{dot}{start}{counterpart}{last[len(bare) :]}", m.time
            return
