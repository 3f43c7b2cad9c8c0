"""Sessions of people: opened after a log-in, found by a cookie, turned while in use, ended by many things.

A session ends after twelve hours without use (a shift), after seven days whatever happens, when somebody logs out, and
when the account's password is changed or it is disabled; a changed role counts from the next look. One of a single
sign-on ends after twelve hours however much it is used, so that its provider is asked again. The cookie is
`handle.value.signature`: the signature refuses a made-up one before the store is asked, the value is the secret and is
turned every quarter of an hour of use. Whoever shows a value that was turned longer than a minute ago has a copy: the
session ends for everybody, and the audit says so.
"""

from __future__ import annotations

import logging
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import namedtuple_row

from ioc.access import keys
from ioc.access.holder import Holder, Who
from ioc.access.rights import Bounds, Role
from ioc.errors import AccessError
from ioc.store import audit, kept, queries

if TYPE_CHECKING:
    from ioc.store.database import Connection
    from ioc.store.people import Person

log = logging.getLogger(__name__)
IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
PROVIDER_ASKED = timedelta(hours=12)  # somebody removed there is out here after so long
TURNED_EVERY = timedelta(minutes=15)
GRACE = timedelta(minutes=1)  # what was under way when a value was turned
_OFFERED_AGAIN = timedelta(seconds=30)  # an answer with a new value may be lost
_NOTED_EVERY = timedelta(minutes=1)  # not every request writes a row
_MOST = 30  # sessions of one account: the one unused for longest makes room
_COOKIE = re.compile(r"[\w-]{22}\.[\w-]{43}\.[\w-]{43}", re.ASCII)


class Session(NamedTuple):
    """One place where somebody is logged in, as that person is shown it."""

    handle: str
    created_at: datetime
    seen_at: datetime
    ends_at: datetime
    how: str
    address: str


def open_(conn: Connection, person_id: int, secret: str, address: str, how: str, now: datetime) -> str:
    """Log somebody in; returns the cookie's value. how: password, code, recovery, link or oidc.

    secret: IOC_SECRET; address: of the network. Raises AccessError where the account is disabled or gone.
    """
    row = conn.execute(_sql("entered"), {"person": person_id, "now": now}).fetchone()
    if row is None:
        raise AccessError("this account is disabled, or was removed")
    handle, value, longest = keys.fresh(16), keys.fresh(), PROVIDER_ASKED if how == "oidc" else LONGEST
    conn.execute(_sql("open"), {"handle": keys.kept(handle), "person": person_id, "value": keys.kept(value), "now": now,
                                "ends": now + longest, "how": how, "address": address[:64]})  # fmt: skip
    conn.execute(_sql("prune"), {"now": now, "idle": now - IDLE, "person": person_id, "most": _MOST})
    audit.note(conn, Who(row[0], row[1], address), "login.done", row[0], after={"how": how})
    return _cookie(kept.secret(conn, secret), handle, value)


def find(conn: Connection, cookie: str, secret: str, now: datetime) -> Holder | None:
    """Whom the cookie stands for; None where it is made up, over or ended. secret: IOC_SECRET.

    Holder.renewed is the cookie's next value, given to one request; Holder.session goes on meaning this session however
    often it is turned: who keeps a connection open asks `alive` with it.
    """
    if not _COOKIE.fullmatch(cookie):
        return None
    signing = kept.secret(conn, secret)
    if keys.unsigned(_key(signing), cookie) is None:
        return None
    handle, value, _ = cookie.split(".")
    row = _row(conn, handle, now)
    if row is None:
        return None
    shown, renewed = keys.kept(value), ""
    if shown == row.offer:
        conn.execute(_sql("turn"), {"handle": row.handle, "value": shown, "now": now})
    elif shown == row.value:
        renewed = _offered(conn, row, signing, handle, now)
    elif shown != row.before or now - row.turned_at > GRACE:
        _copied(conn, row)
        return None
    if now - row.seen_at >= _NOTED_EVERY:
        conn.execute(_sql("seen"), {"handle": row.handle, "now": now})
    return _holder(row)._replace(renewed=renewed, session=handle)


