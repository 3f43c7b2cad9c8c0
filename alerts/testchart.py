"""The picture of a back-test: hours in alarm day by day, and at which hour of the day it would have fired."""

from __future__ import annotations

import io
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

_INK, _BAR, _DOTS = "#1d2b3a", "#c7522a", "#2f6f8f"


def draw(found: Mapping[str, Any], zone: ZoneInfo) -> bytes:
    """PNG. found: Result.as_json of a back-test."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.6), dpi=140, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    by_day, by_hour = figure.subplots(2, 1, height_ratios=(3, 2))
    _days(by_day, found)
    by_hour.bar(range(24), found["clock_hours"], color=_DOTS, width=0.8)
    by_hour.set(xlim=(-0.6, 23.6), xticks=range(0, 24, 2), ylabel="alarms", xlabel=f"hour of the day ({zone})")
    title = f"{found['rule']}: {found['alarms']:,} alarms, {found['hours']:,.1f} hours"
    by_day.set_title(title, loc="left", color=_INK, fontsize=11, parse_math=False)
    for axes in (by_day, by_hour):
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.get_major_locator().set_params(integer=axes is by_hour)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _days(axes: Any, found: Mapping[str, Any]) -> None:
    days = [date.fromisoformat(day) for day in found["days"]]
    hours = [held for _, held in found["days"].values()]
    axes.bar(days, hours, color=_BAR, width=0.9)
    axes.set(ylabel="hours in alarm", xlim=(days[0].toordinal() - 719163 - 0.6, days[-1].toordinal() - 719163 + 0.6))
    if len(days) <= 45:
        for day, (alarms, held) in zip(days, found["days"].values(), strict=True):
            if alarms:
                axes.annotate(f"{alarms}", (day, held), ha="center", va="bottom", fontsize=7, color=_INK)
