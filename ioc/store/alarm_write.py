"""Moves of alarms -> rows: the life cycle is run on the locked alarm, and all it says is written in one go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ioc import lifecycle
from ioc.store import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from ioc.store.database import Connection


class Open(NamedTuple):
    """An open alarm as locked for this transaction."""

    id: int
    rule_id: int
    target: str
    state: lifecycle.State
    version: int
    latching: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was measured with it: the data's own time, value, worst value, level, percent of flapping.

    priority, held: where the severity moved: the level's own, and which levels hold (a bit each).
    """

    time: datetime | None = None
    value: float | None = None
    peak: float | None = None
    threshold: float | None = None
    flap: float | None = None
    priority: int | None = None
    held: int | None = None
    detail: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """One event of the life cycle, who caused it and why. at: when it counts from, the transaction's time if None."""

    event: str
    actor: str = "ioc"
    note: str = ""
    length: timedelta | None = None
    at: datetime | None = None
    seen: Seen = field(default_factory=Seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A target without an open alarm whose condition came true, and what happened to it since."""

    rule_id: int
    target: str
    latching: bool
    hidden: bool = False
    flapping: bool = False
    late: bool = False
    since: datetime  # when the condition began, by the data's own time
    at: datetime
    seen: Seen
    series_id: int | None = None
    sensor_id: int | None = None
    feed_id: int | None = None
    event_id: int | None = None
    area: str | None = None  # where it is known of the target itself
    lat: float | None = None
    lon: float | None = None
    note: str = ""
    then: Sequence[Move] = ()


def clock(conn: Connection) -> datetime:
    """The database's clock: the one that counts."""
    row = conn.execute(_sql("clock")).fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def by_id(conn: Connection, ids: list[int]) -> list[Open]:
    """These alarms, locked, where still open."""
    return [_open(row) for row in conn.execute(_sql("by_id"), {"ids": ids})]


def open_for(conn: Connection, pairs: list[tuple[int, str]]) -> dict[tuple[int, str], Open]:
    """The open alarms of these (rule id, target), locked."""
    columns = {"rules": [p[0] for p in pairs], "targets": [p[1] for p in pairs]}
    found = (_open(row) for row in conn.execute(_sql("open_for"), columns))
    return {(alarm.rule_id, alarm.target): alarm for alarm in found}


def flap_times(conn: Connection, pairs: list[tuple[int, str]], at: datetime) -> dict[tuple[int, str], list[datetime]]:
    """When the condition of each pair changed within the last hour."""
    columns = {"rules": [p[0] for p in pairs], "targets": [p[1] for p in pairs], "at": at}
    return {(rule, target): times for rule, target, times in conn.execute(_sql("flap_times"), columns)}


def due(conn: Connection, at: datetime) -> list[tuple[int, int, str, str]]:
    """(alarm, rule, target, what) of open alarms to which time alone does something."""
    return conn.execute(_sql("due"), {"at": at}).fetchall()


def write(
    conn: Connection,
    at: datetime,
    *,
    moves: Sequence[tuple[Open, Sequence[Move]]] = (),
    new: Sequence[New] = (),
) -> int:
    """Run the life cycle and write all it says; returns how many alarms changed. The caller owns the transaction."""
    ledger = _Ledger(at)
    opened = _insert(conn, new, ledger)
    moved = _update(conn, moves, ledger)
    ids = opened | moved
    if not ids:
        return 0
    changes = {(a, seq): i for i, a, seq in conn.execute(_sql("record"), {"rows": _json(ledger.rows_of(ids))})}
    _owe(conn, at, [(changes[a, seq], a, why) for a, seq, why in ledger.owed_of(ids)])
    conn.execute(_sql("tell"), {"ids": sorted(ids)})
    return len(ids)


def _owe(conn: Connection, at: datetime, owed: list[tuple[int, int, str]]) -> None:
    """Intents of (change, alarm, reason). "resolved" comes second: it goes to whom "raised" is owed, maybe just now."""
    rows = [{"change_id": change, "alarm_id": alarm, "reason": why, "at": at} for change, alarm, why in owed]
    for part in ([r for r in rows if r["reason"] != "resolved"], [r for r in rows if r["reason"] == "resolved"]):
        if part:
            conn.execute(_sql("owe"), {"rows": _json(part)})


class _Ledger:
    """Changes and what is owed, gathered until the alarms' ids are known."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.rows: dict[int | tuple[int, str], list[dict[str, Any]]] = {}
        self.owed: dict[int | tuple[int, str], list[tuple[int, str]]] = {}

    def add(self, who: int | tuple[int, str], version: int, step: lifecycle.Step, move: Move) -> int:
        """Record a step; returns the alarm's version after it."""
        for kind in step.changes:
            version += 1
            note = step.state.closed if kind == "closed" else move.note
            row = {"seq": version, "at": move.at or self.at, "event_time": move.seen.time, "kind": kind,
                   "value": move.seen.value, "actor": move.actor, "note": note}  # fmt: skip
            self.rows.setdefault(who, []).append(row)
        self.owed.setdefault(who, []).extend((version, reason) for reason in step.tell)
        return version

    def name(self, pair: tuple[int, str], alarm_id: int) -> None:
        """The alarm of a new pair got its id."""
        self.rows[alarm_id] = self.rows.pop(pair)
        self.owed[alarm_id] = self.owed.pop(pair, [])

    def rows_of(self, ids: set[int]) -> list[dict[str, Any]]:
        return [{"alarm_id": i, **row} for i in ids for row in self.rows.get(i, [])]

    def owed_of(self, ids: set[int]) -> list[tuple[int, int, str]]:
        return [(i, seq, why) for i in ids for seq, why in self.owed.get(i, [])]


def _insert(conn: Connection, new: Sequence[New], ledger: _Ledger) -> set[int]:
    """Open what is new; then what else happened to it in the same breath is a move of the alarm just opened."""
    rows, states = [], {}
    for one in new:
        step = lifecycle.begin(latching=one.latching, hidden=one.hidden, flapping=one.flapping)
        pair = (one.rule_id, one.target)
        move = Move("true", at=one.at, note=one.note, seen=one.seen)
        version = ledger.add(pair, 0, step, move)
        states[pair] = (one, step.state, version)
        rows.append(_new_row(one, step.state, version))
    if not rows:
        return set()
    opened = {(rule, target): i for i, rule, target in conn.execute(_sql("open"), {"rows": _json(rows)})}
    later = []
    for pair, alarm_id in opened.items():
        ledger.name(pair, alarm_id)
        one, state, version = states[pair]
        if one.then:
            later.append((Open(alarm_id, *pair, state, version, one.latching), one.then))
    return set(opened.values()) | _update(conn, later, ledger)


def _new_row(one: New, state: lifecycle.State, version: int) -> dict[str, Any]:
    return {
        "rule_id": one.rule_id, "target": one.target, "series_id": one.series_id, "sensor_id": one.sensor_id,
        "feed_id": one.feed_id, "event_id": one.event_id, "value": one.seen.value, "peak": one.seen.peak,
        "threshold": one.seen.threshold, "latched": state.latched, "suppression": state.suppression, "told": state.told,
        "flap": one.seen.flap or 0.0, "flapping": state.flapping, "event_start": one.since, "last_event": one.seen.time,
        "opened_at": one.at, "late": one.late, "row_version": version, "area": one.area, "lat": one.lat,
        "lon": one.lon, "priority": one.seen.priority, "held": one.seen.held, "detail": one.seen.detail,
    }  # fmt: skip


def _update(conn: Connection, moves: Sequence[tuple[Open, Sequence[Move]]], ledger: _Ledger) -> set[int]:
    rows = []
    for alarm, events in moves:
        state, version, last, until = alarm.state, alarm.version, None, None
        for move in events:
            step = lifecycle.step(state, move.event, latching=alarm.latching, reason=move.note)
            if step.state == state and not step.changes and not step.tell:
                continue
            version = ledger.add(alarm.id, version, step, move)
            if move.length is not None:
                until = ledger.at + move.length
            state, last = step.state, move
        if last is not None:
            rows.append(_row(alarm, state, version, last, until, ledger.at))
    if not rows:
        return set()
    return {row[0] for row in conn.execute(_sql("move"), {"rows": _json(rows)})}


def _row(
    alarm: Open, state: lifecycle.State, version: int, last: Move, until: datetime | None, at: datetime
) -> dict[str, Any]:
    seen = last.seen
    return {
        "id": alarm.id, "was": alarm.version, "row_version": version, "at": last.at or at, "until": until,
        "condition": state.condition, "acked": state.acked, "latched": state.latched, "closed": state.closed,
        "suppression": state.suppression, "flapping": state.flapping, "told": state.told, "reopened": state.reopened,
        "actor": last.actor, "note": last.note, "flap": seen.flap, "value": seen.value, "peak": seen.peak,
        "threshold": seen.threshold, "event_time": seen.time, "reminded_at": at if last.event == "remind" else None,
        "priority": seen.priority, "held": seen.held, "detail": seen.detail,
    }  # fmt: skip


def _open(row: Any) -> Open:
    i, rule, target, condition, acked, latched, suppression, flapping, told, reopened, version, latching = row
    state = lifecycle.State(condition=condition, acked=acked, latched=latched, suppression=suppression,
                            flapping=flapping, told=told, reopened=reopened)  # fmt: skip
    return Open(i, rule, target, state, version, latching)


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


def _sql(name: str) -> bytes:
    return queries.load("alarms")[name]
