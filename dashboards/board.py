"""What changes slowly on a wall, as JSON for every screen: figures that matter, open alarms, charts, feeds.

Pure: snapshot and rows in, plain data out. Names stay in all the city's languages; each screen picks its own.
"""

from __future__ import annotations

from datetime import date, timedelta
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dashboards.snapshot import BY_PRIORITY, NO_DATA, NORMAL, STALE, Frame, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ioc.config.folder import CityFolder
    from ioc.config.scenes import Chart, Tile
    from ioc.config.thresholds import Level

_STATE = (NORMAL, 2, 2, 3, 3)  # severity 0..4 -> state
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
    fresh = (frame.state[points] != STALE) & (frame.state[points] != NO_DATA)
    alone = tile.sensor is not None
    values = snap.values[slots]
    value = _combine(tile.aggregate, values if alone else values[fresh])
    metric = snap.metrics.get(tile.metric) or {}
    limit = level(folder, tile.level, today)
    return {
        "title": tile.title, "note": tile.note, "value": value, "unit": _unit(tile, metric),
        "decimals": 0 if tile.aggregate == "count" else metric.get("decimals", 1),
        "said": _said(metric, value) if tile.aggregate in {"last", "max", "min"} else None,
        "state": _figure_state(tile, value, limit, metric, frame.state[points], fresh),
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
    states = metric.get("settings", {}).get("states") or {}
    return None if value is None else states.get(f"{value:g}")


def _figure_state(
    tile: Tile, value: float | None, limit: Level | None, metric: dict[str, Any], states: NDArray[np.uint8], fresh: Any
) -> int:
    """The worst of its level, its metric's colouring and, for a single sensor, that sensor's own state."""
    if value is None or (not len(states) and tile.aggregate != "count"):
        return NO_DATA
    if tile.sensor is not None and not fresh.all():
        return STALE
    if tile.aggregate == "count":
        return NORMAL
    own = int(states.max()) if tile.sensor is not None and len(states) else NORMAL
    over = _STATE[limit.severity] if limit is not None and value >= limit.value else NORMAL
    steps = metric.get("settings", {}).get("steps") or []
    coloured = NORMAL if tile.aggregate == "sum" else _STATE[max([0, *(s for x, s in steps if value >= x)])]
    return max(own, over, coloured)


def alarms(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The open alarms, worst first, as a wall lists them."""
    keep = ("id", "priority", "condition", "acked", "isa", "rule", "sensor", "sensor_key", "feed", "area", "domain",
            "value", "threshold", "unit", "decimals", "lat", "lon")  # fmt: skip
    shown = [row for row in rows if row["suppression"] == "none"][:SHOWN_ALARMS]
    return [
        {**{k: row[k] for k in keep}, "state": BY_PRIORITY[row["priority"]], "opened": row["opened"] // 1000}
        for row in shown
    ]


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
