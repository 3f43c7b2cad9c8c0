"""`ioc alerts`: evaluate rules and send mails until stopped; `ioc bench alerts`: how long an evaluation takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ioc.groups import group

if TYPE_CHECKING:
    import argparse

    from ioc.settings import Settings


def register(commands: Any) -> None:
    alerts = commands.add_parser("alerts", help="evaluate the rules of a city and mail its alarms")
    alerts.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    alerts.set_defaults(handler=_alerts)

    bench = group(commands, "bench", "measure this machine").add_parser(
        "alerts", help="time of one evaluation with thousands of rules, on a database of its own"
    )
    bench.add_argument("--json", action="store_true", help="print one JSON object as the last line, and little else")
    bench.add_argument("--rules", type=int, default=5000, metavar="N", help="rules (5000)")
    bench.add_argument("--series", type=int, default=100_000, metavar="N", help="series (100000)")
    bench.add_argument("--ticks", type=int, default=15, metavar="N", help="evaluations that are timed (15)")
    bench.set_defaults(handler=_bench)


def _bench(args: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001  it brings its own database
    from alerts import bench

    return bench.command(args)


def _alerts(args: argparse.Namespace, settings: Settings) -> int:
    import ioc.service
    from alerts import service

    return ioc.service.run("alerts", service.run, args.folder, settings)
