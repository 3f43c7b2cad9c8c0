"""What the live map asks for beside the snapshot: trails of moving sensors, and the areas of another day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from datetime import date

    from ioc.store.database import Connection

Row = dict[str, Any]


def trails(conn: Connection, seconds: float = 1200, most: int = 20_000) -> list[tuple[str, float, float, int]]:
    """(sensor's key, lon, lat, ms) of the last `seconds`, those of one sensor together, oldest first."""
    with translated():
        rows = conn.execute(queries.load("map")["trails"], {"seconds": seconds, "most": most}).fetchall()
    return [(str(key), float(lon), float(lat), int(at)) for key, lon, lat, at in rows]


def areas_on(conn: Connection, day: date) -> list[Row]:
    """id, key, name, kind, geometry (GeoJSON) of the areas valid on that day of the city."""
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(queries.load("map")["areas_on"], {"day": day}).fetchall()


def members_on(conn: Connection, day: date) -> list[tuple[int, int]]:
    """(sensor, area's id): who is in what, by the map of that day."""
    with translated():
        return [(int(s), int(a)) for s, a in conn.execute(queries.load("map")["members_on"], {"day": day})]
