"""What rule kinds ask that do not judge series: alarms, moving things, reports, deadlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from psycopg.rows import dict_row

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from ioc.records import Micros
    from ioc.store.database import Connection


def alarms_of(conn: Connection, rules: list[str], since: datetime) -> list[dict[str, Any]]:
    """id, rule (key), condition, event_start, until, area, sensor_id, feed_id, lat, lon of alarms that hold, or ended
    since.
    """
    return _rows(conn, "alarms_of", rules=rules, since=since)


def open_targets(conn: Connection, rules: list[int]) -> dict[int, dict[str, tuple[str, dict[str, Any]]]]:
    """Rule -> target -> (condition, detail) of its open alarms."""
    found: dict[int, dict[str, tuple[str, dict[str, Any]]]] = {}
    for row in _rows(conn, "open_targets", rules=rules):
        found.setdefault(row["rule_id"], {})[row["target"]] = (row["condition"], row["detail"])
    return found


def movers(
    conn: Connection, rules: list[dict[str, Any]], at: datetime, since: datetime, *, full: bool
) -> list[dict[str, Any]]:
    """rule_id, sensor_id, feed_id, newest, expected (s), condition, used, fresh."""
    return _rows(conn, "movers", rules=orjson.dumps(rules).decode(), at=at, since=since, full=full)


def track(
    conn: Connection, spans: Sequence[tuple[int, datetime, datetime]]
) -> dict[int, list[tuple[Micros, float, float]]]:
    """Positions (time, lat, lon) of each (sensor, after, until], oldest first."""
    found: dict[int, list[tuple[Micros, float, float]]] = {}
    columns = {"sensors": [s[0] for s in spans], "after": [s[1] for s in spans], "until": [s[2] for s in spans]}
    for sensor, at, lat, lon in conn.execute(_sql("track"), columns, binary=True):
        found.setdefault(sensor, []).append((at, lat, lon))
    return found


def shapes(conn: Connection, areas: list[str], day: date) -> dict[str, dict[str, Any]]:
    """GeoJSON of each area that is valid on that day."""
    return dict(conn.execute(_sql("shapes"), {"areas": areas, "day": day}).fetchall())


def reports(conn: Connection, rules: list[dict[str, Any]], at: datetime) -> list[dict[str, Any]]:
    """rule_id, id, at (microseconds), lat, lon, area, feed_id, open, reporter; oldest first."""
    return _rows(conn, "reports", rules=orjson.dumps(rules).decode(), at=at)


def spots(conn: Connection, patterns: list[str]) -> list[dict[str, Any]]:
    """id, key, lat, lon, area of sensors."""
    return _rows(conn, "spots", patterns=patterns)


def deadlines_stale(
    conn: Connection, rules: list[dict[str, Any]], at: datetime, since: datetime, *, full: bool
) -> list[dict[str, Any]]:
    """rule_id, event_id, opened_at, severity, received_at, changes [[microseconds, status, properties], ...]."""
    return _rows(conn, "deadlines_stale", rules=orjson.dumps(rules).decode(), at=at, since=since, full=full)


def put_deadlines(conn: Connection, rows: list[dict[str, Any]]) -> None:
    """rule_id, event_id, stamp, due [datetime or None]."""
    conn.execute(_sql("deadlines_put"), {"rows": orjson.dumps(rows).decode()})


def deadlines_due(conn: Connection, rules: list[int], at: datetime) -> list[dict[str, Any]]:
    """rule_id, event_id, due, condition, held, feed_id, opened_at."""
    return _rows(conn, "deadlines_due", rules=rules, at=at)


def forget_deadlines(conn: Connection, rules: list[int]) -> None:
    conn.execute(_sql("deadlines_gone"), {"rules": rules})


def _rows(conn: Connection, name: str, **parameters: Any) -> list[dict[str, Any]]:
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_sql(name), parameters).fetchall()


def _sql(name: str) -> bytes:
    return queries.load("kinds")[name]
