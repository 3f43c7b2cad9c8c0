"""The data folder of `ioc up`: whose it is, which version wrote it, whether there is room, and who holds it now."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from ioc.errors import StartError
from ioc.settings import data_home

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = 1  # of the folder itself; raised when an older IOC could not run on it
MINIMUM_FREE = 600_000_000  # bytes: less, and PostgreSQL's log would soon stop it
LOW = 200_000_000  # bytes: a running system says so


def default(key: str) -> Path:
    """$XDG_DATA_HOME/ioc/KEY, else ~/.local/share/ioc/KEY."""
    return data_home() / "ioc" / key


@dataclass(slots=True)
class DataFolder:
    """Opened by `open_`, which holds it until `close` or the end of the process."""

    path: Path
    _lock: IO[str] | None = field(default=None, repr=False)

    @property
    def postgres(self) -> Path:
        return self.path / "postgres" / "data"

    @property
    def broker(self) -> Path:
        return self.path / "broker"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def mail(self) -> Path:
        return self.path / "mail"

    def exists(self) -> bool:
        """Whether it is still there, with what we hold it by."""
        return (self.path / "lock").exists()

    def free(self) -> int:
        """Bytes free on its disk."""
        return shutil.disk_usage(self.path).free

    def is_low(self) -> bool:
        return self.free() < LOW

    def open_(self) -> None:
        """Make it if need be and hold it. Raises StartError that says what to do."""
        try:
            if not self.path.exists():
                self.path.mkdir(parents=True)
                self.path.chmod(0o700)  # mails and people's reports are nobody else's business
            for folder in (self.path, self.logs, self.broker, self.mail, self.postgres.parent):
                folder.mkdir(parents=True, exist_ok=True)
            self._hold()
        except OSError as error:
            raise StartError(
                f"the data folder {self.path} cannot be written: {error.strerror}. "
                "Make it writable, or name another with --data DIR"
            ) from error
        self._check_version()
        self._check_room()

    def close(self) -> None:
        if self._lock:
            self._lock.close()
            self._lock = None

    def read(self, name: str) -> dict[str, Any]:
        """A small JSON file of the folder; empty where there is none or a crash cut it short."""
        try:
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replace a small JSON file whole; ours alone, because some hold passwords."""
        part = self.path / f".{name}.part"
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text(json.dumps(content) + "\n", encoding="utf-8")
        part.replace(self.path / name)

    def note_processes(self, running: dict[str, int]) -> None:
        """Remember our children {name: pid}; where the disk is full, the kernel's own care must do."""
        import psutil

        known = {}
        for name, pid in running.items():
            with suppress(psutil.Error):
                known[name] = [pid, psutil.Process(pid).create_time()]
        with suppress(OSError):
            self.write("processes.json", known)

    def end_survivors(self, *, patience: float = 8.0) -> list[str]:
        """End children that outlived a killed `ioc up`, by force after `patience` seconds; returns their names.

        A process number that another program has got since is left alone: the start time tells.
        """
        import psutil

        from ioc.processes import end, lives

        found = {}
        for name, (pid, created) in self.read("processes.json").items():
            with suppress(psutil.Error):
                if psutil.Process(pid).create_time() == created:
                    found[name] = psutil.Process(pid)
        found = {name: process for name, process in found.items() if lives(process)}
        end(list(found.values()), (signal.SIGTERM, signal.SIGKILL), patience)
        return list(found)

    def _hold(self) -> None:
        lock = (self.path / "lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = lock.read().strip()
            raise StartError(
                f"another `ioc up` (process {who or 'unknown'}) runs on {self.path}. "
                "Stop it with Ctrl-C or `kill`, or name another folder with --data DIR"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock

    def _check_version(self) -> None:
        layout = self.read("version.json").get("layout", LAYOUT)
        if not isinstance(layout, int) or layout > LAYOUT:
            raise StartError(
                f"the data folder {self.path} was written by a newer version of IOC (layout {layout}, this one knows "
                f"{LAYOUT}). Upgrade IOC, or name another folder with --data DIR"
            )
        if layout != LAYOUT or not (self.path / "version.json").exists():
            self.write("version.json", {"layout": LAYOUT})

    def _check_room(self) -> None:
        if (free := self.free()) < MINIMUM_FREE:
            raise StartError(
                f"the disk of {self.path} is nearly full: {free / 1e6:.0f} MB free, {MINIMUM_FREE / 1e6:.0f} MB needed."
                " Free some space, or name a folder on another disk with --data DIR"
            )
