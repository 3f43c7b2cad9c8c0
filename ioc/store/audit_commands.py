"""`ioc audit`: follow the log's chain, search it, take it away."""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ioc.errors import IocError

if TYPE_CHECKING:
    from ioc.access.chain import Broken, Row
    from ioc.settings import Settings
    from ioc.store.audit_read import Search, Verdict
    from ioc.store.database import Connection

_WHAT = {"who": "names that begin so", "deed": "deeds that begin so, as `alarm.` or `login.refused`",
         "subject": "subjects that begin so, as `alarm:17` or `feed:`", "text": "anywhere in the row"}  # fmt: skip
_EPILOG = """examples:
  ioc audit verify
  ioc audit verify --head 5f3a0c9e2b7d4e11      a hash from the log of an earlier day must be in the chain
  ioc audit search --who hoa --since 7d
  ioc audit search --deed login.refused --since 2026-03-01
  ioc audit export --out audit.jsonl            then, anywhere: ioc audit verify --file audit.jsonl"""


def register(commands: Any) -> None:
    audit = commands.add_parser(
        "audit", help="who did what: verify that nothing was changed, search, export",
        formatter_class=argparse.RawDescriptionHelpFormatter, epilog=_EPILOG,
    )  # fmt: skip
    found = audit.add_subparsers(title="what", metavar="WHAT", required=True)
    verify = found.add_parser("verify", help="follow the whole chain; exit code 1 at the first row that does not fit")
    verify.add_argument("--head", type=_hash, metavar="HASH", help="this hash, kept elsewhere, must be in it")
    verify.add_argument(
        "--file", type=Path, metavar="FILE", help="follow an exported *.jsonl instead; needs no database"
    )
    verify.add_argument("--json", action="store_true", help="one JSON object")
    verify.set_defaults(handler=_verify)
    search = found.add_parser("search", help="what was done, newest first")
    _filters(search)
    search.add_argument("--limit", type=_count, default=50, metavar="N", help="rows (50)")
    search.add_argument("--json", action="store_true", help="one JSON object a line")
    search.set_defaults(handler=_search)
    export = found.add_parser("export", help="write it to a file, oldest first, each row with its hash")
    _filters(export)
    export.add_argument(
        "--out", required=True, metavar="FILE", help="*.jsonl, *.csv, or - for JSON lines on standard output"
    )
    export.set_defaults(handler=_export)


def _filters(parser: Any) -> None:
    for name, said in _WHAT.items():
        parser.add_argument(f"--{name}", default="", metavar="TEXT", help=f"only {said}")
    parser.add_argument(
        "--since", type=_time, metavar="TIME", help="2026-01-31, 2026-01-31T06:00 (city time), or 12h, 7d ago"
    )
    parser.add_argument("--until", type=_time, metavar="TIME", help="before this time; a day means its beginning")


def _verify(args: argparse.Namespace, settings: Settings) -> int:
    if args.file is not None:
        return _verify_file(args)
    from ioc.store import audit_read, database

    settings.require("database_url")
    with (
        database.connect(settings.database_url, name="ioc audit", autocommit=True, purpose=database.WHOLE) as conn,
        audit_read.still(conn),
    ):
        found = audit_read.verify(conn, head=args.head or "")
    well = found.broken is None and found.known
    if args.json:
        import orjson

        broken = found.broken._asdict() if found.broken else None
        print(orjson.dumps({"whole": well, "rows": found.rows, "last": found.mark.id, "head": found.mark.hash,
                            "broken": broken, "known": found.known}).decode())  # fmt: skip
    else:
        _say(found, args.head or "")
    return 0 if well else 1


def _say(found: Verdict, head: str) -> None:
    if found.broken is None:
        print(f"the audit is whole: {found.rows:,} rows")
        print(f"newest hash: {found.mark.hash}")
    else:
        print(f"THE AUDIT WAS TAMPERED WITH: {_broken(found.broken)}")
        print(f"rows 1 to {found.mark.id:,} are as they were written" if found.mark.id else "no row before it is sound")
    if not found.known and found.broken is not None:
        print(f"the hash {head} was not met up to there")
    elif not found.known:
        print(f"THE HASH {head} IS NOT IN THE CHAIN: the log was cut before it, made anew, or is an older backup's")
    if found.broken is not None or not found.known:
        print(_REMEDY)


_REMEDY = (
    "What to do: keep the database as it is, and take `ioc audit export` of it; restore the newest sound backup "
    "into another database (ioc restore) and compare the two exports; find out who writes to PostgreSQL past IOC."
)


