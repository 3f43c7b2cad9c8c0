"""What became of every message: counts by feed and minute, reasons by feed and hour, and when a feed was last heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ioc.store import queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ioc.store.database import Connection

# The counters of a row beside its feed: messages with one fate each, then readings, then what else came.
COUNTERS = (
    "received", "stored", "duplicate", "quarantined", "ignored", "readings", "readings_stored", "readings_duplicate",
    "readings_suspect", "readings_ignored", "positions", "events", "bytes",
)  # fmt: skip


def add(conn: Connection, deltas: Sequence[Mapping[str, int]]) -> None:
    """Count: one mapping a feed, `feed_id` and any of COUNTERS. The minute is the database's own."""
    rows = [dict.fromkeys(COUNTERS, 0) | dict(delta) for delta in sorted(deltas, key=lambda d: d["feed_id"])]
    _run(conn, "add", rows)


def add_reasons(conn: Connection, reasons: Mapping[tuple[int, str, str], int]) -> None:
    """Count why: (feed id, fate, reason) -> how many. fate: quarantined, ignored, suspect or reading_ignored."""
    rows = [{"feed_id": f, "fate": fate, "reason": r, "count": n} for (f, fate, r), n in sorted(reasons.items())]
    _run(conn, "add_reasons", rows)


def heard(conn: Connection, feeds: Mapping[int, bool]) -> None:
    """Feeds that spoke just now -> whether anything of theirs was stored."""
    _run(conn, "heard", [{"feed_id": f, "stored": stored} for f, stored in sorted(feeds.items())])


def flooded(conn: Connection, counts: Mapping[int, int]) -> None:
    """Series of sensors that flood -> messages ignored for it; a standing fault of their data quality."""
    _run(conn, "flooded", [{"series_id": s, "count": n} for s, n in sorted(counts.items())])


def _run(conn: Connection, query: str, rows: Sequence[Any]) -> None:
    if rows:
        conn.execute(queries.load("ledger")[query], {"rows": orjson.dumps(rows).decode()})
