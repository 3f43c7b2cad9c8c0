"""Where a metric is highest or lowest just now: sensors, or areas by their mean or worst."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from dashboards.node import el, number, say, word
from dashboards.snapshot import DOUBTFUL, NO_DATA, STALE, worst
from ioc.config.types import Model

if TYPE_CHECKING:
    from dashboards.node import Node, Said
    from dashboards.view import View


class Options(Model):
    """by: what is ranked. areas_by: an area counts with the mean of its sensors, or with the worst of them."""

    metric: str
    order: Literal["highest", "lowest"] = "highest"
    by: Literal["sensor", "area"] = "sensor"
    areas_by: Literal["mean", "worst"] = "mean"
    most: Annotated[int, Field(ge=1, le=50)] = 20


class _Place(NamedTuple):
    name: dict[str, str] | str
    value: float
    state: int
    of: int


def draw(options: Options, view: View) -> Node:
    metric = view.snap.metrics.get(options.metric)
    found = _sensors(options, view)
    if options.by == "area":
        found = _areas(options, view)
    found.sort(key=lambda place: place.value, reverse=options.order == "highest")
    top = max((abs(place.value) for place in found), default=0.0)
    decimals, unit = (metric or {}).get("decimals", 1), (metric or {}).get("unit", "")
    rows = [
        _row(n, place, top, number(place.value, decimals, unit)) for n, place in enumerate(found[: options.most], 1)
    ]
    known = len(view.snap.members(options.metric, None, None)[0])
    none = word("figure.none") if metric else word("widget.unknown", what=options.metric)
    return el(
        "div.list",
        el("h2.head", el("span", say(view.widget.title) or say((metric or {}).get("name")) or options.metric),
           el("span.count.num", word("figure.of", fresh=number(sum(p.of for p in found)), of=number(known)))),
        el("@rows", *rows, total=len(rows), none=none),
    )  # fmt: skip


def _row(place: int, found: _Place, top: float, value: Said) -> Node:
    return el(
        "li.row.rank",
        el("span.place.num", str(place)),
        el("b.what", say(found.name)),
        el("span.amount.num", value),
        el("@bar", share=abs(found.value) / top if top else 0, state=found.state),
        state=found.state,
    )


def _sensors(options: Options, view: View) -> list[_Place]:
    """Those whose value is to be believed now."""
    slots, points = view.snap.members(options.metric, None, None)
    states = view.frame.state[points]
    fresh = ~np.isin(states, (STALE, NO_DATA, DOUBTFUL)) & np.isfinite(view.snap.values[slots])
    return [
        _Place(view.snap.sensors[p].name, float(view.snap.values[s]), int(state), 1)
        for s, p, state in zip(slots[fresh], points[fresh], states[fresh], strict=True)
    ]


def _areas(options: Options, view: View) -> list[_Place]:
    slots, points = view.snap.members(options.metric, None, None)
    states = view.frame.state[points]
    fresh = ~np.isin(states, (STALE, NO_DATA, DOUBTFUL)) & np.isfinite(view.snap.values[slots])
    inside: dict[str, list[int]] = defaultdict(list)
    for at in np.flatnonzero(fresh):
        inside[view.snap.sensors[points[at]].area].append(int(at))
    pick = np.mean if options.areas_by == "mean" else np.max if options.order == "highest" else np.min
    return [
        _Place(view.area_name(key), float(pick(view.snap.values[slots[at]])), worst(states[at]), len(at))
        for key, at in inside.items() if key
    ]  # fmt: skip
