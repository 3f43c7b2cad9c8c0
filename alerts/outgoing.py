"""For whom a message is -> over which channels it goes, and what it says where there is no room for a mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from alerts.reader import short
from ioc.store.registry import PRIORITIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from alerts.card import Card
    from ioc.store.outbox import Contact

MAIL = "mail"
_LISTED = 40


class Reach(NamedTuple):
    """One way to one person. lowest: the least priority that goes there, 1 critical .. 4 low."""

    channel: str
    address: str
    lowest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a channel without room for a mail is told. id: the same in every attempt; link: where to look and act."""

    id: str
    kind: str
    reasons: tuple[str, ...]
    priority: int
    language: str
    at: datetime
    to: str
    title: str
    action: str
    link: str
    cards: Sequence[Card]
    total: int
    critical: int

    @property
    def listed(self) -> Sequence[Card]:
        return self.cards[:_LISTED]

    @property
    def line(self) -> str:
        """All in one line, as long as it needs."""
        return short(f"{self.title}. {self.action}" if self.action else self.title, 1000)


class Writer(Protocol):
    """A channel that writes its own messages."""

    def write(self, message: Message) -> bytes: ...


def reaches(contact: Contact, priority: int) -> list[Reach]:
    """Over what this person is told of this priority, mail first; addresses that lead to nobody are left out."""
    ways = [Reach(MAIL, contact.email, 4)] if contact.email else []
    further = contact.settings.get("channels") or []
    ways += [Reach(one["by"], one["to"], PRIORITIES[one.get("lowest") or "critical"]) for one in further]
    return [way for way in ways if priority <= way.lowest and f"{way.channel} {way.address}" not in contact.refused]
