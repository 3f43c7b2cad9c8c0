"""What every page and route works with: the city, the store, the hub. Made once by the service."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from dashboards import viewer
from ioc.store import audit, database

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from psycopg_pool import ConnectionPool

    from dashboards.doors import Doors
    from dashboards.hub import Hub
    from dashboards.live import Live
    from dashboards.names import Names
    from ioc.config.folder import CityFolder
    from ioc.health import Health
    from ioc.settings import Settings
    from ioc.store.database import Connection
    from ioc.store.replica import Past

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Context:
    settings: Settings
    hub: Hub
    live: Live
    doors: Doors
    names: Names
    pool: ConnectionPool[Connection]
    health: Health
    past: Past
    caches: dict[Any, Any] = field(default_factory=dict)

    @property
    def folder(self) -> CityFolder:
        """The city folder as it is now: it may be reloaded while running."""
        return self.live.folder

    @property
    def zone(self) -> ZoneInfo:
        return self.folder.city.tz

    async def read(self, what: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a store function that takes a connection, in a thread and a transaction. Raises StoreAway, StoreError."""
        return await asyncio.to_thread(self._read, what, args, kwargs)

    async def read_past(self, what: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """As `read`, for what is history: from a replica, where there is one that lags no more than a little."""
        return await asyncio.to_thread(self.past.read, what, *args, **kwargs)

    async def shared(self, name: str, seconds: float, what: Callable[..., T]) -> T:
        """The same read for everybody, at most once in `seconds`."""
        at, value = self.caches.get(name, (0.0, None))
        if time.monotonic() - at > seconds:
            value = await self.read(what)
            self.caches[name] = (time.monotonic(), value)
        return value  # type: ignore[no-any-return]

    def _read(self, what: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        asking = viewer.CURRENT.get()
        with database.transaction(self.pool) as conn:
            if asking.address or asking.name:  # the server's own work has neither
                audit.speak(conn, viewer.who())
            return what(conn, *args, **kwargs)


_LAST: list[Context] = []


def use(context: Context) -> None:
    """The process's context; pages find it with `current`."""
    _LAST[:] = [context]


def current() -> Context:
    return _LAST[0]
