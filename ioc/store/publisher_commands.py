"""`ioc publishers`: users of the broker for programs outside; the one moment in which a password is seen."""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ioc.errors import IocError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ioc.access.brokers import User
    from ioc.access.holder import Who
    from ioc.settings import Settings
    from ioc.store.database import Connection
    from ioc.store.publishers import Publisher

    Command = Callable[[Connection, argparse.Namespace, Settings], int]

_LOOK = 2.0  # seconds between looks while following
_MONTH = timedelta(days=30)


def register(commands: Any) -> None:
    publishers = commands.add_parser("publishers", help="users of the broker, each limited to the topics of its feeds")
    found = publishers.add_subparsers(title="what", metavar="WHAT", required=True)
    add = found.add_parser("add", help="a new one; its password is shown once")
    add.add_argument("name", metavar="NAME", help="user at the broker: lower-case letters, digits, - and _")
    add.add_argument("--feed", action="append", default=[], metavar="KEY", help="a feed it publishes; may be repeated")
    add.add_argument("--topic", action="append", default=[], metavar="FILTER",
                     help="what no feed declares yet, as 'vendor/+/state'; may be repeated")  # fmt: skip
    add.add_argument("--days", type=_days, metavar="N", help="how long it may (until it is revoked)")
    add.set_defaults(handler=_with_store(_add))
    listing = found.add_parser("list", help="every one, what it may publish, who added it, until when")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(handler=_with_store(_list))
    revoke = found.add_parser("revoke", help="it may not any more; `ioc up` cuts it off within seconds")
    revoke.add_argument("name", metavar="NAME", help="the publisher")
    revoke.set_defaults(handler=_with_store(_revoke))
    renew = found.add_parser("renew", help="a new password and a new end; the old one opens nothing any more")
    renew.add_argument("name", metavar="NAME", help="the publisher")
    renew.add_argument("--days", type=_days, metavar="N", help="how long it may (until it is revoked)")
    renew.set_defaults(handler=_with_store(_renew))
    _register_write(found)


def _register_write(found: Any) -> None:
    write = found.add_parser("write", help="the files a broker of your own reads: users with their topics")
    write.add_argument("folder", type=Path, metavar="CITY", help="city folder: the feeds' topics")
    write.add_argument("--broker", choices=("mosquitto", "nats"), required=True, help="whose files")
    write.add_argument("--to", type=Path, required=True, metavar="DIR", help="where to")
    write.add_argument("--follow", action="store_true", help="go on, and write them again whenever something changes")
    write.add_argument("--pid-file", type=Path, metavar="FILE", help="the broker's: it is told to read them again")
    write.set_defaults(handler=_write)


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 3660):
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number of days from 1 to 3660")
    return int(text)


def _with_store(command: Command) -> Callable[[argparse.Namespace, Settings], int]:
    def handler(args: argparse.Namespace, settings: Settings) -> int:
        from ioc.store import database

        settings.require("database_url")
        with database.connect(settings.database_url, name="ioc publishers", autocommit=True) as conn:
            return command(conn, args, settings)

    return handler


def _who() -> Who:
    from ioc.store import audit

    return audit.terminal()


def _add(conn: Connection, args: argparse.Namespace, settings: Settings) -> int:
    from ioc.access.brokers import fresh_password, hashed
    from ioc.store import publishers

    password = fresh_password()
    publishers.add(conn, _who(), args.name, hashed(password), feeds=args.feed, topics=args.topic,
                   expires=_end(args.days))  # fmt: skip
    known = publishers.declared(conn)
    topics = [*(topic for key in args.feed for topic in known.get(key, ())), *args.topic]
    _show_password(args.name, password, topics, settings)
    return 0


def _end(days: int | None) -> datetime | None:
    return None if days is None else datetime.now(UTC) + timedelta(days=days)


def _show_password(name: str, password: str, topics: list[str], settings: Settings) -> None:
    """The password alone on standard output, so that `> file` keeps it and nothing else."""
    from ioc.access.brokers import filters

    print(password)
    allowed = "\n".join(f"    {topic}" for topic in filters(topics))
    _beside(f"{name} may publish, and nothing else:\n{allowed}\nThe password is not shown again. To try it:\n"
            f"    {_line(name, password, topics, settings)}")  # fmt: skip


def _line(name: str, password: str, topics: list[str], settings: Settings) -> str:
    """What publishes one message as this user."""
    parts = urlsplit(settings.broker_url or "mqtt://BROKER:1883")
    host, port = parts.netloc.rpartition("@")[2].partition(":")[0], parts.port or 1883
    words = ["mosquitto_pub", "-h", host, "-p", str(port), "-u", name, "-P", password]
    if parts.scheme == "mqtts":
        words += ["--cafile", settings.broker_ca or "/etc/ssl/certs/ca-certificates.crt"]
    return shlex.join([*words, "-q", "1", "-t", _example(topics[0]), "-m", "{}"])


