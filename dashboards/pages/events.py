"""What services report: events that are open at the moment shown, to filter and to open on the map."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dash import Input, Output, dcc, html

from dashboards import moment, parts
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.pages.sensors import plain
from dashboards.parts import text, word

if TYPE_CHECKING:
    from dash.development.base_component import Component

PATHS, NAME, ORDER = ["/events"], "events", 25
_LOOKS = {3: ("warn", "!"), 4: ("crit", "!!")}
_MOST = 300


async def layout(domain: str = "", **_: str) -> Component:
    domains = sorted(current().folder.city.domains.items(), key=lambda item: item[1].order)
    return parts.page(
        word("page.events"),
        html.Div([
            dcc.Input("", id="events-words", type="search", debounce=0.3, placeholder=word("events.find"),
                      className="search", maxLength=60),
            parts.menu([{"label": text(d.name), "value": key} for key, d in domains], domain or None,
                         id="events-domain", placeholder=word("map.all"), className="narrow"),
        ], className="tools"),
        html.Div(await parts.shown(lambda: _listed("", domain)), id="events-table"),
        lead=word("events.lead"),
    )  # fmt: skip


@callback(
    Output("events-table", "children"), Input("events-words", "value"), Input("events-domain", "value"),
    Input("signal-slow", "data"), prevent_initial_call=True,
)  # fmt: skip
async def listed(words: str | None, domain: str | None, _: Any) -> Any:
    return await parts.shown(lambda: _listed(words or "", domain or ""))


async def _listed(words: str, domain: str) -> Any:
    shown = await moment.shown()
    asked = plain(words).split()
    rows = [
        row for row in (shown.events if shown else ())
        if (not domain or row["domain"] == domain)
        and all(w in plain(f"{row['title']} {row['kind']} {row['area'] or ''}") for w in asked)
    ]  # fmt: skip
    areas = {area.key: area.name for area in current().folder.areas}
    listed = [
        [parts.sign(*_LOOKS.get(row["severity"], ("event", "")), word(f"severity.{row['severity']}")),
         html.A(row["title"] or row["kind"], href=f"/?event={row['id']}"), row["kind"], parts.domain(row["domain"]),
         text(areas.get(row["area"]), row["area"] or "\N{EN DASH}"),
         parts.when(at := datetime.fromtimestamp(row["opened"] / 1000, UTC)), word("sensor.ago", age=parts.ago(at))]
        for row in rows[:_MOST]
    ]  # fmt: skip
    heads = [word(f"col.{key}") for key in ("severity", "event", "kind", "domain", "area", "opened", "since")]
    return [html.P(word("events.count", n=parts.number(len(rows))), className="lead num"),
            parts.table(heads, listed, empty=word("widget.no_events"), name=word("page.events"))]  # fmt: skip
