"""What became of an attempt to deliver a message, whatever the channel; and what a channel is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ioc.store.outbox import Letter


class Fate(Enum):
    """What became of an attempt, and what follows."""

    SENT = "sent"
    LATER = "later"  # the server asks to come back
    NO_ADDRESS = "no_address"  # this person cannot be reached here
    REJECTED = "rejected"  # the message itself is unwanted: once more as plain text, where there is one
    STOPPED = "stopped"  # our own settings are wrong: nothing can leave until somebody corrects them
    DOWN = "down"  # the server cannot be reached: no attempt was made
    UNSURE = "unsure"  # it may have taken the message and could not say so


@dataclass(frozen=True, slots=True)
class Result:
    """reply: the server's own words. after: seconds it asks us to wait. down: unsure, and it does not answer at all."""

    fate: Fate
    reply: str
    after: float = 0.0
    down: bool = False


class Channel(Protocol):
    """A way out. digest changes with its settings, and gives no secret away."""

    key: str
    digest: str

    def send(self, letter: Letter, mark: Callable[[str], None]) -> Result:
        """One attempt; never raises for what a server may do."""
        ...
