"""Runs the screens: the thread that follows the store, and the web server, until told to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import uvicorn

from dashboards import app, lines, tls
from dashboards.context import Context
from dashboards.doors import Doors
from dashboards.hub import Hub
from dashboards.live import Live
from dashboards.names import Names
from ioc.access.door import is_loopback, refuse_open_door
from ioc.config import folder as city_folder
from ioc.errors import AccessError, ConfigError, StartError, StoreError
from ioc.store import database, entering, people, registry
from ioc.store.replica import Past

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from ioc.config.folder import CityFolder
    from ioc.health import Health
    from ioc.settings import Settings

log = logging.getLogger(__name__)
_GRACE = 3  # seconds that open requests get at the end


def run(folder: Path, settings: Settings, stop: threading.Event, health: Health) -> None:
    """Serve until `stop`. Raises ConfigError, StartError."""
    settings.require("database_url")
    with suppress(StoreError):  # it is made as soon as the store answers
        _first_account(settings)
    refuse_open_door(settings, accounts=_somebody(settings))
    city = city_folder.load(folder)
    certificate = tls.options(settings, stop)
    listener = _listen(settings.http_host, settings.http_port)
    hub, loops = Hub(), _Loops()
    live = Live(settings.database_url, city, hub, loops.call, health)
    pool = database.pool(settings.database_url, name="ioc dashboards", size=4)
    past = Past(pool, settings.database_read_url)
    names, doors = Names.of(settings), Doors(pool, settings.secret)
    context = Context(settings=settings, hub=hub, live=live, pool=pool, health=health, past=past,
                      doors=doors, names=names)  # fmt: skip

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        loops.loop = asyncio.get_running_loop()
        jobs = [asyncio.create_task(hub.pulse()), asyncio.create_task(_until(stop, server))]
        threading.Thread(target=_follow, args=(live, settings, stop), name="live", daemon=True).start()
        threading.Thread(target=_watch, args=(folder, live, settings, stop), name="folder", daemon=True).start()
        try:
            yield
        finally:
            loops.loop = None
            for job in jobs:
                job.cancel()

    server = _Server(_config(names.fronted(app.make(context, lifespan)), certificate))
    try:
        server.run(sockets=[listener])
    finally:
        stop.set()
        past.close()
        pool.close(timeout=2)


def _first_account(settings: Settings) -> None:
    """The account `admin` with IOC_PASSWORD, where there is none at all. Raises StartError, StoreError."""
    if not settings.password:
        return
    try:
        with database.connect(settings.database_url, name="ioc dashboards") as conn:
            if entering.first_account(conn, settings.password, settings.breached):
                log.info("the account admin is made, with IOC_PASSWORD: the setting is not needed any more")
    except AccessError as error:
        raise StartError(f"IOC_PASSWORD cannot be the first account's: {error}") from error


def _somebody(settings: Settings) -> bool:
    """Whether anybody can log in; while the store cannot say, nobody can, and no harm is done."""
    if settings.oidc_issuer or settings.auth or settings.password or is_loopback(settings.http_host):
        return True
    with suppress(StoreError), database.connect(settings.database_url, name="ioc dashboards", autocommit=True) as conn:
        return people.exist(conn)
    return True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StartError(
            f"port {port} on {host} is taken: set IOC_HTTP_PORT to a free one ({error.strerror})"
        ) from error
    return listener


def _config(server: Any, certificate: dict[str, Any]) -> uvicorn.Config:
    return uvicorn.Config(server, ws_per_message_deflate=False, access_log=False, timeout_graceful_shutdown=_GRACE,
                          proxy_headers=False, log_config=None, ws_max_size=4096, http=lines.Patient,
                          server_header=False, **certificate)  # fmt: skip


class _Loops:
    """Calls from the live thread onto the event loop; dropped when there is none."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        loop = self.loop
        if loop is not None:
            with suppress(RuntimeError):  # closed a moment ago
                loop.call_soon_threadsafe(function, *args)


def _follow(live: Live, settings: Settings, stop: threading.Event) -> None:
    """Sync the registry once the store answers, then follow it."""
    while not stop.is_set() and not _sync(settings, live.folder):
        stop.wait(1.0)
    try:
        _first_account(settings)
    except (StartError, StoreError) as error:
        log.error("%s", error)  # noqa: TRY400  no traceback helps
    live.run(stop)


def _sync(settings: Settings, city: CityFolder) -> bool:
    try:
        with database.connect(settings.database_url, name="ioc dashboards registry", autocommit=True) as conn:
            registry.sync(conn, city)
    except StoreError as error:
        log.warning("the registry cannot be synced: %s", error)
        return False
    return True


def _watch(folder: Path, live: Live, settings: Settings, stop: threading.Event) -> None:
    """Take a changed city folder without a restart, or keep the old one when the new one has faults."""
    from watchfiles import watch

    for _ in watch(folder, stop_event=stop, debounce=500, rust_timeout=1000, yield_on_timeout=False):
        try:
            city = city_folder.load(folder)
        except ConfigError as error:
            log.warning("the changed city folder has faults and is not used:\n%s", error)
        else:
            _sync(settings, city)
            live.take(city)


async def _until(stop: threading.Event, server: uvicorn.Server) -> None:
    while not stop.is_set():  # noqa: ASYNC110  a thread's event cannot be awaited
        await asyncio.sleep(0.1)
    server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn that leaves the signals alone: ours set `stop`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
