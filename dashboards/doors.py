"""Who a cookie or a key stands for. Asked of the store at most every few seconds; while it is away, those it knew last
stay in, for a wall or a desk must not turn into a log-in page because a database restarts.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from dashboards.limit import Limit
from ioc.access.holder import Holder
from ioc.access.rights import Role
from ioc.errors import StoreAway
from ioc.store import database, displays, people, sessions, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg_pool import ConnectionPool

    from ioc.store.database import Connection

    Look = Callable[[Connection, str, str], Holder | None]  # a key, and the address it comes from

SESSION, DISPLAY = "ioc_session", "ioc_display"
FRESH = 3.0  # seconds: a revoked session, key or token is out after so long
KEPT = 3600.0  # seconds without a store in which the last known stay in
_AGAIN = 2.0  # seconds between two who find out whether the store is back
_MOST = 20_000  # holders remembered


class Flooding(Exception):  # noqa: N818  a state of the world
    """One address has tried too many wrong keys."""


class _Known(NamedTuple):
    holder: Holder | None
    at: float


class Doors:
    """Looks holders up. secret: IOC_SECRET, which signs sessions."""

    def __init__(self, pool: ConnectionPool[Connection], secret: str) -> None:
        self._pool, self._secret = pool, secret
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._wrong = Limit(most=30, per_minute=30)
        self._away = float("-inf")  # when the store was found away last
        self._at_once = asyncio.Semaphore(2)  # a flood of wrong keys leaves connections for those who are in

    async def find(self, cookies: dict[str, str], authorization: str, address: str) -> Holder | None:
        """By token, session or display key, in this order. Raises StoreAway (somebody it never knew), Flooding."""
        kind, _, bearer = authorization.partition(" ")
        if kind.lower() == "bearer" and bearer:
            return await self._held(bearer.strip(), self._token, address)
        for name, look in ((SESSION, self._session), (DISPLAY, self._display)):
            if cookies.get(name) and (holder := await self._held(cookies[name], look, address)):
                return holder
        return None

    async def still(self, holder: Holder, cookies: dict[str, str], authorization: str) -> bool:
        """Whether what was found when a connection opened holds now. A session's cookie was turned since: it is asked
        for by its handle. Raises StoreAway, Flooding.
        """
        if holder.session:
            found = await self._held(holder.session, self._alive, "")
        elif holder.role is Role.NOBODY or not (cookies or authorization):
            return True
        else:
            found = await self.find(cookies, authorization, "")
        return found is not None and found.role == holder.role

    async def named(self, login: str) -> Holder | None:
        """The account that a proxy in front has asked for already."""
        return await self._held(login, self._person, "") if login else None

    def forget(self) -> None:
        """Ask the store again for everybody."""
        self._known.clear()

    async def _held(self, key: str, look: Look, address: str) -> Holder | None:
        if len(key) > 400 or not key.isascii():
            return None
        mark, now = hashlib.sha256(f"{look.__name__}:{key}".encode()).digest(), time.monotonic()
        known = self._known.get(mark)
        if known is not None and now - known.at < FRESH:
            return known.holder
        if (known is None or known.holder is None) and not self._wrong.has(address, now):
            raise Flooding
        try:
            async with self._at_once:
                holder = await self._asked(look, key, address)
        except StoreAway:
            if known is None or known.holder is None or now - known.at > KEPT:
                raise
            return known.holder
        if holder is None:
            self._wrong.allows(address, now)
        self._remember(mark, _Known(holder._replace(renewed="") if holder else None, now))
        return holder

    async def _asked(self, look: Look, key: str, address: str) -> Holder | None:
        """Raises StoreAway: at once where somebody has just waited in vain for it, for not everybody must."""
        if time.monotonic() - self._away < _AGAIN:
            raise StoreAway
        try:
            return await asyncio.to_thread(self._look, look, key, address)
        except StoreAway:
            self._away = time.monotonic()
            raise

    def _remember(self, mark: bytes, known: _Known) -> None:
        self._known[mark] = known
        self._known.move_to_end(mark)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)

    def _look(self, look: Look, key: str, address: str) -> Holder | None:
        with database.transaction(self._pool) as conn:
            return look(conn, key, address)

    def _session(self, conn: Connection, cookie: str, _: str) -> Holder | None:
        return sessions.find(conn, cookie, self._secret, datetime.now(UTC))

    def _alive(self, conn: Connection, session: str, _: str) -> Holder | None:
        return sessions.alive(conn, session, datetime.now(UTC))

    def _person(self, conn: Connection, login: str, _: str) -> Holder | None:
        person = people.find(conn, login)
        if person is None or not person.active:
            return None
        return Holder(person.role, person.name, person=person.id, bounds=person.bounds)

    def _display(self, conn: Connection, key: str, _: str) -> Holder | None:
        return displays.find(conn, key)

    def _token(self, conn: Connection, token: str, address: str) -> Holder | None:
        return tokens.find(conn, token, address)
