"""How many readings a day in, how wide TimescaleDB's chunks of readings are out.

Wide chunks compress better and make charts over years cheap; a chunk that does not fit into memory with its key makes
writing slow. So the width follows what the ledger counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ioc.store import queries
from ioc.store.database import transaction

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from ioc.store.database import Connection


def fit(conn: Connection, now: datetime) -> timedelta | None:
    """Set the width of chunks to come by the last day's readings; returns it where it changed. On timescale only."""
    with transaction(conn):
        row = conn.execute(queries.load("chunks")["fit"], {"now": now}).fetchone()
    return row[1] if row else None
