"""A database clock that may leap -> the time that retention counts back from, so that a wrong clock deletes nothing.

A leap forward of more than a day (or a day without upkeep: nobody can tell them apart) counts only once it has lasted
for a day. Until then the past is measured as if it had not happened.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from ioc.store import growth

if TYPE_CHECKING:
    from ioc.store.database import Connection

_DAY = timedelta(days=1)
_NAME = "clock"


class Clock(NamedTuple):
    """seen: the database's clock at the last round; leap: how far it leapt, at `since`, while that is not believed."""

    seen: datetime
    leap: timedelta = timedelta(0)
    since: datetime | None = None

    @property
    def believed(self) -> datetime:
        return self.seen - self.leap


def step(before: Clock | None, now: datetime) -> Clock:
    """What the clock shows now, after what it showed before."""
    if before is None:
        return Clock(now)
    passed = now - before.seen
    if passed > _DAY:
        return Clock(now, before.leap + passed, now)
    leap = before.leap if passed >= timedelta(0) else max(before.leap + passed, timedelta(0))
    if leap <= _DAY or before.since is None or now - before.since > _DAY:
        return Clock(now)
    return Clock(now, leap, before.since)


def look(conn: Connection, now: datetime) -> Clock:
    """The next step, kept for the round after this one."""
    clock = step(recall(conn), now)
    value = {"seen": clock.seen, "leap": clock.leap.total_seconds(), "since": clock.since}
    growth.remember(conn, _NAME, value, now)
    return clock


def recall(conn: Connection) -> Clock | None:
    """As upkeep last saw it."""
    known = growth.recall(conn, _NAME)
    if known is None:
        return None
    since = known["since"] and datetime.fromisoformat(known["since"])
    return Clock(datetime.fromisoformat(known["seen"]), timedelta(seconds=known["leap"]), since)
