"""A large city for `ioc bench alerts`: many series, many rules, values that move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ioc.store import queries
from ioc.store.database import transaction

if TYPE_CHECKING:
    from datetime import datetime

    from ioc.store.database import Connection


def fill(conn: Connection, sensors: int, rules: list[dict[str, Any]], at: datetime) -> None:
    """Ten series a sensor, each with a value, and the rules."""
    sql = queries.load("bench_alerts")
    with transaction(conn):
        conn.execute(sql["registry"], {"sensors": sensors})
        conn.execute(sql["latest"], {"at": at})
        conn.execute(sql["readings"])
        conn.execute(sql["rule"], {"rules": orjson.dumps(rules).decode()})


def settle(conn: Connection) -> None:
    conn.execute(queries.load("bench_alerts")["settle"])


def speak(conn: Connection, count: int, turn: int, at: datetime, *, storm: bool = False) -> None:
    """New values for `count` series; in a storm all of them beyond every level."""
    conn.execute(queries.load("bench_alerts")["speak"], {"count": count, "turn": turn, "at": at, "storm": storm})


def counts(conn: Connection) -> tuple[int, int]:
    """(pairs watched, alarms open)."""
    row = conn.execute(queries.load("bench_alerts")["counts"]).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def server(conn: Connection) -> int:
    """The process id of this connection's server."""
    return conn.info.backend_pid


def gauges(conn: Connection, count: int) -> list[int]:
    """A gauge in each of the domains d0, d1, ...; their series, in that order."""
    return [row[0] for row in conn.execute(queries.load("bench_alerts")["gauges"], {"count": count})]


def people(conn: Connection, count: int) -> list[str]:
    """Contacts who want to know of everything; their addresses."""
    return [row[0] for row in conn.execute(queries.load("bench_alerts")["people"], {"count": count})]


def swell(conn: Connection, parts: int, part: int, at: datetime) -> None:
    """One of `parts` equal parts of all series says something beyond every level."""
    conn.execute(queries.load("bench_alerts")["swell"], {"parts": parts, "part": part, "at": at})


def say(conn: Connection, series: int, at: datetime, value: float) -> None:
    conn.execute(queries.load("bench_alerts")["say"], {"series": series, "at": at, "value": value})


def series_of(conn: Connection, metric: str) -> int:
    row = conn.execute(queries.load("bench_alerts")["series_of"], {"metric": metric}).fetchone()
    assert row is not None
    return int(row[0])


def sensors_of(conn: Connection, rule: str) -> list[str]:
    """Keys of the sensors with an open alarm of this rule."""
    return [row[0] for row in conn.execute(queries.load("bench_alerts")["sensors_of"], {"rule": rule})]
