"""What a person does to an alarm: acknowledge, comment, assign, put aside with a reason and an end, take back, reset.

Whoever acts has looked at a version of the alarm; where somebody was faster nothing is done, and what they did is said.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from dash import Input, Output, State, ctx, dcc, html, no_update

from dashboards import parts, people, reach, story
from dashboards.callbacks import callback, require
from dashboards.context import current
from dashboards.parts import word
from dashboards.viewer import CURRENT, called
from ioc.access.rights import Right
from ioc.errors import IocError
from ioc.store import alarms, screens

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from ioc.store.database import Connection

Row = dict[str, Any]
LENGTHS = {"1h": 1, "4h": 4, "8h": 8, "24h": 24, "72h": 72, "168h": 168}  # hours; a week is the longest
_BUTTONS = ("ack-do", "comment-do", "reset-do", "assign-do", "shelve-do", "out-do", "back-do")
BEAT_MS = 4000  # what changes no list, as a comment or a step of the chain, is looked for this often
_REASON = {"shelve-do", "out-do"}  # no putting aside without a reason
_ENDS = {"shelved": alarms.unshelve, "out_of_service": alarms.put_back}


class Deed(NamedTuple):
    """One press of a button. version: what was looked at."""

    what: str
    by: str
    note: str
    length: timedelta
    until_normal: bool
    person: str
    version: int | None


def panel(row: Row, known: dict[str, str], longest_h: float) -> Component:
    """The forms that fit the alarm as it is; nothing once it is over, and nothing in the past."""
    idle = not CURRENT.get().can(Right.ACT)
    return html.Div(
        [
            html.Div(
                [*_who(), html.Div(_unseen() if idle else forms(row, known, longest_h), id="ack-choices")],
                id="ack-form", hidden=idle,
            ),
            html.Div(told(row), id="ack-said", role="status"),
            dcc.Interval(id="alarm-beat", interval=BEAT_MS, disabled=CURRENT.get().at is not None),
            dcc.Store(id="alarm-seen", data=seen(row)),
        ]
    )  # fmt: skip


def seen(row: Row) -> dict[str, Any]:
    """version, and what the forms depend on: they stay as they are while it does."""
    return {
        "version": row["row_version"],
        "forms": [bool(row["closed_at"]), bool(row["acked_at"]), row["suppression"], resettable(row)],
    }


def resettable(row: Row) -> bool:
    return bool(row["latched"] and row["acked_at"] and row["condition"] == "false" and not row["closed_at"])


def forms(row: Row, known: dict[str, str], longest_h: float) -> list[Component]:
    """What may be done to it as it is. Name and note stand above: what is typed stays when this is drawn anew."""
    if row["closed_at"]:
        return _comment_only()
    shown = {"ack-do": not row["acked_at"], "comment-do": True, "reset-do": resettable(row)}
    looks = {"ack-do": "primary", "comment-do": "primary off", "reset-do": "primary go"}
    labels = {"ack-do": "ack.do", "comment-do": "comment.do", "reset-do": "reset.do"}
    buttons = [
        html.Button(word(labels[id_]), id=id_, className=looks[id_], hidden=not may) for id_, may in shown.items()
    ]
    return [
        html.Div(buttons, className="tools"),
        html.Div(
            [
                html.Div(
                    parts.menu(_persons(known), id="assign-to", placeholder=word("assign.to"), searchable=True),
                    className="picker",
                ),
                html.Button(word("assign.do"), id="assign-do", className="primary off"),
            ],
            className="tools menus",
        ),
        html.Details([html.Summary(word("shelf.title")), *_shelf(row, longest_h)], open=row["suppression"] in _ENDS),
    ]


def _persons(known: dict[str, str]) -> Any:
    return [{"label": name, "value": key} for key, name in known.items()]


def _who() -> list[Component]:
    return [html.Label(word("ack.by"), htmlFor="ack-by"), parts.signature("ack-by"),
            html.Label(word("ack.note"), htmlFor="ack-note"),
            dcc.Input(id="ack-note", value="", maxLength=500)]  # fmt: skip


def _unseen() -> list[Component]:
    """What the callbacks listen to, for a page on which nothing can be done."""
    return [html.Div(_comment_only(), hidden=True)]


def _comment_only() -> list[Component]:
    """What is over may still be commented; every button a callback listens to exists, seen or not."""
    rest = [html.Button(id=id_, hidden=True) for id_ in _BUTTONS if id_ != "comment-do"]
    unseen = html.Div(
        [
            parts.menu([], id="assign-to"),
            parts.choice("shelf-length", [("4h", "shelf.4h")], "4h", word("shelf.length")),
            dcc.Checklist([], [], id="shelf-normal"),
            *rest,
        ],
        hidden=True,
    )
    return [html.Button(word("comment.do"), id="comment-do", className="primary off"), unseen]


def _shelf(row: Row, longest_h: float) -> list[Component]:
    """Put aside, or take back; by design is the rules' own doing and ends by itself."""
    away = row["suppression"] != "none"
    options = [(key, f"shelf.{key}") for key, hours in LENGTHS.items() if hours <= longest_h] or [("1h", "shelf.1h")]
    usual = "4h" if longest_h >= LENGTHS["4h"] else options[0][0]
    normal = dcc.Checklist(
        [{"label": word("shelf.until_normal"), "value": "yes"}], [], id="shelf-normal", className="choice"
    )
    lengths = html.Div([parts.choice("shelf-length", options, usual, word("shelf.length")), normal], hidden=away)
    wanted = {} if away else {"shelve-do": "shelf.do", "out-do": "shelf.out"}
    if row["suppression"] in _ENDS:
        wanted = {"back-do": f"shelf.end_{row['suppression']}"}
    lead = word("shelf.by_design") if row["suppression"] == "by_design" else word("shelf.lead")
    shown = [html.Button(word(said), id=id_, className="primary off") for id_, said in wanted.items()]
    missing = [html.Button(id=id_, hidden=True) for id_ in ("shelve-do", "out-do", "back-do") if id_ not in wanted]
    return [html.P(lead, className="quiet"), lengths, html.Div([*shown, *missing], className="tools")]


