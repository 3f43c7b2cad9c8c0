"""Two weeks of the sample city's past, as the messages that would have been published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sample_feeds.simulate import SEED, CitySimulation, Message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


def messages(folder: Path | Any, start: datetime, end: datetime, seed: int = SEED) -> Iterator[Message]:
    """Messages in [start, end) in time order; about 150,000 readings a day."""
    return CitySimulation(folder, seed).history(start, end)
