"""`ioc bench alerts`: what the engine takes on this machine, and what people would get by mail.

Each part has a PostgreSQL of its own: how long an evaluation of a large city takes; how long from the commit of a
critical reading until a mail server has taken the mail, through the engine as it runs; what a storm and a flapping
sensor become, by a clock that is only pretended.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson
import psutil

from alerts import bench_mail
from alerts.bench_mail import percentile
from alerts.evaluator import EVERY, FULL, Evaluator, aligned
from ioc.embedded.broker import free_port
from ioc.embedded.postgres import Postgres
from ioc.store import bench_alerts, database, migrate
from ioc.store.alarm_write import clock

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from ioc.store.database import Connection

_AREAS, _METRICS = 60, 10


def command(args: argparse.Namespace) -> int:
    """Prints one JSON object as the last line."""
    parts = {
        "ticks": lambda c, _: measure(c, args.rules, args.series, args.ticks),
        "mail": lambda c, folder: bench_mail.latency(c, folder, args.mails),
        "storm": bench_mail.storm,
        "flap": bench_mail.flap,
    }
    result: dict[str, Any] = {}
    for part in args.only or parts:
        begun = time.monotonic()
        result |= _alone(parts[part])
        if not args.json:
            print(f"{part}: {time.monotonic() - begun:.0f} s", flush=True)
    print(orjson.dumps(result).decode())
    return 0


def _alone(part: Callable[[Connection, Path], dict[str, Any]]) -> dict[str, Any]:
    """Measured on a database server of its own, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Postgres(folder / "data", free_port())
        server.start()
        try:
            with database.connect(server.url, name="ioc bench", autocommit=True) as conn:
                migrate.migrate(conn)
                return part(conn, folder)
        finally:
            server.stop()


class _Cost:
    """Time passed, and CPU time of this process and its database server, which a busy machine blurs less."""

    def __init__(self, conn: Connection) -> None:
        self._server = psutil.Process(bench_alerts.server(conn))

    def of(self, work: Callable[[], object]) -> tuple[float, float]:
        """(seconds passed, seconds of CPU)."""
        begun, cpu = time.perf_counter(), self._cpu()
        work()
        return time.perf_counter() - begun, self._cpu() - cpu

    def _cpu(self) -> float:
        times = self._server.cpu_times()
        return float(time.process_time() + times.user + times.system)


def measure(conn: Connection, rules: int, series: int, ticks: int) -> dict[str, Any]:
    """Fill, evaluate once; then `ticks` times everything, `ticks` times only the 2,000 series that spoke; then 10,000
    alarms at once.
    """
    at = aligned(clock(conn))
    bench_alerts.fill(conn, series // _METRICS, [_rule(n) for n in range(rules)], at)
    bench_alerts.settle(conn)
    evaluator = Evaluator(ZoneInfo("UTC"), {})
    cost = _Cost(conn)
    built = cost.of(lambda: evaluator.reload(conn, at))
    bench_alerts.settle(conn)
    first = cost.of(lambda: evaluator.tick(conn, at))
    pairs, opened = bench_alerts.counts(conn)
    full, quick = [], []
    for turn in range(ticks):
        at += FULL  # so long after the last one everything is looked at
        bench_alerts.speak(conn, 2000, turn, at)
        full.append(cost.of(partial(evaluator.tick, conn, at)))
        at += timedelta(seconds=1)
        bench_alerts.speak(conn, 2000, ticks + turn, at)
        quick.append(cost.of(partial(evaluator.look, conn, at)))
    calm = bench_alerts.counts(conn)[1]
    at += EVERY
    bench_alerts.speak(conn, round(10_000 * series / max(pairs, 1)), 2 * ticks, at, storm=True)
    storm = cost.of(partial(evaluator.tick, conn, at))
    stormed = bench_alerts.counts(conn)[1]
    return {
        "rules": rules, "series": series, "pairs": pairs, **_spread("tick", full), **_spread("incremental", quick),
        "targets_built_s": round(built[0], 2), "first_tick_s": round(first[0], 2), "first_tick_opened": opened,
        "storm_tick_s": round(storm[0], 2), "storm_tick_cpu_s": round(storm[1], 2), "storm_opened": stormed - calm,
    }  # fmt: skip


def _spread(name: str, spent: list[tuple[float, float]]) -> dict[str, float]:
    wall, cpu = sorted(s[0] for s in spent), sorted(s[1] for s in spent)
    return {f"{name}_p50_s": round(statistics.median(wall), 3), f"{name}_p95_s": round(percentile(wall, 0.95), 3),
            f"{name}_cpu_p50_s": round(statistics.median(cpu), 3)}  # fmt: skip


def _rule(n: int) -> dict[str, Any]:
    """One metric in one area, about 165 series; few values are beyond its level."""
    scope = {"metrics": [f"m{n % _METRICS}"], "areas": [f"area-{n // _METRICS % _AREAS}"]}
    return {
        "key": f"rule-{n}", "kind": "threshold", "name": {"": f"Rule {n}"}, "scope": scope,
        "options": {"above": 99.0 + n % 8 / 10, "deadband": 1.0}, "priority": "medium", "cause": {"": "bench"},
        "consequence": {"": "none"}, "action": {"": "none"}, "respond_within": "3600s",
        "owner": "bench", "review_by": "2099-01-01",
    }  # fmt: skip
