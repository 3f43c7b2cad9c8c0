"""Data quality: which series cannot be believed, why, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dash import Input, Output, html

from dashboards import parts
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.parts import number, text, word
from ioc.store import screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

PATHS, NAME, ORDER = ["/quality"], "quality", 50
KINDS = ("stuck", "skew", "rate", "range", "gap", "duplicate", "future", "past", "not_finite", "flood")


async def layout(**_: str) -> Component:
    choices = [("", "alarms.every"), *((k, f"fault.{k}") for k in KINDS)]
    return parts.page(
        word("page.quality"),
        html.Div(parts.choice("fault-kind", choices, "", word("col.fault")), className="tools"),
        html.Div(await parts.shown(lambda: _listed("")), id="fault-table"),
        lead=word("quality.lead"),
    )


@callback(
    Output("fault-table", "children"),
    Input("fault-kind", "value"),
    Input("signal-slow", "data"),
    prevent_initial_call=True,
)
async def listed(kind: str, _: Any) -> Any:
    return await parts.shown(lambda: _listed(kind))


async def _listed(kind: str) -> Component:
    rows = await current().read(screens.worst, kind)
    counts = await current().read(screens.quality_counts)
    said = " · ".join(f"{parts.code('fault', k)} {number(v)}" for k, v in counts.items()) or word("quality.clean")
    heads = [word(f"col.{k}") for k in ("fault", "sensor", "metric", "feed", "count", "since", "last", "detail")]
    listed = [
        [_fault(r), html.A(text(r["sensor"], r["sensor_key"]), href=f"/?sensor={quote(r['sensor_key'])}"),
         text(r["metric_name"], r["metric"]), parts.link(r["feed"], f"/feeds/{r['feed']}"),
         html.Span(number(r["count"]), className="num"), parts.when(r["since"]),
         word("sensor.ago", age=parts.ago(r["last"])), parts.noted(r["detail"])]
        for r in rows
    ]  # fmt: skip
    return html.Div(
        [
            html.P(said, className="lead"),
            parts.table(heads, listed, empty=word("quality.clean"), name=word("page.quality")),
        ]
    )


def _fault(row: dict[str, Any]) -> Component:
    said = parts.code("fault", row["kind"])
    return (
        parts.sign("warn", "!", said) if row["active"] else parts.sign("none", "", f"{said} · {word('quality.over')}")
    )
