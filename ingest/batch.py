"""What messages became, waiting for its commit: parallel columns, so that a row is three appends and no object."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ingest.client import Message
    from ingest.registry import Registry
    from ioc.records import Micros, SensorFacts

OPEN, QUARANTINED, IGNORED = 0, 1, 2  # a message's fate before the commit; OPEN is stored or duplicate after it


class Place(NamedTuple):
    """A position of a sensor (index in the registry)."""

    message: int
    sensor: int
    time: Micros
    lat: float
    lon: float
    speed: float
    heading: float


class Refusal(NamedTuple):
    """A message that could not be used."""

    message: int
    reason: str
    detail: str


class Mark(NamedTuple):
    """How long everything was when a message began."""

    rows: int
    positions: int
    events: int
    facts: int
    dropped: int


class Batch:
    """Rows of `messages[n]` are `counts[n]` entries of slot, time and value, in the order of the messages."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.messages: list[Message] = []
        self.feeds: list[int] = []
        self.counts: list[int] = []
        self.fates: list[int] = []
        self.slot: list[int] = []
        self.time: list[Micros] = []
        self.value: list[float] = []
        self.positions: list[Place] = []
        self.events: list[tuple[int, dict[str, Any]]] = []
        self.facts: list[tuple[int, int, SensorFacts]] = []  # message, sensor, facts
        self.dropped: list[tuple[int, str]] = []  # message, why one of its readings was dropped
        self.ignored: list[tuple[int, str]] = []  # message, why it was ignored
        self.refusals: list[Refusal] = []
        self.arrivals: list[tuple[int, bytes, Micros]] = []  # message, digest, time
        self.lessons: list[tuple[int]] = []  # message that teaches its feed's decoder
        self.floods: Counter[int] = Counter()  # slot -> messages over the limit
        self.bytes = 0

    def __len__(self) -> int:
        return len(self.messages)

    def mark(self) -> Mark:
        return Mark(len(self.slot), len(self.positions), len(self.events), len(self.facts), len(self.dropped))

    def undo(self, mark: Mark) -> None:
        """Forget what a message that failed half way had added."""
        for column in (self.slot, self.time, self.value):
            del column[mark.rows :]
        del self.positions[mark.positions :]
        del self.events[mark.events :]
        del self.facts[mark.facts :]
        del self.dropped[mark.dropped :]

    def end(self, message: Message, feed_id: int, fate: int, rows: int) -> None:
        """The message is counted; `rows` of the last readings are its own."""
        self.messages.append(message)
        self.feeds.append(feed_id)
        self.fates.append(fate)
        self.counts.append(rows)
        self.bytes += len(message.payload)

    def part(self, start: int, end: int) -> Batch:
        """The messages start..end as a batch of their own."""
        found = Batch(self.registry)
        rows = [0, *accumulate(self.counts)]
        for name in ("messages", "feeds", "counts", "fates"):
            setattr(found, name, getattr(self, name)[start:end])
        for name in ("slot", "time", "value"):
            setattr(found, name, getattr(self, name)[rows[start] : rows[end]])
        for name in ("positions", "events", "facts", "dropped", "ignored", "refusals", "arrivals", "lessons"):
            kept = [_moved(item, start) for item in getattr(self, name) if start <= item[0] < end]
            setattr(found, name, kept)
        found.floods = self.floods if start == 0 else Counter()
        found.bytes = sum(len(m.payload) for m in found.messages)
        return found

    def refuse(self, reason: str, detail: str) -> Batch:
        """The same messages, all of them quarantined for this reason."""
        found = Batch(self.registry)
        for number, (message, feed) in enumerate(zip(self.messages, self.feeds, strict=True)):
            found.end(message, feed, QUARANTINED, 0)
            found.refusals.append(Refusal(number, reason, detail))
        return found


def _moved(item: Any, start: int) -> Any:
    moved = (item[0] - start, *item[1:])
    return type(item)._make(moved) if hasattr(item, "_make") else moved
