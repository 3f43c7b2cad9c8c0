"""A chart that a person moves about in: which series, which span, what beside them; a zoom reads what is finer.

Shared by the sensor's page and the explorer; one of them is open at a time, so the parts have fixed names.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from dash import Input, Output, ctx, dcc, html, no_update

from dashboards import charts, graphs, parts
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.parts import aria, text, word
from ioc.store import screens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dash.development.base_component import Component

_TOOLS: dict[str, Any] = {
    "modeBarButtonsToRemove": ["select2d", "lasso2d"],
    "toImageButtonOptions": {"format": "png", "scale": 2, "filename": "ioc"},
}
FORMATS = ("csv", "parquet", "geoparquet", "geojson")
_USUAL = "24h"
_SHOWN = ["levels", "alarms"]
_LONGEST = timedelta(days=366 * 30)


class Asked(NamedTuple):
    """What an address asks for. window: (start, stop) in UTC, None for the span up to now."""

    series: list[int]
    span: str
    show: list[str]
    window: tuple[datetime, datetime] | None


def asked(series: str = "", span: str = "", show: str | None = None, start: str = "", stop: str = "") -> Asked:
    """An address's own words -> what is shown; what makes no sense is as if it were not there."""
    ids = list(dict.fromkeys(int(s) for s in series.split(",") if s.isascii() and s.isdigit() and len(s) < 10))
    shown = [s for s in show.split(",") if s in charts.SHOW] if show is not None else _SHOWN
    window = _window(start, stop)
    return Asked(ids[: charts.MOST], span if span in charts.SPANS else _USUAL, shown, window)


def _window(start: str, stop: str) -> tuple[datetime, datetime] | None:
    try:
        first, last = (datetime.fromisoformat(x).astimezone(UTC) for x in (start, stop) if x)
    except (ValueError, OverflowError):
        return None
    return (first, last) if timedelta(seconds=1) <= last - first <= _LONGEST else None


async def component(wanted: Asked, options: Sequence[tuple[int, str]], *, search: bool) -> Component:
    """options: the series there are to choose from; search: whether others may be found by name."""
    first = _drawn_window(wanted)
    chosen = wanted.series or [id_ for id_, _ in options[:1]]
    spans = [(key, f"range.{key}") for key in charts.SPANS]
    shows = [{"label": word(f"show.{key}"), "value": key} for key in charts.SHOW]
    hint = word("explore.search" if search else "sensor.series")
    picker = parts.menu([{"label": said, "value": id_} for id_, said in options], chosen, id="lines-series",
                          multi=True, searchable=True, placeholder=hint)  # fmt: skip
    start, stop = first
    return html.Div(
        [
            html.Div(html.Div(picker, role="group", **aria(label=word("sensor.series"))), className="picker"),
            html.Div([
                parts.choice("lines-span", spans, wanted.span, word("sensor.range")),
                html.Div(dcc.Checklist(shows, wanted.show, id="lines-show", inline=True, className="choice"),
                         role="group", **aria(label=word("explore.shown"))),
            ], className="tools"),
            dcc.Store(id="lines-zoom"),  # set by assets/62-lines.js: of all the chart says, only a zoom in time
            dcc.Store(id="lines-window", data=_store(wanted.span, wanted.window)),
            dcc.Graph(id="lines-graph", figure=await charts.between(chosen, start, stop, wanted.show),
                      config=graphs.config(**_TOOLS),
                      className="lines", style={"height": "min(62vh, 46rem)", "minHeight": "20rem"}),
            html.Div(_links(chosen, wanted.span, wanted.show, wanted.window, first),
                     id="lines-links", className="tools"),
        ],
        className="stack",
    )  # fmt: skip


def _drawn_window(wanted: Asked) -> tuple[datetime, datetime]:
    return wanted.window or (parts.now() - charts.SPANS[wanted.span], parts.now())


@callback(
    Output("lines-window", "data"), Input("lines-span", "value"), Input("lines-zoom", "data"),
    prevent_initial_call=True,
)  # fmt: skip
async def look(span: str, moved: Any) -> Any:
    """Where somebody looks: a zoom, or a span up to now. Quick, so that news that come meanwhile cannot undo it."""
    if ctx.triggered_id == "lines-span":
        return _store(span, None)
    zoomed = _zoomed(moved or {})
    return no_update if zoomed is None else _store(span, None if isinstance(zoomed, str) else zoomed)


@callback(
    Output("lines-graph", "figure"), Output("lines-links", "children"),
    Input("lines-series", "value"), Input("lines-show", "value"), Input("lines-window", "data"),
    Input("signal-slow", "data"),
    prevent_initial_call=True,
)  # fmt: skip
async def draw(series: list[int] | None, show: list[str] | None, looked: dict[str, Any], _: Any) -> Any:
    """The chart again: another choice, a zoom (read finer), or news, of which a window in the past has none."""
    window = _window(*looked["window"]) if looked["window"] else None
    if ctx.triggered_id == "signal-slow" and window is not None and window[1] < parts.now():
        return no_update, no_update
    start, stop = window or (parts.now() - charts.SPANS.get(looked["span"], charts.SPANS[_USUAL]), parts.now())
    ids = [int(s) for s in series or []][: charts.MOST]
    drawn = await charts.between(ids, start, stop, show or [])
    return drawn, _links(ids, looked["span"], show or [], window, (start, stop))


def _zoomed(moved: dict[str, Any]) -> tuple[datetime, datetime] | str | None:
    """What a drag or double click asks for: a window, "all" for the whole span, None for nothing of time."""
    if moved.get("xaxis.autorange"):
        return "all"
    edges = (moved.get("xaxis.range[0]"), moved.get("xaxis.range[1]"))
    if None in edges and isinstance(moved.get("xaxis.range"), list):
        edges = tuple(moved["xaxis.range"])
    if None in edges:
        return None
    try:
        found = [
            datetime.fromisoformat(str(edge)[:26]).replace(tzinfo=current().zone).astimezone(UTC) for edge in edges
        ]
    except ValueError:
        return None
    return (found[0], found[1]) if found[1] - found[0] >= timedelta(seconds=1) else None


def _store(span: str, window: tuple[datetime, datetime] | None) -> dict[str, Any]:
    return {"span": span, "window": [at.isoformat() for at in window] if window else None}


def _links(
    series: list[int], span: str, show: list[str], window: tuple[datetime, datetime] | None,
    drawn: tuple[datetime, datetime],
) -> list[Component]:  # fmt: skip
    """A link that shows the same again, and downloads of what is on screen."""
    edges = {"start": _iso(window[0]), "stop": _iso(window[1])} if window else {"span": span}
    query = urlencode({"series": ",".join(map(str, series)), "show": ",".join(show), **edges})
    files = {"series": ",".join(map(str, series)), "start": _iso(drawn[0]), "stop": _iso(drawn[1])}
    return [
        html.A(word("explore.link"), href=f"/explore?{query}", id="lines-link"),
        html.Span([word("explore.save"), " ", *(
            html.A(form.upper(), href=f"/export?{urlencode({**files, 'format': form})}", download="", className="file")
            for form in FORMATS
        )]),
        html.Button(word("explore.print"), id="print", className="plain"),
    ]  # fmt: skip


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def named(ids: Sequence[int]) -> list[tuple[int, str]]:
    """(id, "sensor – metric") of each series that exists."""
    rows = await current().read(screens.named_series, list(ids)) if ids else []
    return [(row["id"], label(row)) for row in rows]


def label(row: dict[str, Any]) -> str:
    return f"{text(row['sensor'], row['sensor_key'])} – {text(row['name'])}"
