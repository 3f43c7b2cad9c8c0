"""Connections as they come: one that says nothing, or never ends, is let go; and there are only so many sockets each.

Below this, uvicorn waits for a request's head and body for ever, and takes a head of any length.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dashboards.limit import Limit
from dashboards.names import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Message, Receive

    from ioc.access.holder import Holder

log = logging.getLogger(__name__)
HEAD_S, BODY_S = 15.0, 120.0  # seconds that a request's head, and its body, may take
LARGEST_HEAD = 64 * 1024  # bytes
# Open sockets at once. One person, token or paired screen: a wall of screens is some dozens of tabs at most. One
# address: a building behind one. Journeys into the past each cost a reading of the store a second.
OF_ONE, PAST_OF_ONE, OF_ADDRESS, OF_ALL = 60, 12, 400, 4000
_PER_SECOND = 40  # messages of one socket


class Patient(HttpToolsProtocol):
    """uvicorn's own, with an end to its patience."""

    _late: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._within(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._within(None)
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._within(None)
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        self._head = 0
        self._within(HEAD_S)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._measure(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._measure(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._within(BODY_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._within(None)
        super().on_message_complete()

    def _measure(self, size: int) -> None:
        self._head += size
        if self._head > LARGEST_HEAD:
            raise ValueError("the head is too large")  # uvicorn answers 400 and closes

    def _within(self, seconds: float | None) -> None:
        """The next step must come within so long; None: nothing is waited for."""
        if self._late is not None:
            self._late.cancel()
        self._late = self.loop.call_later(seconds, self._let_go) if seconds else None

    def _let_go(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()


class Sockets:
    """How many are open, by who holds them and from where. Whoever has a loopback address is this machine, or its
    proxy that says no more: counted by who it is alone.
    """

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def taken(self, holder: Holder, address: str, path: str) -> Iterator[bool]:
        """Whether there is room for one more; it counts until the end."""
        wanted = self._bounds(holder, address, path)
        room = all(self._open[key] < most for key, most in wanted.items())
        if not room:
            log.warning("too many sockets of %s at %s", clean(holder.name or holder.role), clean(address))
            yield False
            return
        self._open.update(wanted.keys())
        try:
            yield True
        finally:
            self._open.subtract(wanted.keys())
            for key in [key for key in wanted if not self._open[key]]:
                del self._open[key]

    def _bounds(self, holder: Holder, address: str, path: str) -> dict[str, int]:
        bounds = {"": OF_ALL}
        one = _one(holder)
        if one:
            bounds[f"who {one}"] = OF_ONE
            if path == "/ws/then":
                bounds[f"past {one}"] = PAST_OF_ONE
        if not _loopback(address):
            bounds[f"from {address}"] = OF_ADDRESS
        return bounds


def slowed(receive: Receive) -> Receive:
    """What a socket says, at a person's pace: a flood waits in the sender's own system."""
    said = Limit(most=200, per_minute=60 * _PER_SECOND)

    async def paced() -> Message:
        if not said.allows("", time.monotonic()):
            await asyncio.sleep(1 / _PER_SECOND)
        return await receive()

    return paced


def _one(holder: Holder) -> str:
    """A person, a screen or a token; "" for somebody without a name, as in a trial without accounts."""
    if holder.person is not None:
        return f"person {holder.person}"
    return f"display {holder.display}" if holder.display is not None else holder.name and f"{holder.role} {holder.name}"


def _loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
