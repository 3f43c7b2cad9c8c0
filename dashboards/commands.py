"""`ioc dashboards CITY`: the screens of one city; `ioc bench latency`: publish -> painted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from ioc.settings import Settings


def register(commands: Any) -> None:
    screens = commands.add_parser("dashboards", help="serve the walls and desk pages of a city")
    screens.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    screens.set_defaults(handler=_dashboards)


def _dashboards(args: argparse.Namespace, settings: Settings) -> int:
    from dashboards import service
    from ioc import service as runner

    return runner.run("dashboards", service.run, args.folder, settings)
