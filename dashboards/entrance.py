"""Guards the log-in: attempts in, each tried, or told how long to wait; few at a time, so that others are served.

Three memories, all bounded. Wrong attempts count against an account (in the store, for every process), against the
address they come from, and on a machine where that account once logged in, against that machine alone: whoever guesses
from elsewhere cannot keep the owner out. A name nobody has is slowed down like one that somebody has.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from dashboards.context import current
from dashboards.names import clean
from ioc.access import names
from ioc.access.waits import ACCOUNT, ADDRESS, Waits
from ioc.store import entering, people, sessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ioc.store.database import Connection
    from ioc.store.people import Person

log = logging.getLogger(__name__)
_AT_ONCE = 2  # hashes of passwords worked out at a time: each takes 64 MiB and a core for a tenth of a second
_QUEUE = 40  # attempts that wait for it; more are told to come back


class Came(NamedTuple):
    """Where an attempt comes from. mark: what this machine was given when somebody logged in on it; old: the cookie of
    the session it has, which the new one replaces.
    """

    address: str
    mark: str = ""
    old: str = ""


class Answer(NamedTuple):
    """What became of an attempt. wait: seconds to wait before the next one."""

    outcome: Literal["right", "wrong", "wait", "busy"]
    person: Person | None = None
    wait: float = 0.0


class Entered(NamedTuple):
    """A session's cookie, and the machine's mark."""

    cookie: str
    mark: str


class Entrance:
    """One for each process."""

    def __init__(self) -> None:
        self._addresses, self._names, self._machines = Waits(ADDRESS), Waits(ACCOUNT), Waits(ACCOUNT)
        self._turns, self._queued = asyncio.Semaphore(_AT_ONCE), 0

    async def password(self, name: str, typed: str, came: Came) -> Answer:
        """Try a name and a password. Raises StoreError."""
        owner = await self._owner(came)
        login = names.login(name[: names.LONGEST_ADDRESS])
        if wait := self._left(came, owner) or self._names.left(login, time.monotonic()):
            return Answer("wait", wait=wait)
        if self._queued >= _QUEUE:
            return Answer("busy")
        async with self._turn():
            attempt = await asyncio.to_thread(entering.password, current().pool, name, typed, _now(), known=owner)
            if attempt.outcome == "wrong":
                wait = await self._failed(attempt.person, came, owner)
                if attempt.person is None:
                    wait = max(wait, self._names.failed(login, time.monotonic()))
                return Answer("wait" if wait else "wrong", wait=wait)
        return Answer("wait" if attempt.outcome == "locked" else "right", attempt.person, attempt.wait)

    async def code(self, person: Person, typed: str, came: Came) -> tuple[Answer, str]:
        """Try a code of somebody whose password was right; with which kind it was. Raises StoreError."""
        owner = await self._owner(came)
        shut = 0.0 if owner == person.id else entering.left(person, _now())
        if wait := self._left(came, owner) or shut:
            return Answer("wait", person, wait), ""
        how = await current().read(entering.code, current().settings.secret, person, typed, _now())
        if how:
            return Answer("right", person), how
        wait = await self._failed(person, came, owner)
        return Answer("wait" if wait else "wrong", person, wait), ""

    async def finish(self, person: Person, how: str, came: Came) -> Entered:
        """Open the session. Raises AccessError where the account was disabled meanwhile, StoreError."""
        if await self._owner(came) is not None:
            self._machines.passed(came.mark)
        return await current().read(_finish, person, how, came)

    async def _failed(self, person: Person | None, came: Came, owner: int | None) -> float:
        counted = owner is None or person is None or owner != person.id
        wait = await current().read(entering.failed, person, came.address, _now(), count=counted)
        own = self._machines.failed(came.mark, time.monotonic()) if owner is not None else 0.0
        if owner is None:
            own = self._addresses.failed(_network(came.address), time.monotonic())
        if own:
            log.warning("many wrong log-ins from %s: held back for %.0f s", clean(came.address), own)
        return max(wait, own)

    def _left(self, came: Came, owner: int | None) -> float:
        if owner is not None:
            return self._machines.left(came.mark, time.monotonic())
        return self._addresses.left(_network(came.address), time.monotonic())

    async def _owner(self, came: Came) -> int | None:
        """Whose machine it is."""
        if not came.mark or len(came.mark) > 200:
            return None
        return await current().read(entering.recognised, current().settings.secret, came.mark)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        self._queued += 1
        try:
            async with self._turns:
                yield
        finally:
            self._queued -= 1


def entrance() -> Entrance:
    """The one of this process, made when it is first asked for."""
    found: Entrance = current().caches.setdefault("entrance", Entrance())
    return found


def _finish(conn: Connection, person: Person, how: str, came: Came) -> Entered:
    secret = current().settings.secret
    known = entering.recognised(conn, secret, came.mark) if came.mark else None
    mark = came.mark if known == person.id else entering.remembered(conn, secret, person)
    entering.passed(conn, person)
    sessions.close(conn, came.old)
    return Entered(sessions.open_(conn, person.id, secret, came.address, how, _now()), mark)


async def by_link(token: str, came: Came) -> tuple[Person, Entered] | None:
    """Use up a one-time link; None where it is no good. Raises StoreError."""
    return await current().read(_by_link, token, came)


def _by_link(conn: Connection, token: str, came: Came) -> tuple[Person, Entered] | None:
    person = people.use_link(conn, token, _now())
    return (person, _finish(conn, person, "link", came)) if person else None


def _network(address: str) -> str:
    """An address of IPv6 stands for its /64: one machine has all of that."""
    with suppress(ValueError):
        found = ipaddress.ip_address(address)
        if found.version == 6:
            return str(ipaddress.ip_network(f"{found}/64", strict=False))
    return address


def _now() -> datetime:
    return datetime.now(UTC)
