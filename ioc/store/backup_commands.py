"""`ioc backup` and `ioc restore`: what a terminal shows of them."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ioc.settings import Settings
    from ioc.store.backup import Progress


def register(commands: Any) -> None:
    backup = commands.add_parser("backup", help="save the whole store to one file, while everything runs")
    backup.add_argument("file", type=Path, metavar="FILE", help="where to; replaced once the new one is whole")
    backup.add_argument("--data", type=Path, metavar="DIR", help="data folder of `ioc up`, running or not")
    backup.set_defaults(handler=_backup)

    restore = commands.add_parser("restore", help="fill an empty database from a backup, on either engine")
    restore.add_argument("file", type=Path, metavar="FILE", help="a file that `ioc backup` wrote")
    restore.add_argument("--data", type=Path, metavar="DIR", help="a new data folder for `ioc up --data DIR`")
    restore.set_defaults(handler=_restore)


def _backup(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.store import audit, backup, database
    from ioc.up.held import to_save

    with (
        to_save(settings, args.data) as url,
        database.connect(url, name="ioc backup", autocommit=True, purpose=database.WHOLE) as conn,
        _shown("saving") as progress,
    ):
        made = backup.save(conn, args.file, progress)
        with database.transaction(conn):
            after = {"file": str(args.file), "rows": made.rows}
            audit.note(conn, audit.terminal(), "backup.take", "store", after=after)
    size = args.file.stat().st_size
    print(f"{args.file}: {made.rows:,} rows of {len(made.tables)} tables, {size / 1e6:,.1f} MB, as of {made.made_at}")
    return 0


def _restore(args: argparse.Namespace, settings: Settings) -> int:
    from ioc.store import archive, audit, database, restore
    from ioc.up.held import to_fill

    with archive.reading(args.file):  # a wrong file is told before a server is started
        pass
    with (
        to_fill(settings, args.data) as url,
        database.connect(url, name="ioc restore", autocommit=True, purpose=database.WHOLE) as conn,
        _shown("reading the file") as verify,
        _shown("restoring") as progress,
    ):
        made = restore.load(conn, args.file, verify, progress)
        with database.transaction(conn):
            after = {"file": str(args.file), "rows": made.rows, "as_of": made.made_at}
            audit.note(conn, audit.terminal(), "backup.restore", "store", after=after)
    print(f"restored {made.rows:,} rows of {len(made.tables)} tables, as of {made.made_at}, version {made.version}")
    return 0


@contextmanager
def _shown(what: str) -> Iterator[Progress]:
    """A bar on the terminal; nothing where there is none."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from ioc.store.backup import Progress

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None, visible=False)
        yield Progress(
            lambda total: bar.update(task, total=total, visible=True), lambda more: bar.update(task, advance=more)
        )
