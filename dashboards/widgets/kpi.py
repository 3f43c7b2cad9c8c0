"""A figure against its target, and against the same time yesterday."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from dashboards import board
from dashboards.node import el, joined, number, say, word
from dashboards.snapshot import NORMAL, NOTEWORTHY
from dashboards.widgets import figure

if TYPE_CHECKING:
    from dashboards.board import Trace
    from dashboards.node import Node, Said
    from dashboards.snapshot import Snapshot
    from dashboards.view import Points, View

_BACK, _STEP = timedelta(days=1, minutes=30), timedelta(minutes=15)
_UP, _DOWN = "\N{BLACK UP-POINTING TRIANGLE}", "\N{BLACK DOWN-POINTING TRIANGLE}"
_NEAR = 45 * 60_000  # ms: a step further from this time yesterday is not "yesterday"


class Options(board.Measure):
    """good: whether the target is reached at or above it, or at or below it. full: what a full bar is; the target."""

    target: float
    good: Literal["above", "below"] = "above"
    full: float | None = None


def traces(options: Options, snap: Snapshot) -> list[Trace]:
    return [board.trace_of(options, snap, _BACK, _STEP)]


def draw(options: Options, view: View) -> Node:
    found = view.figure(options)
    met = reached(found.value, options)
    judged = met is not None and found.state in (NORMAL, NOTEWORTHY)  # an alarm says more than a target
    state = (NORMAL if met else NOTEWORTHY) if judged else found.state
    verdict = word("kpi.met" if met else "kpi.missed") if judged else el("@state", state=found.state)
    full = options.full if options.full is not None else options.target
    share = None if found.value is None or not full else max(0.0, min(1.0, found.value / full))
    mark = min(1.0, options.target / full) if full else None
    points = view.past.get(board.trace_of(options, view.snap, _BACK, _STEP), [])
    return el(
        "div.figure.kpi",
        el("h2.label", say(view.widget.title)),
        el("span.word", verdict),
        el("div.value.num", *figure.value(found)),
        el("div.change", yesterday(points, found.value, view.now, found.decimals)),
        el("@bar", share=share, mark=mark, state=state),
        el("div.note", _under(options, found, view)),
        state=state,
    )


def reached(value: float | None, options: Options) -> bool | None:
    """Whether the target is met; None where there is no value."""
    if value is None:
        return None
    return value >= options.target if options.good == "above" else value <= options.target


def change(points: Points, value: float | None, now: int) -> float | None:
    """The difference to the same time yesterday; None where either is missing. now: microseconds."""
    at = now // 1000 - 86_400_000
    near = min(points, key=lambda p: abs(p[0] - at), default=None)
    return None if near is None or value is None or abs(near[0] - at) > _NEAR else value - near[1]


def yesterday(points: Points, value: float | None, now: int, decimals: int) -> Said:
    """The change in words."""
    found = change(points, value, now)
    if found is None:
        return None
    sign = "=" if abs(found) < 0.5 * 10**-decimals else _UP if found > 0 else _DOWN
    return el("span", sign + " ", number(abs(found), decimals), " ", word("kpi.yesterday"))


def _under(options: Options, found: board.Figure, view: View) -> Said:
    if found.value is None:
        return figure.under(found, {}, view)
    sign = "\N{GREATER-THAN OR EQUAL TO}" if options.good == "above" else "\N{LESS-THAN OR EQUAL TO}"
    target = el("span", word("kpi.target"), f" {sign} ", number(options.target, found.decimals, found.unit))
    return joined(target, word("figure.of", fresh=number(found.fresh), of=number(found.of)) if found.of > 1 else None)