def told(row: Row) -> list[Component]:
    """Who acknowledged it, has it, and put it aside until when and why."""
    said = []
    if row["acked_at"]:
        said.append(word("alarm.acked", by=row["acked_by"], at=parts.when(row["acked_at"])) + _note(row["ack_note"]))
    if row["assigned_name"] and row["assigned_at"] and not row["closed_at"]:
        said.append(
            word(
                "alarm.given",
                name=row["assigned_name"],
                by=row["assigned_by"] or "–",
                at=parts.when(row["assigned_at"]),
            )
        )
    if row["suppression"] in _ENDS and not row["closed_at"]:
        until = parts.when(row["suppressed_until"])
        said.append(
            word(f"shelf.is_{row['suppression']}", by=row["suppressed_by"] or "–", until=until)
            + _note(row["suppress_reason"])
        )
    return [html.Span(line, className="told") for line in said]


def _note(note: str | None) -> str:
    return f" “{note}”" if note else ""


_SHOWN = (("ack-said", "children"), ("ack-choices", "children"), ("alarm-seen", "data"), ("alarm-story", "children"),
          ("alarm-state", "children"))  # fmt: skip


@callback(
    *(Output(*one) for one in _SHOWN),
    Output("ack-note", "value"),
    *(Input(id_, "n_clicks") for id_ in _BUTTONS),
    State("ack-by", "value"),
    State("ack-note", "value"),
    State("shelf-length", "value"),
    State("shelf-normal", "value"),
    State("assign-to", "value"),
    State("alarm-seen", "data"),
    State("alarm-id", "data"),
    prevent_initial_call=True,
)
async def act(*given: Any) -> Any:
    """A button: what is done is done to the version that was looked at."""
    *_, by, note, length, normal, person, was, id_ = given
    wanted = str(ctx.triggered_id)
    if not ctx.triggered or not ctx.triggered[0]["value"] or CURRENT.get().at is not None:
        return (no_update,) * 6
    deed = Deed(wanted, called(by), (note or "").strip()[:500], timedelta(hours=LENGTHS.get(length, 4)),
                bool(normal), str(person or ""), was["version"] if wanted != "comment-do" else None)  # fmt: skip
    if problem := lacking(deed):
        return _said(problem), *(no_update,) * 5
    require(Right.ACT)
    return await _acted(int(id_), deed, was["version"])


