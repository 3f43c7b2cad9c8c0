"""A figure that matters: its value, state, limit, and the last day as a sparkline."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from dashboards import board
from dashboards.node import age, clock, el, joined, number, say, unit, word
from dashboards.snapshot import DOUBTFUL, NO_DATA, STALE
from ioc.config.types import Text

if TYPE_CHECKING:
    from dashboards.board import Figure, Trace
    from dashboards.node import Node, Said
    from dashboards.snapshot import Snapshot
    from dashboards.view import View

_BACK, _STEP = timedelta(days=1), timedelta(minutes=15)


class Options(board.Measure):
    note: Text = {}


def traces(options: Options, snap: Snapshot) -> list[Trace]:
    return [board.trace_of(options, snap, _BACK, _STEP)]


def draw(options: Options, view: View) -> Node:
    found = view.figure(options)
    return el(
        "div.figure",
        el("h2.label", say(view.widget.title)),
        el("span.word", el("@state", state=found.state)),
        el("div.value.num", *value(found)),
        el("@spark", line=0, state=found.state),
        el("div.note", under(found, options.note, view)),
        state=found.state,
    )


def value(found: Figure) -> tuple[Said, Said]:
    """The value in words or with its unit beside it."""
    if found.said:
        return say(found.said), None
    return number(found.value, found.decimals), el("small", unit(found.unit)) if found.unit else None


def under(found: Figure, note: Text, view: View) -> Said:
    """What the value is compared with; when it was last true, where it is not now."""
    if found.state in (STALE, DOUBTFUL, NO_DATA) and (found.time or found.value is None):
        return _last(found, view)
    limit = joined_level(found)
    several = found.of > 1 and not (limit and note)
    return joined(
        limit, say(note) if note else None,
        word("figure.of", fresh=number(found.fresh), of=number(found.of)) if several else None,
    )  # fmt: skip


def joined_level(found: Figure) -> Node | None:
    if found.level is None:
        return None
    return el("span", say(found.level.name), ": ", number(found.level.value, found.decimals, found.unit))


def _last(found: Figure, view: View) -> Said:
    if not found.time:
        known = view.snap.metrics.get(view.widget.options.get("metric", "")) is not None
        return word("figure.none") if known else word("widget.unknown", what=str(view.widget.options.get("metric")))
    at = found.time * 1_000_000
    return word("figure.last", time=clock(at), age=age(at))
