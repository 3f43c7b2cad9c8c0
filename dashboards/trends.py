"""A series and a range of time -> the figure of its trend, read from the store."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dashboards import viewer
from dashboards.context import current
from dashboards.figures import trend
from dashboards.parts import now, text, word
from ioc.store import screens

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Each range is drawn in about 360 steps: enough for a screen, few enough for a phone.
RANGES = {
    "6h": (timedelta(hours=6), timedelta(minutes=1)),
    "24h": (timedelta(days=1), timedelta(minutes=5)),
    "7d": (timedelta(days=7), timedelta(minutes=30)),
    "30d": (timedelta(days=30), timedelta(hours=2)),
}


async def read(series: int, metric: dict[str, Any], chosen: str, cadence: float | None) -> go.Figure:
    """The last 6h, 24h, 7d or 30d of a series. metric: unit, decimals; cadence: seconds, None where unknown."""
    back, step = RANGES.get(chosen, RANGES["24h"])
    return await between(series, metric, now() - back, now(), step, cadence)


async def between(
    series: int, metric: dict[str, Any], start: datetime, stop: datetime, step: timedelta, cadence: float | None
) -> go.Figure:
    rows = await current().read(screens.trend, series, start, stop, step)
    found = await current().read(screens.levels, series)
    levels = [trend.Level(name=text(x["name"]), value=x["raise"], priority=x["priority"]) for x in found]
    comma = viewer.language() in {"vi", "lo"}
    pace = max(step, timedelta(seconds=cadence or 0))
    states = {float(value): text(said) for value, said in (metric.get("states") or {}).items()}
    return trend.figure(rows, levels, start=start, stop=stop, step=pace, zone=current().zone, unit=metric["unit"],
                        decimals=metric["decimals"], nothing=word("chart.none"), comma=comma,
                        states=states)  # fmt: skip
