"""What changes slowly on a wall, as JSON for every screen: figures that matter, open alarms, charts, feeds.

Pure: snapshot and rows in, plain data out. Names stay in all the city's languages; each screen picks its own.
"""

from __future__ import annotations

from datetime import date, timedelta
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

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

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ioc.config.folder import CityFolder
    from ioc.config.scenes import Chart, Tile
    from ioc.config.thresholds import Level

_STATE = (NORMAL, 2, 2, 3, 3)  # a level's severity 0..4 -> the look of its line in a chart
_UNUSABLE = (STALE, NO_DATA, DOUBTFUL)
_EXTREMES = {"last", "max", "min"}  # one sensor's value: its alarm is the figure's
SHOWN_ALARMS = 200
_COMBINE: dict[str, Any] = {"mean": np.mean, "max": np.max, "min": np.min, "sum": np.sum}
_JOIN: dict[str, Any] = {"max": max, "min": min, "sum": sum, "mean": fmean}


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


def figure(tile: Tile, snap: Snapshot, frame: Frame, folder: CityFolder, today: date) -> dict[str, Any]:
    """One figure: its value now, its state, and what it is compared with. Old and doubtful values are left out."""
    slots, points = snap.members(tile.metric, tile.sensor, tile.area)
    fresh = ~np.isin(frame.state[points], _UNUSABLE)
    alone = tile.sensor is not None
    values = snap.values[slots]
    value = _combine(tile.aggregate, values if alone else values[fresh])
    metric = snap.metrics.get(tile.metric) or {}
    limit = level(folder, tile.level, today)
    return {
        "title": tile.title, "note": tile.note, "value": value, "unit": _unit(tile, metric),
        "decimals": 0 if tile.aggregate == "count" else metric.get("decimals", 1),
        "said": _said(metric, value) if tile.aggregate in _EXTREMES else None,
        "state": _figure_state(tile, value, limit, metric, snap, slots, frame.state[points]),
        "time": int(frame.time[points].max()) if len(slots) else 0, "fresh": int(fresh.sum()), "of": len(slots),
        "level": limit and {"name": limit.name, "value": limit.value},
    }  # fmt: skip


def _combine(how: str, values: NDArray[np.float64]) -> float | None:
    good = values[np.isfinite(values)]
    if how == "count":
        return float(len(good))
    if not len(good):
        return None
    return float(_COMBINE.get(how, np.max)(good))


def _unit(tile: Tile, metric: dict[str, Any]) -> str:
    return "" if tile.aggregate == "count" else str(metric.get("unit", ""))


def _said(metric: dict[str, Any], value: float | None) -> dict[str, str] | None:
    """A state in words: {"vi": "Mở", "en": "Open"}."""
    return in_words(metric.get("settings", {}).get("states"), value)


def in_words(states: dict[str, Any] | None, value: float | None) -> dict[str, str] | None:
    """The words a metric has for a value, in all languages; None where it has none."""
    return None if value is None or not states else states.get(f"{value:g}")


def _figure_state(
    tile: Tile,
    value: float | None,
    limit: Level | None,
    metric: dict[str, Any],
    snap: Snapshot,
    slots: Any,
    states: Any,
) -> int:  # fmt: skip
    """That of its sensor, where that is not usable; of the alarms on what it shows; noteworthy above level or step."""
    if value is None or (not len(states) and tile.aggregate != "count"):
        return NO_DATA
    if tile.sensor is not None and states[0] in _UNUSABLE:
        return int(states[0])
    alarmed = worst(snap.alarmed[slots]) if tile.sensor is not None or tile.aggregate in _EXTREMES else NO_DATA
    if alarmed != NO_DATA or tile.aggregate == "count":
        return alarmed or NORMAL
    over = limit is not None and limit.severity > 0 and value >= limit.value
    steps = [] if tile.aggregate == "sum" else metric.get("settings", {}).get("steps") or []
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


def tile_trace(tile: Tile, snap: Snapshot, most: int = 200) -> Trace:
    """Where a figure's sparkline comes from: the last day in quarters of an hour."""
    slots = snap.members(tile.metric, tile.sensor, tile.area)[0]
    series = sorted(int(s) for s in snap.series[slots])[:most]
    how = "mean" if tile.aggregate in {"last", "count"} else tile.aggregate
    return Trace(tuple(series), timedelta(days=1), timedelta(minutes=15), how)


def chart_trace(chart: Chart, snap: Snapshot) -> Trace:
    """Where a chart's lines come from: about three hundred steps."""
    slots = [at for key in chart.sensors for at in snap.members(chart.metric, key, None)[0]]
    step = timedelta(seconds=max(60.0, round(chart.hours * 12) * 1.0))
    return Trace(tuple(int(snap.series[at]) for at in slots), timedelta(hours=chart.hours), step, "mean")


def spark(rows: Iterable[dict[str, Any]], how: str) -> list[list[float]]:
    """[[ms, value], ...]: history rows of several series joined into one line."""
    column = {"max": "high", "min": "low"}.get(how, "mean")
    steps: dict[int, list[float]] = {}
    for row in rows:
        steps.setdefault(row["at"] // 1000, []).append(row[column])
    return [[at, round(float(_JOIN[how](values)), 4)] for at, values in sorted(steps.items())]


def chart(
    drawn: Chart, trace: Trace, rows: list[dict[str, Any]], snap: Snapshot, folder: CityFolder, today: date
) -> Any:
    """A chart as a wall draws it: lines by sensor, levels, unit."""
    metric = snap.metrics.get(drawn.metric) or {}
    found = [x for name in drawn.levels if (x := level(folder, name, today)) is not None]
    lines = [(snap.name_of(s), [row for row in rows if row["series"] == s]) for s in trace.series]
    return {
        "title": drawn.title, "unit": metric.get("unit", ""), "decimals": metric.get("decimals", 1),
        "hours": drawn.hours, "step": trace.step.total_seconds() * 1000,
        "lines": [{"name": name, "points": spark(own, "mean")} for name, own in lines],
        "levels": [{"name": x.name, "value": x.value, "state": _STATE[x.severity]} for x in found],
    }  # fmt: skip
