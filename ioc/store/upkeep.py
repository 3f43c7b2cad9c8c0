"""What a store needs every so often: partitions ahead, retention, rollups, data quality. Any process may call it.

`run` does what is due and returns; a session lock lets one process at a time do it. `Keeper` is the thread a service
starts. Each job is a short function of (conn, task); `JOBS` says how often each is due.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ioc.access import chain
from ioc.errors import IocError, StoreError
from ioc.store import audit_read, chunks, gauges, growth, migrate, quality, queries, registry, rollups, steady
from ioc.store.database import UPKEEP, Connection, connect, transaction, translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from ioc.config.folder import CityFolder

log = logging.getLogger("ioc.upkeep")

_LOCK = 0x10C_0004
_AUDITED = 1_000_000  # rows followed at once, some ten seconds
_OPEN_HOUR = timedelta(minutes=5)  # the hour that is still running is worked out this often
_WEEKS = (("reading", "time"), ("position", "time"), ("rollup_1m", "bucket"))
_PRUNED_DAILY = (
    "event_change",
    "ledger",
    "ledger_reason",
    "tick",
    "outbox",
    "request",
    "arrival",
    "suspect",
    "quarantine",
)


Job: TypeAlias = "Callable[[Connection, Task], str]"  # returns what came of it, for `ioc status`


class Task(NamedTuple):
    """now: the database's clock, UTC; believed: as if it had not leapt where it did, for what is deleted."""

    folder: CityFolder
    now: datetime
    engine: str
    believed: datetime
    lookback: timedelta = timedelta(0)  # readings that a rule needs are kept, whatever the folder says

    def oldest(self, table: str) -> datetime:
        """The retention of `table`: nothing before this is kept. Hours outlive readings: days are made of them."""
        history = self.folder.city.history
        kept = {
            "reading": max(history.readings, self.lookback),
            "position": history.positions,
            "rollup_1m": history.rollup_1m,
            "rollup_1h": max(history.rollup_1h, history.readings + timedelta(days=2)),
            "event_change": history.readings,
        }
        return self.believed - kept.get(table, history.quarantine)


def run(conn: Connection, folder: CityFolder, now: datetime | None = None) -> bool:
    """Do what is due at `now` (the database's clock where None); False when another process is at it.

    conn must be in autocommit mode. A job that fails is logged, shown by `ioc status` and tried again; the others go
    on. A changed [history] is in force at once. Raises StoreAway.
    """
    sql = queries.load("upkeep")
    with translated():
        if not _one(conn, sql["try_lock"], key=_LOCK):
            return False
        try:
            moment = now or _one(conn, sql["clock"])
            task = Task(folder, moment, migrate.engine(conn), _clock(conn, moment).believed)
            history = folder.city.history.model_dump(mode="json")
            changed = growth.recall(conn, "history") != history
            for name, (every, job) in JOBS.items():
                if (changed and name in _OF_HISTORY) or _one(conn, sql["due"], name=name, now=moment, every=every):
                    _do(conn, name, job, task)
            if changed:
                growth.remember(conn, "history", history, moment)
        finally:
            conn.execute(sql["unlock"], {"key": _LOCK})
    return True


def _clock(conn: Connection, now: datetime) -> steady.Clock:
    clock = steady.look(conn, now)
    if clock.since == now:
        log.warning(
            "the database's clock moved %s since the last upkeep: until that has lasted for a day, nothing is deleted "
            "for its age by the new time; if the clock is wrong, set it (NTP)", clock.leap
        )  # fmt: skip
    return clock


def _do(conn: Connection, name: str, job: Job, task: Task) -> None:
    started = time.monotonic()
    try:
        with translated():
            result = job(conn, task)
    except IocError as error:
        if conn.closed:
            raise
        log.warning("%s failed: %s", name, error)
        result = f"failed: {error}"
    took = timedelta(seconds=time.monotonic() - started)
    conn.execute(queries.load("upkeep")["ran"], {"name": name, "now": task.now, "took": took, "result": result})


def _weeks(conn: Connection, task: Task) -> str:
    if task.engine != "plain":
        return ""
    return f"{sum(_count(conn, 'make_weeks', table=t, column=c, now=task.now) for t, c in _WEEKS)} made"


def _retention(conn: Connection, task: Task) -> str:
    known = growth.recall(conn, growth.LOOKBACK) or {"rule": "", "seconds": 0}
    task = task._replace(lookback=timedelta(seconds=known["seconds"]))
    longer = task.lookback > task.folder.city.history.readings
    if task.engine == "plain":
        dropped = [_count(conn, "drop_weeks", table=t, column=c, oldest=task.oldest(t)) for t, c in _WEEKS]
        _execute(conn, "prune_rollup_1h", oldest=task.oldest("rollup_1h"))
    else:
        tables = ("reading", "position", "rollup_1m", "rollup_1h")
        dropped = [_count(conn, "drop_chunks", table=t, oldest=task.oldest(t)) for t in tables]
    why = (
        f"; readings kept for {task.lookback.days} days, since rule {known['rule']} looks back so far" if longer else ""
    )
    return f"{sum(dropped)} dropped{why}"


def _compression(conn: Connection, task: Task) -> str:
    if task.engine == "plain":
        return ""
    return f"{_count(conn, 'compress_after', after=task.folder.city.history.compress_after)} changed"


def _chunks(conn: Connection, task: Task) -> str:
    width = chunks.fit(conn, task.now) if task.engine == "timescale" else None
    return f"now {width} wide" if width else ""


