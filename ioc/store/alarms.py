"""Alarms: read for screens, moved by people, written by the engine through the pure life cycle.

Every function takes a connection. Those that write own one transaction (a nested one inside the caller's): the alarm,
its history, what is owed to people and the notice to screens are written together or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from ioc.errors import IocError
from ioc.store import queries
from ioc.store.alarm_write import Move, by_id, clock, write
from ioc.store.database import transaction, translated

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from ioc.store.database import Connection

LONGEST_SHELF_S = 7 * 86400


class ShelfError(IocError):
    """An alarm may be shelved for at most seven days, with a name and a reason."""


def open_alarms(conn: Connection) -> list[dict[str, Any]]:
    """Alarms whose episode is not over: active first, the worst and newest first."""
    return _rows(conn, "open_alarms")


def history(
    conn: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    sensor: int | None = None,
    limit: int = 200,
) -> list[dict[str, Any]]:
    """Alarms opened in [since, until), newest first, with the columns of `open_alarms`."""
    return _rows(conn, "history", since=since, until=until, sensor=sensor, id=None, limit=limit)


def one(conn: Connection, alarm_id: int) -> dict[str, Any] | None:
    """One alarm with the columns of `open_alarms`."""
    found = _rows(conn, "history", since=None, until=None, sensor=None, id=alarm_id, limit=1)
    return found[0] if found else None


def changes(conn: Connection, alarm_id: int) -> list[dict[str, Any]]:
    """Everything that happened to one alarm, oldest first."""
    return _rows(conn, "changes", id=alarm_id)


def acknowledge(conn: Connection, alarm_id: int, by: str, note: str = "") -> bool:
    """Somebody has seen it. False when there was nothing to acknowledge: it is over, or somebody was first."""
    return _by_hand(conn, alarm_id, Move("ack", actor=by, note=note))


def reset(conn: Connection, alarm_id: int, by: str, note: str = "") -> bool:
    """Release the latch of an alarm that returned to normal and is acknowledged."""
    return _by_hand(conn, alarm_id, Move("reset", actor=by, note=note))


def shelve(conn: Connection, alarm_id: int, by: str, reason: str, length: timedelta) -> bool:
    """Keep it from notifying for a while; it is still evaluated and recorded. Raises ShelfError."""
    if not by.strip() or not reason.strip() or not 0 < length.total_seconds() <= LONGEST_SHELF_S:
        raise ShelfError
    return _by_hand(conn, alarm_id, Move("shelve", actor=by, note=reason, length=length))


def unshelve(conn: Connection, alarm_id: int, by: str, note: str = "") -> bool:
    """End a shelf early: people are told if the condition still holds."""
    return _by_hand(conn, alarm_id, Move("unshelve", actor=by, note=note))


def take_out_of_service(conn: Connection, alarm_id: int, by: str, reason: str, length: timedelta) -> bool:
    """As `shelve`, for maintenance of the sensor. Raises ShelfError."""
    if not by.strip() or not reason.strip() or not 0 < length.total_seconds() <= LONGEST_SHELF_S:
        raise ShelfError
    return _by_hand(conn, alarm_id, Move("take_out", actor=by, note=reason, length=length))


def put_back(conn: Connection, alarm_id: int, by: str, note: str = "") -> bool:
    """End maintenance early."""
    return _by_hand(conn, alarm_id, Move("put_back", actor=by, note=note))


def _by_hand(conn: Connection, alarm_id: int, move: Move) -> bool:
    with transaction(conn):
        found = by_id(conn, [alarm_id])
        return bool(found) and write(conn, clock(conn), moves=[(found[0], [move])]) > 0


def _rows(conn: Connection, name: str, **parameters: Any) -> list[dict[str, Any]]:
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(queries.load("alarms")[name], parameters).fetchall()
