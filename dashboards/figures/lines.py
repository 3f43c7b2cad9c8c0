"""Lines of some series -> a chart on the city's clock: spreads, gaps, levels, alarms, last week, what is to come.

Series of one unit share a panel; the panels lie above each other on one time axis, so that a zoom is everybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ioc.language import marks, number, pattern, unit_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from ioc.store.forecast import Forecast
    from ioc.store.history import Line

INK, SOFT, GRID = "#e3edf7", "#9fb4c9", "#1d3247"
COLOURS = ("#45d6c6", "#7cb8ff", "#d9a8ff", "#f2d06b", "#ff9d76", "#8be28b", "#ff8fc7", "#b8c7d9")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")  # beside the colour, for who sees none
BY_PRIORITY = {1: "#ff5c6c", 2: "#ffb833", 3: "#ffb833", 4: "#9fb4c9"}
FONT = "Be Vietnam Pro, Noto Sans Lao, sans-serif"
_TICKS = [
    {"dtickrange": [None, 1000], "value": "%H:%M:%S"},
    {"dtickrange": [1000, 43_200_000], "value": "%H:%M\n%d/%m"},
    {"dtickrange": [43_200_000, 2_419_200_000], "value": "%d/%m\n%Y"},
    {"dtickrange": [2_419_200_000, None], "value": "%m/%Y"},
]
Mark: TypeAlias = "tuple[dict[str, Any], dict[str, Any]]"  # a shape and what is written beside it
_SPACE = 0.07  # between two panels, of the height


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One series. states: words by value. before: last week's line, shifted onto this week."""

    name: str
    unit: str
    decimals: int
    line: Line | None
    states: dict[float, str] | None = None
    before: Line | None = None
    ahead: Forecast | None = None


class Level(NamedTuple):
    """A rule's level with its name in the reader's language; unit: whose panel it belongs to."""

    name: str
    value: float
    priority: int
    unit: str


class Shade(NamedTuple):
    """A span in which an alarm was true; stop None: it still is."""

    name: str
    start: datetime
    stop: datetime | None
    priority: int
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """start, stop: what is shown. now: where the known ends."""

    start: datetime
    stop: datetime
    now: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the chart says in the reader's language, and how it writes numbers."""

    nothing: str
    before: str
    ahead: str
    language: str


def figure(
    series: Sequence[Drawn], levels: Sequence[Level], shades: Sequence[Shade], span: Span, said: Said
) -> go.Figure:
    units = list(dict.fromkeys(one.unit for one in series)) or [""]
    found = go.Figure(layout=_layout(units, series, span, said))
    for place, one in enumerate(series):
        _draw(found, one, place, _axis(units, one.unit), span, said, alone=len(series) == 1)
    true = [one for one in joined(shades, span.now) if one.unit in units]
    marks = [*_levels(levels, units, series, said), *(_shade(one, _axis(units, one.unit), span) for one in true)]
    notes = [note for _, note in marks]
    if not any(one.line is not None and len(one.line.time) for one in series):
        notes.append({"text": escape(said.nothing), "showarrow": False, "x": 0.5, "y": 0.5, "xref": "paper",
                      "yref": "paper", "font": {"size": 15}})  # fmt: skip
    # All at once: added one by one, each makes Plotly look through all that are there, and two hundred take seconds.
    found.update_layout(shapes=[shape for shape, _ in marks], annotations=notes)
    return found


def joined(shades: Sequence[Shade], now: datetime) -> list[Shade]:
    """Alarms of one rule that overlap are one span: hundreds above each other could not be told apart, nor read."""
    found: list[Shade] = []
    for one in sorted(shades, key=lambda s: (s.unit, s.name, s.priority, s.start)):
        last = found[-1] if found else None
        if last is None or last._replace(start=one.start, stop=one.stop) != one or (last.stop or now) < one.start:
            found.append(one)
        elif last.stop is not None and (one.stop is None or one.stop > last.stop):
            found[-1] = last._replace(stop=one.stop)
    return found


