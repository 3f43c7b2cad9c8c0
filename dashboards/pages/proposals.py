"""New feeds: topics that nobody declared, the feed file proposed for each, tried, saved and seen to go live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Input, Output, State, ctx, dcc, html, no_update

from dashboards import parts, reach
from dashboards.callbacks import callback
from dashboards.context import current
from dashboards.parts import number, word
from dashboards.viewer import CURRENT
from ioc.access.rights import Right
from ioc.store import proposals

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from ioc.store.proposals import Proposed

PATHS, NAME, ORDER = ["/new-feeds", "/new-feeds/<proposal>"], "proposals", 35
_LOOK = {
    "proposed": ("none", "?"),
    "dry_run": ("none", "…"),
    "accepted": ("warn", "…"),
    "live": ("ok", ""),
    "refused": ("none", "×"),
}
_ASKS = {"try-do": "dry_run", "accept-do": "accept", "refuse-do": "refuse"}
_REASON = ("what", "said", "sure", "why")
_SHOWN = 12  # sample messages


async def layout(proposal: str = "", **_: str) -> Any:
    if proposal:
        return await parts.shown(lambda: _one(proposal))
    return parts.page(
        word("page.proposals"), html.Div(await parts.shown(_all), id="proposal-table"), lead=word("proposals.lead")
    )


@callback(Output("proposal-table", "children"), Input("signal-slow", "data"), prevent_initial_call=True)
async def refresh(_: Any) -> Any:
    return await parts.shown(_all)


async def _all() -> Component:
    rows = await current().shared("proposals", 3.0, proposals.listed)
    heads = [word(f"col.{k}") for k in ("topics", "format", "sure", "messages", "state", "outcome")]
    listed = [
        [parts.link(", ".join(row.topics), f"/new-feeds/{row.id}"), row.format, _sure(row.confidence),
         html.Span(number(row.messages), className="num"), _state(row), parts.noted(row.outcome)]
        for row in rows
    ]  # fmt: skip
    return parts.table(heads, listed, empty=word("proposals.none"), name=word("page.proposals"))


def _sure(confidence: float) -> Component:
    look, mark = ("ok", "") if confidence >= 0.8 else ("warn", "!") if confidence >= 0.5 else ("old", "?")
    return parts.sign(look, mark, number(confidence * 100, 0, "%"))


def _state(row: Proposed) -> Component:
    look, mark = _LOOK[row.state]
    return parts.sign(look, mark, word("proposals.asked") if row.request else word(f"proposals.{row.state}"))


async def _find(id_: int) -> Proposed | None:
    return next((row for row in await current().read(proposals.listed) if row.id == id_), None)


async def _one(proposal: str) -> Component:
    row = await _find(int(proposal)) if proposal.isascii() and proposal.isdigit() and len(proposal) < 9 else None
    if row is None:
        return parts.page(word("page.proposals"), html.P(word("proposals.unknown"), className="quiet"))
    samples = "\n\n".join(f"{s.get('topic', '')}\n{s.get('payload', '')}" for s in row.samples[-_SHOWN:])
    reasons = [
        [str(r.get(k, "")) if k != "sure" else _sure(float(r.get(k) or 0)) for k in _REASON] for r in row.reasons
    ]
    heads = [word(f"col.{k}") for k in _REASON]
    return parts.page(
        ", ".join(row.topics),
        html.Div(
            [
                html.Div([parts.panel(word("proposals.file"), *_editor(row))], className="column"),
                html.Div([parts.panel(word("proposals.came"), html.Div(_came(row), id="proposal-came", role="status")),
                          parts.panel(word("proposals.why"), parts.table(heads, reasons, empty="–", name="")),
                          parts.panel(word("proposals.samples"), html.Pre(samples or "–"))], className="column"),
            ],
            className="columns",
        ),
        dcc.Store(id="proposal-id", data=row.id),
        lead=word("proposals.sure", format=row.format, sure=number(row.confidence * 100), n=number(row.messages)),
    )  # fmt: skip


def _editor(row: Proposed) -> list[Any]:
    """The file as the ingester would write it; a person has the last word."""
    name = dcc.Input(id="proposal-key", value=row.key, maxLength=80)
    file = dcc.Textarea(id="proposal-toml", value=row.toml, className="code", spellCheck=False)
    if row.state in {"accepted", "live"} or not CURRENT.get().can(Right.FEEDS):
        return [html.P(html.Code(f"feeds/{row.key}.toml")), html.Pre(row.toml)]
    return [
        html.P(word("proposals.steps"), className="lead"),
        html.Label(word("proposals.key"), htmlFor="proposal-key"), name,
        html.Label(word("proposals.toml"), htmlFor="proposal-toml"), file,
        html.Div([html.Button(word("proposals.try"), id="try-do", className="primary"),
                  html.Button(word("proposals.accept"), id="accept-do", className="primary go"),
                  html.Button(word("proposals.refuse"), id="refuse-do", className="primary off")], className="tools"),
    ]  # fmt: skip


# A callback of its own: what comes by itself would drop the answer to a press.
@callback(Output("proposal-came", "children", allow_duplicate=True), *(Input(id_, "n_clicks") for id_ in _ASKS),
          State("proposal-id", "data"), State("proposal-key", "value"), State("proposal-toml", "value"),
          prevent_initial_call=True, needs=Right.FEEDS)  # fmt: skip
async def ask(*given: Any) -> Any:
    """Ask the ingester."""
    id_, key, toml = int(given[-3]), (given[-2] or "").strip(), given[-1] or ""
    wanted = _ASKS.get(str(ctx.triggered_id))
    if wanted is None or not any(given[:3]):
        return no_update
    reach.feed_key(key)
    if not await current().read(proposals.ask, id_, wanted, key=key, toml=toml):
        return word("proposals.late")
    return await came(None, id_)


@callback(Output("proposal-came", "children"), Input("signal-slow", "data"), State("proposal-id", "data"),
          prevent_initial_call=True)  # fmt: skip
async def came(_: Any, id_: int) -> Any:
    """Show what it answers."""
    row = await _find(int(id_))
    return no_update if row is None else _came(row)


def _came(row: Proposed) -> list[Any]:
    """State, then the answer to the last request: a summary, faults, and message by message what would be stored."""
    said: list[Any] = [_state(row)]
    result = row.result
    if row.state == "live":
        said.append(html.P([word("proposals.now_live"), " ", parts.link(row.key, f"/feeds/{row.key}")]))
        replayed = result.get("replayed") or {}
        if "tried" in replayed:
            said.append(
                html.P(
                    word(
                        "replay.done",
                        **{k: number(replayed.get(k, 0)) for k in ("tried", "stored", "duplicate", "left")},
                    )
                )
            )
    if result.get("error"):
        said.append(html.P(str(result["error"]), className="bad"))
    said += [html.P(str(fault), className="bad") for fault in _many(result.get("faults"))]
    if result.get("summary"):
        said.append(html.P(html.B(_text(result["summary"]))))
    if result.get("lines"):
        said.append(html.Pre("\n".join(_text(line) for line in result["lines"])))
    return said if len(said) > 1 or not row.outcome else [*said, html.P(parts.noted(row.outcome))]


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
