"""Feeds: what became of every message, what is silent, and what could not be used and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Input, Output, State, dcc, html, no_update

from dashboards import parts, publishers, reach
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.figures.sparkline import bars
from dashboards.parts import number, text, word
from dashboards.viewer import CURRENT
from ioc.access.rights import Right
from ioc.store import requests, screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

PATHS, NAME, ORDER = ["/feeds", "/feeds/<feed>"], "feeds", 30
_FATES = ("stored", "duplicate", "quarantined", "ignored")


async def layout(feed: str = "", **_: str) -> Any:
    if feed:
        return await parts.shown(lambda: _one(feed))
    return parts.page(
        word("page.feeds"), html.Div(await parts.shown(_all), id="feed-table"), lead=word("feeds.lead")
    )  # fmt: skip


@callback(Output("feed-table", "children"), Input("signal-slow", "data"), prevent_initial_call=True)
async def refresh(_: Any) -> Any:
    return await parts.shown(_all)


async def _feeds() -> list[dict[str, Any]]:
    """Read once every few seconds, however many desks look."""
    return await current().shared("feeds", 4.0, screens.feeds)


async def _all() -> Component:
    rows = await _feeds()
    heads = [word(f"col.{k}") for k in ("feed", "heard", "rate", "received")] + [word(f"fate.{f}") for f in _FATES] + [
        word("col.balance"), word("col.sensors")]  # fmt: skip
    total = {k: sum(row[k] for row in rows) for k in ("received", *_FATES)}
    listed = [_row(row) for row in rows]
    sums = [html.B(number(total[k])) for k in ("received", *_FATES)]
    listed.append(
        [html.B(word("feeds.total")), "", "", *sums, _balance(total), html.B(number(sum(r["sensors"] for r in rows)))]
    )
    table = parts.table(heads, listed, empty=word("feeds.none"), name=word("page.feeds"))
    return html.Div([*_unclaimed(rows), table], className="stack")


def _unclaimed(rows: list[dict[str, Any]]) -> list[Component]:
    """Where to go with messages that no feed claims."""
    count = sum(row["received"] for row in rows if row["key"] == "unclaimed")
    said: list[Any] = [word("feeds.unclaimed", n=number(count)), " ", parts.link(word("feeds.connect"), "/new-feeds")]
    return [html.P(said, id="unclaimed", className="box panel")] if count else []


def _row(row: dict[str, Any]) -> list[Any]:
    bad = row["quarantined"]
    counts = [
        html.Span(number(row[f]), className="num" + (" bad" if f == "quarantined" and bad else "")) for f in _FATES
    ]
    return [
        html.Div([parts.link(text(row["name"], row["key"]), f"/feeds/{row['key']}"), html.Small(_made_by(row))]),
        _heard(row), html.Span(bars(row["rate"]), className="bars", title=word("feeds.rate")),
        html.Span(number(row["received"]), className="num"), *counts, _balance(row), number(row["sensors"]),
    ]  # fmt: skip


def _made_by(row: dict[str, Any]) -> str:
    return " · ".join(filter(None, [row["format"], row["owner"]])) or "–"


def _heard(row: dict[str, Any]) -> Component:
    """When it last spoke; silent is said in words and with a sign."""
    if row["received_at"] is None:
        return parts.sign("none", "?", word("feeds.never"))
    quiet = parts.now() - row["received_at"]
    if row["silent_after"] is not None and quiet > row["silent_after"]:
        return parts.sign("warn", "!", word("feeds.silent", age=parts.ago(row["received_at"])))
    return parts.sign("ok", "", word("sensor.ago", age=parts.ago(row["received_at"])))


def _balance(row: dict[str, Any]) -> Component:
    """Received = stored + duplicate + quarantined + ignored, to the message."""
    off = row["received"] - sum(row[f] for f in _FATES)
    return (
        parts.sign("ok", "", word("feeds.balanced"))
        if off == 0
        else parts.sign("crit", "!!", word("feeds.off", n=number(off)))
    )


async def _one(key: str) -> Component:
    row = next((r for r in await _feeds() if r["key"] == key), None)
    if row is None:
        return parts.page(word("page.feeds"), html.P(word("feeds.unknown"), className="quiet"))
    pairs = [
        (word("fact.owner"), row["owner"] or "–"), (word("fact.format"), row["format"] or "–"),
        (word("fact.topics"), ", ".join(row["topics"]) or "–"), (word("col.heard"), _heard(row)),
        (word("col.received"), number(row["received"])), *((word(f"fate.{f}"), number(row[f])) for f in _FATES),
        (word("col.balance"), _balance(row)), (word("fact.readings"), number(row["readings"])),
        (word("fact.suspect"), number(row["suspect"])), (word("col.sensors"), number(row["sensors"])),
    ]  # fmt: skip
    return parts.page(
        text(row["name"], row["key"]),
        html.Div(
            [
                parts.panel(word("feeds.ledger"), parts.facts(pairs)),
                html.Div([await _reasons(row["id"]), _replay() if CURRENT.get().can(Right.FEEDS) else _unseen()],
                         className="column"),
            ],
            className="columns",
        ),
        *await publishers.panel(row["key"]),
        parts.panel(word("feeds.quarantine"), html.Div(await _quarantine(row["id"]), id="quarantine")),
        dcc.Store(id="feed-id", data=row["id"]),
        dcc.Store(id="replay-seen"),
        lead=row["key"],
    )  # fmt: skip


async def _reasons(feed: int) -> Component:
    rows = await current().read(screens.feed_reasons, feed)
    listed = [
        [
            word(f"fate.{r['fate']}"),
            _reason(r["reason"]),
            html.Span(number(r["count"]), className="num"),
            parts.when(r["last"]),
        ]
        for r in rows
    ]
    heads = [word(f"col.{k}") for k in ("fate", "reason", "count", "last")]
    title = word("feeds.reasons")
    return parts.panel(title, parts.table(heads, listed, empty=word("feeds.clean"), name=title))


def _reason(code: str) -> str:
    said = parts.code("reason", code)
    return said if said == code else f"{said} ({code})"


def _replay() -> Component:
    button = html.Button(word("replay.do"), id="replay-do", className="primary")
    return parts.panel(
        word("replay.title"), html.P(word("replay.lead")), button, html.Div(id="replay-said", role="status")
    )


def _unseen() -> Component:
    """Where the answer to a replay goes on a page on which none can be asked for."""
    return html.Div(id="replay-said", hidden=True)


# A callback of its own: what comes by itself would drop the answer to a press.
@callback(
    Output("replay-said", "children", allow_duplicate=True), Input("replay-do", "n_clicks"), State("feed-id", "data"),
    prevent_initial_call=True, needs=Right.FEEDS,
)  # fmt: skip
async def replay(pressed: int | None, feed: int) -> Any:
    """Ask the ingester."""
    if not pressed:
        return no_update
    await reach.feed(int(feed))
    await current().read(requests.ask, "replay", int(feed), CURRENT.get().name or "desk")
    return _asked(await current().read(requests.newest, int(feed)))


@callback(
    Output("replay-said", "children"),
    Output("quarantine", "children"),
    Output("replay-seen", "data"),
    Input("signal-slow", "data"),
    State("feed-id", "data"),
    State("replay-seen", "data"),
)
async def replayed(_: Any, feed: int, seen: int | None) -> Any:
    """Say what came of what was asked, and show the quarantine as it is after a replay."""
    rows = await current().read(requests.newest, int(feed))
    done = max((r["id"] for r in rows if r["done_at"] is not None), default=0)
    again = seen is not None and done != seen  # else an opened message would close under the reader's eyes
    return _asked(rows), await _quarantine(feed) if again else no_update, done


def _asked(rows: list[dict[str, Any]]) -> Component:
    return html.Ul([html.Li(f"{parts.when(r['at'], seconds=True)}: {_came(r)}") for r in rows])


def _came(row: dict[str, Any]) -> str:
    if row["done_at"] is None:
        return word("replay.waits")
    result = row["result"] or {}
    if "error" in result:
        return word("replay.failed", why=str(result["error"])[:200])
    return word("replay.done", **{k: number(result.get(k, 0)) for k in ("tried", "stored", "duplicate", "left")})


async def _quarantine(feed: int) -> Component:
    rows = await current().read(screens.quarantined, feed)
    if not rows:
        return html.P(word("feeds.clean"), className="quiet")
    return html.Div([_message(row) for row in rows], className="messages")


def _message(row: dict[str, Any]) -> Component:
    """One message: topic, reason, and its bytes as harmless text."""
    head = [
        html.B(_reason(row["reason"])),
        html.Code(row["topic"]),
        html.Small(f"{parts.when(row['received_at'], seconds=True)} · {number(row['size'])} B"),
    ]
    if row["replayed_at"]:
        head.append(parts.sign("ok", "", word("feeds.replayed")))
    payload = html.Pre(readable(bytes(row["payload"])))
    return html.Details([html.Summary(head), html.P(row["detail"], lang="en"), payload])


def readable(payload: bytes, most: int = 4000) -> str:
    """Bytes as text where they are text, else as a hex dump; cut, and without control characters."""
    cut = payload[:most]
    try:
        said = cut.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(cut) - 3 or len(payload) <= most:  # else a character cut in two
            return "\n".join(_hex_line(cut, at) for at in range(0, min(len(cut), 1024), 16))
        said = cut[: error.start].decode("utf-8")
    shown = "".join(
        c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}"
        for c in said
    )
    return shown + (" …" if len(payload) > most else "")


def _hex_line(data: bytes, at: int) -> str:
    part = data[at : at + 16]
    return f"{at:04x}  {part.hex(' '):<47}  {''.join(chr(b) if 32 <= b < 127 else '.' for b in part)}"
