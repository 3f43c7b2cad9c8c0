"""A value is far from what the same local hour of the same weekday usually says."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from alerts import learned
from alerts.verdict import Limit, Spec
from ioc.config.types import Model
from ioc.models import clock, profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

    from alerts.verdict import Inputs, Known, Point
    from ioc.config.rules import Rule
    from ioc.models.clock import Array
    from ioc.models.profile import Profile
    from ioc.records import Micros

CLEAR = 0.7  # of the way from the usual to the bound: where the alarm clears


class Options(Model):
    """
    at_least: the smallest difference that matters, in the metric's unit. times: how far from the usual, counted in its
    usual spread (1.4826 x the median absolute deviation, as a standard deviation). side: which differences count.
    weeks: how many past weeks are asked; least: how many of them must have the hour, else it is not judged.
    Holidays of duty.toml are neither asked nor judged.
    """

    at_least: float = Field(gt=0)
    times: float = Field(default=4.0, gt=0)
    side: Literal["either", "above", "below"] = "either"
    weeks: int = Field(default=6, ge=2, le=26)
    least: int = Field(default=4, ge=2)

    @model_validator(mode="after")
    def _enough(self) -> Options:
        if self.least > self.weeks:
            raise ValueError(f"least {self.least} is more than the {self.weeks} weeks that are asked")
        return self


def specs(rule: Rule, _options: Options, _known: Known) -> list[Spec]:
    if not rule.scope.metrics and not rule.scope.sensors:
        raise ValueError("needs scope.metrics (or scope.sensors): a difference of what?")
    return [Spec((Limit(1.0, CLEAR),))]


def window(_options: Options) -> timedelta:
    return timedelta(0)


def model_of(options: Options) -> learned.Model:
    return learned.Model(
        "same_hour", (options.weeks, options.least), timedelta(weeks=options.weeks, days=1), coarse=False,
        learn=lambda past, day, zone, off: known(
            profile.same_hour(*past, day, zone, options.weeks, options.least, off)
        ),
        load=profile.from_json,
    )  # fmt: skip


def signal(inputs: Inputs, options: Options, since: Micros) -> Iterator[Point]:
    """How far towards the bound: 1 is at it, 0 as usual; nothing where too little is known."""
    yield from against(inputs, partial(_distance, options), since)


def _distance(options: Options, model: Profile, times: Array, values: Array, zone: ZoneInfo) -> Array:
    middle, spread = model.at(times, zone)
    return sided(values - middle, options.side) / np.maximum(options.times * spread, options.at_least)


def describe(inputs: Inputs, options: Options, at: Micros) -> dict[str, Any]:
    """value: what was read; usual: what the hour usually says; limit: the bound that was passed."""
    model, found = facts(inputs, at, lambda spread: max(options.times * spread, options.at_least))
    return found if model else {}


def known(found: Profile) -> Profile | None:
    """None where nothing is: it is tried again before the day is over."""
    return None if found.empty else found


def sided(difference: Array, side: str) -> Array:
    """Differences to the other side do not count."""
    if side == "either":
        return np.abs(difference)
    return np.maximum(difference if side == "above" else -difference, 0.0)


def against(
    inputs: Inputs, distance: Callable[[Profile, Array, Array, ZoneInfo], Array], since: Micros
) -> Iterator[Point]:
    """Each day's samples against that day's profile; holidays and days of which too little is known say nothing."""
    past, known = learned.past(inputs[""].samples), inputs[""].learned
    assert known is not None
    for day, first, end in learned.days(past.times, since, known.zone):
        model = None if day in known.holidays else known.of(day)
        times, values = past.times[first:end], past.values[first:end]
        found = np.full(len(times), np.nan) if model is None else distance(model, times, values, known.zone)
        for at, value in zip(times.tolist(), found.tolist(), strict=True):
            yield at, (value if np.isfinite(value) else None)


def facts(inputs: Inputs, at: Micros, bound: Callable[[float], float]) -> tuple[Profile | None, dict[str, Any]]:
    """(the day's profile, what an alarm says of the newest sample up to `at`). bound: of a spread."""
    past, known = learned.past(inputs[""].samples), inputs[""].learned
    place = int(np.searchsorted(past.times, at, "right")) - 1
    if known is None or place < 0:
        return None, {}
    model: Profile | None = known.of(clock.day_of(int(past.times[place]), known.zone))
    if model is None:
        return None, {}
    middle, spread = (float(v[0]) for v in model.at(past.times[place : place + 1], known.zone))
    value = float(past.values[place])
    limit = middle + bound(spread) * (1 if value > middle else -1)
    return model, {"value": value, "usual": middle, "limit": limit, "spread": spread}
