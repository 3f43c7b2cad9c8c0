"""What `ioc up` shows: steps, the address to open, news of the children, and the progress of the history."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Screen:
    """Colours and a moving bar on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._told = -1  # the last tenth that was printed where there is no terminal

    def title(self, city: str, folder: Path, data: Path) -> None:
        self.console.print(f"[bold]IOC[/bold] · [bold]{escape(city)}[/bold]")
        self.console.print(f"  [dim]city  {escape(str(folder))}\n  data  {escape(str(data))}[/dim]")

    @contextmanager
    def step(self, what: str, where: str = "") -> Iterator[None]:
        """One step: turning while it lasts, then a line with its seconds."""
        started = time.monotonic()
        with self.console.status(f"{what} ..."):
            yield
        self.done(what, where, time.monotonic() - started)

    def done(self, what: str, where: str, seconds: float) -> None:
        self.console.print(f"  [green]✓[/green] {what:<11} {max(0.0, seconds):5.1f} s  [dim]{escape(where)}[/dim]")

    def slow(self, what: str, log: Path) -> None:
        self.console.print(f"  [yellow]…[/yellow] {what:<11} is not ready yet, see {escape(str(log))}")

    def address(self, base: str, link: str = "") -> None:
        """Where the screens are. link: lets somebody in once; without one nobody is asked to log in."""
        self.console.print(f"\n  Open [bold cyan]{escape(link or base + '/')}[/bold cyan]")
        if link:
            self.console.print(
                "  [dim]It lets you in once, within a day. Later log in with the password you choose there, or make "
                "another link:\n  `ioc users link NAME`.[/dim]"
            )
        self.console.print(f"  The wall is at [bold cyan]{escape(base)}/wall[/bold cyan]")
        self.console.print(
            "  [dim]Ctrl-C stops everything and keeps the data. `ioc status` in another terminal.[/dim]\n"
        )

    def news(self, text: str) -> None:
        stamp = time.strftime("%H:%M:%S")
        self.console.print(f"  [dim]{stamp}[/dim] [yellow]{escape(text)}[/yellow]")

    def history(self, done: int, total: int) -> None:
        """Progress of the backfill in days of data; call it as often as you like."""
        if not self.console.is_terminal:
            self._history_line(done, total)
            return
        if self._bar is None:
            columns = (TextColumn("  history    "), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task("history", total=total)
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, completed=done, total=total)

    def _history_line(self, done: int, total: int) -> None:
        tenth = done * 10 // max(total, 1)
        if tenth > self._told and done < total:
            self.console.print(f"  history     {tenth * 10} %")
        self._told = max(self._told, tenth)

    def history_done(self, seconds: float, readings: int) -> None:
        self.pause()
        self.done("history", f"{readings:,} readings of the last two weeks", seconds)

    def pause(self) -> None:
        """Take the moving bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
