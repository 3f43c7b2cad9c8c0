"""One event in the map page's panel: what, where, since when, and what became of it. All of it as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from dashboards import parts
from dashboards.context import current
from dashboards.parts import aria, text, word
from ioc.store import screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

_MOST_FACTS = 12


async def panel(id_: int) -> Any:
    row = await current().read(screens.event, id_)
    if row is None:
        return html.P(word("event.gone"), className="quiet")
    changes = await current().read(screens.event_changes, id_)
    return [
        html.Div(
            [html.H2(row["title"] or row["kind"]), html.Button("×", id="unpick", title=word("close"))],
            className="head-row",
        ),
        html.P(" · ".join(filter(None, [text(row["feed_name"]), text(row["area_name"], "")])), className="lead"),
        html.P([html.I(className="dot event", **aria(hidden="true")), html.B(word(f"event.{row['status']}"))],
               className="sign event", id="event-state"),
        html.H3(word("sensor.facts")),
        _facts(row),
        html.H3(word("alarm.history")),
        _history(changes),
    ]  # fmt: skip


def _facts(row: dict[str, Any]) -> Component:
    place = f"{row['lat']:.5f}, {row['lon']:.5f}" if row["lat"] is not None and row["lon"] is not None else "–"
    pairs: list[tuple[str, Any]] = [
        (word("col.opened"), f"{parts.when(row['opened_at'])} · {parts.ago(row['opened_at'])}"),
        (word("event.last"), parts.when(row["changed_at"])),
        (word("event.kind"), row["kind"]), (word("event.severity"), word(f"severity.{row['severity']}")),
        (word("fact.key"), row["key"]), (word("fact.place"), place), (word("fact.owner"), row["owner"] or "–"),
        (word("fact.feed"), parts.link(text(row["feed_name"]), f"/feeds/{row['feed']}")),
    ]  # fmt: skip
    return parts.facts(pairs + [(str(k), str(v)[:500]) for k, v in row["properties"].items()][:_MOST_FACTS])


def _history(changes: list[dict[str, Any]]) -> Component:
    listed = [[parts.when(c["time"]), word(f"event.{c['status']}"), c["title"]] for c in changes]
    heads = [word("col.at"), word("col.state"), word("col.what")]
    return parts.table(heads, listed, empty="–", name=word("alarm.history"))
