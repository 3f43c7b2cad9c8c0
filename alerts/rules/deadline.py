"""Something must be finished within so much working time: a report, an outage, a permit; warned of in good time."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from alerts import worktime
from alerts.levels import PRIORITY
from alerts.verdict import Verdict, length, micros, moment
from alerts.worktime import Calendar
from ioc.config.types import Duration, Model
from ioc.store import kinds as store
from ioc.store import models
from ioc.store.rules import like

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alerts.verdict import Known, Spec, Tick, Watched
    from alerts.worktime import Pause
    from ioc.config.rules import Rule
    from ioc.store.database import Connection


class Step(Model):
    """share: of the time that may pass; priority: of an alarm from then on."""

    share: float = Field(gt=0, le=10)
    priority: Literal["critical", "high", "medium", "low"]


class Pausing(Model):
    """The clock stands still while this property of the event has one of these values."""

    property: str
    values: list[str]


class Options(Model):
    """
    kinds: event kinds, a trailing * matches the rest; severity: the least; the scope's feeds, domains and areas apply.
    within: working time that may pass until the event is closed. hours: as ["mon-fri 07:30-11:30", "mon-fri
    13:30-17:00"], by the city's clock; always where absent. holidays: the city's count as free where true; free: more
    free days. always_from: events of this severity have no free time. steps: { share, priority }, as 0.75 and 1; one at
    1 with the rule's priority where absent. pause: { property, values }: while the event says so, no time passes.
    """

    kinds: list[str] = []
    severity: int = Field(default=0, ge=0, le=4)
    within: Duration = Field(gt=timedelta(0))
    hours: list[str] = []
    holidays: bool = True
    free: list[date] = []
    always_from: int | None = Field(default=None, ge=0, le=4)
    steps: list[Step] = []
    pause: Pausing | None = None

    @field_validator("hours")
    @classmethod
    def _readable(cls, value: list[str]) -> list[str]:
        worktime.hours(value)
        return value

    @model_validator(mode="after")
    def _rising(self) -> Options:
        shares = [step.share for step in self.steps]
        if shares != sorted(set(shares)):
            raise ValueError("steps: shares must rise")
        ranks = [PRIORITY[step.priority] for step in self.steps]
        if ranks != sorted(ranks, reverse=True):
            raise ValueError("steps: a later step must not be less urgent")
        return self


def specs(rule: Rule, _options: Options, _known: Known) -> list[Spec]:
    """Raises ValueError."""
    if rule.scope.metrics or rule.scope.sensors:
        raise ValueError("scope: events are named by feeds, domains and areas")
    return []


def window(_options: Options) -> timedelta:
    return timedelta(0)


def pauses(changes: Sequence[tuple[int, str, dict[str, Any]]], pause: Pausing | None) -> list[Pause]:
    """When the clock stood still: while the event said so, and while it was closed before it was opened again."""
    found: list[Pause] = []
    properties: dict[str, Any] = {}
    for at, status, said in changes:
        properties.update(said)
        still = status == "closed" or (pause is not None and str(properties.get(pause.property)) in pause.values)
        if still and (not found or found[-1][1] is not None):
            found.append((at, None))
        elif not still and found and found[-1][1] is None:
            found[-1] = (found[-1][0], at)
    return found


def evaluate(conn: Connection, tick: Tick) -> list[Verdict]:
    """All rules of this kind at once: deadlines of what changed are worked out, then those that passed looked up."""
    mine = tick.of("deadline")
    if not mine:
        return []
    holidays = frozenset(models.holidays(conn))
    stamps = {i: _stamp(w, holidays) for i, w in mine.items()}
    wanted = [_wanted(w, stamps[i]) for i, w in mine.items()]
    stale = store.deadlines_stale(conn, wanted, tick.at, tick.since, full=tick.full)
    if stale:
        rows = [_deadlines(row, mine[row["rule_id"]], holidays, tick) for row in stale]
        store.put_deadlines(conn, [{**row, "stamp": stamps[row["rule_id"]]} for row in rows])
    if tick.full:
        store.forget_deadlines(conn, sorted(mine))
    found = [_verdict(row, mine[row["rule_id"]], tick) for row in store.deadlines_due(conn, sorted(mine), tick.at)]
    return [v for v in found if v is not None]


def _wanted(watched: Watched, stamp: str) -> dict[str, Any]:
    scope, options = watched.rule.scope, watched.options
    return {"rule_id": watched.id, "kinds": [like(k) for k in options.kinds], "severity": options.severity,
            "feeds": scope.feeds, "domains": scope.domains, "areas": scope.areas, "stamp": stamp}  # fmt: skip


def _stamp(watched: Watched, holidays: frozenset[date]) -> str:
    said = f"{watched.options.model_dump_json()} {sorted(holidays)}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def calendar(options: Options, severity: int, holidays: frozenset[date], tick: Tick) -> Calendar:
    """The working time of an event of this severity."""
    if options.always_from is not None and severity >= options.always_from:
        return Calendar((), frozenset(), tick.zone)
    free = (holidays if options.holidays else frozenset()) | set(options.free)
    return Calendar(worktime.hours(options.hours), free, tick.zone)


def _shares(options: Options) -> list[float]:
    return [step.share for step in options.steps] or [1.0]


def _deadlines(row: dict[str, Any], watched: Watched, holidays: frozenset[date], tick: Tick) -> dict[str, Any]:
    options: Options = watched.options
    working = calendar(options, row["severity"], holidays, tick)
    stops = pauses(row["changes"] or [], options.pause)
    start, whole = micros(row["opened_at"]), length(options.within)
    due = [worktime.due(start, round(whole * share), working, stops) for share in _shares(options)]
    return {"rule_id": row["rule_id"], "event_id": row["event_id"],
            "due": [None if d is None else moment(d).isoformat() for d in due]}  # fmt: skip


def _verdict(row: dict[str, Any], watched: Watched, tick: Tick) -> Verdict | None:
    """What the alarm does not say yet."""
    target = f"event:{row['event_id']}"
    held = sum(1 << n for n, due in enumerate(row["due"] or []) if due is not None and due <= tick.at)
    if not held:
        return Verdict(watched.id, target, "false", tick.at) if row["condition"] not in (None, "false") else None
    if row["condition"] == "true" and row["held"] == held:
        return None
    passed = held.bit_length() - 1
    steps = watched.options.steps
    rank = PRIORITY[steps[passed].priority] if steps else None
    return Verdict(
        watched.id, target, "true", tick.at, since=row["opened_at"], event_id=row["event_id"], feed_id=row["feed_id"],
        priority=rank, held=held, note=f"{_shares(watched.options)[passed]:.0%}",
        detail={"due": [d.isoformat() if d else None for d in row["due"]]},
    )  # fmt: skip
