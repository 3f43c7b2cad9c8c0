"""Areas: one metric over all of them, worst first; and one area with everything in it, now, then and over a week."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from dash import Input, Output, dcc, html

from dashboards import graphs, moment, parts, viewer
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.figures import lines
from dashboards.parts import number, text, word
from dashboards.snapshot import BY_PRIORITY, DOUBTFUL, NO_DATA, STALE, counts
from ioc.store import aggregates
from ioc.store.history import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dash.development.base_component import Component

    from dashboards.moment import Moment
    from ioc.store.aggregates import AreaNow, AreaStep

PATHS, NAME, ORDER = ["/areas"], "areas", 20
_BACK, _STEP = timedelta(days=7), timedelta(hours=1)
_MOST = 60


async def layout(key: str = "", metric: str = "", **_: str) -> Component:
    """All areas, or the one named `key`."""
    metrics = _metrics()
    chosen = metric if metric in metrics else next(iter(metrics), "")
    picker = html.Div([
        parts.menu([{"label": said, "value": k} for k, said in metrics.items()], chosen, id="areas-metric",
                     clearable=False, className="wide"),
        dcc.Store(id="areas-key", data=key),
    ], className="tools")  # fmt: skip
    body = html.Div(await parts.shown(lambda: _body(key, chosen)), id="areas-body")
    if not key:
        return parts.page(word("page.areas"), picker, body, lead=word("areas.lead"))
    return html.Div([
        html.Div([html.H1(_name(key)), html.P(html.A(word("areas.all"), href="/areas"), className="lead")],
                 className="title"), picker, body,
    ], className="page-body")  # fmt: skip


@callback(
    Output("areas-body", "children"), Input("areas-metric", "value"), Input("areas-key", "data"),
    Input("signal-slow", "data"), prevent_initial_call=True,
)  # fmt: skip
async def again(metric: str, key: str, _: Any) -> Any:
    return await parts.shown(lambda: _body(key or "", metric or ""))


async def _body(key: str, metric: str) -> Any:
    if metric not in current().folder.metrics:
        return html.P(word("figure.none"), className="quiet")
    found = await current().read(aggregates.areas_at, metric, parts.now(), map_day=_today())
    return await _one(key, metric, found) if key else _all(metric, found, await moment.shown())


def _metrics() -> dict[str, str]:
    """What is measured with numbers, by name."""
    found = {k: text(m.name) for k, m in current().folder.metrics.items() if not m.states}
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _today() -> Any:
    return parts.now().astimezone(current().zone).date()


def _name(key: str) -> str:
    return next((text(a.name) for a in current().folder.areas if a.key == key), key)


def _all(metric: str, found: dict[str | None, AreaNow], shown: Moment | None) -> Any:
    about = current().folder.metrics[metric]
    alarms: dict[str, list[int]] = {}
    for row in filter(counts, shown.alarms if shown else ()):
        alarms.setdefault(row["area"], []).append(BY_PRIORITY[row["priority"]])
    named = [(key, row) for key, row in found.items() if key is not None]
    named.sort(key=lambda item: -np.inf if item[1].high is None else item[1].high, reverse=True)
    rows = [
        [html.A(_name(key), href=f"/areas?key={quote(key)}&metric={quote(metric)}"),
         *(html.Span(number(x, about.decimals), className="num") for x in (row.mean, row.low, row.high)),
         html.Span(f"{number(row.fresh)} / {number(row.known)}", className="num"), _alarms(alarms.get(key, []))]
        for key, row in named
    ]  # fmt: skip
    city = found.get(None)
    head = html.P(word("areas.city", mean=number(city.mean, about.decimals, about.unit), fresh=number(city.fresh),
                       of=number(city.known)), className="lead num") if city else None  # fmt: skip
    heads = [word(f"col.{key}") for key in ("area", "mean", "least", "most", "sensors", "alarm")]
    return [head, parts.table(heads, rows, empty=word("figure.none"), name=word("page.areas"))]


def _alarms(states: Sequence[int]) -> Any:
    worst = max(states, default=0)
    look = {3: ("crit", "!!"), 2: ("warn", "!")}.get(worst)
    return parts.sign(*look, number(len(states))) if look else html.Span("\N{EN DASH}", className="quiet")


async def _one(key: str, metric: str, found: dict[str | None, AreaNow]) -> Any:
    now, shown = parts.now(), await moment.shown()
    steps = await current().read(
        aggregates.areas_over, metric, now - _BACK, now, _STEP, areas=[key], map_day=_today(), now=now
    )
    about, row = current().folder.metrics[metric], found.get(key)
    values = [("mean", row.mean), ("least", row.low), ("most", row.high)] if row else []
    boxes = [
        html.Div([html.Span(word(f"col.{name}"), className="label"),
                  html.B(number(value, about.decimals, about.unit), className="num")], className="reading")
        for name, value in values
    ]  # fmt: skip
    return [
        html.Div(boxes, id="values"),
        parts.panel(f"{text(about.name)} – {word('range.7d')}", _chart(steps, metric)),
        html.Div([
            html.Div(parts.panel(word("page.sensors"), _sensors(key, shown)), className="column"),
            html.Div([parts.panel(word("alarms.title"), _open(key, shown)),
                      parts.panel(word("page.events"), _events(key, shown))], className="column"),
        ], className="columns"),
    ]  # fmt: skip


def _chart(steps: Sequence[AreaStep], metric: str) -> Component:
    """Mean of the area's sensors with the span between its lowest and highest."""
    about = current().folder.metrics[metric]
    mean, low, high = (
        np.array([getattr(s, name) for s in steps], dtype=np.float64) for name in ("mean", "low", "high")
    )
    line = Line(np.array([s.at.replace(tzinfo=None) for s in steps], dtype="M8[us]"), mean, low, high, _STEP)
    span = lines.Span(start=parts.now() - _BACK, stop=parts.now(), now=parts.now(), zone=current().zone)
    said = lines.Said(nothing=word("chart.none"), before="", ahead="", language=viewer.language())
    drawn = lines.Drawn(name=text(about.name), unit=about.unit, decimals=about.decimals, line=line if steps else None)
    return dcc.Graph(figure=lines.figure([drawn], [], [], span, said), style={"height": "20rem"},
                     config=graphs.config())  # fmt: skip


