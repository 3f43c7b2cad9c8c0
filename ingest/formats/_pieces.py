"""Small readers that device formats share: parts of JSON objects, instants, places, nested objects as dotted names."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from ingest import times
from ingest.formats._values import number, text
from ingest.formats._values import place as spot
from ioc.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc.records import Micros

DEEPEST = 8  # levels of nesting that are looked into
MOST = 2000  # values taken from one nested object
UTC_TIME = times.reader()


def table(value: Any) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; empty where it is none."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def instant(value: Any, read: times.Reader = UTC_TIME) -> Micros | None:
    """Microseconds from ISO 8601 or an epoch number of any usual unit; None where it is neither, or not above 0."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = read(value)
    except (ValueError, OverflowError):
        return None
    return found if found > 0 else None


def leaves(value: Any, name: str = "", joint: str = ".") -> Iterator[tuple[str, float | bool | str]]:
    """Every number, bool and text in a nested object with its dotted name; lists count from 0; bounded."""
    for count, found in enumerate(_walk(value, name, joint, 0)):
        if count >= MOST:
            return
        yield found


def _walk(value: Any, name: str, joint: str, depth: int) -> Iterator[tuple[str, float | bool | str]]:
    if isinstance(value, str | bool | int | float):
        yield name, value
    elif depth < DEEPEST and isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from _walk(inner, f"{name}{joint}{key}" if name else str(key), joint, depth + 1)


def place(value: Any) -> tuple[float, float] | None:
    """(lat, lon) from an object that spells them out in one of the usual ways; None where absent or impossible."""
    found = table(value)
    lat = next((found[k] for k in ("latitude", "lat") if k in found), None)
    lon = next((found[k] for k in ("longitude", "lon", "lng", "long") if k in found), None)
    return spot(lat, lon)


def from_base64(value: Any) -> bytes:
    """Bytes from base64 text, padding optional. Raises DecodeError `not_base64`."""
    if not isinstance(value, str):
        raise DecodeError("not_base64", f"{type(value).__name__} instead of text")
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DecodeError("not_base64", str(error)) from error


__all__ = [
    "DEEPEST",
    "MOST",
    "UTC_TIME",
    "from_base64",
    "instant",
    "leaves",
    "number",
    "place",
    "rows",
    "spot",
    "table",
    "text",
]
