"""So many sensors of an area are beyond a level at once: k of n, or a share of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

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

MOST = 20_000


class Options(Model):
    """
    above or below: the level of one sensor, a number in the metric's unit (or in `unit`) or "pack.level". of: at least
    this many sensors; or share: at least this part of those that are heard, 0..1. by: `area`, one alarm an area, or
    `rule`, one for the whole scope. quorum: with less than this part of the sensors heard, nothing is known (0.5).
    fresh: a sensor is heard while its newest value is at most this old (2 x its cadence).
    It clears with fewer than `of` - 1 (fewer than 1 where `of` is 1), or below 0.8 of `share`.
    """

    above: Ref | None = None
    below: Ref | None = None
    unit: str | None = None
    of: int | None = Field(default=None, ge=1)
    share: float | None = Field(default=None, gt=0, le=1)
    by: Literal["area", "rule"] = "area"
    quorum: float = Field(default=0.5, ge=0, le=1)
    fresh: Duration | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Options:
        levels.one_side(self.above, self.below)
        if (self.of is None) == (self.share is None):
            raise ValueError("give either of or share")
        return self


def specs(rule: Rule, options: Options, known: Known) -> list[Spec]:
    """Raises ValueError."""
    resolve(rule, options, known)
    if not rule.scope.metrics:
        raise ValueError("needs scope.metrics: a number of what?")
    if options.of is not None:
        level = Limit(at_least(options.of), max(options.of - 1, 1))
    else:
        level = Limit(at_least(options.share or 0.0), 0.8 * (options.share or 0.0))
    return [Spec((level,), name="member", per=options.by)]


def resolve(rule: Rule, options: Options, known: Known) -> Options:
    """Raises ValueError."""
    found: Options = levels.resolved(rule, options, known, "above", "below")
    return found


def window(options: Options) -> timedelta:
    return options.fresh or timedelta(hours=1)


def signal(inputs: Inputs, options: Options, since: Micros) -> Iterator[Point]:
    """How many are beyond the level at each moment at which one of them speaks, or what part of those heard."""
    level, way = levels.side(options.above, options.below)
    moments = sorted((at, name, value) for name, one in inputs.items() for at, value in one.samples)
    oldest = {n: gap(i.expected) if options.fresh is None else length(options.fresh) for n, i in inputs.items()}
    now: dict[str, tuple[Micros, float]] = {}
    for n, (at, name, value) in enumerate(moments):
        now[name] = (at, value)
        if at <= since or (n + 1 < len(moments) and moments[n + 1][0] == at):
            continue
        heard = [v for k, (when, v) in now.items() if at - when <= oldest[k]]
        if not heard or len(heard) < options.quorum * _members(inputs):
            yield at, None
            continue
        beyond = sum((v - level) * way > 0 for v in heard)
        yield at, float(beyond) if options.of is not None else beyond / len(heard)


def _members(inputs: Inputs) -> int:
    """Also those never heard, or in doubt, which have no samples here."""
    return max(len(inputs), max((one.members for one in inputs.values()), default=0))


def describe(inputs: Inputs, options: Options, at: Micros) -> dict[str, object]:
    """Which, and how many."""
    level, way = levels.side(options.above, options.below)
    newest = {name: [v for when, v in one.samples if when <= at][-1:] for name, one in inputs.items()}
    beyond = sorted(name for name, found in newest.items() if found and (found[0] - level) * way > 0)
    series = [int(name.rpartition("#")[2]) for name in beyond if "#" in name]
    return {"series": series, "note": f"{len(beyond)}/{_members(inputs)}"}
