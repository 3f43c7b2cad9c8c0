"""What puts alarms aside by itself: windows of maintenance, and larger faults that a rule names as its parents."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ioc.store import queries

if TYPE_CHECKING:
    from datetime import datetime

    from ioc.store.database import Connection


class Change(NamedTuple):
    """what: take_out, put_back, hide or unhide; until, by, note: of the window; parent: the alarm behind which."""

    what: str
    maintenance: int | None
    until: datetime | None
    note: str
    by: str | None
    parent: int | None


def changes(conn: Connection, at: datetime, ids: list[int] | None = None) -> list[tuple[int, Change]]:
    """Open alarms (all, or just these) whose cover is not what it should be, with what to do about it."""
    if ids == []:
        return []
    row = conn.execute(queries.load("cover")["any"], {"at": at}).fetchone()
    if not row or not row[0]:
        return []
    found = conn.execute(queries.load("cover")["changes"], {"at": at, "ids": ids})
    return [(i, Change(what, m, ends, reason or _behind(parent, rule), by, parent))
            for i, what, m, ends, reason, by, parent, rule in found]  # fmt: skip


def _behind(parent: int | None, rule: str | None) -> str:
    return "" if parent is None else f"{rule} #{parent}"