def _broken(broken: Broken) -> str:
    rows = f"row {broken.first:,}" if broken.first == broken.last else f"rows {broken.first:,} to {broken.last:,}"
    return {
        "missing": f"{rows} missing", "changed": f"{rows} changed after it was written, or moved",
        "added": f"{rows} put in by hand",
    }[broken.fault]  # fmt: skip


def _verify_file(args: argparse.Namespace) -> int:
    from ioc.store import audit_files

    known = not args.head

    def lines() -> Any:
        nonlocal known
        with args.file.open("rb") as file:
            for line in file:
                known = known or f'"hash": "{args.head}'.encode() in line
                yield line

    found = audit_files.follow(lines())
    if found.wrong:
        print(f"{args.file}: line {found.wrong[0]:,}: {found.wrong[1]}; the {found.rows:,} rows before it are sound")
        return 1
    parts = f" with {found.gaps} gap{'s' if found.gaps > 1 else ''} between them" if found.gaps else ""
    print(f"{args.file}: {found.rows:,} rows are as they were written{parts}; the last is row {found.last.id:,}")
    print(f"newest hash: {found.last.hash}" if known else f"the hash {args.head} is not among them")
    return 0 if known else 1


def _search(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.access import chain
    from ioc.store import audit_read, database

    settings.require("database_url")
    with database.connect(settings.database_url, name="ioc audit", autocommit=True, purpose=database.WHOLE) as conn:
        rows = audit_read.search(conn, _wanted(args, conn), args.limit)
        kinds = [] if rows or not args.deed else audit_read.deeds(conn)
    if args.json:
        for row in rows:
            print(chain.line(row, "").replace(', "previous": ""', ""))
        return 0
    if rows:
        _table(rows)
    else:
        near = f"; there are deeds: {', '.join(kinds)}" if kinds else ""
        print(f"nothing like it was noted{near}")
    return 0


def _table(rows: list[Row]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 200)
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in ("no.", "when (UTC)", "who", "from", "deed", "to what", "before", "after"):
        table.add_column(column, overflow="fold")
    for row in rows:
        who = f"{row.who} ({row.role})" if row.role else row.who
        cells = (str(row.id), f"{row.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}", who, row.address, row.deed, row.subject,
                 row.before or "", row.after or "")  # fmt: skip
        table.add_row(*map(Text, cells))
    console.print(table)


def _export(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.export.files import whole
    from ioc.store import audit, audit_files, audit_read, database

    form = "jsonl" if args.out == "-" else args.out.rpartition(".")[2].lower()
    if form not in audit_files.FORMATS:
        raise IocError(f"{args.out}: the ending says no format: end it in .{' or .'.join(audit_files.FORMATS)}")
    settings.require("database_url")
    with database.connect(settings.database_url, name="ioc audit", autocommit=True, purpose=database.WHOLE) as conn:
        wanted = _wanted(args, conn)
        target: Any = nullcontext(sys.stdout.buffer) if args.out == "-" else whole(Path(args.out))
        with target as out, audit_read.still(conn):
            rows = audit_files.write(audit_read.stream(conn, wanted), out, form)
            out.flush()
        with conn.transaction():
            after = {"format": form, "rows": rows, "out": args.out, **audit_read.said(wanted)}
            audit.note(conn, audit.terminal(), "export.take", "audit", after=after)
    print(f"{rows:,} rows to {args.out}", file=sys.stderr)
    return 0


def _wanted(args: argparse.Namespace, conn: Connection) -> Search:
    from ioc.store.audit_read import Search

    since, until = (_moment(at, conn) for at in (args.since, args.until))
    if since and until and since >= until:
        raise IocError("--since is not before --until: nothing can lie between them")
    return Search(who=args.who, deed=args.deed, subject=args.subject, text=args.text, since=since, until=until)


def _moment(said: datetime | timedelta | None, conn: Connection) -> datetime | None:
    """A time without an offset is the city's; UTC where there is no city yet."""
    from ioc.store import export, process

    if isinstance(said, timedelta):
        return process.now(conn) - said
    if said is None or said.tzinfo:
        return said
    try:
        return said.replace(tzinfo=export.zone(conn))
    except IocError:
        return said.replace(tzinfo=UTC)


def _time(text: str) -> datetime | timedelta:
    from ioc.config.types import parse_duration

    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        found = parse_duration(text)
    except ValueError:
        found = None
    if not isinstance(found, timedelta):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: write 2026-01-31, 2026-01-31T06:00, or 7d")
    return found


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from 1 to 1000000")
    return int(text)


def _hash(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{16,64}", text.strip().lower()):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no hash: give 16 to 64 of its hexadecimal digits, from the first on"
        )
    return text.strip().lower()
