"""Messages that could not be used: kept with the reason, bounded for each feed, read again for a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ioc.store import queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ioc.store.database import Connection

PAYLOAD_KEPT = 65_536  # bytes of a payload that are kept; what is longer cannot be replayed


class Kept(NamedTuple):
    """One quarantined message. payload: its first 64 KiB; size: of the whole, bytes."""

    feed_id: int
    received_at: datetime
    topic: str
    payload: bytes
    size: int
    retained: bool
    reason: str
    detail: str
    id: int = 0


def keep(conn: Connection, rows: Sequence[Kept], most: int) -> None:
    """Add messages, then drop each of these feeds' oldest beyond `most`."""
    if rows:
        sql = queries.load("quarantine")
        with conn.cursor() as cursor:
            cursor.executemany(sql["keep"], [row._asdict() for row in rows])
        conn.execute(sql["bound"], {"feeds": list({row.feed_id for row in rows}), "most": most})


def waiting(conn: Connection, feed: str, *, size: int = 500) -> Iterator[list[Kept]]:
    """The feed's messages that no replay has stored yet, oldest first, in pages of `size`."""
    after = 0
    while True:
        found = conn.execute(queries.load("quarantine")["waiting"], {"feed": feed, "after": after, "size": size})
        page = [Kept._make(row) for row in found]
        if not page:
            return
        yield page
        after = page[-1].id


def replayed(conn: Connection, ids: Sequence[int]) -> None:
    """These were used at last."""
    conn.execute(queries.load("quarantine")["replayed"], {"ids": list(ids)})
