"""The time line of one alarm: each step with who, when and why, who was told how and with what answer, what is next."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dash import html

from dashboards import parts, people, viewer
from dashboards.context import current
from dashboards.parts import text, word
from ioc.config.types import parse_duration
from ioc.store import alarms

if TYPE_CHECKING:
    from dash.development.base_component import Component

    Row = dict[str, Any]

MAIL = {"sent": ("ok", ""), "ready": ("none", "…"), "leased": ("none", "…"), "maybe_sent": ("warn", "!"),
        "failed": ("crit", "!!"), "superseded": ("none", "×")}  # fmt: skip
_FEW = 6  # people told of one step who are listed without asking
_SIGNS = {
    "raised": "▲",
    "reraised": "▲",
    "realarmed": "▲",
    "worsened": "▲",
    "grown": "▲",
    "cleared": "▼",
    "returned": "▼",
    "eased": "▼",
    "acked": "✓",
    "ack": "✓",
    "comment": "❝",
    "assigned": "→",
    "escalated": "⇧",
    "shelved": "⏸",
    "unshelved": "▶",
    "taken_out": "⚒",
    "put_back": "▶",
    "hidden": "◌",
    "unhidden": "●",
    "nodata": "?",
    "error": "?",
    "closed": "■",
    "reset": "↺",
    "flapping": "≈",
}


async def component(row: Row) -> Component:
    """row: as of screens.alarm."""
    at = viewer.CURRENT.get().at
    lines, ahead, known = await asyncio.gather(
        current().read(alarms.time_line, row["id"]), current().read(alarms.next_step, row["id"]), people.names()
    )
    lines = [line for line in lines if at is None or line["at"] <= at]
    coming = [] if at or row["closed_at"] else _coming(row, ahead, known)
    return parts.panel(
        word("alarm.history"),
        html.Ol([_line(line, row, known) for line in lines] + [_next(*one) for one in coming], className="story"),
        html.P(parts.link(word("story.deliveries"), f"/mailbox?alarm={row['id']}"), className="more-link"),
    )


def _line(line: Row, row: Row, known: dict[str, str]) -> Component:
    kind = line["kind"]
    by = "" if line["actor"] in ("", "ioc") else line["actor"]
    value = parts.reading({**row, "value": line["value"]}) if line["value"] is not None else ""
    head = [html.I(_SIGNS.get(kind, "•"), **parts.aria(hidden="true")), html.B(parts.code("change", kind)),
            html.Span(value, className="num"), html.Span(by and word("story.by", name=by), className="by"),
            html.Time(parts.when(line["at"], seconds=True))]  # fmt: skip
    body: list[Any] = [html.P(_what(line, known), className="said")] if _what(line, known) else []
    body += [html.Q(line["note"])] if line["note"] and kind != "closed" else []
    body += (
        [html.P(word("story.data", at=parts.when(line["event_time"], seconds=True)), className="quiet")]
        if _apart(line)
        else []
    )
    return html.Li([html.Div(head, className="step"), *body, *_told(line["told"], known)], className=f"is-{kind}")


def _apart(line: Row) -> bool:
    """The data's own time is worth saying where it is not the time of the step."""
    return line["event_time"] is not None and abs(line["at"] - line["event_time"]) > timedelta(minutes=2)


def _what(line: Row, known: dict[str, str]) -> str:
    """What a step says beside its name."""
    detail = line["detail"] or {}
    if line["kind"] == "assigned":
        return str(detail.get("name") or known.get(str(detail.get("contact")), ""))
    if line["kind"] == "escalated" and "step" in detail:
        return word("story.step", n=int(detail["step"]) + 1, chain=people.chain(str(detail.get("chain") or "–")))
    if line["kind"] == "closed" and line["note"]:
        return parts.code("closed", line["note"])
    return word("shelf.until_normal") if detail.get("until_normal") else ""


def _told(told: list[Row], known: dict[str, str]) -> list[Component]:
    """Who heard of it, over what, and what the server answered."""
    if not told:
        return []
    listed = html.Ul([html.Li(part) for one in told for part in _ways(one, known)], className="told-list")
    if len(told) <= _FEW:
        return [listed]
    return [html.Details([html.Summary(word("story.told", n=parts.number(len(told)))), listed])]


