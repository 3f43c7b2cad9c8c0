"""A feed's publishers on its page: who may send its messages, a new one with its password shown once, an end to one."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboards import parts, reach
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.parts import word
from dashboards.viewer import CURRENT, who
from ioc.access.brokers import PublisherError, filters, fresh_password, hashed
from ioc.access.rights import Right
from ioc.errors import IocError
from ioc.store import publishers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dash.development.base_component import Component

    from ioc.store.database import Connection
    from ioc.store.publishers import Publisher

_LONGEST = 3660  # days


async def panel(feed: str) -> list[Component]:
    """For who may change feeds; nothing for others and in the past."""
    if not CURRENT.get().can(Right.FEEDS):
        return []
    inside = [
        html.P(word("publishers.lead")),
        html.Div(await _table(feed), id="publishers"),
        html.Div([_field("name", maxLength=63, autoComplete="off"), _field("days", inputMode="numeric", maxLength=4)],
                 className="fields"),
        html.Button(word("publishers.do"), id="publisher-do", className="primary"),
        html.Div(id="publisher-said", role="status"),
        dcc.Store(id="publisher-feed", data=feed),
    ]  # fmt: skip
    return [parts.panel(word("publishers.title"), *inside)]


def _field(key: str, **more: Any) -> Component:
    field = dcc.Input(id=f"publisher-{key}", value="", **more)
    return html.Div([html.Label(word(f"publishers.{key}"), htmlFor=f"publisher-{key}"), field], className="field")


async def _table(feed: str) -> Component:
    found = [p for p in await current().read(publishers.listed) if feed in p.feeds]
    heads = [word(f"col.{key}") for key in ("publisher", "by", "made", "until", "state", "act")]
    title = word("publishers.title")
    return parts.table(heads, [_row(p) for p in found], empty=word("publishers.none"), name=title)


def _row(p: Publisher) -> list[Any]:
    until = parts.when(p.expires_at) if p.expires_at else word("publishers.no_end")
    if p.revoked_at is not None:
        return [p.name, p.created_by, parts.when(p.created_at), until, word("publishers.revoked"), ""]
    state = (
        parts.sign("ok", "", word("publishers.good")) if p.valid else parts.sign("warn", "!", word("publishers.past"))
    )
    return [p.name, p.created_by, parts.when(p.created_at), until, state, _acts(p.name)]


def _acts(name: str) -> Component:
    """Behind a second press, since a revoked name is gone for ever and an old password at once."""
    buttons = [
        html.Button(word(f"publishers.{deed}"), id={"publisher": deed, "name": name}, className="plain")
        for deed in ("renew", "revoke")
    ]
    return html.Details([html.Summary(word("publishers.change")), html.Div(buttons, className="tools")])


@callback(
    Output("publisher-said", "children"),
    Output("publishers", "children"),
    Output("publisher-name", "value"),
    Input("publisher-do", "n_clicks"),
    Input({"publisher": ALL, "name": ALL}, "n_clicks"),
    State("publisher-name", "value"),
    State("publisher-days", "value"),
    State("publisher-feed", "data"),
    prevent_initial_call=True,
    needs=Right.FEEDS,
)
async def act(_: Any, __: Any, name: Any, days: Any, feed: Any) -> Any:
    """One press; what was refused is said, and what was typed stays."""
    if not (ctx.triggered and ctx.triggered[0]["value"]) or CURRENT.get().at is not None:
        return no_update, no_update, no_update
    key, at = str(feed)[:200], ctx.triggered_id
    try:
        reach.feed_key(key)
        said = await _add(key, name, days) if at == "publisher-do" else await _change(key, at, days)
    except IocError as error:
        return html.P(parts.noted(str(error)), className="bad"), no_update, no_update
    return said, await _table(key), ""


async def _add(feed: str, name: Any, days: Any) -> Component:
    password, name = fresh_password(), str(name or "").strip()[:80]
    ends = _days(days)
    given = hashed(password)

    def add(conn: Connection) -> dict[str, list[str]]:
        end = None if ends is None else publishers.clock(conn) + ends
        publishers.add(conn, who(), name, given, feeds=[feed], expires=end)
        return publishers.declared(conn)

    return _shown(name, password, (await current().read(add)).get(feed, []))


async def _change(feed: str, at: Any, days: Any) -> Component:
    """Raises PublisherError, ForbiddenError where the publisher serves a feed beyond the account's."""
    deed, name = str(at["publisher"]), str(at["name"])
    found = next((p for p in await current().read(publishers.listed) if p.name == name and feed in p.feeds), None)
    if found is None:
        raise PublisherError(f"there is no publisher {name!r} of this feed")
    for key in found.feeds:
        reach.feed_key(key)
    if deed == "revoke":
        await current().read(publishers.revoke, who(), name)
        return html.P(word("publishers.gone", name=name))
    password, ends = fresh_password(), _days(days)
    given = hashed(password)

    def renew(conn: Connection) -> dict[str, list[str]]:
        end = None if ends is None else publishers.clock(conn) + ends
        publishers.renew(conn, who(), name, given, expires=end)
        return publishers.declared(conn)

    return _shown(name, password, (await current().read(renew)).get(feed, []))


def _days(given: Any) -> timedelta | None:
    """None where nothing was typed. Raises PublisherError."""
    text = str(given or "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= _LONGEST):
        raise PublisherError(f"{text[:20]!r}: give a whole number of days from 1 to {_LONGEST}, or nothing for no end")
    return timedelta(days=int(text))


def _shown(name: str, password: str, topics: Sequence[str]) -> Component:
    """The only time that the password is seen."""
    return html.Div(
        [
            html.P(word("publishers.once", name=name)),
            html.Pre(password, className="code", id="publisher-password"),
            html.Pre(_line(name, topics)),
        ]
    )


def _line(name: str, topics: Sequence[str]) -> str:
    """How to try it; without the password, which a terminal would keep."""
    parts_ = urlsplit(current().settings.broker_url or "mqtt://BROKER:1883")
    safe = ["--cafile", "CA"] if parts_.scheme == "mqtts" else []
    where = ["-h", parts_.hostname or "BROKER", "-p", str(parts_.port or (8883 if safe else 1883))]
    levels = filters(topics)[0].split("/") if topics else ["TOPIC"]
    topic = "/".join("x" if level in ("+", "#") else level for level in levels)
    return shlex.join(["mosquitto_pub", *where, *safe, "-u", name, "-P", "…", "-q", "1", "-t", topic, "-m", "{}"])
