"""What a field might be, from its name and its values: a metric with its unit, or the time, the id, the place.

The words are data: words.toml. Every guess carries how sure it is, 0..1, and why.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest import times
from ingest.formats._values import number, place
from ioc.units import UnitError, conversion, known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ioc.config.metrics import Metric

_YEARS = (times.micros(times.EPOCH.replace(year=2000)), times.micros(times.EPOCH.replace(year=2100)))
_SUFFIXES = {
    "c": "°C", "degc": "°C", "celsius": "°C", "f": "°F", "degf": "°F", "k": "K", "pa": "Pa", "hpa": "hPa",
    "kpa": "kPa", "mbar": "mbar", "bar": "bar", "mm": "mm", "cm": "cm", "m": "m", "mv": "mV", "v": "V",
    "ma": "mA", "kmh": "km/h", "kph": "km/h", "mph": "mph", "ms": "m/s", "pct": "%", "percent": "%", "ppm": "ppm",
    "ppb": "ppb", "ugm3": "µg/m3", "mgm3": "mg/m3", "kw": "kW", "w": "W", "kwh": "kWh", "wh": "Wh", "gl": "g/l",
    "mgl": "mg/l", "psu": "psu", "uscm": "µS/cm", "mscm": "mS/cm", "dba": "dBA", "lux": "lx", "ntu": "NTU",
    "m3s": "m³/s", "m3h": "m³/h", "ls": "L/s", "lps": "L/s", "lmin": "L/min", "lpm": "L/min", "gpm": "gal/min",
    "psi": "psi", "in": "in", "inch": "in", "ft": "ft", "kn": "knot", "knots": "knot", "kt": "knot", "kts": "knot",
    "mmhg": "mmHg", "inhg": "inHg", "dsm": "dS/m", "sm": "S/m", "ppt": "‰", "wm2": "W/m2", "mmh": "mm/h", "deg": "°",
    "dbm": "dBm", "db": "dB", "hz": "Hz", "m3": "m³", "gal": "gal", "l": "L", "a": "A", "%": "%", "rh": "%",
}  # fmt: skip
_SHORT = frozenset({"in", "l", "a", "m", "k", "v", "w", "c", "f", "ms", "sm", "rh"})  # units only behind a known word
SENTINELS = (
    -99,
    -99.9,
    -199,
    -200,
    -255,
    -999,
    -999.9,
    -9999,
    -99999,
    -32768,
    32767,
    65535,
    9999,
    99999,
    0x7FFFFFFF,
    0xFFFFFFFF,
)
SWITCH = {
    "on": 1.0, "off": 0.0, "open": 1.0, "opened": 1.0, "closed": 0.0, "close": 0.0, "running": 1.0,
    "stopped": 0.0, "run": 1.0, "stop": 0.0, "ok": 0.0, "normal": 0.0, "alarm": 1.0, "fault": 1.0, "yes": 1.0,
    "no": 0.0, "bật": 1.0, "tắt": 0.0, "mở": 1.0, "đóng": 0.0, "wet": 1.0, "dry": 0.0, "free": 0.0,
    "occupied": 1.0, "ein": 1.0, "aus": 0.0, "auf": 1.0, "zu": 0.0, "true": 1.0, "false": 0.0,
}  # fmt: skip


class Guess(NamedTuple):
    """what: a metric's key, or a role; unit: what the payload uses, "" where it is the metric's own or none."""

    what: str
    unit: str
    sure: float
    why: str


def plain_name(name: str) -> str:
    """'PM2.5 (µg)' -> 'pm25ug', 'Nhiệt độ' -> 'nhietdo'."""
    spread = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D").replace("µ", "u"))
    return re.sub(r"[^a-z0-9]", "", spread.lower())


def key_name(name: str) -> str:
    """A name fit for a metric or file: 'Nước mưa (mm)' -> 'nuoc_mua_mm'."""
    spread = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D").replace("µ", "u"))
    bare = "".join(c for c in spread if not unicodedata.combining(c))
    stepped = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", bare).lower()
    return re.sub(r"[^a-z0-9]+", "_", stepped).strip("_")[:60] or "value"


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads((files("ingest") / "words.toml").read_text(encoding="utf-8"))


@cache
def _roles() -> dict[str, frozenset[str]]:
    return {role: frozenset(map(plain_name, names)) for role, names in _words()["role"].items()}


@cache
def _synonyms() -> dict[str, str]:
    """Plain name -> what words.toml calls the metric."""
    return {plain_name(n): key for key, about in _words()["metric"].items() for n in (key, *about["names"])}


def is_role(name: str, role: str) -> bool:
    return plain_name(name) in _roles()[role]


def time_format(values: Sequence[Any], zone: str) -> Guess | None:
    """How these values are times, if all of them are; the years must be plausible."""
    for form, sure in (("auto", 1.0), ("day_first", 0.75), ("month_first", 0.6)):
        try:
            read = [times.reader(form, zone)(value) for value in values]
        except (ValueError, OverflowError):
            continue
        if read and all(_YEARS[0] < t < _YEARS[1] for t in read):
            said = f"{values[0]!r} reads as {times.moment(read[0]):%Y-%m-%d %H:%M:%S}Z"
            return Guess(form, "", sure, said if form == "auto" else f"{said}, {form.replace('_', ' ')}")
    return None


def metric(name: str, values: Sequence[Any], unit: str, metrics: Mapping[str, Metric]) -> Guess:
    """The metric of a field, one of the city's where possible, and the unit its values seem to be in."""
    word, suffix, whole = _parted(name)
    ours = _ours(name, word, metrics)
    if ours and (other := _fitting(ours, word, unit or suffix, metrics)) != ours:
        if not other:
            said = f"{unit or suffix!r} cannot become {metrics[ours].unit!r} of {ours}: kept apart"
            return Guess(key_name(name), unit or suffix, 0.4, f"{name!r} is new; {said}")
        ours = other
    key = ours or word or key_name(name)
    numbers = [n for v in values if (n := number(v)) is not None]
    said, sure, why = _unit(word, unit or suffix, numbers, metrics.get(key))
    base = (0.95 if ours and word else 0.9 if ours else 0.7 if word else 0.35) * (1.0 if whole else 0.75)
    named = (
        f"{name!r} is {key} of metrics.toml" if ours else f"{name!r} sounds like {key}" if word else f"{name!r} is new"
    )
    return Guess(key, said, round(base * sure, 2), f"{named}; {why}" if why else named)


