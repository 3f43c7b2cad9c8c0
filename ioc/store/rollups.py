"""Touched hours in, rollups of 1 minute, 1 hour and 1 day out, the same on both engines.

A commit marks the hours it touched (`dirty`, ioc/store/write.py). On plain PostgreSQL each such hour is worked out anew
from all its readings; TimescaleDB is told to refresh it. So late and backfilled readings are right within one run.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import NamedTuple

from ioc.store import queries
from ioc.store.database import Connection, transaction, translated

DENSE = 120  # readings in an hour above which rollup_1m is kept on plain PostgreSQL
_MARKS = 200  # commits folded in one transaction
_HOURS = 10_000  # series-hours worked out in one transaction


class Waiting(NamedTuple):
    hours: int  # series-hours (plain) or hours (timescale)
    marks: int  # commits


class Span(NamedTuple):
    """Which hours to work off: those that begin before `before`.

    oldest: readings before this are gone by retention, so their hours stay as they are. minutes: none before this is
    kept.
    """

    before: datetime
    oldest: datetime
    minutes: datetime


def run(conn: Connection, engine: str, span: Span, *, seconds: float = 20.0) -> int:
    """Work off touched hours; returns how many series-hours (on timescale: windows) were done.

    Stops after `seconds` and carries on at the next call. conn must be in autocommit mode: every bite is a short
    transaction of its own.
    """
    deadline = time.monotonic() + seconds
    _fold(conn, engine, deadline)
    conn.execute(queries.load("rollups")["forget_hours"], {"oldest": span.oldest})
    bites = _plain if engine == "plain" else _timescale
    return bites(conn, span, deadline)


def waiting(conn: Connection, before: datetime) -> Waiting:
    """What is still to be done for hours that begin before `before`."""
    row = conn.execute(queries.load("rollups")["waiting"], {"before": before}).fetchone()
    assert row is not None
    return Waiting(*row)


def hour_of(moment: datetime) -> datetime:
    """The start of its hour; UTC in, UTC out."""
    return moment.replace(minute=0, second=0, microsecond=0)


def _fold(conn: Connection, engine: str, deadline: float) -> None:
    """Folding has half the time, so that a flood of commits cannot keep the hours from being worked out."""
    started = time.monotonic()
    values = {"marks": _MARKS, "by_series": engine == "plain"}
    while time.monotonic() < started + (deadline - started) / 2:
        with transaction(conn):
            row = conn.execute(queries.load("rollups")["hours"], values).fetchone()
        if row is None or row[0] < _MARKS:
            return


def _plain(conn: Connection, span: Span, deadline: float) -> int:
    sql = queries.load("rollups")
    conn.execute(sql["chunk"])
    done = 0
    while time.monotonic() < deadline:
        with transaction(conn):
            taken = conn.execute(sql["take"], {"before": span.before, "hours": _HOURS}).rowcount
            conn.execute(sql["hourly"])
            conn.execute(sql["minutely"], {"dense": DENSE, "oldest": span.minutes})
            conn.execute(sql["daily"])
        done += taken
        if taken < _HOURS:
            break
    return done


def _timescale(conn: Connection, span: Span, deadline: float) -> int:
    sql = queries.load("rollups")
    done = 0
    for start, end in conn.execute(sql["windows"], {"before": span.before}).fetchall():
        if time.monotonic() > deadline:
            break
        for part_start, part_end in _days(start, end):
            window = {"start": part_start, "end": part_end}
            minutes = ("refresh_1m",) if part_start >= span.minutes else ()
            with translated():
                for level in (*minutes, "refresh_1h", "refresh_1d", "refreshed"):
                    conn.execute(sql[level], window)
        done += 1
    return done


def _days(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The window in pieces of at most a day, so that no refresh is long or works out much that was not touched."""
    pieces = []
    while start < end:
        pieces.append((start, min(end, start + timedelta(days=1))))
        start = pieces[-1][1]
    return pieces
