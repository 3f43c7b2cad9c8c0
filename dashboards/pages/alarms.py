"""Alarms: the open ones and their history, and one of them with all that explains it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dash import Input, Output, callback, dcc, html

from dashboards import actions, charts, parts
from dashboards.context import current
from dashboards.pages.live_map import GRAPH
from dashboards.parts import text, word
from ioc.store import screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

PATHS, NAME, ORDER = ["/alarms", "/alarms/<alarm>"], "alarms", 20
_MOST = 200
_WHICH = [("open", "alarms.open"), ("closed", "alarms.closed"), ("all", "alarms.all")]
_LEAST = [("4", "alarms.every"), ("2", "alarms.high"), ("1", "priority.1")]


async def layout(alarm: str = "", **_: str) -> Any:
    if alarm:
        return await parts.shown(lambda: _one(alarm))
    return parts.page(
        word("page.alarms"),
        html.Div(
            [
                parts.choice("alarm-which", _WHICH, "open", word("alarms.which")),
                parts.choice("alarm-priority", _LEAST, "4", word("col.priority")),
                dcc.Input(id="alarm-text", type="search", placeholder=word("alarms.find"), debounce=0.4, maxLength=80,
                          value="", className="search"),
            ],
            className="tools",
        ),
        html.Div(await parts.shown(lambda: _listed("open", 4, "")), id="alarm-table"),
    )  # fmt: skip


@callback(Output("alarm-table", "children"), Input("alarm-which", "value"), Input("alarm-priority", "value"),
          Input("alarm-text", "value"), Input("signal-alarms", "data"), prevent_initial_call=True)  # fmt: skip
async def listed(which: str, priority: str, looked_for: str | None, _: Any) -> Any:
    return await parts.shown(lambda: _listed(which, int(priority), looked_for or ""))


async def _listed(which: str, priority: int, looked_for: str) -> Component:
    least = None if priority >= 4 else priority
    rows = await current().read(screens.alarms, which, priority=least, text=looked_for, most=_MOST)
    heads = [word(f"col.{k}") for k in ("priority", "alarm", "where", "value", "opened", "lasts", "state")]
    return parts.table(heads, [_row(row) for row in rows], empty=word("alarms.none"), name=word("page.alarms"))


def _row(row: dict[str, Any]) -> list[Any]:
    end = row["cleared_at"] or row["closed_at"] or parts.now()
    who = f" · {row['acked_by']}" if row["acked_by"] else ""
    return [
        parts.priority(row["priority"]),
        parts.link(text(row["rule"]), f"/alarms/{row['id']}"),
        text(row["sensor"] or row["feed"]),
        html.Span(parts.reading(row), className="num"),
        parts.when(row["opened_at"]),
        parts.age((end - row["opened_at"]).total_seconds()),
        _state(row) + who,
    ]


def _state(row: dict[str, Any]) -> str:
    """In the words of ISA-18.2; one put aside says until when."""
    said = word("alarms.over") if row["closed_at"] else word(f"isa.{row['isa']}")
    until = row["suppressed_until"] if not row["closed_at"] else None
    return f"{said}, {word('shelf.until', at=parts.when(until))}" if until else said


async def _one(alarm: str) -> Component:
    row = (
        await current().read(screens.alarm, int(alarm))
        if alarm.isascii() and alarm.isdigit() and len(alarm) < 18
        else None
    )
    if row is None:
        return parts.page(word("page.alarms"), html.P(word("alarms.unknown"), className="quiet"))
    return parts.page(
        text(row["rule"]),
        html.Div(
            [
                html.Div([_what(row), parts.panel(word("alarm.chart"), await _chart(row))], className="column"),
                html.Div([_do(row), parts.panel(word("alarm.map"), _map(row)),
                          html.Div(await actions.history(row["id"]), id="alarm-history")], className="column"),
            ],
            className="columns",
        ),
        dcc.Store(id="alarm-id", data=row["id"]),
        lead=" · ".join(filter(None, [text(row["sensor"] or row["feed"], ""), text(row["area_name"], "")])),
    )  # fmt: skip


def _what(row: dict[str, Any]) -> Component:
    pairs: list[tuple[str, Any]] = [
        (word("col.priority"), parts.priority(row["priority"])),
        (word("col.state"), html.Span(actions.state(row), id="alarm-state")),
        *_figures(row),
        (word("col.opened"), parts.when(row["opened_at"], seconds=True)),
        (word("alarm.cleared"), parts.when(row["cleared_at"], seconds=True)),
        (word("alarm.closed"), parts.when(row["closed_at"], seconds=True)),
    ]  # fmt: skip
    return parts.panel(word("alarm.what"), parts.facts(pairs))


def _figures(row: dict[str, Any]) -> list[tuple[str, Any]]:
    """Values and level of what is measured; of silence, how long it may last."""
    if row["rule_kind"] == "silence":
        return [(word("alarm.level"), parts.age(row["threshold"]))] if row["threshold"] else []
    seen = f"{parts.reading(row, 'value_now')} · {word('sensor.ago', age=parts.ago(row['value_at']))}"
    return [
        (word("alarm.value"), parts.reading(row)),
        (word("alarm.now"), seen if row["value_at"] else "–"),
        (word("alarm.peak"), parts.reading(row, "peak")),
        (word("alarm.level"), parts.reading(row, "threshold")),
    ]


def _do(row: dict[str, Any]) -> Component:
    """Why it matters and what to do, as the rule's owner wrote it; and what a person may do to the alarm."""
    rule = row["settings"]
    advice = [(word(f"alarm.{key}"), text(rule[key])) for key in ("action", "cause", "consequence") if rule.get(key)]
    advice += [(word(f"alarm.{key}"), str(rule[key])) for key in ("owner", "source") if rule.get(key)]
    return parts.panel(word("alarm.do"), parts.facts(advice), actions.panel(row))


async def _chart(row: dict[str, Any]) -> Component:
    if row["series_id"] is None:
        return html.P(word("chart.none"), className="quiet")
    stop = min(parts.now(), (row["closed_at"] or parts.now()) + timedelta(hours=2))
    start = min(row["event_start"], stop) - timedelta(hours=6)
    drawn = await charts.between([row["series_id"]], start, stop, ("levels", "alarms"))
    return dcc.Graph(figure=drawn, config=GRAPH, style={"height": "17rem"}, id="alarm-trend")


def _map(row: dict[str, Any]) -> Component:
    if row["at_lat"] is None:
        return html.P(word("alarm.placeless"), className="quiet")
    where: Any = {"data-lat": f"{row['at_lat']:.6f}", "data-lon": f"{row['at_lon']:.6f}"}
    where |= {"data-sensor": row["sensor_key"]} if row["sensor_key"] else {}
    return html.Div(html.Div(id="map", **where), className="small-map")
