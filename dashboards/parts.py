"""The small pieces every desk page is made of. Text is handed to Dash as text: nothing a feed says becomes markup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dash import dcc, html

from dashboards import board, viewer
from dashboards.context import current
from ioc import language
from ioc.config.types import parse_duration, say
from ioc.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from dash.development.base_component import Component

Cell = Any
BY_PRIORITY = {1: ("crit", "!!"), 2: ("warn", "!"), 3: ("warn", "!"), 4: ("warn", "!")}


def word(key: str, **values: Any) -> str:
    """A phrase of the screens, or of the core, in the viewer's language."""
    spoken = viewer.language()
    own = language.words("dashboards", spoken)
    text = own[key] if key in own else language.words("ioc", spoken)[key]
    return text.format(**values) if values else text


def code(table: str, key: str) -> str:
    """A phrase for a code that other parts may add to: the code itself where there is none yet."""
    said = word(f"{table}.{key}")
    return key if said == f"{table}.{key}" else said


def text(names: dict[str, str] | None, otherwise: str = "–") -> str:
    """A name in the viewer's language."""
    return say(names, viewer.language()) or otherwise if names else otherwise


def number(value: float | None, decimals: int = 0, unit: str = "") -> str:
    return language.quantity(value, decimals, unit, viewer.language())


def reading(row: dict[str, Any], value: str = "value") -> str:
    """A value in its metric's words where it has any, else as a number with its unit. row: states, decimals, unit."""
    said = board.in_words(row["states"], row[value])
    return text(said) if said else number(row[value], row["decimals"], row["unit"])


def age(seconds: float) -> str:
    return language.age(seconds, viewer.language())


def signature(id_: str, value: str = "", **more: Any) -> Component:
    """Under which name something is done: the account's; a field to fill in only where nobody has an account."""
    name = viewer.CURRENT.get().name
    if name:
        return dcc.Input(id=id_, value=name, readOnly=True, className="signed", **more)
    return dcc.Input(id=id_, value=value, maxLength=80, persistence="ioc", persistence_type="local", **more)


def length(written: Any) -> str:
    """A duration as a rule file or the store has it ("600s") in words; as it stands where it is none."""
    try:
        found = parse_duration(written)
    except ValueError:
        return str(written)
    return age(found.total_seconds()) if isinstance(found, timedelta) else str(written)


def when(at: datetime | None, *, seconds: bool = False) -> str:
    """A moment in the city's zone; a dash for none."""
    if at is None:
        return "–"
    return language.local_time(at, current().zone, viewer.language(), seconds=seconds)


def ago(at: datetime | None) -> str:
    """How long ago, by the database's clock as the hub knows it."""
    if at is None:
        return "–"
    return age((now() - at).total_seconds())


def now() -> datetime:
    """The past moment that is looked at, else the database's clock, without asking it."""
    if (at := viewer.CURRENT.get().at) is not None:
        return at
    return datetime.fromtimestamp(current().live.now() / 1e6, UTC)


def aria(**names: str) -> Any:
    """`aria-label` and its kin as keyword arguments of a component."""
    return {f"aria-{name}": value for name, value in names.items()}


def sign(look: str, mark: str, said: str) -> Component:
    """A state: colour, sign and words."""
    return html.Span([html.I(mark, className=f"dot {look}", **aria(hidden="true")), said], className=f"sign {look}")


def noted(text_: str | None) -> Any:
    """What a machine of ours wrote into the store, once and in English; marked so, for who has it read out."""
    return html.Span(text_, lang="en") if text_ else "\N{EN DASH}"


def priority(value: int) -> Component:
    look, mark = BY_PRIORITY[value]
    return sign(look, mark, word(f"priority.{value}"))


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], *, empty: str, name: str) -> Component:
    """A table that scrolls by itself where it is wider than the screen; `empty` says what there is not."""
    body = [html.Tr([html.Td(cell) for cell in row]) for row in rows]
    if not body:
        return html.P(empty, className="quiet")
    head = html.Thead(html.Tr([html.Th(h, scope="col") for h in heads]))
    return html.Div(html.Table([head, html.Tbody(body)], **aria(label=name)), className="table", tabIndex="0")


def facts(pairs: Iterable[tuple[str, Cell]]) -> Component:
    """Names and values, one a line."""
    return html.Dl([part for name, value in pairs for part in (html.Dt(name), html.Dd(value))], className="facts")


def domain(key: str) -> str:
    domains = current().folder.city.domains
    return text(domains[key].name) if key in domains else key


def page(title: str, *children: Any, lead: str = "") -> Component:
    head = [html.H1(title)] + ([html.P(lead, className="lead")] if lead else [])
    return html.Div([html.Div(head, className="title"), *children], className="page-body")


def panel(title: str, *children: Any, **more: Any) -> Component:
    return html.Section([html.H2(title), *children], className="panel box", **more)


def choice(id_: str, options: Sequence[tuple[str, str]], value: str, name: str) -> Component:
    """One of a few, as buttons in a row; arrow keys move through them. options: (value, phrase or text)."""
    radios = dcc.RadioItems([{"label": word(said), "value": key} for key, said in options], value, id=id_,
                            inline=True, className="choice")  # fmt: skip
    return html.Div(radios, role="group", **aria(label=name))


def menu(options: Sequence[Any], value: Any = None, **more: Any) -> Component:
    """A drop-down whose own words are the reader's: Dash speaks English unless each is told otherwise."""
    labels: Any = {
        "select_all": word("menu.all"), "deselect_all": word("menu.no_longer_all"),
        "selected_count": word("menu.chosen", n="{num_selected}"), "search": word("menu.search"),
        "clear_search": word("menu.clear_search"), "clear_selection": word("menu.clear"),
        "no_options_found": word("menu.nothing"),
    }  # fmt: skip
    return dcc.Dropdown(options, value, labels=labels, **more)


def link(said: str, href: str) -> Component:
    return dcc.Link(said, href=href)


async def shown(build: Callable[[], Awaitable[Any]]) -> Any:
    """What `build` makes; a sentence instead where the store cannot be reached."""
    try:
        return await build()
    except StoreError as error:
        return html.Div([html.B(word("store.away")), html.P(str(error))], className="panel box wrong", role="alert")