def _sensors(key: str, shown: Moment | None) -> Component:
    mine = [i for i, row in enumerate(shown.snap.sensors) if row.area == key] if shown else []
    rows = [
        [html.A(text(shown.snap.sensors[i].name, shown.snap.sensors[i].key),
                href=f"/sensor?key={quote(shown.snap.sensors[i].key)}"),
         parts.domain(shown.snap.sensors[i].domain), word(f"state.{int(shown.frame.state[i])}")]
        for i in sorted(mine, key=lambda i: int(shown.frame.state[i]) in {STALE, NO_DATA, DOUBTFUL})[:_MOST]
    ] if shown else []  # fmt: skip
    heads = [word("col.sensor"), word("col.domain"), word("col.state")]
    return parts.table(heads, rows, empty=word("sensors.none"), name=word("page.sensors"))


def _open(key: str, shown: Moment | None) -> Component:
    rows = [
        [parts.priority(row["priority"]), parts.link(text(row["rule"]), f"/alarms/{row['id']}"), text(row["sensor"])]
        for row in (shown.alarms if shown else ()) if row["area"] == key
    ]  # fmt: skip
    heads = [word("col.priority"), word("col.alarm"), word("col.sensor")]
    return parts.table(heads, rows[:_MOST], empty=word("alarms.none"), name=word("alarms.title"))


def _events(key: str, shown: Moment | None) -> Component:
    rows = [
        [html.A(row["title"] or row["kind"], href=f"/?event={row['id']}"), row["kind"]]
        for row in (shown.events if shown else ()) if row["area"] == key
    ]  # fmt: skip
    heads = [word("col.event"), word("col.kind")]
    return parts.table(heads, rows[:_MOST], empty=word("widget.no_events"), name=word("page.events"))
