"""The audit out: searched, streamed and verified, however long it is."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ioc.access.chain import ZERO, Broken, Follower, Mark, Row
from ioc.errors import StoreError
from ioc.store import queries
from ioc.store.database import translated
from ioc.store.rules import like

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ioc.store.database import Connection

START = Mark()
_BATCH = 2000  # rows fetched at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Empty: everything. who, deed, subject: how it begins, whatever the case. text: anywhere in the row.

    since <= at < until. before: only rows with a smaller number.
    """

    who: str = ""
    deed: str = ""
    subject: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


class Verdict(NamedTuple):
    """rows: how many were followed; mark: the last that fits; known: whether the hash that was asked for was met."""

    rows: int
    mark: Mark
    head: Mark
    broken: Broken | None
    known: bool


def search(conn: Connection, wanted: Search, limit: int = 100) -> list[Row]:
    """Newest first."""
    with translated():
        return [Row._make(row) for row in conn.execute(_sql("search"), {**_values(wanted), "limit": limit})]


def stream(conn: Connection, wanted: Search) -> Iterator[tuple[Row, str]]:
    """Oldest first, each with the hash before it; constant memory. To be read to its end within a transaction."""
    with translated(), conn.cursor("audit") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(_sql("stream"), _values(wanted))
        for *row, previous in cursor:
            yield Row._make(row), previous


def verify(conn: Connection, *, since: Mark = START, head: str = "", most: int | None = None) -> Verdict:
    """Follow the chain to its end, or for `most` rows, and stop at the first row that does not fit. Constant memory.

    since: where an earlier look came to. head: a hash that somebody kept; `known` says whether it is in the chain, of
    which its beginnings do as well. To be called within a transaction, best of one moment (`still`).
    """
    first, last = conn.execute(_sql("beyond")).fetchone() or (1, 0)
    end, kept, known = read_head(conn), _hash_of(conn, since.id), not head or since.hash.startswith(head)
    if kept != since.hash:
        return Verdict(0, Mark(), end, Broken("missing" if kept is None else "changed", since.id, since.id), known)
    until = end.id if most is None else min(end.id, since.id + most)
    follower = Follower(since)
    with translated(), conn.cursor("audit") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(_sql("follow"), {"after": since.id, "until": until})
        for row in map(Row._make, cursor):
            if not follower.take(row):
                break
            known = known or row.hash.startswith(head)
    if until == end.id:
        follower.end(end)
    if follower.broken is None and (first < 1 or last > end.id):
        follower.broken = Broken("added", *((first, min(last, 0)) if first < 1 else (end.id + 1, last)))
    return Verdict(follower.rows, follower.mark, end, follower.broken, known)


@contextmanager
def still(conn: Connection) -> Iterator[None]:
    """A transaction that sees one moment and writes nothing. conn in autocommit mode."""
    with translated(), conn.transaction():
        conn.execute(_sql("still"))
        yield


def read_head(conn: Connection) -> Mark:
    """Where the chain ends; (0, zeros) where nothing was noted yet. Raises StoreError where its end was taken away."""
    with translated():
        row = conn.execute(_sql("head")).fetchone()
    if row is None:
        raise StoreError(
            "the end of the audit (audit_head) was taken away: somebody wrote to the database by hand. Restore a "
            "backup beside it and compare them; the next deed that is noted makes a new end"
        )
    return Mark(*row)


def back(conn: Connection, rows: int) -> Mark:
    """Where to begin to follow the last `rows` only. To be called within the transaction that follows them."""
    number = max(0, read_head(conn).id - rows)
    return Mark(number, _hash_of(conn, number) or "")


def _hash_of(conn: Connection, number: int) -> str | None:
    with translated():
        row = (ZERO,) if number == 0 else conn.execute(_sql("hash_of"), {"id": number}).fetchone()
    return row[0] if row else None


def deeds(conn: Connection) -> list[str]:
    """Every kind of deed that was ever noted, in order; found by index, however long the log is."""
    with translated():
        return [row[0] for row in conn.execute(_sql("deeds"))]


def page(conn: Connection, wanted: Search, size: int) -> tuple[list[Row], bool]:
    """(rows, whether there are more), newest first."""
    found = search(conn, wanted, size + 1)
    return list(islice(found, size)), len(found) > size


def said(wanted: Search) -> dict[str, Any]:
    """What was asked for, without what was not."""
    return {name: value for name in wanted.__slots__ if (value := getattr(wanted, name))}


def _values(wanted: Search) -> dict[str, Any]:
    begins = {name: _begins(getattr(wanted, name)) for name in ("who", "deed", "subject")}
    text = f"%{like(wanted.text.strip())}%" if wanted.text.strip() else None
    return {**begins, "text": text, "since": wanted.since, "until": wanted.until, "before": wanted.before}


def _begins(typed: str) -> str | None:
    return like(typed.strip().lower() + "*") if typed.strip() else None


def _sql(name: str) -> bytes:
    return queries.load("audit")[name]
