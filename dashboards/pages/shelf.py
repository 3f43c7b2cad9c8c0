"""Shelf: all that is put aside, since when, until when, by whom and why, and the way back; maintenance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboards import actions, alarm_list, listing, parts, reach
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.listing import Column, two
from dashboards.parts import aria, text, word
from dashboards.viewer import CURRENT, called
from ioc.access.rights import Right
from ioc.errors import IocError
from ioc.store import alarms, asof, duty
from ioc.store.alarms import Filter

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from ioc.store.database import Connection

    Row = dict[str, Any]

PATHS, NAME, ORDER = ["/shelf"], "shelf", 22
_MOST = 300
_SCOPES = ("areas", "feeds", "domains", "sensors", "rules")
_FORM = "%Y-%m-%d %H:%M"


async def layout(**_: str) -> Any:
    idle = not CURRENT.get().can(Right.ACT)
    who = [] if idle else [html.Div(
        [html.Label(word("ack.by"), htmlFor="shelf-by"),
         parts.signature("shelf-by"),
         html.Span(id="shelf-said", role="status")], className="tools")]  # fmt: skip
    return parts.page(
        word("page.shelf"),
        *who,
        html.Div(await parts.shown(_listed), id="shelf-list", className="stack"),
        *([] if idle else [parts.panel(word("window.plan"), _plan())]),
        lead=word("shelf.page"),
    )


@callback(
    Output("shelf-list", "children"),
    Input("signal-alarms", "data"),
    Input("signal-slow", "data"),
    prevent_initial_call=True,
)
async def refresh(*_: Any) -> Any:
    return await parts.shown(_listed)


async def _listed() -> Any:
    at, idle = CURRENT.get().at, not CURRENT.get().can(Right.ACT)
    windows: list[Row] = []
    if at is not None:
        rows, since = await current().read_past(_then, at)
    else:
        rows, since, windows = await current().read(_now)
    aside = listing.cards(
        _columns(idle=idle),
        [_row(r, since.get(r["id"]), idle=idle) for r in rows],
        name=word("page.shelf"),
        empty=word("shelf.none"),
    )
    plans = listing.cards(
        [
            Column(word(f"col.{k}"), None, k)
            for k in ("state", "what", "starts", "until", "by", "reason", "aside", "act")
        ],
        [_window(w) for w in windows],
        name=word("window.title"),
        empty=word("window.none"),
    )
    shown = [parts.panel(word("shelf.aside"), aside)]
    return shown if at is not None else [*shown, parts.panel(word("window.title"), plans)]


def _now(conn: Connection) -> tuple[list[Row], dict[int, datetime], list[Row]]:
    rows = alarms.open_page(conn, Filter(isa=["G", "I", "H"]), limit=_MOST, sort="state")[0]
    return rows, alarms.aside_since(conn, [row["id"] for row in rows]), duty.maintenance(conn)


def _then(conn: Connection, at: datetime) -> tuple[list[Row], dict[int, datetime]]:
    rows = [r for r in asof.alarms(conn, at) if r["suppression"] != "none"][:_MOST]
    keys = alarms.keys(conn, [row["id"] for row in rows])
    return [
        {**alarm_list.past_row(r, keys.get(r["id"], {})), "suppress_reason": None, "parent_id": None} for r in rows
    ], {}


def _columns(*, idle: bool) -> list[Column]:
    keys = ["priority", "alarm", "where", "state", "since", "until", "by", "reason", *([] if idle else ["act"])]
    return [Column(word(f"col.{k}"), None, k) for k in keys]


def _row(row: Row, since: datetime | None, *, idle: bool) -> list[Any]:
    hidden = row["suppression"] == "by_design"
    behind = (
        parts.link(word("shelf.behind", id=row["parent_id"]), f"/alarms/{row['parent_id']}") if row["parent_id"] else ""
    )
    cells = [
        parts.priority(row["priority"]),
        two(parts.link(text(row["rule_name"], row["rule"]), f"/alarms/{row['id']}"), f"#{row['id']}"),
        text(row["sensor_name"] or row["feed_name"], row["sensor"] or row["feed"] or row["area"] or "–"),
        alarm_list.state_sign(row), parts.when(since) if since else "",
        parts.when(row["suppressed_until"]) if row["suppressed_until"] else word("shelf.parent") if hidden else "",
        "" if hidden else row["suppressed_by"] or "", behind if hidden else row["suppress_reason"] or "",
    ]  # fmt: skip
    if idle:
        return cells
    back = "" if hidden else html.Button(word(f"shelf.end_{row['suppression']}"), id={"back": "alarm", "id": row["id"]},
                                         className="plain")  # fmt: skip
    return [*cells, back]


def _window(row: Row) -> list[Any]:
    scope = "; ".join(f"{word('scope.' + k)}: {', '.join(_names(k, row[k]))}" for k in (*_SCOPES, "tags") if row[k])
    state = (
        parts.sign("warn", "⚒", word("window.open")) if row["open"] else parts.sign("none", "…", word("window.coming"))
    )
    end = html.Button(word("window.end" if row["open"] else "window.off"), className="plain",
                      id={"back": "window", "id": row["id"], "version": row["row_version"]})  # fmt: skip
    return [state, scope, parts.when(row["starts"]), parts.when(row["ends"]), row["created_by"], row["reason"],
            parts.number(row["alarms"]), end]  # fmt: skip


def _names(kind: str, keys: list[str]) -> list[str]:
    if kind == "areas":
        known = {a.key: text(a.name, a.key) for a in current().folder.areas}
        return [known.get(k, k) for k in keys]
    if kind == "domains":
        return [parts.domain(k) for k in keys]
    return [k.replace("\\", "").replace("%", "*") for k in keys]


@callback(
    Output("shelf-said", "children"),
    Output("shelf-list", "children", allow_duplicate=True),
    Input({"back": "alarm", "id": ALL}, "n_clicks"),
    Input({"back": "window", "id": ALL, "version": ALL}, "n_clicks"),
    State("shelf-by", "value"),
    prevent_initial_call=True,
    needs=Right.ACT,
)
async def back(_: Any, __: Any, by: str | None) -> Any:
    """Something is taken back, or a window ended."""
    pressed, viewer = ctx.triggered_id, CURRENT.get()
    if not ctx.triggered or not ctx.triggered[0]["value"] or viewer.at is not None:
        return no_update, no_update
    if not (name := called(by)):
        return word("ack.name"), no_update
    if pressed["back"] == "alarm":
        await reach.alarms([int(pressed["id"])])
        done = await current().read(actions.take_back, int(pressed["id"]), name)
    else:
        done = await current().read(duty.end_maintenance, int(pressed["id"]), name, int(pressed["version"]))
    return word("shelf.done" if done else "shelf.late"), await parts.shown(_listed)


def _plan() -> Component:
    """What is worked on, from when, how long and why: its alarms are out of service meanwhile."""
    folder = current().folder
    menus: dict[str, Any] = {
        "areas": alarm_list.areas(), "feeds": [{"label": text(f.name, k), "value": k} for k, f in folder.feeds.items()],
        "domains": alarm_list.domains(),
    }  # fmt: skip
    fields = [_menu(k, options) for k, options in menus.items()]
    fields += [_input(k, word(f"scope.{k}"), word("window.pattern")) for k in ("sensors", "rules")]
    now = parts.now().astimezone(current().zone)
    fields += [
        _input("starts", word("window.starts"), "2026-12-31 08:00", now.strftime(_FORM)),
        _input("ends", word("window.ends"), "2026-12-31 12:00", (now + timedelta(hours=4)).strftime(_FORM)),
        _input("reason", word("col.reason"), ""),
        html.Div([html.Label(word("ack.by"), htmlFor="window-by"), parts.signature("window-by")], className="field"),
    ]  # fmt: skip
    return html.Div([html.Div(fields, className="fields"),
                     html.Div([html.Button(word("window.do"), id="window-do", className="primary"),
                               html.Span(id="window-said", role="status")], className="tools")])  # fmt: skip


def _menu(key: str, options: Any) -> Component:
    said = word(f"scope.{key}")
    menu = parts.menu(options, [], id=f"window-{key}", multi=True, placeholder="–")
    named = html.Div(menu, className="picker", role="group", **aria(label=said))
    return html.Div([html.Label(said, htmlFor=f"window-{key}"), named], className="field")


def _input(key: str, label: str, hint: str, value: str = "", *, kept: bool = False) -> Component:
    more: Any = {"persistence": "ioc", "persistence_type": "local"} if kept else {}
    return html.Div(
        [
            html.Label(label, htmlFor=f"window-{key}"),
            dcc.Input(id=f"window-{key}", value=value, placeholder=hint, maxLength=200, **more),
        ],
        className="field",
    )


@callback(
    Output("window-said", "children"),
    Output("shelf-list", "children", allow_duplicate=True),
    Input("window-do", "n_clicks"),
    *(State(f"window-{k}", "value") for k in (*_SCOPES, "starts", "ends", "by", "reason")),
    prevent_initial_call=True,
    needs=Right.ACT,
)
async def plan(clicks: int | None, *given: Any) -> Any:
    viewer = CURRENT.get()
    if not clicks or viewer.at is not None:
        return no_update, no_update
    *scope, starts, ends, by, reason = given
    wanted = {k: _listed_keys(v) for k, v in zip(_SCOPES, scope, strict=True)}
    begin, end = moment(starts), moment(ends)
    if problem := _problem(wanted, begin, end, by, reason):
        return html.Span(problem, className="bad"), no_update
    try:
        reach.areas(wanted["areas"])
        await current().read(
            duty.plan_maintenance,
            {k: v for k, v in wanted.items() if v},
            begin,
            end,
            by=called(by),
            reason=reason.strip()[:500],
        )
    except IocError as error:
        return html.Span(str(error), className="bad"), no_update
    return word("window.done"), await parts.shown(_listed)


def _problem(
    wanted: dict[str, list[str]], begin: datetime | None, end: datetime | None, by: str | None, reason: str | None
) -> str:
    """What is missing or wrong, in the reader's language; '' where nothing is."""
    if not any(wanted.values()):
        return word("window.what")
    if begin is None or end is None or not timedelta(0) < end - begin <= duty.LONGEST_WINDOW:
        return word("window.times", form="2026-12-31 08:00")
    return "" if (by or "").strip() and (reason or "").strip() else word("window.why")


def _listed_keys(value: Any) -> list[str]:
    """A menu's choice, or keys typed with commas between them."""
    keys = value if isinstance(value, list) else str(value or "").split(",")
    return [k.strip()[:120] for k in keys if isinstance(k, str) and k.strip()][:50]


def moment(said: str | None) -> datetime | None:
    """A time as people write it, on the city's clock."""
    try:
        found = datetime.fromisoformat((said or "").strip())
        return (found if found.tzinfo else found.replace(tzinfo=current().zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
