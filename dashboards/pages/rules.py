"""Rules: what is watched and how each fares; one of them as written, how often it was raised, its back-test."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import tomli_w
from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboards import listing, parts, rule_test
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.figures import backtest
from dashboards.listing import Column, two
from dashboards.parts import number, text, word
from dashboards.viewer import CURRENT
from ioc.store import rule_pages

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from ioc.store.database import Connection

    Row = dict[str, Any]

PATHS, NAME, ORDER = ["/rules", "/rules/<key>"], "rules", 24
SIZE = 100
_WHICH = ("all", "bad", "noisy", "idle", "off")
_LATE = timedelta(minutes=5)  # a rule that was not looked at for this long is not looked at


async def layout(key: str = "", test: str = "", which: str = "", text: str = "", **_: str) -> Any:
    if key:
        return await parts.shown(lambda: _one(key, test))
    which, text = which if which in _WHICH else "all", text[:80]
    return parts.page(
        word("page.rules"),
        html.Div(
            [
                parts.choice("rules-which", [(k, f"rules.{k}") for k in _WHICH], which, word("rules.which")),
                dcc.Input(
                    id="rules-text",
                    type="search",
                    placeholder=word("rules.find"),
                    debounce=0.4,
                    maxLength=80,
                    value=text,
                    className="search",
                ),
            ],
            className="tools",
        ),
        dcc.Store(id="rules-page", data={"page": 0, "of": [which, text]}),
        html.Div(await parts.shown(lambda: _listed(which, text, 0)), id="rules-table"),
        lead=word("rules.past") if CURRENT.get().at else word("rules.lead"),
    )


async def _rules() -> list[Row]:
    """Everybody's the same for some seconds; of a past moment read anew."""
    at = CURRENT.get().at
    if at is not None:
        return await current().read_past(rule_pages.listed, at)
    return await current().shared("rules", 8.0, lambda conn: rule_pages.listed(conn, parts.now()))


# A callback of its own: what comes by itself would drop the answer to a press.
@callback(
    Output("rules-page", "data"),
    Input({"turn": "rules", "to": ALL}, "n_clicks"),
    State("rules-which", "value"),
    State("rules-text", "value"),
    prevent_initial_call=True,
)
async def turn(_: Any, which: str, said: str | None) -> Any:
    """A page was pressed; it belongs to one choice of rules."""
    if not ctx.triggered or not ctx.triggered[0]["value"] or not isinstance(ctx.triggered_id, dict):
        return no_update
    return {"page": max(0, int(str(ctx.triggered_id["to"]).split(":")[1])), "of": [which, said or ""]}


@callback(
    Output("rules-table", "children"),
    Input("rules-which", "value"),
    Input("rules-text", "value"),
    Input("rules-page", "data"),
    Input("signal-slow", "data"),
    prevent_initial_call=True,
)
async def listed(which: str, said: str | None, turned: Row, _: Any) -> Any:
    page = turned["page"] if turned["of"] == [which, said or ""] else 0
    return await parts.shown(lambda: _listed(which, said or "", page))


async def _listed(which: str, said: str, page: int) -> Component:
    today = parts.now().astimezone(current().zone).date()
    rows = [(r, health(r, today)) for r in await _rules()]
    fitting = [
        (r, h)
        for r, h in rows
        if _fits(r, which) and said.casefold() in f"{r['key']} {r['name']} {r['owner']}".casefold()
    ]
    shown = fitting[page * SIZE : (page + 1) * SIZE]
    keys = ("rule", "health", "targets", "week", "month", "open", "evaluated", "owner")
    table = listing.cards(
        [Column(word(f"col.{k}"), None, k) for k in keys], [_row(r, h) for r, h in shown],
        name=word("page.rules"), empty=word("rules.none"),
    )  # fmt: skip
    sums = word(
        "rules.sum",
        n=number(len(rows)),
        bad=number(sum(_fits(r, "bad") for r, _ in rows)),
        noisy=number(sum(_fits(r, "noisy") for r, _ in rows)),
    )
    return html.Div(
        [html.P(sums, className="lead"), table, listing.pager("rules", page, SIZE, len(fitting))], className="stack"
    )


def _fits(row: Row, which: str) -> bool:
    if which == "off":
        return not row["enabled"]
    wanted = {
        "all": True,
        "bad": bool(row["error"] or row["warning"] or late(row)),
        "noisy": bool(row["chattering"] or row["stale"] or row["flapping"]),
        "idle": not row["month"] and not row["open"],
    }
    return wanted[which] and (row["enabled"] or which == "all")


def late(row: Row) -> bool:
    """Nobody looks at it any more."""
    return (
        row["enabled"]
        and CURRENT.get().at is None
        and row["evaluated_at"] is not None
        and parts.now() - row["evaluated_at"] > _LATE
    )


def health(row: Row, today: date) -> list[Component]:
    """Everything that is wrong with a rule, the worst first; one good word where nothing is."""
    if not row["enabled"]:
        return [parts.sign("none", "–", word("rule.off"))]
    found = [parts.sign("crit", "!!", word("rule.fails"))] if row["error"] else []
    found += [parts.sign("crit", "!!", word("rule.late"))] if late(row) else []
    found += [parts.sign("warn", "!", word("rule.never"))] if row["evaluated_at"] is None and not row["error"] else []
    found += [parts.sign("warn", "!", word("rule.warns"))] if row["warning"] else []
    found += [parts.sign("warn", "≈", word("rule.chatters", n=number(row["chattering"])))] if row["chattering"] else []
    found += [parts.sign("warn", "≈", word("rule.flaps", n=number(row["flapping"])))] if row["flapping"] else []
    found += [parts.sign("warn", "⏳", word("rule.stale", n=number(row["stale"])))] if row["stale"] else []
    found += (
        [parts.sign("none", "…", word("rule.review", day=row["review_by"]))]
        if row["review_by"] and row["review_by"] < str(today)
        else []
    )
    return found or [parts.sign("ok", "", word("rule.well"))]


