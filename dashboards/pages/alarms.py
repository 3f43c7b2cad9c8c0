"""Alarms: the open ones and their history, one of them with all that explains it, acknowledged with a name."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dash import Input, Output, State, callback, dcc, html, no_update

from dashboards import parts, trends
from dashboards.context import current
from dashboards.pages.live_map import GRAPH
from dashboards.parts import number, text, word
from dashboards.viewer import CURRENT
from ioc.store import alarms, screens

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
        html.Span(number(row["value"], row["decimals"], row["unit"]), className="num"),
        parts.when(row["opened_at"]),
        parts.age((end - row["opened_at"]).total_seconds()),
        (word("alarms.over") if row["closed_at"] else word(f"isa.{row['isa']}")) + who,
    ]


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
                          html.Div(await _history(row["id"]), id="alarm-history")], className="column"),
            ],
            className="columns",
        ),
        dcc.Store(id="alarm-id", data=row["id"]),
        lead=" · ".join(filter(None, [text(row["sensor"] or row["feed"], ""), text(row["area_name"], "")])),
    )  # fmt: skip


def _what(row: dict[str, Any]) -> Component:
    unit, decimals = row["unit"], row["decimals"]
    seen = f"{number(row['value_now'], decimals, unit)} · {word('sensor.ago', age=parts.ago(row['value_at']))}"
    pairs: list[tuple[str, Any]] = [
        (word("col.priority"), parts.priority(row["priority"])),
        (word("col.state"), html.Span(_state(row), id="alarm-state")),
        (word("alarm.value"), number(row["value"], decimals, unit)),
        (word("alarm.now"), seen if row["value_at"] else "–"),
        (word("alarm.peak"), number(row["peak"], decimals, unit)),
        (word("alarm.level"), number(row["threshold"], decimals, unit)),
        (word("col.opened"), parts.when(row["opened_at"], seconds=True)),
        (word("alarm.cleared"), parts.when(row["cleared_at"], seconds=True)),
        (word("alarm.closed"), parts.when(row["closed_at"], seconds=True)),
    ]  # fmt: skip
    return parts.panel(word("alarm.what"), parts.facts(pairs))


def _state(row: dict[str, Any]) -> str:
    said = word("alarms.over") if row["closed_at"] else word(f"isa.{row['isa']}")
    said += f" ({word('condition.' + row['condition'])})" if row["condition"] in {"nodata", "error"} else ""
    return said


def _do(row: dict[str, Any]) -> Component:
    """Why it matters and what to do, as the rule's owner wrote it; and the acknowledgement."""
    rule = row["settings"]
    told = [(word(f"alarm.{key}"), text(rule[key])) for key in ("action", "cause", "consequence") if rule.get(key)]
    told += [(word(f"alarm.{key}"), str(rule[key])) for key in ("owner", "source") if rule.get(key)]
    done = row["acked_at"] is not None
    said = word("alarm.acked", by=row["acked_by"], at=parts.when(row["acked_at"])) if done else ""
    note = f" “{row['ack_note']}”" if row["ack_note"] else ""
    form = [] if done or row["closed_at"] else _form()
    return parts.panel(
        word("alarm.do"), parts.facts(told), html.Div(form, id="ack-form"),
        html.P(said + note, id="ack-said", role="status"),
    )  # fmt: skip


def _form() -> list[Component]:
    """The name is kept in the browser for the next alarm."""
    name = dcc.Input(id="ack-by", value=CURRENT.get().name, maxLength=80, persistence="ioc", persistence_type="local")
    return [
        html.Label(word("ack.by"), htmlFor="ack-by"), name,
        html.Label(word("ack.note"), htmlFor="ack-note"), dcc.Input(id="ack-note", maxLength=500),
        html.Button(word("ack.do"), id="ack-do", className="primary"),
    ]  # fmt: skip


async def _chart(row: dict[str, Any]) -> Component:
    if row["series_id"] is None:
        return html.P(word("chart.none"), className="quiet")
    stop = min(parts.now(), (row["closed_at"] or parts.now()) + timedelta(hours=2))
    start = min(row["event_start"], stop) - timedelta(hours=6)
    step = max(timedelta(minutes=1), (stop - start) / 400)
    metric = {"unit": row["unit"], "decimals": row["decimals"]}
    drawn = await trends.between(row["series_id"], metric, start, stop, step, None)
    return dcc.Graph(figure=drawn, config=GRAPH, style={"height": "17rem"}, id="alarm-trend")


def _map(row: dict[str, Any]) -> Component:
    if row["at_lat"] is None:
        return html.P(word("alarm.placeless"), className="quiet")
    where: Any = {"data-lat": f"{row['at_lat']:.6f}", "data-lon": f"{row['at_lon']:.6f}"}
    where |= {"data-sensor": row["sensor_key"]} if row["sensor_key"] else {}
    return html.Div(html.Div(id="map", **where), className="small-map")


async def _history(id_: int) -> Component:
    changes = await current().read(screens.alarm_changes, id_)
    rows = [
        [parts.when(c["at"], seconds=True), parts.code("change", c["kind"]),
         number(c["value"], 2) if c["value"] is not None else "", c["actor"], c["note"]]
        for c in changes
    ]  # fmt: skip
    heads = [word(f"col.{k}") for k in ("at", "change", "value", "by", "note")]
    return parts.panel(word("alarm.history"), parts.table(heads, rows, empty="–", name=word("alarm.history")))


@callback(Output("ack-said", "children"), Output("ack-form", "children"),
          Output("alarm-history", "children"), Output("alarm-state", "children"),
          Input("ack-do", "n_clicks"), State("ack-by", "value"), State("ack-note", "value"), State("alarm-id", "data"),
          prevent_initial_call=True)  # fmt: skip
async def acknowledge(clicks: int | None, by: str | None, note: str | None, id_: int) -> Any:
    """Somebody takes it: a name is needed, a note is welcome."""
    if not clicks or CURRENT.get().role != "operator":
        return no_update, no_update, no_update, no_update
    if not (by or "").strip():
        return word("ack.name"), no_update, no_update, no_update
    done = await current().read(alarms.acknowledge, int(id_), (by or "").strip()[:80], (note or "").strip()[:500])
    row, history = await asyncio.gather(current().read(screens.alarm, int(id_)), _history(int(id_)))
    said = (
        word("alarm.acked", by=row["acked_by"] or by, at=parts.when(row["acked_at"]))
        if row and row["acked_at"]
        else word("ack.late")
    )
    return said if done or (row and row["acked_at"]) else word("ack.late"), [], history, _state(row) if row else "–"
