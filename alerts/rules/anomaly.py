"""A value is out of the ordinary for its time of day, learned from the last weeks of the series itself."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from alerts import learned
from alerts.rules import same_hour
from alerts.verdict import Limit, Spec
from ioc.config.types import Model
from ioc.models import profile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from alerts.verdict import Inputs, Known, Point
    from ioc.config.rules import Rule
    from ioc.models.clock import Array
    from ioc.models.profile import Profile
    from ioc.records import Micros

window = same_hour.window


class Options(Model):
    """
    times: how far from the usual, in its standard deviations. at_least: the smallest difference that matters, in the
    metric's unit. side: which differences count. days: how far back it learns; least: days an hour must be known from,
    else it is not judged. Holidays of duty.toml are neither learned nor judged. Give the rule an off_delay (an hour is
    good): odd values come in swarms.
    """

    times: float = Field(default=5.0, gt=0)
    at_least: float = Field(default=0.0, ge=0)
    side: Literal["either", "above", "below"] = "either"
    days: int = Field(default=28, ge=1, le=90)
    least: int = Field(default=7, ge=1)


def specs(rule: Rule, _options: Options, _known: Known) -> list[Spec]:
    if not rule.scope.metrics and not rule.scope.sensors:
        raise ValueError("needs scope.metrics (or scope.sensors): a value of what?")
    return [Spec((Limit(1.0, same_hour.CLEAR),))]


def model_of(options: Options) -> learned.Model:
    return learned.Model(
        "usual", (options.days, options.least), timedelta(days=options.days), coarse=False,
        learn=lambda past, day, zone, off: same_hour.known(
            profile.usual(*past, day, zone, options.days, options.least, off)
        ),
        load=profile.from_json,
    )  # fmt: skip


def signal(inputs: Inputs, options: Options, since: Micros) -> Iterator[Point]:
    """How far towards the bound: 1 is at it, 0 as usual; nothing where too little is known."""
    yield from same_hour.against(inputs, partial(_distance, options), since)


def _distance(options: Options, model: Profile, times: Array, values: Array, zone: ZoneInfo) -> Array:
    """The bound is never nothing: what never moved would make the least change an anomaly beyond all measure."""
    middle, spread = model.at(times, zone)
    bound = np.maximum(np.maximum(options.times * spread, options.at_least), 1e-9)
    return same_hour.sided(values - middle, options.side) / bound


def describe(inputs: Inputs, options: Options, at: Micros) -> dict[str, Any]:
    """value, usual, limit; one_in: of how many past values one is as odd as this."""
    model, found = same_hour.facts(inputs, at, lambda spread: max(options.times * spread, options.at_least))
    if model and found["spread"] > 0:
        found["one_in"] = model.rarity(abs(found["value"] - found["usual"]) / found["spread"])
    return found
