"""Working time: when it passes, how much of it lies between two moments, when so much of it will have passed. Pure.

Hours are those on the clock of a zone: a day on which clocks change has an hour more or less of them only where they
span the change. Moments are microseconds UTC.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

from alerts.verdict import micros, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from zoneinfo import ZoneInfo

    from ioc.records import Micros

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LINE = re.compile(r"\s*([a-z]{3})(?:\s*-\s*([a-z]{3}))?\s+(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*")
_FURTHEST = 1100  # days: what takes longer has no deadline
Pause = tuple["Micros", "Micros | None"]  # from, to; None: still


class Calendar(NamedTuple):
    """hours: for each weekday from Monday, spans of minutes of the day; without any, all the time."""

    hours: tuple[tuple[tuple[int, int], ...], ...]
    holidays: AbstractSet[date]
    zone: ZoneInfo


def hours(lines: Sequence[str]) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Lines as "mon-fri 07:30-11:30". Raises ValueError."""
    week: list[list[tuple[int, int]]] = [[] for _ in _DAYS]
    for line in lines:
        found = _LINE.fullmatch(line.lower())
        if found is None or found[1] not in _DAYS or (found[2] or found[1]) not in _DAYS:
            raise ValueError(f"cannot read {line!r}; write mon-fri 07:30-11:30")
        begin, end = int(found[3]) * 60 + int(found[4]), int(found[5]) * 60 + int(found[6])
        if not begin < end <= 1440 or int(found[4]) > 59 or int(found[6]) > 59:
            raise ValueError(f"{line!r}: the end must come after the start, on the same day")
        for day in _days(found[1], found[2] or found[1]):
            if any(a < end and begin < b for a, b in week[day]):
                raise ValueError(f"{line!r} overlaps another line")
            week[day].append((begin, end))
    return tuple(tuple(sorted(day)) for day in week) if lines else ()


def _days(first: str, last: str) -> list[int]:
    a, b = _DAYS.index(first), _DAYS.index(last)
    return [(a + i) % 7 for i in range((b - a) % 7 + 1)]


def spans(calendar: Calendar, start: Micros) -> Iterator[tuple[Micros, Micros]]:
    """Working time from `start` on, span by span."""
    if not calendar.hours:
        yield start, start + _FURTHEST * 86_400_000_000
        return
    first = moment(start).astimezone(calendar.zone).date() - timedelta(days=1)
    for n in range(_FURTHEST):
        day = first + timedelta(days=n)
        if day in calendar.holidays:
            continue
        for begin, end in calendar.hours[day.weekday()]:
            a, b = _at(day, begin, calendar.zone), _at(day, end, calendar.zone)
            if b > max(a, start):
                yield max(a, start), b


def _at(day: date, minute: int, zone: ZoneInfo) -> Micros:
    shown = datetime.combine(day, time(0)) + timedelta(minutes=minute)
    return micros(shown.replace(tzinfo=zone))


def _open(calendar: Calendar, start: Micros, pauses: Sequence[Pause]) -> Iterator[tuple[Micros, Micros]]:
    """Working time that is not paused."""
    for begin, end in spans(calendar, start):
        at = begin
        for off, on in sorted(pauses, key=lambda p: p[0]):
            if off >= end or (on is not None and on <= at):
                continue
            if off > at:
                yield at, off
            at = end if on is None else max(at, on)
        if at < end:
            yield at, end


def elapsed(start: Micros, now: Micros, calendar: Calendar, pauses: Sequence[Pause] = ()) -> Micros:
    """Working time between the two, less the pauses."""
    total: Micros = 0
    for begin, end in _open(calendar, start, pauses):
        if begin >= now:
            break
        total += min(end, now) - begin
    return total


def due(start: Micros, needed: Micros, calendar: Calendar, pauses: Sequence[Pause] = ()) -> Micros | None:
    """When so much working time has passed; None while it is paused without an end, or beyond three years."""
    left = needed
    for begin, end in _open(calendar, start, pauses):
        if end - begin >= left:
            return begin + left
        left -= end - begin
    return None
