"""What the signed links in mails do: look, acknowledge an episode, stop a kind of mail that is no alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from psycopg.rows import dict_row

from ioc.store import alarms, queries
from ioc.store.alarm_write import by_id
from ioc.store.database import transaction
from ioc.store.outbox import Contact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.store.database import Connection

    Episode = tuple[int, int]  # alarm, how often it had come back

Outcome = Literal["open", "done", "acked", "over", "again", "gone"]


def contact(conn: Connection, contact_id: int) -> Contact | None:
    """Whose link it is; None when we no longer write to this person."""
    row = conn.execute(_sql("contact"), {"id": contact_id}).fetchone()
    return Contact(*row) if row else None


def look(conn: Connection, episodes: Sequence[Episode]) -> dict[int, Outcome]:
    """How each stands: open (may be acknowledged), acked, over, again (another episode by now), gone."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_sql("episodes"), {"ids": [alarm for alarm, _ in episodes]}).fetchall()
    known = {row["id"]: row for row in rows}
    return {alarm: _standing(known.get(alarm), episode) for alarm, episode in episodes}


def _standing(row: dict[str, object] | None, episode: int) -> Outcome:
    if row is None:
        return "gone"
    if row["reopened"] != episode:
        return "again"
    if row["closed_at"] is not None or row["condition"] == "false":
        return "over"
    return "acked" if row["acked_at"] is not None else "open"


def acknowledge(conn: Connection, episodes: Sequence[Episode], by: str, note: str) -> dict[int, Outcome]:
    """Acknowledge what is open of these episodes: done, or how it stands. An old link never touches a newer episode."""
    with transaction(conn):
        locked = by_id(conn, [alarm for alarm, _ in episodes])
        found = look(conn, episodes)
        for one in locked:
            if found[one.id] == "open" and alarms.acknowledge(conn, one.id, by, note):
                found[one.id] = "done"
    return found


def unsubscribed(conn: Connection, contact_id: int) -> set[str]:
    return {row[0] for row in conn.execute(_sql("unsubscribed"), {"contact": contact_id})}


def unsubscribe(conn: Connection, contact_id: int, kind: str, *, stop: bool) -> None:
    """Stop this kind of mail to this person, or begin again."""
    conn.execute(_sql("unsubscribe" if stop else "subscribe"), {"contact": contact_id, "kind": kind})


def _sql(name: str) -> bytes:
    return queries.load("links")[name]
