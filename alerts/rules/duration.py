"""A value was beyond a level for too long in all, within a window: twenty minutes of an hour, in one piece or many."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from alerts import levels
from alerts.judge import gap
from alerts.levels import Ref, at_least
from alerts.verdict import Limit, Spec, length
from ioc.config.types import Duration, Model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alerts.verdict import Inputs, Known, Point
    from ioc.config.rules import Rule
    from ioc.records import Micros


class Options(Model):
    """
    above or below: the level, a number in the metric's unit (or in `unit`). lasts: beyond it for at least this long in
    all, within: of this long. clear_after: it clears once less than this is left (half of `lasts`).
    """

    above: Ref | None = None
    below: Ref | None = None
    unit: str | None = None
    lasts: Duration
    within: Duration = Field(gt=timedelta(0))
    clear_after: Duration | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Options:
        levels.one_side(self.above, self.below)
        if not timedelta(0) < self.lasts <= self.within:
            raise ValueError("lasts must be more than nothing and not longer than within")
        if self.clear_after is not None and self.clear_after > self.lasts:
            raise ValueError("clear_after must not be longer than lasts")
        return self


def specs(rule: Rule, options: Options, known: Known) -> list[Spec]:
    """The level of the signal is a time in seconds. Raises ValueError."""
    seconds = options.lasts.total_seconds()
    clear = seconds / 2 if options.clear_after is None else options.clear_after.total_seconds()
    resolve(rule, options, known)
    return [Spec((Limit(at_least(seconds), clear),))]


def resolve(rule: Rule, options: Options, known: Known) -> Options:
    """Raises ValueError."""
    found: Options = levels.resolved(rule, options, known, "above", "below")
    return found


def window(options: Options) -> timedelta:
    return options.within


def signal(inputs: Inputs, options: Options, since: Micros) -> Iterator[Point]:
    """Seconds beyond the level within the window. A sample stands until the next, at most as long as a gap may be."""
    samples, expected = inputs[""].samples, inputs[""].expected
    level, way, width, most = *levels.side(options.above, options.below), length(options.within), gap(expected)
    spans: list[tuple[Micros, Micros]] = []  # beyond the level: from, to
    first = total = 0
    before: tuple[Micros, float] | None = None
    for at, value in samples:
        if before is not None and (before[1] - level) * way > 0:
            spans.append((before[0], min(at, before[0] + most)))
            total += spans[-1][1] - spans[-1][0]
        before = (at, value)
        while first < len(spans) and spans[first][1] <= at - width:
            total -= spans[first][1] - spans[first][0]
            first += 1
        if at > since:
            outside = max(0, at - width - spans[first][0]) if first < len(spans) else 0
            yield at, (total - outside) / 1e6
