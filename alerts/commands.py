"""`ioc alerts`: evaluate rules and send mails until stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from ioc.settings import Settings


def register(commands: Any) -> None:
    alerts = commands.add_parser("alerts", help="evaluate the rules of a city and mail its alarms")
    alerts.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    alerts.set_defaults(handler=_alerts)


def _alerts(args: argparse.Namespace, settings: Settings) -> int:
    import ioc.service
    from alerts import service

    return ioc.service.run("alerts", service.run, args.folder, settings)
