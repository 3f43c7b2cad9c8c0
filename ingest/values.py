"""What a payload has where a number belongs, and what it was packed in."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from ioc.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ioc.config.metrics import Metric

LARGEST_UNPACKED = 8_388_608  # bytes after gunzip: a bomb stops here


def number(value: Any, texts: Mapping[str, float]) -> float | str:
    """The value as a number; a str is the reason why there is none. texts: casefolded text -> number."""
    kind = value.__class__
    if kind is str:
        text = value.strip().casefold()
        return texts[text] if text in texts else _float(text)
    if kind is int or kind is bool or kind is float:
        return _float(value)
    return "no_value" if value is None else "not_a_number"


def _float(value: Any) -> float | str:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return "not_a_number"


def texts(states: Mapping[str, float], metric: Metric | None) -> dict[str, float]:
    """The feed's states, and beneath them what the metric itself calls its states in any language."""
    names = metric.states.items() if metric else ()
    own = {name.casefold(): float(key) for key, said in names for name in said.values()}
    return own | {text.casefold(): value for text, value in states.items()}


def unpacked(payload: bytes) -> bytes:
    """The payload, unzipped where it is gzip. Raises DecodeError."""
    if payload[:2] != b"\x1f\x8b":
        return payload
    unzip = zlib.decompressobj(wbits=31)
    try:
        found = unzip.decompress(payload, LARGEST_UNPACKED)
    except zlib.error as error:
        raise DecodeError("bad_gzip", str(error)) from error
    if len(found) >= LARGEST_UNPACKED:
        raise DecodeError("too_large", f"it unpacks to more than {LARGEST_UNPACKED} bytes")
    if not unzip.eof:
        raise DecodeError("bad_gzip", "it is cut short")
    return found
