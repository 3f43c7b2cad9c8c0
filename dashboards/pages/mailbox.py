"""Deliveries: every mail, SMS, chat message and webhook owed to somebody, what became of it, and the message itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dash import Input, Output, State, callback, ctx, dcc, html, no_update

from dashboards import listing, mail, parts, people
from dashboards.context import current
from dashboards.listing import Column, two
from dashboards.parts import number, word
from dashboards.story import MAIL
from ioc.store import alarms, screens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dash.development.base_component import Component

    Row = dict[str, Any]

PATHS, NAME, ORDER = ["/mailbox", "/mailbox/<mail_id>"], "mailbox", 40
SIZE = 50
STATES = {
    "": None,
    "ready": ["ready", "leased"],
    "sent": ["sent"],
    "maybe_sent": ["maybe_sent"],
    "failed": ["failed"],
    "superseded": ["superseded"],
}


async def layout(mail_id: str = "", **query: str) -> Any:
    if mail_id:
        return await parts.shown(lambda: _one(mail_id))
    return parts.page(word("page.mailbox"), await parts.shown(lambda: _page(query)), lead=word("mail.lead"))


async def _page(query: Mapping[str, str]) -> Component:
    state, channel, contact, alarm = (query.get(k, "") for k in ("state", "channel", "contact", "alarm"))
    state = state if state in STATES else ""
    known, counts = await people.names(), await current().read(alarms.delivery_counts)
    ways = sorted({row["channel"] for row in counts} | {"mail", *current().folder.city.channels})
    wanted = _wanted(state, channel, contact, alarm if alarm.isascii() and alarm.isdigit() and len(alarm) < 18 else "")
    names: Any = [{"label": name, "value": key} for key, name in known.items()]
    return html.Div(
        [
            html.Div(
                parts.choice("mail-state", [(s, f"mail.{s or 'all'}") for s in STATES], state, word("col.state")),
                className="tools",
            ),
            html.Div(
                [
                    html.Div(
                        dcc.Dropdown(
                            [{"label": people.channel(k), "value": k} for k in ways],
                            channel or None,
                            id="mail-channel",  # type: ignore[arg-type]
                            placeholder=word("col.channel"),
                            searchable=False,
                        ),
                        className="picker",
                        **parts.aria(label=word("col.channel")),
                    ),
                    html.Div(
                        dcc.Dropdown(
                            names, contact or None, id="mail-contact", placeholder=word("col.to"), searchable=True
                        ),
                        className="picker",
                        **parts.aria(label=word("col.to")),
                    ),
                    dcc.Input(
                        id="mail-alarm",
                        value=wanted["alarm"],
                        placeholder=word("mail.alarm"),
                        debounce=0.4,
                        maxLength=18,
                        inputMode="numeric",
                        className="search",
                    ),
                ],
                className="tools menus",
            ),
            dcc.Store(id="mail-before", data=[]),
            html.Div(await _listed(wanted, []), id="mail-table"),
            html.Nav(
                [
                    html.Button(word("list.back"), id="mail-newer", className="plain"),
                    html.Button(word("list.on"), id="mail-older", className="plain"),
                ],
                className="pager",
                **parts.aria(label=word("list.pages")),
            ),
        ],
        className="stack",
    )


def _wanted(state: str, channel: str | None, contact: str | None, alarm: str | None) -> Row:
    return {
        "state": state,
        "channel": channel or "",
        "contact": contact or "",
        "alarm": (alarm or "").strip().lstrip("#"),
    }


@callback(
    Output("mail-table", "children"),
    Output("mail-before", "data"),
    Input("mail-state", "value"),
    Input("mail-channel", "value"),
    Input("mail-contact", "value"),
    Input("mail-alarm", "value"),
    Input("mail-newer", "n_clicks"),
    Input("mail-older", "n_clicks"),
    Input("signal-slow", "data"),
    State("mail-before", "data"),
    prevent_initial_call=True,
)
async def listed(
    state: str,
    channel: str | None,
    contact: str | None,
    alarm: str | None,
    _: Any,
    __: Any,
    ___: Any,
    before: list[Any],
) -> Any:
    """before: where each page that was turned began, the last one the page that is shown."""
    wanted, turned = _wanted(state, channel, contact, alarm), ctx.triggered_id
    if turned == "mail-newer":
        before = before[:-1]
    elif turned == "mail-older":
        last = await _last(wanted, before)
        before = [*before, last] if last else before
    elif turned != "signal-slow":
        before = []
    elif before:
        return no_update, no_update  # a page of the past does not move
    return await parts.shown(lambda: _listed(wanted, before)), before


async def _rows(wanted: Row, before: list[Any]) -> list[Row]:
    """One more than is shown, where there is one."""
    start = (datetime.fromisoformat(before[-1][0]), UUID(before[-1][1])) if before else None
    alarm = wanted["alarm"]
    if alarm and not (alarm.isascii() and alarm.isdigit() and len(alarm) < 18):
        return []
    return await current().read(
        alarms.deliveries,
        alarm=int(alarm) if alarm else None,
        contact=wanted["contact"] or None,
        states=STATES[wanted["state"]],
        channel=wanted["channel"] or None,
        before=start,
        limit=SIZE + 1,
    )


async def _last(wanted: Row, before: list[Any]) -> list[str] | None:
    rows = await _rows(wanted, before)
    return [rows[SIZE - 1]["created_at"].isoformat(), str(rows[SIZE - 1]["id"])] if len(rows) > SIZE else None


async def _listed(wanted: Row, before: list[Any]) -> Component:
    rows, counts = await _rows(wanted, before), await current().shared("delivery-counts", 4.0, alarms.delivery_counts)
    waits = await current().read(alarms.waiting, 500) if not before and not wanted["state"] else []
    sums: dict[str, int] = {}
    for row in counts:
        if wanted["channel"] in ("", row["channel"]):
            sums[row["state"]] = sums.get(row["state"], 0) + row["count"]
    said = " · ".join(f"{word('mail.' + k)} {number(v)}" for k, v in sorted(sums.items()))
    said += f" · {word('mail.owed', n=number(len(waits)))}" if waits else ""
    keys = ("state", "subject", "to", "made", "sent", "attempts", "reply")
    table = listing.cards([Column(word(f"col.{k}"), None, k) for k in keys], [_row(row) for row in rows[:SIZE]],
                          name=word("page.mailbox"), empty=word("mail.none"))  # fmt: skip
    shown = word(
        "list.range",
        first=number(len(before) * SIZE + 1 if rows else 0),
        last=number(len(before) * SIZE + min(len(rows), SIZE)),
        total=number(len(before) * SIZE + min(len(rows), SIZE)) + ("+" if len(rows) > SIZE else ""),
    )
    return html.Div([html.P(said, className="lead"), table, html.P(shown, className="quiet num")], className="stack")


def _row(row: Row) -> list[Any]:
    look, mark = parts.BY_PRIORITY[row["priority"]]
    return [
        _state(row["state"]),
        two(
            parts.link(row["subject"] or "–", f"/mailbox/{row['id']}"),
            html.Span(
                [
                    html.I(mark, className=f"dot {look}", **parts.aria(hidden="true")),
                    f" {word('priority.' + str(row['priority']))} · {word('mail.about', n=number(row['alarms']))}",
                ]
            ),
        ),
        two(row["contact_name"], f"{people.channel(row['channel'])} · {row['email']}"),
        parts.when(row["created_at"]),
        parts.when(row["sent_at"]) if row["sent_at"] else _due(row),
        number(row["attempts"]),
        html.Span((row["last_reply"] or "")[:300], className="reply") if row["last_reply"] else None,
    ]


def _due(row: Row) -> str:
    return word("mail.again", at=parts.when(row["due_at"])) if row["state"] in {"ready", "leased"} else ""


def _state(state: str) -> Component:
    look, mark = MAIL.get(state, ("none", "?"))
    return parts.sign(look, mark, word(f"mail.{state}"))


async def _one(id_: str) -> Component:
    row = await current().read(screens.mail, id_) if mail.is_id(id_) else None
    if row is None:
        return parts.page(word("page.mailbox"), html.P(word("mail.unknown"), className="quiet"))
    about = [part for a in row["alarms"][:100] for part in (parts.link(f"#{a}", f"/alarms/{a}"), " ")]
    about += [word("alarms.more", n=number(len(row["alarms"]) - 100))] if len(row["alarms"]) > 100 else []
    pairs: list[tuple[str, Any]] = [
        (word("col.state"), _state(row["state"])), (word("col.to"), f"{row['contact']} <{row['email']}>"),
        (word("col.channel"), people.channel(row["channel"])),
        (word("col.made"), parts.when(row["created_at"], seconds=True)),
        (word("mail.due"), parts.when(row["due_at"], seconds=True)),
        (word("col.sent"), parts.when(row["sent_at"], seconds=True)), (word("col.attempts"), number(row["attempts"])),
        (word("col.reply"), row["last_reply"] or "–"), (word("mail.alarms"), html.Span(about)),
        ("Message-ID", html.Code(row["message_id"])),
    ]  # fmt: skip
    body: list[Any] = [html.P(word("mail.unmade"), className="quiet")]
    if row["mime"] and row["channel"] == "mail":
        # The sandbox gives the mail no scripts, no forms and no origin; its own policy lets it load nothing.
        body = [html.Iframe(src=f"/mail/{row['id']}/html", sandbox="", title=row["subject"], className="mail"),
                html.Details([html.Summary(word("mail.text")), html.Pre(mail.plain(bytes(row["mime"])))])]  # fmt: skip
    elif row["mime"]:
        body = [html.Pre(bytes(row["mime"]).decode(errors="replace")[:20_000])]
    return parts.page(
        row["subject"] or "–",
        parts.panel(word("mail.delivery"), parts.facts(pairs)),
        parts.panel(word("mail.mail"), *body),
    )
