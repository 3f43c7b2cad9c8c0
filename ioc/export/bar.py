"""The progress of an export on a terminal: share, rows and how long it will still take."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def bar(what: str) -> Iterator[Callable[[float, int], None]]:
    """Gives show(share done, rows so far); a share of 0 means that nobody knows how much there is."""
    count = TextColumn("{task.fields[rows]:,} rows")
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(escape(what), total=None, rows=0)

        def show(done: float, rows: int) -> None:
            progress.update(task, total=1.0 if done else None, completed=done, rows=rows)

        yield show