def _axis(units: list[str], unit: str) -> str:
    place = units.index(unit)
    return "y" if not place else f"y{place + 1}"


def _draw(found: go.Figure, one: Drawn, place: int, axis: str, span: Span, said: Said, *, alone: bool) -> None:
    colour, dash = COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)] if not alone else "solid"
    common = {"yaxis": axis, "legendgroup": str(place), "name": escape(one.name)}
    value = escape(pattern(one.unit, said.language)).replace("{}", f"%{{y:,.{one.decimals}f}}", 1)
    hover = f"{value}<extra>%{{fullData.name}}</extra>"
    if one.before is not None:
        found.add_scatter(x=local(one.before.time, span.zone), y=one.before.mean, mode="lines", connectgaps=False,
                          line={"color": colour, "width": 1.2, "dash": "dot"}, opacity=0.55, showlegend=False,
                          hovertemplate=f"{value}<extra>{escape(said.before)}</extra>",
                          **{**common, "name": escape(said.before)})  # fmt: skip
    if one.line is not None:
        times = local(one.line.time, span.zone)
        if one.line.step is not None:
            for edge in _band(times, one.line.low, one.line.high):
                found.add_scatter(**edge, fill="toself", fillcolor=_pale(colour), line={"width": 0}, mode="lines",
                                  hoverinfo="skip", showlegend=False, **common)  # fmt: skip
        found.add_scatter(x=times, y=one.line.mean, connectgaps=False,
                          mode="lines+markers" if len(times) < 3 else "lines",
                          line={"color": colour, "width": 2, "dash": dash}, hovertemplate=hover, showlegend=not alone,
                          **common)  # fmt: skip
    if one.ahead is not None:
        _ahead(found, one.ahead, colour, hover, span, said, common)


def _ahead(
    found: go.Figure, ahead: Forecast, colour: str, hover: str, span: Span, said: Said, common: dict[str, Any]
) -> None:
    times = local(ahead.time, span.zone)
    for edge in _band(times, ahead.low, ahead.high):
        found.add_scatter(**edge, fill="toself", fillcolor=_pale(colour, 0.1), line={"width": 0}, mode="lines",
                          hoverinfo="skip", showlegend=False, **common)  # fmt: skip
    name = f"{common['name']} – {escape(said.ahead)}"
    found.add_scatter(x=times, y=ahead.level, mode="lines", line={"color": colour, "width": 1.6, "dash": "2px,4px"},
                      hovertemplate=hover, showlegend=False, **{**common, "name": name})  # fmt: skip


def _band(times: Any, low: NDArray[np.float64], high: NDArray[np.float64]) -> list[dict[str, Any]]:
    """The spread as closed shapes, one between two gaps."""
    if not np.any(np.nan_to_num(high - low) > 0):
        return []
    edges = np.flatnonzero(np.isnan(low) | np.isnan(high))
    pieces = zip([-1, *edges], [*edges, len(low)], strict=True)
    return [
        {"x": [*times[a + 1 : b], *times[a + 1 : b][::-1]], "y": [*high[a + 1 : b], *low[a + 1 : b][::-1]]}
        for a, b in pieces if b - a > 2
    ]  # fmt: skip


def _reach(series: Sequence[Drawn]) -> tuple[float, float] | None:
    """Levels within this do not squeeze the lines flat: one and a half times their range around them."""
    there = [one.line for one in series if one.line is not None and len(one.line.time)]
    if not there:
        return None
    low, high = min(np.nanmin(line.low) for line in there), max(np.nanmax(line.high) for line in there)
    room = max(high - low, abs(high) * 0.2, 1e-9) * 1.5
    return float(low - room), float(high + room)


def _levels(levels: Sequence[Level], units: list[str], series: Sequence[Drawn], said: Said) -> list[Mark]:
    """Of each panel those that its lines come near."""
    found = []
    for unit in units:
        own = [one for one in series if one.unit == unit]
        reach = _reach(own)
        near = [x for x in levels if x.unit == unit and (reach is None or reach[0] <= x.value <= reach[1])]
        found += [_level(one, _axis(units, unit), own[0].decimals, said) for one in near]
    return found


