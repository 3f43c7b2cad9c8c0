"""What lies within somebody's bounds: the areas of alarms, the keys of feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ioc.store import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.access.rights import Bounds
    from ioc.store.database import Connection


def alarms_beyond(conn: Connection, bounds: Bounds, alarms: Sequence[int]) -> list[int]:
    """Those of the alarms that the bounds do not reach; one that lies in no area is only for who has none."""
    if not bounds.areas:
        return []
    rows = conn.execute(queries.load("bounds")["chains"], {"alarms": list(alarms)}).fetchall()
    within = {row[0] for row in rows if bounds.reaches_area(frozenset(row[1]))}
    return [alarm for alarm in alarms if alarm not in within]


def feed_within(conn: Connection, bounds: Bounds, feed: int) -> bool:
    row = conn.execute(queries.load("bounds")["feed"], {"feed": feed}).fetchone()
    return row is not None and bounds.reaches_feed(row[0])
