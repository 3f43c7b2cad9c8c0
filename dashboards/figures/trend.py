"""Readings of one series -> a line with its spread, its gaps and the levels rules hold it to."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

INK, SOFT, GRID, LINE = "#e3edf7", "#9fb4c9", "#1d3247", "#45d6c6"
BY_PRIORITY = {1: "#ff5c6c", 2: "#ffb833", 3: "#ffb833", 4: "#9fb4c9"}
FONT = "Be Vietnam Pro, Noto Sans Lao, sans-serif"
_TICKS = [
    {"dtickrange": [None, 43_200_000], "value": "%H:%M\n%d/%m"},
    {"dtickrange": [43_200_000, None], "value": "%d/%m"},
]
_GAP = 2.6  # steps without a reading that break the line


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A rule's level with its name in the reader's language."""

    name: str
    value: float
    priority: int


def figure(
    rows: Sequence[dict[str, Any]], levels: Sequence[Level], *, start: datetime, stop: datetime, step: timedelta,
    zone: ZoneInfo, unit: str, decimals: int, nothing: str, comma: bool,
    states: dict[float, str] | None = None,
) -> go.Figure:  # fmt: skip
    """rows: at, mean, low, high. Times are drawn in `zone`; `nothing` is said of no rows; states: words by value."""
    local = [{**row, "at": _local(row["at"], zone)} for row in rows]
    found = go.Figure(layout=_layout(_local(start, zone), _local(stop, zone), unit, decimals, comma))
    said = f"%{{y:,.{decimals}f}} {escape(unit)}<br>%{{x|%H:%M %d/%m}}<extra></extra>"
    for piece in split(local, step):
        times = [row["at"] for row in piece]
        if any(row["high"] > row["low"] for row in piece):
            found.add_scatter(x=times + times[::-1], y=[r["high"] for r in piece] + [r["low"] for r in piece][::-1],
                              fill="toself", fillcolor="rgba(69,214,198,.16)", line={"width": 0}, mode="lines",
                              hoverinfo="skip")  # fmt: skip
        found.add_scatter(x=times, y=[row["mean"] for row in piece], mode="lines" if len(piece) > 1 else "markers",
                          line={"color": LINE, "width": 2}, hovertemplate=said)  # fmt: skip
    for level in _near(levels, local):
        _draw(found, level, decimals, comma)
    if states:
        found.update_yaxes(tickvals=list(states), ticktext=[escape(said) for said in states.values()], automargin=True)
    if not rows:
        found.add_annotation(
            text=escape(nothing), showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper", font={"size": 15}
        )
    return found


def split(rows: Sequence[dict[str, Any]], step: timedelta) -> list[list[dict[str, Any]]]:
    """Rows in pieces without gaps, where a gap is long for this series: a hole in the data is a hole in the line."""
    usual = [b["at"] - a["at"] for a, b in pairwise(rows)]
    longest = max(step, median(usual) if usual else step) * _GAP
    pieces: list[list[dict[str, Any]]] = []
    for row in rows:
        if not pieces or row["at"] - pieces[-1][-1]["at"] > longest:
            pieces.append([])
        pieces[-1].append(row)
    return pieces


def _near(levels: Sequence[Level], rows: Sequence[dict[str, Any]]) -> list[Level]:
    """Levels that do not squeeze the line flat: within one and a half times its range around it."""
    if not rows:
        return list(levels)
    low, high = min(r["low"] for r in rows), max(r["high"] for r in rows)
    reach = max(high - low, abs(high) * 0.2, 1e-9) * 1.5
    return [x for x in levels if low - reach <= x.value <= high + reach]


def _draw(found: go.Figure, level: Level, decimals: int, comma: bool) -> None:
    said = f"{level.value:,.{decimals}f}"
    said = said.translate(str.maketrans(",.", ".,")) if comma else said
    colour = BY_PRIORITY[level.priority]
    label = {
        "text": f"{escape(level.name)} {said}",
        "font": {"color": colour, "size": 12},
        "bgcolor": "rgba(11,23,36,.75)",
    }
    line = {"color": colour, "width": 1.5, "dash": "dash"}
    found.add_hline(y=level.value, line=line, annotation=label, annotation_position="top left")


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    """The clock on the wall there: Plotly knows no zones."""
    return at.astimezone(zone).replace(tzinfo=None)


def _layout(start: datetime, stop: datetime, unit: str, decimals: int, comma: bool) -> dict[str, Any]:
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "tickfont": {"size": 12, "color": SOFT}}
    return {
        "template": None, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "showlegend": False,
        "margin": {"l": 54, "r": 12, "t": 26, "b": 40}, "font": {"family": FONT, "color": INK, "size": 13},
        "separators": ",." if comma else ".,", "hovermode": "closest", "uirevision": "same", "dragmode": "zoom",
        "xaxis": {**axis, "range": [start, stop], "tickformatstops": _TICKS},
        "yaxis": {**axis, "title": {"text": escape(unit), "font": {"size": 12, "color": SOFT}, "standoff": 6},
                  "tickformat": f",.{decimals}f" if decimals else None},
        "hoverlabel": {"bgcolor": "#050c14", "bordercolor": GRID, "font": {"family": FONT, "color": INK}},
    }  # fmt: skip
