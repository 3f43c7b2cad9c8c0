"""Deliveries: every mail, SMS, chat message and webhook owed to somebody, what became of it, and the message itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboards import listing, mail, parts, people
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.listing import Column, two
from dashboards.parts import number, word
from dashboards.story import MAIL
from dashboards.viewer import CURRENT
from ioc.access.rights import Right
from ioc.errors import StoreError
from ioc.store import alarms, screens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dash.development.base_component import Component

    Row = dict[str, Any]

PATHS, NAME, ORDER = ["/mailbox", "/mailbox/<mail_id>"], "mailbox", 40
RIGHT = Right.MAIL
SIZE = 50
_FILTERS = ("mail-state", "mail-channel", "mail-contact", "mail-alarm")
_LAST = UUID(int=2**128 - 1)
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
    wanted = _wanted(*(query.get(k, "") for k in ("state", "channel", "contact", "alarm")))
    known, counts = await people.names(), await current().read(alarms.delivery_counts)
    ways = sorted({row["channel"] for row in counts} | {"mail", *current().folder.city.channels})
    states = [(s, f"mail.{s or 'all'}") for s in STATES]
    return html.Div(
        [
            html.Div(parts.choice("mail-state", states, wanted["state"], word("col.state")), className="tools"),
            html.Div([
                _menu("channel", word("col.channel"), {k: people.channel(k) for k in ways}, wanted),
                _menu("contact", word("col.to"), known, wanted),
                dcc.Input(id="mail-alarm", value=wanted["alarm"], placeholder=word("mail.alarm"), debounce=0.4,
                          maxLength=18, inputMode="numeric", className="search"),
            ], className="tools menus"),
            dcc.Store(id="mail-before", data={"before": [], "of": wanted}),
            html.Div(await _listed(wanted, []), id="mail-table"),
        ],
        className="stack",
    )  # fmt: skip


def _menu(key: str, name: str, options: Mapping[str, str], wanted: Row) -> Component:
    choices: Any = [{"label": said, "value": value} for value, said in options.items()]
    menu = parts.menu(choices, wanted[key] or None, id=f"mail-{key}", placeholder=name, searchable=len(choices) > 8)
    return html.Div(menu, className="picker", role="group", **parts.aria(label=name))


def _wanted(state: str | None, channel: str | None, contact: str | None, alarm: str | None) -> Row:
    number_ = (alarm or "").strip().lstrip("#")
    return {"state": state if state in STATES else "", "channel": (channel or "")[:80], "contact": (contact or "")[:80],
            "alarm": number_ if number_.isascii() and number_.isdigit() and len(number_) < 18 else ""}  # fmt: skip


# A callback of its own: what comes by itself would drop the answer to a press.
@callback(
    Output("mail-before", "data"), Input({"turn": "mail", "to": ALL}, "n_clicks"),
    *(State(id_, "value") for id_ in _FILTERS), State("mail-before", "data"), prevent_initial_call=True,
    needs=Right.MAIL,
)  # fmt: skip
async def turn(_: Any, *given: Any) -> Any:
    """before: where each page that was turned began, the last one the page that is shown; of: what was asked for."""
    if not ctx.triggered or not ctx.triggered[0]["value"] or not isinstance(ctx.triggered_id, dict):
        return no_update
    wanted, before = _wanted(*given[:-1]), _before(*given)
    if ctx.triggered_id["to"] == "newer":
        return {"before": before[:-1], "of": wanted}
    try:
        last = await _last(wanted, before)
    except StoreError:
        return no_update
    return {"before": [*before, last], "of": wanted} if last else no_update


@callback(
    Output("mail-table", "children"), *(Input(id_, "value") for id_ in _FILTERS), Input("mail-before", "data"),
    Input("signal-slow", "data"), prevent_initial_call=True, needs=Right.MAIL,
)  # fmt: skip
async def listed(*given: Any) -> Any:
    wanted, before = _wanted(*given[:-2]), _before(*given[:-1])
    return await parts.shown(lambda: _listed(wanted, before))


def _before(*given: Any) -> list[Any]:
    found: list[Any] = given[-1]["before"] if given[-1]["of"] == _wanted(*given[:-1]) else []
    return found


async def _rows(wanted: Row, before: list[Any]) -> list[Row]:
    """One more than is shown, where there is one; of a past moment what was written by then."""
    at = CURRENT.get().at
    start = (datetime.fromisoformat(before[-1][0]), UUID(before[-1][1])) if before else (at, _LAST) if at else None
    return await current().read(
        alarms.deliveries, alarm=int(wanted["alarm"]) if wanted["alarm"] else None, contact=wanted["contact"] or None,
        states=STATES[wanted["state"]], channel=wanted["channel"] or None, before=start, limit=SIZE + 1,
    )  # fmt: skip


async def _last(wanted: Row, before: list[Any]) -> list[str] | None:
    rows = await _rows(wanted, before)
    return [rows[SIZE - 1]["created_at"].isoformat(), str(rows[SIZE - 1]["id"])] if len(rows) > SIZE else None


async def _listed(wanted: Row, before: list[Any]) -> Component:
    rows, counts = await _rows(wanted, before), await current().shared("deliveries", 4.0, alarms.delivery_counts)
    past = CURRENT.get().at is not None
    waits = [] if before or wanted["state"] or past else await current().read(alarms.waiting, 500)
    sums: dict[str, int] = {}
    for row in counts:
        if wanted["channel"] in ("", row["channel"]):
            sums[row["state"]] = sums.get(row["state"], 0) + row["count"]
    said = " · ".join(f"{word('mail.' + k)} {number(v)}" for k, v in sorted(sums.items()))
    said += f" · {word('mail.owed', n=number(len(waits)))}" if waits else ""
    keys = ("state", "subject", "to", "made", "sent", "attempts", "reply")
    columns = [Column(word(f"col.{k}"), None, k) for k in keys]
    table = listing.cards(columns, [_row(r) for r in rows[:SIZE]], name=word("page.mailbox"), empty=word("mail.none"))
    where: Any = {"data-address": urlencode({k: v for k, v in wanted.items() if v})}
    lead = html.P(word("mail.past") if past else said, className="lead")
    return html.Div([lead, table, _pager(len(before), rows)], className="stack", **where)


def _pager(page: int, rows: list[Row]) -> Component:
    end = page * SIZE + min(len(rows), SIZE)
    shown = word("list.range", first=number(page * SIZE + 1 if rows else 0), last=number(end),
                 total=number(end) + ("+" if len(rows) > SIZE else ""))  # fmt: skip
    newer = html.Button(word("list.back"), id={"turn": "mail", "to": "newer"}, className="plain", disabled=page == 0)
    older = html.Button(
        word("list.on"), id={"turn": "mail", "to": "older"}, className="plain", disabled=len(rows) <= SIZE
    )
    return html.Nav(
        [newer, html.Span(shown, className="num"), older],
        className="pager",
        hidden=page == 0 and len(rows) <= SIZE,
        **parts.aria(label=word("list.pages")),
    )


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
