"""For whom a mail is: language, zone and time -> numbers, states and names in words that are safe in a header."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ioc.config.types import say
from ioc.language import age, quantity, words

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from ioc.language import Words

Row = dict[str, Any]
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


class Reader(NamedTuple):
    """For whom: language, zone, what links start with, and the time it is written."""

    language: str
    zone: ZoneInfo
    base_url: str
    now: datetime

    @property
    def words(self) -> Words:
        return words("alerts", self.language)

    def value(self, value: float | None, row: Row, *, more: int = 0) -> str:
        """With its unit, or the word for it where the metric is a state. more: decimals beyond the metric's own."""
        word = (row.get("states") or {}).get(f"{value:g}") if value is not None else None
        if word:
            return clean(say(word, self.language), 60)
        return quantity(value, row["decimals"] + more, clean(row["unit"]), self.language)

    def limit(self, row: Row) -> str:
        """As exactly as the rule says it: 1.5 stays 1.5, though the metric is shown without decimals."""
        exact = len(f"{row['threshold']:.3f}".rstrip("0").partition(".")[2]) if row["threshold"] is not None else 0
        return self.value(row["threshold"], {**row, "states": None}, more=max(0, exact - row["decimals"]))

    def duration(self, length: timedelta) -> str:
        return age(length.total_seconds(), self.language)

    @property
    def base(self) -> str:
        return self.base_url.rstrip("/")

    def link(self, alarm_id: int) -> str:
        return f"{self.base}/alarms/{alarm_id}"


def clean(text: object, most: int = 120) -> str:
    """Text from a feed or folder, safe in a header and a line: no line breaks, no control or direction marks."""
    return short(" ".join(_CONTROL.sub(" ", str(text)).split()), most)


def short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