def _ways(one: Row, known: dict[str, str]) -> list[list[Any]]:
    """A line for the message and one for each other channel that repeats it."""
    name = html.B(one["name"])
    why = " · ".join(
        filter(None, [parts.code("reason", one["reason"]), people.said(one["via"], known) if one["via"] else ""])
    )
    if one["state"] == "dropped":
        return [[name, " ", html.Small(why), " ", parts.sign("none", "×", word("story.dropped"))]]
    if one["mail"] is None:
        key = "story.quiet" if one["quiet"] else "story.waits"
        return [[name, " ", html.Small(why), " ", parts.sign("none", "…", word(key, at=_clock(one["not_before"])))]]
    ways = [one, *(one["twins"] or [])]
    return [[name, " ", html.Small(why), " ", *_answer(way)] for way in ways]


def _answer(way: Row) -> list[Any]:
    look, mark = MAIL.get(way["mail"], ("none", "?"))
    said = f"{people.channel(way['channel'])}: {word('mail.' + way['mail'])}"
    sent = f" {_clock(way['sent_at'])}" if way["sent_at"] else ""
    link = parts.link(said + sent, f"/mailbox/{way['delivery']}")
    return [
        html.Span([html.I(mark, className=f"dot {look}", **parts.aria(hidden="true")), link], className=f"sign {look}"),
        html.Small(f" {way['reply']}" if way["reply"] else "", className="reply"),
    ]


def _clock(at: Any) -> str:
    """JSON's own times."""
    return parts.when(datetime.fromisoformat(at)) if isinstance(at, str) else parts.when(at)


def _coming(row: Row, ahead: Row | None, known: dict[str, str]) -> list[tuple[datetime | None, str]]:
    """What happens by itself if nobody does anything, the soonest first; None: no time is set."""
    found: list[tuple[datetime | None, str]] = []
    if ahead and ahead["due_at"]:
        values = {"n": ahead["step"] + 1, "steps": ahead["steps"], "who": people.all_said(ahead["notify"], known)}
        found.append((ahead["due_at"], word("story.escalates", **values)))
    elif ahead:
        found.append((None, word(f"story.stopped_{ahead['stopped']}" if ahead["stopped"] else "story.all_told")))
    if row["suppressed_until"]:
        found.append((row["suppressed_until"], word("story.shelf_ends")))
    if (again := _reminder(row)) is not None:
        found.append((again, word("story.reminder")))
    return sorted(found, key=lambda one: (one[0] is None, one[0]))


def _reminder(row: Row) -> datetime | None:
    """When people are reminded, by the rule's `realarm`."""
    every = row["settings"].get("realarm")
    length = parse_duration(every) if every else None
    if not isinstance(length, timedelta) or row["condition"] == "false" or row["suppression"] != "none":
        return None
    if row["acked_at"] and row["settings"].get("realarm_acknowledged") is False:
        return None
    begun: datetime = row["reminded_at"] or row["opened_at"]
    return max(begun + length, parts.now())


def _next(at: datetime | None, said: str) -> Component:
    when = html.Time(parts.when(at)) if at else None
    head = [html.I("⋯", **parts.aria(hidden="true")), html.B(word("story.next") if at else ""), html.Span(said), when]
    return html.Li(html.Div([part for part in head if part is not None], className="step"), className="coming")


async def since(id_: int, version: int, but: str | None = None) -> str:
    """What was done to the alarm since it was looked at, by others than `but`, in one sentence; '' where nothing."""
    lines = await current().read(alarms.time_line, id_)
    fresh = [line for line in lines if line["seq"] > version and line["actor"] != but]
    return "; ".join(
        " ".join(
            filter(
                None,
                [
                    parts.code("change", x["kind"]),
                    word("story.by", name=x["actor"]) if x["actor"] != "ioc" else "",
                    parts.when(x["at"], seconds=True),
                    f"“{x['note']}”" if x["note"] else "",
                ],
            )
        )
        for x in fresh[-3:]
    )


def title(row: Row) -> str:
    return text(row["rule"], row["rule_key"])
