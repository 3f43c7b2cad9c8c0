"""Keeps the children of one city running: starts them in order, tends them, stops them in the opposite order."""

from __future__ import annotations

import signal
import time
from itertools import groupby
from typing import TYPE_CHECKING

from ioc.errors import StartError
from ioc.up.child import Child, Spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from ioc.up.folder import DataFolder

TICK = 0.2  # seconds
_CHORES = 15.0  # seconds between looks at logs, disk and health
_STUCK = 3  # looks in a row that found a child stuck before it is ended


class Stopped(Exception):  # noqa: N818  someone asked, nothing went wrong
    """Ctrl-C or SIGTERM came."""


class Supervisor:
    """`start` children rank by rank, `keep` them, and `stop` whatever happened. `tell` takes news for people.

    Everything runs in the main thread: the kernel ends the children when the thread that started them ends.
    """

    def __init__(self, data: DataFolder, tell: Callable[[str], None]) -> None:
        self.children: list[Child] = []
        self._data, self._tell = data, tell
        self._asked = 0  # how often we were asked to stop
        self._next_chores = 0.0
        self._low = False
        self._stuck: dict[str, int] = {}

    def listen(self) -> None:
        """From now on Ctrl-C, SIGTERM and a closed terminal mean an orderly stop."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked += 1

    def start(self, spec: Spec) -> Child:
        """Start one child without waiting. Raises StartError."""
        child = Child(spec)
        try:
            child.start(time.monotonic())
        except OSError as error:
            raise StartError(f"{spec.name} cannot be started: {error}") from error
        self.children.append(child)
        self._note()
        return child

    def wait_ready(self, child: Child, seconds: float, *, strict: bool = False) -> bool:
        """Wait until it is ready, tending the others. strict: its first end or silence is a StartError."""
        deadline = time.monotonic() + seconds
        while not child.spec.ready():
            if strict and not child.running:
                raise StartError(
                    f"{child.spec.name} did not start. Its last words ({child.spec.log}):\n{child.last_words()}"
                )
            if time.monotonic() > deadline:
                if strict:
                    raise StartError(f"{child.spec.name} does not answer after {seconds:.0f} s; see {child.spec.log}")
                return False
            self.turn(0.05)
        child.was_ready = True
        return True

    def pid(self, name: str) -> int | None:
        """The process of a child that is ready, and so can take a signal; None of one that is not."""
        found = (c.process for c in self.children if c.spec.name == name and c.was_ready and c.running)
        return next((process.pid for process in found if process is not None), None)

    def turn(self, pause: float) -> None:
        """One look at every child, then a pause. Raises Stopped, StartError."""
        if self._asked:
            raise Stopped
        now = time.monotonic()
        before = [c.process for c in self.children]
        for child in self.children:
            if child.was_ready or child.falls or not child.running:
                news = child.tend(now)
                if news:
                    self._tell(news)
                    self._check_folder()
        if [c.process for c in self.children] != before:
            self._note()
        if now >= self._next_chores:
            self._next_chores = now + _CHORES
            self._chores()
        time.sleep(pause)

    def stop(self) -> None:
        """End all, the last started first, each rank at once; a second Ctrl-C ends their patience."""
        asked = self._asked
        ranks = [list(group) for _, group in groupby(reversed(self.children), key=lambda c: c.spec.rank)]
        for group in ranks:
            for child in group:
                child.done = True
                child.signal(child.spec.stop_signal)
            for child in group:
                self._await_end(child, asked)
        self.children.clear()
        self._note()

    def _await_end(self, child: Child, asked: int) -> None:
        deadline = time.monotonic() + child.spec.stop_seconds
        while child.running:
            if time.monotonic() > deadline or self._asked > asked + 1:
                self._tell(f"{child.spec.name} does not end in order: ended by force")
                child.kill()
                return
            time.sleep(0.02)

    def _check_folder(self) -> None:
        """Where somebody removed the data folder nothing can start again. Raises StartError."""
        if not self._data.exists():
            raise StartError(f"the data folder {self._data.path} was removed while it was in use: start again")

    def _chores(self) -> None:
        self._check_folder()
        for child in self.children:
            child.trim_log()
            if child.was_ready and child.running:
                self._end_if_stuck(child)
        low = self._data.is_low()
        if low and not self._low:
            self._tell(f"the disk of {self._data.path} is nearly full: free some space, or PostgreSQL will stop")
        self._low = low

    def _end_if_stuck(self, child: Child) -> None:
        name = child.spec.name
        self._stuck[name] = 0 if child.spec.alive() else self._stuck.get(name, 0) + 1
        if self._stuck[name] >= _STUCK:
            self._tell(f"{name} is stuck: ended, to start again")
            self._stuck[name] = 0
            child.kill()

    def _note(self) -> None:
        """Remember the processes on disk, for the next start after we were killed."""
        running = {c.spec.name: c.process.pid for c in self.children if c.process is not None}
        self._data.note_processes(running)
