"""`ioc migrate` and `ioc status`: what a terminal shows of the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ioc.store import (
    alarm_commands,
    audit_commands,
    bench_commands,
    display_commands,
    people_commands,
    publisher_commands,
    roster_commands,
    token_commands,
)

_LARGEST = 5  # feeds named with what they take
TO_DO = 3  # exit code of `ioc migrate --check` where something would be run; 1 is a failure

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from rich.table import Table

    from ioc.settings import Settings
    from ioc.store.database import Connection
    from ioc.store.growth import Growth
    from ioc.store.status import Status


def register(commands: Any) -> None:
    migrate = commands.add_parser("migrate", help="bring the database at IOC_DATABASE_URL to this version")
    migrate.add_argument(
        "--check",
        action="store_true",
        help="only say what would run and what it touches; exit code 3 where something would",
    )
    migrate.set_defaults(handler=_migrate)

    status = commands.add_parser("status", help="is everything well? one screen; exit code 1 where something is wrong")
    status.add_argument("--json", action="store_true", help="one JSON object instead of the screen")
    status.add_argument("--data", type=Path, metavar="DIR", help="data folder of `ioc up`, where there are several")
    status.set_defaults(handler=_status)
    bench_commands.register(commands)
    alarm_commands.register(commands)
    roster_commands.register(commands)
    token_commands.register(commands)
    display_commands.register(commands)
    people_commands.register(commands)
    audit_commands.register(commands)
    publisher_commands.register(commands)


def _migrate(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.store import audit, database, migrate

    settings.require("database_url")
    url, whole = settings.database_url, database.WHOLE
    with database.connect(url, name="ioc migrate", autocommit=True, purpose=whole) as conn:
        if args.check:
            return _foretell(conn)
        before = migrate.done(conn)
        ran = migrate.migrate(conn, lambda said: print(said, flush=True))
        if before and ran:
            with database.transaction(conn):
                audit.note(conn, audit.terminal(), "store.migrate", "store", after={"ran": ran})
    print("\n".join(f"ran {name}" for name in ran) or "nothing to do: the database is up to date")
    return 0


def _foretell(conn: Connection) -> int:
    from ioc.store import foresee, growth, migrate

    plan = migrate.plan(conn)
    there = foresee.sizes(conn)
    print(f"PostgreSQL {plan.postgres}, engine {plan.engine}")
    for step in plan.run:
        said = foresee.about(step)
        print(f"would run {step.name}" + (f": {said}" if said else ""))
        for touch in foresee.touches(step, there):
            print(f"    {touch.table.name}: {touch.lock}; {touch.table.rows:,} rows, {growth.size(touch.table.bytes)}")
    if not plan.run:
        print("nothing to do: the database is up to date")
        return 0
    print(f"{len(plan.run)} steps in one transaction, all or nothing; a lock that is not had in 15 s is given up")
    return TO_DO


def _status(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.errors import StoreAway
    from ioc.store import database, status
    from ioc.up.found import database_url

    try:
        with database.connect(database_url(settings, args.data), name="ioc status", autocommit=True) as conn:
            found = status.look(conn)
    except StoreAway as error:
        if settings.database_url and args.data is None:
            raise
        raise StoreAway(f"`ioc up` does not run now, or its database is down: {error}") from error
    if args.json:
        import orjson

        print(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode())
    else:
        _show(found)
    return 1 if found.wrong else 0


def _show(found: Status) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 120)
    console.print(_headline(found))
    if found.processes:
        console.print(_processes(found))
    if found.feeds:
        console.print(_feeds(found, wide=console.width >= 100))
    for line in _summary(found):
        console.print(line)
    for fault in found.wrong:
        console.print(f"WRONG  {fault}", style="bold red", markup=False)
    if not found.wrong:
        console.print("All is well.", style="green")


def _headline(found: Status) -> str:
    from ioc.store.growth import size

    engine = "TimescaleDB on " if found.engine == "timescale" else ""
    return f"{engine}PostgreSQL {found.postgres}, {size(found.store.bytes)}, at {found.at:%Y-%m-%d %H:%M:%S} UTC"


def _processes(found: Status) -> Table:
    table = _table("process", "state", "running for", "last sign of life")
    for p in found.processes:
        table.add_row(_text(p.name), _text(p.state), _ago(p.up), _ago(p.age))
    return table


def _feeds(found: Status, *, wide: bool) -> Table:
    """The ledger of the last hour; on a narrow terminal without the readings."""
    names = ("last", "received", "stored", "duplicate", "quarantined", "ignored", "readings")
    shown = len(names) if wide else len(names) - 1
    table = _table("feed", *names[:shown])
    table.caption = "messages of the last hour: received = stored + duplicate + quarantined + ignored"
    for f in found.feeds:
        counts = [f"{n:,}" for n in f[3:9]]
        row = [_ago(f.age), *counts][:shown]
        table.add_row(_text(f.key), *row, style="red" if f.silent else "")
    totals = [f"{sum(column):,}" for column in zip(*(f[3:9] for f in found.feeds), strict=True)]
    table.add_section()
    table.add_row("all", *["", *totals][:shown])
    return table


def _summary(found: Status) -> Iterator[str]:
    counts = [f"{count} {name} ({new} not acknowledged)" for name, (count, new) in found.alarms.items()]
    yield "Open alarms: " + (", ".join(counts) or "none")
    mails = found.mails
    yield f"Mails: {mails.waiting} waiting, {mails.failed} failed and {mails.sent} sent in the last day"
    store = found.store
    yield f"Store: {store.sensors:,} sensors, {store.series:,} series, {store.doubted:,} with a standing fault"
    yield from _disk(found.growth, found.at)
    yield f"Audit: {found.audit.id:,} rows, newest hash {found.audit.hash[:16]}"
    if store.hours_behind:
        yield f"Rollups: {store.hours_behind:,} series-hours are being worked out"


def _disk(found: Growth, at: datetime) -> Iterator[str]:
    from ioc.store.growth import size

    said = f"Disk: {size(found.bytes)} used"
    if found.free is not None:
        said += f", {size(found.free)} left in its budget" if found.source == "budget" else f", {size(found.free)} free"
    said += f", grows by {size(found.forecast.per_day)} a day"
    if found.forecast.full_on:
        said += f", full on {found.forecast.full_on} (in {found.days_left(at.date())} days)"
    elif found.forecast.held_at is not None:
        said += f", held at about {size(found.forecast.held_at)} by retention"
    yield said
    if largest := [f"{f.key} {size(f.bytes)} ({size(f.per_day)} a day)" for f in found.feeds[:_LARGEST] if f.bytes]:
        yield "Largest feeds, estimated: " + ", ".join(largest)


def _table(first: str, *others: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, caption_justify="left", pad_edge=False)
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _text(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _ago(span: timedelta | None) -> str:
    from ioc.store.status import said

    return "never" if span is None else said(span)