def _sizes(conn: Connection, task: Task) -> str:
    found = growth.sample(conn, task.now, task.folder.city.history)
    gauges.show(found, task.now)
    return f"{found.bytes} bytes, {found.forecast.per_day} a day"


def _changes(conn: Connection, task: Task) -> str:
    return f"{_execute(conn, 'prune_change', now=task.now)} pruned"


def _prune(conn: Connection, task: Task) -> str:
    counts = {t: _execute(conn, f"prune_{t}", now=task.believed, oldest=task.oldest(t)) for t in _PRUNED_DAILY}
    return ", ".join(f"{t} {n}" for t, n in counts.items() if n)


def _areas(conn: Connection, task: Task) -> str:
    return "worked out" if registry.new_day(conn, task.folder) else ""


def _places(conn: Connection, task: Task) -> str:  # noqa: ARG001
    return f"{registry.new_places(conn)} changed"


def _closed_hours(conn: Connection, task: Task) -> str:
    return _rollups(conn, task, rollups.hour_of(task.now))


def _open_hour(conn: Connection, task: Task) -> str:
    return _rollups(conn, task, task.now) if task.engine == "plain" else ""


def _rollups(conn: Connection, task: Task, before: datetime) -> str:
    done = rollups.run(conn, task.engine, rollups.Span(before, task.oldest("reading"), task.oldest("rollup_1m")))
    return f"{done} hours" if done else ""


def _delays(conn: Connection, task: Task) -> str:
    return f"{quality.learn_delays(conn, task.now)} series"


def _cadences(conn: Connection, task: Task) -> str:
    return f"{quality.learn_cadences(conn, task.now)} series"


def _quality(conn: Connection, task: Task) -> str:
    return f"{quality.run(conn, task.now)} changed"


def _audit(conn: Connection, task: Task) -> str:
    """Follow the audit on from where the last look ended, and say its newest hash where a log keeps it."""
    known = growth.recall(conn, "audit")
    with transaction(conn):
        found = audit_read.verify(conn, since=chain.Mark(*known) if known else chain.Mark(), most=_AUDITED)
    if found.broken is not None:
        raise StoreError(
            f"the audit is not whole: row {found.broken.first} is {found.broken.fault}; see `ioc audit verify`"
        )
    at_end = found.mark == found.head  # then it is followed from its beginning again
    growth.remember(conn, "audit", None if at_end else found.mark, task.now)
    log.info("audit: %d rows, newest hash %s (keep it elsewhere: `ioc audit verify --head HASH`)", *found.head)
    return f"whole up to row {found.mark.id} of {found.head.id}"


JOBS: dict[str, tuple[timedelta, Job]] = {
    "changes": (timedelta(minutes=1), _changes),
    "weeks": (timedelta(hours=1), _weeks),
    "rollups": (timedelta(seconds=10), _closed_hours),
    "rollups of the open hour": (_OPEN_HOUR, _open_hour),
    "delays": (timedelta(minutes=10), _delays),
    "cadences": (timedelta(hours=1), _cadences),
    "quality": (timedelta(seconds=50), _quality),
    "areas": (timedelta(minutes=10), _areas),
    "places": (timedelta(seconds=20), _places),
    "retention": (timedelta(hours=1), _retention),
    "compression": (timedelta(hours=1), _compression),
    "chunks": (timedelta(hours=6), _chunks),
    "sizes": (timedelta(hours=1), _sizes),
    "prune": (timedelta(hours=6), _prune),
    "audit": (timedelta(days=1), _audit),
}
_OF_HISTORY = {"retention", "compression", "sizes"}  # done at once when [history] of city.toml changed


class Keeper(threading.Thread):
    """Calls `run` about every 30 s until `stop` is set; a database that is away is waited for.

    folder: returns the city folder as it is now, since services load it anew when it changes.
    """

    def __init__(self, url: str, folder: Callable[[], CityFolder], stop: threading.Event, every: float = 30.0) -> None:
        super().__init__(name="upkeep", daemon=True)
        self._url, self._folder, self._stop_event, self._every = url, folder, stop, every
        self._waiting_since: float | None = None

    def run(self) -> None:
        while not self._stop_event.is_set():
            try:
                with connect(self._url, name="ioc upkeep", autocommit=True, purpose=UPKEEP) as conn:
                    while not self._stop_event.is_set():
                        run(conn, self._folder())
                        self._goes_on()
                        self._stop_event.wait(self._pause(conn))
            except IocError as error:
                self._waits(error)
                self._stop_event.wait(min(self._every, 5.0))

    def _waits(self, error: IocError) -> None:
        """Said once an outage, however often it is tried and whatever words each attempt finds."""
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()
            log.warning("upkeep waits: %s", error)

    def _goes_on(self) -> None:
        if self._waiting_since is not None:
            log.warning("upkeep goes on after %.0f s", time.monotonic() - self._waiting_since)
        self._waiting_since = None

    def _pause(self, conn: Connection) -> float:
        """Short while hours wait that one run had no time for, as after a backfill."""
        with translated():
            behind = rollups.waiting(conn, rollups.hour_of(_one(conn, queries.load("upkeep")["clock"]))).hours
        return min(self._every, 2.0) if behind else self._every


def _one(conn: Connection, query: bytes, **values: Any) -> Any:
    row = conn.execute(query, values).fetchone()
    assert row is not None
    return row[0]


def _count(conn: Connection, query: str, **values: Any) -> int:
    with transaction(conn):
        return int(_one(conn, queries.load("upkeep")[query], **values))


def _execute(conn: Connection, query: str, **values: Any) -> int:
    with transaction(conn):
        return conn.execute(queries.load("upkeep")[query], values).rowcount
