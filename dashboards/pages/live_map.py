"""The live map: every sensor by its state, and one of them in a panel with trend, facts and alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Input, Output, State, callback, dcc, html, no_update

from dashboards import happening, parts, trends
from dashboards.context import current
from dashboards.parts import aria, number, text, word
from ioc.store import screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

PATHS, NAME, ORDER = ["/"], "map", 10
GRAPH: Any = {"displayModeBar": False, "responsive": True}


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
        html.Div(_values(series), id="values"),
        *_charts(sensor, series),
        html.H3(word("alarms.title")),
        _alarms(alarms),
        html.H3(word("sensor.facts")),
        _facts(sensor),
    ]


def _values(series: list[dict[str, Any]]) -> list[Component]:
    """Newest value of each series, its age by the data's own time, and its standing faults."""
    return [
        html.Div(
            [
                html.Span(text(row["name"], row["metric"]), className="label"),
                html.B(_said(row), className="num"),
                *([html.Span(f"i {word('state.5')}", className="noted")] if _noteworthy(row) else []),
                html.Small(word("sensor.ago", age=parts.ago(row["time"])) if row["time"] else word("figure.none")),
                *(html.Span(f"× {parts.code('fault', f['kind'])}", className="fault", title=f["detail"])
                  for f in row["faults"]),
            ],
            className="reading",
        )
        for row in series
    ]  # fmt: skip


def _noteworthy(row: dict[str, Any]) -> bool:
    """Above a step of its metric: why the point looks as it does."""
    steps = row["settings"].get("steps") or []
    return row["value"] is not None and any(row["value"] >= level and severity > 0 for level, severity in steps)


def _said(row: dict[str, Any]) -> str:
    return parts.reading({**row, "states": row["settings"].get("states")})


def _charts(sensor: dict[str, Any], series: list[dict[str, Any]]) -> list[Component]:
    if not series:
        return []
    options = [(str(row["id"]), text(row["name"], row["metric"])) for row in series]
    metrics = {
        str(r["id"]): {"unit": r["unit"], "decimals": r["decimals"], "states": r["settings"].get("states")}
        for r in series
    }
    return [
        dcc.Store(id="trend-of", data={"metrics": metrics, "cadence": sensor["cadence"]}),
        parts.choice("trend-series", options, options[0][0], word("sensor.series")),
        parts.choice("trend-range", [(key, f"range.{key}") for key in trends.RANGES], "24h", word("sensor.range")),
        dcc.Graph(id="trend", config=GRAPH, style={"height": "17rem"}),
    ]


def _alarms(rows: list[dict[str, Any]]) -> Component:
    listed = [
        [parts.priority(row["priority"]), parts.link(text(row["rule"]), f"/alarms/{row['id']}"),
         parts.when(row["opened_at"]), word(f"isa.{row['isa']}") if not row["closed_at"] else word("alarms.closed")]
        for row in rows
    ]  # fmt: skip
    heads = [word("col.priority"), word("col.alarm"), word("col.opened"), word("col.state")]
    return parts.table(heads, listed, empty=word("alarms.none"), name=word("alarms.title"))


def _facts(sensor: dict[str, Any]) -> Component:
    feed = parts.link(text(sensor["feed_name"]), f"/feeds/{sensor['feed']}") if sensor["feed"] else "–"
    place = f"{sensor['lat']:.5f}, {sensor['lon']:.5f}" if sensor["lat"] is not None else "–"
    pairs: list[tuple[str, Any]] = [
        (word("fact.key"), sensor["key"]),
        (word("fact.feed"), feed),
        (word("fact.owner"), sensor["owner"] or "–"), (word("fact.place"), place),
        (word("fact.cadence"), parts.age(sensor["cadence"]) if sensor["cadence"] else "–"),
        (word("fact.origin"), word("fact.registered") if sensor["registered"] else word("fact.discovered")),
    ]  # fmt: skip
    if sensor["speed"] is not None:
        pairs.append((word("fact.speed"), number(sensor["speed"] * 3.6, 0, "km/h")))
    return parts.facts(pairs + [(str(k), str(v)) for k, v in sensor["properties"].items()][:12])


@callback(Output("trend", "figure"), Input("trend-series", "value"), Input("trend-range", "value"),
          Input("signal-sensor", "data"), State("trend-of", "data"), State("trend", "relayoutData"))  # fmt: skip
async def draw(series: str, chosen: str, _: Any, of: dict[str, Any] | None, moved: dict[str, Any] | None) -> Any:
    """The trend; while somebody has zoomed into it, pushes leave it alone."""
    from dash import ctx

    if not of or series not in of["metrics"]:
        return no_update
    if ctx.triggered_id == "signal-sensor" and any(key.startswith("xaxis.range") for key in moved or {}):
        return no_update
    return await trends.read(int(series), of["metrics"][series], chosen, of["cadence"])


@callback(
    Output("values", "children"), Input("signal-sensor", "data"), State("picked", "data"), prevent_initial_call=True
)
async def refresh(_: Any, picked: dict[str, Any] | None) -> Any:
    """The picked sensor spoke, or grew older."""
    if not picked or picked.get("id") is None:
        return no_update
    return _values(await current().read(screens.sensor_series, int(picked["id"])))
