"""Unknown JSON -> the options of format `json`: where records, sensor, time, place and values are."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest import guess
from ingest.formats._json_parts import place_of
from ingest.formats._values import number_or_text
from ingest.paths import getter, steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ingest.guess import Guess
    from ioc.config.metrics import Metric

_MOST_VALUES = 300  # of a field
_DEEPEST = 5
_MOST_FIELDS = 80


class Reason(NamedTuple):
    """One guess, for people: what of the feed file it is, what it says, how sure, why."""

    what: str
    said: str
    sure: float
    why: str


class Mapped(NamedTuple):
    """options as a feed writes them, and what led to them."""

    options: dict[str, Any]
    reasons: list[Reason]

    @property
    def named(self) -> bool:
        """Whether the payload itself names the sensor."""
        return (
            "sensor" in self.options
            or "sensor" in self.options.get("array", {})
            or "pattern" in self.options.get("array", {})
        )


class Shape(NamedTuple):
    """records: the path of records; array: items of id and value in a record; each: an object of named objects."""

    records: str
    rows: list[Any]
    array: dict[str, str] | None = None
    each: dict[str, str] | None = None
    outer: Sequence[Any] = ()
    keyed: bool = False


def mapped(data: Sequence[Any], metrics: Mapping[str, Metric], zone: str) -> Mapped:
    """A mapping for these payloads."""
    shape = _shape(data)
    fields = _fields(shape.rows)
    around = {f"^.{path}": values for path, values in _fields(shape.outer).items()} if shape.records else {}
    reasons: list[Reason] = []
    options: dict[str, Any] = {"records": shape.records} if shape.records else {}
    if shape.records:
        reasons.append(Reason("records", shape.records, 0.9, f"{len(shape.rows)} records are there"))
    used = _roles(fields, around, shape, zone, options, reasons)
    if shape.array is not None:
        _named_values(shape, zone, options, reasons)
    elif shape.each is not None:
        options["values_from"] = {"path": "", **shape.each}
        reasons.append(Reason("values_from", "every key", 0.8, "each key holds an object with a value"))
    else:
        _values({p: v for p, v in fields.items() if p not in used}, metrics, options, reasons)
    return Mapped(options, reasons)


def _shape(data: Sequence[Any]) -> Shape:
    first: Any = next((d for d in data if d), {})
    if isinstance(first, list):
        rows = [item for d in data if isinstance(d, list) for item in d]
        return Shape("", rows, None) if not (found := _array(rows)) else Shape("", list(data), {"items": "", **found})
    path = next((p for p, v in _lists(first) if all(isinstance(i, dict) for i in v)), None)
    if path is not None:
        items = [item for d in data for item in _at(d, path) if isinstance(item, dict)]
        if found := _array(items):
            return Shape("", list(data), {"items": path, **found})
        return Shape(f"{path}[]", items, outer=list(data))
    return _of_objects(first, data)


def _of_objects(first: Any, data: Sequence[Any]) -> Shape:
    """Objects under keys: named values {"temp": {"value": 3}}, or sensors {"tank-1": {"level": 3, ..}}."""
    inner = [v for v in first.values() if isinstance(v, dict)] if isinstance(first, dict) else []
    if len(inner) < 2:
        return Shape("", list(data))
    common = set(inner[0]).intersection(*map(set, inner[1:]))
    value = next((k for k in common if guess.is_role(k, "value")), None)
    if value is not None:
        each = {"value": value}
        each |= {"unit": u} if (u := next((k for k in common if guess.is_role(k, "unit")), None)) else {}
        each |= {"time": t} if (t := next((k for k in common if guess.is_role(k, "time")), None)) else {}
        return Shape("", list(data), None, each)
    if len(common) >= 2 and len(inner) == len(first):
        return Shape("*", [v for d in data for v in d.values() if isinstance(v, dict)], outer=list(data), keyed=True)
    return Shape("", list(data))


def _lists(data: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(data, dict) and depth < 3:
        for key, value in data.items():
            here = f"{path}.{quoted(key)}" if path else quoted(key)
            if isinstance(value, list) and value:
                yield here, value
            else:
                yield from _lists(value, here, depth + 1)


def _at(data: Any, path: str) -> list[Any]:
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


def _fields(rows: Sequence[Any]) -> dict[str, list[Any]]:
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


def _roles(
    fields: dict[str, list[Any]], around: dict[str, list[Any]], shape: Shape, zone: str, options: dict[str, Any],
    reasons: list[Reason],
) -> set[str]:  # fmt: skip
    """Id, time, name and place; returns the paths they use."""
    everything = {**fields, **around}
    used: set[str] = set()
    if shape.keyed:
        options["sensor"] = "~"
        reasons.append(Reason("sensor", "~", 0.85, "the key above each record"))
    elif path := _best(everything, "id", _is_id):
        options["sensor"] = path
        used.add(path)
        reasons.append(Reason("sensor", path, 0.9, f"{len(set(map(str, everything[path])))} different ids"))
    _time(everything, zone, options, used, reasons)
    if path := _best({p: v for p, v in everything.items() if p not in used}, "name", _is_text):
        options["sensor_name"] = path
        used.add(path)
        reasons.append(Reason("sensor_name", path, 0.7, f"{everything[path][0]!r}"))
    _place(everything, options, used, reasons)
    return used


def _best(fields: dict[str, list[Any]], role: str, fits: Any) -> str | None:
    """The shallowest field whose name plays the role and whose values fit it."""
    found = [p for p, values in fields.items() if guess.is_role(last_key(p), role) and fits(values)]
    return min(found, key=lambda p: (p.startswith("^"), p.count(".")), default=None)


def _is_id(values: list[Any]) -> bool:
    return all(isinstance(v, str | int) and not isinstance(v, bool) and 0 < len(str(v)) <= 100 for v in values)


def _is_text(values: list[Any]) -> bool:
    return all(isinstance(v, str) and isinstance(number_or_text(v), str) for v in values)


def _time(
    everything: dict[str, list[Any]], zone: str, options: dict[str, Any], used: set[str], reasons: list[Reason]
) -> None:
    named = [p for p in everything if guess.is_role(last_key(p), "time")]
    for path in sorted(named, key=lambda p: (p.startswith("^"), p.count("."))):
        if found := guess.time_format(everything[path], zone):
            options["time"] = path
            if found.what != "auto":
                options["time_format"] = found.what
            used.update(named)
            reasons.append(Reason("time", path, round(0.95 * found.sure, 2), found.why))
            return
    for path, values in everything.items():
        texts = path not in used and all(isinstance(v, str) and len(v) > 9 for v in values)
        if texts and (found := guess.time_format(values, zone)):
            options["time"] = path
            used.add(path)
            reasons.append(Reason("time", path, round(0.7 * found.sure, 2), f"no usual name, but {found.why}"))
            return
    reasons.append(Reason("time", "arrival", 0.5, "no time was found: the arrival is taken"))


def _place(everything: dict[str, list[Any]], options: dict[str, Any], used: set[str], reasons: list[Reason]) -> None:
    lat, lon = _best(everything, "lat", bool), _best(everything, "lon", bool)
    if lat and lon and guess.coordinates(everything[lat], everything[lon]):
        options |= {"lat": lat, "lon": lon}
        used.update((lat, lon))
        reasons.append(Reason("lat, lon", f"{lat}, {lon}", 0.95, "degrees"))
        moved = len({(str(a), str(b)) for a, b in zip(everything[lat], everything[lon], strict=False)})
        ids = len(set(map(str, everything.get(options.get("sensor", ""), [""]))))
        if moved > 2 * ids and moved > 3:
            options["kind"] = "positions"
            reasons.append(Reason("kind", "positions", 0.75, f"{moved} places of {ids} sensors: they move"))
    elif path := _best(everything, "place", lambda values: all(place_of(v) for v in values)):
        options["place"] = path
        used.add(path)
        reasons.append(Reason("place", path, 0.9, "a point"))


def _values(
    fields: dict[str, list[Any]], metrics: Mapping[str, Metric], options: dict[str, Any], reasons: list[Reason]
) -> None:
    """Numbers, switches and short words become values."""
    found: dict[str, Any] = {}
    for path, values in fields.items():
        last = last_key(path)
        if guess.is_role(last, "ignore"):
            reasons.append(Reason(path, "left out", 0.8, "housekeeping of the device"))
        elif (made := _value(path, last, values, metrics)) is not None:
            chosen, value = made
            name = chosen.what if chosen.what not in found else guess.key_name(path)
            found[name] = value
            reasons.append(
                Reason(
                    f"values.{name}", str(value if isinstance(value, str) else value["path"]), chosen.sure, chosen.why
                )
            )
    options["values"] = found


def _value(path: str, name: str, values: list[Any], metrics: Mapping[str, Metric]) -> tuple[Guess, Any] | None:
    cleaned = [number_or_text(v) if isinstance(v, str) else v for v in values]
    if all(isinstance(v, int | float) for v in cleaned):
        chosen = guess.metric(name, cleaned, "", metrics)
        target = metrics[chosen.what].unit if chosen.what in metrics else ""
        needs = chosen.unit and chosen.unit != target
        return chosen, {"path": path, "unit": chosen.unit} if needs else path
    words = guess.states([v for v in cleaned if isinstance(v, str)])
    mixed = all(isinstance(v, str | int | float) for v in cleaned)
    if words is None or not mixed or (not guess.word_of(name)[0] and not all(w in guess.SWITCH for w in words)):
        return None
    chosen = guess.metric(name, [], "", metrics)
    return chosen._replace(sure=chosen.sure * 0.7, why=f"{chosen.why}; words {', '.join(words)}"), {
        "path": path,
        "states": words,
    }


def _named_values(shape: Shape, zone: str, options: dict[str, Any], reasons: list[Reason]) -> None:
    """An array of named values: the names become metrics by the feed's `rename`."""
    plan = dict(shape.array or {})
    items = [
        i for row in shape.rows for i in (_at(row, plan["items"]) if plan["items"] else row) if isinstance(i, dict)
    ]
    names = sorted({str(item.get(plan["name"])) for item in items})
    if names and all("." in name for name in names):
        plan["pattern"] = r"(?P<sensor>.+)\.(?P<metric>[^.]+)"
        reasons.append(Reason("array.pattern", "sensor.metric", 0.8, f"names such as {names[0]!r}"))
    said = [i[plan["time"]] for i in items if i.get(plan["time"])] if "time" in plan else []
    if said and (found := guess.time_format(said, zone)) and found.what != "auto":
        options.setdefault("time_format", found.what)
    options["array"] = plan
    reasons.append(
        Reason("array", plan["items"] or "the message", 0.9, f"{len(items)} items of {plan['name']}, {plan['value']}")
    )
