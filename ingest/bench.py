"""`ioc bench ingest`: what this machine can do, with the real broker, the real store and one real ingester.

1. copy only: readings/s of COPY by itself.       2. receive only: the same client, nothing decoded or stored.
3. full speed: load -> broker -> ingester -> commit, with ledger, latest and range checks.
4. paced: 5,000 messages/s, publish -> commit as an outsider sees it, by LISTEN.
5. naive: one INSERT for each value, a commit for each message.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import psutil

from ingest import bench_children as children
from ingest import bench_load, bench_others
from ioc.embedded.broker import Broker, choose, free_port
from ioc.embedded.postgres import Postgres
from ioc.errors import IocError
from ioc.store import baseline, database, migrate

if TYPE_CHECKING:
    import argparse
    import subprocess
    from collections.abc import Iterator

_PACE = 5_000  # messages/s of the delay measurement
_ROUGHLY = 20_000  # messages of a first try
_WARM = 0.5  # seconds of the paced part that do not count

CITY = 'key = "bench"\nname = "Bench"\nzone = "UTC"\n[map]\ncenter = [105.97, 9.6]\n'
METRICS = "\n".join(f'[{m}]\nname = "{m}"\nlow = -50\nhigh = 1000\n' for m in bench_load.METRICS)
FEED = """\
name = "Bench"
topic = "bench/{sensor}"
format = "json"
max_sensors = 1000000
[options]
time = "ts"
time_format = "us"
values = { pm2_5 = "pm2_5", pm10 = "pm10", temperature = "temperature", humidity = "humidity" }
"""


def command(args: argparse.Namespace) -> int:
    """Run it all and print; the last line is one JSON object."""
    folder = Path(tempfile.mkdtemp(prefix="ioc-bench-"))
    try:
        with Bench(folder, args.broker, args.sensors) as bench:
            found = bench.run(args.seconds, quiet=args.json)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found))
    return 0


class Bench:
    """PostgreSQL, a broker and a city folder of its own; every child is ended at the end."""

    def __init__(self, folder: Path, broker: str, sensors: int) -> None:
        self.folder, self.sensors = folder, sensors
        self.postgres = Postgres(folder / "postgres" / "data", free_port())
        self.broker = Broker(choose(broker), folder / "broker", free_port())
        self._children: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        city = self.folder / "city"
        (city / "feeds").mkdir(parents=True)
        (city / "city.toml").write_text(CITY)
        (city / "metrics.toml").write_text(METRICS)
        (city / "feeds" / "bench.toml").write_text(FEED)
        self.postgres.start()
        with database.connect(self.postgres.url, autocommit=True) as conn:
            migrate.migrate(conn)
        self.broker.start()
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            children.end(child)
        self.broker.stop()
        self.postgres.stop()

    def run(self, seconds: float, *, quiet: bool) -> dict[str, object]:
        def say(text: str) -> None:
            if not quiet:
                print(text, flush=True)

        with self._ingester() as ingester:
            self._warm_up()
            rough = self._full_speed(_ROUGHLY)  # how many messages fill the time on this machine
            messages = int(max(rough * seconds, _ROUGHLY))
            before = self._cpu(ingester)
            rate = self._full_speed(messages)
            cpu = {part: round((s - before[part]) / messages * 1e6, 1) for part, s in self._cpu(ingester).items()}
            say(f"full speed: {rate:,.0f} messages/s, {rate * 4:,.0f} readings/s")
            delays = self._paced(min(seconds, 5.0))
            rss = psutil.Process(ingester.pid).memory_info().rss / 1e6
            p50, p95, p99 = (round(float(np.percentile(delays, q)) * 1000, 1) for q in (50, 95, 99))
            say(f"publish to commit at {_PACE:,}/s: p50 {p50} ms, p95 {p95} ms, p99 {p99} ms; ingester {rss:.0f} MB")
        receive = self._receive_only(messages // 2)
        say(f"receive only: {receive:,.0f} messages/s")
        copy = bench_others.copy_only(self.postgres.url, 3.0, self.sensors * 4)
        say(f"copy only: {copy:,.0f} readings/s")
        naive = self._naive(4.0)
        say(f"one INSERT a value: {naive:,.0f} messages/s")
        return {
            "messages_per_s": round(rate),
            "readings_per_s": round(rate * 4),
            "commit_p50_ms": p50,
            "commit_p95_ms": p95,
            "commit_p99_ms": p99,
            "commit_at_messages_per_s": _PACE,
            "receive_only_messages_per_s": round(receive),
            "copy_only_readings_per_s": round(copy),
            "naive_messages_per_s": round(naive),
            "rss_mb": round(rss),
            "times_naive": round(rate / naive, 1),
            "of_receive_only": round(rate / receive, 2),
            "sensors": self.sensors,
            "messages": messages,
            "publishers": bench_load.CONNECTIONS,
            "cpu_us_per_message": cpu,
            "broker": self.broker.kind,
            "cores": os.cpu_count(),
        }

    # The parts.

    def _cpu(self, ingester: subprocess.Popen[str]) -> dict[str, float]:
        """Seconds of processor time each part has used: says what to look at on this machine."""
        assert self.broker.process is not None
        assert self.postgres.process is not None
        pids = {"broker": self.broker.process.pid, "database": self.postgres.process.pid, "ingester": ingester.pid}
        return {name: children.seconds(pid) for name, pid in pids.items()}

    @contextmanager
    def _ingester(self) -> Iterator[subprocess.Popen[str]]:
        port = free_port()
        settings = {
            "IOC_DATABASE_URL": self.postgres.url,
            "IOC_BROKER_URL": self.broker.url,
            "IOC_LOG_LEVEL": "warning",
            "IOC_HEALTH_PORT": str(port),
        }
        child = self._child(["-m", "ioc", "ingest", str(self.folder / "city")], **settings)
        children.wait_ready(f"http://127.0.0.1:{port}/readyz", 30.0)
        yield child
        children.end(child)

    def _warm_up(self) -> None:
        """Every sensor once: registry rows and caches are made before the clock starts."""
        first = (time.time_ns() // 1000) - 7_200_000_000
        load = self._child(
            ["-m", "ingest.bench_load", "full", *map(str, (self.broker.port, self.sensors, self.sensors, first, 1))]
        )
        self._wait_stored(self.sensors * 4, 60.0)
        load.wait(10)

    def _full_speed(self, messages: int) -> float:
        before = self._stored()
        first = (time.time_ns() // 1000) - 3_600_000_000
        numbers = (self.broker.port, self.sensors, messages, first, 1_000_000)
        load = self._child(["-m", "ingest.bench_load", "full", *map(str, numbers)])
        began = children.said(load, "began")
        self._wait_stored(before + messages * 4, 120.0)
        ended = time.time()
        load.wait(10)
        return messages / (ended - began)

    def _stored(self) -> int:
        with database.connect(self.postgres.url, autocommit=True) as conn:
            return baseline.stored(conn)

    def _wait_stored(self, readings: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with database.connect(self.postgres.url, autocommit=True) as conn:
            while (got := baseline.stored(conn)) < readings:
                if time.monotonic() > deadline:
                    raise IocError(f"only {got:,} of {readings:,} readings are stored after {seconds:.0f} s")
                time.sleep(0.02)

    def _paced(self, seconds: float) -> list[float]:
        """Seconds from publish to the moment another connection hears of the commit, for each message."""
        delays: list[float] = []
        ends = threading.Event()
        listener = threading.Thread(target=self._listen, args=(delays, ends), daemon=True)
        listener.start()
        numbers = (self.broker.port, self.sensors, _PACE, int(seconds))
        load = self._child(["-m", "ingest.bench_load", "paced", *map(str, numbers)])
        load.wait(seconds + 20)
        time.sleep(0.5)
        ends.set()
        listener.join(10)
        if not delays:
            raise IocError("no commit was heard of in the paced part")
        return delays[int(_PACE * _WARM) :]

    def _listen(self, delays: list[float], ends: threading.Event) -> None:
        with (
            database.connect(self.postgres.url, autocommit=True) as conn,
            database.connect(self.postgres.url, autocommit=True) as reader,
        ):
            baseline.listen(conn)
            while not ends.is_set():
                for heard in conn.notifies(timeout=0.2, stop_after=1):
                    now = time.time()
                    times = baseline.times_of(reader, int(heard.payload), bench_load.METRICS[0])
                    delays += [now - t.timestamp() for t in times]

    def _receive_only(self, messages: int) -> float:
        child = self._child(["-m", "ingest.bench_others", "receive", self.broker.url, str(messages)])
        children.said(child, "ready")
        first = time.time_ns() // 1000
        load = self._child(
            ["-m", "ingest.bench_load", "full", *map(str, (self.broker.port, self.sensors, messages, first, 1))]
        )
        began, ended = children.said(load, "began"), children.said(child, "last")
        load.wait(10)
        return messages / (ended - began)

    def _naive(self, seconds: float) -> float:
        child = self._child(["-m", "ingest.bench_others", "naive", self.broker.url, self.postgres.url, str(seconds)])
        children.said(child, "ready")
        first = time.time_ns() // 1000
        numbers = (self.broker.port, self.sensors, 40_000, first, 1)
        load = self._child(["-m", "ingest.bench_load", "full", *map(str, numbers)])
        rate = children.said(child, "rate")
        children.end(load)
        return rate

    def _child(self, arguments: list[str], **environment: str) -> subprocess.Popen[str]:
        child = children.start(arguments, environment)
        self._children.append(child)
        return child
