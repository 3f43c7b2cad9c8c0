"""What time does to open alarms beyond their rules: maintenance begins and ends, parents fall, nobody acknowledges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ioc.store import alarm_write as store
from ioc.store import telling
from ioc.store.alarm_write import Move
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ioc.store.database import Connection
    from ioc.store.telling import Late

_CHUNK = 1000


def pass_time(conn: Connection, at: datetime, guard: Callable[[Connection], None]) -> int:
    """Covers first, so that nobody is called out for what has just been put aside; returns how many alarms changed."""
    with transaction(conn):
        guard(conn)
        moved = store.cover_all(conn, at)
    late = telling.late(conn, at)
    for start in range(0, len(late), _CHUNK):
        with transaction(conn):
            guard(conn)
            moved += _escalate(conn, at, {one.alarm_id: one for one in late[start : start + _CHUNK]})
    return moved


def _escalate(conn: Connection, at: datetime, late: dict[int, Late]) -> int:
    alarms = store.by_id(conn, list(late))
    steps = {i: {"chain": one.chain, "step": one.step} for i, one in late.items()}
    return store.write(conn, at, moves=[(a, [Move("escalate", detail=steps[a.id])]) for a in alarms])
