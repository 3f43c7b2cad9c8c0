"""The city at a glance for a desk: figures against target and yesterday, fields of city life, what moved most."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from dash import Input, Output, html

from dashboards import moment, parts, scenes
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.parts import number, text, word
from dashboards.snapshot import BY_PRIORITY, CRITICAL, NO_DATA, NORMAL, NOTEWORTHY, STALE, WARNING, counts
from dashboards.widgets import kpi
from ioc.store import aggregates

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from dashboards.moment import Moment
    from dashboards.view import Points

PATHS, NAME, ORDER = ["/city"], "city", 5
_SPAN = timedelta(hours=1)
_LOOKS = {NORMAL: ("ok", ""), NOTEWORTHY: ("note", "i"), WARNING: ("warn", "!"), CRITICAL: ("crit", "!!"),
          STALE: ("old", "\N{MULTIPLICATION SIGN}"), NO_DATA: ("none", "?")}  # fmt: skip


async def layout(**_: str) -> Component:
    return parts.page(word("page.city"), html.Div(await parts.shown(_body), id="city-body"), lead=word("city.lead"))


@callback(Output("city-body", "children"), Input("signal-slow", "data"), prevent_initial_call=True)
async def again(_: Any) -> Any:
    return await parts.shown(_body)


async def _body() -> Any:
    shown = await moment.shown()
    if shown is None:
        return html.P(word("figure.none"), className="quiet")
    moved = await current().read(aggregates.movers, shown.at, _SPAN, most=12)
    return html.Div(
        [
            html.Div(await _targets(shown), className="targets"),
            html.Div([
                html.Div(parts.panel(word("city.domains"), _domains(shown)), className="column"),
                html.Div(parts.panel(word("city.movers"), _movers(moved)), className="column"),
            ], className="columns"),
        ],
        className="stack",
    )  # fmt: skip


async def _targets(shown: Moment) -> list[Component]:
    """Every figure of the walls that has a target, once."""
    found: dict[Any, scenes.Part] = {}
    for part in scenes.parts(current().folder):
        if part.kind is kpi:
            found.setdefault(part.options.model_copy(update={"level": None}), part)
    wanted = {options: kpi.traces(options, shown.snap)[0] for options in found}
    micros = int(shown.at.timestamp() * 1e6)
    past = await current().read(scenes.read, list(wanted.values()), micros) if wanted else {}
    return [_target(part, shown, past.get(wanted[options], [])) for options, part in found.items()]


def _target(part: scenes.Part, shown: Moment, points: Points) -> Component:
    from dashboards import board

    options, zone = part.options, current().zone
    found = board.figure(options, shown.snap, shown.frame, current().folder, shown.at.astimezone(zone).date())
    met = kpi.reached(found.value, options)
    look, mark = ("none", "?") if met is None else ("ok", "") if met else ("note", "i")
    change = kpi.change(points, found.value, int(shown.at.timestamp() * 1e6))
    sign = "\N{GREATER-THAN OR EQUAL TO}" if options.good == "above" else "\N{LESS-THAN OR EQUAL TO}"
    said = word("kpi.met" if met else "kpi.missed") if met is not None else word("figure.none")
    return html.Section(
        [
            html.H2(text(part.widget.title), className="label"),
            html.B(number(found.value, found.decimals, found.unit), className="num"),
            parts.sign(look, mark, said),
            html.Small(f"{word('kpi.target')} {sign} {number(options.target, found.decimals, found.unit)}"),
            html.Small(f"{'+' if change > 0 else ''}{number(change, found.decimals)} {word('kpi.yesterday')}"
                       if change is not None else ""),
        ],
        className=f"panel target {look}",
    )  # fmt: skip


def _domains(shown: Moment) -> Component:
    """A line a field of city life: its sensors by state, its open alarms by weight."""
    domains = sorted(current().folder.city.domains.items(), key=lambda item: item[1].order)
    belongs = np.array([row.domain for row in shown.snap.sensors])
    alarms = [row for row in shown.alarms if counts(row)]
    rows = []
    for key, domain in domains:
        states = shown.frame.state[belongs == key]
        if not len(states):
            continue
        mine = [BY_PRIORITY[row["priority"]] for row in alarms if row["domain"] == key]
        rows.append([
            html.A(text(domain.name), href=f"/sensors?domain={quote(key)}"),
            html.Span(number(len(states)), className="num"),
            _count(CRITICAL, mine.count(CRITICAL)), _count(WARNING, mine.count(WARNING)),
            *(_count(state, int(np.count_nonzero(states == state))) for state in (NOTEWORTHY, STALE, NO_DATA)),
        ])  # fmt: skip
    heads = [word("sensor.domain"), word("page.sensors"), *(word(f"state.{s}") for s in (3, 2, 5, 4, 0))]
    return parts.table(heads, rows, empty=word("figure.none"), name=word("city.domains"))


def _count(state: int, amount: int) -> Any:
    look, mark = _LOOKS[state]
    return parts.sign(look, mark, number(amount)) if amount else html.Span("\N{EN DASH}", className="quiet")


def _movers(moved: list[aggregates.Mover]) -> Component:
    rows = [
        [html.A(text(m.sensor_name, m.sensor), href=f"/sensor?key={quote(m.sensor)}&series={m.series_id}"),
         text(m.metric_name, m.metric), html.Span(number(m.before, m.decimals), className="num"),
         html.Span(number(m.after, m.decimals, m.unit), className="num"),
         html.Span(("\N{BLACK UP-POINTING TRIANGLE} " if m.change > 0 else "\N{BLACK DOWN-POINTING TRIANGLE} ")
                   + number(abs(m.change), m.decimals), className="num")]
        for m in moved
    ]  # fmt: skip
    heads = [word("col.sensor"), word("col.metric"), word("city.before"), word("city.after"), word("city.change")]
    return parts.table(heads, rows, empty=word("city.still"), name=word("city.movers"))
