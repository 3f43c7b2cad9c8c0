"""What is written by schedule: who wants it, whether it was written, and the facts of briefs and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import dict_row

from ioc.store import queries
from ioc.store.outbox import Contact

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

    from ioc.store.database import Connection

Row = dict[str, Any]


class Reader(NamedTuple):
    """settings: as in contacts.toml. stopped: kinds of mail this person unsubscribed from."""

    contact_id: int
    settings: Row
    stopped: list[str]


class Concern(NamedTuple):
    """Which domains and areas somebody is concerned with; empty means all."""

    domains: list[str]
    areas: list[str]


def readers(conn: Connection) -> list[Reader]:
    return [Reader(*row) for row in conn.execute(_sql("readers"))]


def written(conn: Connection, contact: int, kind: str, slot: str) -> bool:
    values = {"contact": contact, "kind": kind, "slot": slot}
    return conn.execute(_sql("written"), values).fetchone() is not None


def take(conn: Connection, contact: int, kind: str, slot: str, outbox: UUID | None) -> bool:
    """In the transaction that writes the mail: False when it was written already, by whomever."""
    values = {"contact": contact, "kind": kind, "slot": slot, "outbox": outbox}
    return conn.execute(_sql("take"), values).fetchone() is not None


def by_key(conn: Connection, key: str) -> Contact | None:
    row = conn.execute(_sql("by_key"), {"key": key}).fetchone()
    return Contact(*row) if row else None


def night(conn: Connection, concern: Concern, start: datetime, end: datetime) -> list[Row]:
    """id, priority, condition, closed of what was raised in [start, end), the worst first."""
    return _rows(conn, "night", start=start, end=end, **concern._asdict())


def standing(conn: Connection, concern: Concern) -> list[Row]:
    """id, priority, acked, suppression of what is open now, the worst first, what is put aside last."""
    return _rows(conn, "standing", **concern._asdict())


def worst(conn: Connection, concern: Concern, end: datetime, span: timedelta) -> list[Row]:
    """One series a domain: value is its worst within `span` before `end`, before its worst of the span before that,
    beyond how far it is behind its level (raise), as a part of the level; the worst domain first.
    """
    rows = _rows(conn, "worst", day=end - span, before=end - 2 * span, end=end, domains=concern.domains)
    return sorted(rows, key=lambda row: -row["beyond"])


def quality(conn: Connection, start: datetime, end: datetime) -> Row:
    """received, quarantined (messages), doubted (series), silent (names of feeds), failed, unsure (to people)."""
    return _rows(conn, "quality", start=start, end=end)[0]


def health(conn: Connection, start: datetime, end: datetime) -> Row:
    """Figures of the alarm system in [start, end); see the query."""
    return _rows(conn, "health", start=start, end=end)[0]


def priorities(conn: Connection, start: datetime, end: datetime) -> dict[int, int]:
    return dict(conn.execute(_sql("priorities"), {"start": start, "end": end}).fetchall())


def bad_actors(conn: Connection, start: datetime, end: datetime) -> list[tuple[int, int]]:
    """(an alarm of it, how often it was raised), most often first."""
    return conn.execute(_sql("bad_actors"), {"start": start, "end": end}).fetchall()


def longest(conn: Connection) -> list[int]:
    return [row[0] for row in conn.execute(_sql("longest"))]


def mails(conn: Connection, start: datetime, end: datetime) -> Row:
    return _rows(conn, "mails", start=start, end=end)[0]


def unreachable(conn: Connection) -> list[str]:
    return [row[0] for row in conn.execute(_sql("unreachable"))]


def _rows(conn: Connection, name: str, **values: Any) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_sql(name), values).fetchall()


def _sql(name: str) -> bytes:
    return queries.load("digests")[name]
