"""`ioc users`: accounts from a terminal, for whoever runs the machine. A password is asked for or piped in, never an
argument: arguments are seen by every program.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ioc.access.rights import PEOPLE, Role
from ioc.errors import AccessError
from ioc.store import people_text as text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from ioc.settings import Settings
    from ioc.store.database import Connection
    from ioc.store.people import Person

    Command = Callable[[Connection, argparse.Namespace, Settings], int]


def register(commands: Any) -> None:
    users = commands.add_parser("users", help="accounts: who may log in, as what; passwords, links, sessions")
    found = users.add_subparsers(title="what", metavar="WHAT", required=True)
    add = _named(found, "add", "a new account, and a link that lets its owner in once", _add)
    add.add_argument("--role", required=True, choices=[str(r) for r in PEOPLE], metavar="ROLE", help=", ".join(PEOPLE))
    add.add_argument("--address", default="", metavar="MAIL", help="address of mail; logs in as well as the name")
    _bounds(add)
    add.add_argument("--password", action="store_true", help="ask for a password (or read it from a pipe), no link")
    listing = found.add_parser("list", help="every account")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(handler=_with_store(_list))
    _named(found, "show", "one account and where it is logged in", _show)
    change = _named(found, "change", "another name, role, address, area or feed", _change)
    change.add_argument("--name", dest="new_name", metavar="NAME", help="what it is called from now on")
    change.add_argument("--role", choices=[str(r) for r in PEOPLE], metavar="ROLE", help=", ".join(PEOPLE))
    change.add_argument("--address", metavar="MAIL", help="address of mail; '' for none")
    _bounds(change)
    change.add_argument("--everywhere", action="store_true", help="no longer limited to areas or feeds")
    change.add_argument("--no-code", action="store_true", help="ask for no one-time code: the phone is lost")
    _named(found, "password", "set a password: asked for, or read from a pipe; ends all its sessions", _password)
    _named(found, "link", "a link that lets its owner in once, within a day", _link)
    _named(found, "disable", "nobody logs in to it any more; its sessions end", _disable)
    _named(found, "enable", "it may log in again, also where wrong attempts closed it", _enable)
    _named(found, "remove", "for good; what it did stays in the audit", _remove)
    _named(found, "sessions", "where it is logged in", _sessions)
    _named(found, "end", "end all its sessions, within seconds", _end)


def _named(found: Any, name: str, help_: str, command: Command) -> Any:
    parser = found.add_parser(name, help=help_)
    parser.add_argument("name", metavar="NAME", help="of the account, or its address")
    parser.set_defaults(handler=_with_store(command))
    return parser


def _bounds(parser: Any) -> None:
    parser.add_argument(
        "--area", action="append", metavar="KEY", help="acts only there and in what lies in it; repeatable"
    )
    parser.add_argument("--feed", action="append", metavar="KEY", help="acts only on this feed; repeatable")


def _with_store(command: Command) -> Callable[[argparse.Namespace, Settings], int]:
    def handler(args: argparse.Namespace, settings: Settings) -> int:
        from ioc.store import database

        settings.require("database_url")
        with database.connect(settings.database_url, name="ioc users", autocommit=True) as conn:
            return command(conn, args, settings)

    return handler


def _add(conn: Connection, args: argparse.Namespace, settings: Settings) -> int:
    from ioc.access import names, passwords
    from ioc.store import audit, database, people

    name = names.checked_name(args.name)
    areas, feeds = _keys(conn, "areas", args.area or []), _keys(conn, "feeds", args.feed or [])
    typed = _new_password((name, args.address), settings) if args.password else ""
    new = people.New(name=name, role=Role(args.role), address=args.address, areas=areas, feeds=feeds,
                     password=passwords.hashed(typed) if typed else "")  # fmt: skip
    with database.transaction(conn):
        person = people.add(conn, audit.terminal(), new)
        secret = "" if typed else people.link(conn, audit.terminal(), person, _now())
    print(f"account {person.name}: {text.may(person)}")
    text.say_link(settings, secret)
    return 0


def _list(conn: Connection, args: argparse.Namespace, _: Settings) -> int:
    from ioc.store import people

    found = people.everybody(conn)
    if args.json:
        import orjson

        for person in found:
            print(orjson.dumps(text.plain(person)).decode())
    elif not found:
        print("no accounts: `ioc users add NAME --role administrator` makes the first")
    else:
        text.table(text.COLUMNS, [text.row(person) for person in found], [not person.active for person in found])
    return 0


def _show(conn: Connection, args: argparse.Namespace, settings: Settings) -> int:
    person = _person(conn, args.name)
    for label, said in zip(text.COLUMNS, text.row(person), strict=True):
        print(f"{label:<11} {said}")
    print(f"{'made':<11} {person.created_at:%Y-%m-%d %H:%M} UTC")
    return _sessions(conn, args, settings)


def _change(conn: Connection, args: argparse.Namespace, _: Settings) -> int:
    from ioc.store import audit, database, entering, people

    if args.everywhere and (args.area or args.feed):
        raise AccessError("--everywhere takes all limits away: leave --area and --feed out, or it")
    person, to = _person(conn, args.name), _asked(conn, args)
    if person.issuer and ("name" in to or "role" in to or "address" in to):
        raise AccessError(f"name, role and address of {person.name} are its provider's to say ({person.issuer}): "
                          "see IOC_OIDC_ROLES; areas and feeds may be changed here")  # fmt: skip
    if not to and not args.no_code:
        raise AccessError("nothing to change: say --role, --area, --feed, --everywhere, --name, --address or --no-code")
    with database.transaction(conn):
        changed = people.change(conn, audit.terminal(), person, **to)
        if args.no_code:
            entering.clear_codes(conn, audit.terminal(), changed)
    print(f"account {changed.name}: {text.may(changed)}" + ("; no code is asked for" if args.no_code else ""))
    return 0


def _asked(conn: Connection, args: argparse.Namespace) -> dict[str, Any]:
    """What is to be changed, by its field."""
    to: dict[str, Any] = {"areas": (), "feeds": ()} if args.everywhere else {}
    if args.new_name is not None:
        to["name"] = args.new_name
    if args.role:
        to["role"] = Role(args.role)
    if args.address is not None:
        to["address"] = args.address
    if args.area:
        to["areas"] = _keys(conn, "areas", args.area)
    if args.feed:
        to["feeds"] = _keys(conn, "feeds", args.feed)
    return to


def _password(conn: Connection, args: argparse.Namespace, settings: Settings) -> int:
    from ioc.access import passwords
    from ioc.store import audit, database, people

    person = _person(conn, args.name)
    if person.issuer:
        raise AccessError(f"{person.name} logs in by {person.issuer}: its password is kept there")
    hashed = passwords.hashed(_new_password((person.name, person.address), settings))
    with database.transaction(conn):
        people.set_password(conn, audit.terminal(), person, hashed, _now())
    print(f"account {person.name}: the password is set, its sessions are ended")
    return 0


def _link(conn: Connection, args: argparse.Namespace, settings: Settings) -> int:
    from ioc.store import audit, database, people

    person = _person(conn, args.name)
    if not person.active:
        raise AccessError(f"{person.name} is disabled: `ioc users enable {person.name}` first")
    with database.transaction(conn):
        secret = people.link(conn, audit.terminal(), person, _now())
    text.say_link(settings, secret)
    return 0


def _disable(conn: Connection, args: argparse.Namespace, _: Settings) -> int:
    from ioc.store import audit, database, people

    person = _person(conn, args.name)
    with database.transaction(conn):
        people.disable(conn, audit.terminal(), person, _now())
    print(f"account {person.name} is disabled, its sessions are ended")
    return 0


def _enable(conn: Connection, args: argparse.Namespace, _: Settings) -> int:
    from ioc.store import audit, database, people

    person = _person(conn, args.name)
    with database.transaction(conn):
        people.enable(conn, audit.terminal(), person)
    print(f"account {person.name} may log in")
    return 0


def _remove(conn: Connection, args: argparse.Namespace, _: Settings) -> int:
    from ioc.store import audit, database, people

    person = _person(conn, args.name)
    with database.transaction(conn):
        people.remove(conn, audit.terminal(), person)
    print(f"account {person.name} is removed")
    return 0


def _sessions(conn: Connection, args: argparse.Namespace, _: Settings) -> int:
    from ioc.store import sessions

    person = _person(conn, args.name)
    found = sessions.of_person(conn, person.id, _now())
    if not found:
        print(f"{person.name} is logged in nowhere")
        return 0
    rows = [(s.address, s.how, *(f"{at:%Y-%m-%d %H:%M}" for at in (s.created_at, s.seen_at, s.ends_at))) for s in found]
    text.table(("from", "by", "since (UTC)", "last used", "ends"), rows, [False] * len(rows))
    return 0


def _end(conn: Connection, args: argparse.Namespace, _: Settings) -> int:
    from ioc.store import audit, database, sessions

    person = _person(conn, args.name)
    with database.transaction(conn):
        ended = sessions.end_others(conn, audit.terminal(), person)
    print(f"account {person.name}: {ended} session{'s' if ended != 1 else ''} ended")
    return 0


def _person(conn: Connection, name: str) -> Person:
    """Raises AccessError with the name that may have been meant."""
    from ioc.store import people

    found = people.find(conn, name)
    if found is None:
        raise AccessError(f"there is no account {name!r}{text.near(name, [p.name for p in people.everybody(conn)])}")
    return found


def _keys(conn: Connection, what: str, asked: Iterable[str]) -> tuple[str, ...]:
    """what: areas or feeds. Raises AccessError with the key that may have been meant."""
    from ioc.store import people

    known = list(people.keys_of(conn, what))
    for key in asked:
        if key not in known:
            raise AccessError(f"there is no {what[:-1]} {key!r}{text.near(key, known) or text.none_yet(what, known)}")
    return tuple(sorted(set(asked)))


def _new_password(about: Iterable[str], settings: Settings) -> str:
    """Asked for twice without echo, or one line of a pipe. Raises AccessError."""
    from getpass import getpass

    from ioc.access import passwords

    if sys.stdin.isatty():
        typed = getpass("New password: ")
        if getpass("Again: ") != typed:
            raise AccessError("the two differ: nothing was changed")
    else:
        typed = sys.stdin.readline(4096).rstrip("\r\n")
    passwords.check(typed, about, settings.breached)
    return typed


def _now() -> datetime:
    return datetime.now(UTC)
