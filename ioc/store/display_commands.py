"""`ioc displays`: screens on walls from a terminal: who waits, who is alive, what each shows, and a word to one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ioc.access.holder import Who
    from ioc.settings import Settings
    from ioc.store.database import Connection
    from ioc.store.displays import Display, Waiting


def register(commands: Any) -> None:
    parser = commands.add_parser("displays", help="screens on walls: approve, switch, load anew, revoke")
    found = parser.add_subparsers(title="what", metavar="WHAT", required=True)
    listing = found.add_parser("list", help="every screen, what it shows and since when; who waits to be approved")
    listing.add_argument("--all", action="store_true", help="those whose key was revoked too")
    _command(listing, _list)
    approve = found.add_parser("approve", help="the screen that shows CODE holds a key from now on")
    approve.add_argument(
        "code", metavar="CODE", help="as the screen shows it; capitals, blanks and hyphens are the same"
    )
    approve.add_argument("--name", required=True, metavar="NAME", help="what the screen is called, as `Hall left`")
    approve.add_argument("--scenes", type=scenes, default=[], metavar="A,B", help="all it may show (every scene)")
    _choice(approve)
    _command(approve, _approve)
    switch = found.add_parser("switch", help="what a screen shows from now on")
    _screen(switch)
    switch.add_argument("show", nargs="*", metavar="SCENE", help="one, several in turn, or none: all that take turns")
    switch.add_argument("--screen", type=part, default=0, metavar="N", help="the part of a wall of several screens")
    switch.add_argument("--address", action="store_true", help="what the address says that its browser opens")
    _command(switch, _switch)
    for name, what, help_ in (("reload", _reload, "it loads itself anew, now or when it comes back"),
                              ("revoke", _revoke, "its key opens nothing any more, within seconds")):  # fmt: skip
        one = found.add_parser(name, help=help_)
        _screen(one)
        _command(one, what)


def _screen(parser: Any) -> None:
    parser.add_argument("name", metavar="NAME", help="the screen's name or number")


def _choice(parser: Any) -> None:
    parser.add_argument(
        "--show", type=scenes, metavar="A,B", help="one scene, or several in turn (as its address says)"
    )
    parser.add_argument("--screen", type=part, default=0, metavar="N", help="the part of a wall of several screens")


def _command(parser: Any, command: Callable[[Connection, argparse.Namespace], Any]) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object instead of words")
    parser.set_defaults(handler=_with_store(command))


def scenes(text: str) -> list[str]:
    return [name for one in text.split(",") if (name := one.strip())]


def part(text: str) -> int:
    from ioc.store.displays import MOST_SCREENS

    if not (text.isascii() and text.isdigit() and int(text[:9]) <= MOST_SCREENS):
        raise argparse.ArgumentTypeError(
            f"{text!r}: give the number of a screen, at most {MOST_SCREENS}; 0 is the whole"
        )
    return int(text)


def _with_store(
    command: Callable[[Connection, argparse.Namespace], Any],
) -> Callable[[argparse.Namespace, Settings], int]:
    def handler(args: argparse.Namespace, settings: Settings) -> int:
        from ioc.store import database

        settings.require("database_url")
        with database.connect(settings.database_url, name="ioc displays", autocommit=True) as conn:
            said = command(conn, args)
        if args.json:
            import orjson

            print(orjson.dumps(said, default=str).decode())
        return 0

    return handler


def _list(conn: Connection, args: argparse.Namespace) -> Any:
    from ioc.store import displays

    found, waiting = displays.listed(conn, revoked=args.all), displays.waiting(conn)
    if not args.json:
        _show(found, waiting)
    return {"displays": [one._asdict() for one in found], "waiting": [one._asdict() for one in waiting]}


def _show(found: list[Display], waiting: list[Waiting]) -> None:
    if not found and not waiting:
        print("no screens: open /wall on one, then `ioc displays approve CODE --name NAME`")
    if found:
        _table(
            ("screen", "state", "since", "shows", "since", "told", "may show", "size", "address"), map(_cells, found)
        )
    if waiting:
        _table(("waiting", "address", "opened for", "until"),
               [(f"{w.hint}…", w.address, w.wants, _time(w.expires_at)) for w in waiting])  # fmt: skip


def _cells(one: Display) -> tuple[str, ...]:
    state = "revoked" if one.revoked_at else "alive" if one.alive else "away" if one.seen_at else "never seen"
    since = one.revoked_at or (one.up_since if one.alive else one.seen_at)
    size = f"{one.width}×{one.height}" if one.width else ""
    return (one.name, state, _time(since), _scene(one.scene, one.part), _time(one.since), _told(one),
            ", ".join(one.scenes) or "every scene", size, one.address)  # fmt: skip


def _told(one: Display) -> str:
    if one.shows is None:
        return "its address"
    return _scene(one.shows[0], one.screen) if len(one.shows) == 1 else "in turn: " + (", ".join(one.shows) or "all")


def _scene(key: str, screen: int) -> str:
    return f"{key} {screen}" if screen else key


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 160)
    table = Table(box=box.SIMPLE, pad_edge=False)
    for head in heads:
        table.add_column(head)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _approve(conn: Connection, args: argparse.Namespace) -> Any:
    from ioc.store import displays

    made = displays.approve(conn, _who(), args.name, code=args.code, scenes=args.scenes, shows=args.show,
                            screen=args.screen)  # fmt: skip
    return _said(args, made, f"{made.name} is approved: its wall comes within seconds")


def _switch(conn: Connection, args: argparse.Namespace) -> Any:
    from ioc.store import displays

    number = displays.number_of(conn, args.name)
    displays.switch(conn, _who(), number, None if args.address else args.show, args.screen)
    return _told_to(conn, args, number, "is told what to show")


def _reload(conn: Connection, args: argparse.Namespace) -> Any:
    from ioc.store import displays

    number = displays.number_of(conn, args.name)
    displays.reload(conn, _who(), number)
    return _told_to(conn, args, number, "is told to load itself anew")


def _revoke(conn: Connection, args: argparse.Namespace) -> Any:
    from ioc.store import displays

    number = displays.number_of(conn, args.name)
    displays.revoke(conn, _who(), number)
    return _said(args, displays.one(conn, number), f"the key of {args.name} is revoked")


def _told_to(conn: Connection, args: argparse.Namespace, number: int, what: str) -> Any:
    from ioc.store import displays

    one = displays.one(conn, number)
    away = "" if one is None or one.alive else "; it is away, and hears of it when it comes back"
    return _said(args, one, f"{args.name} {what}{away}")


def _said(args: argparse.Namespace, one: Display | None, words: str) -> Any:
    if not args.json:
        print(words)
    return one and one._asdict()


def _who() -> Who:
    from ioc.store import audit

    return audit.terminal()