def alive(conn: Connection, session: str, now: datetime) -> Holder | None:
    """Whom a session that was found before stands for now (Holder.session); None once it is over.

    A page that merely stays open is no use of it: a desk that was left alone is logged out after a shift.
    """
    row = _row(conn, session, now)
    return None if row is None else _holder(row)._replace(session=session)


def close(conn: Connection, cookie: str) -> None:
    """Log out. A cookie that stands for nothing is no fault, so no signature is asked for."""
    if _COOKIE.fullmatch(cookie):
        end(conn, cookie.partition(".")[0])


def end(conn: Connection, session: str) -> None:
    """End one session, by Holder.session."""
    conn.execute(_sql("close"), {"handle": keys.kept(session)})


def close_all(conn: Connection, person: int, *, keep: str = "") -> int:
    """End every session and open link of this account, but `keep` (Holder.session); returns how many sessions."""
    held = keys.kept(keep) if keep else None
    return len(conn.execute(_sql("close_all"), {"person": person, "keep": held}).fetchall())


def end_others(conn: Connection, who: Who, person: Person, *, keep: str = "") -> int:
    """As `close_all`, because somebody asked for it."""
    ended = close_all(conn, person.id, keep=keep)
    audit.note(conn, who, "session.end", person.name, after={"ended": ended})
    return ended


def of_person(conn: Connection, person: int, now: datetime) -> list[Session]:
    """Where somebody is logged in, the latest first. `handle` is the SHA-256 of Holder.session, in hex."""
    rows = conn.execute(_sql("of_person"), {"person": person, "now": now, "idle": now - IDLE}).fetchall()
    return [Session(bytes(row[0]).hex(), *row[1:]) for row in rows]


def _row(conn: Connection, handle: str, now: datetime) -> Any:
    """The session's row, if it is not over; one that is over is removed."""
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        row: Any = cursor.execute(_sql("find"), {"handle": keys.kept(handle)}).fetchone()
    if row is None:
        return None
    if row.disabled_at is not None or now >= row.ends_at or now - row.seen_at > IDLE:
        conn.execute(_sql("close"), {"handle": row.handle})
        return None
    return row


def _holder(row: Any) -> Holder:
    bounds = Bounds(frozenset(row.areas), frozenset(row.feeds))
    return Holder(Role(row.role), row.name, person=row.id, bounds=bounds)


def _offered(conn: Connection, row: Any, signing: bytes, handle: str, now: datetime) -> str:
    """A new value once it is time, for the first request that asks; the others go on with the old one."""
    if now - row.turned_at < TURNED_EVERY:
        return ""
    value = keys.fresh()
    asked = {"handle": row.handle, "value": row.value, "offer": keys.kept(value), "now": now,
             "again": now - _OFFERED_AGAIN}  # fmt: skip
    taken = conn.execute(_sql("offer"), asked).fetchone()
    return _cookie(signing, handle, value) if taken else ""


def _copied(conn: Connection, row: Any) -> None:
    """We signed it, and it was replaced: somebody kept a copy. Which of the two is the thief cannot be told."""
    conn.execute(_sql("close"), {"handle": row.handle})
    log.warning("an old cookie of %r was shown again: its session is ended", row.name)
    audit.note(conn, Who(row.name, row.role, row.address), "session.copied", row.name,
               after={"what": "an old cookie was shown again; the session is ended for everybody"})  # fmt: skip


def _cookie(signing: bytes, handle: str, value: str) -> str:
    return keys.signed(_key(signing), f"{handle}.{value}")


def _key(signing: bytes) -> bytes:
    return keys.derived(signing, "session")


def _sql(name: str) -> bytes:
    return queries.load("sessions")[name]
