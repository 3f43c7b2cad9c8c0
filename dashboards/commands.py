"""`ioc dashboards CITY`: the screens of one city; `ioc bench latency`: publish -> painted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ioc.groups import group

if TYPE_CHECKING:
    import argparse

    from ioc.settings import Settings


def register(commands: Any) -> None:
    screens = commands.add_parser("dashboards", help="serve the walls and desk pages of a city")
    screens.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    screens.set_defaults(handler=_dashboards)

    bench = group(commands, "bench", "measure this machine").add_parser(
        "latency", help="publish -> painted in a real browser, with embedded parts"
    )
    bench.add_argument("--json", action="store_true", help="print one JSON object as the last line, and little else")
    bench.add_argument("--seconds", type=float, metavar="N",
                       help="length of the measurement (20, less after a slow start: done in a minute)")  # fmt: skip
    bench.add_argument("--sensors", type=int, default=1000, metavar="N", help="points on the map (1000)")
    bench.add_argument("--rate", type=int, default=200, metavar="N", help="messages a second (200)")
    bench.set_defaults(handler=_bench)


def _dashboards(args: argparse.Namespace, settings: Settings) -> int:
    from dashboards import service
    from ioc import service as runner

    return runner.run("dashboards", service.run, args.folder, settings)


def _bench(args: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001  it brings its own everything
    from dashboards import bench

    return bench.command(args)
