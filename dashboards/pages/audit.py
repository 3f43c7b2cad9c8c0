"""Audit: who did what, when, from where, to what, before and after; and whether all of it is as it was written."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboards import audit_watch, listing, parts
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.listing import Column, two
from dashboards.parts import aria, number, word
from ioc.access.rights import Right
from ioc.store import audit_read
from ioc.store.audit_read import Search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dash.development.base_component import Component

    from ioc.access.chain import Row

PATHS, NAME, ORDER, GROUP, RIGHT = ["/audit"], "audit", 66, "admin", Right.AUDIT
SIZE = 100
_FIELDS = ("who", "deed", "subject", "text", "since", "until")
_LONG = 160  # characters of a side that are shown at once
_BEAT_MS = 3000
_LINKS = {"alarm": "/alarms/", "feed": "/feeds/"}


async def layout(**query: str) -> Any:
    given = {key: query.get(key, "")[:200] for key in _FIELDS}
    return parts.page(word("page.audit"), await parts.shown(lambda: _page(given)), lead=word("audit.lead"))


async def _page(given: Mapping[str, str]) -> Component:
    known = await current().read(audit_read.deeds)
    menu = parts.menu([{"label": deed(kind), "value": kind} for kind in kinds(known)], given["deed"] or None,
                      id="audit-deed", placeholder=word("audit.deed"), searchable=True)  # fmt: skip
    fields = [
        _field("who", given),
        html.Div(menu, className="picker", role="group", **aria(label=word("audit.deed"))),
        *(_field(key, given) for key in ("subject", "text", "since", "until")),
    ]
    return html.Div(
        [
            html.Div(audit_watch.said(await audit_watch.look()), id="audit-chain", role="status"),
            html.Div(fields, className="tools menus"),
            dcc.Store(id="audit-before", data=[]),
            dcc.Interval(id="audit-beat", interval=_BEAT_MS),
            html.Div(await _listed(given, []), id="audit-table"),
        ],
        className="stack",
    )


def _field(key: str, given: Mapping[str, str]) -> Component:
    return dcc.Input(id=f"audit-{key}", value=given[key], placeholder=word(f"audit.{key}"), debounce=0.4, maxLength=200,
                     className="search", type="search")  # fmt: skip


@callback(Output("audit-chain", "children"), Input("audit-beat", "n_intervals"), prevent_initial_call=True, needs=RIGHT)
async def watched(_: Any) -> Any:
    return await parts.shown(_watched)


async def _watched() -> Any:
    return audit_watch.said(await audit_watch.look())


@callback(
    Output("audit-table", "children"), Output("audit-before", "data"),
    *(Input(f"audit-{key}", "value") for key in _FIELDS),
    Input({"turn": "audit", "to": ALL}, "n_clicks"), State("audit-before", "data"),
    prevent_initial_call=True, needs=RIGHT,
)  # fmt: skip
async def listed(*given: Any) -> Any:
    """before: the number that each page that was turned ended with, the last one the page that is shown."""
    *said, _, before = given
    wanted, turned = dict(zip(_FIELDS, ((s or "").strip()[:200] for s in said), strict=True)), ctx.triggered_id
    if isinstance(turned, dict):
        if not ctx.triggered[0]["value"]:
            return no_update, no_update
        before = _turned(str(turned["to"]), before)
    else:
        before = []
    return await parts.shown(lambda: _listed(wanted, before)), before


def _turned(to: str, before: list[int]) -> list[int]:
    if to == "newer":
        return before[:-1]
    return [*before, int(to)] if to.isascii() and to.isdigit() and len(to) < 19 else []


async def _listed(wanted: Mapping[str, str], before: list[int]) -> Any:
    try:
        search = asked(wanted, before[-1] if before else None)
    except ValueError as error:
        return html.P(word("audit.no_time", said=str(error)), className="told bad", role="alert")
    rows, more = await current().read(audit_read.page, search, SIZE)
    columns = [Column(word(f"audit.{key}"), None, key) for key in ("at", "who", "deed", "to", "before", "after")]
    table = listing.cards(columns, [_row(row) for row in rows], name=word("page.audit"), empty=word("audit.none"))
    query = urlencode({key: value for key, value in wanted.items() if value})
    return html.Div([_take(query), table, _pager(len(before), rows, more=more)], className="stack")


def asked(wanted: Mapping[str, str], before: int | None = None) -> Search:
    """Raises ValueError with the time that is none."""
    return Search(who=wanted["who"], deed=wanted["deed"], subject=wanted["subject"], text=wanted["text"],
                  since=_time(wanted["since"]), until=_time(wanted["until"]), before=before)  # fmt: skip


def _time(said: str) -> datetime | None:
    """A moment of the city's clock."""
    if not said.strip():
        return None
    try:
        at = datetime.fromisoformat(said.strip())
        return (at if at.tzinfo else at.replace(tzinfo=current().zone)).astimezone(current().zone)
    except (ValueError, OverflowError):
        raise ValueError(said) from None


