"""Spans of duty -> the week of one post: who, from when to when, and where nobody is. Pure but for words."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from dash import html

from dashboards import parts
from dashboards.parts import word
from ioc import duty as pure
from ioc import language

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from dash.development.base_component import Component

    Row = dict[str, Any]


class Piece(NamedTuple):
    """A part of one day. start, stop: shares of the day; person None: nobody; stands_in: instead of somebody."""

    start: float
    stop: float
    person: str | None
    said: str
    stands_in: bool


def gaps(rows: Sequence[Row], start: datetime, stop: datetime) -> list[pure.Span]:
    """When nobody holds the post."""
    return pure.gaps([pure.Span(r["starts"], r["ends"]) for r in rows if r["person"]], start, stop)


def days(start: datetime, zone: ZoneInfo, count: int = 7) -> list[tuple[datetime, datetime]]:
    """Local days from the one of `start` on, as moments: 23 or 25 hours long where the clock is changed."""
    first = start.astimezone(zone).date()
    edges = [datetime.combine(first + timedelta(days=n), time(), zone).astimezone(UTC) for n in range(count + 1)]
    return list(pairwise(edges))


def pieces(rows: Sequence[Row], day: tuple[datetime, datetime], since: datetime, zone: ZoneInfo) -> list[Piece]:
    """One day of a post, in order of time, several where several hold it. since: before it nothing is known."""
    begin, end = day
    length = (end - begin).total_seconds()

    def share(at: datetime) -> float:
        return (min(max(at, begin), end) - begin).total_seconds() / length

    held = [
        Piece(
            share(r["starts"]),
            share(r["ends"]),
            r["person_name"],
            _clocks((r["starts"], r["ends"]), begin, end, zone),
            r["via"] == "override",
        )
        for r in rows
        if r["person"] and r["ends"] > begin and r["starts"] < end
    ]
    known = max(begin, since)
    empty = [
        Piece(share(g.starts), share(g.ends), None, _clocks(g, begin, end, zone), stands_in=False)
        for g in (gaps(rows, known, end) if known < end else [])
    ]
    return sorted([*held, *empty], key=lambda p: (p.start, p.person or ""))


def _clocks(span: Any, begin: datetime, end: datetime, zone: ZoneInfo) -> str:
    """From when to when within one day."""
    stop = "24:00" if span[1] >= end else language.local_clock(span[1], zone)
    return f"{language.local_clock(max(span[0], begin), zone)}–{stop}"


def table(rows: Sequence[Row], start: datetime, zone: ZoneInfo, lang: str, off: dict[Any, str]) -> Component:
    """A line a day with a bar of who; said in words as well, so that no colour is needed. off: names of holidays."""
    people = list(dict.fromkeys(r["person"] for r in rows if r["person"]))
    names = {r["person_name"]: people.index(r["person"]) % 6 for r in rows if r["person"]}
    lines = []
    for begin, end in days(start, zone):
        day = begin.astimezone(zone).date()
        head = [html.B(language.local_date(begin, zone, lang, weekday=True)), html.Small(off.get(day, ""))]
        said = pieces(rows, (begin, end), start, zone)
        lines.append(
            html.Li([html.Div(head, className="day"), html.Ol([_piece(p, names) for p in said], className="pieces")])
        )
    return html.Ol(lines, className="week")


def _piece(piece: Piece, names: dict[str, int]) -> Component:
    who = piece.person or word("roster.nobody")
    look = f"who who-{names.get(piece.person, 0)}" if piece.person else "who gap"
    mark = "⚠ " if piece.person is None else "⇄ " if piece.stands_in else ""
    bar: Any = {
        "style": {
            "marginLeft": f"{piece.start * 100:.2f}%",
            "width": f"{max(1.0, (piece.stop - piece.start) * 100):.2f}%",
        }
    }
    return html.Li([html.Span(className="bar", **bar, **parts.aria(hidden="true")),
                    html.Span([mark, piece.said, " ", html.B(who)], className="said")],
                   className=look, title=word("roster.stands_in") if piece.stands_in else None)  # fmt: skip
