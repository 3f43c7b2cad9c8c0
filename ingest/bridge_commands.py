"""`ioc bridge`: polls the feeds that come by HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from ioc.settings import Settings


def register(commands: Any) -> None:
    bridge = commands.add_parser("bridge", help="poll the feeds that come by HTTP and publish them to the broker")
    bridge.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    bridge.set_defaults(handler=_bridge)


def _bridge(args: argparse.Namespace, settings: Settings) -> int:
    from ingest import bridge
    from ioc import service

    return service.run("bridge", bridge.run, args.folder, settings)
