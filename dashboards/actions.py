"""What a person does to an alarm: acknowledge it, put it aside for a while with a reason, take that back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dash import Input, Output, State, callback, ctx, dcc, html, no_update

from dashboards import parts
from dashboards.context import current
from dashboards.parts import word
from dashboards.viewer import CURRENT
from ioc.store import alarms, screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from ioc.store.database import Connection

Row = dict[str, Any]
_LENGTHS = {"1h": 1, "4h": 4, "8h": 8, "24h": 24, "72h": 72, "168h": 168}  # hours; a week is the longest
_BUTTONS = ("ack-do", "shelve-do", "out-do", "back-do")
_ENDS = {"shelved": alarms.unshelve, "out_of_service": alarms.put_back}


def panel(row: Row) -> Component:
    """The forms that fit the alarm as it is; nothing once it is over."""
    return html.Div([html.Div(forms(row), id="ack-form"), html.P(told(row), id="ack-said", role="status")])


def forms(row: Row) -> list[Component]:
    if row["closed_at"]:
        return []
    name = dcc.Input(id="ack-by", value=CURRENT.get().name, maxLength=80, persistence="ioc", persistence_type="local")
    note = dcc.Input(id="ack-note", maxLength=500)
    ack = [] if row["acked_at"] else [html.Button(word("ack.do"), id="ack-do", className="primary")]
    return [
        html.Label(word("ack.by"), htmlFor="ack-by"), name,
        html.Label(word("ack.note"), htmlFor="ack-note"), note,
        html.Div([*ack, *_unseen("ack-do", not ack)], className="tools"),
        html.Details([html.Summary(word("shelf.title")), *_shelf(row)], open=row["suppression"] != "none"),
    ]  # fmt: skip


def _shelf(row: Row) -> list[Component]:
    """Put aside, or take back; by design is the rules' own doing and ends by itself."""
    away = row["suppression"] != "none"
    options = [(key, f"shelf.{key}") for key in _LENGTHS]
    lengths = html.Div(parts.choice("shelf-length", options, "4h", word("shelf.length")), hidden=away)
    wanted = {} if away else {"shelve-do": "shelf.do", "out-do": "shelf.out"}
    if row["suppression"] in _ENDS:
        wanted = {"back-do": f"shelf.end_{row['suppression']}"}
    shown = [html.Button(word(said), id=id_, className="primary off") for id_, said in wanted.items()]
    missing = [part for id_ in _BUTTONS[1:] for part in _unseen(id_, id_ not in wanted)]
    return [html.P(word("shelf.lead"), className="quiet"), lengths, html.Div([*shown, *missing], className="tools")]


def _unseen(id_: str, wanted: bool) -> list[Component]:
    """Every button a callback listens to exists, seen or not."""
    return [html.Button(id=id_, hidden=True)] if wanted else []


def told(row: Row) -> list[Component]:
    """Who acknowledged it, and who put it aside until when and why."""
    said = []
    if row["acked_at"]:
        said.append(word("alarm.acked", by=row["acked_by"], at=parts.when(row["acked_at"])) + _note(row["ack_note"]))
    if row["suppression"] in _ENDS:
        until = parts.when(row["suppressed_until"])
        said.append(
            word(f"shelf.is_{row['suppression']}", by=row["suppressed_by"] or "–", until=until)
            + _note(row["suppress_reason"])
        )
    return [html.Span(line, className="told") for line in said]


def _note(note: str | None) -> str:
    return f" “{note}”" if note else ""


@callback(Output("ack-said", "children"), Output("ack-form", "children"), Output("alarm-history", "children"),
          Output("alarm-state", "children"), *(Input(id_, "n_clicks") for id_ in _BUTTONS), State("ack-by", "value"),
          State("ack-note", "value"), State("shelf-length", "value"), State("alarm-id", "data"),
          prevent_initial_call=True)  # fmt: skip
async def act(*given: Any) -> Any:
    """A name is always needed, a reason to put an alarm aside; a note is welcome."""
    by, note, length, id_ = (given[-4] or "").strip()[:80], (given[-3] or "").strip()[:500], given[-2], int(given[-1])
    if not any(given[:4]) or CURRENT.get().role != "operator":
        return (no_update,) * 4
    wanted = str(ctx.triggered_id)
    if not by or (not note and wanted in {"shelve-do", "out-do"}):
        return [word("ack.name") if not by else word("shelf.why")], no_update, no_update, no_update
    done = await current().read(do, id_, wanted, by, note, timedelta(hours=_LENGTHS.get(length, 4)))
    row, past = await asyncio.gather(current().read(screens.alarm, id_), history(id_))
    if row is None:
        return [word("ack.late")], [], past, "–"
    late = [] if done or (wanted == "ack-do" and row["acked_at"]) else [html.Span(word("ack.late"), className="told")]
    return late + told(row), forms(row), past, state(row)


def do(conn: Connection, id_: int, wanted: str, by: str, note: str, length: timedelta) -> bool:
    """One of the buttons, in the store; False where there was nothing to do any more."""
    if wanted == "ack-do":
        return alarms.acknowledge(conn, id_, by, note)
    if wanted == "shelve-do":
        return alarms.shelve(conn, id_, by, note, length)
    if wanted == "out-do":
        return alarms.take_out_of_service(conn, id_, by, note, length)
    row = screens.alarm(conn, id_)
    end = _ENDS.get(row["suppression"]) if row else None
    return end is not None and end(conn, id_, by, note)


def state(row: Row) -> str:
    said = word("alarms.over") if row["closed_at"] else word(f"isa.{row['isa']}")
    return said + (f" ({word('condition.' + row['condition'])})" if row["condition"] in {"nodata", "error"} else "")


async def history(id_: int) -> Component:
    row, changes = await asyncio.gather(current().read(screens.alarm, id_), current().read(screens.alarm_changes, id_))
    facts = {k: row[k] for k in ("states", "decimals", "unit")} if row else {"states": None, "decimals": 2, "unit": ""}
    rows = [
        [parts.when(c["at"], seconds=True), parts.code("change", c["kind"]),
         parts.reading({**facts, "value": c["value"]}) if c["value"] is not None else "", c["actor"], c["note"]]
        for c in changes
    ]  # fmt: skip
    heads = [word(f"col.{k}") for k in ("at", "change", "value", "by", "note")]
    return parts.panel(word("alarm.history"), parts.table(heads, rows, empty="–", name=word("alarm.history")))
