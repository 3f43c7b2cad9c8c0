"""Unknown JSON -> the options of format `json`: where records, sensor, time, place and values are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest import guess, times
from ingest.formats._values import number_or_text, own_unit, place_of
from ingest.record_guess import fields_of, items_at, last_key, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.guess import Guess
    from ingest.record_guess import Shape
    from ioc.config.metrics import Metric

_CLOCK = re.compile(r"[0-2]?\d:[0-5]\d(:[0-5]\d)?([.,]\d+)?( ?[AaPp][Mm])?")
_EPOCHS = (times.micros(times.EPOCH.replace(year=2015)), times.micros(times.EPOCH.replace(year=2040)))


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
    sentinels: list[float]

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
    none = _sentinels(fields, reasons)
    used = _roles(fields, around, shape, zone, options, reasons)
    if shape.array is not None:
        _named_values(shape, zone, options, reasons)
    elif shape.each is not None:
        options["values_from"] = shape.each
        reasons.append(Reason("values_from", "every key", 0.8, "each key holds an object with a value"))
    else:
        _values({p: _real(v, none) for p, v in fields.items() if p not in used}, metrics, options, reasons)
        if options.get("kind") == "positions":
            _motion(options)
    return Mapped(options, reasons, sorted(none))


def _sentinels(fields: dict[str, list[Any]], reasons: list[Reason]) -> set[float]:
    """Numbers that stand for "no value" in some field, and are a value in none."""
    found = {path: guess.sentinels(values) for path, values in fields.items()}
    real = {v for path, values in fields.items() for v in values if isinstance(v, int | float) and v not in found[path]}
    none = set().union(*found.values()) - real
    if none:
        where = ", ".join(sorted(last_key(path) for path, values in found.items() if values & none))
        reasons.append(Reason("sentinels", str(sorted(none)), 0.8, f"far from all other values of {where}"))
    return none


def _real(values: list[Any], none: set[float]) -> list[Any]:
    return [v for v in values if not (isinstance(v, int | float) and v in none)]


def _motion(options: dict[str, Any]) -> None:
    """Speed and heading belong to the position."""
    for name, value in list(options["values"].items()):
        path = value if isinstance(value, str) else value["path"]
        if name == "speed":
            unit = guess.word_of(last_key(path))[1]
            options["speed"] = {"path": path, "unit": unit} if unit else path
        elif guess.is_role(last_key(path), "heading"):
            options["heading"] = options["values"].pop(name)


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
    elif path := _best(everything, "id", _is_id) or _like_an_id(fields, shape):
        options["sensor"] = path
        used.add(path)
        sure = 0.9 if guess.is_role(last_key(path), "id") else 0.6
        reasons.append(Reason("sensor", path, sure, f"{len(set(map(str, everything[path])))} different ids"))
    elif shape.records:
        reasons.append(Reason("sensor", "none", 0.1, "NO ID WAS FOUND: all records of a message would be one sensor"))
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


def _like_an_id(fields: dict[str, list[Any]], shape: Shape) -> str | None:
    """Where a message holds several records: a field named like lotId or pump_no, or words that never repeat in one."""
    if not shape.records:
        return None
    each = max(1, len(shape.rows) // max(1, len(shape.outer)))  # records a message
    whole = {p: v for p, v in fields.items() if len(v) == len(shape.rows) and _is_id(v)}
    named = (p for p in whole if re.search(r"([a-z]I[Dd]|_(id|no|nr|code|key))$", last_key(p)))
    words = (p for p, v in whole.items() if _is_text(v) and len(set(v[:each])) == len(v[:each]) and len(set(v)) <= each)
    return next(named, None) or next(words, None)


def _is_text(values: list[Any]) -> bool:
    return all(isinstance(v, str) and isinstance(number_or_text(v), str) for v in values)


def _time(
    everything: dict[str, list[Any]], zone: str, options: dict[str, Any], used: set[str], reasons: list[Reason]
) -> None:
    named = [p for p in everything if guess.is_role(last_key(p), "time")]
    for path in sorted(named, key=lambda p: (p.startswith("^"), p.count("."))):
        if found := guess.time_format(everything[path], zone):
            clock = _clock(everything, path)
            options["time"] = [path, clock] if clock else path
            if found.what != "auto":
                options["time_format"] = found.what
            used.update(named, [clock] if clock else ())
            reasons.append(Reason("time", path, round(0.95 * found.sure, 2), found.why))
            return
    for path, values in everything.items():
        likely = path not in used and (all(isinstance(v, str) and len(v) > 9 for v in values) or _is_epoch(values))
        if likely and (found := guess.time_format(values, zone)):
            options["time"] = path
            if found.what != "auto":
                options["time_format"] = found.what
            used.add(path)
            reasons.append(Reason("time", path, round(0.7 * found.sure, 2), f"no usual name, but {found.why}"))
            return
    reasons.append(Reason("time", "arrival", 0.5, "no time was found: the arrival is taken"))


def _clock(everything: dict[str, list[Any]], date: str) -> str | None:
    """The field with the time of day that goes with a date of ten characters or less."""
    if not all(isinstance(v, str) and len(v) <= 10 and ":" not in v for v in everything[date]):
        return None
    clocks = (p for p, values in everything.items() if p != date and all(_CLOCK.fullmatch(str(v)) for v in values))
    return next(clocks, None)


def _is_epoch(values: list[Any]) -> bool:
    """Whole seconds or finer since 1970, all within a few years: 2015 to 2040."""
    whole = [v for v in values if isinstance(v, int) and not isinstance(v, bool) and v > 1_000_000_000]
    return bool(values) and len(whole) == len(values) and all(_EPOCHS[0] < _scaled(v) < _EPOCHS[1] for v in whole)


def _scaled(value: int) -> int:
    try:
        return times.scaled(value)
    except ValueError:
        return 0


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
        last, unit = _called(path, fields)
        if guess.is_role(last, "ignore"):
            reasons.append(Reason(path, "left out", 0.8, "housekeeping of the device"))
        elif (made := _value(path, last, values, metrics, unit)) is not None:
            chosen, value = made
            name = chosen.what if chosen.what not in found else guess.key_name(path)
            found[name] = value
            reasons.append(
                Reason(
                    f"values.{name}", str(value if isinstance(value, str) else value["path"]), chosen.sure, chosen.why
                )
            )
    options["values"] = found


def _called(path: str, fields: dict[str, list[Any]]) -> tuple[str, str]:
    """(name, unit) of a value: `temp.value` is named by its object, and `temp.unit` beside it may say the unit."""
    above, _, last = path.rpartition(".")
    if not above or not guess.is_role(last, "value"):
        return last_key(path), ""
    beside = (v for p, v in fields.items() if p.rpartition(".")[0] == above and guess.is_role(last_key(p), "unit"))
    said = next(beside, [""])
    return last_key(above), str(said[0]) if len(set(map(str, said))) == 1 else ""


def _value(
    path: str, name: str, values: list[Any], metrics: Mapping[str, Metric], unit: str = ""
) -> tuple[Guess, Any] | None:
    cleaned = [number_or_text(v) if isinstance(v, str) else v for v in values]
    parted = [own_unit(v) if isinstance(v, str) else (v, None) for v in cleaned]
    if parted and all(isinstance(v, int | float) and unit for v, unit in parted):  # '21.5 °C' says it itself
        return guess.metric(name, [v for v, _ in parted], str(parted[0][1]), metrics), path
    if all(isinstance(v, int | float) for v in cleaned):
        chosen = guess.metric(name, cleaned, unit, metrics)
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
