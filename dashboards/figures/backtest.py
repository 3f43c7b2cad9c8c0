"""What a rule did, or would have done -> charts by day and by hour of the day. Counts are written on the bars."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.figures.lines import FONT, GRID, INK, SOFT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BAR, _HOUR = "#ffb833", "#7cb8ff"
_WRITTEN = 45  # so many bars have room for a figure each


def result(found: Mapping[str, Any], said: Mapping[str, str]) -> go.Figure:
    """found: a back-test's result as JSON. said: words for hours, alarms, clock."""
    drawn = make_subplots(rows=2, cols=1, row_heights=[0.6, 0.4], vertical_spacing=0.2)
    days = [date.fromisoformat(day) for day in found["days"]]
    alarms = [a for a, _ in found["days"].values()]
    hours = [h for _, h in found["days"].values()]
    drawn.add_bar(
        x=days,
        y=hours,
        customdata=alarms,
        text=_counts(alarms),
        textposition="outside",
        cliponaxis=False,
        marker={"color": _BAR},
        hovertemplate=f"%{{x|%d/%m/%Y}}: %{{y:.1f}} {said['hours']}, %{{customdata}} {said['alarms']}<extra></extra>",
        row=1,
        col=1,
    )
    drawn.add_bar(
        x=list(range(24)),
        y=list(found["clock_hours"]),
        marker={"color": _HOUR},
        text=_counts(found["clock_hours"]),
        textposition="outside",
        cliponaxis=False,
        hovertemplate=f"%{{x}} h: %{{y}} {said['alarms']}<extra></extra>",
        row=2,
        col=1,
    )
    drawn.update_layout(**_layout())
    drawn.update_yaxes(gridcolor=GRID, zeroline=False, rangemode="tozero", tickfont={"color": SOFT})
    drawn.update_yaxes(title={"text": said["hours"], "font": {"size": 12, "color": SOFT}}, row=1, col=1)
    drawn.update_yaxes(title={"text": said["alarms"], "font": {"size": 12, "color": SOFT}}, row=2, col=1)
    drawn.update_xaxes(gridcolor=GRID, tickfont={"color": SOFT}, tickformat="%d/%m", row=1, col=1)
    drawn.update_xaxes(
        tickmode="array",
        tickvals=list(range(0, 24, 3)),
        ticktext=[f"{h}:00" for h in range(0, 24, 3)],
        title={"text": said["clock"], "font": {"size": 12, "color": SOFT}},
        tickfont={"color": SOFT},
        row=2,
        col=1,
    )
    return drawn


def month(raised: Mapping[date, int], last: date, said: str, days: int = 30) -> go.Figure:
    """How often something was raised on each of the last days."""
    shown = [last - timedelta(days=n) for n in range(days - 1, -1, -1)]
    counts = [raised.get(day, 0) for day in shown]
    drawn = go.Figure(layout=_layout())
    drawn.add_bar(
        x=shown,
        y=counts,
        text=_counts(counts),
        textposition="outside",
        cliponaxis=False,
        marker={"color": _BAR},
        hovertemplate=f"%{{x|%d/%m/%Y}}: %{{y}} {said}<extra></extra>",
    )
    drawn.update_yaxes(
        gridcolor=GRID,
        rangemode="tozero",
        zeroline=False,
        tickfont={"color": SOFT},
        title={"text": said, "font": {"size": 12}},
    )
    drawn.update_xaxes(tickformat="%d/%m", tickfont={"color": SOFT})
    return drawn


def _counts(values: Sequence[int]) -> list[str]:
    return [str(v) if v and len(values) <= _WRITTEN else "" for v in values]


def _layout() -> dict[str, Any]:
    return {
        "template": None,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "margin": {"l": 60, "r": 14, "t": 24, "b": 44},
        "font": {"family": FONT, "color": INK, "size": 12},
        "bargap": 0.25,
        "hoverlabel": {"bgcolor": "#050c14", "bordercolor": GRID, "font": {"family": FONT, "color": INK}},
    }
