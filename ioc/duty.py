"""Rosters, quiet hours and weekly windows in, plain spans of UTC time out. Pure.

Hours are read off a clock on the wall: a shift that begins at 07:00 begins at 07:00 on the day the clocks change, too,
and is an hour shorter or longer for it. Nothing is added to an instant; every border is a local day and hour.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from ioc.config.duty import DAYS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ioc.config.duty import Quiet, Roster, Shift, Window

_DAY = timedelta(days=1)


class Span(NamedTuple):
    """[starts, ends), UTC."""

    starts: datetime
    ends: datetime


class OnDuty(NamedTuple):
    """Somebody holds a post. via: 'rotation' or 'override'."""

    starts: datetime
    ends: datetime
    person: str
    via: str = "rotation"


class Override(NamedTuple):
    """person stands in from `starts` to `ends`, instead of one person or (None) of whoever is on duty."""

    starts: datetime
    ends: datetime
    person: str
    instead_of: str | None = None


def who_is_on_duty(
    roster: Roster, at: datetime, zone: ZoneInfo, holidays: Collection[date] = (), overrides: Iterable[Override] = ()
) -> list[str]:
    """Keys of the contacts that hold the post at `at`, in the order of the roster's shifts; nobody: an empty list."""
    spans = schedule(roster, at, at + timedelta(microseconds=1), zone, holidays, overrides)
    return list(dict.fromkeys(span.person for span in spans))


def schedule(
    roster: Roster,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    holidays: Collection[date] = (),
    overrides: Iterable[Override] = (),
) -> list[OnDuty]:
    """Who holds the post when, from `start` to `end`, in order of time; spans of one person that touch are one."""
    where = ZoneInfo(roster.zone) if roster.zone else zone
    spans = [span for shift in roster.shift for span in _turns(shift, start, end, where, holidays)]
    for override in overrides:
        spans = list(_replaced(spans, override))
    cut = [s._replace(starts=max(s.starts, start), ends=min(s.ends, end)) for s in spans]
    return _joined([s for s in cut if s.starts < s.ends])


def gaps(spans: Iterable[Span | OnDuty], start: datetime, end: datetime) -> list[Span]:
    """What no span covers between `start` and `end`."""
    found, reached = [], start
    for span in sorted(spans, key=lambda s: s.starts):
        if span.starts > reached:
            found.append(Span(reached, span.starts))
        reached = max(reached, span.ends)
    return [*found, Span(reached, end)] if reached < end else found


def quiet_spans(
    quiet: Quiet, start: datetime, end: datetime, zone: ZoneInfo, holidays: Collection[date] = ()
) -> list[Span]:
    """When somebody is left in peace; spans that touch (a whole holiday after a night) are one."""
    found = _hourly(quiet.hours, quiet.days, quiet.holidays, start, end, zone, holidays)
    return [Span(s.starts, s.ends) for s in _joined(OnDuty(s.starts, s.ends, "") for s in found)]


def window_spans(
    window: Window, start: datetime, end: datetime, zone: ZoneInfo, holidays: Collection[date] = ()
) -> list[Span]:
    """When a window of maintenance is open, each time it is."""
    if window.starts is not None and window.ends is not None:
        once = Span(_utc(window.starts, zone), _utc(window.ends, zone))
        return [once] if once.starts < end and once.ends > start else []
    assert window.hours is not None
    low, high = window.valid_from or date.min, window.valid_to or date.max
    found = _hourly(window.hours, window.days, window.holidays, start, end, zone, holidays)
    return [s for s in found if low <= s.starts.astimezone(zone).date() <= high]


def _hourly(
    hours: str,
    days: Sequence[str],
    rule: str,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    holidays: Collection[date],
) -> Iterator[Span]:
    """The hours of every local day that fits, where they touch [start, end)."""
    day = start.astimezone(zone).date() - _DAY
    while day <= end.astimezone(zone).date():
        span = _on(day, hours, zone)
        if _fits(day, days, rule, holidays) and span.starts < end and span.ends > start:
            yield span
        day += _DAY


def _on(day: date, hours: str, zone: ZoneInfo) -> Span:
    begin, end = hours.split("-")
    return Span(_at(day, begin, zone), _at(day + _DAY if end <= begin else day, end, zone))


def _at(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """The instant of a local time. An hour that comes twice means the first; one that is skipped, an hour later."""
    if clock == "24:00":
        return _at(day + _DAY, "00:00", zone)
    return _utc(datetime.combine(day, time.fromisoformat(clock)), zone)


def _utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)


def _fits(day: date, days: Sequence[str], rule: str, holidays: Collection[date]) -> bool:
    holiday = day in holidays
    if (rule == "only" and not holiday) or (rule == "off" and holiday):
        return False
    return not days or DAYS[day.weekday()] in days


def _turns(
    shift: Shift, start: datetime, end: datetime, zone: ZoneInfo, holidays: Collection[date]
) -> Iterator[OnDuty]:
    """Each day of duty with the member whose turn it is. A day of duty runs from one handover to the next."""
    day = max(start.astimezone(zone).date() - 2 * _DAY, shift.starts)
    while day <= end.astimezone(zone).date():
        span = Span(_at(day, shift.handover, zone), _at(day + _DAY, shift.handover, zone))
        if shift.hours is not None:
            span = _on(day, shift.hours, zone)
        if _fits(day, shift.days, shift.holidays, holidays) and span.starts < end and span.ends > start:
            yield OnDuty(span.starts, span.ends, _member(shift, day, zone, span.starts))
        day += _DAY


def _member(shift: Shift, day: date, zone: ZoneInfo, begins: datetime) -> str:
    """Hours that begin before the day's handover still belong to the turn before."""
    before = begins < _at(day, shift.handover, zone)
    turn = ((day - shift.starts).days - before) // (shift.every // _DAY)
    return shift.members[max(turn, 0) % len(shift.members)]


def _replaced(spans: Iterable[OnDuty], override: Override) -> Iterator[OnDuty]:
    """Cut the span of who is stood in for, and put the other there."""
    mine = Span(override.starts, override.ends)
    for span in spans:
        low, high = max(span.starts, mine.starts), min(span.ends, mine.ends)
        if low >= high or (override.instead_of is not None and span.person != override.instead_of):
            yield span
            continue
        if span.starts < low:
            yield span._replace(ends=low)
        if high < span.ends:
            yield span._replace(starts=high)
        if override.instead_of is not None:
            yield OnDuty(low, high, override.person, "override")
    if override.instead_of is None:
        yield OnDuty(mine.starts, mine.ends, override.person, "override")


def _joined(spans: Iterable[OnDuty]) -> list[OnDuty]:
    found: list[OnDuty] = []
    for span in sorted(spans, key=lambda s: (s.person, s.via, s.starts)):
        last = found[-1] if found else None
        if last is not None and (last.person, last.via) == (span.person, span.via) and span.starts <= last.ends:
            found[-1] = last._replace(ends=max(last.ends, span.ends))
        else:
            found.append(span)
    return sorted(found, key=lambda s: (s.starts, s.ends, s.person))
