"""A time as a payload writes it -> microseconds since 1970, UTC.

`reader(format, zone)` is compiled once for a feed; what it returns runs for every message. Formats:

    auto            an epoch number (s, ms, µs or ns by its size), ISO 8601, 20261231235958, or an RFC 2822 date
    s, ms, us, ns   an epoch number of that unit, as number or text, with fractions
    day_first       31/12/2026 23:59:58 with / - or . between
    month_first     12/31/2026 11:59:58 PM
    %d.%m.%y %H:%M  a pattern of strptime

A local time without a zone is read in `zone`. Where the autumn clock change makes it mean two moments, the first is
taken; in the hour that spring leaves out, the offset before the change holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ioc.records import Micros

Reader: TypeAlias = Callable[[Any], Micros]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCALES = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}
_LAST: Micros = 253_402_300_800_000_000  # the year 10000
_FIRST: Micros = -62_135_596_800_000_000  # the year 1
_LOOSE = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d+))?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{1,2})?\s*",
    re.IGNORECASE,
)
_YEAR_LAST = re.compile(
    r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?:[T, ]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d+))?)?\s*([AP]M)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?\s*",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"((?:19|20)\d\d)([01]\d)([0-3]\d)([0-2]\d)([0-5]\d)([0-5]\d)?")  # 20261231235958
_COMPACT = (19_000_101_000_000, 21_000_101_000_000)  # the same as a number; as milliseconds the years after 2572
_NUMBER = re.compile(r"\s*[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?\s*")


def reader(form: str = "auto", zone: str | None = None) -> Reader:
    """A function from a payload's time to Micros that raises ValueError. Raises ValueError on an unknown format."""
    local = _zone(zone or "UTC")
    if form in ("auto", "iso"):
        return _auto(local)
    if form in _SCALES:
        return _epoch(_SCALES[form])
    if form in ("day_first", "month_first"):
        return _ordered(local, day_first=form == "day_first")
    if "%" in form:
        return _pattern(form, local)
    raise ValueError(
        f"unknown time format {form!r}: write auto, s, ms, us, ns, iso, day_first, month_first or a pattern"
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown zone {name!r}: write it as Asia/Ho_Chi_Minh") from error


def micros(moment: datetime) -> Micros:
    """An aware datetime as whole microseconds."""
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(time: Micros) -> datetime:
    """The way back; OverflowError where no datetime can hold it."""
    return datetime.fromtimestamp(time // 1_000_000, UTC).replace(microsecond=time % 1_000_000)


def scaled(number: float) -> Micros:
    """An epoch number of unknown unit: below 10^11 seconds, then ms, µs, ns, each a thousand times on."""
    size = abs(number)
    if size < 1e11:
        return _checked(number * 1_000_000)
    if size < 1e14:
        return _checked(number * 1_000)
    return _checked(number if size < 1e17 else number // 1_000)


def _checked(number: float) -> Micros:
    if not _FIRST <= number < _LAST:  # also false for NaN
        raise ValueError("no such time: out of range")
    return round(number)


def _auto(zone: ZoneInfo) -> Reader:
    def read(value: Any) -> Micros:
        kind = value.__class__
        if kind is int or kind is float:
            return scaled(value) if not _COMPACT[0] < value < _COMPACT[1] else _unusual(f"{value:.0f}", zone)
        if kind is not str:
            raise ValueError(f"not a time: {_shown(value)}")
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            return _unusual(value, zone)
        return micros(parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=zone))

    return read


def _unusual(text: str, zone: ZoneInfo) -> Micros:
    text = text.strip()
    if match := _DIGITS.fullmatch(text):
        year, month, day, *clock = match.groups()
        return _assembled(year, month, day, [*clock, None, None], zone)
    if _NUMBER.fullmatch(text):
        return scaled(_epoch_text(text))
    if match := _LOOSE.fullmatch(text):
        year, month, day, *rest = match.groups()
        return _assembled(year, month, day, rest, zone)
    if _YEAR_LAST.fullmatch(text):
        raise ValueError(f"day first or month first? {_shown(text)}: declare time_format")
    try:
        parsed = parsedate_to_datetime(text[:60])
    except (ValueError, TypeError, IndexError):
        raise ValueError(f"not a time: {_shown(text)}") from None
    return micros(parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC))


def _assembled(year: str, month: str, day: str, rest: list[str | None], zone: ZoneInfo) -> Micros:
    hour, minute, second, fraction, offset = rest
    iso = (
        f"{int(year):04}-{int(month):02}-{int(day):02}T{int(hour or 0):02}:{int(minute or 0):02}:{int(second or 0):02}"
    )
    iso += f".{(fraction + '000000')[:6]}" if fraction else ""
    parsed = datetime.fromisoformat(iso + _offset(offset))
    return micros(parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=zone))


def _offset(text: str | None) -> str:
    if not text:
        return ""
    if text[0] not in "+-":
        return "+00:00"
    return f"{text[0]}{int(text[1:]):02}:00" if len(text) <= 3 else text


def _epoch(scale: float) -> Reader:
    whole = int(scale) if scale >= 1 else 0

    def read(value: Any) -> Micros:
        kind = value.__class__
        if kind is int and whole:
            return _checked(value * whole)
        if kind is int:
            return _checked(value // 1_000)
        if kind is str:
            return read(_epoch_text(value))
        if kind is not float:
            raise ValueError(f"not an epoch time: {_shown(value)}")
        return _checked(value * scale)

    return read


def _epoch_text(text: str) -> float:
    if not _NUMBER.fullmatch(text) or len(text) > 40:
        raise ValueError(f"not an epoch time: {_shown(text)}")
    return float(text) if "." in text or "e" in text.lower() else int(text)


def _ordered(zone: ZoneInfo, *, day_first: bool) -> Reader:
    auto = _auto(zone)

    def read(value: Any) -> Micros:
        match = _YEAR_LAST.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            return auto(value)
        one, two, year, hour, minute, second, fraction, half, offset = match.groups()
        day, month = (one, two) if day_first else (two, one)
        full = year if len(year) == 4 else f"20{year}"
        return _assembled(full, month, day, [_clock(hour, half), minute, second, fraction, offset], zone)

    return read


def _clock(hour: str | None, half: str | None) -> str | None:
    if hour is None or half is None:
        return hour
    return str(int(hour) % 12 + (12 if half.upper() == "PM" else 0))


def _pattern(form: str, zone: ZoneInfo) -> Reader:
    datetime.strptime(datetime(2026, 12, 31, tzinfo=UTC).strftime(form), form)  # noqa: DTZ007  a wrong pattern fails now

    def read(value: Any) -> Micros:
        text = value if isinstance(value, str) else str(value)
        parsed = datetime.strptime(text.strip(), form)  # noqa: DTZ007
        return micros(parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=zone))

    return read


def _shown(value: Any) -> str:
    return repr(value)[:60]
