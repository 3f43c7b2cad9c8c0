"""An air quality index, worked out from the pollutants a station measures by the index's own averaging rules."""

from __future__ import annotations

from datetime import timedelta
from math import floor
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from alerts import levels
from alerts.levels import Step, at_least
from alerts.verdict import Limit, Spec
from ioc.config.types import Model
from ioc.units import SAME, UnitError, conversion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from alerts.verdict import Inputs, Known, Point
    from ioc.config.rules import Rule
    from ioc.config.thresholds import Index, Pollutant
    from ioc.records import Micros
    from ioc.units import Conversion

MOST = 5_000
_HOUR: Micros = 3600 * 1_000_000
_COMPLETE = 0.75  # of an hour's expected samples: 45 of 60
_HOURS = {"1h": 1, "8h": 8, "24h": 24, "nowcast": 12}
_ENOUGH = {"1h": 1, "8h": 6, "24h": 18}


class Options(Model):
    """
    index: a threshold pack with an [index], as "vn_aqi". reaches: raise when the index does; deadband: how far back
    it must fall. levels: several, each { above, priority }, reached at `above`. metrics: pollutant of the pack -> the
    city's metric, where they are called otherwise.
    """

    index: str
    reaches: float | None = None
    deadband: float = Field(default=0.0, ge=0)
    levels: list[Step] = []
    metrics: dict[str, str] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Options:
        if (self.reaches is None) == (not self.levels):
            raise ValueError("give either reaches or levels")
        if any(step.direction < 0 or not isinstance(step.above, float) for step in self.levels):
            raise ValueError("levels of an index are numbers, as above = 150")
        return self


class Ready(Options):
    """With what the pack says."""

    table: Any  # Index
    scale: Any  # {pollutant: Conversion to the pack's unit}


def specs(_rule: Rule, options: Options, known: Known) -> list[Spec]:
    """One Spec a pollutant; the target is the station. Raises ValueError."""
    index, _ = _found(options, known)
    if options.levels:
        limits = tuple(
            Limit(at_least(float(s.above or 0)), float(s.above or 0) - (s.deadband or options.deadband), 1, 0.0,
                  levels.PRIORITY[s.priority])
            for s in options.levels
        )  # fmt: skip
    else:
        limits = (Limit(at_least(options.reaches or 0.0), (options.reaches or 0.0) - options.deadband),)
    names = {name: options.metrics.get(name, name) for name in index.pollutants}
    return [Spec(limits, metrics=(m,), name=n, per="sensor") for n, m in names.items() if m in known.units]


def resolve(_rule: Rule, options: Options, known: Known) -> Options:
    """Raises ValueError."""
    index, scale = _found(options, known)
    return Ready.model_construct(**options.__dict__, table=index, scale=scale)


def _found(options: Options, known: Known) -> tuple[Index, dict[str, Conversion]]:
    pack = known.packs.get(options.index)
    index = pack.index if pack is not None else None
    if index is None:
        there = ", ".join(sorted(k for k, p in known.packs.items() if p.index is not None)) or "none"
        raise ValueError(f"no threshold pack {options.index!r} with an [index]; there are: {there}")
    if (index.valid_from and known.day < index.valid_from) or (index.valid_to and known.day >= index.valid_to):
        raise ValueError(f"{options.index} is not in force on {known.day}")
    scale = {}
    for name, pollutant in index.pollutants.items():
        metric = options.metrics.get(name, name)
        if metric in known.units:
            try:
                scale[name] = conversion(known.units[metric], pollutant.unit)
            except UnitError as error:
                raise ValueError(f"{metric}: {error}") from None
    if not scale:
        raise ValueError(f"no metric of {options.index} is measured here; it knows {', '.join(index.pollutants)}")
    return index, scale


def window(_options: Options) -> timedelta:
    return timedelta(hours=26)


