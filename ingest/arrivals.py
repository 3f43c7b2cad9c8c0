"""When messages without a time of their own arrived, so that a redelivery is the same reading and not a new one.

Brokers mark a redelivery (DUP). mosquitto repeats the packet id, and so does NATS while it runs; after a restart NATS
numbers anew, so then the content alone must match: the oldest unclaimed arrival of it on an earlier connection.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.client import Message
    from ioc.records import Micros

_MOST = 65_535  # packet ids there are
_KEPT: Micros = 3_600_000_000  # longer than a database is away while its messages wait; the count is bounded above


class _Arrival(NamedTuple):
    digest: bytes
    mid: int
    connection: int
    received: Micros


def digest(message: Message) -> bytes:
    """Of topic and payload."""
    return blake2b(message.topic + b"\0" + message.payload, digest_size=12).digest()


class Arrivals:
    """A bounded memory; `known` fills it from the database after a start."""

    def __init__(self, known: Iterable[tuple[int, bytes, Micros]] = ()) -> None:
        self._exact: dict[tuple[int, bytes], _Arrival] = {}
        self._by_content: dict[bytes, dict[Micros, _Arrival]] = {}  # by when, the oldest first: thousands may be alike
        self._order: deque[_Arrival] = deque()
        for mid, content, received in known:
            self._remember(_Arrival(content, mid, 0, received))

    def first(self, message: Message) -> Micros:
        """When the message arrived first."""
        if not message.dup or not message.mid:
            return message.received
        content = digest(message)
        found = self._exact.get((message.mid, content)) or self._earlier(content, message.connection)
        return found.received if found else message.received

    def note(self, message: Message, received: Micros) -> bytes:
        """Remember an arrival; returns the message's digest."""
        content = digest(message)
        if message.mid:
            self._remember(_Arrival(content, message.mid, message.connection, received))
        return content

    def _earlier(self, content: bytes, connection: int) -> _Arrival | None:
        oldest = next(iter(self._by_content.get(content, {}).values()), None)
        return oldest if oldest and oldest.connection < connection else None

    def _remember(self, arrival: _Arrival) -> None:
        before = self._exact.get((arrival.mid, arrival.digest))
        same = self._by_content.setdefault(arrival.digest, {})
        if before and same.get(before.received) == before:
            del same[before.received]
        same.pop(arrival.received, None)
        self._exact[arrival.mid, arrival.digest] = arrival
        same[arrival.received] = arrival
        self._order.append(arrival)
        while len(self._order) > _MOST or self._order[0].received < arrival.received - _KEPT:
            self._forget(self._order.popleft())

    def _forget(self, arrival: _Arrival) -> None:
        if self._exact.get((arrival.mid, arrival.digest)) is arrival:
            del self._exact[arrival.mid, arrival.digest]
        same = self._by_content.get(arrival.digest)
        if same and same.get(arrival.received) == arrival:
            del same[arrival.received]
        if not same:
            self._by_content.pop(arrival.digest, None)
