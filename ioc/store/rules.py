"""What the rules watch, and the set-based looks at it. Times in and out are datetimes except where said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from psycopg.rows import class_row, dict_row

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from ioc.records import Micros
    from ioc.store.database import Connection

_LEARN_FROM = 1000  # this many new pairs, and the planner's picture of the table is wrong


class Rule(NamedTuple):
    id: int
    key: str
    kind: str
    version: int
    priority: int
    enabled: bool
    name: dict[str, str]
    settings: dict[str, Any]  # the rule as written: ioc.config.rules.Rule


class Candidate(NamedTuple):
    """A rule and a series to look at more closely. condition: of its open alarm, None without one; expected: cadence;
    used: the newest sample that moved an alarm of this pair.
    """

    rule_id: int
    series_id: int
    raise_at: float
    clear_at: float
    direction: int
    time: datetime
    expected: timedelta | None
    condition: str | None
    fresh: bool
    used: datetime | None


def rules(conn: Connection) -> list[Rule]:
    with translated(), conn.cursor(row_factory=class_row(Rule)) as cursor:
        return cursor.execute(_sql("rules")).fetchall()


def top_series(conn: Connection) -> int:
    row = conn.execute(_sql("top_series")).fetchone()
    assert row is not None
    return int(row[0])


def set_targets(conn: Connection, specs: list[dict[str, Any]], *, after: int = 0) -> int:
    """Make rule_target say what the specs say, for series with an id above `after`; returns how many pairs changed.

    With after = 0 pairs that no spec asks for are removed as well. The caller owns the transaction.
    """
    conn.execute(_sql("spec_table"))
    conn.execute(_sql("spec_fill"), {"rows": orjson.dumps(specs).decode()})
    conn.execute(_sql("target_table"), {"after": after})
    gone = conn.execute(_sql("targets_gone")).rowcount if after == 0 else 0
    put = conn.execute(_sql("targets_put")).rowcount
    if gone + put >= _LEARN_FROM:
        conn.execute(_sql("targets_learn"))
    return gone + put


def rising(conn: Connection, at: datetime) -> list[Candidate]:
    """Pairs without an open alarm whose newest value is beyond the level."""
    return _candidates(conn, "rising", at=at)


def standing(conn: Connection, at: datetime) -> list[Candidate]:
    """Open alarms that their newest value does not agree with."""
    return _candidates(conn, "standing", at=at)


def crossed(conn: Connection, at: datetime, after: dict[int, datetime]) -> list[Candidate]:
    """Pairs that a sample later than `after` (by series) but before the newest moves."""
    if not after:
        return []
    return _candidates(conn, "crossed", at=at, series=list(after), after=list(after.values()))


def follow_peaks(conn: Connection) -> int:
    """Keep the worst value of alarms that stand."""
    return conn.execute(_sql("peaks")).rowcount


def touched(conn: Connection, since: datetime) -> dict[int, Micros]:
    """Series heard after `since`, and the newest time of each."""
    return dict(conn.execute(_sql("touched"), {"since": since}, binary=True).fetchall())


def samples(conn: Connection, spans: Sequence[tuple[int, datetime, datetime]]) -> dict[int, list[tuple[Micros, float]]]:
    """Readings of each (series, after, until], oldest first."""
    found: dict[int, list[tuple[Micros, float]]] = {}
    columns = {"series": [s[0] for s in spans], "after": [s[1] for s in spans], "until": [s[2] for s in spans]}
    for series, at, value in conn.execute(_sql("samples"), columns, binary=True):
        found.setdefault(series, []).append((at, value))
    return found


def silent_sensors(conn: Connection, at: datetime, feed_rules: list[int]) -> list[dict[str, Any]]:
    """rule_id, sensor_id, feed_id, heard, quiet (s), silent, hidden: only what differs from the open alarms."""
    return _rows(conn, "silent_sensors", at=at, feed_rules=feed_rules)


def silent_feeds(conn: Connection, at: datetime, feed_rules: list[int]) -> list[dict[str, Any]]:
    """rule_id, feed_id, heard, quiet (s), sensors, count, silent: only what differs from the open alarms."""
    return _rows(conn, "silent_feeds", at=at, feed_rules=feed_rules)


def ingest_started(conn: Connection) -> tuple[datetime | None, datetime | None]:
    """(when an ingester started last, when one was last alive)."""
    row = conn.execute(_sql("started")).fetchone()
    assert row is not None
    return row[0], row[1]


def faulty(conn: Connection) -> list[dict[str, Any]]:
    """rule_id, series_id, since, active, value."""
    return _rows(conn, "faulty")


def open_events(conn: Connection, at: datetime, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """rule_id, target, feed_id, opened_at, active, severity."""
    return _rows(conn, "open_events", at=at, rules=orjson.dumps(wanted).decode())


def _candidates(conn: Connection, name: str, **parameters: Any) -> list[Candidate]:
    with translated():
        return [Candidate(*row) for row in conn.execute(_sql(name), parameters, binary=True)]


def _rows(conn: Connection, name: str, **parameters: Any) -> list[dict[str, Any]]:
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_sql(name), parameters).fetchall()


def _sql(name: str) -> bytes:
    return queries.load("rules")[name]


def like(pattern: str) -> str:
    """A pattern with a trailing * as SQL's LIKE has it, everything else taken literally."""
    plain = pattern.removesuffix("*").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return plain + "%" if pattern.endswith("*") else plain
