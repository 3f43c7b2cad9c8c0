"""One child process: started so that it dies with us, watched, restarted with growing pauses, its log kept short."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ioc.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before the n-th restart in a row
_SETTLED = 60.0  # seconds of life after which a child's earlier falls are forgotten
_WORDS_EVERY = 20  # falls: a child that cannot start says why now and then, not each time
_LOG_LIMIT = 5_000_000  # bytes, twice: the log and the one before


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """How to run one child. `ready` says whether it can be used; `prepare` runs before every start.

    build: makes the command line after `prepare`, where it depends on what that made.
    """

    name: str
    command: list[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] = lambda: True
    alive: Callable[[], bool] = lambda: True  # False: it runs and is stuck
    prepare: Callable[[], None] = lambda: None
    build: Callable[[], list[str]] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0
    once: bool = False  # True: it is meant to end by itself with exit code 0
    rank: int = 0  # started in rising order, stopped in falling order
    where: str = ""  # shown to people: an address


@dataclass(slots=True)
class Child:
    spec: Spec
    process: subprocess.Popen[bytes] | None = None
    falls: int = 0  # restarts in a row
    restarts: int = 0
    started_at: float = 0.0
    next_start: float = 0.0
    was_ready: bool = False
    done: bool = False
    last_fall: str = ""

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, now: float) -> None:
        """Start it; `now` is time.monotonic(). Raises what `prepare` raises, OSError."""
        self.spec.prepare()
        self.was_ready, self.started_at = False, now
        command = self.spec.build() if self.spec.build else self.spec.command
        with self.spec.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*dies_with_us(self.spec.stop_signal), *command],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                env=child_environment(self.spec.environment),
            )  # fmt: skip

    def tend(self, now: float) -> str | None:
        """Notice an end, start again when its pause is over; returns news for people, if any."""
        if self.done:
            return None
        if self.running:
            return self._tend_running(now)
        if self.process is not None:
            return self._fell(now)
        if now >= self.next_start:
            try:
                self.start(now)
            except Exception as error:  # noqa: BLE001  whatever it is, it is told and tried again
                return self._pause(now, f"cannot start: {error}")
        return None

    def _tend_running(self, now: float) -> str | None:
        if self.falls and now - self.started_at > _SETTLED:
            self.falls = 0
        if not self.was_ready and self.spec.ready():
            self.was_ready = True
            return f"{self.spec.name} is back" if self.restarts else None
        return None

    def _fell(self, now: float) -> str | None:
        assert self.process is not None
        code, self.process = self.process.returncode, None
        if self.spec.once and code == 0:
            self.done = True
            return None
        return self._pause(now, _ended(code))

    def _pause(self, now: float, why: str) -> str:
        pause = _BACKOFF[min(self.falls, len(_BACKOFF) - 1)]
        self.falls, self.restarts = self.falls + 1, self.restarts + 1
        self.next_start, self.last_fall = now + pause, why
        news = f"{self.spec.name} {why}; starts again in {pause:g} s"
        if self.falls % _WORDS_EVERY == 3:
            news += f". Its last words ({self.spec.log}):\n{self.last_words()}"
        return news

    def signal(self, number: signal.Signals) -> None:
        """Send it and its own children a signal; quiet where it is gone."""
        if self.process is not None and self.process.poll() is None:
            try:
                os.killpg(self.process.pid, number) if number == signal.SIGKILL else self.process.send_signal(number)
            except ProcessLookupError:
                return

    def kill(self) -> None:
        """End it by force, with its own children."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.wait()

    def last_words(self, lines: int = 4) -> str:
        return last_lines(self.spec.log, lines)

    def trim_log(self) -> None:
        """Keep the log and the one before, each bounded; the child's file stays open and is appended to."""
        log = self.spec.log
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            shutil.copyfile(log, log.with_suffix(".1.log"))
            os.truncate(log, 0)


def dies_with_us(number: signal.Signals) -> list[str]:
    """A prefix that makes the kernel send `number` to the child when this thread ends, however it ends."""
    setpriv = shutil.which("setpriv") or shutil.which("setpriv", path="/usr/bin:/bin")
    return [setpriv, "--pdeathsig", number.name.removeprefix("SIG"), "--"] if setpriv else []


def last_lines(log: Path, lines: int) -> str:
    """The end of a log, read without reading all of it."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-lines:])


def _ended(code: int) -> str:
    if code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"ended with exit code {code}"
