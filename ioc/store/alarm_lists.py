"""What the alarm pages show: lists that stay quick with ten thousand rows, the time line of one alarm, deliveries.

Functions take a connection and return rows as dictionaries; alarms have the columns of `alarms.open_alarms`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from ioc.store.database import Connection

    Row = dict[str, Any]


SORTS = ("worst", "newest", "oldest", "rule", "place", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which alarms; None: all. isa: letters B to I; assigned: a contact's key; text: in number, rule, sensor, area."""

    priorities: Sequence[int] | None = None
    domains: Sequence[str] | None = None
    areas: Sequence[str] | None = None
    rules: Sequence[str] | None = None
    isa: Sequence[str] | None = None
    assigned: str | None = None
    sensor: int | None = None
    feed: str | None = None
    text: str | None = None

    def values(self) -> Row:
        found = {k: list(v) if isinstance(v, (tuple, set, list)) else v for k, v in asdict(self).items()}
        if self.text:
            plain = self.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            found["text"] = f"%{plain}%"
        return {k: v if v not in ("", []) else None for k, v in found.items()}


def open_page(
    conn: Connection, which: Filter = Filter(), *, limit: int = 100, offset: int = 0, sort: str = "worst"
) -> tuple[list[Row], int]:
    """A page of what is not over, and how many fit in all. sort: one of SORTS; within it the worst and newest first."""
    rows = _rows(conn, "page_open", **which.values(), limit=limit, offset=offset, sort=sort)
    if rows or offset == 0:
        return rows, rows[0]["total"] if rows else 0
    return [], open_page(conn, which, limit=1)[1]


def past_page(
    conn: Connection,
    which: Filter = Filter(),
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[datetime, int] | None = None,
    over: datetime | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[Row]:
    """A page of all alarms opened in [since, until), newest first. before: (opened_at, id) of the last row seen.

    over: only those that were over by then.
    """
    at, number = before or (None, None)
    return _rows(
        conn, "page_past", **which.values(), since=since, until=until, before_at=at, before_id=number, over=over,
        limit=limit, offset=offset,
    )  # fmt: skip


def tally(conn: Connection) -> list[Row]:
    """priority, isa, count of what is open."""
    return _rows(conn, "tally")


def time_line(conn: Connection, alarm_id: int) -> list[Row]:
    """Everything that happened to one alarm, oldest first: seq, at, kind, actor, note, ..., and `told`: who heard.

    told: contact, name, reason, via, step, state (open, mailed, dropped), quiet, not_before, mail (the outbox's state),
    sent_at, reply, channel, attempts, delivery (the outbox's id), twins (the same over other channels).
    """
    return _rows(conn, "time_line", id=alarm_id)


def next_step(conn: Connection, alarm_id: int) -> Row | None:
    """How far an alarm was told along its chain: chain, step of steps, due_at (None: it goes no further), notify."""
    found = _rows(conn, "next_step", id=alarm_id)
    return found[0] if found else None


def deliveries(
    conn: Connection,
    *,
    alarm: int | None = None,
    contact: str | None = None,
    states: Sequence[str] | None = None,
    channel: str | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 100,
) -> list[Row]:
    """What was sent to whom, newest first. before: (created_at, id) of the last row seen."""
    at, number = before or (None, None)
    return _rows(conn, "deliveries", alarm=alarm, contact=contact, states=list(states) if states else None,
                 channel=channel, before_at=at, before_id=number, limit=limit)  # fmt: skip


def open_ids(conn: Connection, which: Filter = Filter(), most: int = 10_000) -> list[int]:
    """Numbers of what fits and nobody has acknowledged, the worst first."""
    return [row["id"] for row in _rows(conn, "open_ids", **which.values(), limit=most)]


def aside_since(conn: Connection, ids: Sequence[int]) -> dict[int, datetime]:
    """When each of these was put aside last."""
    return {row["alarm_id"]: row["max"] for row in _rows(conn, "aside_since", ids=list(ids))}


def delivery_counts(conn: Connection) -> list[Row]:
    """channel, state, count of everything that is kept."""
    return _rows(conn, "delivery_counts")


def people(conn: Connection) -> list[Row]:
    """key, name, state of everybody who can be told or given something."""
    return _rows(conn, "people")


def rules(conn: Connection, most: int = 500) -> list[Row]:
    """key, name, open: rules to choose from, those with most open alarms first."""
    return _rows(conn, "rules", limit=most)


def keys(conn: Connection, ids: Sequence[int]) -> dict[int, Row]:
    """rule, feed, assigned_to of each of these alarms: what a look at the past does not tell."""
    return {row["id"]: row for row in _rows(conn, "keys", ids=list(ids))}


def waiting(conn: Connection, limit: int = 200) -> list[Row]:
    """What is owed and not written yet, the soonest first."""
    return _rows(conn, "waiting", limit=limit)


def _rows(conn: Connection, name: str, **values: Any) -> list[Row]:
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(queries.load("alarm_lists")[name], values).fetchall()
