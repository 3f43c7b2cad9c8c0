"""Mailbox: every mail that was owed to somebody, what became of it, and the mail itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Input, Output, callback, html

from dashboards import mail, parts
from dashboards.context import current
from dashboards.parts import number, word
from ioc.store import screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

PATHS, NAME, ORDER = ["/mailbox", "/mailbox/<mail_id>"], "mailbox", 40
_STATES = [("", "mail.all"), *((s, f"mail.{s}") for s in ("ready", "sent", "maybe_sent", "failed"))]
_LOOK = {"sent": ("ok", ""), "ready": ("none", "…"), "leased": ("none", "…"), "maybe_sent": ("warn", "!"),
         "failed": ("crit", "!!"), "superseded": ("none", "×")}  # fmt: skip


async def layout(mail_id: str = "", **_: str) -> Any:
    if mail_id:
        return await parts.shown(lambda: _one(mail_id))
    return parts.page(
        word("page.mailbox"),
        html.Div(parts.choice("mail-state", _STATES, "", word("col.state")), className="tools"),
        html.Div(await parts.shown(lambda: _listed("")), id="mail-table"),
        lead=word("mail.lead"),
    )  # fmt: skip


@callback(
    Output("mail-table", "children"),
    Input("mail-state", "value"),
    Input("signal-slow", "data"),
    prevent_initial_call=True,
)
async def listed(state: str, _: Any) -> Any:
    return await parts.shown(lambda: _listed(state))


async def _listed(state: str) -> Component:
    rows = await current().read(screens.mails, state)
    counts = await current().read(screens.mail_counts)
    heads = [word(f"col.{k}") for k in ("state", "subject", "to", "priority", "made", "sent", "attempts", "reply")]
    listed = [
        [_state(row["state"]), parts.link(row["subject"], f"/mailbox/{row['id']}"),
         html.Span(row["contact"], title=row["email"]), parts.priority(row["priority"]),
         parts.when(row["created_at"]), parts.when(row["sent_at"]), number(row["attempts"]),
         html.Span(row["last_reply"] or "", className="reply")]
        for row in rows
    ]  # fmt: skip
    said = " · ".join(f"{word('mail.' + k)} {number(v)}" for k, v in sorted(counts.items()))
    return html.Div(
        [html.P(said, className="lead"), parts.table(heads, listed, empty=word("mail.none"), name=word("page.mailbox"))]
    )


def _state(state: str) -> Component:
    look, mark = _LOOK[state]
    return parts.sign(look, mark, word(f"mail.{state}"))


async def _one(id_: str) -> Component:
    row = await current().read(screens.mail, id_) if mail.is_id(id_) else None
    if row is None:
        return parts.page(word("page.mailbox"), html.P(word("mail.unknown"), className="quiet"))
    about = [part for a in row["alarms"] for part in (parts.link(f"#{a}", f"/alarms/{a}"), " ")]
    pairs: list[tuple[str, Any]] = [
        (word("col.state"), _state(row["state"])), (word("col.to"), f"{row['contact']} <{row['email']}>"),
        (word("col.made"), parts.when(row["created_at"], seconds=True)),
        (word("mail.due"), parts.when(row["due_at"], seconds=True)),
        (word("col.sent"), parts.when(row["sent_at"], seconds=True)), (word("col.attempts"), number(row["attempts"])),
        (word("col.reply"), row["last_reply"] or "–"), (word("mail.alarms"), html.Span(about)),
        ("Message-ID", html.Code(row["message_id"])),
    ]  # fmt: skip
    body: list[Any] = [html.P(word("mail.unmade"), className="quiet")]
    if row["mime"]:
        # The sandbox gives the mail no scripts, no forms and no origin; its own policy lets it load nothing.
        body = [html.Iframe(src=f"/mail/{row['id']}/html", sandbox="", title=row["subject"], className="mail"),
                html.Details([html.Summary(word("mail.text")), html.Pre(mail.plain(bytes(row["mime"])))])]  # fmt: skip
    return parts.page(
        row["subject"], parts.panel(word("mail.delivery"), parts.facts(pairs)), parts.panel(word("mail.mail"), *body)
    )
