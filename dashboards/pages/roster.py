"""Roster: who is on duty now and next, the week ahead with its gaps, who stands in, days off, and who is told when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboards import listing, parts, people, viewer, week
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.listing import Column, two
from dashboards.pages.shelf import moment
from dashboards.parts import aria, number, text, word
from dashboards.viewer import CURRENT, called
from ioc import language
from ioc.access.rights import Right
from ioc.errors import IocError
from ioc.store import duty

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from ioc.store.database import Connection

    Row = dict[str, Any]

PATHS, NAME, ORDER = ["/roster"], "roster", 26
_AHEAD = timedelta(days=7)
_FORM = "%Y-%m-%d %H:%M"


class Known(NamedTuple):
    at: datetime
    spans: dict[str, list[Row]]  # by post
    names: dict[str, Any]
    stand_ins: list[Row]
    holidays: list[Row]
    chains: list[Row]


async def layout(**_: str) -> Any:
    idle = not CURRENT.get().can(Right.DUTY)
    return parts.page(
        word("page.roster"),
        html.Div(await parts.shown(_shown), id="roster-now", className="stack"),
        *([] if idle else [parts.panel(word("roster.replace"), await _form())]),
        lead=word("roster.lead"),
    )


@callback(Output("roster-now", "children"), Input("signal-slow", "data"), prevent_initial_call=True)
async def refresh(_: Any) -> Any:
    return await parts.shown(_shown)


def _read(conn: Connection) -> Known:
    at = parts.now()
    rows = duty.spans(conn, at, at + _AHEAD + timedelta(days=1))
    spans: dict[str, list[Row]] = {}
    for row in rows:
        spans.setdefault(row["key"], []).append(row)
    return Known(at, spans, {row["key"]: row["name"] for row in rows}, duty.stand_ins(conn),
                 duty.holidays(conn, at.astimezone(current().zone).date()), duty.chains(conn))  # fmt: skip


async def _shown() -> Any:
    found, names = await current().read(_read), await people.names()
    off = {row["day"]: text(row["name"]) for row in found.holidays}
    if not found.spans:
        return [html.P(word("roster.none"), className="quiet")]
    return [
        html.Div([_post(key, rows, found, off) for key, rows in found.spans.items()], className="columns"),
        html.Div(
            [
                parts.panel(word("roster.stand_ins"), _stand_ins(found, names)),
                parts.panel(word("roster.holidays"), _holidays(found.holidays)),
            ],
            className="columns",
        ),
        parts.panel(
            word("roster.chains"), html.P(word("roster.chains_lead"), className="quiet"), _chains(found.chains, names)
        ),
    ]


def _post(key: str, rows: list[Row], found: Known, off: dict[Any, str]) -> Component:
    zone, lang = current().zone, viewer.language()
    holds = [r for r in rows if r["person"] and r["starts"] <= found.at < r["ends"]]
    later = sorted((r for r in rows if r["person"] and r["starts"] > found.at), key=lambda r: r["starts"])
    after = later[0]["starts"] if later else None
    coming = [r for r in later if r["starts"] == after]
    stop = week.days(found.at, zone)[-1][1]
    empty = week.gaps(rows, found.at, stop)
    pairs = [
        (word("roster.now"), _people(holds) if holds else parts.sign("crit", "!!", word("roster.nobody"))),
        *([(word("roster.until"), parts.when(min(r["ends"] for r in holds)))] if holds else []),
        (
            word("roster.next"),
            [*_people(coming).children, f" · {parts.when(after)}"] if coming else word("roster.nobody"),
        ),
        (word("roster.gaps"), _gaps(empty) if empty else parts.sign("ok", "", word("roster.covered"))),
    ]
    return parts.panel(text(found.names[key], key), parts.facts(pairs), week.table(rows, found.at, zone, lang, off))


def _people(rows: list[Row]) -> Any:
    said: list[Any] = []
    for row in rows:
        said += [", "] if said else []
        said += [html.B(row["person_name"])]
        said += [f" ({word('roster.stands_in')})"] if row["via"] == "override" else []
        said += [" ", parts.sign("crit", "!!", word("roster.unreachable"))] if row["person_state"] == "refused" else []
    return html.Span(said)


def _gaps(empty: list[Any]) -> Component:
    listed = [html.Li(parts.sign("warn", "!", f"{parts.when(g.starts)} – {parts.when(g.ends)}")) for g in empty[:8]]
    more = [html.Li(word("alarms.more", n=number(len(empty) - 8)))] if len(empty) > 8 else []
    return html.Ul([*listed, *more])


def _stand_ins(found: Known, names: dict[str, str]) -> Component:
    idle = not CURRENT.get().can(Right.DUTY)
    keys = ("roster", "person", "starts", "until", "reason", "by", *(() if idle else ("act",)))
    rows = []
    for row in found.stand_ins:
        instead = (
            word("roster.instead", name=names.get(row["instead_of"], row["instead_of"])) if row["instead_of"] else ""
        )
        end = (
            []
            if idle
            else [html.Button(word("roster.end"), id={"end": "stand-in", "id": row["id"]}, className="plain")]
        )
        rows.append(
            [
                text(found.names.get(row["roster"]), row["roster"]),
                two(row["person_name"], instead),
                parts.when(row["starts"]),
                parts.when(row["ends"]),
                row["reason"],
                row["created_by"],
                *end,
            ]
        )
    return listing.cards(
        [Column(word(f"col.{k}"), None, k) for k in keys],
        rows,
        name=word("roster.stand_ins"),
        empty=word("roster.as_planned"),
    )


def _holidays(rows: list[Row]) -> Component:
    if not rows:
        return html.P(word("roster.no_holidays"), className="quiet")
    zone = current().zone

    def said(row: Row) -> str:
        noon = datetime(row["day"].year, row["day"].month, row["day"].day, 12, tzinfo=zone)
        return language.local_date(noon, zone, viewer.language(), weekday=True)

    return parts.facts([(said(row), text(row["name"])) for row in rows[:12]])


def _chains(rows: list[Row], names: dict[str, str]) -> Component:
    """In the words one would use to a colleague."""
    if not rows:
        return html.P(word("roster.no_chains"), className="quiet")
    return html.Ol(
        [
            html.Li(
                [
                    html.B(people.chain(row["key"])),
                    html.P(_for(row), className="quiet"),
                    html.Ol([html.Li(_step(n, step, names)) for n, step in enumerate(row["steps"])], className="steps"),
                ]
            )
            for row in rows
        ],
        className="chains",
    )


def _for(row: Row) -> str:
    said = [", ".join(word(f"priority.{p}") for p in row["priorities"])] if row["priorities"] else []
    said += [", ".join(parts.domain(d) for d in row["domains"])] if row["domains"] else []
    said += [f"{word('scope.' + k)}: {', '.join(row[k])}" for k in ("areas", "feeds", "families", "rules") if row[k]]
    return word("roster.for", what=" · ".join(said)) if said else word("roster.for_all")


def _step(number_: int, step: Row, names: dict[str, str]) -> str:
    who = people.all_said(step["notify"], names)
    if number_ == 0:
        return word("roster.first", who=who)
    return (
        word("roster.after", who=who, after=parts.length(step["after"]))
        if step.get("after")
        else word("roster.spread", who=who)
    )


async def _form() -> Component:
    names = await people.names()
    posts = [{"label": text(r.name, r.key), "value": r.key} for r in current().folder.duty.roster]
    persons = [{"label": name, "value": key} for key, name in names.items()]
    now = parts.now().astimezone(current().zone)
    fields = [
        _menu("roster", word("col.roster"), posts),
        _menu("person", word("col.person"), persons),
        _menu("instead", word("roster.instead_of"), persons),
        _input("starts", word("col.starts"), now.strftime(_FORM)),
        _input("ends", word("col.until"), (now + timedelta(days=1)).strftime(_FORM)),
        _input("reason", word("col.reason"), ""),
        html.Div([html.Label(word("ack.by"), htmlFor="stand-by"), parts.signature("stand-by")], className="field"),
    ]
    return html.Div(
        [
            html.Div(fields, className="fields"),
            html.Div(
                [
                    html.Button(word("roster.do"), id="stand-do", className="primary"),
                    html.Span(id="stand-said", role="status"),
                ],
                className="tools",
            ),
        ]
    )


def _menu(key: str, label: str, options: Any) -> Component:
    menu = parts.menu(options, None, id=f"stand-{key}", placeholder="–", searchable=len(options) > 8)
    return html.Div(
        [
            html.Label(label, htmlFor=f"stand-{key}"),
            html.Div(menu, className="picker", role="group", **aria(label=label)),
        ],
        className="field",
    )


def _input(key: str, label: str, value: str, *, kept: bool = False) -> Component:
    more: Any = {"persistence": "ioc", "persistence_type": "local"} if kept else {}
    return html.Div(
        [html.Label(label, htmlFor=f"stand-{key}"), dcc.Input(id=f"stand-{key}", value=value, maxLength=200, **more)],
        className="field",
    )


@callback(
    Output("stand-said", "children"),
    Output("roster-now", "children", allow_duplicate=True),
    Input("stand-do", "n_clicks"),
    Input({"end": "stand-in", "id": ALL}, "n_clicks"),
    *(State(f"stand-{k}", "value") for k in ("roster", "person", "instead", "starts", "ends", "reason", "by")),
    prevent_initial_call=True,
    needs=Right.DUTY,
)
async def replace(_: Any, __: Any, *given: Any) -> Any:
    """Somebody stands in, or no longer does."""
    viewer_ = CURRENT.get()
    if not ctx.triggered or not ctx.triggered[0]["value"] or viewer_.at is not None:
        return no_update, no_update
    roster, person, instead, starts, ends, reason, by = (str(x or "").strip()[:200] for x in given)
    if not (by := called(by)):
        return html.Span(word("ack.name"), className="bad"), no_update
    if isinstance(ctx.triggered_id, dict):
        done = await current().read(duty.stand_in_end, int(ctx.triggered_id["id"]), by[:80])
        return word("roster.ended" if done else "shelf.late"), await parts.shown(_shown)
    begin, end = moment(starts), moment(ends)
    if problem := _problem(roster, person, reason, begin, end):
        return html.Span(problem, className="bad"), no_update
    try:
        await current().read(
            duty.stand_in, roster, person, begin, end, by=by[:80], reason=reason, instead_of=instead or None
        )
    except IocError as error:
        return html.Span(str(error), className="bad"), no_update
    return word("roster.done"), await parts.shown(_shown)


def _problem(roster: str, person: str, reason: str, begin: datetime | None, end: datetime | None) -> str:
    if not roster or not person:
        return word("roster.whom")
    if begin is None or end is None or not timedelta(0) < end - begin <= timedelta(days=366):
        return word("window.times", form="2026-12-31 08:00")
    return "" if reason else word("shelf.why")
