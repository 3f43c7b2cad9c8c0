"""Series as a line of text in, samples at steps of time out: how rule tests and our own cases are written.

One token a step: `12.5` a value; `_` no sample; `5x3` or `_x3` repeats; `1+2x3` is 1 3 5; `60@-5min` carries the time
of five minutes earlier.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ioc.config.types import parse_duration

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_TOKEN = re.compile(
    r"(?P<value>_|-?\d+(?:\.\d+)?)(?P<step>[+-]\d+(?:\.\d+)?(?=x))?(?:x(?P<times>\d+))?(?:@(?P<shift>-?[0-9a-z]+))?$"
)


def steps(text: str) -> list[tuple[float | None, timedelta]]:
    """[(value or None, shift of its time)], one a step. Raises ValueError."""
    found = []
    for token in text.split():
        match = _TOKEN.match(token)
        if match is None:
            raise ValueError(f"not a sample: {token!r}; write 12.5, _ (none), 5x3 (three times) or 1+2x3 (1 3 5)")
        shift = match["shift"] or "0s"
        offset = -parse_duration(shift[1:]) if shift.startswith("-") else parse_duration(shift)
        for i in range(int(match["times"] or 1)):
            value = None if match["value"] == "_" else float(match["value"]) + i * float(match["step"] or 0)
            found.append((value, offset))
    return found


def past(text: str, start: datetime, zone: ZoneInfo, days: int) -> list[tuple[datetime, float]]:
    """A day of values, spread evenly over each of the `days` local days before that of `start`, by the clock of the
    zone: eight o'clock is eight o'clock on both sides of a change of the clocks.
    """
    values = [value for value, _ in steps(text)]
    first = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    found = []
    for day in range(days, 0, -1):
        for n, value in enumerate(values):
            shown = first - timedelta(days=day) + timedelta(days=1) * n / len(values)
            if value is not None:
                found.append((shown.replace(tzinfo=zone).astimezone(UTC), value))
    return sorted(dict(found).items())


def letters(text: str) -> list[str]:
    """Rows of ISA-18.2 letters: `-x3 B` is - - - B."""
    found = []
    for token in text.split():
        letter, _, times = token.partition("x")
        found += [letter] * int(times or 1)
    return found
