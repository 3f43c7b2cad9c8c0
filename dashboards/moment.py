"""The city that a desk page shows: now from the live snapshot, or the past moment of its address from the store."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from dashboards import then
from dashboards.context import current
from dashboards.parts import now
from dashboards.viewer import CURRENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dashboards.snapshot import Frame, Snapshot

_KEPT = 60.0  # seconds a past moment is kept for whoever asks again
_MOST = 4


class Moment(NamedTuple):
    """alarms, events: rows of ioc.store.snapshot, of then or of now."""

    at: datetime
    snap: Snapshot
    frame: Frame
    alarms: Sequence[dict[str, Any]]
    events: Sequence[dict[str, Any]]


async def shown() -> Moment | None:
    """None until the store was read for the first time. Raises StoreAway, StoreError."""
    live, hub = current().live, current().hub
    at = CURRENT.get().at
    if live.snap is None or hub.frame is None:
        return None
    if at is None:
        return Moment(now(), live.snap, live.snap.frame(live.now()), live.alarm_rows, live.event_rows)
    found = await asyncio.to_thread(_past, at)
    return Moment(at, found.snap, found.frame, found.city.alarms, found.city.events)


def _past(at: datetime) -> then.Then:
    caches = current().caches
    key = ("then", at)
    held = caches.get(key)
    if held is None or time.monotonic() - held[0] > _KEPT:
        old = sorted((k for k in caches if k[0] == "then"), key=lambda k: caches[k][0])
        for gone in old[: max(0, len(old) - _MOST + 1)]:
            caches.pop(gone, None)
        with current().pool.connection() as conn:
            held = caches[key] = (time.monotonic(), then.read(conn, current().live, at))
    found: then.Then = held[1]
    return found
