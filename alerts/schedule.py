"""When somebody's brief, digest or report is due: local times of the city, once each, whatever clocks do. Pure.

A slot is named by its local date (an hourly one by its hour in UTC), and is written once under that name. So a double
02:30 in autumn is one slot, a missing 02:30 in spring comes at 03:30, and an engine that was away catches up.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date
    from zoneinfo import ZoneInfo

LATE = {"brief": timedelta(hours=4), "digest": timedelta(hours=12), "report": timedelta(hours=24)}
DIGEST_AT = "07:00"  # where low priority is wanted and nothing is said
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Slot(NamedTuple):
    """kind: brief, digest or report. at: when it was due. span: what it is about, until then."""

    kind: str
    name: str
    at: datetime
    span: timedelta


def due(settings: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> list[Slot]:
    """What is due now and not too late, the newest slot of each kind. now: aware."""
    found = []
    if clock := settings.get("brief"):
        found.append(_daily("brief", clock, zone, now))
    digest = settings.get("digest") or DIGEST_AT
    found.append(_hourly(now) if digest == "hourly" else _daily("digest", digest, zone, now))
    if weekly := settings.get("report"):
        day, clock = weekly.split()
        found += [slot for slot in _week(clock, zone, now) if _DAYS[slot.at.astimezone(zone).weekday()] == day][-1:]
    return [slot for slot in found if slot.at <= now < slot.at + LATE[slot.kind]]


def moment(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """That local time as UTC; the first of two, and what comes after a gap instead of a time that is not there."""
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)


def _daily(kind: str, clock: str, zone: ZoneInfo, now: datetime) -> Slot:
    """The newest one that is not in the future."""
    today = now.astimezone(zone).date()
    day = today if moment(today, clock, zone) <= now else today - timedelta(days=1)
    at = moment(day, clock, zone)
    return Slot(kind, day.isoformat(), at, at - moment(day - timedelta(days=1), clock, zone))


def _hourly(now: datetime) -> Slot:
    at = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return Slot("digest", at.isoformat(timespec="hours"), at, timedelta(hours=1))


def _week(clock: str, zone: ZoneInfo, now: datetime) -> Iterator[Slot]:
    """The last seven days' slots, oldest first."""
    today = now.astimezone(zone).date()
    for back in range(7, -1, -1):
        day = today - timedelta(days=back)
        at = moment(day, clock, zone)
        if at <= now:
            yield Slot("report", day.isoformat(), at, at - moment(day - timedelta(days=7), clock, zone))
