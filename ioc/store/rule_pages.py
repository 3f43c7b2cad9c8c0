"""What the rule pages show: every rule with how it fares, and what it was raised for. Rows are dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from datetime import date, datetime

    from ioc.store.database import Connection

    Row = dict[str, Any]


def listed(conn: Connection, at: datetime) -> list[Row]:
    """Rules with their health, those that fail or chatter first, then by how often they were raised.

    week, month: raised in 7 and 30 days; chattering: targets raised three times within a minute, in 7 days; stale:
    standing for a day, not put aside; targets, warning, error, error_at, errors, evaluated_at: the engine's own word.
    """
    return _rows(conn, "listed", at=at, key=None)


def one(conn: Connection, at: datetime, key: str) -> Row | None:
    """One rule as in `listed`."""
    found = _rows(conn, "listed", at=at, key=key)
    return found[0] if found else None


def days(conn: Connection, rule: int, since: datetime, zone: str) -> dict[date, int]:
    """How often it was raised on each of the city's days; days without are left out."""
    return {row["day"]: row["raised"] for row in _rows(conn, "days", rule=rule, since=since, zone=zone)}


def actors(conn: Connection, rule: int, since: datetime, most: int = 10) -> list[Row]:
    """target, sensor, sensor_key, feed, raised, last, alarm: what it was raised for most often."""
    return _rows(conn, "actors", rule=rule, since=since, limit=most)


def _rows(conn: Connection, name: str, **values: Any) -> list[Row]:
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(queries.load("rule_pages")[name], values).fetchall()
