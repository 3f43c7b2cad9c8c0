"""The mean over a window passes a level: what guidelines for 24-hour or 8-hour means ask for."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import Field

from alerts import levels
from alerts.judge import gap
from alerts.verdict import length
from ioc.config.types import Duration  # noqa: TC001  pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alerts.verdict import Inputs, Known, Point, Spec
    from ioc.config.rules import Rule
    from ioc.records import Micros


class Options(levels.Steps):
    """
    above or below, clear or deadband, unit, levels: as for `threshold`. over: the window. covered: with samples for
    less than this part of it nothing is known (0.75: 18 of 24 hours).
    """

    over: Duration = Field(gt=timedelta(0))
    covered: float = Field(default=0.75, ge=0, le=1)


def specs(rule: Rule, options: Options, known: Known) -> list[Spec]:
    """Raises ValueError."""
    return levels.specs(rule, options, known)


def window(options: Options) -> timedelta:
    return options.over


def signal(inputs: Inputs, options: Options, since: Micros) -> Iterator[Point]:
    """The mean by time: a sample stands until the next, at most as long as a gap may be."""
    one = inputs[""]
    width, most = length(options.over), gap(one.expected)
    pieces: deque[tuple[Micros, Micros, float]] = deque()  # from, to, value
    area = 0.0
    covered = 0
    before: tuple[Micros, float] | None = None
    for at, value in one.samples:
        if before is not None:
            end = min(at, before[0] + most)
            pieces.append((before[0], end, before[1]))
            covered, area = covered + end - before[0], area + (end - before[0]) * before[1]
        before = (at, value)
        while pieces and pieces[0][1] <= at - width:
            begin, end, old = pieces.popleft()
            covered, area = covered - (end - begin), area - (end - begin) * old
        if at > since:
            yield at, _mean(pieces, covered, area, at - width, options.covered * width)


def _mean(
    pieces: deque[tuple[Micros, Micros, float]], covered: Micros, area: float, begin: Micros, needed: float
) -> float | None:
    """Without the part of the oldest piece that is outside the window."""
    if pieces and (outside := begin - pieces[0][0]) > 0:
        covered, area = covered - outside, area - outside * pieces[0][2]
    return area / covered if covered >= max(needed, 1) else None
