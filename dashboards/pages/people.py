"""Accounts: who may log in, as what, where; a link for whoever cannot, and the end of what should not go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Input, Output, State, ctx, dcc, html, no_update

from dashboards import listing, parts, viewer
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.listing import Column, two
from dashboards.parts import aria, word
from dashboards.viewer import CURRENT, who
from ioc.access.rights import PEOPLE, Right, Role
from ioc.config.types import say
from ioc.errors import AccessError
from ioc.store import people, sessions
from ioc.store.people import New

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from ioc.store.database import Connection
    from ioc.store.people import Person

PATHS, NAME, ORDER, GROUP = ["/people", "/people/<number>"], "people", 61, "admin"
RIGHT = Right.ADMIN
_COLUMNS = ("account", "role", "limits", "logs_in", "seen", "state")


async def layout(number: str = "", **_: str) -> Any:
    if number:
        return await parts.shown(lambda: _one(number))
    return parts.page(
        word("page.people"),
        parts.panel(word("people.listed"), html.Div(await parts.shown(_listed), id="people-list")),
        parts.panel(word("people.add"), *await _addition()),
        lead=word("people.lead"),
    )


async def _listed() -> Component:
    rows = await current().read(people.everybody)
    return listing.cards(
        [Column(word(f"col.{k}"), None, k) for k in _COLUMNS],
        [_row(row) for row in rows],
        name=word("people.listed"),
        empty=word("people.none"),
        looks=["" if row.active else "waits old" for row in rows],
    )


def _row(row: Person) -> list[Any]:
    return [
        two(parts.link(row.name, f"/people/{row.id}"), row.address), word(f"role.{row.role}"), _limits(row), _ways(row),
        word("sensor.ago", age=parts.ago(row.seen_at)) if row.seen_at else word("people.never"), _state(row),
    ]  # fmt: skip


def _limits(row: Person) -> str:
    return ", ".join((*row.areas, *row.feeds)) or word("account.everywhere")


def _ways(row: Person) -> str:
    way = "oidc" if row.issuer else "password" if row.password else "link"
    return word("account.how_code" if way == "password" and row.totp else f"account.how_{way}")


def _state(row: Person) -> str:
    if not row.active:
        return word("people.disabled")
    if row.locked_until is not None and row.locked_until > parts.now():
        return word("people.closed", time=parts.when(row.locked_until, seconds=True))
    return word("people.good")


async def _addition() -> list[Any]:
    fields = [
        _field("name", dcc.Input(id="person-name", maxLength=80, autoComplete="off")),
        _field("address", dcc.Input(id="person-address", maxLength=254, autoComplete="off", type="email")),
        *await _rights(Role.VIEWER, (), (), "new"),
    ]
    press = html.Button(word("people.do_add"), id="person-add", className="primary")
    said = html.Div(id="person-added", role="status")
    return [html.Div(fields, className="fields"), html.Div(press, className="tools"), said]


async def _rights(role: Role, areas: tuple[str, ...], feeds: tuple[str, ...], of: str) -> list[Component]:
    """What somebody may: a role, and where. of: the end of each field's id."""
    everywhere = word("account.everywhere")
    roles = [{"label": word(f"role.{r}"), "value": str(r)} for r in PEOPLE]
    fields = [_field("role", _menu(f"person-role-{of}", roles, str(role)))]
    for what, held in (("areas", areas), ("feeds", feeds)):
        known = await _choices(what, held)
        fields.append(_field(what, _menu(f"person-{what}-{of}", known, list(held), everywhere, several=True)))
    return fields


async def _choices(what: str, held: tuple[str, ...]) -> list[dict[str, str]]:
    known = await current().read(people.keys_of, what)
    named = {**{key: {} for key in held}, **known}
    return [{"label": say(name, viewer.language()) or key, "value": key} for key, name in named.items()]


@callback(
    Output("person-added", "children"),
    Output("people-list", "children"),
    Output("person-name", "value"),
    Output("person-address", "value"),
    Input("person-add", "n_clicks"),
    *(State(f"person-{k}", "value") for k in ("name", "address", "role-new", "areas-new", "feeds-new")),
    prevent_initial_call=True,
    needs=Right.ADMIN,
)
async def add(clicks: int | None, name: Any, address: Any, role: Any, areas: Any, feeds: Any) -> Any:
    """A new account, and the link that lets its owner in."""
    if not clicks or CURRENT.get().at is not None:
        return (no_update,) * 4
    given = await _given(role, areas, feeds)
    new = New(name=str(name or "").strip()[:200], address=str(address or "").strip()[:300], **given)
    try:
        person, secret = await current().read(_add, new)
    except AccessError as error:
        return _refused(error), no_update, no_update, no_update
    return _linked(person, secret), await parts.shown(_listed), "", ""


def _add(conn: Connection, new: New) -> tuple[Person, str]:
    person = people.add(conn, who(), new)
    return person, people.link(conn, who(), person, parts.now())


