"""Hours of days -> a heat map: one row a day, one column an hour of the city's clock; hours without data stay empty."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from dashboards.figures.lines import FONT, INK, SOFT
from ioc.language import marks, pattern, unit_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ioc.store.aggregates import Hour

# Cividis: the same order of light and dark for every kind of colour sight.
_SCALE = "Cividis"


def figure(hours: Sequence[Hour], *, unit: str, decimals: int, language: str) -> go.Figure:
    days = sorted({hour.day for hour in hours})
    grid: list[list[float | None]] = [[None] * 24 for _ in days]
    for hour in hours:
        grid[days.index(hour.day)][hour.hour] = hour.mean
    said = "%d/%m" if language in {"vi", "lo"} else "%-d %b"
    value = escape(pattern(unit, language)).replace("{}", f"%{{z:,.{decimals}f}}")
    found = go.Figure(
        go.Heatmap(
            z=grid, x=list(range(24)), y=[day.strftime(said) for day in days], colorscale=_SCALE, xgap=1, ygap=1,
            hovertemplate=f"%{{y}}, %{{x}}:00<br>{value}<extra></extra>",
            colorbar={"thickness": 10, "outlinewidth": 0, "tickfont": {"color": SOFT, "size": 11},
                      "title": {"text": escape(unit_of(unit, language)), "font": {"color": SOFT, "size": 11}}},
        )
    )  # fmt: skip
    axis = {"showgrid": False, "zeroline": False, "tickfont": {"color": SOFT, "size": 11}}
    found.update_layout(
        template=None, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        separators="".join(marks(language)), font={"family": FONT, "color": INK},
        margin={"l": 52, "r": 8, "t": 8, "b": 30}, xaxis={**axis, "dtick": 3, "ticksuffix": "h"},
        yaxis={**axis, "autorange": "reversed", "type": "category", "nticks": 14},
    )  # fmt: skip
    return found
