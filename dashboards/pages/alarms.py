"""Alarms: what is open, or over, or was so at a past moment; many are found, looked through, acknowledged."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboards import alarm_list, parts, reach
from dashboards.alarm_list import Asked
from dashboards.callbacks import ForbiddenError, callback
from dashboards.context import current
from dashboards.parts import aria, number, word
from dashboards.viewer import CURRENT, called
from ioc.access.rights import Right
from ioc.store import alarms

if TYPE_CHECKING:
    from dash.development.base_component import Component

PATHS, NAME, ORDER = ["/alarms"], "alarms", 20
MOST = 10_000  # alarms acknowledged at once
_CHUNK = 250  # a transaction
_FILTERS = ("alarm-which", "alarm-priority", "alarm-domain", "alarm-area", "alarm-rule", "alarm-text")
_STATES = [State(id_, "value") for id_ in _FILTERS]


async def layout(**query: str) -> Any:
    wanted = alarm_list.asked(query)
    return parts.page(word("page.alarms"), await parts.shown(lambda: _page(wanted)))


async def _page(wanted: Asked) -> Component:
    found, rules = await asyncio.gather(alarm_list.find(wanted), current().shared("rule-names", 20.0, alarms.rules))
    past = CURRENT.get().at is not None
    which = dcc.RadioItems(alarm_list.options(found.tally, past=past), wanted.which, id="alarm-which", inline=True,
                           className="choice")  # fmt: skip
    worst = dcc.Checklist(alarm_list.priorities(found.tally), list(wanted.priorities), id="alarm-priority", inline=True,
                          className="choice")  # fmt: skip
    return html.Div(
        [
            html.Div([_named("alarms.which", which), _named("col.priority", worst)], className="tools"),
            html.Div(
                [
                    _menu("alarm-domain", "col.domain", alarm_list.domains(), wanted.domain),
                    _menu("alarm-area", "col.area", alarm_list.areas(), wanted.area),
                    _menu("alarm-rule", "col.rule", alarm_list.rules(rules), wanted.rule),
                    dcc.Input(id="alarm-text", type="search", placeholder=word("alarms.find"), debounce=0.4,
                              maxLength=80, value=wanted.text, className="search"),
                ],
                className="tools menus",
            ),
            dcc.Store(id="alarm-view", data=_view(wanted)),
            dcc.Store(id="alarm-picked", data=[]),
            dcc.Store(id="alarm-done"),  # what was done to many from here, which may be no news to anybody else
            dcc.Interval(id="alarm-pulse", interval=20_000, disabled=past),  # how long each lasts, and who has it
            *([_bulk()] if CURRENT.get().can(Right.ACT) else []),
            html.Div(alarm_list.table(wanted, found), id="alarm-table"),
        ],
        className="stack",
    )  # fmt: skip


def _named(name: str, child: Component) -> Component:
    return html.Div(child, role="group", **aria(label=word(name)))


def _menu(id_: str, name: str, options: list[dict[str, str]], value: str) -> Component:
    menu = parts.menu(options, value or None, id=id_, placeholder=word(name), searchable=len(options) > 8)
    return html.Div(menu, className="picker", role="group", **aria(label=word(name)))


def _bulk() -> Component:
    """What is done to all that is ticked; shown by our script while something is."""
    return html.Div(
        [
            html.B([html.Span(id="picked-count", className="num"), " ", word("pick.picked")]),
            html.Label(word("ack.by"), htmlFor="bulk-by", className="unseen"),
            parts.signature("bulk-by", placeholder=word("ack.by")),
            html.Label(word("ack.note"), htmlFor="bulk-note", className="unseen"),
            dcc.Input(id="bulk-note", maxLength=500, placeholder=word("ack.note")),
            html.Button(word("ack.do"), id="bulk-ack", className="primary"),
            html.Button(word("pick.fitting"), id="bulk-fitting", className="plain"),
            html.Button(word("pick.none"), id="bulk-none", className="plain"),
            html.Span(id="bulk-said", role="status"),
            html.Div(id="bulk-order", hidden=True),
        ],
        id="bulk", className="panel tools bulk empty", role="region", **aria(label=word("pick.region")),
    )  # fmt: skip


def _view(wanted: Asked) -> dict[str, Any]:
    """Order and page belong to one choice of filters; another choice begins on its first page."""
    return {"sort": wanted.sort, "page": wanted.page, "of": _signature(wanted)}


def _signature(wanted: Asked) -> str:
    return alarm_list.address(wanted._replace(sort="worst", page=0))


def _wanted(filters: list[Any], view: dict[str, Any]) -> Asked:
    which, priorities, domain, area, rule, text = filters
    found = Asked(
        which or "open",
        tuple(sorted(priorities or ())),
        domain or "",
        area or "",
        rule or "",
        (text or "").strip()[:80],
    )
    page = view["page"] if view["of"] == _signature(found) else 0
    return found._replace(sort=view["sort"], page=page)


@callback(Output("alarm-view", "data"), Input({"turn": "alarms", "to": ALL}, "n_clicks"), *_STATES,
          State("alarm-view", "data"), prevent_initial_call=True)  # fmt: skip
async def turn(_: Any, *given: Any) -> Any:
    """A head or a page was pressed."""
    if not ctx.triggered or not ctx.triggered[0]["value"] or not isinstance(ctx.triggered_id, dict):
        return no_update
    what, _, value = str(ctx.triggered_id["to"]).partition(":")
    wanted = _wanted(list(given[:-1]), given[-1])
    if what == "sort":
        return _view(wanted._replace(sort=value if value in alarm_list.SORTS else "worst", page=0))
    return _view(wanted._replace(page=max(0, min(int(value.partition(":")[0]), 10_000))))


@callback(Output("alarm-table", "children"), Output("alarm-which", "options"), Output("alarm-priority", "options"),
          *(Input(id_, "value") for id_ in _FILTERS), Input("alarm-view", "data"), Input("signal-alarms", "data"),
          Input("alarm-pulse", "n_intervals"), Input("alarm-done", "data"),
          prevent_initial_call=True)  # fmt: skip
async def listed(*given: Any) -> Any:
    wanted = _wanted(list(given[:-4]), given[-4])
    found: list[Any] = []

    async def build() -> Any:
        found.append(await alarm_list.find(wanted))
        return alarm_list.table(wanted, found[0])

    table = await parts.shown(build)
    if not found:
        return table, no_update, no_update
    past = CURRENT.get().at is not None
    return table, alarm_list.options(found[0].tally, past=past), alarm_list.priorities(found[0].tally)


@callback(Output("bulk-order", "children"), Output("bulk-said", "children"), Output("alarm-done", "data"),
          Input("bulk-fitting", "n_clicks"), Input("bulk-ack", "n_clicks"), State("alarm-picked", "data"),
          State("bulk-by", "value"), State("bulk-note", "value"), *_STATES, State("alarm-view", "data"),
          prevent_initial_call=True, needs=Right.ACT)  # fmt: skip
async def bulk(_: Any, __: Any, picked: list[int], by: str | None, note: str | None, *given: Any) -> Any:
    """Tick all that fits, or acknowledge what is ticked: with a name, and in pieces, so that nobody else waits."""
    viewer = CURRENT.get()
    if not any((_, __)) or viewer.at is not None:
        return (no_update,) * 3
    if ctx.triggered_id == "bulk-fitting":
        ids = await current().read(alarms.open_ids, _wanted(list(given[:-1]), given[-1]).filter, MOST)
        return f"pick:{time.time()}:{','.join(map(str, ids))}", "", no_update
    if not (name := called(by)):
        return no_update, word("ack.name"), no_update
    ids = list(dict.fromkeys(i for i in picked or () if isinstance(i, int)))[:MOST]
    try:
        await reach.alarms(ids)
    except ForbiddenError as error:
        return no_update, str(error), no_update
    done = 0
    for start in range(0, len(ids), _CHUNK):
        done += await current().read(alarms.acknowledge_all, ids[start : start + _CHUNK], name,
                                     (note or "").strip()[:500])  # fmt: skip
    said = word("pick.done", n=number(done))
    said += f" {word('pick.late', n=number(len(ids) - done))}" if done < len(ids) else ""
    return f"clear:{time.time()}:", said, time.time()
