"""What devices write where a number belongs -> number, bool, text, or None for "no value"."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ioc.errors import DecodeError
from ioc.units import known

if TYPE_CHECKING:
    from ingest.times import Reader
    from ioc.records import Micros

_NOTHING = ("", "-", "--", "na", "n/a", "null", "none", "nil", "undefined", "unknown", "unavailable")
_NOT_FINITE = ("nan", "inf", "+inf", "-inf", "infinity", "-infinity")
_WORDS: dict[str, float | bool | None] = {
    **dict.fromkeys(_NOTHING), **{word: float(word) for word in _NOT_FINITE}, "true": True, "false": False
}  # fmt: skip
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:(?:\.\d{3})+,|(?:,\d{3})+\.)\d+")  # 1.234,5 and 1,234.5 leave no doubt
_COMMA = re.compile(r"[+-]?\d+,\d+")
_WITH_UNIT = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s*([^\d\s.,:;+-][^\d,;:]{0,14}?)")
_LONGEST = 60  # digits beyond this are no measurement


def plain(value: Any) -> float | bool | str | None:
    """A payload's value as a Measurement takes it; text that reads as a number becomes one.

    An object or a list comes out as its text: the feed layer refuses that one reading, not its neighbours.
    """
    kind = value.__class__
    if kind is float or kind is int or kind is bool or value is None:
        return value  # type: ignore[no-any-return]
    if kind is str:
        return number_or_text(value)
    return str(value)[:80]


def number_or_text(text: str, *, comma: bool = False) -> float | bool | str | None:
    """'23.4' and '23,4' -> 23.4; 'NaN' -> nan; 'n/a' -> None; 'true' -> True; 'open' -> 'open'.

    A comma with three digits behind it may part thousands: it is read as decimal only where the feed says so (`comma`).
    """
    text = text.strip()
    if len(text) <= _LONGEST:
        if _NUMBER.fullmatch(text):
            return float(text)
        if _COMMA.fullmatch(text) and (comma or _surely_decimal(text)):
            return float(text.replace(",", "."))
        if _GROUPED.fullmatch(text):
            mark = max(text.rfind("."), text.rfind(","))
            return float(text[:mark].replace(".", "").replace(",", "") + "." + text[mark + 1 :])
        word = text.lower()
        if word in _WORDS:
            return _WORDS[word]
    return text


def _surely_decimal(text: str) -> bool:
    whole, _, behind = text.partition(",")
    return len(behind) != 3 or whole.lstrip("+-") == "0" or len(whole.lstrip("+-")) > 3


def with_unit(value: Any) -> tuple[float | bool | str | None, str | None]:
    """'-59 dBm' -> (-59.0, 'dBm'); what is no such pair comes back as `plain` has it, without a unit."""
    found = plain(value)
    match = _WITH_UNIT.fullmatch(found) if isinstance(found, str) else None
    amount = number_or_text(match[1]) if match else None
    return (amount, match[2]) if match and isinstance(amount, float) else (found, None)


def own_unit(text: str) -> tuple[float | bool | str | None, str | None]:
    """A text in a mapping: '21.5 °C' -> (21.5, '°C') where the unit is one; any other word stays a word."""
    found, unit = with_unit(text)
    return (found, unit) if unit is not None and _is_unit(unit) else (text, None)


@lru_cache(maxsize=1024)
def _is_unit(text: str) -> bool:
    return known(text)


def number(value: Any) -> float | None:
    """A finite number, or None where there is none: for coordinates, speeds and the like."""
    found = number_or_text(value) if value.__class__ is str else value
    if found.__class__ not in (int, float):
        return None
    result = float(found)
    return result if abs(result) < float("inf") else None


def text(value: Any) -> str | None:
    """An id or a name: text as it is, a number without a trailing .0, anything else None."""
    if value.__class__ is str:
        return value.strip() or None
    if value.__class__ is int:
        return str(value)
    if value.__class__ is float:
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)
    return None


def place(lat: Any, lon: Any) -> tuple[float, float] | None:
    """Degrees that can be on Earth; None for anything else, and for 0, 0: a receiver without a fix."""
    north, east = number(lat), number(lon)
    if north is None or east is None or not (-90 <= north <= 90 and -180 <= east <= 180):
        return None
    return None if north == 0 and east == 0 else (north, east)


def place_of(said: Any) -> tuple[float, float] | None:
    """(lat, lon) of a GeoJSON geometry (its first point), [lon, lat], 'lat,lon' or an object with lat and lon."""
    if isinstance(said, str):
        lat, _, lon = said.partition(",")
        return place(lat, lon)
    if isinstance(said, dict):
        return _object_place(said)
    depth = 0
    while isinstance(said, list) and said and isinstance(said[0], list) and depth < 5:
        said, depth = said[0], depth + 1
    return place(said[1], said[0]) if isinstance(said, list) and len(said) >= 2 else None


def _object_place(said: dict[str, Any]) -> tuple[float, float] | None:
    if "geometry" in said:
        return place_of(said["geometry"]) if isinstance(said["geometry"], dict) else None
    if isinstance(said.get("coordinates"), list):
        return place_of(said["coordinates"])
    lat = next((said[k] for k in ("lat", "latitude", "Latitude", "Lat") if k in said), None)
    lon = next((said[k] for k in ("lon", "lng", "long", "longitude", "Longitude", "Lng", "Lon") if k in said), None)
    return place(lat, lon)


def read_time(said: Any, when: Reader) -> Micros | None:
    """`when(said)`, None for an empty text. Raises DecodeError `bad_time`."""
    if said is None or said == "":
        return None
    try:
        return when(said)
    except (ValueError, OverflowError) as error:
        raise DecodeError("bad_time", str(error)) from error