async def _one(said: str) -> Component:
    row = await _find(said)
    if row is None:
        return parts.page(word("page.people"), html.P(word("people.gone"), className="quiet"), _back())
    fields = await _rights(row.role, row.areas, row.feeds, "own")
    if row.issuer:
        fields[0] = _field("role", html.P(word("people.by_provider", role=word(f"role.{row.role}"))))
        fields.insert(0, dcc.Store(id="person-role-own", data=""))
    deeds = ["save", "link", "end", "disable" if row.active else "enable"]
    looks = {"save": "primary", "disable": "primary off"}
    buttons = [html.Button(word(f"people.do_{d}"), id={"person": d}, className=looks.get(d, "plain")) for d in deeds]
    return parts.page(
        row.name,
        _back(),
        parts.panel(word("people.now"), html.Div(_facts(row), id="person-now")),
        parts.panel(word("people.rights"), html.Div(fields, className="fields"),
                    html.Div(buttons, className="tools"), html.Div(id="person-said", role="status")),
        dcc.Store(id="person-number", data=row.id),
    )  # fmt: skip


def _facts(row: Person) -> Component:
    seen = parts.when(row.seen_at) if row.seen_at else word("people.never")
    pairs = {"role": word(f"role.{row.role}"), "limits": _limits(row), "logs_in": _ways(row), "state": _state(row),
             "seen": seen, "address": row.address or "–"}  # fmt: skip
    return parts.facts([(word(f"col.{key}"), value) for key, value in pairs.items()])


def _back() -> Component:
    return html.P(parts.link(f"‹ {word('page.people')}", "/people"))


@callback(
    Output("person-said", "children"),
    Output("person-now", "children"),
    *(
        Input({"person": deed}, "n_clicks", allow_optional=True)
        for deed in ("save", "link", "end", "disable", "enable")
    ),
    State("person-number", "data"),
    State("person-role-own", "value", allow_optional=True),
    State("person-areas-own", "value"),
    State("person-feeds-own", "value"),
    prevent_initial_call=True,
    needs=Right.ADMIN,
)
async def act(*given: Any) -> Any:
    """One of the buttons."""
    id_, role, areas, feeds = given[5:]
    if not any(given[:5]) or not isinstance(ctx.triggered_id, dict) or CURRENT.get().at is not None:
        return no_update, no_update
    deed, row = str(ctx.triggered_id["person"]), await _find(str(id_))
    if row is None:
        return word("people.gone"), no_update
    rights = await _given(role or row.role, areas, feeds)
    try:
        said = await current().read(_do, deed, row, rights)
    except AccessError as error:
        return _refused(error), no_update
    current().doors.forget()
    row = await _find(str(id_))
    return said, _facts(row) if row else word("people.gone")


def _do(conn: Connection, deed: str, row: Person, rights: dict[str, Any]) -> Any:
    """Returns what is said of it. Raises AccessError."""
    if deed == "save":
        people.change(conn, who(), row, **({k: v for k, v in rights.items() if not row.issuer or k != "role"}))
    elif deed == "link":
        return _linked(row, people.link(conn, who(), row, parts.now()))
    elif deed == "end":
        sessions.end_others(conn, who(), row)
    elif deed == "disable":
        people.disable(conn, who(), row, parts.now())
    elif deed == "enable":
        people.enable(conn, who(), row)
    return word(f"people.done_{deed}")


async def _given(role: Any, areas: Any, feeds: Any) -> dict[str, Any]:
    """What a form says, as far as there is such a thing: a form can be made up."""
    found: dict[str, Any] = {"role": Role(role) if role in [str(r) for r in PEOPLE] else Role.VIEWER}
    for what, asked in (("areas", areas), ("feeds", feeds)):
        known = await current().read(people.keys_of, what)
        found[what] = tuple(key for key in known if isinstance(asked, list) and key in asked)
    return found


async def _find(said: str) -> Person | None:
    return (
        await current().read(people.by_id, int(said)) if said.isascii() and said.isdigit() and len(said) < 9 else None
    )


def _linked(person: Person, secret: str) -> Component:
    """The link, once, to be passed on by whoever asked for it."""
    base = current().settings.base_url.rstrip("/")
    return html.Div(
        [html.P(word("people.linked", name=person.name)), html.Code(f"{base}/first/{secret}", className="num")]
    )


def _refused(error: AccessError) -> Component:
    return html.Span(word(f"people.not_{error.key or 'done'}"), className="bad")


def _field(key: str, what: Component) -> Component:
    return html.Div([html.Label(word(f"account.{key}"), htmlFor=getattr(what, "id", "")), what], className="field")


def _menu(id_: str, options: Any, value: Any, nothing: str = "–", *, several: bool = False) -> Component:
    menu = parts.menu(options, value, id=id_, multi=several, placeholder=nothing, clearable=several)
    return html.Div(menu, className="picker", role="group", **aria(label=nothing))
