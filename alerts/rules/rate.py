"""A value rises or falls too fast: its change an hour over a window, as a line through its samples."""

from __future__ import annotations

from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from alerts import levels
from alerts.judge import gap
from alerts.verdict import Limit, Spec, length
from ioc.config.types import Duration, Model
from ioc.units import SAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alerts.verdict import Inputs, Known, Point
    from ioc.config.rules import Rule
    from ioc.records import Micros
    from ioc.units import Conversion

_MOST = 40  # samples of one robust slope: more are thinned out
_CLEAR = 0.8  # of the limit
_HOUR = 3600e6


class Options(Model):
    """
    rises or falls: more than this per hour, in the metric's unit (or in `unit`). over: the window. clear: per hour,
    0.8 of the limit where absent. by: `ends`, the first against the last sample; `robust`, the median of all slopes
    between samples (Theil-Sen), for noisy sensors; `counter`, as ends, for what starts again at 0.
    """

    rises: float | None = Field(default=None, gt=0)
    falls: float | None = Field(default=None, gt=0)
    over: Duration = Field(gt=timedelta(0))
    clear: float | None = Field(default=None, ge=0)
    unit: str | None = None
    by: Literal["ends", "robust", "counter"] = "ends"

    @model_validator(mode="after")
    def _consistent(self) -> Options:
        if (self.rises is None) == (self.falls is None):
            raise ValueError("give either rises or falls")
        if self.clear is not None and self.clear > (self.rises or self.falls or 0):
            raise ValueError("clear must not be beyond the rate to raise at")
        if self.by == "counter" and self.falls is not None:
            raise ValueError("a counter does not fall")
        return self


def specs(rule: Rule, options: Options, known: Known) -> list[Spec]:
    """Raises ValueError."""
    if not rule.scope.metrics and not rule.scope.sensors:
        raise ValueError("a rate needs scope.metrics (or scope.sensors): of what?")
    factor = abs(_factor(rule, options, known).factor)
    rate, way = (options.rises, 1) if options.rises is not None else (options.falls or 0.0, -1)
    clear = rate * _CLEAR if options.clear is None else options.clear
    return [Spec((Limit(way * rate * factor, way * clear * factor, way),))]


def _factor(rule: Rule, options: Options, known: Known) -> Conversion:
    return SAME if options.unit is None else levels.to_metric(options.unit, rule.scope.metrics, known)


def window(options: Options) -> timedelta:
    return options.over


def signal(inputs: Inputs, options: Options, since: Micros) -> Iterator[Point]:
    """Change an hour. Unknown with fewer than three samples, or where they cover less than 60 % of the window.

    What is before a gap does not count: the first sample after a silence is no jump.
    """
    samples, expected = inputs[""].samples, inputs[""].expected
    if options.by == "counter":
        samples = _counted(samples)
    width, most, first = length(options.over), gap(expected), 0
    for n, (at, _) in enumerate(samples):
        if n and at - samples[n - 1][0] > most:
            first = n
        while samples[first][0] <= at - width:
            first += 1
        if at <= since:
            continue
        part = samples[first : n + 1]
        if len(part) < 3 or at - part[0][0] < 0.6 * (width - (expected or 0)):
            yield at, None
        else:
            yield at, _robust(part) if options.by == "robust" else _slope(part[0], part[-1])


def _slope(a: tuple[Micros, float], b: tuple[Micros, float]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0]) * _HOUR


def _robust(part: Sequence[tuple[Micros, float]]) -> float:
    """The median of the slopes between all pairs of (at most forty) samples."""
    step = max(1, -(-len(part) // _MOST))
    few = part[::-1][::step]
    return median(_slope(b, a) for i, a in enumerate(few) for b in few[i + 1 :])


def _counted(samples: Sequence[tuple[Micros, float]]) -> list[tuple[Micros, float]]:
    """A counter without its resets: where it falls it began again at 0."""
    total, before, found = 0.0, None, []
    for at, value in samples:
        if before is not None:
            total += value - before if value >= before else value
        before = value
        found.append((at, total))
    return found
