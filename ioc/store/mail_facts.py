"""What a mail about alarms needs to know, read from the store in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from ioc.store.database import Connection

Row = dict[str, Any]


def alarms(conn: Connection, ids: list[int]) -> list[Row]:
    """Everything about these alarms, in the order asked for."""
    return _rows(conn, "alarms", ids=ids)


def critical(conn: Connection, ids: list[int]) -> list[Row]:
    """id, rule, rule_name, name, title, target of the critical ones of these that still stand, by rule."""
    return _rows(conn, "critical", ids=ids)


def changes(conn: Connection, ids: list[int]) -> dict[int, list[Row]]:
    """The last five changes of each alarm, oldest first."""
    found: dict[int, list[Row]] = {}
    for row in _rows(conn, "changes", ids=ids):
        found.setdefault(row["alarm_id"], []).append(row)
    return found


def told(conn: Connection, ids: list[int], contact: int) -> dict[int, list[str]]:
    """Names of the others who are told, by alarm."""
    return dict(conn.execute(_sql("told"), {"ids": ids, "contact": contact}).fetchall())


def near(conn: Connection, alarm: Row) -> list[Row]:
    """Other open alarms near this one."""
    return _rows(conn, "near", id=alarm["id"], area=alarm["area"], lat=alarm["lat"], lon=alarm["lon"])


def curve(
    conn: Connection, series: int, start: datetime, stop: datetime, step: timedelta
) -> list[tuple[float, float, float, float]]:
    """(epoch s, mean, min, max) of each step that has readings."""
    columns = {"series": series, "start": start, "stop": stop, "step": step}
    return conn.execute(_sql("curve"), columns).fetchall()


def trend(conn: Connection, series: int, start: datetime, stop: datetime) -> tuple[float | None, int]:
    """(change per hour, over how many readings)."""
    row = conn.execute(_sql("trend"), {"series": series, "start": start, "stop": stop}).fetchone()
    return (row[0], int(row[1])) if row else (None, 0)


def around(conn: Connection, lat: float, lon: float, box: tuple[float, float, float, float]) -> list[Row]:
    """Sensors in a box (west, south, east, north), nearest to the place first."""
    west, south, east, north = box
    return _rows(conn, "around", lat=lat, lon=lon, west=west, south=south, east=east, north=north)


def areas(conn: Connection) -> list[Row]:
    """key, name, geometry (GeoJSON) of today's wards."""
    return _rows(conn, "areas")


def _rows(conn: Connection, name: str, **parameters: Any) -> list[Row]:
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_sql(name), parameters).fetchall()


def _sql(name: str) -> bytes:
    return queries.load("mail")[name]
