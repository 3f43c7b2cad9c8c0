"""Unknown JSON -> the options of format `json`: where records, sensor, time, place and values are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ingest import guess
from ingest.formats._values import number_or_text, place_of
from ingest.record_guess import fields_of, items_at, last_key, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.guess import Guess
    from ingest.record_guess import Shape
    from ioc.config.metrics import Metric


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


def mapped(data: Sequence[Any], metrics: Mapping[str, Metric], zone: str) -> Mapped:
    """A mapping for these payloads."""
    shape = shape_of(data)
    fields = fields_of(shape.rows)
    around = {f"^.{path}": values for path, values in fields_of(shape.outer).items()} if shape.records else {}
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
        i for row in shape.rows for i in (items_at(row, plan["items"]) if plan["items"] else row) if isinstance(i, dict)
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
