"""Rows of one series -> the trend picture of a mail, PNG. Runs in the painter's own process only.

Times are seconds since 1970; the picture speaks the reader's language and zone.
"""

from __future__ import annotations

from datetime import datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from alerts import png
from ioc.language import local_clock, local_date, number, quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

INK, DIM, GRID, PAPER = "#e6edf5", "#9fb1c6", "#24364d", "#0e1a2b"
LINE, LAST_WEEK, RAISE, CLEAR = "#2dd4bf", "#7a8aa0", "#ff6b6b", "#f5c451"


def draw(data: dict[str, Any]) -> bytes:
    """
    data: points and last_week [[time, mean, min, max]], gap (s: a longer pause is a gap), raise, clear (or None) with
    raise_label and clear_label, alarm [start, end or None], start, stop, unit, decimals, zone, language, title,
    last_week_label, states {value: word} for a metric that has words for its values.
    """
    figure, axes = plt.subplots(figsize=(6.0, 3.3), dpi=200, facecolor=PAPER)
    try:
        _frame(axes, data)
        _lines(axes, data)
        figure.tight_layout(pad=0.6)
        return png.encode(figure)
    finally:
        plt.close(figure)


def _frame(axes: Axes, data: dict[str, Any]) -> None:
    axes.set_facecolor(PAPER)
    axes.set_title("\n".join(wrap(data["title"], 44)[:2]), loc="left", fontsize=12, color=INK, fontweight="bold", pad=8)
    axes.grid(color=GRID, linewidth=0.6)
    axes.tick_params(colors=DIM, labelsize=11, length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xlim(data["start"], data["stop"] + (data["stop"] - data["start"]) * 0.01)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: number(v, _decimals(axes, data), data["language"])))
    ticks = _ticks(data["start"], data["stop"], ZoneInfo(data["zone"]))
    axes.set_xticks([at for at, _ in ticks], [label for _, label in ticks])


def _decimals(axes: Axes, data: dict[str, Any]) -> int:
    """As few as tell the ticks apart."""
    low, high = axes.get_ylim()
    return 0 if high - low >= 10 else min(int(data["decimals"]) or 1, 2)


def _ticks(start: float, stop: float, zone: ZoneInfo) -> list[tuple[float, str]]:
    """Round local hours, about six of them; midnight carries the date."""
    hours = next((h for h in (1, 2, 3, 4, 6, 12, 24, 48) if (stop - start) / 3600 / h <= 6.5), 48)
    found = []
    for at in np.arange(np.ceil(start / 1800) * 1800, stop, 1800):
        local = datetime.fromtimestamp(at, zone)
        if local.minute == 0 and local.hour % min(hours, 24) == 0:
            day = local_date(local, zone, "vi")[:5]
            found.append((float(at), local_clock(local, zone) if local.hour else day))
    return found


def _lines(axes: Axes, data: dict[str, Any]) -> None:
    _shade(axes, data)
    if data["last_week"]:
        _curve(axes, data["last_week"], data["gap"], color=LAST_WEEK, linewidth=1.1, label=data["last_week_label"])
    _curve(axes, data["points"], data["gap"], color=LINE, linewidth=2.0, band=True)
    for level, label, colour, style in (
        (data["raise"], data["raise_label"], RAISE, "--"),
        (data["clear"], data["clear_label"], CLEAR, ":"),
    ):
        if level is not None:
            text = f"{label} {quantity(level, data['decimals'], data['unit'], data['language'])}"
            axes.axhline(level, color=colour, linestyle=style, linewidth=1.4, label=text)
    if data["points"]:
        at, value = data["points"][-1][:2]
        axes.plot([at], [value], "o", color=LINE, markersize=6, markeredgecolor=INK, zorder=5)
    low, high = axes.get_ylim()
    axes.set_ylim(low - (high - low) * 0.04, high + (high - low) * 0.34)  # room for the legend
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="upper left", fontsize=10.5, ncols=2, frameon=False, labelcolor=INK, handlelength=1.6, borderpad=0.1
        )
    if states := data.get("states"):
        axes.set_yticks([float(value) for value in states], list(states.values()))


def _shade(axes: Axes, data: dict[str, Any]) -> None:
    begin, end = data["alarm"]
    axes.axvspan(max(begin, data["start"]), end or data["stop"], color=RAISE, alpha=0.16, linewidth=0)


def _curve(axes: Axes, points: Sequence[Sequence[float]], gap: float, *, band: bool = False, **style: Any) -> None:
    """The line, broken where the data pause, with its smallest and largest values as a band."""
    array = np.array(points, dtype=float)
    if not len(array):
        return
    breaks = np.nonzero(np.diff(array[:, 0]) > gap)[0] + 1
    if len(breaks):
        holes = [[(array[i - 1, 0] + array[i, 0]) / 2, np.nan, np.nan, np.nan] for i in breaks]
        array = np.insert(array, breaks, holes, axis=0)
    axes.plot(array[:, 0], array[:, 1], **style)
    if band:
        axes.fill_between(array[:, 0], array[:, 2], array[:, 3], color=style["color"], alpha=0.25, linewidth=0)
