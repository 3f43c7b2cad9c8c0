"""`ioc roster`: who is on duty now, who comes next, when nobody is; and somebody stands in for somebody."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ioc.settings import Settings


def register(commands: Any) -> None:
    roster = commands.add_parser("roster", help="who is on duty, and when nobody is; let somebody stand in")
    roster.add_argument("folder", type=Path, metavar="CITY", help="city folder")
    roster.add_argument("--at", type=moment, metavar="TIME", help="who is on duty then (now); city's time unless said")
    roster.add_argument("--days", type=int, default=7, metavar="N", help="how many days ahead (7)")
    roster.add_argument("--replace", nargs=2, metavar=("ROSTER", "CONTACT"), help="CONTACT stands in on ROSTER")
    roster.add_argument("--instead-of", metavar="CONTACT", help="for this one only, else for whoever is on duty")
    roster.add_argument("--for", dest="length", type=duration, default="1d", metavar="TIME", help="how long (1d)")
    roster.add_argument("--reason", default="", metavar="TEXT", help="why")
    roster.add_argument("--by", default=None, metavar="NAME", help="who arranges it (your login)")
    roster.set_defaults(handler=_command)


def _command(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.config import folder as folders
    from ioc.store.roster_text import lines, overrides

    folder = folders.load(args.folder)
    zone = folder.city.tz
    at = local(args.at, zone)
    if args.replace:
        return _stand_in(args, settings, at)
    standing_in = overrides(settings.database_url) if settings.database_url else {}
    print("\n".join(lines(folder, at, timedelta(days=args.days), standing_in)))
    return 0


def _stand_in(args: argparse.Namespace, settings: Settings, at: datetime) -> int:
    from ioc.store import audit, database, duty

    settings.require("database_url")
    roster, person = args.replace
    with database.connect(settings.database_url, name="ioc roster", autocommit=True) as conn:
        audit.speak(conn, audit.terminal(), always=True)
        number = duty.stand_in(conn, roster, person, at, at + args.length, by=args.by or login(), reason=args.reason,
                               instead_of=args.instead_of)  # fmt: skip
    print(f"replacement {number}: {person} on {roster} from {at:%Y-%m-%d %H:%M} UTC for {args.length}")
    return 0


def local(moment: datetime | None, zone: ZoneInfo) -> datetime:
    """A time as typed, in UTC; now where none was."""
    if moment is None:
        return datetime.now(UTC)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def moment(text: str) -> datetime:
    """A time on the command line, with or without an offset."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: write 2026-03-09T08:00") from None


def duration(text: str) -> timedelta:
    """90s, 5min, 2h or 14d on the command line."""
    from ioc.config.types import parse_duration

    try:
        found: timedelta = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return found


def login() -> str:
    """Who sits here."""
    import getpass

    return getpass.getuser()
