"""Which series are not to be believed, and why: standing faults, worked out for all series at once every minute.

`stuck`, `skew` and `rate` keep a series from rules and figures (view `usable_latest`); the others are shown. What a
fault is stands beside each query in sql/queries/quality.sql.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row

from ioc.store import queries
from ioc.store.database import transaction

if TYPE_CHECKING:
    from datetime import datetime

    from ioc.store.database import Connection

KINDS = ("range", "future", "past", "not_finite", "skew", "stuck", "rate", "gap")  # `flood` is raised by the ingester
BLOCKING = ("stuck", "skew", "rate")
_DETECTORS = ("suspect", "ahead", "behind", "stuck", "rate", "gap")


@dataclass(frozen=True, slots=True)
class Fault:
    """One standing fault of a series. count: readings concerned; for a gap, readings that did not come."""

    series_id: int
    kind: str
    blocking: bool
    since: datetime
    last: datetime
    count: int
    detail: str
    metric: str
    sensor_id: int
    sensor: str
    sensor_name: dict[str, str]
    domain: str
    area: str
    feed: str


class Repeats(NamedTuple):
    feed: str
    duplicates: int
    readings: int


def run(conn: Connection, now: datetime) -> int:
    """Set and clear the flags of every series as of `now`; returns how many series' flags came or went."""
    sql = queries.load("quality")
    values = {"now": now, "kinds": list(KINDS)}
    with transaction(conn):
        conn.execute(sql["fault"])
        for detector in _DETECTORS:
            conn.execute(sql[detector], values)
        row = conn.execute(sql["apply"], values).fetchone()
    return int(row[0]) if row else 0


def learn_delays(conn: Connection, now: datetime) -> int:
    """Sample how late readings come; call every ten minutes. Returns how many series were heard."""
    return _learn(conn, "delays", now)


def learn_cadences(conn: Connection, now: datetime) -> int:
    """Learn how often each series usually speaks; call every hour. Returns how many are known."""
    return _learn(conn, "cadences", now)


def worst(conn: Connection, limit: int = 100) -> list[Fault]:
    """Standing faults, those that keep a series from the rules first."""
    with conn.cursor(row_factory=class_row(Fault)) as cursor:
        return cursor.execute(queries.load("quality")["worst"], {"limit": limit}).fetchall()


def tally(conn: Connection) -> dict[str, int]:
    """Kind -> how many series have it now."""
    return dict(conn.execute(queries.load("quality")["tally"]).fetchall())


def repeats(conn: Connection, now: datetime, share: float = 0.2) -> list[Repeats]:
    """Feeds whose readings of the last hour were duplicates by more than `share`."""
    with conn.cursor(row_factory=class_row(Repeats)) as cursor:
        return cursor.execute(queries.load("quality")["repeats"], {"now": now, "share": share}).fetchall()


def _learn(conn: Connection, query: str, now: datetime) -> int:
    with transaction(conn):
        return conn.execute(queries.load("quality")[query], {"now": now}).rowcount
