"""Messages that taught a decoder what later ones mean: kept, bounded for each feed, for when it starts anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ioc.store import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.store.database import Connection

MOST = 1_000  # topics of a feed
LARGEST = 262_144  # bytes; a longer message is not kept


class Lesson(NamedTuple):
    feed_id: int
    topic: str
    payload: bytes


def keep(conn: Connection, lessons: Sequence[Lesson], most: int = MOST) -> None:
    """The newest of each topic, and of each feed the newest `most`."""
    kept = [lesson for lesson in lessons if len(lesson.payload) <= LARGEST]
    if kept:
        sql = queries.load("lessons")
        with conn.cursor() as cursor:
            cursor.executemany(sql["keep"], [lesson._asdict() for lesson in kept])
        conn.execute(sql["bound"], {"feeds": list({lesson.feed_id for lesson in kept}), "most": most})


def of(conn: Connection, feed_id: int) -> list[tuple[str, bytes]]:
    """(topic, payload), in the order they came."""
    found = conn.execute(queries.load("lessons")["of"], {"feed_id": feed_id})
    return [(topic, bytes(payload)) for topic, payload in found]
