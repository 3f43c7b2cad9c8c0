"""All sensors as a table: built for a hundred thousand rows, of which a page at a time leaves the server."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import numpy as np
from dash import Input, Output, State, ctx, dcc, html

from dashboards import board, moment, parts
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.parts import aria, number, text, word

if TYPE_CHECKING:
    from collections.abc import Callable

    from dash.development.base_component import Component
    from numpy.typing import NDArray

    from dashboards.moment import Moment
    from dashboards.snapshot import Snapshot

PATHS, NAME, ORDER = ["/sensors"], "sensors", 18
PAGE = 100
_FILTERS = ("sensors-words", "sensors-domain", "sensors-state", "sensors-sort")
SORTS = ("state", "name", "age", "value")
_LOOKS = {0: ("none", "?"), 1: ("ok", ""), 2: ("warn", "!"), 3: ("crit", "!!"), 4: ("old", "\N{MULTIPLICATION SIGN}"),
          5: ("note", "i"), 6: ("doubt", "\N{ALMOST EQUAL TO}")}  # fmt: skip
_WEIGHT = np.array([3, 6, 1, 0, 2, 5, 4])  # which state comes first


class Wanted(NamedTuple):
    words: str = ""
    domain: str = ""
    state: str = ""
    sort: str = "state"
    page: int = 0


async def layout(words: str = "", domain: str = "", state: str = "", **_: str) -> Component:
    domains = sorted(current().folder.city.domains.items(), key=lambda item: item[1].order)
    wanted = Wanted(words[:60], domain, state)
    return parts.page(
        word("page.sensors"),
        html.Div([
            dcc.Input(wanted.words, id="sensors-words", type="search", debounce=0.3, placeholder=word("map.search"),
                      className="search", maxLength=60),
            parts.menu([{"label": text(d.name), "value": key} for key, d in domains], wanted.domain or None,
                         id="sensors-domain", placeholder=word("map.all"), className="narrow"),
            parts.menu([{"label": word(f"state.{n}"), "value": str(n)} for n in _LOOKS], wanted.state or None,
                         id="sensors-state", placeholder=word("sensors.any"), className="narrow"),
            parts.choice("sensors-sort", [(key, f"sort.{key}") for key in SORTS], "state", word("sensors.sort")),
        ], className="tools"),
        dcc.Store(id="sensors-page", data={"page": 0, "of": list(wanted[:-1])}),
        html.Div(await parts.shown(lambda: _listed(wanted)), id="sensors-table"),
        html.Div([html.Button("\N{LEFTWARDS ARROW}", id="sensors-back", className="plain", title=word("page.back")),
                  html.Button("\N{RIGHTWARDS ARROW}", id="sensors-on", className="plain", title=word("page.on"))],
                 className="tools", **aria(label=word("page.pages"))),
    )  # fmt: skip


# A callback of its own: what comes by itself would drop the answer to a press.
@callback(
    Output("sensors-page", "data"), Input("sensors-back", "n_clicks"), Input("sensors-on", "n_clicks"),
    *(State(id_, "value") for id_ in _FILTERS), State("sensors-page", "data"), prevent_initial_call=True,
)  # fmt: skip
async def turn(_: Any, __: Any, *given: Any) -> Any:
    """Back or on; the page belongs to one choice of sensors."""
    step = {"sensors-back": -1, "sensors-on": 1}.get(str(ctx.triggered_id), 0)
    wanted = _wanted(*given)
    return {"page": max(0, wanted.page + step), "of": list(wanted[:-1])}


@callback(
    Output("sensors-table", "children"), *(Input(id_, "value") for id_ in _FILTERS), Input("sensors-page", "data"),
    Input("signal-slow", "data"), prevent_initial_call=True,
)  # fmt: skip
async def listed(*given: Any) -> Any:
    return await parts.shown(lambda: _listed(_wanted(*given[:-1])))


def _wanted(words: str | None, domain: str | None, state: str | None, sort: str, turned: dict[str, Any]) -> Wanted:
    found = Wanted(words or "", domain or "", state or "", sort)
    return found._replace(page=turned["page"]) if turned["of"] == list(found[:-1]) else found


async def _listed(wanted: Wanted) -> Any:
    shown = await moment.shown()
    if shown is None:
        return html.P(word("figure.none"), className="quiet")
    found = order(shown, wanted)
    first = min(wanted.page * PAGE, max(0, (len(found) - 1) // PAGE * PAGE))
    rows = [_row(shown, int(i)) for i in found[first : first + PAGE]]
    heads = [word(f"col.{key}") for key in ("state", "sensor", "value", "last", "domain", "area")]
    said = word("sensors.of", first=number(first + 1 if len(found) else 0), last=number(first + len(rows)),
                of=number(len(found)))  # fmt: skip
    return [html.P(said, className="lead num"),
            parts.table(heads, rows, empty=word("sensors.none"), name=word("page.sensors"))]  # fmt: skip


def order(shown: Moment, wanted: Wanted) -> NDArray[np.intp]:
    """Indices of the points that fit, in the order asked for."""
    snap, frame = shown.snap, shown.frame
    fits = np.array(snap.layout.present, np.bool_)
    if wanted.domain:
        fits &= np.array([row.domain == wanted.domain for row in snap.sensors], np.bool_)
    if wanted.state.isdigit():
        fits &= frame.state == int(wanted.state)
    if asked := plain(wanted.words).split():
        names = _names(snap)
        fits &= np.array([all(w in name for w in asked) for name in names], np.bool_)
    found = np.flatnonzero(fits)
    keys: dict[str, Callable[[], tuple[Any, ...]]] = {
        "state": lambda: (frame.time[found], _WEIGHT[frame.state[found]]),
        "age": lambda: (frame.time[found],),
        "value": lambda: (-np.nan_to_num(frame.value[found], nan=-np.inf, posinf=np.inf, neginf=-np.inf),),
        "name": lambda: (np.array([_names(snap)[i] for i in found]),),
    }  # fmt: skip
    return found[np.lexsort(keys[wanted.sort if wanted.sort in keys else "state"]())]


def plain(said: str) -> str:
    """Small, and without marks: what people type."""
    found = unicodedata.normalize("NFD", said.lower()).replace("\N{LATIN SMALL LETTER D WITH STROKE}", "d")
    return "".join(c for c in found if not unicodedata.combining(c))


def _names(snap: Snapshot) -> list[str]:
    """Every point's names and key, plain; made once for a set of points."""
    key = ("plain", snap.generation, snap.revision)
    caches = current().caches
    if key not in caches:
        for old in [k for k in caches if k[0] == "plain"]:
            caches.pop(old, None)
        caches[key] = [plain(" ".join([*row.name.values(), row.key])) for row in snap.sensors]
    found: list[str] = caches[key]
    return found


def _row(shown: Moment, i: int) -> list[Any]:
    snap, frame = shown.snap, shown.frame
    row, state = snap.sensors[i], int(frame.state[i])
    look, mark = _LOOKS[state]
    age = parts.age(max(0.0, shown.at.timestamp() - float(frame.time[i]))) if frame.time[i] else None
    areas = {area.key: area.name for area in current().folder.areas}
    return [
        parts.sign(look, mark, word(f"state.{state}")),
        html.A(text(row.name, row.key), href=f"/sensor?key={quote(row.key)}"),
        html.Span(_value(snap, i), className="num"),
        word("sensor.ago", age=age) if age else "\N{EN DASH}",
        parts.domain(row.domain), text(areas.get(row.area), row.area or "\N{EN DASH}"),
    ]  # fmt: skip


def _value(snap: Snapshot, i: int) -> str:
    at = int(snap.head[i])
    if at < 0 or not np.isfinite(snap.values[at]):
        return "\N{EN DASH}"
    metric = snap.metrics.get(snap.layout.slots[at][2]) or {}
    value = float(snap.values[at])
    said = board.in_words(metric.get("settings", {}).get("states"), value)
    return text(said) if said else number(value, metric.get("decimals", 1), metric.get("unit", ""))
