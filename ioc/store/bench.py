"""`ioc bench store`: how fast this machine's store reads and writes, and how small it keeps readings, at two sizes."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from ioc.embedded.broker import free_port
from ioc.embedded.postgres import Postgres
from ioc.store import aggregates, asof, bench_load, bench_store, databases, history, migrate
from ioc.store.database import WHOLE, connect

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from datetime import datetime

    from ioc.store.bench_store import Past
    from ioc.store.database import Connection

_ZONE = "Asia/Ho_Chi_Minh"
_DAY = timedelta(days=1)
_CHARTS, _TURNS = 25, 5


def command(args: argparse.Namespace) -> int:
    """Prints one JSON object as the last line: the worst of the engines measured, and each engine by itself."""
    sizes = (args.small, args.large)
    engines: dict[str, Any] = {}
    if not args.dsn or args.plain:
        with tempfile.TemporaryDirectory(prefix="ioc-bench-") as name:
            folder = Path(name)
            folder.chmod(0o755)
            server = Postgres(folder / "data", free_port())
            server.start()
            try:
                engines["plain"] = _engine(server.url, sizes, args)
            finally:
                server.stop()
    for dsn in args.dsn:
        with databases.temporary(dsn, f"ioc_bench_{uuid.uuid4().hex[:8]}") as url:
            found = _engine(url, sizes, args)
            engines[found["engine"]] = found
    print(orjson.dumps(_together(engines)).decode())
    return 0


def _together(engines: dict[str, Any]) -> dict[str, Any]:
    """bytes_per_reading: of a full packed week on TimescaleDB where that was measured, else of plain PostgreSQL."""
    every = list(engines.values())
    last = engines.get("timescale", every[-1])
    worst = {key: max(e[key] for e in every) for key in ("chart_ms_small", "chart_ms_large", "as_of_ms")}
    least = {key: min(e[key] for e in every) for key in ("write_rate",)} if "write_rate" in last else {}
    by_engine = {name: e["bytes_per_reading"] for name, e in engines.items()}
    names = ("bytes_per_reading", "rows_small", "rows_large")
    return {**worst, **{key: last[key] for key in names}, **least, "bytes_by_engine": by_engine,
            "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "engines": engines}  # fmt: skip


def _engine(url: str, sizes: tuple[int, int], args: argparse.Namespace) -> dict[str, Any]:
    say = _quiet if args.json else print
    begun, load = time.perf_counter(), round(os.getloadavg()[0], 1)
    with connect(url, name="ioc bench", autocommit=True, purpose=WHOLE) as conn:
        migrate.migrate(conn)
        past = bench_store.begin(conn, args.series)
        found: dict[str, Any] = {"engine": past.engine, "series": args.series, "load_begun": load}
        for name, readings in zip(("small", "large"), sizes, strict=True):
            found |= _grown(conn, past, name, readings)
            say(f"{past.engine}: {found[f'rows_{name}']:,} readings, "
                f"a chart of five years {found[f'chart_ms_{name}']} ms")  # fmt: skip
        found |= _reads(conn, past)
        say(f"{past.engine}: the city as of a past minute {found['as_of_ms']} ms; {found['reads']}")
        found["bytes_per_reading"] = found["bytes_uncompressed"] = _bytes(bench_store.size(conn))
        week = _pack_old(conn, past)
        if args.seconds > 0:
            found |= bench_load.measure(url, past, rate=args.rate, seconds=args.seconds, readers=args.readers)
            say(f"{past.engine}: {found['write_rate']:,} readings/s with {args.readers} readers; "
                f"rollups {found['hours_behind']} hours behind, caught up in {found['caught_up_s']} s")  # fmt: skip
        found |= _packed(conn, past, week, found)
        say(f"{past.engine}: {found['bytes_per_reading']} bytes a reading; load average {os.getloadavg()[0]:.1f}")
    found["took_s"] = round(time.perf_counter() - begun, 1)
    return found


def _grown(conn: Connection, past: Past, name: str, readings: int) -> dict[str, Any]:
    begun = time.perf_counter()
    rows = bench_store.grow(conn, past, readings)
    loaded, cost = time.perf_counter() - begun, bench_load.Cost(conn)
    return {f"rows_{name}": rows, f"load_{name}_s": round(loaded, 1), f"chart_ms_{name}": _chart(conn, past),
            f"chart_cpu_ms_{name}": round(cost.so_far() / (_CHARTS + 1) * 1000, 1)}  # fmt: skip


def _pack_old(conn: Connection, past: Past) -> tuple[datetime, datetime] | None:
    """Pack what is over by the time of the live readings, as in a running city; returns where a full week lies."""
    if past.engine == "plain":
        return None
    week = bench_store.full_week(conn, past)
    bench_store.compress(conn, past, past.since)
    return week


def _packed(
    conn: Connection, past: Past, week: tuple[datetime, datetime] | None, found: dict[str, Any]
) -> dict[str, Any]:
    """With everything packed: what a reading takes in a full week and over all, and the past again."""
    if week is None:
        return {}
    bench_store.compress(conn, past, past.until + 365 * _DAY)
    rows, _ = full = bench_store.chunk_size(conn, *week)
    cost = bench_load.Cost(conn)
    as_of = _median(lambda: _as_of(conn, past), _TURNS)
    return {"bytes_per_reading": _bytes(full), "rows_packed_week": rows,
            "bytes_packed_over_all": _bytes(bench_store.size(conn)), "as_of_uncompressed_ms": found["as_of_ms"],
            "as_of_compressed_ms": as_of, "as_of_compressed_cpu_ms": round(cost.so_far() / (_TURNS + 1) * 1000, 1),
            "as_of_ms": max(found["as_of_ms"], as_of)}  # fmt: skip


def _chart(conn: Connection, past: Past) -> float:
    """Five years of one series after another, daily mean, low and high: milliseconds, the median."""
    now = past.until
    turns = iter(range(10**6))

    def chart() -> None:
        series = past.old[next(turns) % len(past.old)]
        line = history.window(conn, [series], now - bench_store.YEARS, now, history.MOST, now)[series]
        assert len(line.time) > 1800

    return _median(chart, _CHARTS)


def _reads(conn: Connection, past: Past) -> dict[str, Any]:
    """Every read that screens have, milliseconds each."""
    now, one, old = past.until, past.live[0], past.old[0]
    of = history.window
    named: dict[str, Callable[[], object]] = {
        "chart_hour": lambda: of(conn, [one], now - _DAY / 24, now, now=now),
        "chart_day": lambda: of(conn, [one], now - _DAY, now, now=now),
        "chart_week": lambda: of(conn, [old], now - 7 * _DAY, now, now=now),
        "chart_month": lambda: of(conn, [old], now - 30 * _DAY, now, now=now),
        "chart_year": lambda: of(conn, [old], now - 365 * _DAY, now, now=now),
        "areas_now": lambda: aggregates.areas_at(conn, "m1", now),
        "areas_two_days": lambda: aggregates.areas_over(conn, "m1", now - 2 * _DAY, now, _DAY / 24, now=now),
        "areas_month": lambda: aggregates.areas_over(conn, "m1", now - 30 * _DAY, now, _DAY, now=now),
        "one_area_two_days": lambda: aggregates.areas_over(
            conn, "m1", now - 2 * _DAY, now, _DAY / 24, areas=["ward-7"], now=now),
        "latest_by_area": lambda: aggregates.latest_by(conn, area="ward-7"),
        "latest_by_metric": lambda: aggregates.latest_by(conn, metric="m1"),
        "latest_by_feed": lambda: aggregates.latest_by(conn, feed="bench", most=500),
        "top_movers": lambda: aggregates.movers(conn, now, _DAY / 24),
        "calendar_year": lambda: aggregates.days_of_year(conn, old, now.year - 1, _ZONE),
        "calendar_hours": lambda: aggregates.hours_of_days(
            conn, old, (now - 30 * _DAY).date(), now.date(), _ZONE),
        "same_hour": lambda: history.same_hour(conn, old, now, _ZONE, 52),
    }  # fmt: skip
    cost = bench_load.Cost(conn)
    as_of = _median(lambda: _as_of(conn, past), _TURNS)
    return {
        "as_of_ms": as_of,
        "as_of_cpu_ms": round(cost.so_far() / (_TURNS + 1) * 1000, 1),
        "reads": {name: _median(read, 3) for name, read in named.items()},
    }


def _as_of(conn: Connection, past: Past) -> None:
    """The whole city as of the middle of what is live."""
    then = asof.city(conn, past.since + (past.until - past.since) / 2)
    assert len(then.latest) >= len(past.live)


def _bytes(size: tuple[int, int]) -> float:
    return round(size[1] / size[0], 2)


def _median(work: Callable[[], object], times: int) -> float:
    """Milliseconds, after one turn to warm up."""
    work()
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return round(statistics.median(took) * 1000, 1)


def _quiet(text: str) -> None:
    del text
