"""Series as text: one token a step. `12.5` a value; `_` no sample; `5x3` or `_x3` repeats; `1+2x3` is 1 3 5;
`60@-5min` carries an event time five minutes earlier; `bad` a value no rule may use."""

from __future__ import annotations

import re
from datetime import timedelta

from ioc.config.types import parse_duration

_TOKEN = re.compile(
    r"(?P<value>_|-?\d+(?:\.\d+)?)(?P<step>[+-]\d+(?:\.\d+)?(?=x))?(?:x(?P<times>\d+))?(?:@(?P<shift>-?[0-9a-z]+))?$"
)


def steps(text):
    """[(value or None, shift of the event time)] one a step."""
    found = []
    for token in text.split():
        match = _TOKEN.match(token)
        if match is None:
            raise ValueError(f"not a sample: {token!r}")
        shift = match["shift"] or "0s"
        offset = -parse_duration(shift[1:]) if shift.startswith("-") else parse_duration(shift)
        for i in range(int(match["times"] or 1)):
            value = None if match["value"] == "_" else float(match["value"]) + i * float(match["step"] or 0)
            found.append((value, offset))
    return found


def letters(text):
    """`- x3 B D` style rows of ISA letters: `-x3 B` is - - - B."""
    found = []
    for token in text.split():
        letter, _, times = token.partition("x")
        found += [letter] * int(times or 1)
    return found


__all__ = ["letters", "steps", "timedelta"]
