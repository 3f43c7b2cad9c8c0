"""A value will pass a level within the lead time, by the tide or by the trend of the last hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from alerts import learned, levels
from ioc.config.types import Duration, parse_duration
from ioc.models import ahead, clock, tide

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alerts.verdict import Inputs, Known, Point, Spec
    from alerts.walk import Level
    from ioc.config.rules import Rule
    from ioc.models.ahead import Ahead
    from ioc.models.clock import Array
    from ioc.records import Micros

_MICRO = timedelta(microseconds=1)
_RECENT = timedelta(hours=1)  # of readings, to see how far the tide is from its table
_AT_ONCE = 2000  # forecasts, so that memory stays small
_STEPS = 48


class Options(levels.Steps):
    """
    above or below, clear, deadband, unit, levels: as for threshold; all levels on one side. lead: how long before.
    by: "tide" learns harmonic constituents from the series' own history (two weeks are the least, a year is best) and
    adds what wind and rain do now; "trend" leads the line through the last `window` on. fit: how much of the variance
    that must explain, 0..1; where it explains less nothing is said.
    A value that is past the level already counts as predicted. Give the rule an on_delay: one forecast alone may err.
    """

    lead: Duration = Field(default=parse_duration("6h"), validate_default=True)
    by: Literal["trend", "tide"] = "trend"
    window: Duration = Field(default=parse_duration("3h"), validate_default=True)
    history: Duration = Field(default=parse_duration("370d"), validate_default=True)
    fit: float = Field(default=0.7, ge=0, le=1)

    @model_validator(mode="after")
    def _ahead(self) -> Options:
        if not timedelta(minutes=5) <= self.lead <= timedelta(days=7):
            raise ValueError("lead must be from 5min to 7d")
        if not timedelta(minutes=10) <= self.window <= timedelta(days=30):
            raise ValueError("window must be from 10min to 30d")
        if self.by == "tide" and self.history < timedelta(days=8):
            raise ValueError("a tide cannot be learned from less than 8d of history")
        if len({side.direction for side, _ in self.sides()}) > 1:
            raise ValueError("levels must all be above, or all below")
        return self

    @property
    def way(self) -> int:
        return self.sides()[0][0].direction


def specs(rule: Rule, options: Options, known: Known) -> list[Spec]:
    return levels.specs(rule, options, known)


def window(options: Options) -> timedelta:
    return _RECENT if options.by == "tide" else options.window


def model_of(options: Options) -> learned.Model | None:
    if options.by == "trend":
        return None
    return learned.Model(
        "tide", (options.history,), options.history, coarse=True,
        learn=lambda past, _day, _zone, _off: tide.fit(*past), load=lambda state, _: tide.from_json(state),
    )  # fmt: skip


def signal(inputs: Inputs, options: Options, since: Micros) -> Iterator[Point]:
    """The furthest it will go within the lead time, in the metric's unit; nothing where the forecast does not fit."""
    past, known = learned.past(inputs[""].samples), inputs[""].learned
    near = _nearest(inputs[""].levels, options.way)
    assert known is not None
    for day, first, end in learned.days(past.times, since, known.zone):
        for start in range(first, end, _AT_ONCE):
            place = slice(start, min(start + _AT_ONCE, end))
            line = _line(past, known.of(day), options, past.times[place])
            furthest = _furthest(line, past.values[place], options, near)
            for at, value in zip(past.times[place].tolist(), furthest.tolist(), strict=True):
                yield at, (value if np.isfinite(value) else None)


def _furthest(line: Ahead | None, values: Array, options: Options, near: float) -> Array:
    """What is past a level already is known without any forecast."""
    way = options.way
    known = np.where((values - near) * way > 0, values, np.nan)
    if line is None:
        return known
    reach = np.maximum((line.level * way).max(axis=1), values * way) * way
    return np.where(line.quality >= options.fit, reach, known)


def _nearest(given: Sequence[Level | None], way: int) -> float:
    """The first level to be passed; none is passed where there are none."""
    return way * min((level.raise_at * way for level in given if level is not None), default=np.inf)


def _line(past: learned.Past, model: tide.Tide | None, options: Options, ends: Array) -> Ahead | None:
    hours = ahead.steps(options.lead // _MICRO, _STEPS)
    if options.by == "trend":
        return ahead.by_trend(*past, options.window // _MICRO, ends, hours)
    return ahead.by_tide(model, *past, ends, hours) if model else None


def describe(inputs: Inputs, options: Options, at: Micros) -> dict[str, Any]:
    """now: the value; by; fit; when the first level is likely passed, from when and until when (ISO, UTC), or that it
    is passed already.
    """
    past, known = learned.past(inputs[""].samples), inputs[""].learned
    place = int(np.searchsorted(past.times, at, "right")) - 1
    if known is None or place < 0:
        return {}
    end = past.times[place : place + 1]
    upto = learned.Past(past.times[: place + 1], past.values[: place + 1])
    line = _line(upto, known.of(clock.day_of(int(end[0]), known.zone)), options, end)
    if line is None:
        return {}
    value, level = float(past.values[place]), _nearest(inputs[""].levels, options.way)
    said = {"now": value, "by": options.by, "fit": round(float(line.quality[0]), 3)}
    if (value - level) * options.way > 0:
        return {**said, "reached": True}
    return {**said, **_when(ahead.crossing(line, level, options.way), int(end[0]))}


def _when(crossing: ahead.Crossing, at: Micros) -> dict[str, Any]:
    times = dict(zip(("likely", "from", "until"), crossing, strict=True))
    return {name: _moment(at, float(hours[0])) for name, hours in times.items() if np.isfinite(hours[0])}


def _moment(at: Micros, hours: float) -> str:
    return datetime.fromtimestamp(at / clock.SECOND + hours * 3600, UTC).isoformat(timespec="minutes")
