"""What is owed to whom: a change of an alarm in, one intent a person out, along the chain that fits the alarm.

All of it happens in the transaction of the change itself, so that a crash loses neither or both. The contract with
whoever writes the messages stands beside the columns of `intent` in sql/tables/055_people.sql:

- reason: raised, worsened, reminder, escalated, assigned, flapping, resolved, from this person's point of view;
- via: why this person; step: how far along the chain; quiet: put off to the end of quiet hours; not_before: not sooner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ioc.store import queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ioc.store.database import Connection

    Owed = tuple[int, int, str]  # change, alarm, reason


# What must be done to the chains of alarms first: begun anew, begun where it never was, or taken a step further.
_CHAINED = (
    (("raised",), "begin", True),
    (("reminder", "catch_up", "worsened"), "begin", False),
    (("escalated",), "next_step", False),
)


class Late(NamedTuple):
    """An alarm whose next step is due: nobody acknowledged it in time. step: how many were taken."""

    alarm_id: int
    rule_id: int
    target: str
    chain: str
    step: int


def owe(conn: Connection, at: datetime, owed: Sequence[Owed]) -> None:
    """Intents of what `owed` says, in its order for each alarm: who hears of an end has heard of the beginning."""
    for wave in _waves(owed):
        rows = [{"change_id": change, "alarm_id": alarm, "reason": why, "at": at} for change, alarm, why in wave]
        for reasons, query, anew in _CHAINED:
            some = [row for row in rows if row["reason"] in reasons]
            if some:
                conn.execute(_sql(query), {"rows": _json(some), "anew": anew})
        conn.execute(_sql("owe"), {"rows": _json(rows)})
        conn.execute(_sql("nobody"), {"rows": _json(rows)})


def _waves(owed: Sequence[Owed]) -> Iterator[list[Owed]]:
    """The first of every alarm, then the second of those that have one, and so on."""
    waves: list[list[Owed]] = []
    count: dict[int, int] = {}
    for one in owed:
        number = count.get(one[1], 0)
        count[one[1]] = number + 1
        if number == len(waves):
            waves.append([])
        waves[number].append(one)
    yield from waves


def follow(conn: Connection, at: datetime, ids: list[int], uncovered: list[int]) -> None:
    """Stop the chains of what was acknowledged or is over; start anew what is unacknowledged again."""
    conn.execute(_sql("follow"), {"at": at, "ids": ids, "uncovered": uncovered})


def hush(conn: Connection, ids: list[int]) -> set[int]:
    """Take back what waits to be said of these alarms; returns those of which nobody has been told yet."""
    return {row[0] for row in conn.execute(_sql("hush"), {"ids": ids})}


def late(conn: Connection, at: datetime, most: int = 5000) -> list[Late]:
    """Alarms whose next step is due, the longest overdue first."""
    return [Late(*row) for row in conn.execute(_sql("late"), {"at": at, "most": most})]


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


def _sql(name: str) -> bytes:
    return queries.load("telling")[name]