def signal(inputs: Inputs, options: Options, since: Micros) -> Iterator[Point]:
    """The index after each full hour (of UTC), at the first sample that shows the hour to be over."""
    if not isinstance(options, Ready):
        raise TypeError("options are not resolved")
    index = options.table
    means = {name: _means(inputs[name], options.scale.get(name, SAME)) for name in index.pollutants if name in inputs}
    moments = sorted({at for one in inputs.values() for at, _ in one.samples})
    before = None
    for at in moments:
        hour = at // _HOUR - 1
        if hour != before and before is not None and at > since:
            yield at, worth(means, index, hour)
        before = hour


def _means(one: Any, scale: Conversion) -> dict[int, float]:
    """Hour -> mean, of hours with enough samples."""
    hours: dict[int, list[float]] = {}
    for at, value in one.samples:
        hours.setdefault(at // _HOUR, []).append(value)
    needed = 1 if not one.expected else max(1, floor(_COMPLETE * min(_HOUR / one.expected, 3600)))
    return {hour: scale(sum(v) / len(v)) for hour, v in hours.items() if len(v) >= needed}


def worth(means: Mapping[str, Mapping[int, float]], index: Index, hour: int) -> float | None:
    """The index of that hour: the worst of its pollutants; None without one of those it needs."""
    found = {}
    for name, hourly in means.items():
        average = averaged(hourly, hour, index.pollutants[name].averaging)
        if average is not None:
            found[name] = sub_index(average, index.pollutants[name], index.steps)
    if not found or (index.needs and not set(index.needs) & set(found)):
        return None
    return max(found.values())


def averaged(hourly: Mapping[int, float], hour: int, rule: str) -> float | None:
    """Concentration that counts for `hour`: its mean, that of 8 or 24 hours (6, 18 of them known), or NowCast."""
    last = [hourly.get(hour - i) for i in range(_HOURS[rule])]
    known = [v for v in last if v is not None]
    if rule == "nowcast":
        return nowcast(last)
    return sum(known) / len(known) if len(known) >= _ENOUGH[rule] else None


def nowcast(last: Sequence[float | None]) -> float | None:
    """Twelve hourly means, the newest first: weighted by how steady they are. Two of the last three must be known."""
    known = [(i, v) for i, v in enumerate(last) if v is not None]
    if sum(i < 3 for i, _ in known) < 2:
        return None
    top = max(v for _, v in known)
    weight = max(0.5, min(v for _, v in known) / top) if top > 0 else 1.0
    return sum(weight**i * v for i, v in known) / sum(weight**i for i, _ in known)


def sub_index(value: float, pollutant: Pollutant, steps: Sequence[float]) -> float:
    """Between the two breakpoints around it, to a whole number; beyond the last it stays there."""
    if pollutant.truncate:
        value = floor(value / pollutant.truncate + 1e-9) * pollutant.truncate
    at = pollutant.at
    for n in range(1, len(at)):
        if value <= at[n] or n == len(at) - 1:
            low = at[n - 1] + (pollutant.truncate or 0.0 if n > 1 else 0.0)
            base = steps[n - 1] + (1 if pollutant.truncate and n > 1 else 0)
            share = min(1.0, max(0.0, (value - low) / (at[n] - low)))
            return float(floor(base + share * (steps[n] - base) + 0.5))
    return 0.0


def describe(inputs: Inputs, options: Options, at: Micros) -> dict[str, object]:
    """The index of each pollutant."""
    if not isinstance(options, Ready):
        return {}
    hour, found = at // _HOUR - 1, {}
    for name, pollutant in options.table.pollutants.items():
        if name in inputs:
            average = averaged(_means(inputs[name], options.scale.get(name, SAME)), hour, pollutant.averaging)
            if average is not None:
                found[name] = sub_index(average, pollutant, options.table.steps)
    return {"pollutants": found, "note": ", ".join(f"{n} {v:g}" for n, v in sorted(found.items(), key=lambda i: -i[1]))}
