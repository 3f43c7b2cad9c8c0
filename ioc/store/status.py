"""The health of a running system, from the store alone: what `ioc status` shows, and what in it is wrong."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row

from ioc.errors import StoreError
from ioc.store import audit_read, growth, migrate, process, queries, steady
from ioc.store.database import transaction

if TYPE_CHECKING:
    from ioc.access.chain import Mark
    from ioc.store.database import Connection
    from ioc.store.growth import Growth
    from ioc.store.steady import Clock

_BEAT = timedelta(seconds=60)  # a process says that it lives every few seconds
_OVERDUE = timedelta(minutes=5)
_OFF = timedelta(seconds=60)  # between two clocks
_PRIORITIES = {1: "critical", 2: "high", 3: "medium", 4: "low"}


class Process(NamedTuple):
    name: str
    state: str
    up: timedelta
    age: timedelta  # of its last sign of life
    why: str | None


class Feed(NamedTuple):
    """age of the last message (None: never heard); the rest are counts of the last hour."""

    key: str
    age: timedelta | None
    silent_after: timedelta | None
    received: int
    stored: int
    duplicate: int
    quarantined: int
    ignored: int
    readings: int
    suspect: int

    @property
    def silent(self) -> bool:
        return self.silent_after is not None and (self.age is None or self.age > self.silent_after)


@dataclass(frozen=True, slots=True)
class Mails:
    waiting: int
    overdue: timedelta | None  # of the oldest that should have gone
    failed: int
    sent: int


class Store(NamedTuple):
    bytes: int
    sensors: int
    series: int
    hours_behind: int
    doubted: int


class Job(NamedTuple):
    name: str
    age: timedelta
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One look at everything. alarms: priority name -> (open, of these not acknowledged)."""

    at: datetime
    engine: str
    postgres: int
    processes: list[Process]
    feeds: list[Feed]
    alarms: dict[str, tuple[int, int]]
    mails: Mails
    store: Store
    jobs: list[Job]
    growth: Growth
    clock: Clock | None  # as upkeep last saw it
    audit: Mark  # its end: keep the hash elsewhere, and `ioc audit verify --head HASH` proves that nothing was cut
    wrong: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values: durations in seconds, times ISO 8601."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def look(conn: Connection) -> Status:
    """The state of everything now. Raises StoreAway, StoreError."""
    sql = queries.load("status")
    with transaction(conn):
        plan = migrate.plan(conn)
        if any(not step.name.startswith("views") for step in plan.run):
            raise StoreError(f"the database is not ready, {len(plan.run)} steps are missing: run `ioc migrate`")
        at = process.now(conn)
        values = {"now": at}
        alarms = conn.execute(sql["alarms"]).fetchall()
        found = Status(
            at=at, engine=plan.engine, postgres=plan.postgres,
            processes=_rows(conn, Process, "processes", values), feeds=_rows(conn, Feed, "feeds", values),
            alarms={_PRIORITIES[p]: (count, unacknowledged) for p, count, unacknowledged in alarms},
            mails=_rows(conn, Mails, "mails", values)[0], store=_rows(conn, Store, "store", values)[0],
            jobs=_rows(conn, Job, "jobs", values), growth=growth.look(conn, at), clock=steady.recall(conn),
            audit=audit_read.read_head(conn),
        )  # fmt: skip
    found.wrong.extend(faults(found))
    return found


def faults(status: Status) -> list[str]:
    """What is wrong, one sentence each, the gravest first."""
    return [*_processes(status), *_feeds(status), *_rest(status)]


def _processes(status: Status) -> list[str]:
    if not status.processes:
        return ["no part of IOC has run on this database yet: start `ioc up`, or ingest, alerts and dashboards"]
    late = [
        f"{p.name} " + ("was stopped" if p.state == "stopped" else "gave its last sign of life") + f" {said(p.age)} ago"
        for p in status.processes
        if p.age > _BEAT
    ]
    bad = [
        f"{p.name} says {p.state}" + (f": {p.why}" if p.why else "")
        for p in status.processes
        if p.age <= _BEAT and p.state != "ok" and not p.name.endswith("/standby")  # waiting is its work
    ]
    return late + bad


def _feeds(status: Status) -> list[str]:
    found = [
        f"feed {f.key} is silent: " + (f"last heard {said(f.age)} ago" if f.age else "never heard")
        for f in status.feeds
        if f.silent
    ]
    found += [
        f"feed {f.key} does not balance: {f.received} received"
        for f in status.feeds
        if f.received != f.stored + f.duplicate + f.quarantined + f.ignored
    ]
    return found


def _rest(status: Status) -> list[str]:
    found = [f"upkeep job {j.name!r}: {j.result or 'not done'}, {said(j.age)} ago" for j in status.jobs]
    found += [*_disk(status), *_clock(status)]
    mails = status.mails
    if mails.overdue and mails.overdue > _OVERDUE:
        found.append(f"mail does not leave: {mails.waiting} wait, the oldest for {said(mails.overdue)}")
    if mails.failed:
        found.append(f"{mails.failed} mails failed in the last day")
    return found


def _disk(status: Status) -> list[str]:
    today, found = status.at.date(), status.growth
    if not found.warns(today):
        return []
    limit = "the database's budget ([history] disk)" if found.source == "budget" else "the database's disk"
    left, day = found.days_left(today), found.forecast.full_on
    return [f"{limit} is used up in {left} days, on {day}: give it more room, or keep less ([history] in city.toml)"]


def _clock(status: Status) -> list[str]:
    """A clock that is wrong makes everything wrong that is said of time."""
    found, clock = [], status.clock
    if clock is not None and clock.since is not None:
        found.append(
            f"the database's clock moved {said(clock.leap)} at {clock.since:%Y-%m-%d %H:%M} UTC: nothing is deleted by "
            "the new time before a day has passed; if it is wrong, set it (NTP)"
        )
    off = abs(status.at - datetime.now(UTC))
    if off > _OFF:
        found.append(f"the clocks of the database and of this machine differ by {said(off)}: set both by NTP")
    if clock is not None and clock.seen > status.at + _OFF:
        found.append(f"the database's clock went back by {said(clock.seen - status.at)}: set it (NTP)")
    return found


def _rows(conn: Connection, kind: Any, query: str, values: dict[str, Any]) -> list[Any]:
    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(queries.load("status")[query], values).fetchall()


def said(span: timedelta) -> str:
    """3 s, 12 min, 5 h, 9 days."""
    seconds = max(span.total_seconds(), 0)
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return round(value.total_seconds(), 3)
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
