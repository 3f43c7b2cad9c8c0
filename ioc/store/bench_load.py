"""Writer, upkeep and readers of `ioc bench store`, each a process of its own as in a running city."""

from __future__ import annotations

import multiprocessing
import random
import statistics
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from ioc.store import aggregates, arrays, database, history, rollups, write
from ioc.store.database import WRITER, connect, transaction
from ioc.store.rollups import hour_of

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

    from ioc.store.bench_store import Past

_EVERY = timedelta(minutes=2)  # of the data: how often each series speaks; its time passes faster than on the wall
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Plan:
    """url: the database; rate: readings/s to keep; seconds: how long; readers: how many, a read a second each."""

    url: str
    engine: str
    live: list[int]
    old: list[int]
    start: datetime
    rate: int
    seconds: float
    readers: int


class Cost:
    """CPU seconds of this process and of its connection's server, which a busy machine blurs less than the clock."""

    def __init__(self, conn: database.Connection) -> None:
        self._server: psutil.Process | None
        try:
            self._server = psutil.Process(conn.info.backend_pid)
        except psutil.Error:  # on another machine
            self._server = None
        self._begun = self._now()

    def so_far(self) -> float:
        return self._now() - self._begun

    def _now(self) -> float:
        times = self._server.cpu_times() if self._server else None
        return time.process_time() + (times.user + times.system if times else 0.0)


def measure(url: str, past: Past, *, rate: int, seconds: float, readers: int) -> dict[str, Any]:
    """Write at a rate while rollups are kept up and readers read.

    Returns the rate reached, what the rollups were behind at the end, how long they took for it, and what a read took.
    """
    plan = Plan(url, past.engine, past.live, past.old, past.until, rate, seconds, readers)
    context = multiprocessing.get_context("spawn")
    stop, reached, told = context.Event(), context.Value("q", 0), context.Queue()
    upkeep = context.Process(target=_upkeep, args=(plan, stop, reached, told))
    reader = context.Process(target=_read, args=(plan, stop, told))
    children = [upkeep, reader]
    for child in children:
        child.start()
    try:
        for _ in children:
            told.get(timeout=60)  # "ready"
        written = _write(plan, reached)
        stop.set()
        found = dict(pair for _ in children for pair in told.get(timeout=300).items())
    finally:
        stop.set()
        for child in children:
            child.join(60)
            if child.is_alive():
                child.kill()
    return {**written, **found}


def _write(plan: Plan, reached: Any) -> dict[str, Any]:
    """Batches of one reading a series and commit, as ingest does them; never faster than the rate."""
    series = np.asarray(plan.live, dtype=np.int32)
    value = np.round(np.random.default_rng(1).normal(25, 5, len(series)), 1)
    pause, rows, batches = len(series) / plan.rate, 0, 0
    with connect(plan.url, name="ioc bench writer", purpose=WRITER) as conn:
        writer = write.Writer(conn)
        begun, cost = time.perf_counter(), Cost(conn)
        while (passed := time.perf_counter() - begun) < plan.seconds:
            if passed < batches * pause:
                time.sleep(batches * pause - passed)
            micros = (plan.start + _EVERY * batches - _LONG_AGO) // timedelta(microseconds=1)
            moments = np.datetime64("2000-01-01", "us") + np.full(len(series), micros)
            value = np.round(value + np.random.default_rng(batches).integers(-2, 3, len(series)) / 10, 1)
            batch = write.Readings(series, moments, value)
            with transaction(conn):
                rows += int(write.add_readings(writer, batch).sum())
                write.raise_latest(writer, batch)
                write.mark_hours(conn, batch)
                write.tell(conn, series=series, sensors=series[:0], events=[], registry=False)
            batches += 1
            reached.value = batches
        passed, spent = time.perf_counter() - begun, cost.so_far()
    return {"write_rate": round(rows / passed), "written": rows,
            "hours_of_data": round(batches * _EVERY / timedelta(hours=1), 1),
            "write_cpu_us_per_reading": round(spent / rows * 1e6, 2)}  # fmt: skip


def _upkeep(plan: Plan, stop: Event, reached: Any, told: Any) -> None:
    """What upkeep does with touched hours, without pause; then how long the rest takes."""
    done = 0
    with connect(plan.url, name="ioc bench upkeep", autocommit=True) as conn:
        told.put("ready")
        cost = Cost(conn)
        while not stop.is_set():
            done += _roll(conn, plan, reached, 2.0)
            stop.wait(0.5)
        hour = hour_of(plan.start + _EVERY * reached.value)
        _roll(conn, plan, reached, 0.0)
        behind, begun = rollups.waiting(conn, hour), time.perf_counter()
        while rollups.waiting(conn, hour).hours or rollups.waiting(conn, hour).marks:
            _roll(conn, plan, reached, 10.0)
        rest, spent = time.perf_counter() - begun, cost.so_far()
    told.put({"rolled_meanwhile": done, "hours_behind": behind.hours, "marks_behind": behind.marks,
              "caught_up_s": round(rest, 1), "rollups_cpu_s": round(spent, 2)})  # fmt: skip


def _roll(conn: database.Connection, plan: Plan, reached: Any, seconds: float) -> int:
    hour = hour_of(plan.start + _EVERY * reached.value)
    return rollups.run(conn, plan.engine, rollups.Span(hour, _LONG_AGO, _LONG_AGO), seconds=seconds)


def _read(plan: Plan, stop: Event, told: Any) -> None:
    took: list[float] = []
    readers = [threading.Thread(target=_reader, args=(plan, n, stop, took)) for n in range(plan.readers)]
    for one in readers:
        one.start()
    told.put("ready")
    for one in readers:
        one.join()
    cuts = statistics.quantiles(took, n=20) if len(took) > 1 else [0.0] * 19
    told.put({"readers": plan.readers, "reads_meanwhile": len(took), "read_p50_ms": round(cuts[9] * 1000, 1),
              "read_p95_ms": round(cuts[18] * 1000, 1)})  # fmt: skip


def _reader(plan: Plan, number: int, stop: Event, took: list[float]) -> None:
    """A desk: every second a chart of a day, now and then one of five years or the figures of all wards."""
    dice = random.Random(number)  # noqa: S311  load, no secret
    with connect(plan.url, name="ioc bench reader", autocommit=True) as conn:
        arrays.adapt(conn)
        while not stop.wait(dice.uniform(0.5, 1.5)):
            begun, now = time.perf_counter(), plan.start
            which = dice.random()
            if which < 0.8:
                history.window(conn, [dice.choice(plan.live)], now - timedelta(days=1), now, now=now)
            elif which < 0.95:
                history.window(conn, [dice.choice(plan.old)], now - timedelta(days=1826), now, now=now)
            else:
                aggregates.areas_at(conn, "m1", now)
            took.append(time.perf_counter() - begun)
