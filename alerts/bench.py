"""`ioc bench alerts`: how long one evaluation of a large city takes on this machine, on a PostgreSQL of its own."""

from __future__ import annotations

import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson
import psutil

from alerts.evaluator import EVERY, Evaluator, aligned
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
    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Postgres(folder / "data", free_port())
        server.start()
        try:
            with database.connect(server.url, name="ioc bench", autocommit=True) as conn:
                migrate.migrate(conn)
                result = measure(conn, args.rules, args.series, args.ticks)
        finally:
            server.stop()
    print(orjson.dumps(result).decode())
    return 0


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
    """Fill, evaluate once, then `ticks` times with 2,000 new values each, then once with a storm over 2,000 series."""
    at = aligned(clock(conn))
    bench_alerts.fill(conn, series // _METRICS, [_rule(n) for n in range(rules)], at)
    bench_alerts.settle(conn)
    evaluator = Evaluator(ZoneInfo("UTC"), {})
    cost = _Cost(conn)
    built = cost.of(lambda: evaluator.reload(conn, at))
    bench_alerts.settle(conn)
    first = cost.of(lambda: evaluator.tick(conn, at))
    pairs, opened = bench_alerts.counts(conn)
    spent = []
    for turn in range(ticks):
        at += EVERY
        bench_alerts.speak(conn, 2000, turn, at)
        spent.append(cost.of(partial(evaluator.tick, conn, at)))
    at += EVERY
    calm = bench_alerts.counts(conn)[1]
    bench_alerts.speak(conn, 2000, ticks, at, storm=True)
    storm = cost.of(lambda: evaluator.tick(conn, at))
    stormed = bench_alerts.counts(conn)[1]
    wall, cpu = sorted(s[0] for s in spent), sorted(s[1] for s in spent)
    return {
        "rules": rules, "series": series, "pairs": pairs, "tick_p50_s": round(statistics.median(wall), 3),
        "tick_p95_s": round(wall[min(len(wall) - 1, int(len(wall) * 0.95))], 3),
        "tick_cpu_p50_s": round(statistics.median(cpu), 3), "tick_cpu_max_s": round(cpu[-1], 3),
        "targets_built_s": round(built[0], 2), "targets_built_cpu_s": round(built[1], 2),
        "first_tick_s": round(first[0], 2), "first_tick_cpu_s": round(first[1], 2), "first_tick_opened": opened,
        "storm_tick_s": round(storm[0], 2), "storm_tick_cpu_s": round(storm[1], 2), "storm_opened": stormed - calm,
    }  # fmt: skip


def _rule(n: int) -> dict[str, Any]:
    """One metric in one area, about 165 series; few values are beyond its level."""
    scope = {"metrics": [f"m{n % _METRICS}"], "areas": [f"area-{n // _METRICS % _AREAS}"]}
    return {
        "key": f"rule-{n}", "kind": "threshold", "name": {"": f"Rule {n}"}, "scope": scope,
        "options": {"above": 99.0 + n % 8 / 10, "deadband": 1.0}, "priority": "medium", "cause": {"": "bench"},
        "consequence": {"": "none"}, "action": {"": "none"}, "respond_within": "3600s",
        "owner": "bench", "review_by": "2099-01-01",
    }  # fmt: skip
