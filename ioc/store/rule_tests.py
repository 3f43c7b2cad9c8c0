"""How a rule would have done on stored history: asked on a screen, worked out by the engine, answered here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ioc.store import queries
from ioc.store.database import translated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ioc.store.database import Connection


class Answer(NamedTuple):
    """result: Result.as_json of alerts/backtest.py, None until it is done or where `error` says why there is none."""

    done: bool
    result: dict[str, Any] | None
    error: str


class Asked(NamedTuple):
    id: int
    rule: dict[str, Any]
    start: datetime
    end: datetime


def ask(conn: Connection, rule: Mapping[str, Any], start: datetime, end: datetime, by: str) -> int:
    """The rule as in a rule file, in force or only thought of; returns the number to ask `answer` with."""
    values = {"rule": orjson.dumps(rule).decode(), "start": start, "end": end, "by": by[:80]}
    with translated():
        row = conn.execute(_sql("ask"), values).fetchone()
    assert row is not None
    return int(row[0])


def answer(conn: Connection, id_: int) -> Answer | None:
    """None where nothing like it was asked, or long ago."""
    with translated():
        row = conn.execute(_sql("answer"), {"id": id_}).fetchone()
    return None if row is None else Answer(*row)


def take(conn: Connection) -> Asked | None:
    """The next to work on."""
    with translated():
        row = conn.execute(_sql("take")).fetchone()
    return None if row is None else Asked(*row)


def done(conn: Connection, id_: int, result: Mapping[str, Any] | None, error: str = "") -> None:
    told = None if result is None else orjson.dumps(result, option=orjson.OPT_NON_STR_KEYS).decode()
    with translated():
        conn.execute(_sql("done"), {"id": id_, "result": told, "error": error[:2000]})


def forget(conn: Connection) -> None:
    with translated():
        conn.execute(_sql("forget"))


def settings_of(conn: Connection, key: str) -> dict[str, Any] | None:
    """The rule as loaded, None where there is none of that key."""
    with translated():
        row = conn.execute(_sql("rule"), {"key": key}).fetchone()
    return None if row is None else {**row[0], "enabled": row[1]}


def zone(conn: Connection) -> str:
    """Of the city that was loaded last."""
    with translated():
        row = conn.execute(_sql("zone")).fetchone()
    assert row is not None
    return str(row[0])


def _sql(name: str) -> bytes:
    return queries.load("rule_tests")[name]
