"""The back-test on a rule's page: what is asked goes to the engine through the store; what came of it is shown."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dash import Input, Output, State, dcc, html, no_update

from dashboards import listing, parts
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.figures import backtest
from dashboards.listing import Column
from dashboards.parts import number, word
from dashboards.viewer import CURRENT
from ioc.config.types import parse_duration
from ioc.errors import IocError
from ioc.store import rule_tests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dash.development.base_component import Component

    Row = dict[str, Any]

SPANS = {"1d": 1, "7d": 7, "30d": 30, "90d": 90, "365d": 365}  # days
_POLL_MS, _PATIENCE = 1500, 240  # milliseconds between two looks, and how many of them
_LONELY = 14  # looks without an answer until it is said that perhaps nobody works on it
_SHOWN = 20
GRAPH: Any = {"displayModeBar": False, "responsive": True}


async def component(row: Row, asked: str = "") -> Component:
    """asked: the number of a test that was asked before, from the address."""
    settings = row["settings"]
    band = settings.get("options", {}).get("deadband")
    spans = dcc.RadioItems(
        [{"label": word(f"span.{k}"), "value": k} for k in SPANS], "7d", id="test-span", inline=True, className="choice"
    )
    fields = [
        _field("test-delay", "test.delay", "5min", _duration(settings.get("on_delay"))),
        _field("test-off", "test.off_delay", "5min", _duration(settings.get("off_delay"))),
        *(
            [_field("test-band", "test.band", "0.05", "" if band is None else str(band))]
            if row["kind"] == "threshold"
            else [html.Div(dcc.Input(id="test-band"), hidden=True)]
        ),
    ]
    known = asked if asked.isascii() and asked.isdigit() and len(asked) < 18 else ""
    return html.Div(
        [
            html.P(word("test.lead"), className="quiet"),
            html.Div(spans, role="group", **parts.aria(label=word("test.span"))),
            html.Div(fields, className="fields"),
            html.Div(
                [
                    html.Button(
                        word("test.do"), id="test-do", className="primary", disabled=CURRENT.get().at is not None
                    )
                ],
                className="tools",
            ),
            html.Div(await _answer(int(known), 0) if known else [], id="test-said", role="status"),
            dcc.Store(id="test-id", data=int(known) if known else None),
            dcc.Interval(id="test-poll", interval=_POLL_MS, max_intervals=_PATIENCE, disabled=not known),
            dcc.Store(id="test-rule", data=row["key"]),
        ],
        className="stack",
    )


def _field(id_: str, label: str, hint: str, value: str) -> Component:
    return html.Div(
        [html.Label(word(label), htmlFor=id_), dcc.Input(id=id_, value=value, placeholder=hint, maxLength=20)],
        className="field",
    )


def _duration(written: Any) -> str:
    """As a rule file has it: 90s, 5min, 2h."""
    seconds = float(str(written or "0s").removesuffix("s") or 0)
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"


def changed(settings: Mapping[str, Any], delay: str, off: str, band: str) -> Row:
    """The rule with other delays and another dead-band. Raises ValueError that says what is wrong."""
    rule = {**settings, "options": dict(settings.get("options") or {})}
    for key, written in (("on_delay", delay), ("off_delay", off)):
        if written.strip():
            length = parse_duration(written.strip().replace(",", "."))
            if not timedelta(0) <= length <= timedelta(days=31):
                raise ValueError(word("test.long"))
            rule[key] = f"{length.total_seconds():g}s"
    before = rule["options"].get("deadband")
    if band.strip() and band.strip() != ("" if before is None else str(before)):
        rule["options"]["deadband"] = float(band.strip().replace(",", "."))
        rule["options"].pop("clear", None)
    return rule


@callback(
    Output("test-id", "data"),
    Output("test-said", "children"),
    Output("test-poll", "disabled"),
    Output("test-poll", "n_intervals"),
    Input("test-do", "n_clicks"),
    State("test-rule", "data"),
    State("test-span", "value"),
    State("test-delay", "value"),
    State("test-off", "value"),
    State("test-band", "value"),
    prevent_initial_call=True,
)
async def ask(clicks: int | None, key: str, span: str, delay: str | None, off: str | None, band: str | None) -> Any:
    """What is asked stays in the address, so that the answer can be shown to others."""
    viewer = CURRENT.get()
    if not clicks or viewer.at is not None:
        return (no_update,) * 4
    settings = await current().read(rule_tests.settings_of, key)
    if settings is None:
        return no_update, _bad(word("rules.unknown")), True, 0
    try:
        rule = changed(settings, delay or "", off or "", band or "")
    except (ValueError, OverflowError) as error:
        return no_update, _bad(str(error)), True, 0
    end = parts.now()
    try:
        id_ = await current().read(
            rule_tests.ask, rule, end - timedelta(days=SPANS.get(span, 7)), end, viewer.name or "desk"
        )
    except IocError as error:
        return no_update, _bad(str(error)), True, 0
    return id_, _waiting(id_, 0), False, 0


@callback(Output("test-said", "children", allow_duplicate=True), Output("test-poll", "disabled", allow_duplicate=True),
          Input("test-poll", "n_intervals"), State("test-id", "data"), prevent_initial_call=True)  # fmt: skip
async def look(times: int | None, id_: int | None) -> Any:
    if not id_:
        return no_update, True
    found = await _answer(int(id_), times or 0)
    waits = isinstance(found, html.Div) and "waiting" in str(getattr(found, "className", ""))
    return found, not waits or (times or 0) >= _PATIENCE


async def _answer(id_: int, times: int) -> Component:
    answer = await current().read(rule_tests.answer, id_)
    if answer is None:
        return _bad(word("test.gone"))
    if not answer.done:
        return _waiting(id_, times)
    if answer.result is None:
        return _bad(f"{word('test.failed')} {answer.error}")
    return await asyncio.to_thread(shown, answer.result, id_)


def _waiting(id_: int, times: int) -> Component:
    said = [html.Span(word("test.waiting"))] + (
        [html.P(word("test.lonely"), className="quiet")] if times >= _LONELY else []
    )
    return html.Div(said, className="waiting", **_address(id_))


def _address(id_: int) -> Any:
    return {"data-address": f"test={id_}"}


def _bad(said: str) -> Component:
    return html.P(said, className="bad")


def shown(found: Row, id_: int) -> Component:
    """The whole answer: a sentence, charts, what other settings would make of it, when it would have fired."""
    said = {"hours": word("test.hours"), "alarms": word("test.alarms"), "clock": word("test.clock")}
    chart = dcc.Graph(figure=backtest.result(found, said), config=GRAPH, style={"height": "24rem"}, id="test-chart")
    part = (
        [html.P(word("test.part", n=number(found["considered"]), of=number(found["watched"])), className="quiet")]
        if found["considered"] < found["watched"]
        else []
    )
    return html.Div(
        [
            html.P(_sentence(found), className="sum"),
            *part,
            chart,
            html.H3(word("test.options")),
            _options(found),
            html.H3(word("test.worst")),
            _targets(found),
            html.H3(word("test.fired")),
            _fired(found),
        ],
        className="stack result",
        **_address(id_),
    )


def _sentence(found: Row) -> str:
    return word(
        "test.sum",
        start=parts.when(datetime.fromisoformat(found["start"])),
        end=parts.when(datetime.fromisoformat(found["end"])),
        alarms=number(found["alarms"]),
        hours=number(found["hours"], 1),
        longest=parts.age(found["longest"]),
        targets=number(found["watched"]),
        readings=number(found["readings"]),
    )


def _options(found: Row) -> Component:
    """Other delays down, other dead-bands across; the rule as asked is marked."""
    bands = list(dict.fromkeys(o["band"] for o in found["options"]))
    delays = sorted(dict.fromkeys(o["on_delay"] for o in found["options"]))
    cells = {(o["on_delay"], o["band"]): o for o in found["options"]}
    heads = [Column(word("test.delay"))] + [
        Column(f"{word('test.band')} {word('test.own') if b is None else f'{b:g}'}") for b in bands
    ]
    rows = [[parts.age(d), *(_option(cells.get((d, b))) for b in bands)] for d in delays]
    return listing.cards(heads, rows, name=word("test.options"), empty=word("test.none"))


def _option(one: Row | None) -> Any:
    if one is None:
        return ""
    said = word("test.cell", alarms=number(one["alarms"]), hours=number(one["hours"], 1))
    return html.B(["▸ ", said], title=word("test.current")) if one["current"] else said


def _targets(found: Row) -> Component:
    heads = [Column(word(f"col.{k}")) for k in ("where", "alarms", "hours")]
    rows = [[str(name), number(alarms), number(hours, 1)] for name, alarms, hours in found["targets"][:_SHOWN]]
    return listing.cards(heads, rows, name=word("test.worst"), empty=word("test.none"))


def _fired(found: Row) -> Component:
    heads = [Column(word(f"col.{k}")) for k in ("where", "since", "raised", "ended", "lasts", "peak")]
    rows = [
        [str(f["name"]), _at(f["start"]), _at(f["raised"]), _at(f["end"]) if f["end"] else word("test.stands"),
         parts.age(f["length"]), number(f["peak"], 2)]
        for f in found["fired"][-_SHOWN:][::-1]
    ]  # fmt: skip
    return listing.cards(heads, rows, name=word("test.fired"), empty=word("test.none"))


def _at(written: str) -> str:
    return parts.when(datetime.fromisoformat(written), seconds=True)