def word_of(name: str) -> tuple[str, str]:
    """(metric of words.toml, unit of the name's ending)."""
    word, unit, _ = _parted(name)
    return word, unit


def _parted(name: str) -> tuple[str, str, bool]:
    """(metric of words.toml, unit of the name's ending, whether the metric is the whole of the name)."""
    last = name.rsplit(".", 1)[-1]
    for spelling in (name, last):  # PM2.5 is a name, node.temperature ends in one
        if found := _synonyms().get(plain_name(spelling)):
            return found, "", True
    head, unit = _ending(last)
    if found := _synonyms().get(plain_name(head)):
        return found, unit, True
    parts = key_name(head).split("_")
    runs = ("".join(parts[at : at + size]) for size in (2, 1) for at in range(len(parts)))
    inner = next((found for run in runs if len(run) > 2 and (found := _synonyms().get(run))), "")
    if not inner and plain_name(unit) in _SHORT:
        return "", "", False
    return inner, unit, False


def _ending(name: str) -> tuple[str, str]:
    """(the rest, unit): 'flow_l_s' -> ('flow', 'L/s'), 'WL (cm)' -> ('WL', 'cm')."""
    pieces = [piece for piece in re.split(r"[\s_./()\[\]-]+", name) if piece]
    for size in (3, 2, 1):
        tail = "".join(pieces[-size:])
        if len(pieces) > size and (unit := _SUFFIXES.get(plain_name(tail) or tail)):
            return "_".join(pieces[:-size]), unit
    return name, ""


def _fitting(ours: str, word: str, unit: str, metrics: Mapping[str, Metric]) -> str:
    """The city's metric that the unit can become: ours, another with the same word in its name, "" where none."""
    if not unit or not metrics[ours].unit or _fits(unit, metrics[ours].unit):
        return ours
    return next((k for k, about in metrics.items() if word and word in k and _fits(unit, about.unit)), "")


def _ours(name: str, word: str, metrics: Mapping[str, Metric]) -> str:
    """The city's metric of that name, of the same meaning, or of that name in one of its languages."""
    said = {plain_name(name), plain_name(name.rsplit(".", 1)[-1])}
    for key, about in metrics.items():
        if said & {plain_name(key), *map(plain_name, about.name.values())}:
            return key
    return next((key for key in metrics if word and _synonyms().get(plain_name(key)) == word), "")


def _unit(word: str, said: str, numbers: list[float], ours: Metric | None) -> tuple[str, float, str]:
    """(unit to declare, how sure, why)."""
    target = ours.unit if ours else ""
    if said:
        return said, 1.0 if not target or _fits(said, target) else 0.4, f"its unit is {said}"
    candidates = _words()["metric"].get(word, {}).get("units", {})
    if not numbers:
        return "", 0.8, ""
    low, high = min(numbers), max(numbers)
    likely = [unit for unit, (least, most) in candidates.items()
              if least <= low and high <= most and (not target or _fits(unit, target))]  # fmt: skip
    if not likely:
        return "", 0.4 if candidates else 1.0, f"{low:g} to {high:g} is unusual for it" if candidates else ""
    chosen = likely[0]
    if target and any(_same(unit, target) for unit in likely):
        chosen = target
    why = f"{low:g} to {high:g} fits {chosen or 'it'}" + (f", also {', '.join(likely[1:])}" if len(likely) > 1 else "")
    return chosen, 1.0 if len(likely) == 1 or chosen == target else 0.8, why


def _same(one: str, other: str) -> bool:
    try:
        return conversion(one, other) == (1.0, 0.0)
    except UnitError:
        return False


def _fits(one: str, other: str) -> bool:
    try:
        return known(one) and bool(conversion(one, other))
    except UnitError:
        return False


def usual_unit(key: str) -> str:
    """What words.toml measures it in; "" where it does not know."""
    word, unit = word_of(key)
    return unit or next(iter(_words()["metric"].get(word, {}).get("units", {})), "")


def states(values: Sequence[Any]) -> dict[str, float] | None:
    """Texts as numbers: the usual switches, or numbered in order of the alphabet where there are few."""
    texts = sorted({str(v).strip().lower() for v in values if isinstance(v, str)})
    if not texts or len(texts) > 6 or any(len(text) > 24 for text in texts):
        return None
    if all(text in SWITCH for text in texts):
        return {text: SWITCH[text] for text in texts}
    return {text: float(number) for number, text in enumerate(texts)}


def sentinels(values: Sequence[Any]) -> set[float]:
    """Numbers among these that stand for "no value": usual ones, and far from all others."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    found = {float(v) for v in numbers if v in SENTINELS}
    rest = [v for v in numbers if v not in found]
    if not rest:
        return set()
    low, high = min(rest), max(rest)
    reach = max(abs(low), abs(high), 10.0)
    return {v for v in found if (v < 0 <= low) or v < low - 3 * reach or v > high + 3 * reach}


def coordinates(lat: Sequence[Any], lon: Sequence[Any]) -> bool:
    return bool(lat) and any(place(a, b) for a, b in zip(lat, lon, strict=False))
