"""What is owed to people, and the messages on their way: one row is one message to one person over one channel."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row

from ioc.errors import StoreError
from ioc.store import queries

if TYPE_CHECKING:
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
    late: bool = False  # it was found in samples that came late, or after an outage


class Written(NamedTuple):
    """A message written to somebody within the last ten minutes, and about how many alarms of which groups."""

    at: datetime
    kind: str
    groups: list[str]
    alarms: int


class Contact(NamedTuple):
    """refused: "channel address" of each that leads to nobody."""

    id: int
    key: str
    name: str
    email: str
    language: str
    zone: str | None
    settings: dict[str, Any]
    state: str
    refused: list[str]


class Thread(NamedTuple):
    """A conversation: its key, the next number in it, the first and the newest Message-ID, and how it began."""

    key: str
    seq: int
    root: str
    previous: str
    subject: str
    priority: int
    begun: datetime


class Letter(NamedTuple):
    """A claimed message. `token` must still be the row's when the result is written."""

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
    reasons: list[str]


class Channel(NamedTuple):
    """Whether messages can leave: ok; down (try again at probe_at); stopped (somebody must correct the settings)."""

    state: str
    reason: str
    server: str
    failures: int
    since: datetime
    probe_at: datetime


NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class TakenError(StoreError):
    """Somebody else put these into a mail first."""


def pending(conn: Connection, at: datetime, *, everybody: bool = False) -> list[Pending]:
    """All that is owed to whom something is due at `at`; to everybody, due or not, for digests."""
    return [Pending(*row) for row in conn.execute(_sql("pending"), {"at": at, "everybody": everybody})]


def recent(conn: Connection, at: datetime) -> dict[int, list[Written]]:
    """By contact, oldest first."""
    found: dict[int, list[Written]] = {}
    for who, *rest in conn.execute(_sql("recent"), {"at": at}):
        found.setdefault(who, []).append(Written(*rest))
    return found


def uncleared(conn: Connection) -> set[tuple[int, str]]:
    """(contact, group) owed something, of which alarms they were told of still stand."""
    return {(row[0], row[1]) for row in conn.execute(_sql("uncleared"))}


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


_OPTIONAL = {"plain": None, "channel": "mail", "twin": None, "groups": (), "reasons": (), "note": None}
_ABOUT_ALARMS = ("alarm", "group", "flood")
_ASKS = {"reminder", "escalated"}  # worth nothing once somebody acknowledged


def supersede(conn: Connection, contact_id: int, alarms: list[int]) -> None:
    """What waits for this person about these alarms and never left is replaced by what is written next; before that
    looks for its conversation, which must not hang on a mail nobody got.
    """
    conn.execute(_sql("supersede"), {"contact": contact_id, "alarms": alarms})


def put(conn: Connection, *, intents: list[int], **mail: Any) -> None:
    """Write one message (id, contact, email, kind, thread, priority, message_id, subject, mime, alarms, at; optional:
    plain, channel, twin: the row it repeats, groups, reasons, note: what went wrong while it was written).

    The caller owns the transaction. Raises TakenError.
    """
    row = {**_OPTIONAL, **mail}
    conn.execute(_sql("put"), {**row, "groups": list(row["groups"]), "reasons": list(row["reasons"])})
    taken = conn.execute(_sql("mailed"), {"outbox": mail["id"], "ids": intents}).rowcount
    if taken != len(intents):
        raise TakenError


def claim(conn: Connection, at: datetime, limit: int, channel: str = "mail") -> list[Letter]:
    """Lease up to `limit` messages that may leave now, the most urgent first."""
    values = {"at": at, "limit": limit, "channel": channel}
    found = [Letter(*row) for row in conn.execute(_sql("claim"), values)]
    return sorted(found, key=lambda letter: (letter.priority, letter.created_at))


def hold(conn: Connection, letter: Letter, at: datetime) -> bool:
    """Make the lease longer before an attempt; False when somebody else has it by now."""
    return conn.execute(_sql("hold"), {"id": letter.id, "token": letter.token, "at": at}).fetchone() is not None


def wanted(conn: Connection, letter: Letter) -> bool:
    """Whether it should still be sent: its person can be written to, not all its alarms were put aside meanwhile, and
    somebody still waits for an answer where it only asks for one.
    """
    row = conn.execute(_sql("standing"), {"id": letter.id}).fetchone()
    if row is None or row[0] != "ok":
        return False
    if letter.kind not in _ABOUT_ALARMS:
        return True
    only_asks = bool(letter.reasons) and set(letter.reasons) <= _ASKS
    return bool(row[2] if only_asks else row[1])


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


def refuse(conn: Connection, letter: Letter, reply: str, channel: str = "mail") -> None:
    """Nobody is at this address: nothing more goes there."""
    values = {"contact": letter.contact_id, "channel": channel, "address": letter.email, "reply": reply}
    conn.execute(_sql("refuse"), values)


def escalate(conn: Connection, outbox_id: UUID, at: datetime, *, otherwise: bool = False) -> int:
    """Others are told what this message could not tell, the next of its chain where there is one; returns how many
    intents were made. otherwise: only those who can be reached over another channel than mail.
    """
    return conn.execute(_sql("escalate"), {"id": outbox_id, "at": at, "otherwise": otherwise}).rowcount


def channel(conn: Connection, key: str = "mail") -> Channel:
    """As last written; one that was never used is ok."""
    with conn.cursor(row_factory=class_row(Channel)) as cursor:
        found = cursor.execute(_sql("channel"), {"key": key}).fetchone()
    return found or Channel("ok", "", "", 0, NEVER, NEVER)


def channels(conn: Connection) -> list[tuple[str, str, str]]:
    """(key, state, reason) of each that was ever used."""
    return conn.execute(_sql("channels")).fetchall()


def set_channel(conn: Connection, channel: Channel, at: datetime, key: str = "mail") -> None:
    conn.execute(_sql("channel_set"), {**channel._asdict(), "at": at, "key": key})


def counts(conn: Connection, at: datetime) -> dict[str, int]:
    """Mails of the last day by state."""
    return dict(conn.execute(_sql("counts"), {"at": at}).fetchall())


def forget_bodies(conn: Connection, at: datetime) -> int:
    """Drop the bytes of mails older than 30 days."""
    return conn.execute(_sql("forget_bodies"), {"at": at}).rowcount


def _sql(name: str) -> bytes:
    return queries.load("outbox")[name]
