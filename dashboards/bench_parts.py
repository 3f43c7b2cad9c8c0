"""The parts of a bench of screens: database, broker, ingester and screens of a city of its own, each a real one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ioc.embedded.broker import Broker, choose, free_port
from ioc.embedded.postgres import Postgres
from ioc.errors import StartError
from ioc.settings import child_environment
from ioc.store import database, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


class Parts(NamedTuple):
    """url: of the screens; port: of the broker; screens: process id; database: its address."""

    url: str
    port: int
    screens: int
    database: str


def browser(bench: str) -> str:
    """The installed Chromium. Raises StartError."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise StartError(f"no Chromium is installed: ioc bench {bench} paints in a real browser")
    return found


@contextmanager
def running(folder: Path, patience: float = 40.0) -> Iterator[Parts]:
    """Everything running on the city in folder/city."""
    postgres = Postgres(folder / "postgres" / "data", free_port())
    broker = Broker(choose("auto"), folder / "broker", free_port())
    screens, health = free_port(), free_port()
    with ExitStack() as ends:
        postgres.start()
        ends.callback(postgres.stop)
        with database.connect(postgres.url, autocommit=True) as conn:
            migrate.migrate(conn)
        broker.start()
        ends.callback(broker.stop)
        common = {"IOC_DATABASE_URL": postgres.url, "IOC_BROKER_URL": broker.url, "IOC_LOG_LEVEL": "error"}
        children = {}
        for part, more in (
            ("ingest", {"IOC_HEALTH_PORT": str(health)}),
            ("dashboards", {"IOC_HTTP_PORT": str(screens), "IOC_AUTH": "open"}),
        ):
            children[part] = _child(part, folder / "city", common | more)
            ends.callback(_end, children[part])
        url = f"http://127.0.0.1:{screens}"
        for address in (f"http://127.0.0.1:{health}", url):
            _wait_ready(address + "/readyz", patience)
        yield Parts(url, broker.port, children["dashboards"].pid, postgres.url)


def _child(part: str, city: Path, settings: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "ioc", part, str(city)], env=child_environment(settings))


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(10)
    child.kill()


def _wait_ready(address: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(address, timeout=15) as answer:  # noqa: S310  our own child
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise StartError(f"{address} was not ready within {seconds:.0f} s")


def until(page: Any, script: str, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not page.evaluate(f"!!({script})"):
        if time.monotonic() > deadline:
            raise StartError(f"the page did not come to life within {seconds:.0f} s")
        time.sleep(0.1)