def _example(topic: str) -> str:
    from ioc.access.brokers import filters

    return "/".join("x" if level in ("+", "#") else level for level in filters([topic])[0].split("/"))


def _list(conn: Connection, args: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001
    from ioc.store import publishers

    found = publishers.listed(conn)
    if args.json:
        import orjson

        for one in found:
            print(orjson.dumps(one._asdict()).decode())
        return 0
    if not found:
        print("no publishers: `ioc publishers add NAME --feed KEY` adds one")
        return 0
    _show(found, datetime.now(UTC))
    return 0


def _show(found: list[Publisher], now: datetime) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 140)
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in ("publisher", "feeds", "other topics", "added by", "on", "until", "state"):
        table.add_column(column, overflow="fold")
    for p in found:
        until = f"{p.expires_at:%Y-%m-%d}" if p.expires_at else "no end"
        cells = (p.name, ", ".join(p.feeds), ", ".join(p.topics), p.created_by, f"{p.created_at:%Y-%m-%d}", until,
                 _state(p, now))  # fmt: skip
        table.add_row(*(Text(cell) for cell in cells), style="" if p.valid else "dim")
    console.print(table)


def _state(p: Publisher, now: datetime) -> str:
    if p.revoked_at is not None:
        return f"revoked on {p.revoked_at:%Y-%m-%d} by {p.revoked_by}"
    if not p.valid:
        return "expired"
    return "good" if p.expires_at is None or p.expires_at - now > _MONTH else "expires soon"


def _revoke(conn: Connection, args: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001
    from ioc.store import publishers

    publishers.revoke(conn, _who(), args.name)
    print(
        f"{args.name} is revoked. `ioc up` cuts it off now; a broker of your own reads `ioc publishers write`'s files"
    )
    return 0


def _renew(conn: Connection, args: argparse.Namespace, settings: Settings) -> int:
    from ioc.access.brokers import fresh_password, hashed
    from ioc.store import publishers

    password = fresh_password()
    found = publishers.renew(conn, _who(), args.name, hashed(password), expires=_end(args.days))
    known = publishers.declared(conn)
    topics = [*(topic for key in found.feeds for topic in known.get(key, ())), *found.topics]
    _show_password(args.name, password, topics or ["TOPIC"], settings)
    return 0


def _write(args: argparse.Namespace, settings: Settings) -> int:
    """Once, or until told to stop. Raises ConfigError, StoreAway, IocError."""
    import time

    settings.require("database_url", "broker_url")
    own = _own(settings.broker_url)
    before: dict[str, str] = {}
    while True:
        try:
            before = _write_once(args, settings, own, before)
        except IocError as error:
            if not args.follow:
                raise
            _beside(f"the files stay as they are: {error}")
        if not args.follow:
            _beside(_HINT[args.broker].format(folder=args.to.resolve()))
            return 0
        time.sleep(_LOOK)


def _own(url: str) -> User:
    """The centre's own user of the broker's address, who may do everything. Raises IocError."""
    from ioc.access.brokers import User, hashed

    parts = urlsplit(url)
    if not parts.username or not parts.password:
        raise IocError("IOC_BROKER_URL names no user and password: the centre itself could not come in any more")
    return User(unquote(parts.username), hashed(unquote(parts.password)), ("#",), ("#", "$SYS/#"))


def _write_once(args: argparse.Namespace, settings: Settings, own: User, before: dict[str, str]) -> dict[str, str]:
    from ioc.embedded.broker import user_files, write_files
    from ioc.store import database, publishers
    from ioc.up import admission

    with database.connect(settings.database_url, name="ioc publishers", autocommit=True) as conn:
        found = publishers.valid(conn)
    try:
        feeds = admission.topics(args.folder)
    except ValueError as error:
        raise IocError(f"a feed file of {args.folder} cannot be read: {error}") from error
    files = user_files(args.broker, [own, *admission.users(found, feeds)])
    if files != before:
        write_files(args.to, files)
        print("\n".join(str(args.to / name) for name in files), flush=True)
        if args.pid_file and before:
            admission.signal_to(int(args.pid_file.read_text(encoding="ascii")))
    return files


_HINT = {
    "mosquitto": "mosquitto.conf: `allow_anonymous false`, `password_file {folder}/passwd`, `acl_file {folder}/acl`; a "
    "running one reads them again on SIGHUP (`systemctl reload mosquitto`).",
    "nats": 'In the server\'s file: include "{folder}/users.conf"; a running one reads it again on '
    "`nats-server --signal reload`.",
}


def _beside(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
