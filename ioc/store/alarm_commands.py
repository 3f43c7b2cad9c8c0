"""`ioc alarms`: alarms and maintenance for whoever sits at a terminal."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ioc.store.roster_commands import duration, local, login, moment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from ioc.settings import Settings
    from ioc.store.database import Connection

    Row = dict[str, Any]
    Command = Callable[[Connection, argparse.Namespace], int]

_PRIORITY = ("", "critical", "high", "medium", "low")
_PAGE = 50
_SCOPES = ("areas", "feeds", "sensors", "rules", "domains", "tags")


def register(commands: Any) -> None:
    alarms = commands.add_parser("alarms", help="see, acknowledge, shelve, comment and assign alarms at a terminal")
    found = alarms.add_subparsers(title="what", metavar="WHAT", required=True)
    _list(found)
    show = _one(found, "show", "one alarm with all that happened and who was told", _show)
    show.set_defaults(by="")
    ack = _one(found, "ack", "somebody has seen it", _ack, many=True)
    ack.add_argument("--note", default="", metavar="TEXT", help="why, or what is done about it")
    shelve = _one(found, "shelve", "keep it from notifying for a while", _shelve, many=True)
    shelve.add_argument("--for", dest="length", type=duration, default="1h", metavar="TIME", help="how long (1h)")
    shelve.add_argument("--reason", required=True, metavar="TEXT", help="why")
    shelve.add_argument("--until-normal", action="store_true", help="end it as soon as the alarm returns to normal")
    _one(found, "unshelve", "end a shelf early", _unshelve, many=True)
    comment = _one(found, "comment", "add words to its history", _comment)
    comment.add_argument("text", metavar="TEXT", help="what to say")
    assign = _one(found, "assign", "give it to a contact, who is told", _assign)
    assign.add_argument("contact", metavar="CONTACT", help="key in contacts.toml")
    assign.add_argument("--note", default="", metavar="TEXT", help="why")
    _maintenance(found)


def _list(found: Any) -> None:
    parser = found.add_parser("list", help="what is open, the worst and newest first")
    parser.add_argument("--priority", action="append", choices=_PRIORITY[1:], metavar="P", help="critical .. low")
    parser.add_argument("--area", action="append", metavar="KEY", help="only in this area")
    parser.add_argument("--domain", action="append", metavar="KEY", help="only of this field of city life")
    parser.add_argument("--state", action="append", choices=tuple("BCDEFGHI"), metavar="LETTER", help="ISA letter B..I")
    parser.add_argument("--text", default="", metavar="TEXT", help="in number, rule, sensor, feed or area")
    parser.add_argument("--past", action="store_true", help="also what is over, newest first")
    parser.add_argument("--limit", type=int, default=_PAGE, metavar="N", help=f"rows ({_PAGE})")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(handler=_with_store(_show_list))


def _maintenance(found: Any) -> None:
    parser = found.add_parser("maintenance", help="windows that are open or to come; open one, end one")
    for what in ("area", "feed", "sensor", "rule", "domain", "tag"):
        parser.add_argument(f"--{what}", action="append", default=[], metavar="KEY", help=f"open one for this {what}")
    parser.add_argument("--for", dest="length", type=duration, default="1h", metavar="TIME", help="how long (1h)")
    parser.add_argument(
        "--from", dest="start", type=moment, metavar="TIME", help="when it begins, UTC unless said (now)"
    )
    parser.add_argument("--reason", default="", metavar="TEXT", help="why")
    parser.add_argument("--end", type=int, metavar="N", help="end window number N")
    parser.add_argument("--by", default=None, metavar="NAME", help="who (your login)")
    parser.set_defaults(handler=_with_store(_windows))


def _one(found: Any, name: str, about: str, command: Command, *, many: bool = False) -> Any:
    parser = found.add_parser(name, help=about)
    parser.add_argument("id", type=int, nargs="+" if many else None, metavar="ID", help="the alarm's number")
    if name != "show":
        parser.add_argument("--by", default=None, metavar="NAME", help="who (your login)")
    parser.set_defaults(handler=_with_store(command))
    return parser


def _with_store(command: Command) -> Callable[[argparse.Namespace, Settings], int]:
    def handler(args: argparse.Namespace, settings: Settings) -> int:
        from ioc.store import audit, database

        settings.require("database_url")
        args.by = getattr(args, "by", None) or login()
        with database.connect(settings.database_url, name="ioc alarms", autocommit=True) as conn:
            audit.speak(conn, audit.terminal(), always=True)
            return command(conn, args)

    return handler


def _show_list(conn: Connection, args: argparse.Namespace) -> int:
    from ioc.store import alarms

    which = alarms.Filter(
        priorities=[_PRIORITY.index(p) for p in args.priority or []], areas=args.area or [], domains=args.domain or [],
        isa=args.state or [], text=args.text,
    )  # fmt: skip
    if args.past:
        rows = alarms.past_page(conn, which, limit=args.limit)
        total = len(rows)
    else:
        rows, total = alarms.open_page(conn, which, limit=args.limit)
    if args.json:
        return _json(rows)
    for row in rows:
        print(_line(row))
    print(f"{len(rows)} of {total} alarms" if total > len(rows) else f"{total} alarms" if total else "no alarms")
    return 0


def _json(rows: list[Row]) -> int:
    import orjson

    for row in rows:
        print(orjson.dumps(row, default=str).decode())
    return 0


def _line(row: Row) -> str:
    from ioc.config.types import say

    where = say(row["sensor_name"] or row["feed_name"] or {}, "en") or row["sensor"] or row["feed"] or row["target"]
    value = "" if row["value"] is None else f" {row['value']:.{row['decimals']}f} {row['unit']}".rstrip()
    whose = f" · {row['assigned_name']}" if row["assigned_to"] else ""
    since = f"{row['opened_at'].astimezone(UTC):%Y-%m-%d %H:%M}Z"
    first = f"#{row['id']:<7} {row['isa']} {_PRIORITY[row['priority']]:<8} {since}"
    return f"{first}  {say(row['rule_name'], 'en')}: {where}{value}{whose}"


def _show(conn: Connection, args: argparse.Namespace) -> int:
    from ioc.store import alarms

    row = alarms.one(conn, args.id)
    if row is None:
        print(f"there is no alarm {args.id}")
        return 1
    print(_line(row))
    for change in alarms.time_line(conn, args.id):
        note = f": {change['note']}" if change["note"] else ""
        print(f"  {change['at'].astimezone(UTC):%Y-%m-%d %H:%M:%S}Z  {change['kind']} by {change['actor']}{note}")
        for told in change["told"]:
            how = "taken back" if told["state"] == "dropped" else told["mail"] or "waits"
            print(f"      {told['reason']}: {told['name']} ({told['via']}), {how}")
    step = alarms.next_step(conn, args.id)
    if step and step["due_at"]:
        print(f"  next, unless acknowledged: {', '.join(step['notify'])} at {step['due_at'].astimezone(UTC):%H:%M:%S}Z")
    return 0


def _ack(conn: Connection, args: argparse.Namespace) -> int:
    from ioc.store import alarms

    return _each(args.id, "acknowledged", lambda i: alarms.acknowledge(conn, i, args.by, args.note))


def _shelve(conn: Connection, args: argparse.Namespace) -> int:
    from ioc.store import alarms

    return _each(args.id, f"shelved for {args.length}", lambda i: alarms.shelve(
        conn, i, args.by, args.reason, args.length, until_normal=args.until_normal))  # fmt: skip


def _unshelve(conn: Connection, args: argparse.Namespace) -> int:
    from ioc.store import alarms

    return _each(args.id, "back", lambda i: alarms.unshelve(conn, i, args.by))


def _comment(conn: Connection, args: argparse.Namespace) -> int:
    from ioc.store import alarms

    return _each([args.id], "noted", lambda i: alarms.comment(conn, i, args.by, args.text))


def _assign(conn: Connection, args: argparse.Namespace) -> int:
    from ioc.store import alarms

    return _each([args.id], f"is {args.contact}'s", lambda i: alarms.assign(conn, i, args.contact, args.by, args.note))


def _each(ids: list[int], done: str, act: Callable[[int], bool]) -> int:
    """Exit code 1 where one of them was not there, or somebody was first."""
    failed = 0
    for number in ids:
        well = act(number)
        failed += not well
        print(f"#{number} {done if well else 'unchanged: it is over, not there, or somebody was first'}")
    return 1 if failed else 0


def _windows(conn: Connection, args: argparse.Namespace) -> int:
    from ioc.store import duty

    if args.end is not None:
        done = duty.end_maintenance(conn, args.end, args.by)
        print(f"window {args.end} {'ended' if done else 'unchanged: it is over, or not there'}")
        return 0 if done else 1
    scope = {f"{what}s": getattr(args, what) for what in ("area", "feed", "sensor", "rule", "domain", "tag")}
    if any(scope.values()):
        start = duty.clock(conn) if args.start is None else local(args.start, ZoneInfo("UTC"))
        number = duty.plan_maintenance(conn, scope, start, start + args.length, by=args.by, reason=args.reason)
        print(f"window {number} from {start:%Y-%m-%d %H:%M} UTC for {args.length}")
        return 0
    for row in duty.maintenance(conn):
        what = "; ".join(f"{k}: {', '.join(row[k])}" for k in _SCOPES if row[k])
        state = f"open, {row['alarms']} alarms" if row["open"] else "to come"
        span = f"{row['starts'].astimezone(UTC):%Y-%m-%d %H:%M}Z to {row['ends'].astimezone(UTC):%Y-%m-%d %H:%M}Z"
        print(f"{row['id']:<6} {span} {state}: {what} ({row['reason']}, {row['created_by']})")
    return 0
