"""Moves of alarms -> rows: the life cycle is run on the locked alarm, and all it says is written in one go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ioc import lifecycle
from ioc.store import cover, queries, telling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
    priority: int = 3


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
    """One event of the life cycle, who caused it and why. at: when it counts from, the transaction's time if None.

    length or until: how long it is put aside; parent, maintenance: behind which alarm, for which window; person: the
    contact it is given to; detail: more for the history.
    """

    event: str
    actor: str = "ioc"
    note: str = ""
    length: timedelta | None = None
    at: datetime | None = None
    seen: Seen = field(default_factory=Seen)
    until: datetime | None = None
    parent: int | None = None
    maintenance: int | None = None
    person: int | None = None
    detail: Mapping[str, Any] | None = None


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


def due(conn: Connection, at: datetime, *, orphans: bool = True) -> list[tuple[int, int, str, str]]:
    """(alarm, rule, target, what) of open alarms to which time alone does something; orphans: also where nothing
    watches their target any more.
    """
    gone = conn.execute(_sql("orphans")).fetchall() if orphans else []
    known = {row[0] for row in gone}
    return gone + [row for row in conn.execute(_sql("due"), {"at": at}) if row[0] not in known]


def write(
    conn: Connection,
    at: datetime,
    *,
    moves: Sequence[tuple[Open, Sequence[Move]]] = (),
    new: Sequence[New] = (),
) -> int:
    """Run the life cycle and write all it says; returns how many alarms changed. The caller owns the transaction.

    What maintenance or a larger fault covers is put aside in the same breath, before anybody is told.
    """
    ledger = _Ledger(at)
    ids = _insert(conn, new, ledger) | _update(conn, moves, ledger)
    if not ids:
        return 0
    covered = cover.changes(conn, at, sorted(ids & ledger.bare))
    _update(conn, [(ledger.now[i], [_covering(change)]) for i, change in covered], ledger)
    changes = {(a, seq): i for i, a, seq in conn.execute(_sql("record"), {"rows": _json(ledger.rows_of(ids))})}
    telling.owe(conn, at, [(changes[a, seq], a, why) for a, seq, why in ledger.owed_of(ids)])
    telling.follow(conn, at, sorted(ids), sorted(ids & ledger.freed))
    conn.execute(_sql("tell"), {"ids": sorted(ids)})
    return len(ids)


def comment_on(conn: Connection, alarm_id: int, by: str, note: str) -> bool:
    """A line in the history that moves nothing; False where there is no such alarm. The caller owns the transaction."""
    row = conn.execute(_sql("note"), {"id": alarm_id}).fetchone()
    if row is None:
        return False
    line = {"alarm_id": alarm_id, "seq": row[0], "at": clock(conn), "kind": "comment", "actor": by, "note": note}
    conn.execute(_sql("record"), {"rows": _json([line])})
    conn.execute(_sql("tell"), {"ids": [alarm_id]})
    return True


def cover_all(conn: Connection, at: datetime) -> int:
    """Put aside, or bring back, whatever a window of maintenance or a larger fault has begun or ceased to cover."""
    found = dict(cover.changes(conn, at))
    alarms = by_id(conn, list(found))
    return write(conn, at, moves=[(alarm, [_covering(found[alarm.id])]) for alarm in alarms])


def _covering(change: cover.Change) -> Move:
    return Move(change.what, actor=change.by or "ioc", note=change.note, until=change.until, parent=change.parent,
                maintenance=change.maintenance)  # fmt: skip


_FREES = {"unshelved", "unhidden", "put_back"}
_COVERS = {"hidden", "shelved", "taken_out"}


class _Ledger:
    """Changes and what is owed, gathered until the alarms' ids are known.

    now: each alarm as it is after what was written; bare: those that a cover must be looked for; freed: out of one.
    """

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.rows: dict[int | tuple[int, str], list[dict[str, Any]]] = {}
        self.owed: dict[int | tuple[int, str], list[tuple[int, str]]] = {}
        self.now: dict[int, Open] = {}
        self.bare: set[int] = set()
        self.freed: set[int] = set()

    def add(self, who: int | tuple[int, str], version: int, step: lifecycle.Step, move: Move, was: str = "") -> int:
        """Record a step; returns the alarm's version after it. What is put aside before it was told is not told.

        was: the ISA letter before it.
        """
        detail = _by_person(move, was, step.state.isa)
        for kind in step.changes:
            version += 1
            note = step.state.closed if kind == "closed" else move.note
            row = {"seq": version, "at": move.at or self.at, "event_time": move.seen.time, "kind": kind,
                   "value": move.seen.value, "actor": move.actor, "note": note, "detail": detail}  # fmt: skip
            self.rows.setdefault(who, []).append(row)
        owed = self.owed.setdefault(who, [])
        if _COVERS & set(step.changes):
            owed[:] = [(seq, reason) for seq, reason in owed if reason in ("resolved", "assigned")]
        owed.extend((version, reason) for reason in step.tell)
        return version

    def name(self, pair: tuple[int, str], alarm_id: int) -> None:
        """The alarm of a new pair got its id."""
        self.rows[alarm_id] = self.rows.pop(pair)
        self.owed[alarm_id] = self.owed.pop(pair, [])

    def rows_of(self, ids: set[int]) -> list[dict[str, Any]]:
        return [{"alarm_id": i, **row} for i in ids for row in self.rows.get(i, [])]

    def owed_of(self, ids: set[int]) -> list[tuple[int, int, str]]:
        return [(i, seq, why) for i in ids for seq, why in self.owed.get(i, [])]


def _by_person(move: Move, was: str, now: str) -> Mapping[str, Any] | None:
    """The move's detail; a person's own deed also says from which state to which, and so comes into the audit."""
    if move.actor == "ioc" or move.maintenance is not None or move.parent is not None:
        return move.detail
    return {**(move.detail or {}), "from": was, "to": now}


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
        ledger.now[alarm_id] = Open(alarm_id, *pair, state, version, one.latching)
        if one.then:
            later.append((ledger.now[alarm_id], one.then))
    ledger.bare |= set(opened.values())
    return set(opened.values()) | _update(conn, later, ledger)


def _update(conn: Connection, moves: Sequence[tuple[Open, Sequence[Move]]], ledger: _Ledger) -> set[int]:
    unheard = _unheard(conn, moves)
    rows = []
    for alarm, events in moves:
        found = _run(alarm, events, ledger, unheard=alarm.id in unheard)
        if found is not None:
            rows.append(found)
    if not rows:
        return set()
    return {row[0] for row in conn.execute(_sql("move"), {"rows": _json(rows)})}


def _unheard(conn: Connection, moves: Sequence[tuple[Open, Sequence[Move]]]) -> set[int]:
    """Alarms that are about to be put aside, of which no message has left: what was to be sent is taken back."""
    aside = ("hide", "shelve", "shelve_once", "take_out")
    ids = [alarm.id for alarm, events in moves if any(m.event in aside for m in events)]
    return telling.hush(conn, ids) if ids else set()


def _run(alarm: Open, events: Sequence[Move], ledger: _Ledger, *, unheard: bool) -> dict[str, Any] | None:
    """All events of one alarm, one after the other; its row as it is then, None where nothing changed."""
    state, version, row = alarm.state, alarm.version, None
    for move in events:
        step = lifecycle.step(state, move.event, latching=alarm.latching, reason=move.note, unheard=unheard)
        if step.state == state and not step.tell and not step.changes:
            continue
        version = ledger.add(alarm.id, version, step, move, state.isa)
        if _FREES & set(step.changes):
            ledger.freed.add(alarm.id)
        state = step.state
        row = {**(row or {}), **_row(alarm, state, version, move, ledger.at)}
    if row is not None:
        ledger.now[alarm.id] = Open(alarm.id, alarm.rule_id, alarm.target, state, version, alarm.latching)
        ledger.bare |= {alarm.id} & ledger.freed
    return row


def _new_row(one: New, state: lifecycle.State, version: int) -> dict[str, Any]:
    return {
        "rule_id": one.rule_id, "target": one.target, "series_id": one.series_id, "sensor_id": one.sensor_id,
        "feed_id": one.feed_id, "event_id": one.event_id, "value": one.seen.value, "peak": one.seen.peak,
        "threshold": one.seen.threshold, "latched": state.latched, "suppression": state.suppression, "told": state.told,
        "flap": one.seen.flap or 0.0, "flapping": state.flapping, "event_start": one.since, "last_event": one.seen.time,
        "opened_at": one.at, "late": one.late, "row_version": version, "area": one.area, "lat": one.lat,
        "lon": one.lon, "priority": one.seen.priority, "held": one.seen.held, "detail": one.seen.detail,
    }  # fmt: skip


def _row(alarm: Open, state: lifecycle.State, version: int, move: Move, at: datetime) -> dict[str, Any]:
    """The alarm after a move. What a move does not say is left out, so that an earlier one's word stands."""
    row = {
        "id": alarm.id, "was": alarm.version, "row_version": version, "at": move.at or at, "actor": move.actor,
        "condition": state.condition, "acked": state.acked, "latched": state.latched, "closed": state.closed,
        "suppression": state.suppression, "flapping": state.flapping, "told": state.told, "reopened": state.reopened,
        "one_shot": state.one_shot, "note": move.note,
    }  # fmt: skip
    seen = move.seen
    said = {
        "flap": seen.flap, "value": seen.value, "peak": seen.peak, "threshold": seen.threshold, "event_time": seen.time,
        "priority": seen.priority, "held": seen.held, "detail": seen.detail, "parent_id": move.parent,
        "maintenance_id": move.maintenance, "person": move.person,
        "until": move.until or (at + move.length if move.length is not None else None),
        "reminded_at": at if move.event == "remind" else None,
    }  # fmt: skip
    return {**row, **{name: value for name, value in said.items() if value is not None}}


def _open(row: Any) -> Open:
    i, rule, target, condition, acked, latched, suppression, flapping, told, reopened, one_shot, *rest = row
    version, latching, priority = rest
    state = lifecycle.State(condition=condition, acked=acked, latched=latched, suppression=suppression,
                            flapping=flapping, told=told, reopened=reopened, one_shot=one_shot)  # fmt: skip
    return Open(i, rule, target, state, version, latching, priority)


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


def _sql(name: str) -> bytes:
    return queries.load("alarms")[name]