def _row(row: Row, signs: list[Component]) -> list[Any]:
    said = row["error"] or row["warning"]
    opened = parts.link(number(row["open"]), f"/alarms?rule={row['key']}") if row["open"] else "0"
    return [
        two(
            parts.link(text(row["name"], row["key"]), f"/rules/{row['key']}"),
            f"{row['key']} · {row['kind']} · {word('priority.' + str(row['priority']))}",
        ),
        html.Div([*signs, *([html.Small(said[:240])] if said else [])], className="signs"),
        number(row["targets"]),
        number(row["week"]),
        number(row["month"]),
        opened,
        word("sensor.ago", age=parts.ago(row["evaluated_at"])) if row["evaluated_at"] else "–",
        row["owner"] or "–",
    ]


def _read(conn: Connection, key: str, zone: str) -> tuple[Row | None, dict[date, int], list[Row]]:
    at = parts.now()
    row = rule_pages.one(conn, at, key)
    if row is None:
        return None, {}, []
    since = at - timedelta(days=30)
    return row, rule_pages.days(conn, row["id"], since, zone), rule_pages.actors(conn, row["id"], since)


async def _one(key: str, test: str) -> Component:
    row, days, actors = await current().read(_read, key[:200], str(current().zone))
    if row is None:
        return parts.page(word("page.rules"), html.P(word("rules.unknown"), className="quiet"))
    tested = await rule_test.component(row, test)
    today = parts.now().astimezone(current().zone).date()
    chart = dcc.Graph(
        figure=await asyncio.to_thread(backtest.month, days, today, word("test.alarms")),
        config=rule_test.GRAPH,
        style={"height": "13rem"},
        id="rule-month",
    )
    return parts.page(
        text(row["name"], row["key"]),
        html.Div(
            [
                html.Div(
                    [_why(row), _health(row, today), parts.panel(word("rule.written"), _settings(row))],
                    className="column",
                ),
                html.Div(
                    [parts.panel(word("test.title"), tested), parts.panel(word("rule.month"), chart, _actors(actors))],
                    className="column",
                ),
            ],
            className="columns",
        ),
        lead=f"{row['key']} · {row['kind']}",
    )


def _why(row: Row) -> Component:
    rule = row["settings"]
    pairs: list[tuple[str, Any]] = [(word("col.priority"), parts.priority(row["priority"]))]
    pairs += [(word(f"alarm.{k}"), text(rule[k])) for k in ("cause", "consequence", "action") if rule.get(k)]
    pairs += (
        [(word("alarm.respond_within"), parts.length(rule["respond_within"]))] if rule.get("respond_within") else []
    )
    pairs += [(word(f"alarm.{k}"), str(rule[k])) for k in ("owner", "source", "review_by") if rule.get(k)]
    return parts.panel(word("rule.why"), parts.facts(pairs))


def _health(row: Row, today: date) -> Component:
    pairs: list[tuple[str, Any]] = [
        (word("col.health"), html.Div(health(row, today), className="signs")),
        (word("col.evaluated"), f"{parts.when(row['evaluated_at'], seconds=True)}"),
        (word("col.targets"), number(row["targets"])),
        *([(word("rule.warning"), row["warning"])] if row["warning"] else []),
        *(
            [(word("rule.error"), f"{row['error']} ({parts.when(row['error_at'], seconds=True)})")]
            if row["error"]
            else []
        ),
        (word("rule.errors"), number(row["errors"])),
        (word("rule.raised"), word("rule.counts", week=number(row["week"]), month=number(row["month"]))),
        (
            word("col.open"),
            parts.link(
                word("rule.open", n=number(row["open"]), aside=number(row["aside"])), f"/alarms?rule={row['key']}"
            ),
        ),
        (word("rule.version"), f"{row['version']} · {parts.when(row['updated_at'])}"),
    ]
    return parts.panel(word("col.health"), parts.facts(pairs))


def _settings(row: Row) -> Component:
    return html.Pre(html.Code(written(row["settings"])))


def written(settings: Row) -> str:
    """As in a rule file; what is not said there is not said here."""
    return tomli_w.dumps({"rule": [_said(settings)]})


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _said(v) for k, v in value.items() if v not in (None, [], {}, "")}
    return [_said(v) for v in value if v is not None] if isinstance(value, list) else value


def _actors(rows: list[Row]) -> Component:
    heads = [Column(word(f"col.{k}")) for k in ("where", "raised", "last", "alarm")]
    listed = [
        [text(r["sensor"] or r["feed"], r["sensor_key"] or r["target"]), number(r["raised"]), parts.when(r["last"]),
         parts.link(f"#{r['alarm']}", f"/alarms/{r['alarm']}")]
        for r in rows
    ]  # fmt: skip
    return listing.cards(heads, listed, name=word("rule.actors"), empty=word("rule.silent"))
