"""API tokens: made, looked up for each request that bears one, listed and revoked."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from datetime import datetime  # noqa: TC003  read at run time by class_row
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row

from ioc.access.holder import Holder
from ioc.access.rights import SCOPES, Bounds, Role
from ioc.errors import IocError
from ioc.store import audit, queries
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.access.holder import Who
    from ioc.store.database import Connection

MOST_DAYS = 366
_PREFIX = "ioc_"
_SHAPE = re.compile(r"ioc_[A-Za-z0-9_-]{43}", re.ASCII)  # 256 bits; nothing else is worth a question to the database
_HEAD = 10  # characters shown afterwards: six of the secret's 43
_LONGEST_NAME = 80


class TokenError(IocError):
    """A token cannot be made or revoked as asked."""


class Token(NamedTuple):
    """A token as it is kept: all but itself."""

    id: int
    name: str
    head: str
    scopes: list[str]
    feeds: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    used_from: str
    revoked_at: datetime | None
    revoked_by: str

    def state(self, now: datetime) -> str:
        """good, expired or revoked."""
        if self.revoked_by:
            return "revoked"
        return "good" if now < self.expires_at and self.revoked_at is None else "expired"


def find(conn: Connection, token: str, address: str = "") -> Holder | None:
    """What this token stands for; None where it is no token, unknown, expired or revoked. Raises StoreAway.

    address: from where it came, kept as its last use.
    """
    if not _SHAPE.fullmatch(token):
        return None
    with transaction(conn):
        row = conn.execute(_sql("find"), {"digest": _digest(token), "address": address[:64]}).fetchone()
    if row is None:
        return None
    name, scopes, feeds = row
    return Holder(Role.TOKEN, name, bounds=Bounds(feeds=frozenset(feeds)), scopes=tuple(scopes))


def add(
    conn: Connection, name: str, scopes: Sequence[str], *, who: Who, days: int = 90, feeds: Sequence[str] = ()
) -> tuple[Token, str]:
    """A new token and its secret, which nobody can ask for again. Raises TokenError that says what to give instead."""
    named, scopes = checked_name(name), _scopes(scopes)
    if not 1 <= days <= MOST_DAYS:
        raise TokenError(f"{days} days: a token is good for 1 to {MOST_DAYS} days; make another before it ends")
    secret = _PREFIX + secrets.token_urlsafe(32)
    given = {"name": named, "digest": _digest(secret), "head": secret[:_HEAD], "scopes": scopes, "by": who.name,
             "days": days}  # fmt: skip
    with transaction(conn), conn.cursor(row_factory=class_row(Token)) as cursor:
        given["feeds"] = _feeds(conn, feeds)
        cursor.execute(_sql("retire"), {"name": named})
        made = cursor.execute(_sql("add"), given).fetchone()
        if made is None:
            raise TokenError(f"there is a token {named!r} already: revoke it first, or choose another name")
        audit.note(conn, who, "token.add", f"token:{named}", after=_told(made))
    return made, secret


def revoke(conn: Connection, name: str, *, who: Who) -> Token:
    """It opens nothing from now on (screens may remember it for 5 s). Raises TokenError."""
    with transaction(conn), conn.cursor(row_factory=class_row(Token)) as cursor:
        gone = cursor.execute(_sql("revoke"), {"name": name, "by": who.name}).fetchone()
        if gone is None:
            near = get_close_matches(name, [t.name for t in every(conn) if t.revoked_at is None], 1)
            raise TokenError(f"no token is called {name!r}" + (f": did you mean {near[0]!r}?" if near else ""))
        audit.note(conn, who, "token.revoke", f"token:{name}", before=_told(gone))
    return gone


def every(conn: Connection) -> list[Token]:
    """All tokens there ever were, those that are good first."""
    with conn.cursor(row_factory=class_row(Token)) as cursor:
        return cursor.execute(_sql("all")).fetchall()


def checked_name(name: str) -> str:
    """The name as it is kept. Raises TokenError where it cannot be shown on one line, or hides a character."""
    named = unicodedata.normalize("NFC", name).strip()
    if not named or len(named) > _LONGEST_NAME or not named.isprintable():
        raise TokenError(f"{name[:_LONGEST_NAME]!r}: a name has 1 to {_LONGEST_NAME} characters that can be seen")
    return named


def _scopes(scopes: Sequence[str]) -> list[str]:
    if unknown := [s for s in scopes if s not in SCOPES]:
        raise TokenError(f"scope {unknown[0]!r} is not known: there are {', '.join(SCOPES)}")
    if not scopes:
        raise TokenError(f"a token without a scope opens nothing: give {' or '.join(SCOPES)}")
    return [s for s in SCOPES if s in scopes]


def _feeds(conn: Connection, feeds: Sequence[str]) -> list[str]:
    known = [key for (key,) in conn.execute(_sql("feeds"))]
    for feed in feeds:
        if feed not in known:
            near = get_close_matches(feed, known, 1)
            raise TokenError(f"there is no feed {feed!r}" + (f": did you mean {near[0]}?" if near else ""))
    return sorted(set(feeds))


def _told(token: Token) -> dict[str, object]:
    """What the audit keeps of it."""
    return {"head": token.head, "scopes": token.scopes, "feeds": token.feeds, "expires": token.expires_at.isoformat()}


def _digest(token: str) -> bytes:
    """256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def _sql(name: str) -> bytes:
    return queries.load("tokens")[name]