# News has a callback of its own: Dash drops the answer to a press when the same callback is asked again meanwhile.
@callback(
    *(Output(*one, allow_duplicate=True) for one in _SHOWN),
    Input("signal-alarms", "data"),
    Input("alarm-beat", "n_intervals"),
    State("ack-by", "value"),
    State("alarm-seen", "data"),
    State("alarm-id", "data"),
    prevent_initial_call=True,
)
async def news(_: Any, __: Any, by: str | None, was: dict[str, Any], id_: int) -> Any:
    """Something changed somewhere: this alarm is shown anew where it was this one."""
    row = await current().read(screens.alarm, int(id_)) if CURRENT.get().at is None else None
    if row is None or row["row_version"] == was["version"]:
        return (no_update,) * 5
    others = await story.since(int(id_), was["version"], but=(by or "").strip())
    same = seen(row)["forms"] == was["forms"]
    return await _shown(int(id_), [html.Span(others, className="told new")], row if same else None)


async def _acted(id_: int, deed: Deed, version: int) -> Any:
    try:
        await reach.alarms([id_])
        done = await current().read(do, id_, deed)
    except alarms.MovedError:
        others = await story.since(id_, version)
        return *await _shown(id_, _said(word("act.moved"), others)), no_update
    except IocError as error:
        return _said(str(error)), *(no_update,) * 5
    late = word(f"act.late_{deed.what.partition('-')[0]}")
    return *await _shown(id_, [] if done else _said(late)), ""


def lacking(deed: Deed) -> str:
    """What is still to be filled in; '' where nothing is."""
    if not deed.by:
        return word("ack.name")
    if deed.what in _REASON and not deed.note:
        return word("shelf.why")
    if deed.what == "comment-do" and not deed.note:
        return word("comment.what")
    return word("assign.whom") if deed.what == "assign-do" and not deed.person else ""


def _said(*lines: str) -> list[Component]:
    return [html.Span(line, className="told bad") for line in lines if line]


async def _shown(id_: int, said: list[Component], kept: Row | None = None) -> tuple[Any, ...]:
    """The alarm as it is now. kept: the forms stay."""
    row, known, longest = await asyncio.gather(current().read(screens.alarm, id_), people.names(), longest_h())
    if row is None:
        return _said(word("alarms.unknown")), [], no_update, [], "–"
    again = no_update if kept is not None else forms(row, known, longest)
    return [*said, *told(row)], again, seen(row), await story.component(row), state(row)


async def longest_h() -> float:
    return await current().shared("longest-shelf", 30.0, alarms.longest_shelf_s) / 3600


def do(conn: Connection, id_: int, deed: Deed) -> bool:
    """One of the buttons, in the store; False where there was nothing to do any more. Raises MovedError, IocError."""
    by, note, version = deed.by, deed.note, deed.version
    done: bool = {
        "ack-do": lambda: alarms.acknowledge(conn, id_, by, note, version=version),
        "comment-do": lambda: alarms.comment(conn, id_, by, note),
        "reset-do": lambda: alarms.reset(conn, id_, by, note, version=version),
        "assign-do": lambda: alarms.assign(conn, id_, deed.person, by, note, version=version),
        "shelve-do": lambda: alarms.shelve(
            conn, id_, by, note, deed.length, until_normal=deed.until_normal, version=version
        ),
        "out-do": lambda: alarms.take_out_of_service(conn, id_, by, note, deed.length, version=version),
        "back-do": lambda: take_back(conn, id_, by, note, version),
    }[deed.what]()
    return done


def take_back(conn: Connection, id_: int, by: str, note: str = "", version: int | None = None) -> bool:
    """End a shelf or a time out of service, whichever it is."""
    row = screens.alarm(conn, id_)
    end = _ENDS.get(row["suppression"]) if row else None
    return end is not None and end(conn, id_, by, note, version=version)


def state(row: Row) -> str:
    said = word("alarms.over") if row["closed_at"] else word(f"isa.{row['isa']}")
    return said + (f" ({word('condition.' + row['condition'])})" if row["condition"] in {"nodata", "error"} else "")
