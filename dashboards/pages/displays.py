"""Displays: the screens on the walls, those that wait to be approved, what each shows, and the word to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboards import display_parts as told
from dashboards import listing, parts
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.listing import Column, two
from dashboards.parts import aria, word
from dashboards.viewer import CURRENT, who
from ioc.access.rights import Right
from ioc.store import displays
from ioc.store.displays import DisplayError

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from ioc.store.displays import Display, Waiting

PATHS, NAME, ORDER, GROUP = ["/displays", "/displays/<number>"], "displays", 62, "admin"
RIGHT = Right.ADMIN
_COLUMNS = ("screen", "state", "shows", "chosen", "may", "size", "address", "pages")
_WAITING = ("code", "address", "wants", "asked", "act")


async def layout(number: str = "", **_: str) -> Any:
    if number:
        return await parts.shown(lambda: _one(number))
    return parts.page(
        word("page.displays"),
        parts.panel(word("displays.listed"), html.Div(await parts.shown(_listed), id="displays-list")),
        html.Div(
            [
                parts.panel(word("displays.waiting"), html.Div(await parts.shown(_waiting), id="displays-waiting")),
                parts.panel(word("displays.approve"), *_approval()),
            ],
            className="columns",
        ),
        dcc.Store(id="signal-displays"),
        html.Span(id="displays-page"),
        lead=word("displays.lead", address="/wall"),
    )


@callback(
    Output("displays-list", "children"),
    Output("displays-waiting", "children"),
    Input("signal-displays", "data"),
    Input("signal-slow", "data"),
    prevent_initial_call=True,
    needs=Right.ADMIN,
)
async def refresh(*_: Any) -> Any:
    return await parts.shown(_listed), await parts.shown(_waiting)


async def _listed() -> Component:
    rows = await current().read(displays.listed)
    return listing.cards(
        [Column(word(f"col.{k}"), None, k) for k in _COLUMNS],
        [_row(row) for row in rows],
        name=word("displays.listed"),
        empty=word("displays.none"),
        looks=["" if row.alive else "waits crit" for row in rows],
    )


def _row(row: Display) -> list[Any]:
    shows, since = told.shown(row)
    return [
        parts.link(row.name, f"/displays/{row.id}"), two(*told.state(row)), two(shows, since), told.chosen(row),
        told.may(row), told.size(row), row.address or "–", told.pages(row),
    ]  # fmt: skip


async def _waiting() -> Component:
    rows = await current().read(displays.waiting)
    return listing.cards(
        [Column(word(f"col.{k}"), None, k) for k in _WAITING],
        [_waits(row) for row in rows],
        name=word("displays.waiting"),
        empty=word("displays.none_waiting"),
    )


def _waits(row: Waiting) -> list[Any]:
    take = html.Button(word("displays.take"), id={"display": "take", "hint": row.hint}, className="plain")
    return [html.B(f"{row.hint}…", className="num"), row.address, row.wants or "–",
            word("sensor.ago", age=parts.ago(row.asked_at)), take]  # fmt: skip


def _approval() -> list[Any]:
    """The form that lets a screen in."""
    fields = [
        _field("code", dcc.Input(id="display-code", maxLength=40, autoComplete="off", placeholder="XXXX XXXX")),
        _field("name", dcc.Input(id="display-name", maxLength=80, autoComplete="off")),
        _field("scenes", _menu("display-scenes", told.scenes(), [], word("displays.every"), several=True)),
        _field("shows", _menu("display-shows", told.choices(), told.ADDRESS)),
    ]
    press = html.Button(word("displays.do_approve"), id="display-approve", className="primary")
    said = html.Span(id="display-approved", role="status")
    return [html.Div(fields, className="fields"), html.Div([press, said], className="tools"),
            html.P(word("displays.careful"), className="quiet")]  # fmt: skip


@callback(
    Output("display-code", "value"),
    Input({"display": "take", "hint": ALL}, "n_clicks"),
    prevent_initial_call=True,
    needs=Right.ADMIN,
)
async def take(_: Any) -> Any:
    """One of the list is meant."""
    pressed = ctx.triggered and ctx.triggered[0]["value"]
    return str(ctx.triggered_id["hint"])[:8] if pressed and isinstance(ctx.triggered_id, dict) else no_update


@callback(
    Output("display-approved", "children"),
    Output("display-code", "value", allow_duplicate=True),
    Output("display-name", "value"),
    Input("display-approve", "n_clicks"),
    *(State(f"display-{k}", "value") for k in ("code", "name", "scenes", "shows")),
    prevent_initial_call=True,
    needs=Right.ADMIN,
)
async def approve(clicks: int | None, code: Any, name: Any, scenes: Any, shows: Any) -> Any:
    if not clicks or CURRENT.get().at is not None:
        return no_update, no_update, no_update
    chosen, part = told.choice(shows)
    try:
        made = await current().read(displays.approve, who(), str(name or "")[:200], code=str(code or "")[:200],
                                    scenes=told.known(scenes), shows=chosen, screen=part)  # fmt: skip
    except DisplayError as error:
        return _refused(error), no_update, no_update
    return word("displays.approved", name=made.name), "", ""


async def _one(said: str) -> Component:
    row = await _find(said)
    if row is None:
        return parts.page(word("page.displays"), html.P(word("displays.gone"), className="quiet"), _back())
    chosen, several = told.value(row), row.shows if row.shows and len(row.shows) > 1 else []
    switch = [
        _field("shows", _menu("display-to", told.choices(row.scenes), chosen)),
        _field("turn_of", _menu("display-turn", told.scenes(row.scenes), several, word("displays.all"), several=True)),
    ]
    every = told.scenes(gone=row.scenes)
    edit = [
        _field("name", dcc.Input(id="display-called", value=row.name, maxLength=80, autoComplete="off")),
        _field("scenes", _menu("display-may", every, row.scenes, word("displays.every"), several=True)),
    ]
    return parts.page(
        row.name,
        _back(),
        html.Div(
            [
                parts.panel(word("displays.now"), html.Div(told.facts(row), id="display-now")),
                html.Div(
                    [
                        _form("switch", switch, _button("switch", "primary"), _button("reload", "plain")),
                        _form("edit", edit, _button("save", "primary")),
                        parts.panel(word("displays.revoke"), _revocation()),
                    ],
                    className="column",
                ),
            ],
            className="columns",
        ),
        dcc.Store(id="signal-displays"),
        dcc.Store(id="display-number", data=row.id),
        html.Span(id="displays-page"),
    )


def _form(title: str, fields: list[Any], *buttons: Any) -> Component:
    tools = html.Div([*buttons, html.Span(id=f"display-said-{title}", role="status")], className="tools")
    return parts.panel(word(f"displays.{title}"), html.Div(fields, className="fields"), tools)


def _button(deed: str, look: str) -> Component:
    return html.Button(word(f"displays.do_{deed}"), id=f"display-{deed}", className=look)


def _revocation() -> Component:
    """Two steps: what it means, then the button."""
    sure = [
        html.P(word("displays.revoke_lead")),
        _button("revoke", "primary off"),
        html.Span(id="display-said-revoke", role="status"),
    ]
    return html.Details([html.Summary(word("displays.revoke_open")), *sure])


def _back() -> Component:
    return html.P(parts.link(f"‹ {word('page.displays')}", "/displays"))


@callback(
    Output("display-now", "children"),
    Input("signal-displays", "data"),
    Input("signal-slow", "data"),
    State("display-number", "data"),
    prevent_initial_call=True,
    needs=Right.ADMIN,
)
async def follow(_: Any, __: Any, id_: Any) -> Any:
    row = await _find(str(id_))
    return word("displays.gone") if row is None else told.facts(row)


@callback(
    Output("display-said-switch", "children"),
    Output("display-said-edit", "children"),
    Output("display-said-revoke", "children"),
    Output("display-now", "children", allow_duplicate=True),
    *(Input(f"display-{deed}", "n_clicks") for deed in ("switch", "reload", "save", "revoke")),
    State("display-number", "data"),
    *(State(f"display-{k}", "value") for k in ("to", "turn", "called", "may")),
    prevent_initial_call=True,
    needs=Right.ADMIN,
)
async def tell(*given: Any) -> Any:
    """A word to this screen, or about it."""
    deed = str(ctx.triggered_id or "").removeprefix("display-")
    nothing, id_ = (no_update,) * 4, given[4]
    if not any(given[:4]) or not isinstance(id_, int) or CURRENT.get().at is not None:
        return nothing
    try:
        await _do(deed, id_, *given[5:])
    except DisplayError as error:
        said: Any = _refused(error)
    else:
        said = word(f"displays.done_{deed}")
    row = await _find(str(id_))
    if deed in {"switch", "reload"} and row is not None and not row.alive and isinstance(said, str):
        said = f"{said} {word('displays.when_back')}"
    places = {"switch": 0, "reload": 0, "save": 1, "revoke": 2}
    answers = ["", "", "", word("displays.gone") if row is None else told.facts(row)]
    answers[places.get(deed, 0)] = said
    return tuple(answers)


async def _do(deed: str, id_: int, to: Any, turn: Any, called: Any, may: Any) -> None:
    """Raises DisplayError."""
    read = current().read
    if deed == "switch":
        chosen, part = told.choice(to)
        await read(displays.switch, who(), id_, told.known(turn) if to == told.TURN else chosen, part)
    elif deed == "reload":
        await read(displays.reload, who(), id_)
    elif deed == "save":
        await read(displays.change, who(), id_, str(called or "")[:200], told.known(may))
    elif deed == "revoke":
        await read(displays.revoke, who(), id_)


async def _find(said: str) -> Display | None:
    """None where there is none, or its key was revoked."""
    if not (said.isascii() and said.isdigit() and len(said) < 9):
        return None
    row = await current().read(displays.one, int(said))
    return row if row is not None and row.revoked_at is None else None


def _refused(error: DisplayError) -> Component:
    return html.Span(word(f"displays.not_{error.what}"), className="bad")


def _field(key: str, what: Component) -> Component:
    return html.Div([html.Label(word(f"displays.{key}"), htmlFor=getattr(what, "id", "")), what], className="field")


def _menu(id_: str, options: Any, value: Any, nothing: str = "–", *, several: bool = False) -> Component:
    menu = parts.menu(options, value, id=id_, multi=several, placeholder=nothing, clearable=several)
    return html.Div(menu, className="picker", role="group", **aria(label=nothing))
