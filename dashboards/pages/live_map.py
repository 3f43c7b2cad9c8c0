"""The live map: every sensor by its state, and one of them in a panel with trend, facts and alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dash import Input, Output, State, dcc, html, no_update

from dashboards import charts, happening, parts, sensor_parts
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.parts import aria, text, word
from ioc.store import screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

PATHS, NAME, ORDER = ["/"], "map", 10
GRAPH: Any = {"displayModeBar": False, "responsive": True}
RANGES = ("6h", "24h", "7d", "30d")


async def layout(**_: str) -> Component:
    """The frame; our scripts draw the map and say which sensor was picked."""
    return html.Div(
        [
            html.H1(word("page.map"), className="unseen"),
            html.Div([html.Div(id="map", className="live"), html.Div(id="tools"), html.Div(id="legend")],
                     id="map-box", className="panel"),
            html.Aside([html.Div(id="map-side", hidden=True), dcc.Store(id="picked"),
                        html.Div(html.P(word("map.pick"), className="quiet"), id="sensor")],
                       id="sensor-box", className="panel", **aria(live="polite", label=word("map.sensor"))),
        ],
        id="map-page",
    )  # fmt: skip


@callback(Output("sensor", "children"), Input("picked", "data"), prevent_initial_call=True)
async def pick(picked: dict[str, Any] | None) -> Any:
    """Another sensor was picked, or none."""
    if picked and picked.get("event") is not None:
        return await parts.shown(lambda: happening.panel(int(picked["event"])))
    if not picked or picked.get("id") is None:
        return html.P(word("map.pick"), className="quiet")
    return await parts.shown(lambda: _panel(int(picked["id"])))


async def _panel(id_: int) -> Any:
    sensor = await current().read(screens.sensor, id_)
    if sensor is None:
        return html.P(word("map.gone"), className="quiet")
    series = await current().read(screens.sensor_series, id_)
    alarms = await current().read(screens.alarms, "all", sensor=id_, most=8)
    return [
        html.Div(
            [html.H2(text(sensor["name"], sensor["key"])), html.Button("×", id="unpick", title=word("close"))],
            className="head-row",
        ),
        html.P(
            " · ".join(filter(None, [parts.domain(sensor["domain"]), text(sensor["area_name"], "")])), className="lead"
        ),
        html.Div(sensor_parts.values(series), id="values"),
        *await _charts(sensor, series),
        html.H3(word("alarms.title")),
        sensor_parts.alarms(alarms),
        html.H3(word("sensor.facts")),
        sensor_parts.facts(sensor),
    ]


async def _charts(sensor: dict[str, Any], series: list[dict[str, Any]]) -> list[Component]:
    """The last day of the headline series, and the way to everything else."""
    if not series:
        return []
    options = [(str(row["id"]), text(row["name"], row["metric"])) for row in series]
    spans = [(key, f"range.{key}") for key in RANGES]
    return [
        parts.choice("trend-series", options, options[0][0], word("sensor.series")),
        parts.choice("trend-range", spans, "24h", word("sensor.range")),
        dcc.Graph(id="trend", config=GRAPH, style={"height": "17rem"}),
        html.P(html.A(word("sensor.more"), href=f"/sensor?key={quote(sensor['key'])}"), className="more-link"),
    ]


@callback(Output("trend", "figure"), Input("trend-series", "value"), Input("trend-range", "value"),
          Input("signal-sensor", "data"), State("trend", "relayoutData"))  # fmt: skip
async def draw(series: str, chosen: str, _: Any, moved: dict[str, Any] | None) -> Any:
    """The trend; while somebody has zoomed into it, pushes leave it alone."""
    from dash import ctx

    if not series or chosen not in RANGES:
        return no_update
    if ctx.triggered_id == "signal-sensor" and any(key.startswith("xaxis.range") for key in moved or {}):
        return no_update
    return await charts.between([int(series)], parts.now() - charts.SPANS[chosen], parts.now(), ("levels", "alarms"))


@callback(
    Output("values", "children"),
    Input("signal-sensor", "data"),
    State("picked", "data"),
    prevent_initial_call=True,
)
async def refresh(_: Any, picked: dict[str, Any] | None) -> Any:
    """The picked sensor spoke, or grew older."""
    if not picked or picked.get("id") is None:
        return no_update
    return sensor_parts.values(await current().read(screens.sensor_series, int(picked["id"])))
