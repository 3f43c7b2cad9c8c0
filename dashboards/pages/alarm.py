"""One alarm: what, where, how bad, what to do, its chart, place and time line; now, or as of a past moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dash import dcc, html

from dashboards import actions, charts, parts, people, story
from dashboards.context import current
from dashboards.pages.live_map import GRAPH
from dashboards.parts import text, word
from dashboards.viewer import CURRENT
from ioc.store import asof, screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

PATHS, NAME, ORDER = ["/alarms/<alarm>"], "alarm", None


async def layout(alarm: str = "", **_: str) -> Any:
    return await parts.shown(lambda: _one(alarm))


async def _one(alarm: str) -> Component:
    known = alarm.isascii() and alarm.isdigit() and len(alarm) < 18
    row = await current().read(screens.alarm, int(alarm)) if known else None
    row = await _as_then(row) if row else None
    if row is None:
        return parts.page(word("page.alarms"), html.P(word("alarms.unknown"), className="quiet"))
    names, longest, told, drawn = await asyncio.gather(
        people.names(), actions.longest_h(), story.component(row), _chart(row)
    )
    where = [text(row["sensor"] or row["feed"], ""), text(row["area_name"], "")]
    return parts.page(
        story.title(row),
        html.Div(
            [
                html.Div(
                    [_what(row), parts.panel(word("alarm.chart"), drawn), parts.panel(word("alarm.map"), _map(row))],
                    className="column",
                ),
                html.Div([_do(row, names, longest), html.Div(told, id="alarm-story")], className="column"),
            ],
            className="columns",
        ),
        dcc.Store(id="alarm-id", data=row["id"]),
        lead=" · ".join(filter(None, [f"#{row['id']}", *where])),
    )


async def _as_then(row: dict[str, Any]) -> dict[str, Any] | None:
    """The alarm as of the moment that is looked at; None where it was not raised yet."""
    at = CURRENT.get().at
    if at is None:
        return row
    if row["opened_at"] > at:
        return None
    if row["closed_at"] is not None and row["closed_at"] <= at:
        return row
    then = next((r for r in await current().read_past(asof.alarms, at) if r["id"] == row["id"]), None)
    unknown = dict.fromkeys(("closed_at", "suppressed_until", "value_now", "value_at"))
    same = {k: row[k] for k in ("acked_at", "cleared_at", "assigned_at") if row[k] and row[k] <= at}
    kept = {"acked_at": None, "cleared_at": None, "assigned_at": None, "peak": None, **same}
    return {
        **row,
        **unknown,
        **kept,
        **({k: then[k] for k in ("condition", "suppression", "isa", "value")} if then else {}),
    }


def _what(row: dict[str, Any]) -> Component:
    pairs: list[tuple[str, Any]] = [
        (word("col.priority"), parts.priority(row["priority"])),
        (word("col.state"), html.Span(actions.state(row), id="alarm-state")),
        *_figures(row),
        (
            word("col.opened"),
            f"{parts.when(row['opened_at'], seconds=True)} · {word('sensor.ago', age=parts.ago(row['opened_at']))}",
        ),
        *([(word("alarm.cleared"), parts.when(row["cleared_at"], seconds=True))] if row["cleared_at"] else []),
        *([(word("alarm.closed"), parts.when(row["closed_at"], seconds=True))] if row["closed_at"] else []),
        *([(word("alarm.again"), parts.number(row["reopened"]))] if row["reopened"] else []),
        (word("alarm.rule"), parts.link(text(row["rule"], row["rule_key"]), f"/rules/{row['rule_key']}")),
        (word("col.where"), _where(row)),
    ]
    return parts.panel(word("alarm.what"), parts.facts(pairs))


def _where(row: dict[str, Any]) -> Component:
    said = text(row["sensor"] or row["feed"], row["sensor_key"] or row["feed_key"] or "–")
    if row["sensor_key"]:
        return parts.link(said, f"/sensor?key={row['sensor_key']}")
    return (
        parts.link(said, f"/feeds/{row['feed_key']}")
        if row["feed_key"]
        else html.Span(text(row["area_name"], row["target"]))
    )


def _figures(row: dict[str, Any]) -> list[tuple[str, Any]]:
    """Values and level of what is measured; of silence, how long it may last."""
    if row["rule_kind"] == "silence":
        return [(word("alarm.level"), parts.age(row["threshold"]))] if row["threshold"] else []
    seen = (
        f"{parts.reading(row, 'value_now')} · {word('sensor.ago', age=parts.ago(row['value_at']))}"
        if row["value_at"]
        else None
    )
    judged = {**row, "unit": row["judged_unit"]}
    measured = [
        ("alarm.level", parts.reading(judged, "threshold"), row["threshold"]),
        ("alarm.value", parts.reading(judged), row["value"]),
        ("alarm.now", seen, row["value_at"]),
        ("alarm.peak", parts.reading(judged, "peak"), row["peak"]),
    ]
    return [(word(key), said) for key, said, there in measured if there is not None]


def _do(row: dict[str, Any], names: dict[str, str], longest: float) -> Component:
    """Why it matters and what to do, as the rule's owner wrote it; and what a person may do to the alarm."""
    rule = row["settings"]
    advice = [(word(f"alarm.{key}"), text(rule[key])) for key in ("action", "cause", "consequence") if rule.get(key)]
    advice += (
        [(word("alarm.respond_within"), parts.length(rule["respond_within"]))] if rule.get("respond_within") else []
    )
    advice += [(word(f"alarm.{key}"), str(rule[key])) for key in ("owner", "source") if rule.get(key)]
    return parts.panel(word("alarm.do"), parts.facts(advice), actions.panel(row, names, longest))


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
