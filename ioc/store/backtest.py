"""What a rule would watch, worked out in temporary tables beside what is watched: nothing stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ioc.store import queries
from ioc.store.database import transaction

if TYPE_CHECKING:
    from ioc.records import Micros
    from ioc.store.database import Connection


class Member(NamedTuple):
    """One series of a target. expected: microseconds."""

    name: str
    series_id: int
    expected: Micros | None


class Target(NamedTuple):
    """What one alarm would be about. name: for people; place: which spec; levels: [[raise, clear, direction], ...]."""

    target: str
    name: str
    place: int
    levels: list[list[Any]] | None
    inputs: list[Member]


def targets(conn: Connection, specs: list[dict[str, Any]]) -> list[Target]:
    """Of the specs of one rule. Raises StoreAway, StoreError."""
    rules, mine = queries.load("rules"), queries.load("backtest")
    with transaction(conn):
        conn.execute(rules["spec_table"])
        conn.execute(rules["spec_fill"], {"rows": orjson.dumps(specs).decode()})
        for name in ("target_table", "target_huge", "target_levels", "target_inputs", "target_each"):
            conn.execute(rules[name], {"after": 0} if name in ("target_table", "target_each") else None)
        rows = [*conn.execute(mine["pairs"], {}), *conn.execute(mine["inputs"], {})]
    found: dict[str, Target] = {}
    for target, label, place, levels, *member in rows:
        found.setdefault(target, Target(target, label, place, levels, [])).inputs.append(Member(*member))
    return list(found.values())
