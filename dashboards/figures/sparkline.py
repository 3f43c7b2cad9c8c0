"""Counts by minute -> a row of bars made of characters: nothing to draw, nothing to load."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BARS = "▁▂▃▄▅▆▇█"


def bars(by_minutes_ago: Mapping[str, int], minutes: int = 60, width: int = 20) -> str:
    """The last `minutes` as `width` bars, the newest at the right; a blank where there was nothing."""
    each = minutes // width
    sums = [0] * width
    for ago, count in by_minutes_ago.items():
        at = width - 1 - int(ago) // each
        if 0 <= at < width:
            sums[at] += count
    most = max(sums) or 1
    return "".join(" " if n == 0 else BARS[min(7, round(n / most * 7))] for n in sums)
