"""`ioc doctor`: makes the case from what is at hand, and shows what was found."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from ioc.doctor.case import Case, Finding
    from ioc.settings import Settings
    from ioc.store.database import Connection


def register(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="what is weak, runs out or can be reached from outside, each with its remedy; exit code 1 where serious",
    )
    doctor.add_argument("folder", nargs="?", type=Path, metavar="CITY", help="city folder, looked through for secrets")
    doctor.add_argument("--data", type=Path, metavar="DIR", help="data folder of `ioc up` (of the one that runs)")
    doctor.add_argument(
        "--backup", type=Path, metavar="PATH", help="a backup, or the folder they lie in, made by others"
    )
    doctor.add_argument("--json", action="store_true", help="one JSON object instead of the screen")
    doctor.set_defaults(handler=_doctor)


def _doctor(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.doctor import visit
    from ioc.doctor.case import Level
    from ioc.up.borrow import told

    args.data, settings = told(settings, args.data)
    with _connection(settings.database_url) as (conn, away):
        case = _case(args, settings, conn)
        found = visit.look(case, away)
    if args.json:
        import orjson

        print(orjson.dumps(visit.as_json(found, case), option=orjson.OPT_INDENT_2).decode())
    else:
        show(found)
    return 1 if any(one.level == Level.SERIOUS for one in found) else 0


def _case(args: argparse.Namespace, settings: Settings, conn: Connection | None) -> Case:
    from ioc.doctor import reach
    from ioc.doctor.case import Case
    from ioc.settings import secret_files

    pids = {}
    if data := args.data.expanduser().resolve() if args.data else None:
        from ioc.up.folder import DataFolder

        pids = {name: int(pid) for name, (pid, _) in DataFolder(data).read("processes.json").items()}
    given = {"IOC_TLS_KEY": settings.tls_key, "IOC_BROKER_KEY": settings.broker_key}
    named = {name: Path(path) for name, path in given.items() if path}
    return Case(
        settings=settings,
        now=datetime.now(UTC),
        conn=conn,
        outside=reach.outside_addresses(),
        data=data,
        city=_city(args.folder, data),
        backup=args.backup,
        files={**secret_files(), **named},
        pids=pids,
    )


def _city(given: Path | None, data: Path | None) -> Path | None:
    """The folder that was named, else the copy of the sample city that an `ioc up` keeps."""
    kept = data / "city" if data else None
    return given or (kept if kept and kept.is_dir() else None)


@contextmanager
def _connection(url: str) -> Iterator[tuple[Connection | None, str]]:
    """A connection, or None and why there is none."""
    from ioc.errors import StoreError
    from ioc.store import database

    if not url:
        yield None, "none is named, and no `ioc up` runs here"
        return
    try:
        conn = database.connect(url, name="ioc doctor", autocommit=True)
    except StoreError as error:
        yield None, str(error)
        return
    with conn:
        yield conn, ""


def show(found: Sequence[Finding]) -> None:
    """Worst first, the remedy under each."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from ioc.doctor.case import Level

    styles = {Level.SERIOUS: "bold red", Level.WEAK: "yellow", Level.NOTE: ""}
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 120)
    for one in found:
        console.print(Text.assemble((f"{one.level.name:<8}", styles[one.level]), one.what))
        if one.remedy:
            console.print(Padding(Text(f"-> {one.remedy}", style="dim"), (0, 0, 0, 8)))
    counts = [sum(one.level == level for one in found) for level in Level]
    console.print(f"{counts[0]} serious, {counts[1]} weak, {counts[2]} notes" if found else "Nothing was found.")
