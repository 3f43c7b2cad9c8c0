"""`ioc tokens`: what a terminal shows of API tokens; the one moment in which a token itself is seen."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ioc.settings import Settings
    from ioc.store.database import Connection
    from ioc.store.tokens import Token

_DAYS = 90


def register(commands: Any) -> None:
    from ioc.access.rights import SCOPES

    tokens = commands.add_parser("tokens", help="keys for programs that read: make, list, revoke")
    found = tokens.add_subparsers(title="what", metavar="WHAT", required=True)
    add = found.add_parser("add", help="a new token; it is shown once")
    add.add_argument("name", metavar="NAME", help="what it is for, as `grafana`")
    add.add_argument("--scope", action="append", required=True, choices=tuple(SCOPES), metavar="SCOPE",
                     help="read: pages; export: files as well; metrics: of the processes; repeatable")  # fmt: skip
    add.add_argument("--feed", action="append", default=[], metavar="KEY", help="this feed's files alone; repeatable")
    add.add_argument("--days", type=_days, default=_DAYS, metavar="N", help=f"how long it is good ({_DAYS}, most 366)")
    add.set_defaults(handler=_with_store(_add))
    listing = found.add_parser("list", help="every token, who made it, until when it is good, when it was last used")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(handler=_with_store(_list))
    revoke = found.add_parser("revoke", help="it opens nothing any more, within seconds")
    revoke.add_argument("name", metavar="NAME", help="the token's name")
    revoke.set_defaults(handler=_with_store(_revoke))


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 366):
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number of days from 1 to 366")
    return int(text)


def _with_store(
    command: Callable[[Connection, argparse.Namespace], int],
) -> Callable[[argparse.Namespace, Settings], int]:
    def handler(args: argparse.Namespace, settings: Settings) -> int:
        from ioc.store import database

        settings.require("database_url")
        with database.connect(settings.database_url, name="ioc tokens", autocommit=True) as conn:
            return command(conn, args)

    return handler


def _add(conn: Connection, args: argparse.Namespace) -> int:
    from ioc.store import audit, tokens

    made, secret = tokens.add(conn, args.name, args.scope, who=audit.terminal(), days=args.days, feeds=args.feed)
    print(secret)
    _beside(f"Token {made.name}: {', '.join(made.scopes)}, until {made.expires_at:%Y-%m-%d %H:%M} UTC. "
            "It is not shown again; send it as `Authorization: Bearer ioc_...`.")  # fmt: skip
    return 0


def _list(conn: Connection, args: argparse.Namespace) -> int:
    from ioc.store import tokens

    found, now = tokens.every(conn), datetime.now(UTC)
    if args.json:
        import orjson

        for one in found:
            print(orjson.dumps(one._asdict() | {"state": one.state(now)}, default=str).decode())
        return 0
    if not found:
        print("no tokens: `ioc tokens add NAME --scope read` makes one")
        return 0
    _show(found, now)
    return 0


def _show(found: list[Token], now: datetime) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 140)
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in ("token", "begins with", "may", "feeds", "made by", "until", "last used", "state"):
        table.add_column(column)
    for t in found:
        used = f"{t.used_at:%Y-%m-%d %H:%M} {t.used_from}".strip() if t.used_at else "never"
        cells = (t.name, t.head, ", ".join(t.scopes), ", ".join(t.feeds) or "all", t.created_by,
                 f"{t.expires_at:%Y-%m-%d %H:%M}", used, t.state(now))  # fmt: skip
        table.add_row(*(Text(cell) for cell in cells), style="" if t.state(now) == "good" else "dim")
    console.print(table)


def _revoke(conn: Connection, args: argparse.Namespace) -> int:
    from ioc.store import audit, tokens

    print(f"token {tokens.revoke(conn, args.name, who=audit.terminal()).name} is revoked")
    return 0


def _beside(text: str) -> None:
    """Not on standard output, so that `ioc tokens add … > file` keeps the token and nothing else."""
    import sys

    print(text, file=sys.stderr)
