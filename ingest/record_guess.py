"""Where the records of an unknown JSON payload are, and the fields they have."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest import guess
from ingest.formats._values import place_of
from ingest.paths import getter, steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_VALUES = 300  # of a field
_DEEPEST = 5
_MOST_FIELDS = 80


class Shape(NamedTuple):
    """records: the path of records; array: items of id and value in a record; each: an object of named objects."""

    records: str
    rows: list[Any]
    array: dict[str, str] | None = None
    each: dict[str, str] | None = None
    outer: Sequence[Any] = ()
    keyed: bool = False


def shape_of(data: Sequence[Any]) -> Shape:
    """What these payloads have in common."""
    first: Any = next((d for d in data if d), {})
    if isinstance(first, list):
        rows = [item for d in data if isinstance(d, list) for item in d]
        if found := _array(rows):
            return Shape("", list(data), {"items": "", **found})
        return Shape("[]", rows, outer=[{} for _ in data])
    if _keyed_lists(first):
        rows = [
            item for d in data if isinstance(d, dict) for held in d.values() if isinstance(held, list) for item in held
        ]
        return Shape("*[]", rows, outer=list(data), keyed=True)
    path = next((p for p, v in _lists(first) if all(isinstance(i, dict) for i in v)), None)
    if path is not None:
        items = [item for d in data for item in items_at(d, path) if isinstance(item, dict)]
        if found := _array(items):
            return Shape("", list(data), {"items": path, **found})
        return Shape(f"{path}[]", items, outer=list(data))
    return _of_objects(first, data)


def _of_objects(first: Any, data: Sequence[Any]) -> Shape:
    """Objects under keys: named values {"temp": {"value": 3}}, or sensors {"tank-1": {"level": 3, ..}}."""
    if (each := next(_named_objects(first), None)) is not None:
        return Shape("", list(data), None, each)
    inner = [v for v in first.values() if isinstance(v, dict)] if isinstance(first, dict) else []
    if len(inner) < 2:
        return Shape("", list(data))
    common = set(inner[0]).intersection(*map(set, inner[1:]))
    if len(common) >= 2 and len(inner) == len(first):
        return Shape("*", [v for d in data for v in d.values() if isinstance(v, dict)], outer=list(data), keyed=True)
    return Shape("", list(data))


def _keyed_lists(data: Any) -> bool:
    """{"Device A": [{..}], "Device B": [{..}]}: lists of records alike, each under its sensor's name."""
    lists = list(data.values()) if isinstance(data, dict) else []
    if len(lists) < 2 or not all(isinstance(v, list) and v and all(isinstance(i, dict) for i in v) for v in lists):
        return False
    first = set(lists[0][0])
    return all(len(first & set(held[0])) >= 0.7 * len(first | set(held[0])) for held in lists)


def _named_objects(data: Any, path: str = "", depth: int = 0) -> Iterator[dict[str, str]]:
    """Objects of objects that each hold a value, with the names of value, unit and time: `values_from` of a mapping."""
    inner = [v for v in data.values() if isinstance(v, dict)] if isinstance(data, dict) and depth < 4 else []
    common = sorted(set(inner[0]).intersection(*inner[1:])) if inner else []
    value = next((k for k in common if guess.is_role(k, "value")), None)
    if value is not None and len(inner) > 1:
        roles = {role: next((k for k in common if guess.is_role(k, role)), None) for role in ("unit", "time")}
        yield {"path": path, "value": value, **{role: key for role, key in roles.items() if key}}
        return
    for key, held in data.items() if isinstance(data, dict) and depth < 4 else ():
        yield from _named_objects(held, f"{path}.{quoted(key)}" if path else quoted(key), depth + 1)


def _lists(data: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(data, dict) and depth < 3:
        for key, value in data.items():
            here = f"{path}.{quoted(key)}" if path else quoted(key)
            if isinstance(value, list) and value:
                yield here, value
            else:
                yield from _lists(value, here, depth + 1)


def items_at(data: Any, path: str) -> list[Any]:
    """The list at a path; empty where there is none."""
    found = getter(path)(data)
    return found if isinstance(found, list) else []


def _array(items: Sequence[Any]) -> dict[str, str] | None:
    """The keys of `[{id, value, time, quality}]`; None where the items are records of several values."""
    keys = set[str]().union(*(item for item in items if isinstance(item, dict)))
    value = next((k for k in sorted(keys) if guess.is_role(k, "value")), None)
    names = [k for k in sorted(keys) if guess.is_role(k, "metric") and k != value]
    if value is None or not names or len(keys) > 8:
        return None
    name = max(names, key=lambda k: (_words_in(items, k), -names.index(k)))
    found = {"name": name, "value": value}
    for role in ("time", "quality", "unit"):
        words = {"t"} if role == "time" else set()
        key = next(
            (k for k in sorted(keys) if (guess.is_role(k, role) or k in words) and k not in found.values()), None
        )
        found |= {role: key} if key else {}
    who = next((k for k in sorted(keys) if guess.is_role(k, "id") and k not in found.values()), None)
    return found | ({"sensor": who} if who else {})


def _words_in(items: Sequence[Any], key: str) -> int:
    said = {str(item.get(key)) for item in items if isinstance(item, dict)}
    return sum(bool(guess.word_of(word)[0]) for word in said)


def fields_of(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Leaf path -> its values, nulls left out; places and lists stay whole."""
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows[:_MOST_VALUES]:
        for path, value in _leaves(row, "", 0):
            if len(found) < _MOST_FIELDS or path in found:
                found[path].append(value)
    return dict(found)


def _leaves(data: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict) and depth < _DEEPEST:
        last = last_key(path)
        if path and guess.is_role(last, "place") and place_of(data):
            yield path, data
            return
        for key, value in data.items():
            yield from _leaves(value, f"{path}.{quoted(key)}" if path else quoted(key), depth + 1)
    elif data is not None:
        yield path, data


def last_key(path: str) -> str:
    """The name of what a path leads to."""
    found = steps(path.lstrip("^").removeprefix("."))
    return str(found[-1]) if found else path


def quoted(key: str) -> str:
    """A key as a path writes it."""
    plain = key and not set(key) & set(".[]\"'|*?(){}&!<>=`,\\^$~@") and key == key.strip()
    return key if plain else '"' + key.replace('"', '\\"') + '"'
