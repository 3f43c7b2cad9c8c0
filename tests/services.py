"""Real parts for the tests: PostgreSQL, brokers, free ports. Each is started once a session and stopped by its id."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from pathlib import Path

FEEDS = Path(__file__).resolve().parents[2] / "shared" / "feeds"  # recorded input, never copied


def free_port() -> int:
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def find(*programs: str) -> str | None:
    """The first of these programs that is installed, also in /usr/sbin, where Debian puts mosquitto."""
    path = "/usr/local/sbin:/usr/sbin:/sbin"
    return next((found for p in programs if (found := shutil.which(p) or shutil.which(p, path=path))), None)


def wait_for(condition, what: str, seconds: float = 60.0, every: float = 0.02):
    """Wait until `condition()` is true and return it; fail with `what`, never sleep for luck.

    Patient by default: how fast something is, benches say; a test must hold on a machine that has much else to do.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(every)
    raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")


def answers(port: int) -> bool:
    with closing(socket.socket()) as s:
        s.settimeout(0.2)
        return s.connect_ex(("127.0.0.1", port)) == 0


class Mosquitto:
    """A mosquitto of our own on a free port, with its database in `folder` so that it may be restarted."""

    def __init__(self, folder: Path, *extra: str, port: int | None = None) -> None:
        self.folder, self.port, self.extra = folder, port or free_port(), extra
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Mosquitto:
        program = find("mosquitto")
        assert program
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "mosquitto.conf"
        lines = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "persistence true",
            "user root",
            f"persistence_location {self.folder}/",
            "max_queued_messages 0",
            "max_inflight_messages 2000",
            *self.extra,
        ]
        config.write_text("\n".join(lines) + "\n")
        with (self.folder / "mosquitto.log").open("ab") as out:
            self.process = subprocess.Popen([program, "-c", str(config)], stdout=out, stderr=out)
        wait_for(lambda: answers(self.port), "mosquitto listens")
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)


def run(coroutine):
    """What the coroutine returns, from a loop in a thread of its own: a browser's test leaves one running in ours."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(copy_context().run, asyncio.run, coroutine).result()
