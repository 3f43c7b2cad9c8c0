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
    used: the newest sample that moved an alarm of this pair; levels: [[raise, clear, direction], ...] where several;
    place: which of the rule's specs; held: which levels hold.
    """

    rule_id: int
    series_id: int
    raise_at: float
    clear_at: float
    direction: int
    levels: list[list[Any]] | None
    place: int
    time: datetime
    expected: timedelta | None
    condition: str | None
    fresh: bool
    used: datetime | None
    held: int


class Hearing(NamedTuple):
    """One input of a target of a signal kind."""

    rule_id: int
    target: str
    name: str
    series_id: int
    place: int
    levels: list[list[Any]] | None


class Facts(NamedTuple):
    """A series now. newest, expected: microseconds."""

    series_id: int
    sensor_id: int
    feed_id: int
    area: str | None
    newest: Micros
    expected: Micros | None
    usable: bool
    fresh: bool


def rules(conn: Connection) -> list[Rule]:
    with translated(), conn.cursor(row_factory=class_row(Rule)) as cursor:
        return cursor.execute(_sql("rules")).fetchall()


def top_series(conn: Connection) -> int:
    row = conn.execute(_sql("top_series")).fetchone()
    assert row is not None
    return int(row[0])


def set_targets(
    conn: Connection, specs: list[dict[str, Any]], *, after: int = 0
) -> tuple[int, dict[int, tuple[int, int]]]:
    """Make rule_target and rule_input say what the specs say, for series with an id above `after`.

    Returns how many rows changed, and the rules that would watch more than they may: (how many, how many they may);
    those watch nothing. With after = 0 rows that no spec asks for are removed as well. The caller owns the transaction.
    """
    conn.execute(_sql("spec_table"))
    conn.execute(_sql("spec_fill"), {"rows": orjson.dumps(specs).decode()})
    conn.execute(_sql("target_table"), {"after": after})
    huge = {rule: (count, most) for rule, count, most in conn.execute(_sql("target_huge"))}
    conn.execute(_sql("target_levels"))
    conn.execute(_sql("target_inputs"))
    conn.execute(_sql("target_each"), {"after": after})
    gone = sum(conn.execute(_sql(name)).rowcount for name in ("targets_gone", "inputs_gone")) if after == 0 else 0
    put = sum(conn.execute(_sql(name)).rowcount for name in ("targets_put", "inputs_put"))
    if gone + put:
        _set_reach(conn, all_of_them=after == 0)
    if gone + put >= _LEARN_FROM:
        conn.execute(_sql("targets_learn"))
    return gone + put, huge


def _set_reach(conn: Connection, *, all_of_them: bool) -> None:
    """What series_reach says, from the pairs just worked out."""
    if all_of_them:
        conn.execute(_sql("reach_gone"))
    conn.execute(_sql("reach_put"))


def metric_units(conn: Connection) -> dict[str, str]:
    return dict(conn.execute(_sql("metric_units")).fetchall())


def say_targets(conn: Connection, warnings: dict[int, str], inputs: set[int], asks: set[int]) -> None:
    """Rule health: how much each of these rules watches, and what is odd about it ('' nothing).

    inputs: rules whose targets are in rule_input; asks: those that watch series at all, and so should have some.
    """
    rows = [{"rule_id": i, "warning": t, "inputs": i in inputs, "asks": i in asks} for i, t in warnings.items()]
    conn.execute(_sql("health_targets"), {"rows": orjson.dumps(rows).decode()})


def say_faults(conn: Connection, at: datetime, faults: dict[int, str], *, full: bool) -> None:
    """Rule health: what went wrong at run time. full: all rules were looked at, so those not named are well."""
    errors = orjson.dumps({str(i): text for i, text in faults.items()}).decode()
    conn.execute(_sql("health_errors"), {"errors": errors, "at": at, "all": full})
    if full:
        conn.execute(_sql("health_well"), {"at": at, "failed": list(faults)})


def rising(conn: Connection, at: datetime, series: Sequence[int] | None = None) -> list[Candidate]:
    """Pairs without an open alarm whose newest value is beyond a level; of these series, of all where None."""
    if series is None:
        return _candidates(conn, "rising", at=at)
    return _candidates(conn, "rising_of", at=at, series=list(series)) if series else []


def standing(conn: Connection, at: datetime, series: Sequence[int] | None = None) -> list[Candidate]:
    """Open alarms that their newest value does not agree with; of these series, of all where None."""
    if series is None:
        return _candidates(conn, "standing", at=at)
    return _candidates(conn, "standing_of", at=at, series=list(series)) if series else []


def crossed(conn: Connection, at: datetime, after: dict[int, datetime], *, newest: bool = False) -> list[Candidate]:
    """Pairs that a sample later than `after` (by series) but before the newest moves; or, where asked, the newest."""
    if not after:
        return []
    marks = list(after.values())
    return _candidates(conn, "crossed", at=at, series=list(after), after=marks, oldest=min(marks), newest=newest)


def overdue(conn: Connection, late: dict[int, datetime]) -> list[Candidate]:
    """Pairs that a sample which came late is beyond a level of; late: the oldest such sample by series."""
    return _candidates(conn, "overdue", series=list(late), since=list(late.values())) if late else []


def late(conn: Connection, since: datetime, oldest: datetime) -> dict[int, datetime]:
    """Series with samples that came since after newer ones, and the oldest of these that is later than `oldest`."""
    return dict(conn.execute(_sql("late"), {"since": since, "oldest": oldest}).fetchall())


def forget_late(conn: Connection, before: datetime) -> None:
    conn.execute(_sql("forget_late"), {"before": before})


def recorded(
    conn: Connection, pairs: Sequence[tuple[int, str]], since: datetime
) -> dict[tuple[int, str], list[tuple[Micros, Micros | None]]]:
    """When each (rule, target) was true, by its alarms that were open since: [(from, to or None)]."""
    found: dict[tuple[int, str], list[tuple[Micros, Micros | None]]] = {}
    columns = {"rules": [p[0] for p in pairs], "targets": [p[1] for p in pairs], "since": since}
    for rule, target, began, at in conn.execute(_sql("recorded"), columns):
        spans = found.setdefault((rule, target), [])
        if began:
            spans.append((at, None))
        elif spans:
            spans[-1] = (spans[-1][0], at)
    return found


def hearing(conn: Connection, series: Sequence[int], rules: Sequence[int], *, open_too: bool) -> list[Hearing]:
    """Targets of these rules one of whose series is given, with all their inputs; with an open alarm, where asked."""
    columns = {"series": list(series), "rules": list(rules), "open": open_too}
    return [Hearing(*row) for row in conn.execute(_sql("hearing"), columns)]


def facts(conn: Connection, series: Sequence[int], at: datetime) -> dict[int, Facts]:
    """What is known of these series now, by id; nothing of those that never spoke."""
    rows = conn.execute(_sql("facts"), {"series": list(series), "at": at}, binary=True)
    return {row[0]: Facts(*row) for row in rows}


def states(
    conn: Connection, pairs: Sequence[tuple[int, str]]
) -> dict[tuple[int, str], tuple[str | None, int, Micros | None]]:
    """(condition of the open alarm or None, levels that hold, newest sample that ever moved it) of each target."""
    columns = {"rules": [p[0] for p in pairs], "targets": [p[1] for p in pairs]}
    return {(rule, target): tuple(rest) for rule, target, *rest in conn.execute(_sql("states"), columns)}


def follow_peaks(conn: Connection, series: Sequence[int] | None = None) -> int:
    """Keep the worst value of alarms that stand; of these series, of all where None."""
    return conn.execute(_sql("peaks"), {"series": None if series is None else list(series)}).rowcount


def raise_peaks(conn: Connection, rows: Sequence[tuple[int, str, float]]) -> None:
    """Keep the worst value of alarms that stand: (rule, target, worst value seen)."""
    if rows:
        columns = {"rules": [r[0] for r in rows], "targets": [r[1] for r in rows], "peaks": [r[2] for r in rows]}
        conn.execute(_sql("raise_peaks"), columns)


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


def silent_sensors(
    conn: Connection, at: datetime, feed_rules: list[int], gateway_rules: list[int]
) -> list[dict[str, Any]]:
    """rule_id, sensor_id, feed_id, heard, quiet (s), silent, hidden: only what differs from the open alarms."""
    return _rows(conn, "silent_sensors", at=at, feed_rules=feed_rules, gateway_rules=gateway_rules)


def silent_gateways(
    conn: Connection, at: datetime, feed_rules: list[int], gateway_rules: list[int]
) -> list[dict[str, Any]]:
    """rule_id, gateway, heard, quiet (s), sensors, count, silent, hidden, area, lat, lon: only what differs."""
    if not gateway_rules:
        return []
    return _rows(conn, "silent_gateways", at=at, feed_rules=feed_rules, gateway_rules=gateway_rules)


def silent_feeds(conn: Connection, at: datetime, feed_rules: list[int]) -> list[dict[str, Any]]:
    """rule_id, feed_id, heard, quiet (s), sensors, count, silent: only what differs from the open alarms."""
    return _rows(conn, "silent_feeds", at=at, feed_rules=feed_rules)


def ingest_started(conn: Connection) -> tuple[datetime | None, datetime | None]:
    """(when an ingester started last, when one was last alive)."""
    row = conn.execute(_sql("started")).fetchone()
    assert row is not None
    return row[0], row[1]


def faulty(conn: Connection, faults: dict[int, list[str]]) -> list[dict[str, Any]]:
    """rule_id, series_id, since, active, value. faults: which count, by rule."""
    return _rows(conn, "faulty", rules=orjson.dumps({str(i): f for i, f in faults.items()}).decode())


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
