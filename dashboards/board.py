"""What a figure is worth now: value, state, limit, past. What the open alarms come to.

Pure: snapshot and rows in, plain data out. Names stay in all the city's languages; each screen picks its own.
"""

from __future__ import annotations

from datetime import date, timedelta
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from dashboards.snapshot import (
    BY_PRIORITY,
    DOUBTFUL,
    NO_DATA,
    NORMAL,
    NOTEWORTHY,
    STALE,
    Frame,
    Snapshot,
    counts,
    worst,
)
from ioc.config.types import Model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ioc.config.folder import CityFolder
    from ioc.config.thresholds import Level

LEVEL_STATE = (NORMAL, 2, 2, 3, 3)  # a level's severity 0..4 -> the look of its line in a chart
_UNUSABLE = (STALE, NO_DATA, DOUBTFUL)
_EXTREMES = {"last", "max", "min"}  # one sensor's value: its alarm is the figure's
SHOWN_ALARMS = 200
_COMBINE: dict[str, Any] = {"mean": np.mean, "max": np.max, "min": np.min, "sum": np.sum}
_JOIN: dict[str, Any] = {"max": max, "min": min, "sum": sum, "mean": fmean}


class Measure(Model):
    """One series (`sensor` + `metric`), or an aggregate of a metric over the city or an area.

    level: "pack.level" of a threshold pack, shown with the figure.
    """

    metric: str
    sensor: str | None = None
    area: str | None = None
    aggregate: Literal["last", "mean", "max", "min", "sum", "count"] = "last"
    level: str | None = None


class Trace(NamedTuple):
    """What a figure's sparkline, or one line of a chart, is read from."""

    series: tuple[int, ...]
    back: timedelta
    step: timedelta
    how: str  # mean, max, min, sum


def level(folder: CityFolder, name: str | None, today: date) -> Level | None:
    """The level "pack.level" in force today; None where there is no such level."""
    pack, _, key = (name or "").rpartition(".")
    if pack not in folder.thresholds:
        return None
    found = [x for x in folder.thresholds[pack].level if x.key == key]
    return next((x for x in found if (x.valid_from or today) <= today < (x.valid_to or date.max)), None)


class Figure(NamedTuple):
    """value: None where there is none. time: of the newest reading, seconds, 0 none. fresh, of: sensors that count."""

    value: float | None
    unit: str
    decimals: int
    said: dict[str, str] | None  # a state in words, in all languages
    state: int
    time: int
    fresh: int
    of: int
    level: Level | None


def figure(asked: Measure, snap: Snapshot, frame: Frame, folder: CityFolder, today: date) -> Figure:
    """A measure now. Old and doubtful values are left out of aggregates."""
    slots, points = snap.members(asked.metric, asked.sensor, asked.area)
    fresh = ~np.isin(frame.state[points], _UNUSABLE)
    values = snap.values[slots]
    value = _combine(asked.aggregate, values if asked.sensor is not None else values[fresh])
    metric = snap.metrics.get(asked.metric) or {}
    limit = level(folder, asked.level, today)
    return Figure(
        value, _unit(asked, metric), 0 if asked.aggregate == "count" else metric.get("decimals", 1),
        _said(metric, value) if asked.aggregate in _EXTREMES else None,
        _figure_state(asked, value, limit, metric, snap, slots, frame.state[points]),
        int(frame.time[points].max()) if len(slots) else 0, int(fresh.sum()), len(slots), limit,
    )  # fmt: skip


def _combine(how: str, values: NDArray[np.float64]) -> float | None:
    good = values[np.isfinite(values)]
    if how == "count":
        return float(len(good))
    if not len(good):
        return None
    return float(_COMBINE.get(how, np.max)(good))


def _unit(asked: Measure, metric: dict[str, Any]) -> str:
    return "" if asked.aggregate == "count" else str(metric.get("unit", ""))


def _said(metric: dict[str, Any], value: float | None) -> dict[str, str] | None:
    """A state in words: {"vi": "Mở", "en": "Open"}."""
    return in_words(metric.get("settings", {}).get("states"), value)


def in_words(states: dict[str, Any] | None, value: float | None) -> dict[str, str] | None:
    """The words a metric has for a value, in all languages; None where it has none."""
    return None if value is None or not states else states.get(f"{value:g}")


def _figure_state(
    asked: Measure,
    value: float | None,
    limit: Level | None,
    metric: dict[str, Any],
    snap: Snapshot,
    slots: Any,
    states: Any,
) -> int:  # fmt: skip
    """That of its sensor, where that is not usable; of the alarms on what it shows; noteworthy above level or step."""
    if value is None or (not len(states) and asked.aggregate != "count"):
        return NO_DATA
    if asked.sensor is not None and states[0] in _UNUSABLE:
        return int(states[0])
    alarmed = worst(snap.alarmed[slots]) if asked.sensor is not None or asked.aggregate in _EXTREMES else NO_DATA
    if alarmed != NO_DATA or asked.aggregate == "count":
        return alarmed or NORMAL
    over = limit is not None and limit.severity > 0 and value >= limit.value
    steps = [] if asked.aggregate == "sum" else metric.get("settings", {}).get("steps") or []
    severity = next((s for x, s in reversed(steps) if value >= x), 0)
    return NOTEWORTHY if over or severity > 0 else NORMAL


def alarms(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The open alarms, worst first, as a wall lists them; how many of each domain count, and how many are put aside."""
    keep = ("id", "priority", "condition", "acked", "isa", "rule", "sensor", "sensor_key", "feed", "area", "domain",
            "value", "threshold", "unit", "decimals", "lat", "lon")  # fmt: skip
    shown = [row for row in rows if row["suppression"] == "none"]
    tally: dict[str, dict[int, int]] = {}
    for row in filter(counts, rows):
        states = tally.setdefault(row["domain"], {})
        states[BY_PRIORITY[row["priority"]]] = states.get(BY_PRIORITY[row["priority"]], 0) + 1
    return {
        "alarms": [
            {**{k: row[k] for k in keep}, "said": in_words(row["states"], row["value"]),
             "state": BY_PRIORITY[row["priority"]], "opened": row["opened"] // 1000}
            for row in shown[:SHOWN_ALARMS]
        ],
        "total": len(shown), "aside": len(rows) - len(shown), "counts": tally,
    }  # fmt: skip


def trace_of(asked: Measure, snap: Snapshot, back: timedelta, step: timedelta, most: int = 200) -> Trace:
    """Where a measure's past is read from."""
    slots = snap.members(asked.metric, asked.sensor, asked.area)[0]
    series = sorted(int(s) for s in snap.series[slots])[:most]
    how = "mean" if asked.aggregate in {"last", "count"} else asked.aggregate
    return Trace(tuple(series), back, step, how)


def spark(rows: Iterable[dict[str, Any]], how: str) -> list[list[float]]:
    """[[ms, value], ...]: history rows of several series joined into one line."""
    column = {"max": "high", "min": "low"}.get(how, "mean")
    steps: dict[int, list[float]] = {}
    for row in rows:
        steps.setdefault(row["at"] // 1000, []).append(row[column])
    return [[at, round(float(_JOIN[how](values)), 4)] for at, values in sorted(steps.items())]
