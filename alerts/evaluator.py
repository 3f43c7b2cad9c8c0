"""Keeps the ticks: what was seen last, what was missed, when silence may be judged again.

All that matters is in the database; what is remembered here only saves work, and is found again after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from alerts import engine, targets
from alerts.verdict import Tick, by_kind, micros, moment
from ioc.store import leader, rules
from ioc.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from zoneinfo import ZoneInfo

    from alerts.engine import Outcome
    from alerts.verdict import Watched
    from ioc.config.thresholds import ThresholdPack
    from ioc.records import Micros
    from ioc.store.database import Connection

EVERY = timedelta(seconds=5)
SETTLE = timedelta(seconds=60)  # after a start, silence is not judged: what was away is only coming back
REPLAY = timedelta(hours=1)  # a longer outage is not replayed: its alarms would be news of yesterday
LATENESS = timedelta(minutes=15)  # samples older than this are history, never alarms
FULL = timedelta(minutes=1)  # this often everything is looked at, in between only what spoke
_OVERLAP = timedelta(seconds=10)  # what a slow commit made visible after the last look
_BARELY = timedelta(seconds=1)  # likewise, where the next tick looks again
_OUTAGE = timedelta(seconds=60)  # fewer missed ticks than this are no outage, only a slow tick


def aligned(now: datetime) -> datetime:
    """The grid point at or before `now`: ticks of any process, at any time, fall on the same grid."""
    seconds = EVERY.total_seconds()
    return datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)


@dataclass(slots=True)
class Gap:
    """Nothing was evaluated in between."""

    start: datetime
    end: datetime


@dataclass(slots=True)
class Evaluator:
    """One evaluator's memory. `guard` is called first in every transaction: it refuses when another one leads."""

    zone: ZoneInfo
    packs: Mapping[str, ThresholdPack]
    guard: Callable[[Connection], None] = lambda _: None
    rules: dict[int, Watched] = field(default_factory=dict)
    gap: Gap | None = None  # the outage found at the last tick, too long to be replayed
    _kinds: dict[str, dict[int, Watched]] = field(default_factory=dict)  # the same rules, by kind
    _day: date | None = None
    _top: int = 0
    _previous: datetime | None = None
    _looked: datetime | None = None  # between two ticks
    _settled: datetime | None = None
    _marks: dict[int, Micros] = field(default_factory=dict)
    _full: datetime | None = None  # the last look at everything
    _wrong: dict[int, str] = field(default_factory=dict)  # rules that are not understood, and why

    def reload(self, conn: Connection, at: datetime, packs: Mapping[str, ThresholdPack] | None = None) -> None:
        """Rules or registry changed: read them again and work out what they watch."""
        self.packs = self.packs if packs is None else packs
        self._day = at.astimezone(self.zone).date()
        self._top = rules.top_series(conn)
        self.rules, self._wrong = targets.in_force(conn, self.packs, self._day, self.zone)
        self._kinds = by_kind(self.rules)
        targets.rebuild(conn, self.rules, self._wrong)
        self._full = None

    def settle(self, at: datetime) -> None:
        """Something was away: silence is not judged for a while."""
        self._settled = at + SETTLE

    def tick(self, conn: Connection, at: datetime) -> Outcome | None:
        """Evaluate as of `at`. None when this tick was done already."""
        self._refresh(conn, at)
        with transaction(conn):
            self.guard(conn)
            if not leader.begin_tick(conn, at):
                return None
        outcome = engine.evaluate(conn, self._tick(conn, at), self.guard)
        with transaction(conn):
            self.guard(conn)
            error = "; ".join(outcome.errors) or None
            leader.end_tick(conn, at, opened=outcome.opened, cleared=outcome.cleared, error=error)
        self._previous, self._looked = at, None
        return outcome

    def look(self, conn: Connection, at: datetime) -> Outcome | None:
        """What spoke since the last look, between two ticks: rules on those series alone. None where nothing did.

        Not recorded as a tick: one that is cut short is made good by the next tick, which looks at the same.
        """
        previous = self._looked or self._previous
        if self._previous is None or previous is None or at - self._previous > _OUTAGE:
            return None
        heard = rules.touched(conn, previous - _BARELY)
        fresh = {series: newest for series, newest in heard.items() if self._marks.get(series) != newest}
        self._looked = at
        if not fresh:
            return None
        seen = {series: mark for series in fresh if (mark := self._marks.get(series)) is not None}
        after = {s: max(moment(mark), at - LATENESS) for s, mark in seen.items() if mark < fresh[s]}
        tick = Tick(
            at, self.rules, after, spoke=frozenset(fresh), full=False, quick=True, zone=self.zone, kinds=self._kinds
        )
        outcome = engine.evaluate(conn, tick, self.guard)
        self._mark(fresh, at)
        return outcome

    def _mark(self, heard: Mapping[int, Micros], at: datetime) -> None:
        """These were looked at, up to `at`: what came between then and the look is still to be looked at."""
        end = micros(at)
        self._marks.update({series: min(newest, end) for series, newest in heard.items()})

    def _refresh(self, conn: Connection, at: datetime) -> None:
        """A new day moves dated levels; new series join the rules that watch their like."""
        if self._day != at.astimezone(self.zone).date():
            self.reload(conn, at)
        elif (top := rules.top_series(conn)) > self._top:
            targets.rebuild(conn, self.rules, self._wrong, after=self._top)
            self._top = top
            self._full = None

    def _tick(self, conn: Connection, at: datetime) -> Tick:
        self.gap = None
        first = self._previous is None
        if self._settled is None:
            self.settle(at)
        previous = self._previous or leader.last_tick(conn, at)
        outage = previous is not None and at - previous > _OUTAGE
        if previous is None or at - previous > REPLAY:
            self.gap = Gap(previous, at) if previous is not None else None
            after: dict[int, datetime] = {}
            self._mark(rules.touched(conn, at - LATENESS), at)
            spoke, late = set(self._marks), {}
            self._full = None
        else:
            after, spoke = self._unseen(conn, at, previous, first=first)
            late = rules.late(conn, previous - _OVERLAP, at - LATENESS)
        return Tick(
            at, self.rules, after, settling=self._settling(conn, at), replay=outage and self.gap is None, late=late,
            spoke=spoke | set(late), full=self._is_full(at), zone=self.zone,
            since=at - LATENESS if previous is None or self.gap else previous - _OVERLAP, kinds=self._kinds,
        )  # fmt: skip

    def _is_full(self, at: datetime) -> bool:
        """Everything is looked at now and then: what changed without a sample, or in a commit that took very long."""
        full = self._full is None or at - self._full >= FULL
        if full:
            self._full = at
        return full

    def _unseen(
        self, conn: Connection, at: datetime, previous: datetime, *, first: bool
    ) -> tuple[dict[int, datetime], set[int]]:
        """From where on each series that spoke since was not looked at: its mark, or the last tick after a restart.

        And all series that spoke, with those that did so for the first time.
        """
        oldest = previous if at - previous > LATENESS else at - LATENESS
        heard = rules.touched(conn, previous - _OVERLAP)
        after = {}
        for series, newest in heard.items():
            mark = self._marks.get(series, micros(previous) if first else None)
            if mark is not None and mark < newest:
                after[series] = max(moment(mark), oldest)
        self._mark(heard, at)
        return after, set(heard)

    def _settling(self, conn: Connection, at: datetime) -> bool:
        started, _ = rules.ingest_started(conn)
        return (self._settled is not None and at < self._settled) or (started is not None and at < started + SETTLE)
