"""`ioc bench alerts`: how long one evaluation of a large city takes on this machine, on a PostgreSQL of its own."""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

from alerts.evaluator import EVERY, Evaluator, aligned
from ioc.embedded.broker import free_port
from ioc.embedded.postgres import Postgres
from ioc.store import bench_alerts, database, migrate
from ioc.store.alarm_write import clock

if TYPE_CHECKING:
    import argparse

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


def measure(conn: Connection, rules: int, series: int, ticks: int) -> dict[str, Any]:
    """Fill, evaluate once, then `ticks` times with 2,000 new values each, then once with a storm of 2,000 series."""
    at = aligned(clock(conn))
    bench_alerts.fill(conn, series // _METRICS, [_rule(n) for n in range(rules)], at)
    bench_alerts.settle(conn)
    evaluator = Evaluator(ZoneInfo("UTC"), {})
    built = _timed(lambda: evaluator.reload(conn, at))
    bench_alerts.settle(conn)
    first = _timed(lambda: evaluator.tick(conn, at))
    pairs, opened = bench_alerts.counts(conn)
    spent = []
    for turn in range(ticks):
        at += EVERY
        bench_alerts.speak(conn, 2000, turn, at)
        spent.append(_timed(lambda: evaluator.tick(conn, at)))  # noqa: B023  called at once
    at += EVERY
    bench_alerts.speak(conn, 2000, ticks, at, storm=True)
    storm = _timed(lambda: evaluator.tick(conn, at))
    stormed = bench_alerts.counts(conn)[1]
    spent.sort()
    return {
        "rules": rules, "series": series, "pairs": pairs, "tick_p50_s": round(statistics.median(spent), 3),
        "tick_p95_s": round(spent[min(len(spent) - 1, int(len(spent) * 0.95))], 3), "targets_built_s": round(built, 2),
        "first_tick_s": round(first, 2), "first_tick_opened": opened, "storm_tick_s": round(storm, 2),
        "open_after_storm": stormed,
    }  # fmt: skip


def _rule(n: int) -> dict[str, Any]:
    """One metric in one area, about 165 series; few values are beyond its level."""
    scope = {"metrics": [f"m{n % _METRICS}"], "areas": [f"area-{n // _METRICS % _AREAS}"]}
    return {
        "key": f"rule-{n}", "kind": "threshold", "name": {"": f"Rule {n}"}, "scope": scope,
        "options": {"above": 99.0 + n % 8 / 10, "deadband": 1.0}, "priority": "medium", "cause": {"": "bench"},
        "consequence": {"": "none"}, "action": {"": "none"}, "respond_within": f"{timedelta(hours=1).total_seconds():g}s",
        "owner": "bench", "review_by": "2099-01-01",
    }  # fmt: skip


def _timed(work: Any) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
