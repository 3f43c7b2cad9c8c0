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
from ingest.units import UnitError, conversion, known

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
    "m3s": "m³/s", "m3h": "m³/h", "ls": "L/s",
}  # fmt: skip
SWITCH = {
    "on": 1.0, "off": 0.0, "open": 1.0, "opened": 1.0, "closed": 0.0, "close": 0.0, "running": 1.0,
    "stopped": 0.0, "run": 1.0, "stop": 0.0, "ok": 0.0, "normal": 0.0, "alarm": 1.0, "fault": 1.0, "yes": 1.0,
    "no": 0.0, "bật": 1.0, "tắt": 0.0, "mở": 1.0, "đóng": 0.0, "wet": 1.0, "dry": 0.0, "free": 0.0,
    "occupied": 1.0,
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
    word, suffix = word_of(name)
    ours = _ours(name, word, metrics)
    key = ours or word or key_name(name)
    numbers = [n for v in values if (n := number(v)) is not None]
    said, sure, why = _unit(word, unit or suffix, numbers, metrics.get(key))
    base = 0.95 if ours and word else 0.9 if ours else 0.7 if word else 0.35
    named = (
        f"{name!r} is {key} of metrics.toml" if ours else f"{name!r} sounds like {key}" if word else f"{name!r} is new"
    )
    return Guess(key, said, round(base * sure, 2), f"{named}; {why}" if why else named)


def word_of(name: str) -> tuple[str, str]:
    """(metric of words.toml, unit of the name's ending)."""
    last = name.rsplit(".", 1)[-1]
    for spelling in (name, last):  # PM2.5 is a name, node.temperature ends in one
        if found := _synonyms().get(plain_name(spelling)):
            return found, ""
    head, _, tail = key_name(last).rpartition("_")
    if head and tail in _SUFFIXES and (found := _synonyms().get(plain_name(head))):
        return found, _SUFFIXES[tail]
    parts = key_name(last).split("_")
    runs = ("".join(parts[at : at + size]) for size in (2, 1) for at in range(len(parts)))
    inner = next((found for run in runs if len(run) > 2 and (found := _synonyms().get(run))), "")
    return inner, _SUFFIXES.get(parts[-1], "") if len(parts) > 1 else ""


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
    likely = [unit for unit, (least, most) in candidates.items() if least <= low and high <= most]
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
    return next(iter(_words()["metric"].get(word_of(key)[0], {}).get("units", {})), "")


def states(values: Sequence[Any]) -> dict[str, float] | None:
    """Texts as numbers: the usual switches, or numbered in order of the alphabet where there are few."""
    texts = sorted({str(v).strip().lower() for v in values if isinstance(v, str)})
    if not texts or len(texts) > 6 or any(len(text) > 24 for text in texts):
        return None
    if all(text in SWITCH for text in texts):
        return {text: SWITCH[text] for text in texts}
    return {text: float(number) for number, text in enumerate(texts)}


def coordinates(lat: Sequence[Any], lon: Sequence[Any]) -> bool:
    return bool(lat) and any(place(a, b) for a, b in zip(lat, lon, strict=False))
