"""The frame around every desk page: navigation, language, clock, data age, and the signals pushed pages wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash
from dash import dcc, html

from dashboards import viewer
from dashboards.context import current
from dashboards.parts import aria
from dashboards.surface import page_right
from ioc import plugins
from ioc.config.types import say
from ioc.language import LANGUAGES, words

if TYPE_CHECKING:
    from dash.development.base_component import Component

# Set by our scripts when the push channel says that something changed; callbacks listen to them.
SIGNALS = ("signal-alarms", "signal-slow", "signal-sensor")

# Pages behind one word of the bar; a page may also say its own GROUP.
_GROUP = {
    "explore": "look", "sensors": "look", "areas": "look", "events": "look",
    "shelf": "alarms", "rules": "alarms", "roster": "alarms", "mailbox": "alarms",
    "feeds": "data", "proposals": "data", "quality": "data",
}  # fmt: skip


def layout() -> Component:
    """The same for every page; Dash puts the page into it."""
    language, folder = viewer.language(), current().folder
    said = words("dashboards", language)
    title = say(folder.city.title or folder.city.name, language)
    return html.Div(
        [
            html.Header(
                [
                    html.A(title, href="/", id="home", title=title),
                    html.Button(
                        "☰",
                        id="menu",
                        title=said["nav.pages"],
                        **aria(label=said["nav.pages"], expanded="false", controls="pages"),
                    ),
                    html.Nav(_links(said), id="pages", **aria(label=said["nav.pages"])),
                    html.Div(_right(language, said), id="right"),
                ],
                id="bar",
            ),
            html.Main(dash.page_container, id="content", tabIndex="-1"),
            *(dcc.Store(id=name) for name in SIGNALS),
        ],
        id="desk",
    )


def _links(said: dict[str, str]) -> list[Component]:
    """Pages in their order; those that belong together behind one word, at the place of the first."""
    pages = [plugins.load("dashboards.pages", name) for name in plugins.names("dashboards.pages")]
    may = viewer.CURRENT.get().may
    shown = sorted((p for p in pages if p.ORDER is not None and may(page_right(p))), key=lambda p: p.ORDER)
    groups: dict[str, list[Component]] = {}
    bar: list[Component] = []
    for page in shown:
        link = dcc.Link(said[f"page.{page.NAME}"], href=page.PATHS[0], className="page")
        group = _GROUP.get(page.NAME) or getattr(page, "GROUP", "")
        if group and group not in groups:
            groups[group] = [link]
            bar.append(_group(said[f"nav.{group}"], groups[group]))
        elif group:
            groups[group].append(link)
        else:
            bar.append(link)
    return [*bar, html.A(said["page.wall"], href="/wall", className="page")]


def _group(name: str, links: list[Component]) -> Component:
    return html.Details([html.Summary(name), html.Div(links, className="under")], className="group")


def _right(language: str, said: dict[str, str]) -> list[Any]:
    choices = [
        html.A(code.upper(), href=f"/language/{code}", title=name, lang=code, className="here" * (code == language))
        for code, name in LANGUAGES.items()
    ]  # fmt: skip
    return [
        html.Span([html.I(), html.Span(said["pill.connecting"], id="pill-text", className="num")], id="pill",
                  className="pill late", role="status"),
        html.Span([html.Span("--:--:--", id="clock", className="num"), html.Small(" ", id="date")], id="time"),
        html.Nav(choices, id="languages", **aria(label=said["nav.language"])),
        *_account(said),
    ]  # fmt: skip


def _account(said: dict[str, str]) -> list[Any]:
    """Who is logged in, and the way out; nothing where nobody has an account."""
    who = viewer.CURRENT.get()
    if who.person is None:
        return []
    leave = html.Form(html.Button(said["nav.logout"]), method="post", action="/logout")
    return [html.A(who.name, href="/account", className="account", title=said[f"role.{who.role}"]), leave]
