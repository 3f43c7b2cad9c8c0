"""What the database tells whoever listens: that readings came, that alarms moved, that somebody asks for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from ioc.store.database import Connection

READINGS, ALARMS, TESTS = "ioc_change", "ioc_alarm", "ioc_rule_test"


def listen(conn: Connection) -> None:
    """On this autocommit connection."""
    with translated():
        conn.execute(queries.load("hearing")["listen"])


def heard(conn: Connection, patience: float) -> set[str]:
    """Which of them were told of since the last call; waits for the first for up to `patience` seconds."""
    with translated():
        found = {note.channel for note in conn.notifies(timeout=patience, stop_after=1)}
        return found | {note.channel for note in conn.notifies(timeout=0)}
