"""A sensor that speaks far more often than it should: bounded by the minute of arrival."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ioc.config.feeds import Feed
    from ioc.records import Micros

_TIMES = 100  # what a declared cadence allows
_LEAST = 100  # messages a minute that are never a flood by cadence alone


class Flood:
    """Counts one feed's messages by sensor. most: in a minute; 0 is no limit."""

    def __init__(self, feed: Feed) -> None:
        self.most = _limit(feed)
        self._minute = 0
        self._spoke: Counter[int] = Counter()

    def is_over(self, sensor: int, received: Micros) -> bool:
        """Count one message; whether it is one too many."""
        if not self.most:
            return False
        minute = received // 60_000_000
        if minute != self._minute:
            self._minute, self._spoke = minute, Counter()
        self._spoke[sensor] += 1
        return self._spoke[sensor] > self.most


def _limit(feed: Feed) -> int:
    if feed.max_per_sensor_minute is not None:
        return feed.max_per_sensor_minute
    seconds = feed.cadence.total_seconds() if feed.cadence else 0
    return max(_LEAST, int(_TIMES * 60 / seconds)) if seconds else 0
