"""How much an alarm comes and goes: after Nagios's score, a percentage that weighs recent changes more.

Each raise or clear within the last hour counts 5 %, weighed from 0.75 (an hour ago) to 1.25 (now).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

WINDOW_S = 3600.0
START = 24.0  # the fourth change within minutes: two mails have told the story, the third would be noise
STOP = 12.0


def score(changes: Iterable[datetime], now: datetime) -> float:
    """Percent, 0..100, of the times at which the condition changed."""
    ages = ((now - at).total_seconds() for at in changes)
    return min(100.0, sum(5.0 * (1.25 - 0.5 * max(age, 0.0) / WINDOW_S) for age in ages if age < WINDOW_S))


def flaps(percent: float, *, already: bool) -> bool:
    """Starts at START, stops at STOP, in between unchanged."""
    return percent > STOP if already else percent >= START
