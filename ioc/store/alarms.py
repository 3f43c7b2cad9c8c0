"""Alarms: read for screens, moved by people, written by the engine through the pure life cycle.

Every function takes a connection. Those that write own one transaction (a nested one inside the caller's): the alarm,
its history, what is owed to people and the notice to screens are written together or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from ioc.errors import IocError, StoreError
from ioc.store import queries
from ioc.store.alarm_lists import (
    Filter,
    aside_since,
    deliveries,
    delivery_counts,
    keys,
    next_step,
    open_ids,
    open_page,
    past_page,
    people,
    rules,
    tally,
    time_line,
    waiting,
)
from ioc.store.alarm_write import Move, by_id, clock, comment_on, write
from ioc.store.database import transaction, translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from ioc.store.database import Connection

LONGEST_SHELF_S = 7 * 86400


class ShelfError(IocError):
    """An alarm may be shelved for at most seven days, or less where the city says so, with a name and a reason."""


class NoteError(IocError):
    """A comment needs a name and some words."""


class NobodyError(StoreError):
    """There is no such contact."""


class MovedError(StoreError):
    """Somebody else changed this alarm since it was looked at."""


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


# What people do. by: who; note: why. All are safe to repeat: False when there was nothing left to do. version: the
# row_version that was looked at; where the alarm was changed since, MovedError is raised and nothing is done.


def acknowledge(conn: Connection, alarm_id: int, by: str, note: str = "", *, version: int | None = None) -> bool:
    """Somebody has seen it. False when there was nothing to acknowledge: it is over, or somebody was first."""
    return _by_hand(conn, alarm_id, Move("ack", actor=by, note=note), version)


def acknowledge_all(conn: Connection, ids: Sequence[int], by: str, note: str = "") -> int:
    """Somebody has seen these; returns how many there was something to acknowledge of. Some hundreds a call."""
    with transaction(conn):
        moves = [(alarm, [Move("ack", actor=by, note=note)]) for alarm in by_id(conn, list(ids))]
        return write(conn, clock(conn), moves=moves)


def reset(conn: Connection, alarm_id: int, by: str, note: str = "", *, version: int | None = None) -> bool:
    """Release the latch of an alarm that returned to normal and is acknowledged."""
    return _by_hand(conn, alarm_id, Move("reset", actor=by, note=note), version)


def comment(conn: Connection, alarm_id: int, by: str, note: str) -> bool:
    """Add words to its history, also when it is over. False where there is no such alarm. Raises NoteError."""
    if not by.strip() or not note.strip():
        raise NoteError("a comment needs a name and some words")
    with transaction(conn):
        return comment_on(conn, alarm_id, by, note)


def assign(
    conn: Connection, alarm_id: int, person: str, by: str, note: str = "", *, version: int | None = None
) -> bool:
    """Give it to a contact, who is told. False when it is theirs already, or over. Raises NobodyError."""
    with transaction(conn):
        found = conn.execute(queries.load("alarms")["contact"], {"key": person}).fetchone()
        if found is None:
            raise NobodyError(f"there is no contact {person!r}")
        now = conn.execute(queries.load("alarms")["assignee"], {"id": alarm_id}).fetchone()
        if now is None or now[0] == found[0]:
            return False
        detail = {"contact": person, "name": found[1]} | ({"from_contact": now[1]} if now[1] else {})
        return _by_hand(conn, alarm_id, Move("assign", actor=by, note=note, person=found[0], detail=detail), version)


def shelve(
    conn: Connection,
    alarm_id: int,
    by: str,
    reason: str,
    length: timedelta,
    *,
    until_normal: bool = False,
    version: int | None = None,
) -> bool:
    """Keep it from notifying for a while, or until it returns to normal, whichever comes first. Raises ShelfError.

    It is still evaluated and recorded.
    """
    event = "shelve_once" if until_normal else "shelve"
    _check_shelf(conn, by, reason, length)
    detail = {"until_normal": True} if until_normal else None
    return _by_hand(conn, alarm_id, Move(event, actor=by, note=reason, length=length, detail=detail), version)


def unshelve(conn: Connection, alarm_id: int, by: str, note: str = "", *, version: int | None = None) -> bool:
    """End a shelf early: people are told if the condition still holds."""
    return _by_hand(conn, alarm_id, Move("unshelve", actor=by, note=note), version)


def take_out_of_service(
    conn: Connection, alarm_id: int, by: str, reason: str, length: timedelta, *, version: int | None = None
) -> bool:
    """As `shelve`, for maintenance of the sensor. Raises ShelfError."""
    _check_shelf(conn, by, reason, length)
    return _by_hand(conn, alarm_id, Move("take_out", actor=by, note=reason, length=length), version)


def put_back(conn: Connection, alarm_id: int, by: str, note: str = "", *, version: int | None = None) -> bool:
    """End maintenance early."""
    return _by_hand(conn, alarm_id, Move("put_back", actor=by, note=note), version)


def forget(conn: Connection, before: datetime) -> int:
    """Drop whole episodes that closed before, some thousands a call: the only way history goes. Returns how many."""
    with transaction(conn):
        row = conn.execute(queries.load("alarms")["forget"], {"before": before}).fetchone()
    return int(row[0]) if row else 0


def longest_shelf_s(conn: Connection) -> float:
    """How long an alarm may be put aside at most, seconds."""
    row = conn.execute(queries.load("alarms")["longest_shelf"]).fetchone()
    return min(LONGEST_SHELF_S, row[0].total_seconds()) if row and row[0] else LONGEST_SHELF_S


def _check_shelf(conn: Connection, by: str, reason: str, length: timedelta) -> None:
    if not by.strip() or not reason.strip() or not 0 < length.total_seconds() <= longest_shelf_s(conn):
        raise ShelfError


def _by_hand(conn: Connection, alarm_id: int, move: Move, version: int | None = None) -> bool:
    with transaction(conn):
        found = by_id(conn, [alarm_id])
        if version is not None:
            row = conn.execute(queries.load("alarms")["version"], {"id": alarm_id}).fetchone()
            if row is not None and row[0] != version:
                raise MovedError(f"alarm {alarm_id} was changed by somebody else meanwhile: look again")
        return bool(found) and write(conn, clock(conn), moves=[(found[0], [move])]) > 0


def _rows(conn: Connection, name: str, **parameters: Any) -> list[dict[str, Any]]:
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(queries.load("alarms")[name], parameters).fetchall()


__all__ = [
    "Filter", "MovedError", "NobodyError", "NoteError", "ShelfError", "acknowledge", "acknowledge_all", "aside_since",
    "assign", "changes", "comment", "deliveries", "delivery_counts", "forget", "history", "keys", "longest_shelf_s",
    "next_step", "one", "open_alarms", "open_ids", "open_page", "past_page", "people", "put_back", "reset", "rules",
    "shelve", "take_out_of_service", "tally", "time_line", "unshelve", "waiting",
]  # fmt: skip
