"""Figures of a week of alarms -> what the health report says, against EEMUA 191 and ISA-18.2, with advice. Pure but for
the reading of the figures.

Targets, per operating position: 6 alarms an hour are good and 12 the most, a flood is ten in ten minutes and takes less
than 1 % of the time, no alarm chatters, fewer than five stand for a day, the ten worst make at most 5 % of the load,
and about 80 % are low, 15 % medium, 5 % high or critical.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from alerts.brief import tell
from alerts.reader import clean
from ioc.language import age, local_date, number
from ioc.store import digests, mail_facts

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.reader import Reader, Row
    from ioc.store.database import Connection

GOOD_AN_HOUR, MOST_AN_HOUR = 6.0, 12.0
FLOOD_SHARE = 1.0  # percent of ten-minute spans
MOST_STALE = 5
MOST_TOP_TEN = 5.0  # percent of the load
MOST_URGENT = 10.0  # percent high or critical; the guide says 5
MOST_UNSEEN = 10.0  # percent never acknowledged
ENOUGH = 20  # alarms before shares of them are judged
_LISTED = 5


class Line(NamedTuple):
    """One figure, what it should be, and whether it is: good, fair or bad."""

    label: str
    value: str
    target: str
    state: str


class Actor(NamedTuple):
    text: str
    place: str
    times: int
    share: str
    link: str


def values(conn: Connection, reader: Reader, start: datetime, end: datetime) -> dict[str, Any]:
    """For the template: figures of [start, end) beside the week before."""
    health = digests.health(conn, start, end)
    before = digests.health(conn, start - (end - start), start)
    mails = digests.mails(conn, start, end)
    mix = digests.priorities(conn, start, end)
    actors = _actors(conn, digests.bad_actors(conn, start, end), health["raised"], reader)
    top = 100 * sum(actor.times for actor in actors) / health["raised"] if health["raised"] else 0.0
    hours = (end - start) / timedelta(hours=1)
    lines = lines_of(health, mix, top, hours, reader)
    return {
        "start": local_date(start, reader.zone, reader.language), "end": local_date(end, reader.zone, reader.language),
        "lines": lines, "actors": actors[:_LISTED], "top": number(top, 0, reader.language),
        "change": _change(health["raised"], before["raised"], reader),
        "longest": [tell(row, reader) for row in mail_facts.alarms(conn, digests.longest(conn))],
        "mail_lines": _mail_lines(mails, reader), "unreachable": ", ".join(digests.unreachable(conn)),
        "advice": [reader.words[f"report.advice_{key}"] for key in advice(health, mix, top, hours, mails)],
        "good": sum(line.state == "good" for line in lines), "total": len(lines), "raised": health["raised"],
    }  # fmt: skip


def subject(found: dict[str, Any], city: str, reader: Reader) -> str:
    return reader.words["report.subject"].format(city=city, start=found["start"], end=found["end"],
                                                 good=found["good"], total=found["total"])  # fmt: skip


def rate(health: Row, hours: float) -> float:
    """Alarms an hour and operating position."""
    return float(health["raised"] / hours / max(1, health["positions"])) if hours else 0.0


def flood_share(health: Row, hours: float) -> float:
    """Percent of the ten-minute spans with ten alarms or more."""
    return float(100 * health["floods"] / (hours * 6)) if hours else 0.0


def urgent_share(mix: dict[int, int]) -> float:
    total = sum(mix.values())
    return 100 * (mix.get(1, 0) + mix.get(2, 0)) / total if total else 0.0


def unseen_share(health: Row) -> float:
    return float(100 * health["never_acked"] / health["opened"]) if health["opened"] else 0.0


def lines_of(health: Row, mix: dict[int, int], top: float, hours: float, reader: Reader) -> list[Line]:
    """The figures in the order in which somebody asks for them."""
    an_hour, flood, urgent, unseen = (
        rate(health, hours),
        flood_share(health, hours),
        urgent_share(mix),
        unseen_share(health),
    )
    few = float("inf") if health["raised"] < ENOUGH else 0.0  # shares of a handful say nothing
    given: list[tuple[str, float, int, float, float, str]] = [
        ("rate", an_hour, 1, GOOD_AN_HOUR, MOST_AN_HOUR, ""), ("peak", health["peak"], 0, 10, 15, ""),
        ("flood", flood, 1, FLOOD_SHARE, 5.0, " %"), ("chattering", health["chattering"], 0, 0, 2, ""),
        ("fleeting", health["fleeting"], 0, 0, 0.05 * max(1, health["raised"]), ""),
        ("stale", health["stale"], 0, MOST_STALE - 1, 2 * MOST_STALE, ""),
        ("top", top, 0, max(few, MOST_TOP_TEN), 40.0, " %"),
        ("urgent", urgent, 0, max(few, MOST_URGENT / 2), MOST_URGENT * 2, " %"),
        ("unseen", unseen, 0, max(few, MOST_UNSEEN), 30.0, " %"),
    ]  # fmt: skip
    return [_line(key, value, decimals, good, fair, unit, reader) for key, value, decimals, good, fair, unit in given]


def _line(key: str, value: float, decimals: int, good: float, fair: float, unit: str, reader: Reader) -> Line:
    state = "good" if value <= good else "fair" if value <= fair else "bad"
    said = number(value, decimals, reader.language) + unit
    return Line(reader.words[f"report.{key}"], said, reader.words[f"report.{key}_target"], state)


def advice(health: Row, mix: dict[int, int], top: float, hours: float, mails: Row) -> list[str]:
    """What to do about it, the most rewarding first; all is well where nothing is found."""
    many = health["raised"] >= ENOUGH
    wrong = {
        "top": top > MOST_TOP_TEN and many, "chattering": health["chattering"] > 0,
        "rate": rate(health, hours) > MOST_AN_HOUR, "flood": flood_share(health, hours) > FLOOD_SHARE,
        "stale": health["stale"] >= MOST_STALE, "unseen": unseen_share(health) > MOST_UNSEEN and many,
        "fleeting": health["fleeting"] > 0.05 * max(1, health["raised"]),
        "urgent": urgent_share(mix) > MOST_URGENT and many, "mails": mails["failed"] > 0,
    }  # fmt: skip
    return [key for key, is_wrong in wrong.items() if is_wrong] or ["none"]


def _actors(conn: Connection, worst: list[tuple[int, int]], total: int, reader: Reader) -> list[Actor]:
    rows = {row["id"]: row for row in mail_facts.alarms(conn, [alarm for alarm, _ in worst])}
    found = []
    for alarm, times in worst:
        card = tell(rows[alarm], reader)
        share = number(100 * times / total, 0, reader.language) if total else "0"
        found.append(Actor(card.rule, clean(card.place, 60), times, share, card.link))
    return found


def _change(now: int, before: int, reader: Reader) -> str:
    if not before:
        return ""
    percent = 100 * (now - before) / before
    sign = "+" if percent >= 0 else ""
    return reader.words["report.change"].format(percent=sign + number(percent, 0, reader.language))


def _mail_lines(mails: Row, reader: Reader) -> list[str]:
    text = reader.words
    counts = ("written", "sent", "failed", "unsure", "ambiguous")
    said = [text["report.mails"].format(**{key: number(mails[key], 0, reader.language) for key in counts})]
    if mails["median_s"] is not None:
        said.append(
            text["report.delay"].format(median=_short(mails["median_s"], reader), p95=_short(mails["p95_s"], reader))
        )
    return said


def _short(seconds: float, reader: Reader) -> str:
    return age(float(seconds), reader.language) if seconds >= 10 else f"{number(seconds, 1, reader.language)} s"