def kinds(known: list[str]) -> list[str]:
    """Each kind of deed, and before them what several of one noun begin with: `alarm.` is all of them."""
    nouns = [kind.partition(".")[0] + "." for kind in known if "." in kind]
    return sorted({*known, *(noun for noun in nouns if nouns.count(noun) > 1)})


def deed(kind: str) -> str:
    return word("audit.all", noun=parts.code("noun", kind[:-1])) if kind.endswith(".") else parts.code("deed", kind)


def _row(row: Row) -> list[Any]:
    role = parts.code("role", row.role) if row.role else ""
    return [
        two(parts.when(row.at, seconds=True), f"#{row.id}"),
        two(
            html.Span(row.who, **_raw()),
            html.Span([role, " · " if role and row.address else "", row.address], **_raw()),
        ),
        two(deed(row.deed), html.Code(row.deed)),
        _subject(row.subject),
        _side(row.before),
        _side(row.after),
    ]


def _raw() -> Any:
    """What others wrote is in no language of ours."""
    return {"data-raw": "1"}


def _subject(subject: str) -> Component:
    noun, _, key = subject.partition(":")
    if noun == "alarm" and key.isdigit():
        return parts.link(f"#{key}", f"/alarms/{key}")
    return html.Span(subject, **_raw())


def _side(text: str | None) -> Any:
    """One side as names and values; what is long opens."""
    if not text:
        return None
    said = json.loads(text)
    lines = (
        "\n".join(f"{key}: {_value(value)}" for key, value in said.items()) if isinstance(said, dict) else _value(said)
    )
    if len(lines) <= _LONG:
        return html.Pre(lines, className="side")
    return html.Details(
        [html.Summary(html.Code(lines[:_LONG].replace("\n", "  ") + "…")), html.Pre(lines, className="side")]
    )


def _value(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        return value[0] if len(value) == 1 else "".join(f"\n  {part}" for part in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pager(page: int, rows: list[Row], *, more: bool) -> Component:
    oldest = str(rows[-1].id) if rows else ""
    newer = html.Button(word("list.back"), id={"turn": "audit", "to": "newer"}, className="plain", disabled=page == 0)
    older = html.Button(
        word("list.on"), id={"turn": "audit", "to": oldest or "none"}, className="plain", disabled=not more
    )
    first = page * SIZE + 1 if rows else 0
    last = page * SIZE + len(rows)
    shown = word("list.range", first=number(first), last=number(last), total=number(last) + ("+" if more else ""))
    return html.Nav([newer, html.Span(shown, className="num"), older], className="pager", hidden=page == 0 and not more,
                    **aria(label=word("list.pages")))  # fmt: skip


def _take(query: str) -> Component:
    address = f"/audit/export?{query}{'&' * bool(query)}format="
    links = [html.A(word(f"audit.take_{form}"), href=address + form, className="plain") for form in ("csv", "jsonl")]
    return html.Div(links, className="takes")