def _level(level: Level, axis: str, decimals: int, said: Said) -> Mark:
    text = number(level.value, decimals, said.language)
    colour = BY_PRIORITY[level.priority]
    shape = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": axis, "y0": level.value, "y1": level.value,
             "line": {"color": colour, "width": 1.5, "dash": "dash"}}  # fmt: skip
    note = {"text": f"{escape(level.name)} {text}", "xref": "paper", "x": 0, "yref": axis, "y": level.value,
            "xanchor": "left", "yanchor": "bottom", "showarrow": False, "font": {"color": colour, "size": 12},
            "bgcolor": "rgba(11,23,36,.75)"}  # fmt: skip
    return shape, note


def _shade(shade: Shade, axis: str, span: Span) -> Mark:
    start, stop = max(shade.start, span.start), min(shade.stop or span.now, span.stop)
    colour, left = BY_PRIORITY[shade.priority], _wall(start, span.zone)
    shape = {"type": "rect", "x0": left, "x1": _wall(stop, span.zone), "yref": f"{axis} domain", "y0": 0, "y1": 1,
             "fillcolor": colour, "opacity": 0.13, "line": {"width": 0}, "layer": "below"}  # fmt: skip
    note = {"text": escape(shade.name), "x": left, "yref": f"{axis} domain", "y": 1, "xanchor": "left",
            "yanchor": "top", "showarrow": False, "font": {"color": colour, "size": 11}, "opacity": 0.9}  # fmt: skip
    return shape, note


def local(times: NDArray[Any], zone: ZoneInfo) -> Any:
    """datetime64 UTC -> the clock on the wall there: Plotly knows no zones."""
    return pd.DatetimeIndex(times, tz="UTC").tz_convert(zone).tz_localize(None).to_pydatetime()


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def _pale(colour: str, share: float = 0.16) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"


def _layout(units: list[str], series: Sequence[Drawn], span: Span, said: Said) -> dict[str, Any]:
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "tickfont": {"size": 12, "color": SOFT}}
    high = (1 - _SPACE * (len(units) - 1)) / len(units)
    layout: dict[str, Any] = {
        "template": None, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": len(series) > 1, "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "margin": {"l": 60, "r": 14, "t": 34, "b": 44}, "font": {"family": FONT, "color": INK, "size": 13},
        "separators": "".join(marks(said.language)), "hovermode": "x unified", "uirevision": "same", "dragmode": "zoom",
        "hoverlabel": {"bgcolor": "#050c14", "bordercolor": GRID, "font": {"family": FONT, "color": INK}},
        "xaxis": {**axis, "range": [_wall(span.start, span.zone), _wall(span.stop, span.zone)],
                  "anchor": _axis(units, units[-1]),
                  "tickformatstops": _TICKS, "hoverformat": "%H:%M:%S %d/%m/%Y", "type": "date"},
    }  # fmt: skip
    for place, unit in enumerate(units):
        top = 1 - place * (high + _SPACE)
        own = [one for one in series if one.unit == unit]
        decimals = max((one.decimals for one in own), default=1)
        layout["yaxis" + (str(place + 1) if place else "")] = {
            **axis, "domain": [max(0.0, top - high), top], "anchor": "x",
            "title": {"text": escape(unit_of(unit, said.language)), "font": {"size": 12, "color": SOFT}, "standoff": 6},
            "tickformat": f",.{decimals}f" if decimals else None, **_words(own),
        }  # fmt: skip
    return layout


def _words(series: Sequence[Drawn]) -> dict[str, Any]:
    """An axis in words, where all its series have words for their values."""
    if not series or not all(one.states for one in series):
        return {}
    states = {value: text for one in series for value, text in (one.states or {}).items()}
    return {"tickvals": list(states), "ticktext": [escape(text) for text in states.values()], "automargin": True,
            "tickformat": None}  # fmt: skip
