"""One tick: what the kinds found goes through the life cycle into alarms, their history and what is owed to people.

Verdicts are differences from what is open, so a tick that was cut short is simply done again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from alerts import chains, signals
from alerts.targets import KINDS
from ioc import flapping, plugins
from ioc.store import alarm_write as store
from ioc.store import rules as rule_store
from ioc.store.alarm_write import Move, New, Seen
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from alerts.verdict import Tick, Verdict
    from ioc.store.alarm_write import Open
    from ioc.store.database import Connection

    Pair = tuple[int, str]

_CHUNK = 1000  # alarms a transaction: a storm must not hold the table for long
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Outcome:
    """What came of a tick."""

    opened: int = 0
    moved: int = 0
    cleared: int = 0
    errors: list[str] = field(default_factory=list)


class _Work(NamedTuple):
    moves: list[tuple[Open, list[Move]]]
    new: list[New]


def evaluate(conn: Connection, tick: Tick, guard: Callable[[Connection], None]) -> Outcome:
    """All kinds, then what time alone does. `guard` is called first in every transaction and may refuse it.

    A kind that fails is recorded, and the others go on. The kinds that look at alarms come last.
    """
    outcome = Outcome()
    for kind in sorted(plugins.names(KINDS), key=_turn):
        if tick.quick and not _on_series(kind):
            continue
        try:
            with transaction(conn):
                verdicts = _verdicts(conn, tick, kind)
        except Exception as error:
            if conn.closed or conn.broken:
                raise
            log.exception("rules of kind %s were not evaluated", kind)
            outcome.errors.append(f"{kind}: {error}")
            tick.faults.update(dict.fromkeys(tick.of(kind), f"{type(error).__name__}: {error}"))
            continue
        _apply(conn, tick, verdicts, guard, outcome)
    if tick.quick:
        return outcome
    _pass_time(conn, tick, guard, outcome)
    outcome.moved += chains.pass_time(conn, tick.at, guard)
    with transaction(conn):
        guard(conn)
        rule_store.say_faults(conn, tick.at, tick.faults, full=tick.full)
    return outcome


def _on_series(kind: str) -> bool:
    """Kinds that judge series by their samples, and so have something to say as soon as one spoke."""
    return kind == "threshold" or hasattr(plugins.load(KINDS, kind), "signal")


def _turn(kind: str) -> bool:
    """Kinds that look at alarms come after those that make them."""
    return getattr(plugins.load(KINDS, kind), "AFTER_OTHERS", False)


def _verdicts(conn: Connection, tick: Tick, kind: str) -> Sequence[Verdict]:
    module = plugins.load(KINDS, kind)
    if hasattr(module, "evaluate"):
        found: Sequence[Verdict] = module.evaluate(conn, tick)
        return found
    return signals.evaluate(conn, tick, kind, module)


def _apply(
    conn: Connection, tick: Tick, verdicts: Sequence[Verdict], guard: Callable[[Connection], None], outcome: Outcome
) -> None:
    by_pair: dict[Pair, list[Verdict]] = {}
    for verdict in verdicts:
        by_pair.setdefault((verdict.rule_id, verdict.target), []).append(verdict)
    pairs = list(by_pair)
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        with transaction(conn):
            guard(conn)
            work = _work(conn, tick, {pair: by_pair[pair] for pair in chunk})
            outcome.moved += store.write(conn, tick.at, moves=work.moves, new=work.new)
        outcome.opened += len(work.new)
    outcome.cleared += sum(v.truth == "false" for v in verdicts)


def _work(conn: Connection, tick: Tick, verdicts: dict[Pair, list[Verdict]]) -> _Work:
    """Verdicts of each pair as moves of its open alarm, or as a new one."""
    opened = store.open_for(conn, list(verdicts))
    turned = [pair for pair, found in verdicts.items() if any(v.truth in ("true", "false") for v in found)]
    times = store.flap_times(conn, turned, tick.at)
    work = _Work([], [])
    for pair, found in verdicts.items():
        changes = list(times.get(pair, []))
        if (alarm := opened.get(pair)) is not None:
            now = _Now(alarm.state.condition, alarm.state.flapping, alarm.priority)
            work.moves.append((alarm, list(_moves(found, changes, tick, now))))
        elif (new := _new(found, changes, tick)) is not None:
            work.new.append(new)
    return work


def _new(found: list[Verdict], changes: list[datetime], tick: Tick) -> New | None:
    """The alarm that the first true verdict opens; what follows it is done to it at once."""
    first = next((i for i, v in enumerate(found) if v.truth == "true"), None)
    if first is None:
        return None
    verdict, at = found[first], _when(found[first], tick)
    changes.append(at)
    percent = flapping.score(changes, at)
    flaps = flapping.flaps(percent, already=False)
    then = tuple(_moves(found[first + 1 :], changes, tick, _Now("true", flaps, verdict.priority)))
    return New(
        rule_id=verdict.rule_id, target=verdict.target, latching=tick.rules[verdict.rule_id].rule.latching,
        hidden=bool(verdict.by_design), flapping=flaps, late=verdict.late, since=verdict.since or verdict.time, at=at,
        seen=_seen(verdict, percent), series_id=verdict.series_id, sensor_id=verdict.sensor_id, feed_id=verdict.feed_id,
        event_id=verdict.event_id, area=verdict.area, lat=verdict.lat, lon=verdict.lon, note=verdict.note, then=then,
    )  # fmt: skip


class _Now(NamedTuple):
    """How an alarm stands before the next verdict."""

    condition: str
    flaps: bool
    priority: int | None


def _moves(found: Sequence[Verdict], changes: list[datetime], tick: Tick, now: _Now) -> Iterator[Move]:
    for verdict in found:
        at = _when(verdict, tick)
        percent = None
        if verdict.truth in ("true", "false") and (verdict.truth == "false") != (now.condition == "false"):
            changes.append(at)
            percent = flapping.score(changes, at)
            if not now.flaps and flapping.flaps(percent, already=False):
                now = now._replace(flaps=True)
                yield Move("flap_on", at=at, seen=Seen(flap=percent))
        if verdict.by_design is not None and verdict.truth == "true":
            yield Move("hide" if verdict.by_design else "unhide", at=at)
        yield Move(verdict.truth, note=verdict.note, at=at, seen=_seen(verdict, percent))
        yield from _severity(verdict, at, now)
        if verdict.by_design is False and verdict.truth == "false":
            yield Move("unhide", at=at)
        now = now._replace(condition=verdict.truth, priority=verdict.priority or now.priority)


def _severity(verdict: Verdict, at: datetime, now: _Now) -> Iterator[Move]:
    """A condition that holds on at another level, or with more to it: worse is told, the rest is only recorded."""
    if verdict.truth != "true" or now.condition != "true":
        return
    if verdict.held is None:
        if verdict.detail is not None:
            yield Move("grown", note=verdict.note, at=at, seen=_seen(verdict, None))
        return
    worse = (verdict.priority or 0) < (now.priority or 0)
    yield Move("worse" if worse else "better", note=verdict.note, at=at, seen=_seen(verdict, None))


def _when(verdict: Verdict, tick: Tick) -> datetime:
    """When it counts from: now, or, where history is being caught up with, when it happened."""
    return verdict.time if verdict.late else tick.at


def _seen(verdict: Verdict, percent: float | None) -> Seen:
    return Seen(time=verdict.time, value=verdict.value, peak=verdict.peak, threshold=verdict.threshold, flap=percent,
                priority=verdict.priority, held=verdict.held, detail=verdict.detail)  # fmt: skip


def _pass_time(conn: Connection, tick: Tick, guard: Callable[[Connection], None], outcome: Outcome) -> None:
    """Shelves that end, reminders, flapping that is over, rules that are gone."""
    with transaction(conn):
        rows = store.due(conn, tick.at, orphans=tick.full)
    for start in range(0, len(rows), _CHUNK):
        chunk = {row[0]: row for row in rows[start : start + _CHUNK]}
        with transaction(conn):
            guard(conn)
            alarms = store.by_id(conn, list(chunk))
            times = store.flap_times(conn, [(a.rule_id, a.target) for a in alarms], tick.at)
            moves = [(a, list(_timed(chunk[a.id][3], times.get((a.rule_id, a.target), []), tick.at))) for a in alarms]
            outcome.moved += store.write(conn, tick.at, moves=moves)


def _timed(what: str, times: list[datetime], at: datetime) -> Iterator[Move]:
    if what != "flap":
        event, _, reason = what.partition(":")
        yield Move(event, note=reason)
    elif not flapping.flaps(percent := flapping.score(times, at), already=True):
        yield Move("flap_off", seen=Seen(flap=percent))
