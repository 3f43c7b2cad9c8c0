"""Tells the watchers by mail, in good time, that the database's disk fills: a month, a week and a day before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ioc.store import growth
from ioc.store.database import transaction

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.compose import Composer
    from ioc.store.database import Connection
    from ioc.store.growth import Growth

_STAGES = (1, 7)  # days before; the first warning comes when the city's disk_warn says
_NAME = "disk_told"
_NAMED = 3  # feeds in a mail


def warn(conn: Connection, composer: Composer, now: datetime) -> bool:
    """Whether a warning was written. Each stage is told once, until the disk is out of danger."""
    found = growth.look(conn, now)
    left = found.days_left(now.date())
    if left is None or not found.warns(now.date()):
        growth.forget(conn, _NAME)
        return False
    stage = next((days for days in _STAGES if left <= days), found.warn)
    told = growth.recall(conn, _NAME)
    if told is not None and told <= stage:
        return False
    with transaction(conn):
        composer.notice(conn, "system.disk", "system.disk_text", now, **_said(found, left))
        growth.remember(conn, _NAME, stage, now)
    return True


def _said(found: Growth, left: int) -> dict[str, str]:
    largest = sorted(found.feeds, key=lambda feed: -feed.per_day)[:_NAMED]
    return {
        "day": str(found.forecast.full_on), "days": str(left), "free": growth.size(found.free or 0),
        "per_day": growth.size(found.forecast.per_day),
        "feeds": ", ".join(f"{feed.key} {growth.size(feed.per_day)}" for feed in largest) or "?",
    }  # fmt: skip
