"""What is owed to people, and the mails on their way: one row is one mail to one person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row

from ioc.errors import StoreError
from ioc.store import queries

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from ioc.store.database import Connection


class Pending(NamedTuple):
    """One thing one person must know, and how its alarm is now."""

    id: int
    contact_id: int
    alarm_id: int
    reason: str
    group_key: str
    not_before: datetime
    priority: int
    condition: str
    acked: bool
    suppression: str
    closed: bool
    contact_state: str


class Recent(NamedTuple):
    contact_id: int
    mails: int  # in ten minutes
    flooded_at: datetime | None
    lately: int = 0  # mails in two minutes


class Contact(NamedTuple):
    id: int
    key: str
    name: str
    email: str
    language: str
    zone: str | None


class Thread(NamedTuple):
    """A conversation: its key, the next number in it, the first and the newest Message-ID."""

    key: str
    seq: int
    root: str
    previous: str


class Letter(NamedTuple):
    """A claimed mail. `token` must still be the row's when the result is written."""

    id: UUID
    token: UUID
    contact_id: int
    email: str
    kind: str
    priority: int
    message_id: str
    subject: str
    mime: bytes
    plain: bytes | None
    alarms: list[int]
    attempts: int
    created_at: datetime
    ambiguous: bool


class Channel(NamedTuple):
    """Whether mail can leave: ok; down (try again at probe_at); stopped (somebody must correct the settings)."""

    state: str
    reason: str
    server: str
    failures: int
    since: datetime
    probe_at: datetime


class TakenError(StoreError):
    """Somebody else put these into a mail first."""


def pending(conn: Connection, at: datetime) -> list[Pending]:
    return [Pending(*row) for row in conn.execute(_sql("pending"), {"at": at})]


def recent(conn: Connection, at: datetime) -> dict[int, Recent]:
    return {row[0]: Recent(*row) for row in conn.execute(_sql("recent"), {"at": at})}


def drop(conn: Connection, intents: list[int]) -> None:
    conn.execute(_sql("drop"), {"ids": intents})


def contact(conn: Connection, contact_id: int) -> Contact:
    row = conn.execute(_sql("contact"), {"id": contact_id}).fetchone()
    assert row is not None
    return Contact(*row)


def watchers(conn: Connection) -> list[Contact]:
    """Up to three people who are told about the system itself: those who want to know most."""
    return [Contact(*row) for row in conn.execute(_sql("notice"))]


def thread(conn: Connection, contact_id: int, alarms: list[int]) -> Thread | None:
    """The conversation with this person that these alarms belong to."""
    row = conn.execute(_sql("thread"), {"contact": contact_id, "alarms": alarms}).fetchone()
    return Thread(*row) if row else None


def put(conn: Connection, *, intents: list[int], supersede: bool = True, **mail: Any) -> None:
    """Write one mail (id, contact, email, kind, thread, priority, message_id, subject, mime, plain, alarms, at).

    What waits for the same person about the same alarms and never left is superseded. The caller owns the transaction.
    Raises TakenError.
    """
    if supersede:
        conn.execute(_sql("supersede"), {"contact": mail["contact"], "alarms": mail["alarms"]})
    conn.execute(_sql("put"), mail)
    taken = conn.execute(_sql("mailed"), {"outbox": mail["id"], "ids": intents}).rowcount
    if taken != len(intents):
        raise TakenError


def claim(conn: Connection, at: datetime, limit: int) -> list[Letter]:
    """Lease up to `limit` mails that may leave now, the most urgent first."""
    found = [Letter(*row) for row in conn.execute(_sql("claim"), {"at": at, "limit": limit})]
    return sorted(found, key=lambda letter: (letter.priority, letter.created_at))


def wanted(conn: Connection, letter: Letter) -> bool:
    """Whether it should still be sent: its person can be written to, and not all its alarms were shelved meanwhile."""
    row = conn.execute(_sql("standing"), {"id": letter.id}).fetchone()
    return row is not None and row[0] == "ok" and (row[1] > 0 or letter.kind in ("system", "resolved"))


def finish(
    conn: Connection,
    letter: Letter,
    at: datetime,
    state: str,
    reply: str,
    *,
    due: datetime | None = None,
    count: int = 1,
    ambiguous: bool = False,
    as_text: bool = False,
) -> bool:
    """Write what became of an attempt; False when the lease was lost. as_text: the next attempt sends the text only."""
    values = {"id": letter.id, "token": letter.token, "at": at, "state": state, "reply": reply[:500], "due": due,
              "count": count, "ambiguous": ambiguous, "as_text": as_text}  # fmt: skip
    return conn.execute(_sql("finish"), values).fetchone() is not None


def refuse(conn: Connection, contact_id: int, reply: str) -> None:
    """Nobody is at this address: no more mail goes there."""
    conn.execute(_sql("refuse"), {"contact": contact_id, "reply": reply})


def escalate(conn: Connection, outbox_id: UUID, at: datetime) -> int:
    """Others are told what this mail could not tell; returns how many intents were made."""
    return conn.execute(_sql("escalate"), {"id": outbox_id, "at": at}).rowcount


def channel(conn: Connection) -> Channel:
    with conn.cursor(row_factory=class_row(Channel)) as cursor:
        found = cursor.execute(_sql("channel")).fetchone()
    assert found is not None
    return found


def set_channel(conn: Connection, channel: Channel, at: datetime) -> None:
    conn.execute(_sql("channel_set"), {**channel._asdict(), "at": at})


def counts(conn: Connection, at: datetime) -> dict[str, int]:
    """Mails of the last day by state."""
    return dict(conn.execute(_sql("counts"), {"at": at}).fetchall())


def forget_bodies(conn: Connection, at: datetime) -> int:
    """Drop the bytes of mails older than 30 days."""
    return conn.execute(_sql("forget_bodies"), {"at": at}).rowcount


def _sql(name: str) -> bytes:
    return queries.load("outbox")[name]
