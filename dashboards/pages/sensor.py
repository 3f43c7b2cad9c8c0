"""One sensor: all it measures over any span, its newest values, faults, alarms, facts, and a month as a calendar."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dash import dcc, html

from dashboards import explorer, parts, sensor_parts, viewer
from dashboards.context import current
from dashboards.figures import calendar
from dashboards.parts import text, word
from ioc.store import aggregates, screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

PATHS, NAME, ORDER = ["/sensor"], "sensor", None
_DAYS = timedelta(days=27)


async def layout(
    key: str = "", series: str = "", span: str = "", show: str | None = None, start: str = "", stop: str = "", **_: str
) -> Component:
    """The page of the sensor `key`."""
    wanted = explorer.asked(series, span, show, start, stop)

    async def build() -> Any:
        id_ = await current().read(screens.sensor_keyed, key)
        sensor = await current().read(screens.sensor, id_) if id_ is not None else None
        return [html.P(word("map.gone"), className="quiet")] if sensor is None else await _body(sensor, wanted)

    return html.Div(await parts.shown(build), className="page-body")


async def _body(sensor: dict[str, Any], wanted: explorer.Asked) -> list[Component]:
    rows = await current().read(screens.sensor_series, sensor["id"])
    alarms = await current().read(screens.alarms, "all", sensor=sensor["id"], most=20)
    options = [(row["id"], text(row["name"], row["metric"])) for row in rows]
    place = " · ".join(filter(None, [parts.domain(sensor["domain"]), text(sensor["area_name"], "")]))
    map_link = html.A(word("sensor.on_map"), href=f"/?sensor={quote(sensor['key'])}")
    return [
        html.Div([html.H1(text(sensor["name"], sensor["key"])), html.P([place, " · ", map_link], className="lead")],
                 className="title"),
        html.Div(sensor_parts.values(rows), id="values"),
        parts.panel(word("sensor.past"), await explorer.component(wanted, options, search=False)),
        html.Div([
            html.Div([parts.panel(word("alarms.title"), sensor_parts.alarms(alarms)),
                      *await _calendar(rows, wanted)], className="column"),
            html.Div(parts.panel(word("sensor.facts"), sensor_parts.facts(sensor)), className="column"),
        ], className="columns"),
    ]  # fmt: skip


async def _calendar(rows: list[dict[str, Any]], wanted: explorer.Asked) -> list[Component]:
    """Four weeks of the first series, day by hour: what is usual and what was not."""
    shown = next((row for row in rows if row["id"] in wanted.series), rows[0] if rows else None)
    if shown is None or shown["kind"] == "state":
        return []
    zone = current().zone
    today = parts.now().astimezone(zone).date()
    hours = await current().read(aggregates.hours_of_days, shown["id"], today - _DAYS, today, zone.key)
    drawn = calendar.figure(hours, unit=shown["unit"], decimals=shown["decimals"], language=viewer.language())
    title = f"{text(shown['name'], shown['metric'])} – {word('sensor.calendar')}"
    return [parts.panel(title, dcc.Graph(figure=drawn, config={"displayModeBar": False, "responsive": True},
                                         style={"height": "22rem"}))]  # fmt: skip
